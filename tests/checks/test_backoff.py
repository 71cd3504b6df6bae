"""Backoff: tables of tasks and what is said of their delays."""

from __future__ import annotations

import pytest

from celerycheck.checks._exceptions import NETWORK_ERRORS
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, error, found, problems, task

NETWORK = [error("requests.exceptions.Timeout")]
BASE = "proj.base.Base"
CLASS_BASED = TaskInfo("t", bound=True, class_based=True, classes=(TaskClass("proj.Work"), TaskClass(BASE)))


def based(*, defines=(), reads=(), explicit=None, **fields):
    """A task whose base class defines and reads these names."""
    cls = TaskClass(BASE, defines=defines, reads=reads)
    return TaskInfo("t", classes=(cls,), explicit=explicit or {}, **fields)


def by_hand(*names, **fields):
    """A bound task whose code mentions these names."""
    return TaskInfo("t", bound=True, names_read=names, **fields)


def unread(*tasks):
    """These tasks, without any source to read."""
    return SourceCode(app(*tasks), MemoryFiles({}))


def constant(seconds):
    return f"autoretry_for without retry_backoff: every retry comes after the same {seconds} s"


def short(retries, window, least=60):
    return (
        f"the last of {retries} retries comes at most {window} s after the first failure, less than {least} s"
    )


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(autoretry_for=NETWORK), [constant(180)]),
        (task(autoretry_for=NETWORK, max_retries=None), [constant(180)]),
        (task(autoretry_for=NETWORK, retry_backoff=False, retry_jitter=True), [constant(180)]),
        (task(autoretry_for=NETWORK, default_retry_delay=5), [constant(5)]),
        (task(autoretry_for=NETWORK, retry_kwargs={"countdown": 0, "max_retries": 9}), [constant(0)]),
        (
            task(
                info=based(
                    defines=("default_retry_delay",), explicit={"default_retry_delay": f"class {BASE}"}
                ),
                autoretry_for=NETWORK,
            ),
            [constant(180)],
        ),
        (task(), []),
        (task(default_retry_delay=5), []),
        (task(autoretry_for=NETWORK, retry_backoff=True), []),
        (task(autoretry_for=NETWORK, retry_backoff=0.5), []),
        (task(autoretry_for=NETWORK, inherited={"retry_backoff": 3}), []),
        (task(autoretry_for=NETWORK, max_retries=0), []),
        (task(autoretry_for=NETWORK, max_retries=1), []),
        (task(autoretry_for=NETWORK, retry_kwargs={"max_retries": 1}), []),
        (task(autoretry_for=NETWORK, retry_kwargs={"countdown": Opaque("proj.Lazy")}), []),
        (task(autoretry_for=NETWORK, retry_kwargs={"eta": Opaque("datetime.datetime")}), []),
        (task(info=based(defines=("retry",)), autoretry_for=NETWORK), []),
        (task(info=based(defines=("default_retry_delay",)), autoretry_for=NETWORK), []),
        (task(info=based(reads=("retry_backoff",)), autoretry_for=NETWORK), []),
        (task(info=by_hand("default_retry_delay"), autoretry_for=NETWORK), []),
        (task(info=by_hand("retry")), []),
    ],
)
def test_retry_without_backoff(subject, messages):
    assert problems("retry-without-backoff", unread(subject)) == messages


@pytest.mark.parametrize(
    ("options", "at_most", "fix"),
    [
        ({}, Severity.INFO, "retry_backoff=180, retry_backoff_max=600"),
        ({"default_retry_delay": 60}, Severity.INFO, "retry_backoff=60, retry_backoff_max=600"),
        ({"default_retry_delay": 59}, None, "retry_backoff=59, retry_backoff_max=600"),
        ({"max_retries": 4}, None, "retry_backoff=180, retry_backoff_max=600"),
        ({"max_retries": None}, None, "retry_backoff=180, retry_backoff_max=600"),
        ({"default_retry_delay": 1800}, Severity.INFO, "retry_backoff=1800, retry_backoff_max=1800"),
        ({"default_retry_delay": 0.5}, None, "retry_backoff=1, retry_backoff_max=600"),
        ({"retry_kwargs": {"countdown": 5}}, None, "retry_backoff=5, retry_backoff_max=600"),
        (
            {"retry_kwargs": {"countdown": 0, "max_retries": 9}},
            None,
            "retry_backoff=1, retry_backoff_max=600",
        ),
    ],
)
def test_backoff_begins_where_the_retries_are(options, at_most, fix):
    (problem,) = found("retry-without-backoff", unread(task(autoretry_for=NETWORK, **options)))
    assert (problem.at_most, problem.fix) == (at_most, fix)


