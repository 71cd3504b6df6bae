import datetime
import zoneinfo

import pytest

from celerycheck.subjects import CrontabFields, Location

PROJ = """
import datetime
from celery import Celery, schedules
from celery.schedules import crontab, schedule, solar
app = Celery('proj', broker='memory://')
app.conf.timezone = 'Europe/Berlin'

@app.task
def report(kind, *, deep=False): pass

@app.task(bind=True, expires=30)
def tick(self): pass

class Custom(schedules.schedule):
    pass

class Broken(schedules.schedule):
    def remaining_estimate(self, last): raise LookupError

class Mute:
    pass

endless = []
endless.append(endless)
now = datetime.timedelta
app.conf.beat_schedule = {
    'every 30': {'task': 'proj.tick', 'schedule': 30},
    'float': {'task': 'proj.tick', 'schedule': 90.0},
    'delta': {'task': 'proj.tick', 'schedule': now(hours=2)},
    'object': {'task': 'proj.tick', 'schedule': schedule(run_every=now(days=1))},
    'zero': {'task': 'proj.tick', 'schedule': 0},
    'negative': {'task': 'proj.tick', 'schedule': -5},
    'true': {'task': 'proj.tick', 'schedule': True},
    'nightly': {'task': 'proj.report', 'schedule': crontab(minute=30, hour='3'), 'args': ('x',)},
    'lists': {'task': 'proj.tick', 'schedule': crontab(minute=[0, 30], hour='*/2', day_of_week='mon-fri')},
    'custom': {'task': 'proj.tick', 'schedule': Custom(now(seconds=5))},
    'broken custom': {'task': 'proj.tick', 'schedule': Broken(now(seconds=5))},
    'no arguments': {'task': 'proj.report', 'schedule': 60},
    'too many': {'task': 'proj.tick', 'schedule': 60, 'args': (1, 2)},
    'unexpected': {'task': 'proj.report', 'schedule': 60, 'args': [1], 'kwargs': {'deepp': 1}},
    'fits': {'task': 'proj.report', 'schedule': 60, 'args': [1], 'kwargs': {'deep': True}},
    'fits too': {'task': 'proj.report', 'schedule': 60, 'args': (1,), 'kwargs': {'deep': True}},
    'odd arguments': {'task': 'proj.report', 'schedule': 60, 'args': [endless], 'kwargs': {}},
    'odd keys': {'task': 'proj.report', 'schedule': 60, 'args': [{1: 2, 'a': 3, (1, 2): 4}]},
    'number keys': {'task': 'proj.report', 'schedule': 60, 'kwargs': {1: 2}},
    'unregistered': {'task': 'proj.gone', 'schedule': 60},
    'expires': {'task': 'proj.report', 'schedule': 60, 'args': [1], 'options': {'expires': 50}},
    'expires delta': {'task': 'proj.report', 'schedule': 60, 'args': [1],
                      'options': {'expires': now(minutes=1)}},
    'expires date': {'task': 'proj.report', 'schedule': 60, 'args': [1],
                     'options': {'expires': datetime.datetime(2020, 1, 1), 'queue': 'q'}},
    'str': {'task': 'proj.tick', 'schedule': '*/5 * * * *'},
    'none': {'task': 'proj.tick', 'schedule': None},
    'missing': {'task': 'proj.tick'},
    'infinite': {'task': 'proj.tick', 'schedule': float('inf')},
    'nan': {'task': 'proj.tick', 'schedule': float('nan')},
    'huge': {'task': 'proj.tick', 'schedule': 10 ** 30},
    'no interval': {'task': 'proj.tick', 'schedule': schedule()},
    'mute': {'task': 'proj.tick', 'schedule': Mute()},
    'not a dict': ['proj.tick', 5],
    'no task': {'schedule': 5},
    'task itself': {'task': tick, 'schedule': 5},
    'args': {'task': 'proj.tick', 'schedule': 5, 'args': 1},
    'kwargs': {'task': 'proj.tick', 'schedule': 5, 'kwargs': [1]},
    'options': {'task': 'proj.tick', 'schedule': 5, 'options': 'x'},
    'unknown': {'task': 'proj.tick', 'schedule': 5, 'shedule': 5, 'arg': 1},
    7: {'task': 'proj.tick', 'schedule': 5},
}

@app.on_after_configure.connect
def configured(sender, **kwargs):
    sender.add_periodic_task(10.0, tick.s(), name='added early')

@app.on_after_finalize.connect
def finalized(sender, **kwargs):
    sender.add_periodic_task(crontab(), report.s('x'), name='added late')
    sender.add_periodic_task(11.0, tick.s())
"""


