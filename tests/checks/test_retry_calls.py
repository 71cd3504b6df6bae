"""Calls of self.retry: what they are handed, what follows them, and whether there is a self."""

from __future__ import annotations

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import flagged, found, problems, source

HEAD = """
from datetime import datetime, timedelta
import requests
from celery import Task, current_task, shared_task
from celery.utils.log import get_task_logger
from proj.errors import Refused
from proj.services import charge
log = get_task_logger(__name__)
SOON = 60
"""
ERRORS = "class Failed(Exception):\n    pass\n\nclass Refused(Failed):\n    pass\n"
SERVICES = "def charge(order):\n    return order\n"


def project(text, **fields):
    files = {"proj/tasks.py": HEAD + text, "proj/errors.py": ERRORS, "proj/services.py": SERVICES}
    return source(files, **fields)


def bound(lines, parameters="order", options="bind=True"):
    """A bound task whose body is these lines."""
    body = "\n".join(f"    {line}" for line in lines.strip("\n").splitlines())
    return project(f"\n@shared_task({options})\ndef work(self, {parameters}):\n{body}\n")


def handling(statement, caught="ValueError as exc"):
    return bound(f"try:\n    charge(order)\nexcept {caught}:\n    {statement}")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        pytest.param(handling("raise self.retry(exc)"), "self.retry(exc) hands the exception", id="caught"),
        pytest.param(
            handling("self.retry(exc, countdown=60)"),
            "self.retry(exc) hands the exception",
            id="with a countdown",
        ),
        pytest.param(
            handling("self.retry(e)", "(OSError, KeyError) as e"), "self.retry(e) hands", id="one of several"
        ),
        pytest.param(bound("self.retry(ValueError('x'))"), "hands the exception", id="made on the spot"),
        pytest.param(bound("self.retry(Refused(order))"), "hands the exception", id="of the project"),
        pytest.param(bound("self.retry(60)"), "self.retry(60) hands a number", id="a number"),
        pytest.param(bound("self.retry(SOON)"), "self.retry(SOON) hands a number", id="a constant"),
        pytest.param(bound("self.retry(countdown='60')"), "countdown that is text", id="text"),
        pytest.param(
            bound("self.retry(countdown=timedelta(minutes=1))"),
            "countdown that is a timedelta",
            id="duration",
        ),
        pytest.param(bound("self.retry(eta=60)"), "eta that is no datetime", id="number as eta"),
        pytest.param(bound("self.retry(eta=timedelta(1))"), "eta that is no datetime", id="duration as eta"),
        pytest.param(
            bound("self.retry(countdown=5, eta=datetime.now() + timedelta(1))"), "eta is ignored", id="both"
        ),
        pytest.param(bound("self.retry(delay=60)"), "knows no delay=: nothing reads it", id="unknown"),
        pytest.param(
            bound("self.retry(order=order)"), "knows no order=: nothing reads it", id="own argument"
        ),
        pytest.param(bound("self.retry(retries=3)"), "self.retry(retries=...) ends", id="retries"),
        pytest.param(
            project(
                "\ndef again(task, exc):\n    task.retry(exc=exc, wait=5)\n\n@shared_task(bind=True)\n"
                "def work(self, order):\n    again(self, ValueError())\n"
            ),
            "task.retry() knows no wait=",
            id="in a helper",
        ),
        pytest.param(
            project("\n@shared_task\ndef work(order):\n    work.retry(60)\n"),
            "work.retry(60) hands",
            id="its name",
        ),
        pytest.param(
            project(
                "\nclass Work(Task):\n    name = 'work'\n    def run(self, order):\n        self.retry(60)\n"
            ),
            "self.retry(60) hands",
            id="task class",
        ),
    ],
)
def test_wrong_retry_call(code, message):
    (said,) = problems("wrong-retry-call", code)
    assert message in said


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(bound("self.retry()"), id="nothing"),
        pytest.param(handling("raise self.retry(exc=exc)"), id="named"),
        pytest.param(handling("raise self.retry(exc=exc, countdown=60)"), id="named with countdown"),
        pytest.param(bound("self.retry((order,))"), id="a tuple of arguments"),
        pytest.param(bound("self.retry([order], {})"), id="a list of arguments"),
        pytest.param(bound("self.retry(self.request.args)"), id="the arguments it had"),
        pytest.param(bound("self.retry(order)"), id="a parameter that may hold arguments"),
        pytest.param(bound("self.retry(None, None, ValueError())"), id="exception in its own place"),
        pytest.param(bound("self.retry(args=(order,), kwargs={})"), id="arguments by name"),
        pytest.param(bound("self.retry(*order)"), id="starred"),
        pytest.param(bound("self.retry(**order)"), id="double starred"),
        pytest.param(bound("self.retry(countdown=SOON)"), id="constant countdown"),
        pytest.param(bound("self.retry(countdown=0.5)"), id="part of a second"),
        pytest.param(bound("self.retry(countdown=order.delay)"), id="countdown nobody knows"),
        pytest.param(bound("self.retry(countdown=2 ** self.request.retries)"), id="backoff"),
        pytest.param(bound("self.retry(countdown=timedelta(minutes=1).total_seconds())"), id="seconds of it"),
        pytest.param(bound("self.retry(eta=datetime.now() + timedelta(hours=1))"), id="eta"),
        pytest.param(bound("self.retry(eta=order.due)"), id="eta nobody knows"),
        pytest.param(bound("self.retry(eta=None, countdown=60)"), id="no eta"),
        pytest.param(bound("self.retry(eta=datetime.now(), countdown=None)"), id="no countdown"),
        pytest.param(bound("self.retry(eta=order.due, countdown=order.delay)"), id="one of both is None"),
        pytest.param(bound("self.retry(max_retries=5, throw=False)"), id="its own parameters"),
        pytest.param(bound("self.retry(queue='slow', priority=3, expires=60)"), id="sending options"),
        pytest.param(bound("self.retry(time_limit=30, soft_time_limit=20)"), id="limits"),
        pytest.param(bound("self.retry(headers={'tries': 1}, link_error=order)"), id="headers"),
        pytest.param(bound("self.retry(MessageGroupId='a', DelaySeconds=3)"), id="a transport's own"),
        pytest.param(bound("self.retry(tenant='a')"), id="anything a router may read"),
        pytest.param(bound("order.retry(60)"), id="another's retry"),
        pytest.param(bound("requests.Session().retry(delay=3)"), id="a library's retry"),
        pytest.param(handling("order.retry(exc)"), id="another's retry in a handler"),
        pytest.param(bound("charge(order, delay=60)"), id="a function"),
        pytest.param(project("\n@shared_task\ndef work(order):\n    order.retry(60)\n"), id="not bound"),
        pytest.param(
            project(
                "\nclass WorkTask(Task):\n    def retry(self, wait):\n        pass\n"
                "\nclass Work(WorkTask):\n    name = 'w'\n    def retry(self, wait): pass\n"
                "    def run(self, order):\n        self.retry(wait=60)\n"
            ),
            id="a retry of its own",
        ),
    ],
)
def test_right_retry_calls(code):
    assert problems("wrong-retry-call", code) == []


