"""Retries: whether they end, and which exceptions are retried."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celerycheck.checks._retrying import (
    may_call_retry,
    of_each,
    overrides_retry,
    retries_automatically,
    retry_arguments,
    retry_calls,
)
from celerycheck.checks._wording import passing_errors
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.evidence import Reached, SourceCode, TaskBody
from celerycheck.source.following import DEPTH
from celerycheck.subjects import TaskInfo

_COUNTS = frozenset({"retries", "max_retries"})
_GROWS = (ast.Mult, ast.Pow, ast.LShift)
RESULT_WAITS = frozenset(("get", "join", "join_native", "collect", "iterate", "wait", "maybe_throw"))
"""Methods of a result that raise another task's exception, `TimeLimitExceeded` included."""

NEVER_IN_TASK = {
    "TimeLimitExceeded": (
        "which the worker's main process raises after it has killed the task",
        "autoretry_for=(SoftTimeLimitExceeded,), with soft_time_limit below time_limit",
    ),
    "WorkerLostError": (
        "which the worker's main process raises after the task's process has died",
        "acks_late=True, reject_on_worker_lost=True, on a queue with a delivery limit",
    ),
    "Terminated": (
        "which the worker's main process raises for a task that was revoked",
        "leave it out: a terminated task is meant to end",
    ),
    "Ignore": ("which Celery passes on before it looks at autoretry_for", "leave it out"),
    "Retry": (
        "which Celery passes on before it looks at autoretry_for",
        "leave it out: it is a retry already",
    ),
}
"""Why an exception is never retried, and what to write instead.

Tried on Celery 5.3 and 5.7: a task over its hard limit or terminated sees SystemExit, one whose process dies
sees nothing; all of `Ignore`, `Retry`, `Terminated`, `TimeLimitExceeded` and `WorkerLostError` ran once.
"""


@check
def unbounded_retries(source: SourceCode) -> Iterator[Problem]:
    """A task may retry forever.

    Why: a message that can never succeed comes back until a person notices; it keeps a worker busy
        and hides in the queue.
    Fix: set `max_retries` to a number, and let the last failure reach a person.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.max_retries
    """
    yield from of_each(source, _unbounded)


def _unbounded(task: TaskInfo, body: TaskBody | None) -> Iterator[Problem]:
    if task.option("max_retries") is not None:
        return
    automatic = bool(task.autoretry_for) and retry_arguments(task).get("max_retries") is None
    proven = automatic or _retries_by_hand(task, body)
    if proven is None:
        return
    if _may_count(task, body):
        message = "max_retries is None: it retries until it succeeds, or its own code gives up"
        by_hand = body is not None and _counts(body.node)
        fix = "max_retries=10, in place of counting by hand" if by_hand else "max_retries=10"
        yield Problem(message, fix=fix, at_most=Severity.INFO)
    else:
        yield Problem(
            "max_retries is None: it retries until it succeeds",
            fix="max_retries=10",
            at_most=None if proven else Severity.WARNING,
        )


def _may_count(task: TaskInfo, body: TaskBody | None) -> bool:
    """Whether the task, or a class of its own, may count its retries by hand."""
    if overrides_retry(task) or any(not _COUNTS.isdisjoint(cls.reads) for cls in task.classes):
        return True
    if body is None or task.self_escapes:
        return not _COUNTS.isdisjoint(task.names_read)
    return _counts(body.node)


def _counts(node: ast.AST) -> bool:
    """Whether code reads how often it was retried for anything but a delay or a message."""
    if isinstance(node, ast.Attribute) and node.attr in _COUNTS:
        return True
    if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.BinOp) and isinstance(node.op, _GROWS)):
        return False
    return any(map(_counts, ast.iter_child_nodes(node)))


def _retries_by_hand(task: TaskInfo, body: TaskBody | None) -> bool | None:
    """Whether its code surely asks for retries without a bound; None where it surely does not."""
    mentioned = may_call_retry(task)
    if body is None or overrides_retry(task):
        return task.bound and "retry" in task.names_read if mentioned else None
    calls = list(retry_calls(body, DEPTH))
    if calls:
        return None if all(map(_is_bounded, calls)) else True
    elsewhere = task.self_escapes or any("retry" in cls.reads for cls in task.classes)
    return False if mentioned and (elsewhere or _mentions_own_retry(body)) else None


def _is_bounded(reached: Reached) -> bool:
    limit = reached.call.argument("max_retries", 6)
    return limit is not None and not (limit.is_constant and limit.constant is None)


def _mentions_own_retry(body: TaskBody) -> bool:
    """Whether `self.retry` stands anywhere in the body, functions inside it included."""
    first = body.task.first_parameter if body.task.bound or body.task.class_based else None
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "retry"
        and isinstance(node.value, ast.Name)
        and node.value.id == first
        for node in ast.walk(body.node)
    )


@check
def retry_everything(task: TaskInfo) -> Iterator[Problem]:
    """Every exception is retried.

    Why: a bug or a bad argument fails the same way each time; retrying it wastes the workers' time and
        delays the alarm. `Exception` includes `SoftTimeLimitExceeded`: what is too slow runs again.
    Fix: list what may pass by itself, `autoretry_for=(ConnectionError, TimeoutError)`, or exclude what
        cannot with `dont_autoretry_for`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.autoretry_for
    """
    if not retries_automatically(task) or task.option("dont_autoretry_for"):
        return
    broad = next((name for name in ("BaseException", "Exception") if name in task.autoretry_for), None)
    if broad:
        yield Problem(
            f"autoretry_for lists {broad}: bugs and bad arguments are retried too",
            fix=f"autoretry_for={passing_errors(task)}, or dont_autoretry_for=(ValueError,)",
        )


@check
def impossible_autoretry(task: TaskInfo) -> Iterator[Problem]:
    """autoretry_for lists an exception that is never retried.

    Why: the retry happens inside the task's own process; what the worker raises after that process is
        gone, and what Celery takes for itself, is never retried, however it is listed.
    Fix: list `SoftTimeLimitExceeded` for time limits; for lost processes see `acks_late`,
        `reject_on_worker_lost` and (Celery 5.7) `retry_on_worker_lost`.
    Reference: celery.app.autoretry, celery.worker.request
    """
    for name in task.autoretry_for:
        module, _, short = name.rpartition(".")
        if module not in ("billiard.exceptions", "celery.exceptions") or short not in NEVER_IN_TASK:
            continue
        why, fix = NEVER_IN_TASK[short]
        if short == "WorkerLostError" and "retry_on_worker_lost" in task.defaults:
            fix = "retry_on_worker_lost=True"
        yield Problem(
            f"autoretry_for lists {short}, {why}: it is never retried",
            fix=fix,
            # Waiting for another task's result raises that task's exception here.
            at_most=None if RESULT_WAITS.isdisjoint(task.names_read) else Severity.WARNING,
        )
