"""Priorities: whether the broker and the queue of a task order messages by them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator

from celerycheck.checks._transports import is_configured, on_rabbitmq, on_redis
from celerycheck.checks._wording import assignment
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, QueueInfo, TaskInfo

_WITHOUT_PRIORITIES = frozenset(
    {
        *("sqs", "sqla", "consul", "etcd", "pyro", "gcpubsub", "azureservicebus", "azurestoragequeues"),
        *("confluentkafka", "slmq", "pgmq"),
    }
)
_REDIS_STEPS = (0, 3, 6, 9)


@check
def inert_priority(app: App) -> Iterator[Problem]:
    """A priority has no effect on this broker or queue.

    Why: urgent tasks wait behind everything that was sent before them, as if no priority were set.
    Fix: on RabbitMQ declare the queue with `x-max-priority`; elsewhere use a queue for urgent tasks.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html#special-routing-options
    """
    default = app.settings.value("task_default_priority") if "task_default_priority" in app.settings else None
    ranked = [(task, p) for task in app.tasks if (p := _priority(task))]
    if ranked and not is_configured(app.settings):
        raise NotEvaluated("no broker is configured")
    queues = {queue.name: queue for queue in app.queues}
    by_default: list[str] = []
    for task, priority in ranked:
        reason = _why_inert(app, queues.get(task.queue or ""), priority)
        if reason is None:
            continue
        if priority == default and "priority" not in task.explicit:
            by_default.append(reason)
            continue
        yield Problem(
            f"priority {priority} {reason}",
            fix=_priority_fix(app, task.queue),
            about=task,
            at_most=_certainty(app),
        )
    if by_default:
        yield Problem(
            f"task_default_priority {default} {by_default[0]} (tasks concerned: {len(by_default)})",
            fix=_priority_fix(app, None),
            about=app.settings["task_default_priority"],
            at_most=_certainty(app),
        )


def _priority(task: TaskInfo) -> int | None:
    """The priority it is sent with; None where it has none, or one that is computed or none to Kombu."""
    value = task.priority if task.priority is not None else task.option("priority")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _why_inert(app: App, queue: QueueInfo | None, priority: int) -> str | None:
    """Why messages are not ordered by this priority; None where they are, or where that is not known."""
    transport = app.broker.transport.lower()
    if transport in _WITHOUT_PRIORITIES:
        return f"has no effect: Kombu's {transport} transport ignores priorities"
    if on_rabbitmq(app.broker):
        if queue is None or queue.type not in (None, "classic") or queue.max_priority:
            return None
        if "x-max-priority" in queue.arguments or app.settings.number("task_queue_max_priority"):
            return None
        return f"has no effect: RabbitMQ delivers queue {queue.name!r} in order, as it has no x-max-priority"
    if on_redis(app.broker):
        steps = _redis_steps(app)
        if steps and steps[max(bisect(steps, min(priority, 9)) - 1, 0)] == steps[0]:
            return f"is the same as {steps[0]} to Redis: priority_steps are {', '.join(map(str, steps))}"
    return None


def _redis_steps(app: App) -> list[int] | None:
    """The priorities that Redis keeps apart; None where they are computed."""
    given = app.settings.mapping("broker_transport_options").get("priority_steps", list(_REDIS_STEPS))
    steps = [step for step in given if isinstance(step, int)] if isinstance(given, list) else []
    return sorted(steps) if isinstance(given, list) and len(steps) == len(given) else None


def _priority_fix(app: App, queue: str | None) -> str:
    if on_redis(app.broker):
        line = assignment(app.settings, "broker_transport_options", '{"priority_steps": list(range(10))}')
        return f"{line}; 0 is the most urgent on Redis"
    if on_rabbitmq(app.broker):
        line = (
            f"Queue({queue!r}, queue_arguments={{'x-max-priority': 10}})"
            if queue
            else assignment(app.settings, "task_queue_max_priority", "10")
        )
        return f"{line}; delete the existing queue first, RabbitMQ refuses to change it"
    return "route urgent tasks to a queue and workers of their own"


def _certainty(app: App) -> Severity | None:
    """Redis does order by priorities, only more coarsely than was written; unless it was given one step."""
    coarse = on_redis(app.broker) and len(_redis_steps(app) or ()) > 1
    return Severity.INFO if coarse else None
