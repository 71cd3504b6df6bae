"""Retries: whether they end, and which exceptions are retried."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._retrying import (
    may_call_retry,
    mentions,
    retries_automatically,
    retry_arguments,
)
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.subjects import TaskInfo

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
def unbounded_retries(task: TaskInfo) -> Iterator[Problem]:
    """A task may retry forever.

    Why: a message that can never succeed comes back until a person notices; it keeps a worker busy
        and hides in the queue.
    Fix: set `max_retries` to a number, and let the last failure reach a person.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.max_retries
    """
    if task.option("max_retries") is not None or not task.may_retry:
        return
    automatic = bool(task.autoretry_for) and retry_arguments(task).get("max_retries") is None
    by_hand = "retry" in task.names_read
    if not automatic and not may_call_retry(task):
        return
    counts_itself = (
        any("retry" in cls.defines for cls in task.classes)
        or mentions(task, "retries")
        or mentions(task, "max_retries")
    )
    if counts_itself:
        message = "max_retries is None: it retries until it succeeds, or its own code gives up"
        yield Problem(message, fix="max_retries=10, in place of counting by hand", at_most=Severity.INFO)
    else:
        proven = automatic or (by_hand and task.bound)
        yield Problem(
            "max_retries is None: it retries until it succeeds",
            fix="max_retries=10",
            at_most=None if proven else Severity.WARNING,
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
            fix="autoretry_for=(ConnectionError, TimeoutError), or dont_autoretry_for=(ValueError,)",
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