def test_retry_without_backoff_guesses_nothing():
    with pytest.raises(NotEvaluated, match="retry_kwargs"):
        problems(
            "retry-without-backoff", unread(task(autoretry_for=NETWORK, retry_kwargs=Opaque("proj.Lazy")))
        )


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            task(autoretry_for=NETWORK, retry_backoff=True, retry_jitter=False),
            ["retry_backoff with retry_jitter=False"],
        ),
        (
            task(autoretry_for=NETWORK, retry_backoff=2, retry_jitter=None),
            ["retry_backoff with retry_jitter=None"],
        ),
        (task(autoretry_for=NETWORK, retry_backoff=True), []),
        (task(autoretry_for=NETWORK, retry_backoff=True, retry_jitter=True), []),
        (task(autoretry_for=NETWORK, retry_jitter=False), []),
        (task(autoretry_for=NETWORK, retry_backoff=True, retry_jitter=False, max_retries=0), []),
        (task(retry_backoff=True, retry_jitter=False), []),
        (
            task(
                info=based(defines=("retry",)), autoretry_for=NETWORK, retry_backoff=True, retry_jitter=False
            ),
            [],
        ),
    ],
)
def test_retry_without_jitter(subject, messages):
    assert problems("retry-without-jitter", subject) == messages


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(retry_backoff=True), ["retry_backoff without autoretry_for: nothing reads it"]),
        (task(retry_jitter=True), ["retry_jitter without autoretry_for: nothing reads it"]),
        (
            task(retry_backoff=5, retry_backoff_max=60, autoretry_for=[]),
            ["retry_backoff, retry_backoff_max without autoretry_for: nothing reads them"],
        ),
        (
            task(info=by_hand("retry"), retry_kwargs={"max_retries": 5}),
            ["retry_kwargs without autoretry_for: nothing reads it"],
        ),
        (
            task(
                info=TaskInfo(
                    "t",
                    class_based=True,
                    classes=CLASS_BASED.classes,
                    explicit={"retry_backoff": "class proj.Work"},
                ),
                inherited={"retry_backoff": True},
            ),
            ["retry_backoff without autoretry_for: nothing reads it"],
        ),
        (task(), []),
        (task(max_retries=5, default_retry_delay=10), []),
        (task(retry_backoff=False), []),
        (task(retry_backoff=False, retry_jitter=False), []),
        (task(retry_backoff=True, autoretry_for=NETWORK), []),
        (task(retry_backoff=True, autoretry_for=Opaque("proj.Lazy")), []),
        (task(info=by_hand("retry", "retry_backoff"), retry_backoff=True), []),
        (task(info=by_hand("retry", "retry_kwargs"), retry_kwargs={"max_retries": 5}), []),
        (task(info=based(reads=("retry_backoff",)), retry_backoff=True), []),
        (
            task(info=based(explicit={"retry_backoff": f"class {BASE}"}), inherited={"retry_backoff": True}),
            [],
        ),
        (
            task(
                info=TaskInfo("t", explicit={"retry_backoff": "task_annotations"}),
                inherited={"retry_backoff": True},
            ),
            [],
        ),
        (task(info=CLASS_BASED, inherited={"retry_backoff": True}), []),
    ],
)
def test_backoff_without_autoretry(subject, messages):
    assert problems("backoff-without-autoretry", subject) == messages


