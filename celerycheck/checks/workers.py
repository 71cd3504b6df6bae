"""How workers run: child processes, memory, prefetching and what can be seen of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from celerycheck.checks._delays import delays
from celerycheck.checks._limits import limit_of
from celerycheck.checks._pools import pool_of
from celerycheck.checks._transports import on_rabbitmq, on_redis
from celerycheck.checks._wording import assignment, number
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.source.evidence import SourceCode
from celerycheck.subjects import App, Settings, TaskInfo

_GREEN = frozenset({"eventlet", "gevent"})
_OVERRIDDEN = "unless workers are started with --prefetch-multiplier"


@check
def no_max_tasks_per_child(app: App) -> Iterator[Problem]:
    """Worker processes are never replaced.

    Why: what tasks leak stays for as long as the worker runs, until the machine runs out of memory and
        the kernel kills whatever is largest.
    Fix: set `worker_max_tasks_per_child`, or `worker_max_memory_per_child` (in KiB).
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#max-tasks-per-child-setting
    """
    settings = app.settings
    if not _is_prefork(settings):
        return
    about = settings["worker_max_tasks_per_child"]
    tasks = settings.number("worker_max_tasks_per_child")
    if tasks is not None and tasks < 1:
        yield Problem(
            f"worker_max_tasks_per_child is {number(tasks)}: the worker does not start (ValueError)",
            fix=assignment(settings, "worker_max_tasks_per_child", "1000, or None for no limit"),
            about=about,
        )
    elif app.tasks and tasks is None and (settings.number("worker_max_memory_per_child") or 0) <= 0:
        # The pool is then named on the command line, where a picture does not see it.
        elsewhere = not settings.explicit("worker_pool") and _GREEN & {*app.modules_available}
        yield Problem(
            "neither worker_max_tasks_per_child nor worker_max_memory_per_child is set"
            + (", which matters if workers run prefork" if elsewhere else ""),
            fix=assignment(settings, "worker_max_tasks_per_child", "1000"),
            about=about,
            at_most=Severity.INFO if elsewhere else None,
        )


def _is_prefork(settings: Settings) -> bool:
    """Whether child processes run the tasks, as far as settings tell: `-P` is not seen."""
    pool = pool_of(settings)
    return pool is not None and pool.name == "prefork"


@check
def tiny_memory_limit(settings: Settings, *, smallest: int = 25_000) -> Iterator[Problem]:
    """The memory limit per child is too small to be meant in KiB.

    Why: a Celery process that imports nothing of yours takes about 40,000 KiB; below that, every
        child is replaced after each task, and the worker spends its time forking.
    Fix: give the limit in KiB: 200 MiB are `204_800`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-max-memory-per-child
    """
    limit = settings.number("worker_max_memory_per_child")
    if limit is None or not 0 < limit < smallest or not _is_prefork(settings):
        return
    meant = limit if limit <= 8192 else 200
    yield Problem(
        f"worker_max_memory_per_child is {number(limit)} KiB, less than a bare worker process takes:"
        " every child is replaced after each task",
        fix=assignment(settings, "worker_max_memory_per_child", f"{meant * 1024:.0f}")
        + f", which is {number(meant)} MiB",
        about=settings["worker_max_memory_per_child"],
    )


@check
def greedy_prefetch(app: App, *, long_after: float = 60.0) -> Iterator[Problem]:
    """Workers reserve more messages than they can run.

    Why: messages reserved behind a long task wait while other workers are idle; with late
        acknowledgement they are also redelivered, all of them, when the worker is lost.
    Fix: set `worker_prefetch_multiplier = 1` for long or late-acknowledged tasks.
    Reference: https://docs.celeryq.dev/en/stable/userguide/optimizing.html#prefetch-limits
    """
    settings = app.settings
    multiplier = settings.number("worker_prefetch_multiplier")
    if multiplier is None or 0 < multiplier <= 1 or _prefetches_nothing(app):
        return
    about = settings["worker_prefetch_multiplier"]
    fix = assignment(settings, "worker_prefetch_multiplier", "1")
    if multiplier <= 0:
        yield Problem(
            f"worker_prefetch_multiplier is {number(multiplier)}: the first worker takes every waiting"
            f" message, {_OVERRIDDEN}",
            fix,
            about,
        )
        return
    late = sum(task.acks_late for task in app.tasks)
    long = sum(_own_limit(app, task) > long_after for task in app.tasks)
    if not late and not long:
        return
    tasks = [f"{late} of {len(app.tasks)} tasks acknowledge late"] if late else []
    tasks += [f"{long} of {len(app.tasks)} tasks may run longer than {number(long_after)} s"] if long else []
    yield Problem(
        f"worker_prefetch_multiplier is {number(multiplier)}, while {' and '.join(tasks)}, {_OVERRIDDEN}",
        fix,
        about,
    )


def _prefetches_nothing(app: App) -> bool:
    """Celery 5.6 and newer can do without prefetching, on Redis only."""
    return app.settings.flag("worker_disable_prefetch") and on_redis(app.broker)


def _own_limit(app: App, task: TaskInfo) -> float:
    """The hard limit that a task itself asks for; 0 where there is none, or it cannot be read.

    A limit for all tasks is a safety net: it says little about how long any of them runs.
    """
    if "time_limit" not in task.explicit:
        return 0
    try:
        return limit_of(app.settings, task, "time_limit") or 0
    except NotEvaluated:
        return 0


@check
def unbounded_eta_buffer(source: SourceCode, *, tasks: int = 10) -> Iterator[Problem]:
    """Nothing bounds how many delayed tasks a worker holds.

    Why: a worker takes messages with an ETA off the broker and keeps them in memory until they are
        due; in a burst of retries one worker may take them all, where no other worker sees them.
    Fix: set `worker_eta_task_limit`, to a few thousand. With fewer than `tasks` that retry or are sent with
        a delay, nothing is said.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-eta-task-limit
    Since: Celery 5.6
    """
    app = source.app
    app.needs_celery(5, 6)
    if app.settings.number("worker_eta_task_limit") or _delays_on_broker(app):
        return
    retrying = [task.name for task in app.tasks if _retries_later(task)]
    sent = {delay.about.name for delay in delays(source)}.difference(retrying)
    if len(retrying) + len(sent) >= max(tasks, 1):
        said = [_counted(retrying, "retries", "retry"), _counted(sent, "is sent", "are sent")]
        yield Problem(
            f"{' and '.join(filter(None, said))} after a delay, and worker_eta_task_limit is not set",
            fix=assignment(app.settings, "worker_eta_task_limit", "1000"),
            about=app.settings["worker_eta_task_limit"],
        )


def _counted(names: Collection[str], one: str, many: str) -> str:
    """`1 task retries`, `12 tasks retry`; empty for none."""
    return f"{len(names)} tasks {many}" if len(names) > 1 else f"1 task {one}" if names else ""


def _delays_on_broker(app: App) -> bool:
    """One quorum queue on RabbitMQ is enough for Celery to let the broker hold delayed messages."""
    return on_rabbitmq(app.broker) and any(q.type == "quorum" for q in app.queues)


def _retries_later(task: TaskInfo) -> bool:
    """Whether it retries and no retry of it is known to be immediate."""
    if not task.autoretry_for and not (task.bound and "retry" in task.names_read):
        return False
    if task.autoretry_for and task.option("retry_backoff"):
        return True
    given = task.option("retry_kwargs")
    if task.autoretry_for and isinstance(given, dict) and "countdown" in given:
        return bool(given["countdown"])
    return bool(task.option("default_retry_delay"))


@check
def no_task_events(app: App) -> Iterator[Problem]:
    """Workers send no task events.

    Why: Flower, `celery events` and most exporters see workers, but not one task.
    Fix: set `worker_send_task_events = True`, or start the workers with `-E`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/monitoring.html
    """
    settings = app.settings
    if app.tasks and not settings.flag("worker_send_task_events"):
        yield Problem(
            "worker_send_task_events is off: no task is seen unless workers are started with -E",
            fix=assignment(settings, "worker_send_task_events", "True"),
            about=settings["worker_send_task_events"],
        )


@check
def no_process_titles(app: App) -> Iterator[Problem]:
    """Worker processes cannot be told apart.

    Why: without `setproctitle` every process looks alike in `ps` and `top`: when one eats the memory,
        nothing tells which worker it belongs to, nor whether it is the main process or a child.
    Fix: install `setproctitle`; Celery uses it by itself.
    Reference: celery.platforms.set_process_title
    """
    if app.tasks and "setproctitle" not in app.modules_available:
        yield Problem("setproctitle is not installed", fix="add setproctitle to the workers' requirements")
