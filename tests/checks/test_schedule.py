"""Schedule: tables of entries and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.subjects import CrontabFields, NotEvaluated, Opaque, ScheduleEntry, TaskClass, TaskInfo
from celerycheck.testing import app, found, problems, task

WORK = "proj.tasks.work"
NO_LIMIT = "with neither a time limit nor expires"
RENAMED = "and is called the same but for case, dashes and blanks"
AS_FIRST = "sends the same task with the same arguments as 'first', "


def every(seconds, name="entry", **fields):
    return ScheduleEntry(name, **({"task": WORK, "seconds": seconds, "text": f"every {seconds} s"} | fields))


def cron(name="entry", fields=None, **times):
    crontab = CrontabFields(**times)
    text = " ".join(
        [crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week]
    )
    return ScheduleEntry(
        name, **({"task": WORK, "kind": "crontab", "crontab": crontab, "text": text} | (fields or {}))
    )


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            app(task(), schedule=(every(60, task="proj.tasks.wrk", registered=False),)),
            ["no task is registered as 'proj.tasks.wrk'"],
        ),
        (
            app(task(), schedule=(every(60), every(60, "b", task="x", registered=False))),
            ["no task is registered as 'x'"],
        ),
        (app(task()), []),
        (app(), []),
        (app(task(), schedule=(every(60),)), []),
        (app(task(), schedule=(every(60, task="other.pkg", registered=True),)), []),
        (app(task(), schedule=(every(60, task=None, registered=None, kind="malformed"),)), []),
        (app(schedule=(every(60, "celery.backend_cleanup", task="celery.backend_cleanup"),)), []),
    ],
)
def test_unknown_scheduled_task(subject, messages):
    assert problems("unknown-scheduled-task", subject) == messages


def test_an_unknown_scheduled_task_is_about_the_entry_and_guessed():
    entry = every(60, task="proj.task.work", registered=False)
    (problem,) = found("unknown-scheduled-task", app(task(), schedule=(entry,)))
    assert problem.about == entry
    assert problem.fix == "did you mean 'proj.tasks.work'?"


def test_scheduled_tasks_are_not_judged_without_the_whole_registry():
    with pytest.raises(NotEvaluated, match="no module x"):
        problems(
            "unknown-scheduled-task",
            app(task(), partial="no module x", schedule=(every(60, task="x", registered=None),)),
        )
    assert problems("unknown-scheduled-task", app(task(), partial="no module x", schedule=(every(60),))) == []


def test_an_app_that_only_schedules_is_not_judged():
    with pytest.raises(NotEvaluated, match="registers no tasks"):
        problems("unknown-scheduled-task", app(schedule=(every(60, registered=False),)))


@pytest.mark.parametrize(
    ("tasks", "entry", "messages"),
    [
        (
            [task(time_limit=600)],
            every(60.0),
            ["sent 60 s apart, while a run may take 600 s, and it never expires"],
        ),
        (
            [task(inherited={"time_limit": 3600})],
            cron(minute="*/30"),
            ["sent 1800 s apart, while a run may take 3600 s, and it never expires"],
        ),
        (
            [task(soft_time_limit=600)],
            every(60.0),
            ["sent 60 s apart, while a run may take 600 s, and it never expires"],
        ),
        (
            [task(time_limit=7200)],
            cron(minute="0", hour="8,9"),
            ["sent 3600 s apart, while a run may take 7200 s, and it never expires"],
        ),
        (
            [task(time_limit=900)],
            cron(minute="55", hour="*"),
            [],
        ),
        ([task()], every(60.0), [f"sent 60 s apart, {NO_LIMIT}"]),
        ([task()], cron(minute="*/30"), [f"sent 1800 s apart, {NO_LIMIT}"]),
        ([task()], every(3599.0), [f"sent 3599 s apart, {NO_LIMIT}"]),
        (
            [task(time_limit="600")],
            every(60.0),
            ["sent 60 s apart, while a run may take 600 s, and it never expires"],
        ),
        ([task()], cron(minute="0"), []),
        ([task()], every(3600.0), []),
        ([task(time_limit="30")], every(60.0), []),
        ([task()], cron(minute="50,10"), [f"sent 1200 s apart, {NO_LIMIT}"]),
        ([task(time_limit=60)], every(60.0), []),
        ([task(time_limit=30)], every(60.0), []),
        ([task(time_limit=600)], every(60.0, expires=60.0), []),
        ([task(time_limit=600)], every(60.0, expires="set"), []),
        ([task()], every(7200.0), []),
        ([task()], cron(minute="0", hour="3"), []),
        ([task(time_limit=90_000)], cron(minute="0", hour="3", day_of_week="mon"), []),
        ([task(time_limit=Opaque("proj.Lazy"))], every(60.0), []),
        ([], every(60.0), []),
        ([task("other")], every(60.0), []),
        ([task()], every(0.0), []),
        ([task()], every(None, kind="solar"), []),
        ([task()], every(None, kind="custom"), []),
        ([task()], every(None, kind="malformed"), []),
        ([task()], cron(minute="whenever"), []),
        ([task()], cron(hour="3"), []),
        ([task()], every(60.0, "celery.backend_cleanup", task="celery.backend_cleanup"), []),
        ([task(info=TaskInfo(WORK, names_read=("redis_lock",)))], every(60.0), []),
        ([task(info=TaskInfo(WORK, names_read=("RLock",)))], every(60.0), []),
        ([task(info=TaskInfo(WORK, classes=(TaskClass("celery_once.QueueOnce"),)))], every(60.0), []),
        ([task(once=True)], every(60.0), []),
    ],
)
def test_overlapping_schedule(tasks, entry, messages):
    assert problems("overlapping-schedule", app(*tasks, schedule=(entry,))) == messages


def test_blocking_is_no_lock():
    blocks = task(info=TaskInfo(WORK, names_read=("block", "clock", "unlock_at")))
    assert len(problems("overlapping-schedule", app(blocks, schedule=(every(60.0),)))) == 1


def test_an_entry_without_limits_overlaps_within_an_hour_or_what_is_set():
    subject = app(task(), schedule=(every(7200.0),))
    assert len(problems("overlapping-schedule", subject, unlimited_within=86400.0)) == 1


@pytest.mark.parametrize(
    ("one", "other", "messages"),
    [
        (every(60, "first"), every(60, "second"), [f"{AS_FIRST}both every 60 s"]),
        (every(60, "first"), every(90, "second"), [f"{AS_FIRST}one every 60 s and the other every 90 s"]),
        (cron("first", hour="3"), cron("second", hour="3"), [f"{AS_FIRST}both * 3 * * *"]),
        (
            cron("first", minute="0", hour="*/2"),
            cron("second", minute="*/30", hour="4"),
            [f"{AS_FIRST}one 0 */2 * * * and the other */30 4 * * *"],
        ),
        (
            cron("first", minute="0", hour="3"),
            cron("First ", minute="0", hour="15"),
            [f"{AS_FIRST}{RENAMED}"],
        ),
        (every(60, "first"), cron("fir-st", minute="0", hour="3"), [f"{AS_FIRST}{RENAMED}"]),
        (every(60, "first"), every(90, "F_I_R_S_T"), [f"{AS_FIRST}one every 60 s and the other every 90 s"]),
        (every(60, "first", digest="a"), cron("First", {"digest": "b"}, minute="0", hour="3"), []),
        (every(60, "first", task="a"), cron("First", {"task": "b"}, minute="0", hour="3"), []),
        (every(60, "first"), cron("First", {"options": {"queue": "eu"}}, minute="0", hour="3"), []),
        (every(60, "first"), cron("First 2", minute="0", hour="3"), []),
        (every(60, "first", digest="a"), every(60, "second", digest="b"), []),
        (every(60, "first", task="a"), every(60, "second", task="b"), []),
        (every(60, "first", task=None), every(60, "second", task=None), []),
        (every(60, "first", arguments=1), every(60, "second", arguments=1), []),
        (
            every(60, "first", options={"queue": "eu"}),
            every(60, "second", options={"queue": "us"}),
            [],
        ),
        (cron("first", minute="0", hour="3"), cron("second", minute="0", hour="15"), []),
        (cron("first", minute="0"), cron("second", minute="30"), []),
        (cron("first", minute="0", day_of_week="mon"), cron("second", minute="0", day_of_week="tue"), []),
        (cron("first", minute="0", month_of_year="1"), cron("second", minute="0", month_of_year="2"), []),
        (cron("first", minute="0", hour="odd"), cron("second", minute="0", hour="even"), []),
        (every(60, "first"), cron("second", minute="0", hour="3"), []),
        (every(0, "first"), every(60, "second"), []),
        (every(60, "first", kind="custom"), every(60, "second", kind="custom"), []),
        (every(60, "first", kind="malformed"), every(60, "second", kind="malformed"), []),
    ],
)
def test_duplicate_schedule(one, other, messages):
    subject = app(task(), schedule=(one, other))
    assert problems("duplicate-schedule", subject) == messages
    assert all(problem.about == other for problem in found("duplicate-schedule", subject))


def test_thousands_of_entries_are_compared_in_passing():
    entries = tuple(cron(f"at {n}", minute=str(n % 60), hour=str(n // 60 % 24)) for n in range(5000))
    assert len(problems("duplicate-schedule", app(schedule=entries))) == 3 * 20


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (every(60, unknown_keys=("shedule",)), ["beat does not start: it does not know the key 'shedule'"]),
        (
            every(None, kind="malformed", unknown_keys=("shedule",), error="it has no schedule"),
            ["beat does not start: it does not know the key 'shedule'"],
        ),
        (
            every(None, kind="malformed", error="its schedule is str, not seconds, a timedelta or a crontab"),
            ["its schedule is str, not seconds, a timedelta or a crontab"],
        ),
        (every(60, error="its args are int, not a list or tuple"), ["its args are int, not a list or tuple"]),
        (every(None, kind="malformed"), ["beat cannot use its schedule"]),
        (every(60, task=None), ["it names no task"]),
        (every(60), []),
        (every(0), []),
        (cron(hour="3"), []),
        (cron(day_of_month="31", month_of_year="2"), []),
        (cron(fields={"error": "it never fires: unable to rollover"}), []),
        (every(None, kind="solar"), []),
        (every(None, kind="custom"), []),
        (every(60, registered=False), []),
        (every(60, registered=None), []),
        (every(60, arity_error="missing 1 required positional argument"), []),
        (every(60, options={"expires": 60}), []),
        (every(60, expires=60.0), []),
    ],
)
def test_malformed_schedule(entry, messages):
    assert problems("malformed-schedule", app(schedule=(entry,))) == messages


@pytest.mark.parametrize(
    ("key", "fix"),
    [
        ("shedule", "did you mean 'schedule'?"),
        ("arg", "did you mean 'args'?"),
        ("enabled", "remove it, or put it under one of args, kwargs, options"),
    ],
)
def test_unknown_keys_are_mended(key, fix):
    entry = every(60, unknown_keys=(key,))
    assert [p.fix for p in found("malformed-schedule", app(schedule=(entry,)))] == [fix]


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (every(0), ["its interval is 0 s: beat sends it without pause"]),
        (every(-5), ["its interval is -5 s: beat sends it without pause"]),
        (
            cron(day_of_month="31", month_of_year="2"),
            ["it never fires: day_of_month 31 never occurs in month_of_year 2"],
        ),
        (
            cron(day_of_month="31", month_of_year="4,6,9,11"),
            ["it never fires: day_of_month 31 never occurs in month_of_year 4,6,9,11"],
        ),
        (cron(minute=""), ["it never fires: one of its fields is empty"]),
        (
            cron(fields={"error": "it never fires: unable to rollover"}),
            ["it never fires: unable to rollover"],
        ),
        (every(1), []),
        (every(0.5), []),
        (every(None, kind="malformed"), []),
        (every(None, kind="solar"), []),
        (cron(), []),
        (cron(day_of_month="29", month_of_year="2"), []),
        (cron(day_of_month="30,31", month_of_year="feb,mar"), []),
        (cron(day_of_month="31"), []),
        (cron(day_of_month="31", month_of_year="*/2"), []),
        (cron(day_of_month="thirtieth", month_of_year="2"), []),
        (cron(fields={"error": "its args are int, not a list or tuple"}), []),
    ],
)
def test_impossible_schedule(entry, messages):
    assert problems("impossible-schedule", app(schedule=(entry,))) == messages


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (
            every(60, arity_error="work() missing 1 required positional argument: 'x'"),
            ["its arguments do not fit the task: work() missing 1 required positional argument: 'x'"],
        ),
        (every(60), []),
        (every(60, arguments=3), []),
        (cron(hour="3"), []),
    ],
)
def test_scheduled_arity(entry, messages):
    assert problems("scheduled-arity", app(schedule=(entry,))) == messages


@pytest.mark.parametrize(
    ("entry", "error"),
    [
        ({"task": "t", "schedule": 5, "shedule": 5}, TypeError),
        ({"task": "t", "schedule": 5, "enabled": True}, TypeError),
        ({"task": "t", "schedule": "*/5 * * * *"}, AttributeError),
        (5, TypeError),
    ],
)
def test_one_entry_stops_beat(entry, error):
    from celery import Celery
    from celery.beat import Scheduler

    unit = Celery("unit", broker="memory://", set_as_current=False)
    unit.conf.beat_schedule = {"good": {"task": "t", "schedule": 5}, "bad": entry}
    with pytest.raises(error):
        Scheduler(unit)


@pytest.mark.parametrize("seconds", [0, -5])
def test_an_interval_of_nothing_is_always_due(seconds):
    from celery import Celery
    from celery.schedules import schedule

    unit = Celery("unit", set_as_current=False)
    assert tuple(schedule(seconds, app=unit).is_due(unit.now())) == (True, 0)
