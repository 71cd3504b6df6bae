"""The broker: which one, how it is reached, and how long it waits for an acknowledgement."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, BrokerInfo, NotEvaluated, Plain, QueueInfo, TaskInfo, number_of

DATABASES = ("sqla", "sqlalchemy", "db", "database", "django", "djkombu", "mongodb", "couchdb", "couchbase")
SQL_SCHEMES = ("postgres", "postgresql", "mysql", "mariadb", "sqlite", "oracle", "mssql")
AMQP = ("amqp", "amqps", "pyamqp", "librabbitmq")
REDIS = ("redis", "rediss", "sentinel")
SQS_LONGEST = 43_200
INTERNAL_NAMES = (".local", ".localhost", ".localdomain", ".internal", ".lan", ".home.arpa", ".consul")
PRIVATE_ENDPOINTS = (".cache.amazonaws.com", ".flycast")


@check
def database_as_broker(app: App) -> Iterator[Problem]:
    """A database is used as the broker.

    Why: every worker polls the tables all day, several workers fetch the same row or lock each other out,
        and neither remote control nor events work.
    Fix: use RabbitMQ (`amqp://`) or Redis (`redis://`), and keep the database for data.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/index.html
    """
    kinds = {name.partition("+")[0].lower() for name in (app.broker.transport, app.broker.scheme)}
    if kinds & {*DATABASES, *SQL_SCHEMES}:
        yield Problem(
            f"the transport is {app.broker.scheme or app.broker.transport}, a database",
            about=app.settings["broker_url"],
        )


@check
def development_broker(app: App) -> Iterator[Problem]:
    """The broker is one for development.

    Why: messages kept in memory never leave their process and die with it; messages kept in files are
        read without locks that hold between machines.
    Fix: set `broker_url` to RabbitMQ or Redis, from the environment, and keep this one for tests.
    Reference: https://docs.celeryq.dev/projects/kombu/en/stable/reference/kombu.transport.memory.html
    """
    if app.broker.transport in ("memory", "filesystem"):
        yield Problem(
            f"the transport is {app.broker.transport}: no message reaches another machine",
            about=app.settings["broker_url"],
        )


@check
def default_broker(app: App) -> Iterator[Problem]:
    """Nobody chose a broker.

    Why: Celery then falls back to RabbitMQ on localhost as guest; in production every `delay()` waits and
        fails, or reaches a broker that nobody looks after.
    Fix: set `broker_url`, for example from the environment.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    if not _chosen(app) and not app.settings.flag("task_always_eager"):
        state = "empty" if app.settings.explicit("broker_url") else "not set"
        yield Problem(
            f"broker_url is {state}: Celery falls back to amqp://guest@localhost//",
            about=app.settings["broker_url"],
        )


@check
def broker_without_control(app: App) -> Iterator[Problem]:
    """The broker cannot carry remote control and events.

    Why: `celery inspect`, `celery control`, revoking, rate limits at run time and Flower all need fanout
        exchanges; without them a stuck worker cannot even be asked what it does.
    Fix: use RabbitMQ or Redis, or watch the workers by other means.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/index.html
    """
    if app.broker.fanout is None:
        cause = f": {app.broker.transport_error}" if app.broker.transport_error else ""
        raise NotEvaluated(f"the broker's transport could not be loaded{cause}")
    if not app.broker.fanout:
        yield Problem(
            f"the {app.broker.transport} transport has no fanout exchanges: inspect, control, events and"
            " Flower see nothing",
            about=app.settings["broker_url"],
        )