@pytest.mark.parametrize(
    ("statement", "at_most", "fix"),
    [
        ("self.retry(exc)", None, "self.retry(exc=exc)"),
        ("self.retry(60)", None, "self.retry(countdown=60)"),
        ("self.retry(delay=60)", Severity.WARNING, "write countdown="),
        ("self.retry(error=exc, wait=60)", Severity.WARNING, "write exc=, countdown="),
        (
            "self.retry(order=2)",
            Severity.WARNING,
            'kwargs={"order": order}, with all other arguments of the task',
        ),
        ("self.retry(count_down=60)", Severity.WARNING, "write countdown="),
        ("self.retry(max_retry=3)", Severity.WARNING, "write max_retries="),
        ("self.retry(countdown='60')", None, "countdown in seconds, as a number"),
        ("self.retry(countdown=5, eta=datetime.now())", Severity.WARNING, "pass one of them"),
    ],
)
def test_what_to_write_instead(statement, at_most, fix):
    (problem,) = found("wrong-retry-call", handling(statement))
    assert (problem.at_most, problem.fix) == (at_most, fix)


@pytest.mark.parametrize(
    ("code", "lines", "at_most"),
    [
        pytest.param(bound("self.retry()"), ["self.retry()"], Severity.INFO, id="statement"),
        pytest.param(
            handling("self.retry(exc=exc)"), ["self.retry(exc=exc)"], Severity.INFO, id="in a handler"
        ),
        pytest.param(
            bound("self.retry(throw=False)\ncharge(order)"),
            ["self.retry(throw=False)"],
            None,
            id="work behind",
        ),
        pytest.param(
            bound("if order:\n    self.retry(throw=False)\ncharge(order)"),
            ["self.retry(throw=False)"],
            None,
            id="work behind the branch",
        ),
        pytest.param(
            bound("self.retry(throw=False)\nlog.info('x')\nreturn charge(order)"),
            ["self.retry(throw=False)"],
            None,
            id="work returned",
        ),
        pytest.param(bound("raise self.retry()"), [], None, id="raised"),
        pytest.param(bound("return self.retry()"), [], None, id="returned"),
        pytest.param(bound("again = self.retry()\nraise again"), [], None, id="raised later"),
        pytest.param(handling("raise self.retry(exc=exc) from exc"), [], None, id="raised from"),
        pytest.param(bound("self.retry(throw=False)"), [], None, id="nothing behind"),
        pytest.param(bound("self.retry(throw=False)\nreturn"), [], None, id="returns"),
        pytest.param(bound("self.retry(throw=False)\nreturn 'later'"), [], None, id="returns a value"),
        pytest.param(bound("self.retry(throw=False)\nlog.info('later')"), [], None, id="logs"),
        pytest.param(
            bound("if order:\n    self.retry(throw=False)\n    return\ncharge(order)"), [], None, id="leaves"
        ),
        pytest.param(
            bound("if order:\n    self.retry(throw=False)\nelse:\n    charge(order)"),
            [],
            None,
            id="other branch",
        ),
        pytest.param(bound("charge(order)\nself.retry(throw=False)"), [], None, id="work before"),
        pytest.param(bound("self.retry(throw=order.loud)"), [], None, id="throw is computed"),
        pytest.param(bound("self.retry(**order)"), [], None, id="anything passed"),
        pytest.param(bound("order.retry()"), [], None, id="another's retry"),
        pytest.param(bound("charge(order)"), [], None, id="no retry"),
    ],
)
def test_retry_without_raise(code, lines, at_most):
    assert flagged("retry-without-raise", code) == lines
    assert [p.at_most for p in found("retry-without-raise", code)] == [at_most] * len(lines)


