import pytest

from celerycheck.inspection.transports import (
    AUTOEXPIRE,
    FANOUT,
    TLS_SCHEMES,
    VISIBILITY_TIMEOUT,
    hosts_of,
    scheme_of,
    transport_of,
    urls_of,
)
from celerycheck.subjects import Location

NAMES = {
    "pyamqp": "amqp",
    "amqps": "amqp",
    "rediss": "redis",
    "sqlalchemy": "sqla",
    "SQS": "sqs",
    "SLMQ": "slmq",
    "kafka": "confluentkafka",
}


def aliases():
    from kombu.transport import TRANSPORT_ALIASES

    return sorted(TRANSPORT_ALIASES)


@pytest.mark.parametrize("alias", aliases())
def test_every_alias_of_kombus_has_one_name(alias):
    assert transport_of(alias) == NAMES.get(alias, alias)


@pytest.mark.parametrize(
    ("scheme", "name"),
    [
        ("sqla+sqlite", "sqla"),
        ("redis+socket", "redis"),
        ("sentinel", "sentinel"),
        ("nosuch", "nosuch"),
        ("proj.transport:Transport", "proj"),
    ],
)
def test_schemes(scheme, name):
    assert transport_of(scheme) == name


def loaded(name):
    from kombu.transport import get_transport_cls

    try:
        return get_transport_cls(name)
    except ImportError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("transport", FANOUT)
def test_fanout_is_kombus(transport):
    assert ("fanout" in loaded(transport).implements.exchange_type) is FANOUT[transport]


@pytest.mark.parametrize("transport", VISIBILITY_TIMEOUT)
def test_visibility_timeouts_are_kombus(transport):
    channel = loaded(transport).Channel
    default = getattr(channel, "default_visibility_timeout", None) or channel.visibility_timeout
    assert default == VISIBILITY_TIMEOUT[transport]


@pytest.mark.parametrize("scheme", AUTOEXPIRE)
def test_autoexpire_is_celerys(scheme):
    from celery.app.backends import by_url

    if scheme in ("db", "database"):
        pytest.importorskip("sqlalchemy")
    cls, _ = by_url(f"{scheme}://")
    assert cls.supports_autoexpire is AUTOEXPIRE[scheme]


def test_no_other_transport_has_a_visibility_timeout():
    from kombu.transport import get_transport_cls

    for alias in aliases():
        try:
            channel = getattr(get_transport_cls(alias), "Channel", None)
        except Exception:  # noqa: BLE001  # a client library that is not installed raises as it likes
            continue
        if isinstance(getattr(channel, "visibility_timeout", None), (int, float)):
            assert transport_of(alias) in VISIBILITY_TIMEOUT


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("redis://h", ["redis://h"]),
        ("amqp://a;amqp://b", ["amqp://a", "amqp://b"]),
        ("sentinel://a:1;b:1", ["sentinel://a:1;b:1"]),
        (["redis://a", 5], ["redis://a"]),
        (None, []),
        (5, []),
    ],
)
def test_urls(value, urls):
    assert urls_of(value) == urls


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("redis://:p@h:6379/0", ["h"]),
        ("redis://h", ["h"]),
        ("amqp://u:a@b@h:5672//", ["h"]),
        ("redis://", []),
        ("redis+socket:///tmp/redis.sock", []),
        ("mongodb://u:p@a:1,b:2/db", ["a", "b"]),
        ("localhost", ["localhost"]),
        ("redis://[::1]:6379/0", ["::1"]),
        ("redis://[::1", []),
        ("memory://", []),
        ("sqs://", []),
        ("redis://h?ssl_cert_reqs=none", ["h"]),
        ("redis://H.Example", ["h.example"]),
    ],
)
def test_hosts(url, hosts):
    assert hosts_of(url) == hosts


@pytest.mark.parametrize(
    ("url", "scheme"), [("redis://h", "redis"), ("localhost", "amqp"), ("redis", "amqp"), ("", "amqp")]
)
def test_a_url_without_a_scheme_is_amqps(url, scheme):
    from kombu import Connection

    assert scheme_of(url, "amqp") == scheme
    if "://" not in url:
        assert (Connection(url).transport_cls or "amqp") == "amqp"


def test_tls_schemes_are_spelled_as_kombu_spells_them():
    assert "rediss" in TLS_SCHEMES
    assert "amqps" in TLS_SCHEMES


def brokered(take, text, **files):
    head = "import os\nfrom celery import Celery\n"
    return take({"proj.py": head + text, **{f"{name}.py": body for name, body in files.items()}}).app