@check
def short_visibility_timeout(app: App, *, margin: float = 1.0) -> Iterator[Problem]:
    """Messages are handed out again while their task still runs or waits.

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
        consequence=f"{vendor} redelivers unacknowledged messages after {_number(timeout)} s"
        + (f" (a margin of {_number(margin)} is asked for)" if margin != 1 else ""),
        broken_by=lambda seconds: seconds * margin >= timeout,
        limit=timeout / margin,
        raised=lambda seconds: _raised_visibility(vendor, seconds * margin),
    )
    yield from _of_each_task(app, lambda task: _unacknowledged(task, patience))


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
            f"visibility_timeout is {_number(theirs)} s for the result backend and {_number(ours)} s for the"
            " broker; only the broker's counts",
            fix=f'broker_transport_options = {{"visibility_timeout": {_number(max(theirs, ours))}}}',
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
    if not _is_amqp(app.broker) or not consumer_timeout:
        return
    if not _chosen(app):
        raise NotEvaluated("no broker is configured")
    queues = {queue.name: queue for queue in app.queues}
    native = app.version >= (5, 5) and any(queue.type == "quorum" for queue in app.queues)

    def judge(task: TaskInfo) -> Iterator[Problem]:
        queue = queues.get(task.queue or "")
        limit = _queue_timeout(queue) or consumer_timeout
        patience = _Patience(
            consequence=f"RabbitMQ closes the channel of a message unacknowledged for {_number(limit)} s",
            broken_by=lambda seconds: seconds > limit,
            limit=limit,
            raised=lambda _: "raise consumer_timeout in RabbitMQ",
        )
        delays_held = not native or (queue is not None and queue.exchange_type == "direct")
        yield from _unacknowledged(task, patience, delays=delays_held)

    yield from _of_each_task(app, judge)


@check
def credentials_in_source(app: App) -> Iterator[Problem]:
    """A password stands in the source.

    Why: everybody who can read the repository, its forks and its history can read and write the queue,
        and changing the password needs a release.
    Fix: read it from the environment: `broker_url = os.environ["BROKER_URL"]`; then change the password.
    Reference: https://12factor.net/config
    """
    for name, place in (
        ("broker_url", app.broker.password_at),
        ("result_backend", app.backend.password_at),
    ):
        if place is not None:
            yield Problem(
                "its password is written out in the configuration",
                fix=f'{name} = os.environ["{name.upper()}"]',
                about=app.settings[name],
                location=place,
            )


@check
def unencrypted_broker(app: App) -> Iterator[Problem]:
    """The broker is reached over a public network without TLS.

    Why: messages, and the password at every connection, can be read and changed on the way.
    Fix: use `amqps://` or `rediss://`, or set `broker_use_ssl`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-use-ssl
    """
    if app.broker.tls or not (_is_amqp(app.broker) or _is_redis(app.broker)):
        return
    public = [host for host in app.broker.hosts if not _is_private(host)]
    if public:
        yield Problem(f"TLS is off for {', '.join(public[:3])}", about=app.settings["broker_url"])


@check
def quorum_without_confirms(app: App) -> Iterator[Problem]:
    """Quorum queues are used without publisher confirms.

    Why: a message that RabbitMQ could not replicate is lost without an error; the safety that quorum
        queues are chosen for starts only behind the publisher.
    Fix: `broker_transport_options = {"confirm_publish": True}`
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#using-quorum-queues
    Since: Celery 5.5
    """
    app.needs_celery(5, 5)
    names = _quorum_queues(app)
    if not names:
        return
    options = app.settings["broker_transport_options"]
    if options.value is not None and not isinstance(options.value, dict):
        raise NotEvaluated("broker_transport_options is computed")
    if not app.settings.mapping("broker_transport_options").get("confirm_publish"):
        yield Problem(f"{_quorum(names)}, and confirm_publish is not on", about=options)


@check
def quorum_needs_detection(app: App) -> Iterator[Problem]:
    """Quorum queues are consumed with a global prefetch limit.

    Why: RabbitMQ refuses such a consumer (540 NOT_IMPLEMENTED: queue does not support global qos); the
        worker reconnects for ever and never runs a task.
    Fix: use Celery 5.5 or newer, and leave `worker_detect_quorum_queues` on.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-detect-quorum-queues
    """
    names = _quorum_queues(app)
    if not names:
        return
    if app.version < (5, 5):
        yield Problem(
            f"{_quorum(names)}, and Celery {app.celery} sets a global prefetch limit, which they refuse",
            fix="celery>=5.5",
            about=app.settings["task_queues"],
            # Whoever runs this today has replaced the consumer's QoS by a bootstep, which the picture lacks.
            at_most=Severity.WARNING,
        )
    elif not app.settings.flag("worker_detect_quorum_queues"):
        yield Problem(
            f"{_quorum(names)}, and worker_detect_quorum_queues is off",
            fix="worker_detect_quorum_queues = True",
            about=app.settings["worker_detect_quorum_queues"],
        )


@check
def prefetch_switch_ignored(app: App) -> Iterator[Problem]:
    """worker_disable_prefetch is set where it does nothing.

    Why: only the Redis transport obeys it; elsewhere the worker logs a warning and prefetches as before,
        so long tasks still hold back messages that idle workers could take.
    Fix: remove it, and set `worker_prefetch_multiplier = 1`, with `task_acks_late = True` where the tasks
        are idempotent.
    Reference: celery.worker.consumer.tasks
    Since: Celery 5.6
    """
    app.needs_celery(5, 6)
    if app.settings.flag("worker_disable_prefetch") and not _is_redis(app.broker):
        yield Problem(
            f"the {app.broker.transport} transport ignores it; only Redis obeys",
            fix="worker_prefetch_multiplier = 1",
            about=app.settings["worker_disable_prefetch"],
        )


@check
def obsolete_librabbitmq(app: App) -> Iterator[Problem]:
    """The broker is reached through librabbitmq.

    Why: it is no longer maintained: no TLS, no publisher confirms, no wheels for current Pythons. Celery
        also picks it by itself for `amqp://` wherever it is installed.
    Fix: uninstall librabbitmq and write `pyamqp://` or `amqp://`.
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
    """
    setting = app.settings["broker_url"]
    if "librabbitmq" in (app.broker.transport, app.broker.scheme):
        yield Problem("the transport is librabbitmq", fix="use pyamqp:// instead", about=setting)
    elif app.broker.scheme == "amqp" and "librabbitmq" in app.modules_available:
        yield Problem(
            "librabbitmq is installed, so amqp:// means librabbitmq",
            fix="use pyamqp:// instead",
            about=setting,
        )


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
        return f"bring {option} below {_number(self.limit)}, or {self.raised(seconds)}"


def _unacknowledged(task: TaskInfo, patience: _Patience, *, delays: bool = True) -> Iterator[Problem]:
    if task.acks_late:
        yield from _late_acknowledgement(task, patience)
    if delays:
        for option, seconds, proven in _longest_delays(task):
            if patience.broken_by(seconds):
                yield Problem(
                    f"{option} is {_number(seconds)} s, but {patience.consequence}, a waiting retry included",
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
        message = f"time_limit is {_number(hard)} s with acks_late"
        fix = patience.fix("time_limit", hard)
    else:
        bound = f"only a soft_time_limit of {_number(soft)} s" if soft and held_by_soft else "no time_limit"
        message = f"acks_late with {bound}"
        fix = f"set time_limit below {_number(patience.limit)}, or task_time_limit for all tasks"
    yield Problem(
        f"{message}, but {patience.consequence}",
        fix=fix,
        about=task,
        # A soft limit ends most tasks, though not one that swallows it.
        at_most=Severity.WARNING if held_by_soft else None,
    )


def _longest_delays(task: TaskInfo) -> Iterator[tuple[str, float, bool]]:
    """Each delay that a retry of this task may wait for: its option, seconds, and whether that is proven."""
    calls_retry = "retry" in task.names_read or any("retry" in (*c.reads, *c.defines) for c in task.classes)
    arguments = task.option("retry_kwargs")
    arguments = arguments if isinstance(arguments, dict) else {}
    given = arguments.get("max_retries")
    retries = task.max_retries if given is None else number_of("max_retries of retry_kwargs", given)
    default_applies = calls_retry and task.option("max_retries") != 0
    proven = "default_retry_delay" in task.explicit
    if task.autoretry_for and retries != 0:
        backoff = number_of("retry_backoff", task.option("retry_backoff"))
        if backoff:
            yield "the longest retry_backoff", _largest_backoff(task, backoff, retries), True
        elif arguments.get("countdown") is not None:
            countdown = number_of("countdown of retry_kwargs", arguments["countdown"])
            yield "countdown of retry_kwargs", countdown or 0, True
        else:
            default_applies = proven = True
    if default_applies:
        delay = task.number("default_retry_delay")
        if delay is not None:
            yield "default_retry_delay", delay, proven


def _largest_backoff(task: TaskInfo, backoff: float, retries: float | None) -> float:
    longest = task.number("retry_backoff_max")
    ceiling = 600 if longest is None else int(longest)
    if retries is None:
        return ceiling
    doublings = int(min(retries - 1, 64))
    return float(min(ceiling, int(max(1.0, backoff)) * 2**doublings))


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


def _chosen(app: App) -> bool:
    """Whether somebody set a broker, be it by URL or by its parts."""
    parts = ("broker_url", "broker_read_url", "broker_write_url", "broker_host", "broker_transport")
    return any(app.settings.explicit(name) and app.settings.flag(name) for name in parts)


def _is_amqp(broker: BrokerInfo) -> bool:
    return broker.transport in AMQP


def _is_redis(broker: BrokerInfo) -> bool:
    return broker.transport in REDIS


def _vendor(broker: BrokerInfo) -> str:
    if _is_redis(broker):
        return "Redis"
    return "SQS" if broker.transport.lower() == "sqs" else broker.transport


def _visibility_timeout(broker: BrokerInfo) -> float | None:
    """The effective one in seconds; None where the transport has no such thing."""
    if broker.visibility_timeout is None and _vendor(broker) in ("Redis", "SQS"):
        raise NotEvaluated("the broker's visibility timeout is not known")
    return broker.visibility_timeout


def _raised_visibility(vendor: str, seconds: float) -> str:
    needed = math.ceil(seconds) + 600
    if vendor == "SQS" and needed > SQS_LONGEST:
        return f"split the work: SQS allows no visibility_timeout above {SQS_LONGEST}"
    return f'broker_transport_options = {{"visibility_timeout": {needed}}}'


def _queue_timeout(queue: QueueInfo | None) -> float | None:
    """The queue's own consumer timeout in seconds (RabbitMQ 3.12), which it gives in milliseconds."""
    value: Plain = queue.arguments.get("x-consumer-timeout") if queue else None
    return value / 1000 if isinstance(value, int) and not isinstance(value, bool) else None


def _quorum_queues(app: App) -> list[str]:
    return [q.name for q in app.queues if q.type == "quorum"] if _is_amqp(app.broker) else []


def _quorum(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"quorum queues ({', '.join(names[:3])}{more})"


def _is_private(host: str) -> bool:
    """Whether a host is loopback, private, a socket, or a name that only a private network resolves."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return "." not in name or "/" in name or name.endswith((*INTERNAL_NAMES, *PRIVATE_ENDPOINTS))
    return address.is_private or address.is_loopback or address.is_link_local


def _number(value: float) -> str:
    return f"{value:.15g}"
