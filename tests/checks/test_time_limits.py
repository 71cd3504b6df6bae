"""Time limits: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.registry import NotEvaluated
from celerycheck.subjects import Opaque, TaskInfo
from celerycheck.testing import app, found, problems, task


def said(check, subject):
    """Who is spoken of, and what is said."""
    return [(problem.about.name, problem.message) for problem in found(check, subject)]


def limited(name="limited", **limits):
    return task(name, **limits)


NOBODY = "neither a setting nor a task sets a time limit (tasks concerned: {})"
NOT_THIS = (
    "neither time_limit nor soft_time_limit applies, though other tasks have one, unless it is given when the"
    " task is sent"
)


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task()), [("task_time_limit", NOBODY.format(1))]),
        (app(task("a"), task("b", time_limit=0)), [("task_time_limit", NOBODY.format(2))]),
        (app(task(), values={"worker_pool": "gevent"}), [("task_time_limit", NOBODY.format(1))]),
        (app(task(), values={"worker_pool": "proj.pools:Pool"}), [("task_time_limit", NOBODY.format(1))]),
        (app(task("a"), limited(time_limit=60)), [("a", NOT_THIS)]),
        (app(task("a"), limited(soft_time_limit=60), task("b")), [("a", NOT_THIS), ("b", NOT_THIS)]),
        (app(task("a"), task("b", time_limit=Opaque("proj.Lazy"))), [("a", NOT_THIS)]),
        (app(), []),
        (app(limited(time_limit=60)), []),
        (app(limited(soft_time_limit=60)), []),
        (app(limited(time_limit=Opaque("datetime.timedelta", seconds=60.0))), []),
        (app(limited(time_limit="60")), []),
        (app(task(inherited={"time_limit": "60"}), values={"task_time_limit": "60"}), []),
        (app(task(), values={"task_soft_time_limit": "60"}), []),
        (app(task("a"), limited(time_limit="60")), [("a", NOT_THIS)]),
        (app(task("a", time_limit="0")), [("task_time_limit", NOBODY.format(1))]),
        (app(task(inherited={"time_limit": 60}), values={"task_time_limit": 60}), []),
        (app(task(inherited={"soft_time_limit": 60}), values={"task_soft_time_limit": 60}), []),
        (app(task(time_limit=0), values={"task_time_limit": 60}), []),
        (app(limited(time_limit=60), task(time_limit=Opaque("proj.Lazy"))), []),
    ],
)
def test_no_time_limit(subject, findings):
    assert said("no-time-limit", subject) == findings


@pytest.mark.parametrize(
    ("check", "subject", "reason"),
    [
        ("no-time-limit", app(task(), values={"worker_pool": "threads"}), "the threads pool enforces no"),
        ("no-time-limit", app(task(), values={"worker_pool": "eventlet"}), "the eventlet pool enforces no"),
        ("no-time-limit", app(task(time_limit=Opaque("proj.Lazy"))), "computed"),
        (
            "no-soft-time-limit",
            app(task(time_limit=9), values={"worker_pool": "gevent"}),
            "no soft time limits",
        ),
        ("no-soft-time-limit", app(task(soft_time_limit=Opaque("proj.Lazy"))), "computed"),
        ("no-time-limit", app(task(time_limit="soon")), "no number"),
        ("no-time-limit", app(task(time_limit="nan")), "no number"),
        ("soft-limit-too-late", app(task(soft_time_limit=Opaque("proj.Lazy"))), "computed"),
        ("limits-ignored-by-pool", app(values={"worker_pool": "proj.pools:Pool"}), "no pool of Celery's own"),
        ("limits-ignored-by-pool", app(values={"worker_pool": Opaque("proj.Lazy")}), "computed"),
    ],
)
def test_nothing_is_guessed(check, subject, reason):
    with pytest.raises(NotEvaluated, match=reason):
        problems(check, subject)


ALL_90 = "task_time_limit is 90 s and no soft limit comes before it (tasks concerned: {})"


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task("a", time_limit=60)), [("a", "time_limit is 60 s and no soft limit comes before it")]),
        (
            app(task("a", inherited={"time_limit": 90}), values={"task_time_limit": 90}),
            [("task_soft_time_limit", ALL_90.format(1))],
        ),
        (
            app(task("a"), task("b"), task("c", time_limit=60), values={"task_time_limit": "90"}),
            [
                ("c", "time_limit is 60 s and no soft limit comes before it"),
                ("task_soft_time_limit", ALL_90.format(2)),
            ],
        ),
        (
            app(task("a", time_limit=60), task("b", soft_time_limit=Opaque("proj.Lazy"))),
            [("a", "time_limit is 60 s and no soft limit comes before it")],
        ),
        (app(), []),
        (app(task()), []),
        (app(task(soft_time_limit=60)), []),
        (app(task(time_limit=60, soft_time_limit=50)), []),
        (app(task(time_limit=60, soft_time_limit=90)), []),
        (app(task(time_limit=60), values={"task_soft_time_limit": 50}), []),
        (app(task("a"), task("b"), values={"task_time_limit": 60, "task_soft_time_limit": 50}), []),
        (app(task("a"), task("b", time_limit="60"), values={"task_soft_time_limit": "50"}), []),
        (app(task(time_limit=0)), []),
    ],
)
def test_no_soft_time_limit(subject, findings):
    assert said("no-soft-time-limit", subject) == findings


RAISES = "every delay() raises ValueError"
KILLED = "it is killed as it is asked to stop"


def both(celery="5.7.0", **limits):
    return app(task("a", **limits), celery=celery)


def soft_set(celery="5.7.0"):
    """A task with a soft limit of its own above the global hard one."""
    subject = task("a", inherited={"time_limit": 60}, soft_time_limit=90)
    return app(subject, values={"task_time_limit": 60}, celery=celery)


@pytest.mark.parametrize(
    ("subject", "consequences"),
    [
        (both(soft_time_limit=90, time_limit=60), [RAISES]),
        (both("5.6.3", soft_time_limit=90, time_limit=60), [RAISES]),
        (both("5.5.0", soft_time_limit=90, time_limit=60), [RAISES]),
        (both("5.4.0", soft_time_limit=90, time_limit=60), [f"{KILLED}, and with Celery 5.5 {RAISES}"]),
        (soft_set(), [RAISES]),
        (soft_set("5.6.3"), [f"{KILLED}, and with Celery 5.7 {RAISES}"]),
        (soft_set("5.3.6"), [f"{KILLED}, and with Celery 5.7 {RAISES}"]),
        (both(soft_time_limit=60, time_limit=60), [KILLED]),
        (both(), []),
        (both(time_limit=60), []),
        (both(soft_time_limit=60), []),
        (both(soft_time_limit=59, time_limit=60), []),
        (both("5.3.6", soft_time_limit=59, time_limit=60), []),
        (both(soft_time_limit=90, time_limit=0), []),
        (both(soft_time_limit=0, time_limit=60), []),
        (app(task(soft_time_limit=50), values={"task_time_limit": 60}), []),
        (app(task(), task("b"), values={"task_time_limit": "300", "task_soft_time_limit": "60"}), []),
        (app(task(soft_time_limit=Opaque("proj.Lazy")), task("b")), []),
    ],
)
def test_soft_limit_too_late(subject, consequences):
    messages = problems("soft-limit-too-late", subject)
    assert [message.partition(": ")[2] for message in messages] == consequences


def test_soft_limit_too_late_names_where_the_limits_come_from():
    assert said("soft-limit-too-late", soft_set()) == [
        ("a", f"soft_time_limit is 90 s and task_time_limit 60 s: {RAISES}")
    ]


def test_settings_that_are_too_close_are_spoken_of_once():
    limits = {"task_time_limit": 60, "task_soft_time_limit": 90}
    subject = app(task("a"), task("b"), task("c", soft_time_limit=50), values=limits)
    assert said("soft-limit-too-late", subject) == [
        (
            "task_soft_time_limit",
            f"task_soft_time_limit is 90 s and task_time_limit 60 s: {RAISES} (tasks concerned: 2)",
        )
    ]


ADVICE = "set task_time_limit above your longest task, for example {}, and task_soft_time_limit below it"


@pytest.mark.parametrize(
    ("subject", "fix"),
    [
        (app(task()), ADVICE.format(3600)),
        (app(task(acks_late=True)), ADVICE.format(1500)),
        (
            app(task(), limited(time_limit=60)),
            "set time_limit above its longest run, for example 3600, and soft_time_limit below it",
        ),
    ],
)
def test_a_limit_is_advised_that_no_task_runs_into(subject, fix):
    assert [problem.fix for problem in found("no-time-limit", subject)] == [fix]


@pytest.mark.parametrize(
    ("check", "subject", "fix"),
    [
        ("no-soft-time-limit", app(task(time_limit=60)), "soft_time_limit=54"),
        ("no-soft-time-limit", app(task(), values={"task_time_limit": 60}), "task_soft_time_limit = 54"),
        ("soft-limit-too-late", soft_set(), "soft_time_limit=54"),
        (
            "soft-limit-too-late",
            app(task(time_limit=60), values={"task_soft_time_limit": 90}),
            "task_soft_time_limit = 54",
        ),
    ],
)
def test_the_fix_stands_where_the_limit_does(check, subject, fix):
    assert [problem.fix for problem in found(check, subject)] == [fix]


def in_pool(pool, *tasks, **values):
    return app(*tasks, values={"worker_pool": pool, **values})


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            in_pool("solo", task(time_limit=60), task("b", time_limit=60, soft_time_limit=50)),
            [
                "the solo pool ignores time_limit (tasks concerned: 2), soft_time_limit (tasks concerned: 1)",
            ],
        ),
        (
            in_pool("threads", task(), task_time_limit=60, worker_max_tasks_per_child=100),
            ["the threads pool ignores task_time_limit, worker_max_tasks_per_child"],
        ),
        (in_pool("threads", task_soft_time_limit=60), ["the threads pool ignores task_soft_time_limit"]),
        (
            in_pool("eventlet", task(time_limit=60)),
            ["the eventlet pool ignores time_limit (tasks concerned: 1)"],
        ),
        (
            in_pool("gevent", task(time_limit=60, soft_time_limit=50)),
            ["the gevent pool ignores soft_time_limit (tasks concerned: 1)"],
        ),
        (
            in_pool("gevent", worker_max_memory_per_child=200_000),
            ["the gevent pool ignores worker_max_memory_per_child"],
        ),
        (
            in_pool("celery.concurrency.thread:TaskPool", task(time_limit=60)),
            ["the threads pool ignores time_limit (tasks concerned: 1)"],
        ),
        (app(), []),
        (app(task(time_limit=60, soft_time_limit=50)), []),
        (in_pool("prefork", task(time_limit=60), worker_max_tasks_per_child=100), []),
        (in_pool("processes", task(time_limit=60), worker_max_memory_per_child=200_000), []),
        (in_pool("celery.concurrency.prefork:TaskPool", task(time_limit=60)), []),
        (in_pool("solo", task()), []),
        (in_pool("solo", task(time_limit=0), worker_max_tasks_per_child=0), []),
        (in_pool("threads", task("a"), task("b")), []),
        (in_pool("gevent", task(time_limit=60)), []),
        (in_pool("gevent", task_time_limit=60), []),
        (in_pool("solo", task(time_limit=Opaque("proj.Lazy"))), []),
        (in_pool("eventlet", TaskInfo("a")), []),
    ],
)
def test_limits_ignored_by_pool(subject, messages):
    assert [message for _, message in said("limits-ignored-by-pool", subject)] == messages
    assert {name for name, _ in said("limits-ignored-by-pool", subject)} <= {"worker_pool"}


@pytest.mark.parametrize(
    ("own", "settings", "raises"),
    [
        ({"soft_time_limit": 90, "time_limit": 60}, {}, (5, 5)),
        ({"soft_time_limit": 90}, {"task_time_limit": 60}, (5, 7)),
        ({"time_limit": 60}, {"task_soft_time_limit": 90}, (5, 7)),
        ({}, {"task_time_limit": 60, "task_soft_time_limit": 90}, (5, 7)),
        ({"soft_time_limit": 60, "time_limit": 60}, {}, (99, 0)),
    ],
)
def test_which_celery_refuses_to_send(own, settings, raises):
    import celery

    proj = celery.Celery("proj", broker="memory://", set_as_current=False)
    proj.conf.update(settings)

    @proj.task(name="work", shared=False, **own)
    def work():
        """Does nothing."""

    version = tuple(int(part) for part in celery.__version__.split(".")[:2])
    if version >= raises:
        with pytest.raises(ValueError, match="soft_time_limit must be less"):
            work.delay()
    else:
        work.delay()
