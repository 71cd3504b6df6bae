"""Delivery: how long a broker lets a message stay unacknowledged before it delivers it again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from celerycheck.checks._retrying import (
    backoff,
    countdown,
    may_call_retry,
    most_retries,
    retries_automatically,
)
from celerycheck.checks._transports import is_configured, on_rabbitmq, on_redis, on_sqs
from celerycheck.checks._wording import assignment, number
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, BrokerInfo, NotEvaluated, Plain, QueueInfo, TaskInfo, number_of

SQS_LONGEST = 43_200


@check
def short_visibility_timeout(app: App, *, margin: float = 1.0) -> Iterator[Problem]:
    """Messages are redelivered while their task still runs or waits.

    Why: Redis and SQS give a message that stays unacknowledged too long to the next worker, though the
        first still works on it or holds it for its delay: the task runs twice, and then again.
    Fix: keep `time_limit` and every retry delay below the visibility timeout, or raise it:
        `broker_transport_options = {"visibility_timeout": 43200}`. `margin` is how many times the longest
        wait has to fit in.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
    """
    timeout = _visibility_timeout(app.broker)
    if timeout is None:
        return
    vendor = _vendor(app.broker)
    patience = _Patience(
        consequence=f"{vendor} redelivers unacknowledged messages after {number(timeout)} s"
        + (f" (a margin of {number(margin)} is asked for)" if margin != 1 else ""),
        broken_by=lambda seconds: seconds * margin >= timeout,
        limit=timeout / margin,
        raised=lambda seconds: _raised_visibility(app, seconds * margin),
    )
    yield from _of_each_task(app, lambda task: _unacknowledged(task, patience))


def _vendor(broker: BrokerInfo) -> str:
    if on_redis(broker):
        return "Redis"
    return "SQS" if on_sqs(broker) else broker.transport


def _visibility_timeout(broker: BrokerInfo) -> float | None:
    """The effective one in seconds; None where the transport has no such thing."""
    if broker.visibility_timeout is None and _vendor(broker) in ("Redis", "SQS"):
        raise NotEvaluated("the broker's visibility timeout is not known")
    return broker.visibility_timeout


def _raised_visibility(app: App, seconds: float) -> str:
    needed = math.ceil(seconds) + 600
    if on_sqs(app.broker) and needed > SQS_LONGEST:
        return f"split the work: SQS allows no visibility_timeout above {SQS_LONGEST}"
    return assignment(app.settings, "broker_transport_options", f'{{"visibility_timeout": {needed}}}')


@check
def split_visibility_timeout(app: App) -> Iterator[Problem]:
    """The visibility timeout differs between broker and result backend.

    Why: only the one in `broker_transport_options` decides when a message is handed out again; Celery
        reads the other nowhere, so whoever raised it there is not protected.
    Fix: write the same `visibility_timeout` into `broker_transport_options` and
        `result_backend_transport_options`, or only into the former.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
    """
    name = "result_backend_transport_options"
    theirs = number_of(f"visibility_timeout of {name}", app.settings.mapping(name).get("visibility_timeout"))
    ours = None if theirs is None else _visibility_timeout(app.broker)
    if theirs is not None and ours is not None and theirs != ours:
        yield Problem(
            f"visibility_timeout is {number(theirs)} s for the result backend and {number(ours)} s for the"
            " broker; only the broker's counts",
            fix=assignment(
                app.settings,
                "broker_transport_options",
                f'{{"visibility_timeout": {number(max(theirs, ours))}}}',
            ),
            about=app.settings[name],
        )


@check
def long_unacknowledged(app: App, *, consumer_timeout: float = 1800) -> Iterator[Problem]:
    """Messages stay unacknowledged longer than RabbitMQ allows.

    Why: RabbitMQ closes the channel of a consumer that holds a message for more than 30 minutes; the
        worker reconnects, and everything it had not acknowledged is delivered, and run, again.
    Fix: keep `time_limit` and every retry delay below the broker's `consumer_timeout`, or raise that in
        RabbitMQ and say so in `consumer_timeout` here (seconds, 0 for none).
    Reference: https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
    """
    if not on_rabbitmq(app.broker) or not consumer_timeout:
        return
    if not is_configured(app.settings):
        raise NotEvaluated("no broker is configured")
    queues = {queue.name: queue for queue in app.queues}
    native = app.version >= (5, 5) and any(queue.type == "quorum" for queue in app.queues)

    def judge(task: TaskInfo) -> Iterator[Problem]:
        queue = queues.get(task.queue or "")
        limit = _queue_timeout(queue) or consumer_timeout
        patience = _Patience(
            consequence=f"RabbitMQ closes the channel of a message unacknowledged for {number(limit)} s",
            broken_by=lambda seconds: seconds > limit,
            limit=limit,
            raised=lambda _: "raise consumer_timeout in RabbitMQ",
        )
        delays_held = not native or (queue is not None and queue.exchange_type == "direct")
        yield from _unacknowledged(task, patience, delays=delays_held)

    yield from _of_each_task(app, judge)


def _queue_timeout(queue: QueueInfo | None) -> float | None:
    """The queue's own consumer timeout in seconds (RabbitMQ 3.12), which it gives in milliseconds."""
    value: Plain = queue.arguments.get("x-consumer-timeout") if queue else None
    return value / 1000 if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class _Patience:
    """How long a broker waits for an acknowledgement.

    `consequence` says what it does then, `broken_by` whether so many seconds are too many, `limit` below
    what they would be fine, `raised` what to write to have so many allowed.
    """

    consequence: str
    broken_by: Callable[[float], bool]
    limit: float
    raised: Callable[[float], str]

    def fix(self, option: str, seconds: float) -> str:
        return f"bring {option} below {number(self.limit)}, or {self.raised(seconds)}"


