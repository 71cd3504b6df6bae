"""Time limits: whether a task has one, leaves time to recover, and runs in a pool that enforces it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from celerycheck.checks._limits import limit_of, sets_limit
from celerycheck.checks._pools import pool_of
from celerycheck.checks._wording import assignment, number
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, NotEvaluated, Setting, TaskInfo


@check
def no_time_limit(app: App) -> Iterator[Problem]:
    """Nothing stops a task that hangs.

    Why: a connection that never answers or a loop that never ends keeps its process for ever; a few such
        tasks, and the worker stands still while it looks alive.
    Fix: set `task_time_limit` and `task_soft_time_limit` for all tasks, and longer ones on the tasks that
        need them.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    pool = pool_of(app.settings)
    if pool and not pool.hard:
        raise NotEvaluated(f"the {pool.name} pool enforces no time limits")
    limits = _Limits(app)
    without = [task for task, soft, hard in limits.read if soft is None and hard is None]
    if not without:
        limits.raise_if_all_unreadable()
    elif len(without) == len(app.tasks):
        yield Problem(
            f"neither a setting nor a task sets a time limit (tasks concerned: {len(without)})",
            fix=f"set {app.settings.spelled('task_time_limit')} above your longest task, for example"
            f" {_example(app)}, and {app.settings.spelled('task_soft_time_limit')} below it",
            about=app.settings["task_time_limit"],
        )
    else:
        fix = (
            f"set time_limit above its longest run, for example {_example(app)}, and soft_time_limit below it"
        )
        for task in without:
            yield Problem(
                "neither time_limit nor soft_time_limit applies, though other tasks have one, unless it is"
                " given when the task is sent",
                fix=fix,
                about=task,
            )


def _example(app: App) -> int:
    """A limit that brokers have the patience for: Redis waits an hour for a late acknowledgement."""
    return 1500 if any(task.acks_late for task in app.tasks) else 3600


@check
def no_soft_time_limit(app: App) -> Iterator[Problem]:
    """A hard time limit has no soft one before it.

    Why: at the hard limit the process is killed; nothing is cleaned up, no half-done work recorded, and
        whatever else the process held is lost.
    Fix: set `soft_time_limit` below `time_limit`, and handle `SoftTimeLimitExceeded`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    pool = pool_of(app.settings)
    if pool and not pool.soft:
        raise NotEvaluated(f"the {pool.name} pool enforces no soft time limits")
    limits = _Limits(app)
    limits.raise_if_all_unreadable()
    by_setting = []
    for task, soft, hard in limits.read:
        if hard is None or soft is not None:
            continue
        problem = Problem(
            f"{_named(task, 'time_limit')} is {number(hard)} s and no soft limit comes before it",
            fix=_earlier(app, task, "time_limit", hard),
            about=task,
        )
        if sets_limit(task, "time_limit"):
            yield problem
        else:
            by_setting.append(problem)
    yield from _said_once(by_setting, app.settings["task_soft_time_limit"])


def _said_once(problems: Sequence[Problem], about: Setting) -> Iterator[Problem]:
    """What a setting brings upon all tasks that leave it be, said of the setting."""
    if problems:
        message = f"{problems[0].message} (tasks concerned: {len(problems)})"
        yield replace(problems[0], message=message, about=about)


@check
def soft_limit_too_late(app: App) -> Iterator[Problem]:
    """The soft time limit does not come before the hard one.

    Why: the soft limit is there to leave time for recovery; one that comes with or after the hard limit
        leaves none, and Celery 5.7 refuses to send such a task at all.
    Fix: keep `soft_time_limit` well below `time_limit`; the settings `task_soft_time_limit` and
        `task_time_limit` fill in whichever of the two a task leaves out.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    limits = _Limits(app)
    limits.raise_if_all_unreadable()
    by_settings = []
    for task, soft, hard in limits.read:
        if soft is None or hard is None or soft < hard:
            continue
        problem = Problem(
            f"{_named(task, 'soft_time_limit')} is {number(soft)} s and {_named(task, 'time_limit')}"
            f" {number(hard)} s: {_too_late(app, task, soft, hard)}",
            fix=_earlier(app, task, "soft_time_limit", hard),
            about=task,
        )
        if sets_limit(task, "soft_time_limit") or sets_limit(task, "time_limit"):
            yield problem
        else:
            by_settings.append(problem)
    yield from _said_once(by_settings, app.settings["task_soft_time_limit"])