@pytest.fixture(scope="module")
def app(take):
    return take({"proj.py": PROJ}).app


@pytest.fixture(scope="module")
def entries(app):
    return {entry.name: entry for entry in app.schedule}


def test_every_entry_is_there(app, entries):
    assert len(entries) == 42
    assert app.scheduler == "celery.beat:PersistentScheduler"
    assert app.broken_modules == ()


@pytest.mark.parametrize(
    ("name", "kind", "seconds", "text"),
    [
        ("every 30", "interval", 30, "every 30 s"),
        ("float", "interval", 90, "every 90 s"),
        ("delta", "interval", 7200, "every 2 h"),
        ("object", "interval", 86400, "every 1 d"),
        ("zero", "interval", 0, "every 0 s"),
        ("negative", "interval", -5, "every -5 s"),
        ("true", "interval", 1, "every 1 s"),
        ("nightly", "crontab", None, "30 3 * * *"),
        ("lists", "crontab", None, "0,30 */2 * * mon-fri"),
        ("custom", "custom", None, "Custom"),
        ("broken custom", "custom", None, "Broken"),
        ("added early", "interval", 10, "every 10 s"),
        ("added late", "crontab", None, "* * * * *"),
        ("7", "interval", 5, "every 5 s"),
    ],
)
def test_schedules(entries, name, kind, seconds, text):
    entry = entries[name]
    assert (entry.kind, entry.seconds, entry.text, entry.error) == (kind, seconds, text, None)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("str", "its schedule is str, not seconds, a timedelta or a crontab"),
        ("none", "it has no schedule"),
        ("missing", "it has no schedule"),
        ("infinite", "its schedule is inf, which is no number of seconds"),
        ("nan", "its schedule is nan, which is no number of seconds"),
        ("huge", f"its schedule is {10**30}, which is no number of seconds"),
        ("no interval", "its schedule has no interval"),
        ("mute", "its schedule is Mute, not seconds, a timedelta or a crontab"),
        ("not a dict", "the entry is list, not a dict"),
    ],
)
def test_malformed_schedules(entries, name, error):
    assert (entries[name].kind, entries[name].error) == ("malformed", error)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no task", "it names no task"),
        ("args", "its args are int, not a list or tuple"),
        ("kwargs", "its kwargs are list, not a dict"),
        ("options", "its options are str, not a dict"),
    ],
)
def test_malformed_fields(entries, name, error):
    assert entries[name].error == error


def test_a_task_instead_of_its_name(entries):
    assert entries["task itself"].error.startswith("its task is ")
    assert entries["task itself"].task is None


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("no arguments", "missing 1 required positional argument: 'kind'"),
        ("too many", "positional argument"),
        ("unexpected", "got an unexpected keyword argument 'deepp'"),
        *[
            (name, None)
            for name in (
                "fits",
                "fits too",
                "every 30",
                "nightly",
                "unregistered",
                "odd arguments",
                "odd keys",
                "args",
                "kwargs",
                "added late",
                "added early",
            )
        ],
    ],
)
def test_arguments_that_do_not_fit(entries, name, error):
    found = entries[name].arity_error
    assert found is None if error is None else error in found


@pytest.mark.parametrize(
    ("name", "expires"),
    [
        ("expires", 50),
        ("expires delta", 60),
        ("expires date", "set"),
        ("every 30", 30),
        ("no arguments", None),
        ("unregistered", None),
        ("fits", None),
    ],
)
def test_expires(entries, name, expires):
    assert entries[name].expires == expires


def test_arguments_are_identified_and_not_shown(entries):
    assert entries["fits"].digest == entries["fits too"].digest != entries["no arguments"].digest
    assert entries["fits"].arguments == 1
    assert all(len(entry.digest) == 16 for entry in entries.values() if entry.error is None)
    assert entries["expires date"].options["queue"] == "q"


