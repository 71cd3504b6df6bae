"""Backoff: tables of tasks and what is said of their delays."""

from __future__ import annotations

import pytest

from celerycheck.checks._exceptions import NETWORK_ERRORS
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, error, flagged, found, problems, source, task

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
        ({}, None, "retry_backoff=180, retry_backoff_max=600"),
        ({"default_retry_delay": 60}, Severity.INFO, "retry_backoff=60, retry_backoff_max=600"),
        ({"default_retry_delay": 59}, None, "retry_backoff=59, retry_backoff_max=600"),
        ({"max_retries": 5}, Severity.INFO, "retry_backoff=180, retry_backoff_max=600"),
        ({"max_retries": 6}, None, "retry_backoff=180, retry_backoff_max=600"),
        ({"max_retries": None}, None, "retry_backoff=180, retry_backoff_max=600"),
        ({"default_retry_delay": 1800}, Severity.INFO, "retry_backoff=1800, retry_backoff_max=3600"),
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


@pytest.mark.parametrize(
    ("exception", "at_most"),
    [
        ("requests.exceptions.Timeout", None),
        ("elastic_transport.ConnectionError", None),
        ("client.ServiceUnavailable", None),
        ("client.RateLimitError", None),
        ("proj.errors.Unreachable", None),
        ("proj.errors.Busy", Severity.INFO),
        ("django.db.utils.DatabaseError", Severity.INFO),
        ("django.db.utils.OperationalError", Severity.INFO),
        ("client.LoginException", Severity.INFO),
        ("client.NotConnectedYet", Severity.INFO),
        ("ValueError", Severity.INFO),
    ],
)
def test_a_constant_pace_is_grave_where_a_service_may_be_down(exception, at_most):
    subject = task(autoretry_for=[error(exception)], max_retries=9)
    (problem,) = found(
        "retry-without-backoff", SourceCode(app(subject), MemoryFiles({"proj/errors.py": ERRORS}))
    )
    assert problem.at_most is at_most


@pytest.mark.parametrize("does", ["requests.get(url)", "pay(url)", "url.split()"])
def test_a_constant_pace_after_any_exception_is_grave(does):
    work = f"{HEAD}\n@shared_task(autoretry_for=(Exception,), max_retries=9)\ndef work(url):\n    {does}\n"
    files = {"proj/tasks.py": work, "proj/services.py": SERVICES, "proj/errors.py": ERRORS}
    (problem,) = found("retry-without-backoff", source(files))
    assert problem.at_most is None


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


HEAD = """
import requests
from celery import Task, shared_task
from django.conf import settings
from proj.errors import Busy, Unreachable
from proj.services import pay
PAUSE = 30
"""
ERRORS = """
import requests
class Busy(Exception): pass
class Unreachable(requests.ConnectionError): pass
"""
SERVICES = """
import requests
def pay(order):
    requests.post("https://pay.example", json=order)
"""


def retrying(statement, caught="OSError as exc", options="bind=True, max_retries=5", work="pay(order)"):
    """A bound task that answers an exception with this statement."""
    text = f"{HEAD}@shared_task({options})\ndef work(self, order):\n    try:\n        {work}\n"
    text += f"    except {caught}:\n        {statement}\n"
    return source({"proj/tasks.py": text, "proj/errors.py": ERRORS, "proj/services.py": SERVICES})


def paced(text, seconds, usual=False):
    default = ", the default_retry_delay" if usual else ""
    return f"{text}() comes after the same {seconds} s each time{default}"


@pytest.mark.parametrize(
    ("code", "message", "at_most"),
    [
        (retrying("raise self.retry(exc=exc)"), paced("self.retry", 180, usual=True), Severity.INFO),
        (retrying("raise self.retry(max_retries=6)"), paced("self.retry", 180, usual=True), None),
        (retrying("raise self.retry(exc=exc, countdown=5)"), paced("self.retry", 5), None),
        (retrying("self.retry(countdown=PAUSE)"), paced("self.retry", 30), None),
        (retrying("raise work.retry(countdown=5)"), paced("work.retry", 5), None),
        (retrying("raise self.retry(countdown=None)"), paced("self.retry", 180, usual=True), Severity.INFO),
        (retrying("raise self.retry([order], countdown=5)"), paced("self.retry", 5), None),
        (retrying("raise self.retry(countdown=2)", "Exception"), paced("self.retry", 2), None),
        (retrying("raise self.retry(countdown=2)", "Unreachable"), paced("self.retry", 2), None),
        # Celery's defaults are nobody's choice.
        (retrying("raise self.retry()", "Exception", "bind=True"), paced("self.retry", 180, True), None),
        (retrying("self.retry(max_retries=2, countdown=90)"), paced("self.retry", 90), Severity.INFO),
        (retrying("self.retry(max_retries=2, countdown=9)"), paced("self.retry", 9), None),
        (
            retrying("raise self.retry()", options="bind=True, default_retry_delay=7"),
            paced("self.retry", 7, usual=True),
            None,
        ),
        # Waiting for something is done at a constant pace.
        (retrying("raise self.retry(countdown=5)", "Busy"), paced("self.retry", 5), Severity.INFO),
        (
            retrying("raise self.retry(countdown=5)", "FileNotFoundError"),
            paced("self.retry", 5),
            Severity.INFO,
        ),
        (
            retrying("raise self.retry(countdown=5)", "Exception", work="order.lock()"),
            paced("self.retry", 5),
            Severity.INFO,
        ),
    ],
)
def test_retries_by_hand_at_a_constant_pace(code, message, at_most):
    assert [(p.message, p.at_most) for p in found("retry-without-backoff", code)] == [(message, at_most)]


