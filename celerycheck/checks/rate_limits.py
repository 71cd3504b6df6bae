"""Rate limits: whether they can be read, and whom else they slow down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from celerycheck.checks._wording import assignment
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, Opaque, Plain, TaskInfo

_PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}
_HARDLY_LIMITED = 10.0
"""Tasks a second; what waits behind so fast a limit does not wait long."""

_LONG_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h"}


@check
def rate_limit_shares_queue(app: App) -> Iterator[Problem]:
    """A rate-limited task shares a queue with unlimited ones.

    Why: a worker holds the messages it may not run yet, and they fill its prefetch window: unlimited
        tasks behind them run at the limited task's pace.
    Fix: route the rate-limited task to a queue of its own, read by workers of its own.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
    """
    if app.settings.flag("worker_disable_rate_limits"):
        return
    limited: list[tuple[TaskInfo, str]] = []
    unlimited: Counter[str] = Counter()
    for task in app.tasks:
        try:
            rate = rate_of(task.option("rate_limit"))
        except (NotEvaluated, ValueError):
            continue
        if task.queue and rate >= _HARDLY_LIMITED:
            continue
        if task.queue and rate:
            limited.append((task, task.queue))
        elif task.queue:
            unlimited[task.queue] += 1
    for task, queue in limited:
        if unlimited[queue]:
            others = "an unlimited task" if unlimited[queue] == 1 else f"{unlimited[queue]} unlimited tasks"
            yield Problem(
                f"rate_limit {task.option('rate_limit')!r} holds up {others} in queue {queue!r}",
                fix=_route(app, task),
                about=task,
            )


def _route(app: App, task: TaskInfo) -> str:
    """What to write to give it a queue of its own, beside the routes there are."""
    route = f'"{task.name}": {{"queue": "{task.name.rpartition(".")[2]}"}}'
    if app.routes or app.settings.flag("task_routes"):
        return f"add {route} to {app.settings.spelled('task_routes')}"
    return assignment(app.settings, "task_routes", f"{{{route}}}")


@check
def malformed_rate_limit(app: App) -> Iterator[Problem]:
    """A rate limit cannot be read.

    Why: the worker reads every rate limit when it starts, even with rate limits disabled, and stops
        with the error; a negative one lets nothing through after the first task.
    Fix: write a number of tasks per second, or a string like `10/s`, `10/m` or `10/h`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
    """
    if app.settings.explicit("task_default_rate_limit"):
        default = app.settings["task_default_rate_limit"]
        for fault, fix in _rate_faults("task_default_rate_limit", default.value):
            yield Problem(fault, fix=fix, about=default)
    for task in app.tasks:
        if "rate_limit" in task.explicit:
            for fault, fix in _rate_faults("rate_limit", task.option("rate_limit")):
                yield Problem(fault, fix=fix, about=task)


def _rate_faults(option: str, value: Plain) -> Iterator[tuple[str, str]]:
    """Message and fix for a rate limit that stops the worker or its tasks."""
    usual = f'write {option} = "10/s", "10/m" or "10/h"'
    try:
        rate = rate_of(value)
    except NotEvaluated:
        return
    except ValueError as error:
        shown = repr(value) if isinstance(value, str) else f"a {_kind(value)}"
        yield (
            f"{option} is {shown}: {error}, and the worker does not start",
            _rate_fix(option, value) or usual,
        )
    else:
        if rate < 0:
            yield f"{option} is {value!r}: below zero, nothing runs after the first task", usual


def _kind(value: Plain) -> str:
    return value.kind if isinstance(value, Opaque) else type(value).__name__


def _rate_fix(option: str, value: Plain) -> str | None:
    """The line to write where the unit is merely spelled out (`10/min`)."""
    if not isinstance(value, str):
        return None
    count, _, unit = value.partition("/")
    word = unit.strip().lower().removesuffix("s") or unit.strip().lower()
    short = word if word in _PER_SECOND else _LONG_UNITS.get(word)
    return f'write {option} = "{count.strip()}/{short}"' if short and count.strip().isdigit() else None


def rate_of(value: Plain) -> float:
    """Tasks a second, 0 for no limit, as `celery.utils.time.rate` and the worker's token bucket read it.

    Raises ValueError, with the reason, where those raise, and `NotEvaluated` for a computed value.
    """
    if isinstance(value, Opaque):
        if value.seconds is None:
            raise NotEvaluated("the rate limit is computed")
        if value.seconds:
            raise ValueError("a duration is no rate")
        return 0.0
    if not value:
        return 0.0
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        return _rate_in(value)
    raise ValueError(f"a {type(value).__name__} is no rate")


def _rate_in(text: str) -> float:
    count, _, unit = text.partition("/")
    if (unit or "s") not in _PER_SECOND:
        raise ValueError(f"the unit {unit!r} is none of s, m and h")
    try:
        return float(count) / _PER_SECOND[unit or "s"]
    except ValueError:
        raise ValueError(f"{count!r} is no number") from None