@pytest.mark.parametrize(
    ("fields", "grades"),
    [
        ({"bound": False}, [None]),
        ({"bound": True}, [None]),
        ({"wrapper_names": ("logger",)}, [None]),
        ({"bound": True, "wrapper_names": ("logger",)}, [Severity.WARNING]),
        ({"bound": True, "class_based": True}, [Severity.WARNING]),
        ({"bound": True, "self_escapes": True}, []),
        ({"bound": True, "self_escapes": True, "wrapper_names": ("logger",)}, []),
    ],
)
def test_a_task_may_hand_itself_to_what_reads_its_backoff(fields, grades):
    subject = task(info=TaskInfo("t", **fields), retry_backoff=True)
    assert [problem.at_most for problem in found("backoff-without-autoretry", subject)] == grades


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"retry_backoff": True}, [short(3, 7)]),
        ({"retry_backoff": 0.5}, [short(3, 7)]),
        ({"retry_backoff": 2.9}, [short(3, 14)]),
        ({"retry_backoff": True, "max_retries": 5}, [short(5, 31)]),
        ({"retry_backoff": True, "retry_backoff_max": 4, "max_retries": 8}, [short(8, 27)]),
        ({"retry_backoff": True, "retry_kwargs": {"max_retries": 2, "countdown": 600}}, [short(2, 3)]),
        ({"retry_backoff": True, "retry_backoff_max": 0, "max_retries": 10**9}, [short(10**9, 0)]),
        ({"default_retry_delay": 5}, [short(3, 15)]),
        ({"retry_kwargs": {"countdown": 1, "max_retries": 10}}, [short(10, 10)]),
        ({}, []),
        ({"max_retries": 0}, []),
        ({"max_retries": None, "retry_backoff": True}, []),
        ({"retry_backoff": True, "max_retries": 6}, []),
        ({"retry_backoff": True, "max_retries": 10**9}, []),
        ({"retry_backoff": 10}, []),
        ({"default_retry_delay": 20}, []),
        ({"retry_kwargs": {"countdown": 60}}, []),
        ({"retry_kwargs": {"countdown": Opaque("proj.Lazy")}}, []),
        ({"info": based(defines=("retry",)), "retry_backoff": True}, []),
        ({"info": based(reads=("retry_backoff",)), "retry_backoff": True}, []),
    ],
)
def test_short_retry_budget(options, messages):
    assert problems("short-retry-budget", unread(task(autoretry_for=NETWORK, **options))) == messages


@pytest.mark.parametrize(
    ("exception", "speaks"),
    [
        *((name, True) for name in NETWORK_ERRORS),
        ("requests.exceptions.ConnectionError", True),
        ("httpx.ConnectTimeout", True),
        ("urllib3.exceptions.HTTPError", True),
        ("aiohttp.client_exceptions.ClientError", True),
        ("redis.exceptions.ConnectionError", True),
        ("botocore.exceptions.ClientError", True),
        ("smtplib.SMTPException", True),
        ("socket.gaierror", True),
        ("Exception", False),
        ("ValueError", False),
        ("FileNotFoundError", False),
        ("celery.exceptions.Reject", False),
        ("proj.requests.Timeout", False),
        ("django.db.utils.OperationalError", False),
    ],
)
def test_short_retry_budget_is_about_the_network(exception, speaks):
    subject = task(autoretry_for=[error(exception)], retry_backoff=True)
    assert bool(problems("short-retry-budget", unread(subject))) is speaks


def test_short_retry_budget_advises_retries_that_span_the_time_asked_for():
    (problem,) = found(
        "short-retry-budget", unread(task(autoretry_for=NETWORK, retry_backoff=True)), seconds=600
    )
    assert problem.message == short(3, 7, 600)
    assert problem.fix == "retry_backoff=5, max_retries=8"
    again = task(autoretry_for=NETWORK, retry_backoff=5, max_retries=8)
    assert problems("short-retry-budget", unread(again), seconds=600) == []


@pytest.mark.parametrize(
    ("options", "fix"),
    [
        ({"retry_backoff": True}, "retry_backoff=5, max_retries=5"),
        (
            {"retry_backoff": True, "retry_kwargs": {"max_retries": 2}},
            'retry_backoff=5, retry_kwargs={"max_retries": 5}',
        ),
        ({"retry_kwargs": {"countdown": 1}}, "retry_backoff=5, max_retries=5"),
        (
            {"retry_backoff": True, "retry_backoff_max": 4},
            "retry_backoff=5, retry_backoff_max=600, max_retries=5",
        ),
        ({"retry_backoff": True, "retry_backoff_max": 900}, "retry_backoff=5, max_retries=5"),
    ],
)
def test_more_retries_are_written_where_they_are_now(options, fix):
    (problem,) = found("short-retry-budget", unread(task(autoretry_for=NETWORK, **options)))
    assert problem.fix == fix


@pytest.mark.parametrize(
    ("factor", "maximum", "retries"),
    [(1, 600, 3), (2, 600, 12), (5, 8, 4), (700, 600, 2), (1, 0, 5), (3, -1, 4)],
)
def test_the_window_is_what_celery_would_wait(factor, maximum, retries):
    from celery.utils.time import get_exponential_backoff_interval

    options = {"retry_backoff": factor, "retry_backoff_max": maximum, "max_retries": retries}
    waits = sum(get_exponential_backoff_interval(factor, n, maximum) for n in range(retries))
    subject = task(autoretry_for=NETWORK, **options)
    assert problems("short-retry-budget", unread(subject), seconds=10**6) == [short(retries, waits, 10**6)]
