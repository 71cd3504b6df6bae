"""Monitoring: whether a failed task reaches a person."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.failure_reporters import REPORTERS
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, TaskInfo


@check
def no_error_reporting(app: App) -> Iterator[Problem]:
    """Nothing reports failed tasks to a person.

    Why: a failed task has no user who sees an error page; without a report it is a line in a worker's
        log, found when somebody misses the result.
    Fix: install an error reporter with a Celery integration, connect a receiver to `task_failure`, or
        give tasks a base class with `on_failure`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/signals.html#task-failure
    """
    if app.error_reporters or not app.tasks:
        return
    if any(_handles_failure(task) for task in app.tasks):
        return
    if app.partial:
        raise NotEvaluated(f"only part of the project could be loaded: {app.partial}")
    installed = sorted(REPORTERS.intersection(app.modules_available))
    if installed:
        yield Problem(
            f"{installed[0]} is installed but was not switched on when the app was loaded",
            fix="audit with the settings of the deployment, or initialise it there",
            about=app,
            at_most=Severity.INFO,
        )
    else:
        yield Problem("no error reporter, no task_failure receiver and no on_failure", about=app)


@check
def lost_failure(app: App) -> Iterator[Problem]:
    """A failed task leaves only a line in the worker's log.

    Why: with its result ignored, a failed task cannot be asked what happened, and nobody is told.
    Fix: set `task_store_errors_even_if_ignored = True`, give the task a base class with `on_failure`, or
        report errors (Sentry, a `task_failure` receiver).
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.store_errors_even_if_ignored
    """
    if app.error_reporters:
        return
    for task in app.tasks:
        if not task.ignore_result or _handles_failure(task):
            continue
        if app.backend.scheme is None:
            yield Problem("a failure is neither stored (there is no result backend) nor handled", about=task)
        elif not task.flag("store_errors_even_if_ignored"):
            yield Problem("ignore_result is on, and a failure is neither stored nor handled", about=task)


def _handles_failure(task: TaskInfo) -> bool:
    return "on_failure" in task.explicit or any("on_failure" in c.defines for c in task.classes)