@pytest.mark.parametrize(
    "code",
    [
        retrying("raise self.retry(countdown=2 ** self.request.retries)"),
        retrying("raise self.retry(countdown=min(600, 5 * 2 ** self.request.retries))"),
        retrying("raise self.retry(countdown=settings.PAUSE)"),
        retrying("raise self.retry(countdown=exc.response.headers['Retry-After'])"),
        retrying("raise self.retry(countdown=order.pause)"),
        retrying("raise self.retry(countdown=[5, 60, 600][self.request.retries])"),
        retrying("raise self.retry(eta=order.due)"),
        retrying("raise self.retry(**order)"),
        retrying("raise self.retry(*order)"),
        retrying("raise self.retry(exc)"),
        retrying("raise self.retry(exc, countdown=5)"),
        retrying("raise self.retry(max_retries=1)"),
        retrying("raise self.retry(max_retries=order.tries)"),
        retrying("raise self.retry()", options="bind=True, max_retries=1"),
        retrying("raise self.retry()", options="bind=True, max_retries=0"),
        retrying("self.default_retry_delay *= 2; raise self.retry()"),
        retrying("raise order.retry(countdown=5)"),
        retrying("raise"),
        retrying("work.apply_async((order,), countdown=5)"),
        source(
            f"{HEAD}class PacedTask(Task):\n    pass\n"
            "class Work(PacedTask):\n    name = 'w'\n    def retry(self, **options):\n        pass\n"
            "    def run(self, order):\n        self.retry(countdown=5)\n"
        ),
    ],
)
def test_retries_by_hand_that_back_off_or_are_another_s(code):
    assert problems("retry-without-backoff", code) == []


def test_one_pace_by_hand_is_told_of_each_task_the_worst_first():
    text = f"""{HEAD}
@shared_task(bind=True, max_retries=9)
def work(self, order):
    if order.busy:
        raise self.retry(countdown=1)
    try:
        pay(order)
    except requests.Timeout:
        raise self.retry(countdown=2)
"""
    code = source({"proj/tasks.py": text, "proj/errors.py": ERRORS, "proj/services.py": SERVICES})
    assert flagged("retry-without-backoff", code) == ["raise self.retry(countdown=2)"]


def test_both_halves_speak_of_one_task_each_in_its_place():
    options = "bind=True, autoretry_for=(OSError,), max_retries=9"
    code = retrying("raise self.retry(countdown=5)", "requests.HTTPError", options)
    by_hand, automatic = found("retry-without-backoff", code)
    assert by_hand.location is not None
    assert automatic.location is None
    assert by_hand.about == automatic.about == code.app.tasks[0]
    assert by_hand.fix == "countdown=5 * 2 ** self.request.retries"


@pytest.mark.parametrize(
    ("statement", "options", "fix"),
    [
        ("self.retry(countdown=5)", "bind=True, max_retries=5", "countdown=5 * 2 ** self.request.retries"),
        ("self.retry(countdown=300)", "bind=True", "countdown=300 * 2 ** self.request.retries"),
        (
            "self.retry(countdown=300)",
            "bind=True, max_retries=6",
            "countdown=min(300 * 2 ** self.request.retries, 600)",
        ),
        (
            "self.retry(countdown=900)",
            "bind=True, max_retries=6",
            "countdown=min(900 * 2 ** self.request.retries, 1800)",
        ),
        (
            "self.retry(countdown=5)",
            "bind=True, max_retries=None",
            "countdown=min(5 * 2 ** self.request.retries, 600)",
        ),
    ],
)
def test_advice_for_delays_by_hand_stays_within_an_hour(statement, options, fix):
    (problem,) = found("retry-without-backoff", retrying(statement, options=options))
    assert problem.fix == fix


@pytest.mark.parametrize("about", ["retry-without-backoff", "short-retry-budget"])
def test_what_cannot_be_read_of_one_task_hides_nothing_of_others(about):
    lazy = task("lazy", autoretry_for=NETWORK, retry_kwargs=Opaque("proj.Lazy"))
    plain = task("plain", autoretry_for=NETWORK, default_retry_delay=1)
    (problem,) = found(about, unread(lazy, plain, task()))
    assert problem.about == plain
    with pytest.raises(NotEvaluated, match="retry_kwargs"):
        problems(about, unread(lazy, task()))


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        (retrying("raise self.retry(countdown=2)"), [f"self.retry(): {short(5, 10)}"]),
        (retrying("raise self.retry(countdown=2)", "requests.Timeout"), [f"self.retry(): {short(5, 10)}"]),
        (retrying("raise self.retry(countdown=2)", "Exception"), [f"self.retry(): {short(5, 10)}"]),
        (retrying("raise self.retry(countdown=2, max_retries=3)"), [f"self.retry(): {short(3, 6)}"]),
        (
            retrying("raise self.retry()", options="bind=True, default_retry_delay=9"),
            [f"self.retry(): {short(3, 27)}"],
        ),
        (retrying("raise self.retry()"), []),
        (retrying("raise self.retry(countdown=12)"), []),
        (retrying("raise self.retry(countdown=2)", options="bind=True, max_retries=None"), []),
        (retrying("raise self.retry(countdown=2)", options="bind=True, max_retries=0"), []),
        (retrying("raise self.retry(countdown=2 ** self.request.retries)"), []),
        (retrying("raise self.retry(countdown=settings.PAUSE)"), []),
        (retrying("raise self.retry(countdown=0)"), []),
        (retrying("raise self.retry(countdown=2)", "Busy"), []),
        (retrying("raise self.retry(countdown=2)", "ValueError"), []),
        (retrying("raise self.retry(countdown=2)", "Exception", work="order.lock()"), []),
        (retrying("raise order.retry(countdown=2)"), []),
    ],
)
def test_short_retry_budget_by_hand(code, messages):
    assert problems("short-retry-budget", code) == messages
