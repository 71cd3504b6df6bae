"""Retries: tables of tasks and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.checks.retries import NEVER_IN_TASK
from celerycheck.findings import Severity
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, error, found, problems, source, task

FOREVER = "max_retries is None: it retries until it succeeds"
NETWORK = [error("requests.exceptions.Timeout")]
BASE = "proj.base.Base"


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


def everything(name):
    return f"autoretry_for lists {name}: bugs and bad arguments are retried too"


def impossible(name):
    return f"autoretry_for lists {name}, {NEVER_IN_TASK[name][0]}: it is never retried"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(max_retries=None, autoretry_for=[error("OSError")]), [FOREVER]),
        (task(max_retries=None, autoretry_for=NETWORK, retry_kwargs={"countdown": 5}), [FOREVER]),
        (task(info=by_hand("retry"), max_retries=None), [FOREVER]),
        (task(info=by_hand("retry"), max_retries=None, autoretry_for=NETWORK), [FOREVER]),
        (task(info=based(reads=("retry",)), max_retries=None), [FOREVER]),
        (task(), []),
        (task(autoretry_for=[error("OSError")]), []),
        (task(max_retries=0, autoretry_for=[error("OSError")]), []),
        (task(max_retries=100, autoretry_for=[error("OSError")]), []),
        (task(max_retries=None), []),
        (task(max_retries=None, autoretry_for=NETWORK, retry_kwargs={"max_retries": 5}), []),
        (task(max_retries=None, retry_backoff=True), []),
        (task(max_retries=Opaque("proj.Lazy"), autoretry_for=NETWORK), []),
        (task(info=by_hand("retry"), max_retries=5), []),
        (task(info=based(reads=("log",)), max_retries=None), []),
        (task(info=TaskInfo("t", names_read=("get",)), max_retries=None), []),
    ],
)
def test_unbounded_retries(subject, messages):
    assert problems("unbounded-retries", unread(subject)) == messages


@pytest.mark.parametrize(
    ("subject", "at_most"),
    [
        (task(max_retries=None, autoretry_for=NETWORK), None),
        (task(info=by_hand("retry"), max_retries=None), None),
        (task(info=by_hand("retry", "retries"), max_retries=None), Severity.INFO),
        (task(info=by_hand("retry", "max_retries"), max_retries=None), Severity.INFO),
        (task(info=based(defines=("retry",)), max_retries=None, autoretry_for=NETWORK), Severity.INFO),
        (task(info=TaskInfo("t", names_read=("retry",)), max_retries=None), Severity.WARNING),
    ],
)
def test_unbounded_retries_is_an_error_only_where_nothing_else_may_count(subject, at_most):
    assert [problem.at_most for problem in found("unbounded-retries", unread(subject))] == [at_most]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(autoretry_for=[error("Exception")]), [everything("Exception")]),
        (task(autoretry_for=[error("OSError"), error("Exception")]), [everything("Exception")]),
        (task(autoretry_for=[error("Exception"), error("BaseException")]), [everything("BaseException")]),
        (task(inherited={"autoretry_for": [error("Exception")]}), [everything("Exception")]),
        (task(), []),
        (task(autoretry_for=[]), []),
        (task(autoretry_for=NETWORK), []),
        (task(autoretry_for=[error("proj.errors.Exception")]), []),
        (task(autoretry_for=[error("Exception")], dont_autoretry_for=[error("ValueError")]), []),
        (task(autoretry_for=[error("Exception")], max_retries=0), []),
        (task(autoretry_for=Opaque("proj.Lazy")), []),
        (task(dont_autoretry_for=[error("Exception")]), []),
    ],
)
def test_retry_everything(subject, messages):
    assert problems("retry-everything", subject) == messages


@pytest.mark.parametrize(
    ("exceptions", "messages"),
    [
        (["billiard.exceptions.TimeLimitExceeded"], [impossible("TimeLimitExceeded")]),
        (["OSError", "billiard.exceptions.WorkerLostError"], [impossible("WorkerLostError")]),
        (["billiard.exceptions.Terminated"], [impossible("Terminated")]),
        (
            ["celery.exceptions.Ignore", "celery.exceptions.Retry"],
            [impossible("Ignore"), impossible("Retry")],
        ),
        ([], []),
        (["Exception"], []),
        (["SystemExit"], []),
        (["TimeoutError"], []),
        (["billiard.exceptions.SoftTimeLimitExceeded"], []),
        (["celery.exceptions.Reject"], []),
        (["celery.exceptions.TaskRevokedError"], []),
        (["proj.errors.TimeLimitExceeded"], []),
        (["urllib3.util.retry.Retry"], []),
        (["requests.exceptions.Timeout", "redis.exceptions.ConnectionError"], []),
    ],
)
def test_impossible_autoretry(exceptions, messages):
    assert problems("impossible-autoretry", task(autoretry_for=[error(e) for e in exceptions])) == messages


@pytest.mark.parametrize(("names", "at_most"), [((), None), (("post",), None), (("get",), Severity.WARNING)])
def test_another_task_s_time_limit_reaches_whoever_waits_for_it(names, at_most):
    lost = [error("billiard.exceptions.TimeLimitExceeded")]
    subject = task(info=TaskInfo("t", names_read=names), autoretry_for=lost)
    assert [problem.at_most for problem in found("impossible-autoretry", subject)] == [at_most]


@pytest.mark.parametrize(
    ("defaults", "fix"),
    [
        ({}, "acks_late=True, reject_on_worker_lost=True, on a queue with a delivery limit"),
        ({"retry_on_worker_lost": False}, "retry_on_worker_lost=True"),
    ],
)
def test_impossible_autoretry_advises_what_the_installed_celery_has(defaults, fix):
    lost = [Opaque("type", "billiard.exceptions.WorkerLostError")]
    subject = TaskInfo("t", options={"autoretry_for": lost}, defaults=defaults)
    assert [problem.fix for problem in found("impossible-autoretry", subject)] == [fix]


@pytest.mark.parametrize("name", ["Ignore", "Retry", "Reject", "SoftTimeLimitExceeded"])
def test_celery_passes_ignore_and_retry_on_before_it_looks_at_autoretry_for(name):
    from celery import Celery, exceptions

    app = Celery(set_as_current=False)
    listed = getattr(exceptions, name)

    @app.task(name="work", autoretry_for=(listed,), max_retries=0, shared=False)
    def work():
        raise listed

    retried = []
    work.retry = lambda **arguments: retried.append(name) or listed()
    with pytest.raises(listed):
        work.run()
    assert bool(retried) is (name not in NEVER_IN_TASK)


@pytest.mark.parametrize("name", ["TimeLimitExceeded", "WorkerLostError", "Terminated"])
def test_lost_processes_raise_billiard_s_exceptions(name):
    from celery import exceptions

    assert getattr(exceptions, name).__module__ == "billiard.exceptions"


HEAD = """
import requests
from celery import Task, shared_task
from proj.helpers import again
"""
AGAIN = "def again(task, exc):\n    raise task.retry(exc=exc)\n"
PERHAPS = "max_retries is None: it retries until it succeeds, or its own code gives up"


def endless(body, options="bind=True, max_retries=None", parameters="self, order"):
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"{HEAD}@shared_task({options})\ndef work({parameters}):\n{lines}"
    return source({"proj/tasks.py": text, "proj/helpers.py": AGAIN})


@pytest.mark.parametrize(
    ("code", "messages"),
    [
        (endless("raise self.retry()"), [FOREVER]),
        (endless("raise self.retry(countdown=5)"), [FOREVER]),
        (endless("again(self, ValueError())"), [FOREVER]),
        (endless("raise work.retry()", "max_retries=None", "order"), [FOREVER]),
        (endless("raise self.retry(countdown=2 ** self.request.retries)"), [FOREVER]),
        (endless("print(f'try {self.request.retries}')\nraise self.retry()"), [FOREVER]),
        (endless("if order:\n    raise self.retry(max_retries=3)\nraise self.retry()"), [FOREVER]),
        (endless("if self.request.retries > 5:\n    return\nraise self.retry()"), [PERHAPS]),
        (endless("tries = self.request.retries\nif tries < 9:\n    raise self.retry()"), [PERHAPS]),
        (endless("raise self.retry(max_retries=3)"), []),
        (endless("raise self.retry(max_retries=order.tries)"), []),
        (endless("raise self.retry()", "bind=True, max_retries=3"), []),
        (endless("raise self.retry()", "bind=True"), []),
        (endless("order.retry()"), []),
        (endless("requests.Session().retry()"), []),
        (endless("return order.retry"), []),
        (endless("order.retry(order.retries)", "max_retries=None", "order"), []),
        (endless("order()"), []),
    ],
)
def test_unbounded_retries_by_hand(code, messages):
    assert problems("unbounded-retries", code) == messages


@pytest.mark.parametrize(
    ("code", "at_most"),
    [
        (endless("raise self.retry()"), None),
        (endless("raise work.retry()", "max_retries=None", "order"), None),
        (endless("order.on_error(self.retry)"), Severity.WARNING),
    ],
)
def test_a_retry_that_is_called_is_proven(code, at_most):
    assert [problem.at_most for problem in found("unbounded-retries", code)] == [at_most]


def test_only_who_counts_by_hand_is_told_to_stop():
    (counting,) = found(
        "unbounded-retries", endless("if self.request.retries > 5:\n    return\nraise self.retry()")
    )
    assert counting.fix == "max_retries=10, in place of counting by hand"
    own = TaskClass("proj.Base", defines=("retry",))
    (inherited,) = found(
        "unbounded-retries",
        app(task(info=TaskInfo("t", classes=(own,)), autoretry_for=[error("OSError")], max_retries=None)),
    )
    assert inherited.fix == "max_retries=10"
