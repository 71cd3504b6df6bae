"""Acknowledgement: what becomes of a message when its worker, its process or its connection is lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from celerycheck.checks._pools import pool_of
from celerycheck.checks._transports import on_rabbitmq, on_redis, on_sqs
from celerycheck.checks._wording import assignment
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, NotEvaluated, QueueInfo, TaskInfo


@check
def retry_without_acks_late(task: TaskInfo) -> Iterator[Problem]:
    """A task that retries is lost when its worker dies.

    Why: retries answer exceptions only; a message acknowledged before its task runs is gone with a worker
        that crashes, is killed or loses its machine.
    Fix: `acks_late=True`, once running the task twice does no harm.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.acks_late
    """
    if not task.may_retry or task.option("max_retries") == 0:
        return
    if task.acks_late or task.flag("retry_on_worker_lost"):
        return
    if task.autoretry_for or _calls_retry(task):
        yield Problem(
            "it retries on errors, but its message is acknowledged before it runs",
            fix="acks_late=True, once running it twice does no harm",
        )


@check
def acks_late_loses_killed(app: App) -> Iterator[Problem]:
    """acks_late does not save a task whose process is killed.

    Why: when the kernel kills a process for its memory, or a crash ends it, the worker acknowledges the
        message all the same: the task is marked as failed and never runs again, in spite of `acks_late`.
    Fix: `retry_on_worker_lost=True` (Celery 5.7), which `max_retries` bounds; before that
        `reject_on_worker_lost=True` on a queue with a delivery limit.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.reject_on_worker_lost
    """
    if not _has_processes(app):
        return
    fix = "Celery 5.7 and retry_on_worker_lost=True, which max_retries bounds"
    if app.version >= (5, 7):
        fix = "retry_on_worker_lost=True"
    elif on_rabbitmq(app.broker):
        fix = "reject_on_worker_lost=True, on a quorum queue with x-delivery-limit"
    for task in app.tasks:
        if not task.acks_late or task.flag("reject_on_worker_lost") or _retried_when_lost(app, task):
            continue
        # Rejected instead of acknowledged, it reaches a dead-letter exchange where RabbitMQ has one.
        if _acks_on_failure(task) or not on_rabbitmq(app.broker):
            yield Problem(
                "acks_late without reject_on_worker_lost"
                + (" or retry_on_worker_lost" if app.version >= (5, 7) else "")
                + ": if its process is killed, the message is gone",
                fix=fix,
                about=task,
            )


@check
def oom_loop(app: App) -> Iterator[Problem]:
    """A task that kills its process is redelivered without end.

    Why: a message too big for the memory kills one process after the other, for ever, and takes down what
        else runs in them.
    Fix: give it a bound: `retry_on_worker_lost=True` with `max_retries` (Celery 5.7), or a quorum queue with
        `x-delivery-limit`. `worker_max_memory_per_child` replaces a process only between two tasks.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.reject_on_worker_lost
    """
    if not _has_processes(app):
        return
    queues = {queue.name: queue for queue in app.queues}
    memory = "worker_max_memory_per_child is not set"
    if app.settings.flag("worker_max_memory_per_child"):
        memory = "worker_max_memory_per_child replaces a process only after its task has ended"
    fix = "retry_on_worker_lost=True, max_retries=3"
    if app.version < (5, 7):
        fix = f"Celery 5.7 and {fix}"
        if on_rabbitmq(app.broker):
            fix = 'queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 5}'
    for task in app.tasks:
        if _retried_when_lost(app, task):
            if task.option("max_retries") is None:
                yield Problem(
                    f"retry_on_worker_lost with max_retries=None; {memory}", fix="max_retries=3", about=task
                )
        elif task.acks_late and task.flag("reject_on_worker_lost") and not _limits_deliveries(task, queues):
            yield Problem(
                f"reject_on_worker_lost on a queue without a delivery limit; {memory}",
                fix=fix,
                about=task,
            )


@check
def requeue_on_connection_loss(app: App) -> Iterator[Problem]:
    """Tasks go on running after their messages were redelivered.

    Why: when the connection to the broker is lost, it delivers what is not acknowledged to the next worker,
        while the first still works on it: the task runs twice at the same time.
    Fix: `worker_cancel_long_running_tasks_on_connection_loss = True`, which will be Celery 6's default.
    Reference:
        https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-cancel-long-running-tasks-on-connection-loss
    """
    name = "worker_cancel_long_running_tasks_on_connection_loss"
    pool = pool_of(app.settings)
    if pool and not pool.cancels:
        raise NotEvaluated(f"the {pool.name} pool cannot cancel a running task")
    late = _late(app)
    if late and not app.settings.flag(name):
        yield Problem(
            f"acks_late tasks are delivered again while they still run (tasks concerned: {late})",
            fix=assignment(app.settings, name, "True"),
            about=app.settings[name],
        )


@check
def abrupt_shutdown(app: App) -> Iterator[Problem]:
    """A cold shutdown gives running tasks no time to finish.

    Why: on Redis and SQS a message that the shutdown interrupts may come back only after the visibility
        timeout, an hour by default; a few seconds would have let most tasks end.
    Fix: `worker_soft_shutdown_timeout = 30`, shorter than what systemd or Kubernetes waits before it kills,
        and `worker_enable_soft_shutdown_on_idle = True` where tasks have an ETA.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#soft-shutdown
    Since: Celery 5.5
    """
    app.needs_celery(5, 5)
    late = _late(app)
    # These hand an unacknowledged message out again only after the visibility timeout.
    if not late or not (on_redis(app.broker) or on_sqs(app.broker)):
        return
    if (app.settings.number("worker_soft_shutdown_timeout") or 0) <= 0:
        yield Problem(
            f"soft shutdown is off: acks_late tasks await the visibility timeout (tasks concerned: {late})",
            fix=assignment(app.settings, "worker_soft_shutdown_timeout", "30"),
            about=app.settings["worker_soft_shutdown_timeout"],
        )


def _calls_retry(task: TaskInfo) -> bool:
    """Whether its code most likely retries by hand: `retry` of an unbound function may be anything's."""
    return (task.bound and "retry" in task.names_read) or any("retry" in cls.reads for cls in task.classes)


def _has_processes(app: App) -> bool:
    """Whether tasks run in processes of their own; where not, a kill takes the worker and its connection."""
    pool = pool_of(app.settings)
    return pool is None or pool.recycles


def _retried_when_lost(app: App, task: TaskInfo) -> bool:
    return app.version >= (5, 7) and task.flag("retry_on_worker_lost")


def _acks_on_failure(task: TaskInfo) -> bool:
    newer = task.option("acks_on_failure")
    return task.flag("acks_on_failure_or_timeout") if newer is None else bool(newer)


def _limits_deliveries(task: TaskInfo, queues: Mapping[str, QueueInfo]) -> bool:
    """Whether its queue drops what comes back too often; RabbitMQ 4 does for quorum queues by default."""
    queue = queues.get(task.queue) if task.queue else None
    if queue is None or queue.type != "quorum":
        return False
    limit = queue.arguments.get("x-delivery-limit")
    return not (isinstance(limit, (int, float)) and limit < 0)


def _late(app: App) -> int:
    return sum(task.acks_late for task in app.tasks)
