"""Time limits of tasks, as a worker's pool reads them."""

from __future__ import annotations

import math

from celerycheck.subjects import Plain, Settings, TaskInfo, number_of


def limit_of(settings: Settings, task: TaskInfo, option: str) -> float | None:
    """`time_limit` or `soft_time_limit` in seconds; None where there is none.

    0 on a task means the setting's, as the pool reads it (`timeout or self.timeout`).
    """
    setting = f"task_{option}"
    return _seconds(f"{option} of {task.name}", task.option(option)) or (
        _seconds(setting, settings.value(setting)) if setting in settings else None
    )


def sets_limit(task: TaskInfo, option: str) -> bool:
    """Whether the limit that applies is the task's own, not the setting's."""
    return option in task.explicit and bool(task.option(option))


def _seconds(name: str, value: Plain) -> float | None:
    """Text from the environment counts as its number: the pool enforces it all the same."""
    if isinstance(value, str):
        try:
            seconds = float(value)
        except ValueError:
            seconds = math.nan
        if math.isfinite(seconds):
            return seconds or None
    return number_of(name, value) or None