def _unacknowledged(task: TaskInfo, patience: _Patience, *, delays: bool = True) -> Iterator[Problem]:
    if task.acks_late:
        yield from _late_acknowledgement(task, patience)
    if delays and task.may_retry:
        for option, seconds, proven in _longest_delays(task):
            if patience.broken_by(seconds):
                yield Problem(
                    f"{option} is {number(seconds)} s, but {patience.consequence}, a waiting retry included",
                    fix=patience.fix(option, seconds),
                    about=task,
                    at_most=None if proven else Severity.WARNING,
                )


def _late_acknowledgement(task: TaskInfo, patience: _Patience) -> Iterator[Problem]:
    hard, soft = task.time_limit, task.soft_time_limit
    held_by_soft = soft is not None and not patience.broken_by(soft)
    if hard is not None and not patience.broken_by(hard):
        return
    if hard is not None:
        message = f"time_limit is {number(hard)} s with acks_late"
        fix = patience.fix("time_limit", hard)
    else:
        bound = f"only a soft_time_limit of {number(soft)} s" if soft and held_by_soft else "no time_limit"
        message = f"acks_late with {bound}"
        fix = f"set time_limit below {number(patience.limit)}, or task_time_limit for all tasks"
    yield Problem(
        f"{message}, but {patience.consequence}",
        fix=fix,
        about=task,
        # A soft limit ends most tasks, though not one that swallows it.
        at_most=Severity.WARNING if held_by_soft else None,
    )


def _longest_delays(task: TaskInfo) -> Iterator[tuple[str, float, bool]]:
    """Each delay that a retry of this task may wait for: its option, seconds, and whether that is proven."""
    default_applies = may_call_retry(task) and task.option("max_retries") != 0
    proven = "default_retry_delay" in task.explicit
    if retries_automatically(task):
        if delays := backoff(task):
            yield "the longest retry_backoff", _longest_backoff(*delays, most_retries(task)), True
        elif (given := countdown(task)) is not None:
            yield "countdown of retry_kwargs", given, True
        else:
            default_applies = proven = True
    if default_applies:
        delay = task.number("default_retry_delay")
        if delay is not None:
            yield "default_retry_delay", delay, proven


def _longest_backoff(first: int, longest: int, retries: float | None) -> float:
    if retries is None:
        return longest
    doublings = int(min(retries - 1, 64))
    return float(min(longest, first * 2**doublings))


def _of_each_task(app: App, judge: Callable[[TaskInfo], Iterator[Problem]]) -> Iterator[Problem]:
    """What `judge` finds; one task that cannot be read neither hides the others nor counts as judged."""
    found = False
    unread: NotEvaluated | None = None
    for task in app.tasks:
        try:
            for problem in judge(task):
                found = True
                yield problem
        except NotEvaluated as reason:  # noqa: PERF203
            unread = unread or reason
    if unread is not None and not found:
        raise unread