@pytest.mark.parametrize(
    ("name", "keys"), [("unknown", ("arg", "shedule")), ("every 30", ()), ("expires", ()), ("nightly", ())]
)
def test_unknown_keys(entries, name, keys):
    assert entries[name].unknown_keys == keys


def test_registration(entries):
    assert entries["unregistered"].registered is False
    assert entries["no task"].registered is None
    assert entries["every 30"].registered is True


def test_places(entries):
    source = PROJ.splitlines()
    for name in ("every 30", "nightly", "unknown"):
        assert f"'{name}'" in source[entries[name].location.line - 1]
    for name in ("added early", "added late"):
        assert "add_periodic_task" in source[entries[name].location.line - 1]
    assert entries["7"].location == Location("proj.py", 26)


def test_next_runs(entries):
    def moment(name):
        return datetime.datetime.fromisoformat(entries[name].next_run)

    now = datetime.datetime.now(datetime.timezone.utc)
    assert 28 <= (moment("every 30") - now).total_seconds() + 20 <= 52
    nightly = moment("nightly").astimezone(zoneinfo.ZoneInfo("Europe/Berlin"))
    assert (nightly.hour, nightly.minute, nightly.second) == (3, 30, 0)
    assert entries["zero"].due
    assert not entries["every 30"].due
    assert entries["str"].next_run is None
    assert entries["broken custom"].next_run is None
    assert entries["custom"].next_run


def test_crontab_fields(entries):
    assert entries["lists"].crontab == CrontabFields("0,30", "*/2", "mon-fri", "*", "*")


@pytest.mark.parametrize(
    ("now", "hour", "following"),
    [
        # 31 March 2024, 02:00 -> 03:00, and 27 October 2024, 03:00 -> 02:00, in Berlin.
        ("2024-03-30T23:00:00+01:00", 4, "2024-03-31T04:00:00+02:00"),
        ("2024-03-31T00:30:00+01:00", 1, "2024-03-31T01:00:00+01:00"),
        ("2024-10-26T23:00:00+02:00", 4, "2024-10-27T04:00:00+01:00"),
        ("2024-07-01T23:00:00+02:00", 3, "2024-07-02T03:00:00+02:00"),
        ("2024-12-31T23:00:00+01:00", 0, "2025-01-01T00:00:00+01:00"),
    ],
)
def test_next_runs_across_changes_of_the_clock(now, hour, following):
    import subprocess
    import sys
    from pathlib import Path

    code = f"""
import datetime
from celery import Celery
from celery.schedules import crontab
from celerycheck.inspection.schedule import next_of
app = Celery(); app.conf.timezone = 'Europe/Berlin'
now = datetime.datetime.fromisoformat({now!r})
print(next_of(crontab(minute=0, hour={hour}, app=app, nowfun=lambda: now), app)['next_run'])
"""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (following, "")


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        (
            "'django_celery_beat.schedulers:DatabaseScheduler'",
            "django_celery_beat.schedulers:DatabaseScheduler",
        ),
        ("Mine", "proj:Mine"),
    ],
)
def test_other_schedulers_may_take_other_keys(take, setting, name):
    app = take(
        {
            "proj.py": "from celery import Celery\nclass Mine: pass\napp = Celery()\n"
            f"app.conf.beat_scheduler = {setting}\n"
            "app.conf.beat_schedule = {'a': {'task': 'x', 'schedule': 5, 'enabled': True}}\n"
        }
    ).app
    assert app.scheduler == name
    assert app.schedule[0].unknown_keys == ()


@pytest.mark.parametrize("value", ["None", "[]", "5", "'x'", "{}"])
def test_a_schedule_that_is_no_dict_has_no_entries(take, value):
    text = f"from celery import Celery\napp = Celery()\napp.conf.beat_schedule = {value}\n"
    assert take({"proj.py": text}).app.schedule == ()


def test_solar_and_impossible_dates(take):
    app = take(
        {
            "proj.py": "from celery import Celery\nfrom celery.schedules import crontab\napp = Celery()\n"
            "class Fake(crontab):\n"
            "    def remaining_estimate(self, last): raise RuntimeError('unable to determine')\n"
            "app.conf.beat_schedule = {'a': {'task': 'x', 'schedule': Fake()}}\n"
            "import broken\n",
            "broken.py": "from proj import app\n",
        }
    ).app
    assert app.schedule[0].kind == "crontab"
