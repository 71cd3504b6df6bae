"""Delivery: how long a broker lets a message stay unacknowledged before it delivers it again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from celerycheck.checks._delays import Delay, delays
from celerycheck.checks._limits import limit_of, sets_limit
from celerycheck.checks._pools import pool_of
from celerycheck.checks._retrying import (
    backoff,
    countdown,
    may_call_retry,
    most_retries,
    retries_automatically,
)
from celerycheck.checks._transports import is_configured, on_rabbitmq, on_redis, on_sqs
from celerycheck.checks._wording import entry, listed, number
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.evidence import SourceCode
from celerycheck.subjects import App, BrokerInfo, NotEvaluated, Plain, QueueInfo, Setting, TaskInfo, number_of

SQS_LONGEST = 43_200
_RESERVE = 600
_HALF_A_DAY = 43_200
_ONE_BY_ONE = 10
_BACKOFF = "the longest retry_backoff"


@check
def short_visibility_timeout(source: SourceCode, *, margin: float = 1.0) -> Iterator[Problem]:
    """Messages are redelivered while their task still runs or waits.

    Why: Redis and SQS give a message that stays unacknowledged too long to the next worker, though the
        first still works on it or holds it for its delay: the task runs twice, and then again.
    Fix: keep `time_limit`, every `countdown` and every retry delay below the visibility timeout, or raise it:
        `broker_transport_options = {"visibility_timeout": 43200}`. `margin` is how many times the longest
        wait has to fit in.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
    """
    app = source.app
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
    yield from _held_too_long(source, lambda _: patience)


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
    needed = math.ceil(seconds) + _RESERVE
    if on_sqs(app.broker) and needed > SQS_LONGEST:
        return f"split the work: SQS allows no visibility_timeout above {SQS_LONGEST}"
    return entry(app.settings, "broker_transport_options", "visibility_timeout", str(needed))


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
            fix=entry(
                app.settings, "broker_transport_options", "visibility_timeout", number(max(theirs, ours))
            ),
            about=app.settings[name],
        )


@check
def long_unacknowledged(source: SourceCode, *, consumer_timeout: float = 1800) -> Iterator[Problem]:
    """Messages stay unacknowledged longer than RabbitMQ allows.

    Why: RabbitMQ closes the channel of a consumer that holds a message for more than 30 minutes; the
        worker reconnects, and everything it had not acknowledged is delivered, and run, again.
    Fix: keep `time_limit`, every `countdown` and every retry delay below the broker's `consumer_timeout`, or
        raise that in RabbitMQ and say so in `consumer_timeout` here (seconds, 0 for none).
    Reference: https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout
    """
    app = source.app
    if not on_rabbitmq(app.broker) or not consumer_timeout:
        return
    if not is_configured(app.settings):
        raise NotEvaluated("no broker is configured")
    queues = {queue.name: queue for queue in app.queues}
    native = app.version >= (5, 5) and any(queue.type == "quorum" for queue in app.queues)

    def patience_of(task: TaskInfo) -> _Patience:
        queue = queues.get(task.queue or "")
        limit = _queue_timeout(queue) or consumer_timeout
        return _Patience(
            consequence=f"RabbitMQ closes the channel of a message unacknowledged for {number(limit)} s",
            broken_by=lambda seconds: seconds > limit,
            limit=limit,
            raised=lambda _: "raise consumer_timeout in RabbitMQ",
            holds_delays=not native or (queue is not None and queue.exchange_type == "direct"),
        )

    yield from _held_too_long(source, patience_of)


def _queue_timeout(queue: QueueInfo | None) -> float | None:
    """The queue's own consumer timeout in seconds (RabbitMQ 3.12), which it gives in milliseconds."""
    value: Plain = queue.arguments.get("x-consumer-timeout") if queue else None
    return value / 1000 if isinstance(value, int) and not isinstance(value, bool) else None


@dataclass(frozen=True)
class _Patience:
    """How long a broker waits for an acknowledgement.

    `consequence` says what it does then, `broken_by` whether so many seconds are too many, `limit` below
    what they would be fine, `raised` what to write to have so many allowed, `holds_delays` whether a
    worker keeps the message of a retry that waits.
    """

    consequence: str
    broken_by: Callable[[float], bool]
    limit: float
    raised: Callable[[float], str]
    holds_delays: bool = True

    def fix(self, option: str, seconds: float) -> str:
        return f"bring {option} below {number(self.limit)}, or {self.raised(seconds)}"

    def at_most(self, delay: float) -> Severity | None:
        """How grave a delay is. One as long as the limit ends in time, unless it then waits for a process."""
        return None if delay > self.limit else Severity.WARNING

    @property
    def raised_for_any(self) -> str:
        """What to write where nobody knows how long a task runs."""
        return self.raised(max(_HALF_A_DAY - _RESERVE, 2 * self.limit))


def _held_too_long(source: SourceCode, patience_of: Callable[[TaskInfo], _Patience]) -> Iterator[Problem]:
    """What is said of late tasks and delays; one that cannot be read neither hides others nor passes."""
    late = _Late(source.app)
    held: list[Problem] = []
    unread: NotEvaluated | None = None
    for task in source.app.tasks:
        try:
            patience = patience_of(task)
            if task.acks_late and not _ends_at_once(source, task):
                late.judge(task, patience)
            if patience.holds_delays and task.may_retry:
                held += _held_delays(task, patience)
        except NotEvaluated as reason:  # noqa: PERF203
            unread = unread or reason
    held += (problem for delay in delays(source) for problem in _held_call(delay, patience_of))
    found = [*late.problems(), *held]
    if unread is not None and not found:
        raise unread
    yield from found