@check
def limits_ignored_by_pool(app: App) -> Iterator[Problem]:
    """The worker pool ignores limits that are set.

    Why: a task that hangs blocks its worker in spite of its time limit, and memory that leaks is never
        given back, and nothing says so.
    Fix: use the prefork pool, or put timeouts on every call that can hang and restart workers from outside.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    pool = pool_of(app.settings)
    if pool is None:
        raise NotEvaluated("worker_pool is computed, or no pool of Celery's own")
    ignored = []
    limits = _Limits(app)
    if not pool.hard:
        ignored += _set_for(app, "time_limit", sum(hard is not None for _, _, hard in limits.read))
    if not pool.soft:
        ignored += _set_for(app, "soft_time_limit", sum(soft is not None for _, soft, _ in limits.read))
    if not pool.recycles:
        names = ("worker_max_tasks_per_child", "worker_max_memory_per_child")
        ignored += [name for name in names if app.settings.flag(name)]
    if ignored:
        yield Problem(
            f"the {pool.name} pool ignores {', '.join(ignored)}",
            fix=assignment(app.settings, "worker_pool", '"prefork"'),
            about=app.settings["worker_pool"],
        )


class _Limits:
    """Every task with its soft and hard limit in seconds, None for none; unreadable ones kept apart."""

    def __init__(self, app: App) -> None:
        self.settings = app.settings
        self.read: list[tuple[TaskInfo, float | None, float | None]] = []
        self.unreadable: NotEvaluated | None = None
        for task in app.tasks:
            self._add(task)

    def _add(self, task: TaskInfo) -> None:
        try:
            soft = limit_of(self.settings, task, "soft_time_limit")
            hard = limit_of(self.settings, task, "time_limit")
        except NotEvaluated as reason:
            self.unreadable = reason
        else:
            self.read.append((task, soft, hard))

    def raise_if_all_unreadable(self) -> None:
        if self.unreadable is not None and not self.read:
            raise self.unreadable


def _named(task: TaskInfo, option: str) -> str:
    """Where a limit comes from: the task's own option, or the setting's name."""
    return option if sets_limit(task, option) else f"task_{option}"


def _earlier(app: App, task: TaskInfo, option: str, hard: float) -> str:
    """A soft limit that fits, to be written where `option` was."""
    soft = number(hard * 0.9)
    if sets_limit(task, option):
        return f"soft_time_limit={soft}"
    return assignment(app.settings, "task_soft_time_limit", soft)


def _too_late(app: App, task: TaskInfo, soft: float, hard: float) -> str:
    """What Celery makes of a soft limit that is not below the hard one.

    Tried on 5.3 to 5.7. From 5.5 on `apply_async` compares the task's own limits, from 5.7 on also those
    it takes from settings. Where it lets them pass, the event loop starts the hard limit's clock only
    after the soft limit; whether the task can still catch it is a matter of luck, as with equal limits.
    """
    own = sets_limit(task, "time_limit") and sets_limit(task, "soft_time_limit")
    if soft == hard:
        return "it is killed as it is asked to stop"
    if app.version >= (5, 7) or (app.version >= (5, 5) and own):
        return "every delay() raises ValueError"
    newer = "Celery 5.5" if own else "Celery 5.7"
    return f"it is killed as it is asked to stop, and with {newer} every delay() raises ValueError"


def _set_for(app: App, option: str, tasks: int) -> list[str]:
    """A limit as the report names it: the setting, or the option and how many tasks it is set for."""
    if app.settings.flag(f"task_{option}"):
        return [f"task_{option}"]
    return [f"{option} (tasks concerned: {tasks})"] if tasks else []
