"""The broker's and the result backend's URLs, read without connecting."""

from __future__ import annotations

from contextlib import suppress
from typing import Any, List, Mapping, Optional, Tuple
from urllib.parse import urlsplit

from celerycheck.credentials import masked_text, password_in
from celerycheck.inspection.failures import cause_of
from celerycheck.inspection.plain import guarded
from celerycheck.inspection.settings import SettingsReader
from celerycheck.subjects import BackendInfo, BrokerInfo, Location

# Known without importing the client library, which costs as much as Celery itself; a test holds both tables
# against Kombu's and Celery's classes.
FANOUT = {"amqp": True, "redis": True, "sentinel": True}
AUTOEXPIRE = {
    "redis": True,
    "rediss": True,
    "sentinel": True,
    "rpc": True,
    "db": False,
    "database": False,
    "mongodb": False,
    "file": False,
}
VISIBILITY_TIMEOUT = {"redis": 3600.0, "sentinel": 3600.0, "sqs": 1800.0}
TLS_SCHEMES = ("rediss", "amqps", "pyamqps", "sentinels")


def read_broker(app: Any, settings: SettingsReader) -> BrokerInfo:
    """What the broker URL says; several URLs (failover) count by the first one's transport."""
    urls = urls_of(guarded(lambda: app.conf.broker_url))
    first = urls[0] if urls else "amqp://guest:guest@localhost//"
    scheme = str(app.conf.get("broker_transport") or "") or scheme_of(first, "amqp")
    transport = transport_of(scheme)
    fanout, error = FANOUT.get(transport), None
    if fanout is None:
        fanout, error = ask_transport(scheme)
    return BrokerInfo(
        transport=transport,
        scheme=scheme,
        hosts=tuple(dict.fromkeys(host for url in urls for host in hosts_of(url))),
        tls=bool(app.conf.broker_use_ssl) or scheme in TLS_SCHEMES,
        fanout=fanout,
        transport_error=error,
        visibility_timeout=visibility_timeout(app, transport),
        password_at=password_place("broker_url", urls, settings),
    )


def urls_of(value: Any) -> List[str]:
    """The URLs of `broker_url`: one, several separated by `;`, or a list."""
    if isinstance(value, str):
        return [part for part in value.split(";") if part] if value.count("://") > 1 else [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, (list, tuple)) else []


def scheme_of(url: str, default: str) -> str:
    return url.partition("://")[0] if "://" in url else default


def transport_of(scheme: str) -> str:
    """One name for each of Kombu's transports, whatever alias chose it: `amqp`, `redis`, `sqla`, `sqs` …"""
    from kombu.transport import TRANSPORT_ALIASES

    name = scheme.partition("+")[0]
    if name.lower() in ("sentinel", "librabbitmq"):
        return name.lower()
    path = TRANSPORT_ALIASES.get(name, name)
    if isinstance(path, str):
        # `kombu.transport.SQS:Transport`, and `kombu.transport.SLMQ.Transport` without a colon.
        name = path.removeprefix("kombu.transport.").partition(":")[0].partition(".")[0].lower()
    return {"pyamqp": "amqp", "sqlalchemy": "sqla"}.get(name, name)


def ask_transport(scheme: str) -> Tuple[Optional[bool], Optional[str]]:
    """Whether Kombu's transport implements fanout exchanges; None and why where it cannot be loaded."""
    from kombu.transport import get_transport_cls

    try:
        transport: Any = get_transport_cls(scheme.partition("+")[0])
    except Exception as error:  # noqa: BLE001  # a missing client library raises in many ways
        return None, cause_of(error)
    return "fanout" in transport.implements.exchange_type, None


def hosts_of(url: str) -> List[str]:
    """The host names of a URL; several where they are listed with commas."""
    rest = url.partition("://")[2].rpartition("@")[2] if "://" in url else url
    if "+socket" in url.partition("://")[0]:
        return []
    hosts = []
    for part in rest.partition("/")[0].partition("?")[0].split(","):
        # An unfinished IPv6 address is no host.
        with suppress(ValueError):
            hosts.append(urlsplit(f"//{part}").hostname or "")
    return [host for host in hosts if host]


def visibility_timeout(app: Any, transport: str) -> Optional[float]:
    """Seconds until the transport hands an unacknowledged message out again; None where it never does."""
    if transport not in VISIBILITY_TIMEOUT:
        return None
    options = app.conf.broker_transport_options
    given = options.get("visibility_timeout") if isinstance(options, Mapping) else None
    return float(given) if isinstance(given, (int, float)) else VISIBILITY_TIMEOUT[transport]


def password_place(name: str, urls: List[str], settings: SettingsReader) -> Optional[Location]:
    """Where the password of a URL stands as a literal in the project's configuration.

    Silent for values from the environment and for guest:guest on this machine.
    """
    if settings.read_one(name).origin in ("environment", "default"):
        return None
    for url in urls:
        password = password_in(url)
        local = all(host in ("localhost", "127.0.0.1", "::1") for host in hosts_of(url))
        if password and not (password == "guest" and local):  # noqa: S105  # RabbitMQ's own default
            place = settings.source.literal(f":{password}@", settings.files)
            if place:
                return place
    return None


def read_backend(app: Any, settings: SettingsReader) -> BackendInfo:
    """What `result_backend` says. Backends are not constructed: some write a test file when they are."""
    value = guarded(lambda: app.conf.result_backend)
    if not value or (isinstance(value, str) and value.partition("://")[0] == "disabled"):
        return BackendInfo()
    if not isinstance(value, str):
        return BackendInfo(scheme=type(value).__name__, error="it is an object, not a URL")
    scheme = scheme_of(value, masked_text(value))
    expires, error, name = None, None, None
    alias = scheme.partition("+")[0]
    if alias not in app.loader.override_backends:
        expires = AUTOEXPIRE.get(alias)
    if expires is None:
        expires, name, error = ask_backend(app, value)
    return BackendInfo(scheme, name, expires, error, password_place("result_backend", [value], settings))


def ask_backend(app: Any, url: str) -> Tuple[Optional[bool], Optional[str], Optional[str]]:
    """Whether the backend's class expires results by itself, the class's name, and why it did not load."""
    from celery.app.backends import by_url

    try:
        cls, _ = by_url(url, app.loader)
        return bool(cls.supports_autoexpire), f"{cls.__module__}.{cls.__qualname__}", None
    except Exception as error:  # noqa: BLE001  # a missing client library raises in many ways
        return None, None, cause_of(error)
