"""Numbers, lists and settings as messages and fixes show them."""

from __future__ import annotations

from collections.abc import Sequence

from celerycheck.subjects import Settings, TaskInfo


def number(value: float) -> str:
    """A number without an exponent or a needless `.0`: 43200, 0.5."""
    return f"{value:.10g}"


def listed(names: Sequence[str], most: int = 3) -> str:
    """The first few of them: `a, b, c and 2 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def assignment(settings: Settings, name: str, value: str) -> str:
    """The line that sets a setting, as this project must write it: `CELERY_TASK_TIME_LIMIT = 300`."""
    return f"{settings.spelled(name)} = {value}"


def entry(settings: Settings, name: str, key: str, value: str) -> str:
    """What to write for one entry of a dict setting, beside those that it has."""
    if settings.mapping(name).keys() - {key}:
        return f'"{key}": {value} in {settings.spelled(name)}'
    return assignment(settings, name, f'{{"{key}": {value}}}')


def passing_errors(task: TaskInfo) -> str:
    """What `autoretry_for` should list of the network's errors, for the client that the task's code names.

    The errors of requests and httpx are not Python's own `ConnectionError` and `TimeoutError`.
    """
    if "requests" in task.names_read:
        return "(requests.ConnectionError, requests.Timeout)"
    if "httpx" in task.names_read:
        return "(httpx.TransportError,)"
    return "(ConnectionError, TimeoutError)"