WRITTEN_OUT = {
    "constructor": ("app = Celery(broker='redis://:hunter2@h')\n", {}, Location("proj.py", 3)),
    "attribute": ("app = Celery()\napp.conf.broker_url = 'redis://:hunter2@h'\n", {}, Location("proj.py", 4)),
    "update": (
        "app = Celery()\napp.conf.update(broker_url='amqp://u:hunter2@h')\n",
        {},
        Location("proj.py", 4),
    ),
    "f-string around a host": (
        "host = 'h'\napp = Celery(broker=f'redis://:hunter2@{host}')\n",
        {},
        Location("proj.py", 4),
    ),
    "module": (
        "app = Celery()\napp.config_from_object('conf_of')\n",
        {"conf_of": "from base import *\n", "base": "\nbroker_url = 'redis://:hunter2@h'\n"},
        Location("base.py", 2),
    ),
    "class": (
        "class C:\n    broker_url = 'redis://:hunter2@h'\napp = Celery()\napp.config_from_object(C)\n",
        {},
        Location("proj.py", 4),
    ),
    "a name": ("URL = 'redis://:hunter2@h'\napp = Celery(broker=URL)\n", {}, Location("proj.py", 3)),
    "a list": (
        "app = Celery()\napp.conf.broker_url = ['redis://h',\n 'redis://:hunter2@i']\n",
        {},
        Location("proj.py", 5),
    ),
}
NOT_WRITTEN_OUT = {
    "none": "app = Celery(broker='redis://h')\n",
    "empty": "app = Celery(broker='redis://:@h')\n",
    "default": "app = Celery()\n",
    "guest on this machine": "app = Celery(broker='amqp://guest:guest@localhost:5672//')\n",
    "guest at 127.0.0.1": "app = Celery(broker='amqp://guest:guest@127.0.0.1//')\n",
    "environment with a default": "app = Celery(broker=os.environ.get('NOPE', 'redis://:hunter2@h'))\n",
    "getenv": "app = Celery(broker=os.getenv('NOPE', 'redis://:hunter2@h'))\n",
    "or": "app = Celery(broker=os.environ.get('NOPE') or 'redis://:hunter2@h')\n",
    "conditional": "app = Celery(broker=os.environ['X'] if 'X' in os.environ else 'redis://:hunter2@h')\n",
    "setdefault": "os.environ.setdefault('B', 'redis://:hunter2@h')\napp = Celery(broker=os.environ['B'])\n",
    "f-string around it": "pw = 'hunter' + '2'\napp = Celery(broker=f'redis://:{pw}@h')\n",
    "format": "app = Celery(broker='redis://:{}@h'.format('hunter2'))\n",
    "percent": "app = Celery(broker='redis://:%s@h' % 'hunter2')\n",
    "settings library": "def env(name, default): return default\n"
    "app = Celery(broker=env('B', default='redis://:hunter2@h'))\n",
    "settings class": (
        "class BaseSettings: pass\nclass S(BaseSettings):\n    broker_url: str = 'redis://:hunter2@h'\n"
        "app = Celery(broker=S().broker_url)\n"
    ),
    "docstring": "'''Like redis://:hunter2@h'''\n"
    "S = 'redis://:' + 'hunter2' + '@h'\napp = Celery(broker=S)\n",
    "user only": "app = Celery(broker='amqp://hunter2@h')\n",
}


@pytest.mark.parametrize("kind", WRITTEN_OUT)
def test_a_password_that_is_written_out(take, kind):
    text, files, location = WRITTEN_OUT[kind]
    assert brokered(take, text, **files).broker.password_at == location


@pytest.mark.parametrize("kind", NOT_WRITTEN_OUT)
def test_a_password_that_is_not_written_out(take, kind):
    assert brokered(take, NOT_WRITTEN_OUT[kind]).broker.password_at is None


def test_brokers_and_backends(take):
    app = brokered(
        take,
        "app = Celery(broker='rediss://:p@redis.example:6380/0', backend='db+sqlite:///x.db')\n"
        "app.conf.broker_transport_options = {'visibility_timeout': 7200}\n",
    )
    broker = app.broker
    assert (broker.transport, broker.scheme, broker.hosts) == ("redis", "rediss", ("redis.example",))
    assert (broker.tls, broker.fanout, broker.visibility_timeout) == (True, True, 7200)
    assert app.backend.scheme == "db+sqlite"


@pytest.mark.parametrize(
    ("text", "scheme", "transport"),
    [
        ("broker='nosuch://h'", "nosuch", "nosuch"),
        ("broker='memory://'", "memory", "memory"),
        ("broker='filesystem://'", "filesystem", "filesystem"),
        ("broker='rabbit.internal'", "amqp", "amqp"),
        ("broker='sentinel://a:1;sentinel://b:2'", "sentinel", "sentinel"),
    ],
)
def test_brokers(take, text, scheme, transport):
    broker = brokered(take, f"app = Celery({text})\n").broker
    assert (broker.scheme, broker.transport) == (scheme, transport)
    assert (broker.transport_error is not None) is (scheme == "nosuch")


@pytest.mark.parametrize(
    ("backend", "scheme", "expires", "broken"),
    [
        ("None", None, None, False),
        ("'disabled'", None, None, False),
        ("'disabled://'", None, None, False),
        ("'redis://h'", "redis", True, False),
        ("'rpc://'", "rpc", True, False),
        ("'cache+memory://'", "cache+memory", True, False),
        ("'redis+socket:///tmp/x'", "redis+socket", True, False),
        ("'file:///tmp'", "file", False, False),
        ("'db+postgresql://h/d'", "db+postgresql", False, False),
        ("'mongodb://h'", "mongodb", False, False),
        ("'nosuch://'", "nosuch", None, True),
        ("'amqp://'", "amqp", None, True),
    ],
)
def test_backends(take, backend, scheme, expires, broken):
    found = brokered(take, f"app = Celery(broker='memory://', backend={backend})\n").backend
    assert (found.scheme, found.error is not None) == (scheme, broken)
    assert found.expires_by_itself is expires


def test_a_project_may_have_another_backend_by_a_known_name(take):
    text = (
        "app = Celery(backend='db://')\n"
        "app.config_from_object({'override_backends': {'db': 'celery.backends.rpc:RPCBackend'}})\n"
    )
    backend = brokered(take, text).backend
    assert (backend.class_name, backend.expires_by_itself) == ("celery.backends.rpc.RPCBackend", True)
