"""The broker: which one it is, and how it is reached."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from celerycheck.checks._transports import is_configured, on_rabbitmq, on_redis
from celerycheck.checks._wording import assignment, listed
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App

DATABASES = ("sqla", "sqlalchemy", "db", "database", "django", "djkombu", "mongodb", "couchdb", "couchbase")
SQL_SCHEMES = ("postgres", "postgresql", "mysql", "mariadb", "sqlite", "oracle", "mssql")
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
    reach = {
        "memory": "no message leaves the process that sent it",
        "filesystem": "messages reach only processes that share its folder",
    }.get(app.broker.transport)
    if reach:
        yield Problem(f"the transport is {app.broker.transport}: {reach}", about=app.settings["broker_url"])


@check
def default_broker(app: App) -> Iterator[Problem]:
    """No broker is configured.

    Why: Celery then falls back to RabbitMQ on localhost as guest; in production every `delay()` waits and
        fails, or reaches a broker that nobody looks after.
    Fix: set `broker_url`, for example from the environment.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    if not is_configured(app.settings) and not app.settings.flag("task_always_eager"):
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
def credentials_in_source(app: App) -> Iterator[Problem]:
    """A password is written in the source code.

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
                fix=assignment(app.settings, name, f'os.environ["{name.upper()}"]'),
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
    if app.broker.tls or not (on_rabbitmq(app.broker) or on_redis(app.broker)):
        return
    public = [host for host in app.broker.hosts if not _is_private(host)]
    if public:
        yield Problem(f"TLS is off for {listed(public)}", about=app.settings["broker_url"])


def _is_private(host: str) -> bool:
    """Whether a host is loopback, private, a socket, or a name that only a private network resolves."""
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return "." not in name or "/" in name or name.endswith((*INTERNAL_NAMES, *PRIVATE_ENDPOINTS))
    return address.is_private or address.is_loopback or address.is_link_local


@check
def prefetch_switch_ignored(app: App) -> Iterator[Problem]:
    """worker_disable_prefetch has no effect on this broker.

    Why: only the Redis transport obeys it; elsewhere the worker logs a warning and prefetches as before,
        so long tasks still hold back messages that idle workers could take.
    Fix: remove it, and set `worker_prefetch_multiplier = 1`, with `task_acks_late = True` where the tasks
        are idempotent.
    Reference: celery.worker.consumer.tasks
    Since: Celery 5.6
    """
    app.needs_celery(5, 6)
    if app.settings.flag("worker_disable_prefetch") and not on_redis(app.broker):
        yield Problem(
            f"the {app.broker.transport} transport ignores it; only Redis obeys",
            fix=assignment(app.settings, "worker_prefetch_multiplier", "1"),
            about=app.settings["worker_disable_prefetch"],
        )


@check
def obsolete_librabbitmq(app: App) -> Iterator[Problem]:
    """librabbitmq, which is unmaintained, connects to the broker.

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