def _ends_at_once(source: SourceCode, task: TaskInfo) -> bool:
    """Whether its body, where it is at hand, neither calls anything nor loops: nothing in it takes time."""
    if not source.at_hand:
        return False
    try:
        code = source.body(task).code
    except NotEvaluated:
        return False
    return not code.calls and not any(block.kind in ("loop", "while") for block in code.blocks)


def _held_delays(task: TaskInfo, patience: _Patience) -> Iterator[Problem]:
    for option, seconds, proven in _longest_delays(task):
        drawn = option == _BACKOFF and task.option("retry_jitter") in (None, True)
        if patience.broken_by(seconds) and not (drawn and seconds <= patience.limit):
            yield Problem(
                f"{option} is {number(seconds)} s, but {patience.consequence}, a waiting retry included",
                fix=patience.fix(option, seconds),
                about=task,
                at_most=patience.at_most(seconds) if proven else Severity.WARNING,
            )


def _held_call(delay: Delay, patience_of: Callable[[TaskInfo], _Patience]) -> Iterator[Problem]:
    """What is said of a delay that the source gives."""
    task = delay.task or TaskInfo(delay.about.name)
    patience = patience_of(replace(task, queue=delay.queue) if delay.queue else task)
    if delay.seconds is None or not patience.holds_delays or not patience.broken_by(delay.seconds):
        return
    held = "retry" if delay.is_retry else "task"
    yield Problem(
        f"{delay.option} is {number(delay.seconds)} s, but {patience.consequence}, a waiting {held} included",
        fix=patience.fix(delay.option, delay.seconds),
        about=delay.about,
        location=delay.location,
        at_most=patience.at_most(delay.seconds),
    )


class _Late:
    """Tasks that acknowledge late and may run too long; what one setting would mend is said once.

    Limits that the pool is known to ignore protect nobody.
    """

    def __init__(self, app: App) -> None:
        self.settings = app.settings
        self.pool = pool_of(app.settings)
        self.own_limit = False
        self.said: dict[tuple[str, str], list[Problem]] = {}

    def judge(self, task: TaskInfo, patience: _Patience) -> None:
        """What is wrong with how long it may hold its message, if anything."""
        hard = limit_of(self.settings, task, "time_limit")
        soft = limit_of(self.settings, task, "soft_time_limit")
        if self.pool and not self.pool.soft:
            soft = None
        if soft is not None and patience.broken_by(soft):
            soft = None
        if self.pool and not self.pool.hard:
            self._say("worker_pool", self._unenforced(self.pool.name, hard, patience), task)
        elif hard is None:
            self._say("task_time_limit", self._without(soft, patience), task)
        else:
            own = sets_limit(task, "time_limit")
            self.own_limit = self.own_limit or own
            if patience.broken_by(hard):
                problem = self._too_long(hard, patience, own=own)
                # A soft limit ends most tasks, though not one that swallows it.
                at_most = None if soft is None else Severity.WARNING
                self._say("" if own else "task_time_limit", replace(problem, at_most=at_most), task)

    def _too_long(self, hard: float, patience: _Patience, *, own: bool) -> Problem:
        option = "time_limit" if own else self.settings.spelled("task_time_limit")
        message = f"{option} is {number(hard)} s with acks_late, but {patience.consequence}"
        return Problem(message, fix=patience.fix(option, hard))

    def _without(self, soft: float | None, patience: _Patience) -> Problem:
        bound = "no time_limit" if soft is None else f"only a soft_time_limit of {number(soft)} s"
        return Problem(
            f"acks_late with {bound}, but {patience.consequence}",
            fix=f"set time_limit, or {self.settings.spelled('task_time_limit')} for all tasks, above the"
            f" longest run and below {number(patience.limit)}, or {patience.raised_for_any}",
            # How long it runs is not known: it may well be done in time.
            at_most=Severity.WARNING,
        )

    def _unenforced(self, pool: str, hard: float | None, patience: _Patience) -> Problem:
        return Problem(
            f"acks_late in the {pool} pool, which enforces no time limit, but {patience.consequence}",
            # A limit that is no limit here may still tell how long the task is meant to run.
            fix=patience.raised(hard)
            if hard is not None and patience.broken_by(hard)
            else patience.raised_for_any,
            at_most=Severity.WARNING,
        )

    def _say(self, setting: str, problem: Problem, task: TaskInfo) -> None:
        self.said.setdefault((setting, problem.message), []).append(replace(problem, about=task))

    def problems(self) -> Iterator[Problem]:
        """Each task's, or one about the setting where several have it and none a limit of its own.

        Where a project limits task by task, those it left out are told one by one unless they are many.
        """
        for (name, message), said in self.said.items():
            setting: Setting | None = self.settings.values.get(name)
            if setting is None or len(said) == 1 or (self.own_limit and len(said) <= _ONE_BY_ONE):
                yield from said
            else:
                names = [problem.about.name for problem in said if isinstance(problem.about, TaskInfo)]
                which = f": {listed(names)}" if self.own_limit else ""
                counted = f"{message} (tasks concerned: {len(said)}{which})"
                yield replace(said[0], message=counted, about=setting)


def _longest_delays(task: TaskInfo) -> Iterator[tuple[str, float, bool]]:
    """Each delay that a retry of this task may wait for: its option, seconds, and whether that is proven."""
    default_applies = may_call_retry(task) and task.option("max_retries") != 0
    proven = "default_retry_delay" in task.explicit
    if retries_automatically(task):
        if delays := backoff(task):
            yield _BACKOFF, _longest_backoff(*delays, most_retries(task)), True
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
