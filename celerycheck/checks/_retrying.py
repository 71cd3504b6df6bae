"""How often and after how long a task retries, as Celery reads its options."""

from __future__ import annotations

from collections.abc import Mapping

from celerycheck.subjects import NotEvaluated, Plain, TaskInfo, number_of


def retries_automatically(task: TaskInfo) -> bool:
    return bool(task.autoretry_for) and most_retries(task) != 0


def most_retries(task: TaskInfo) -> float | None:
    """How often it is retried automatically; None for ever."""
    given = number_of(f"max_retries of {task.name}", retry_arguments(task).get("max_retries"))
    return task.max_retries if given is None else given


def retry_arguments(task: TaskInfo) -> Mapping[str, Plain]:
    """What `task.retry()` is called with; `NotEvaluated` where it is computed."""
    value = task.option("retry_kwargs")
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise NotEvaluated(f"retry_kwargs of {task.name} is computed")


def countdown(task: TaskInfo) -> float | None:
    """The delay that `retry_kwargs` sets, in seconds; None where it sets none."""
    return number_of(f"countdown of {task.name}", retry_arguments(task).get("countdown"))


def backoff(task: TaskInfo) -> tuple[int, int] | None:
    """The first delay and the longest one in seconds; None where retries do not back off."""
    first = task.number("retry_backoff")
    if not first:
        return None
    longest = task.number("retry_backoff_max")
    return int(max(1.0, first)), 600 if longest is None else int(longest)


def mentions(task: TaskInfo, name: str) -> bool:
    """Whether the task's code, or a method of its classes, reads an attribute of that name."""
    return name in task.names_read or any(name in cls.reads for cls in task.classes)


def may_call_retry(task: TaskInfo) -> bool:
    """Whether its code or a class of its own mentions `retry`."""
    return mentions(task, "retry") or any("retry" in cls.defines for cls in task.classes)
