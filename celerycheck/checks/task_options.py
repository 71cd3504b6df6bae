"""Options on tasks: names that Celery does not have, and values that overwrite its methods."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.findings import Severity
from celerycheck.known_options import (
    CALL_OPTIONS,
    DECORATOR_ONLY,
    MEANT,
    PLUGIN_OPTIONS,
    SETTING_INSTEAD,
    TASK_OPTIONS,
)
from celerycheck.nearest import nearest
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, Opaque, TaskInfo


@check
def unknown_task_option(app: App) -> Iterator[Problem]:
    """A task has an option that Celery does not have.

    Why: Celery makes any keyword an attribute of the task and never looks at it again, so a limit
        under a wrong name reads like a limit and never holds.
    Fix: use the option's own name, or remove it where nothing reads it.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#list-of-options
    """
    known = {name for name, since in TASK_OPTIONS.items() if _version(since) <= app.version}
    known |= {*app.task_attributes, *app.task_methods, *PLUGIN_OPTIONS}
    for task in app.tasks:
        for option in task.explicit:
            if option not in known and not option.startswith("_") and not _read_by_project(task, option):
                yield _unknown(app, task, option)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _read_by_project(task: TaskInfo, option: str) -> bool:
    """Whether a class of the task's defines or reads the name, or its own code does."""
    if any(option in c.defines or option in c.reads for c in task.classes):
        return True
    if task.explicit[option].startswith("class "):
        return True
    requests = option == "retries" and "request" in task.names_read  # self.request.retries
    return option in task.names_read and not requests


def _unknown(app: App, task: TaskInfo, option: str) -> Problem:
    since = TASK_OPTIONS.get(option)
    meant = MEANT.get(option) or _near(option)
    if since:
        return Problem(
            f"{option} needs Celery {since}, and {app.celery} is installed: it does nothing",
            fix=f"install Celery {since} or newer, or remove {option}",
            about=task,
        )
    if meant and _version(TASK_OPTIONS[meant]) <= app.version:
        return Problem(
            f"{option} is no option of Celery's and does nothing; the option is {meant}",
            fix=f"write {meant}= instead of {option}=",
            about=task,
        )
    if option in CALL_OPTIONS:
        return Problem(
            f"{option} is an option of apply_async(), and does nothing on a task",
            fix=f"hand {option}= to apply_async() where the task is called",
            about=task,
        )
    if option in SETTING_INSTEAD:
        setting = SETTING_INSTEAD[option]
        return Problem(
            f"{option} cannot be set on a task and does nothing here; the setting {setting} is for that",
            fix=f"remove {option}=, and set {setting} for the whole app",
            about=task,
        )
    return Problem(
        f"{option} is no option of Celery's; nothing seen here reads it",
        fix="remove it, or let the task's base class define it with a default",
        about=task,
        at_most=Severity.INFO,
    )


def _near(option: str) -> str | None:
    """The option a slip of the finger away; short names are left alone, as projects have their own."""
    return nearest(option, TASK_OPTIONS, cutoff=0.92) if len(option) >= 8 else None


@check
def option_shadows_method(app: App) -> Iterator[Problem]:
    """An option overwrites a method of the task.

    Why: `retry=3` makes `task.retry` the number 3, so the retry that was meant raises TypeError instead
        and hides the first error; `delay=5` breaks every call.
    Fix: use the option that does what was meant (`max_retries`, `default_retry_delay`).
    Reference: celery.app.base.Celery._task_from_fun
    """
    methods = set(app.task_methods) - DECORATOR_ONLY
    for task in app.tasks:
        for option in task.explicit:
            if option in methods and option in task.options:
                value = task.options[option]
                if not isinstance(value, Opaque):
                    kind = "None" if value is None else f"of type {type(value).__name__}"
                    yield Problem(
                        f"{option} is {kind} and overwrites Task.{option}(): calling it raises TypeError",
                        fix=METHODS_INSTEAD.get(option, f"remove {option}="),
                        about=task,
                    )


METHODS_INSTEAD = {
    "delay": "write default_retry_delay= for the pause before a retry; a delay before the task is "
    "countdown= of apply_async()",
    "retry": "write max_retries= for the number of retries, and autoretry_for= for the exceptions to retry",
}