def unbound(body, parameters="order", before="", decorators="@shared_task"):
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    return project(f"{before}\n{decorators}\ndef work({parameters}):\n{lines}\n")


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        pytest.param(unbound("raise self.retry()"), ["raise self.retry()"], id="retry"),
        pytest.param(unbound("print(self.request.id)"), ["print(self.request.id)"], id="request"),
        pytest.param(
            unbound("try:\n    charge(order)\nexcept OSError as exc:\n    self.retry(exc=exc)"),
            ["self.retry(exc=exc)"],
            id="in a handler",
        ),
        pytest.param(
            unbound("self.update_state(state='HALF')\nself.retry()"),
            ["self.update_state(state='HALF')"],
            id="first",
        ),
        pytest.param(unbound("self.retry()", "order, *rest, **more"), ["self.retry()"], id="open parameters"),
        pytest.param(
            unbound("task.retry(exc=order)", "task, order"), ["task.retry(exc=order)"], id="parameter"
        ),
        pytest.param(unbound("raise self.retry()", "self, order"), [], id="unbound-self speaks"),
        pytest.param(
            unbound("raise self.retry()", "self, order", decorators="@shared_task(bind=True)"), [], id="bound"
        ),
        pytest.param(unbound("raise work.retry()"), [], id="its own name"),
        pytest.param(unbound("print(work.request.id)"), [], id="request of its own name"),
        pytest.param(unbound("raise current_task.retry()"), [], id="current_task"),
        pytest.param(unbound("self = current_task\nself.retry()"), [], id="assigned"),
        pytest.param(unbound("with charge(order) as self:\n    self.retry()"), [], id="bound by with"),
        pytest.param(unbound("for self in order:\n    self.retry()"), [], id="bound by a loop"),
        pytest.param(unbound("self.retry()", before="self = object()"), [], id="of the module"),
        pytest.param(unbound("self.retry()", before="from proj.services import self"), [], id="imported"),
        pytest.param(unbound("order.retry()"), [], id="a model's retry"),
        pytest.param(unbound("job.retry()", "job"), [], id="first parameter's own retry"),
        pytest.param(unbound("order.retry(exc=None)", "number, order"), [], id="second parameter"),
        pytest.param(
            unbound("task.retry(exc=order)", "task, order", decorators="@shared_task\n@charge"),
            [],
            id="decorated",
        ),
        pytest.param(
            unbound("class A:\n    def b(self):\n        self.retry()\nA()"), [], id="a class inside"
        ),
        pytest.param(unbound("def b(self):\n    self.retry()\nb(order)"), [], id="a function inside"),
        pytest.param(unbound("charge(lambda self: self.retry())"), [], id="a lambda"),
        pytest.param(
            project("\nclass Work(Task):\n    name = 'w'\n    def run(self, order):\n        self.retry()\n"),
            [],
            id="task class",
        ),
    ],
)
def test_retry_on_unbound_task(code, lines):
    assert flagged("retry-on-unbound-task", code) == lines
