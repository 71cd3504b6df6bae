"""The broker: tables of apps and what is said of them."""

from __future__ import annotations

from pathlib import Path

import celery
import pytest
from celery.utils.time import get_exponential_backoff_interval
from kombu.transport import resolve_transport

from celerycheck.checks import broker as topic
from celerycheck.findings import Severity, describe
from celerycheck.subjects import (
    BackendInfo,
    BrokerInfo,
    Location,
    NotEvaluated,
    Opaque,
    QueueInfo,
    TaskClass,
    TaskInfo,
)
from celerycheck.testing import app, error, found, problems, task

PLACE = Location("proj/settings.py", 7)
REDELIVERED = "Redis redelivers unacknowledged messages after 3600 s"
CLOSED = "RabbitMQ closes the channel of a message unacknowledged for 1800 s"
RETRIES = ", a waiting retry included"
COUNTS = "; only the broker's counts"


def on(transport, *tasks, values=None, version="5.7.0", queues=(), **fields):
    info = BrokerInfo(transport, **{"scheme": transport, "fanout": True, **fields})
    values = {"broker_url": f"{transport}://broker", **(values or {})}
    return app(*tasks, broker=info, values=values, celery=version, queues=queues)


def redis(*tasks, timeout=3600, transport="redis", **fields):
    return on(transport, *tasks, visibility_timeout=timeout, **fields)


def calls_retry(**options):
    return task(info=TaskInfo("t", bound=True, names_read=("retry",)), **options)


def autoretry(**options):
    return task(autoretry_for=[error("OSError")], **options)


@pytest.mark.parametrize(
    ("broker", "messages"),
    [
        (BrokerInfo("sqla", "sqla+postgresql"), ["the transport is sqla+postgresql, a database"]),
        (BrokerInfo("sqlalchemy", "sqlalchemy"), ["the transport is sqlalchemy, a database"]),
        (BrokerInfo("mongodb", "mongodb"), ["the transport is mongodb, a database"]),
        (BrokerInfo("django", "django"), ["the transport is django, a database"]),
        (BrokerInfo("db+sqlite", "db+sqlite"), ["the transport is db+sqlite, a database"]),
        (BrokerInfo("amqp", "pyamqp"), []),
        (BrokerInfo("redis", "rediss"), []),
        (BrokerInfo("redis", "redis+socket"), []),
        (BrokerInfo("sentinel", "sentinel"), []),
        (BrokerInfo("sqs", "sqs"), []),
        (BrokerInfo("memory", "memory"), []),
        (BrokerInfo("filesystem", "filesystem"), []),
        (BrokerInfo("zookeeper", "zookeeper"), []),
        (BrokerInfo("kafka", "confluentkafka"), []),
        (BrokerInfo("qpid", "qpid"), []),
    ],
)
def test_database_as_broker(broker, messages):
    assert problems("database-as-broker", app(broker=broker)) == messages


@pytest.mark.parametrize(
    ("transport", "messages"),
    [
        ("memory", ["the transport is memory: no message reaches another machine"]),
        ("filesystem", ["the transport is filesystem: no message reaches another machine"]),
        ("amqp", []),
        ("redis", []),
        ("sqs", []),
        ("sqla", []),
    ],
)
def test_development_broker(transport, messages):
    assert problems("development-broker", on(transport)) == messages


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({}, ["broker_url is not set: Celery falls back to amqp://guest@localhost//"]),
        ({"broker_url": None}, ["broker_url is empty: Celery falls back to amqp://guest@localhost//"]),
        ({"broker_url": ""}, ["broker_url is empty: Celery falls back to amqp://guest@localhost//"]),
        ({"broker_url": "amqp://guest:********@localhost//"}, []),
        ({"broker_url": "redis://"}, []),
        ({"broker_url": ["amqp://a", "amqp://b"]}, []),
        ({"broker_url": Opaque("proj.Url")}, []),
        ({"broker_read_url": "amqp://a", "broker_write_url": "amqp://b"}, []),
        ({"broker_host": "rabbit"}, []),
        ({"broker_transport": "redis"}, []),
        ({"task_always_eager": True}, []),
    ],
)
def test_default_broker(values, messages):
    assert problems("default-broker", app(values=values)) == messages


@pytest.mark.parametrize(
    ("fanout", "count"),
    [(False, 1), (True, 0)],
)
def test_broker_without_control(fanout, count):
    assert len(problems("broker-without-control", on("zookeeper", fanout=fanout))) == count


def test_broker_without_control_needs_the_transport():
    subject = on("sqs", fanout=None, transport_error="ModuleNotFoundError: No module named 'boto3'")
    with pytest.raises(NotEvaluated, match="boto3"):
        problems("broker-without-control", subject)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (redis(task(acks_late=True)), [f"acks_late with no time_limit, but {REDELIVERED}"]),
        (redis(task(acks_late=True, time_limit=0)), [f"acks_late with no time_limit, but {REDELIVERED}"]),
        (
            redis(task(acks_late=True, time_limit=7200)),
            [f"time_limit is 7200 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, time_limit=3600)),
            [f"time_limit is 3600 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(inherited={"acks_late": True, "time_limit": 4000})),
            [f"time_limit is 4000 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, soft_time_limit=600)),
            [f"acks_late with only a soft_time_limit of 600 s, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, soft_time_limit=7200)),
            [f"acks_late with no time_limit, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True), transport="sentinel"),
            [f"acks_late with no time_limit, but {REDELIVERED}"],
        ),
        (
            on("sqs", task(acks_late=True, time_limit=1800), visibility_timeout=1800),
            [
                f"time_limit is 1800 s with acks_late, but {REDELIVERED}".replace("Redis", "SQS").replace(
                    "3600", "1800"
                )
            ],
        ),
        (
            redis(calls_retry(default_retry_delay=3600)),
            [f"default_retry_delay is 3600 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(default_retry_delay=86400)),
            [f"default_retry_delay is 86400 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(
                task(
                    info=TaskInfo("t", classes=(TaskClass("Base", reads=("retry",)),)),
                    default_retry_delay=9000,
                )
            ),
            [f"default_retry_delay is 9000 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(retry_backoff=60, retry_backoff_max=7200, max_retries=8)),
            [f"the longest retry_backoff is 7200 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(retry_backoff=True, retry_backoff_max=1_000_000, max_retries=None)),
            [f"the longest retry_backoff is 1000000 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(retry_backoff=60, retry_backoff_max=7200, retry_kwargs={"max_retries": 8})),
            [f"the longest retry_backoff is 7200 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(retry_kwargs={"countdown": 7200})),
            [f"countdown of retry_kwargs is 7200 s, but {REDELIVERED}{RETRIES}"],
        ),
        (
            redis(autoretry(acks_late=True, default_retry_delay=7200)),
            [
                f"acks_late with no time_limit, but {REDELIVERED}",
                f"default_retry_delay is 7200 s, but {REDELIVERED}{RETRIES}",
            ],
        ),
        (
            redis(calls_retry(), timeout=120),
            [f"default_retry_delay is 180 s, but {REDELIVERED}{RETRIES}".replace("3600", "120")],
        ),
        (redis(), []),
        (redis(task()), []),
        (redis(task(time_limit=7200)), []),
        (redis(task(acks_late=True, time_limit=3599)), []),
        (redis(task(acks_late=True, time_limit=300, soft_time_limit=250)), []),
        (redis(task(acks_late=True, time_limit=7200), timeout=43200), []),
        (redis(task(default_retry_delay=7200)), []),
        (redis(calls_retry(default_retry_delay=3599)), []),
        (redis(calls_retry(default_retry_delay=7200, max_retries=0)), []),
        (redis(calls_retry()), []),
        (redis(autoretry()), []),
        (redis(autoretry(default_retry_delay=7200, retry_backoff=True)), []),
        (redis(autoretry(default_retry_delay=7200, retry_kwargs={"countdown": 5})), []),
        (redis(autoretry(retry_backoff=60, retry_backoff_max=7200, max_retries=3)), []),
        (redis(autoretry(retry_backoff=60, retry_backoff_max=7200, max_retries=0)), []),
        (redis(autoretry(retry_backoff=60, retry_kwargs={"countdown": 7200})), []),
        (redis(autoretry(retry_backoff=True, max_retries=None)), []),
        (redis(autoretry(retry_backoff=True, max_retries=float("inf"))), []),
        (redis(task(retry_backoff=60, retry_backoff_max=7200, max_retries=8)), []),
        (redis(autoretry(retry_kwargs={"countdown": 7200, "max_retries": 0})), []),
        (on("amqp", task(acks_late=True)), []),
        (on("memory", task(acks_late=True)), []),
        (on("amqp", calls_retry(default_retry_delay=7200)), []),
    ],
)
def test_short_visibility_timeout(subject, messages):
    assert problems("short-visibility-timeout", subject) == messages


@pytest.mark.parametrize(
    ("subject", "at_most"),
    [
        (task(acks_late=True), None),
        (task(acks_late=True, time_limit=7200), None),
        (task(acks_late=True, soft_time_limit=60), Severity.WARNING),
        (task(acks_late=True, soft_time_limit=60, time_limit=7200), Severity.WARNING),
        (calls_retry(default_retry_delay=7200), None),
        (autoretry(inherited={"default_retry_delay": 7200}), None),
        (calls_retry(inherited={"default_retry_delay": 7200}), Severity.WARNING),
    ],
)
def test_short_visibility_timeout_grades(subject, at_most):
    (problem,) = found("short-visibility-timeout", redis(subject))
    assert (problem.about, problem.at_most) == (subject, at_most)


@pytest.mark.parametrize(
    ("limit", "timeout", "transport", "fix"),
    [
        (
            7200,
            3600,
            "redis",
            'bring time_limit below 3600, or broker_transport_options = {"visibility_timeout": 7800}',
        ),
        (
            90_000,
            1800,
            "sqs",
            "bring time_limit below 1800, or split the work: SQS allows no visibility_timeout above 43200",
        ),
    ],
)
def test_short_visibility_timeout_fix(limit, timeout, transport, fix):
    subject = on(transport, task(acks_late=True, time_limit=limit), visibility_timeout=timeout)
    assert [p.fix for p in found("short-visibility-timeout", subject)] == [fix]


@pytest.mark.parametrize(("margin", "count"), [(1.0, 0), (1.4, 0), (1.5, 1), (2.0, 1)])
def test_short_visibility_timeout_margin(margin, count):
    subject = redis(task(acks_late=True, time_limit=2400))
    assert len(problems("short-visibility-timeout", subject, margin=margin)) == count


def test_short_visibility_timeout_says_the_same_of_every_task():
    subject = redis(*(task(f"proj.tasks.t{n}", acks_late=True) for n in range(3)))
    assert len(set(problems("short-visibility-timeout", subject))) == 1


def test_short_visibility_timeout_with_unreadable_tasks():
    unreadable = task("proj.tasks.odd", acks_late=True, time_limit=Opaque("proj.Lazy"))
    late = task("proj.tasks.late", acks_late=True)
    assert problems("short-visibility-timeout", redis(unreadable, late)) == [
        f"acks_late with no time_limit, but {REDELIVERED}"
    ]
    with pytest.raises(NotEvaluated, match="time_limit"):
        problems("short-visibility-timeout", redis(unreadable, task()))
    with pytest.raises(NotEvaluated, match="visibility timeout"):
        problems("short-visibility-timeout", redis(late, timeout=None))


@pytest.mark.parametrize(
    ("ours", "theirs", "transport", "messages"),
    [
        (
            3600,
            43200,
            "redis",
            [f"visibility_timeout is 43200 s for the result backend and 3600 s for the broker{COUNTS}"],
        ),
        (
            43200,
            600.5,
            "redis",
            [f"visibility_timeout is 600.5 s for the result backend and 43200 s for the broker{COUNTS}"],
        ),
        (3600, 3600, "redis", []),
        (43200, 43200.0, "redis", []),
        (43200, None, "redis", []),
        (None, 43200, "amqp", []),
        (None, None, "redis", []),
    ],
)
def test_split_visibility_timeout(ours, theirs, transport, messages):
    options = {} if theirs is None else {"visibility_timeout": theirs}
    subject = on(transport, visibility_timeout=ours, values={"result_backend_transport_options": options})
    assert problems("split-visibility-timeout", subject) == messages


QUORUM = QueueInfo("q", type="quorum", exchange_type="topic")
DIRECT_QUORUM = QueueInfo("q", type="quorum")
CLASSIC = QueueInfo("c")


def queued(name, subject):
    return task(info=TaskInfo("t", queue=name, names_read=subject.names_read), **subject.options)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (on("amqp", task(acks_late=True)), [f"acks_late with no time_limit, but {CLOSED}"]),
        (
            on("pyamqp", task(acks_late=True, time_limit=1801)),
            [f"time_limit is 1801 s with acks_late, but {CLOSED}"],
        ),
        (
            on("amqp", task(acks_late=True, soft_time_limit=60)),
            [f"acks_late with only a soft_time_limit of 60 s, but {CLOSED}"],
        ),
        (
            on("amqp", calls_retry(default_retry_delay=3600)),
            [f"default_retry_delay is 3600 s, but {CLOSED}{RETRIES}"],
        ),
        (
            on("amqp", autoretry(retry_kwargs={"countdown": 3600}), queues=(CLASSIC,)),
            [f"countdown of retry_kwargs is 3600 s, but {CLOSED}{RETRIES}"],
        ),
        (
            on("amqp", queued("q", calls_retry(default_retry_delay=3600)), queues=(DIRECT_QUORUM,)),
            [f"default_retry_delay is 3600 s, but {CLOSED}{RETRIES}"],
        ),
        (
            on(
                "amqp",
                queued("q", calls_retry(default_retry_delay=3600)),
                queues=(QUORUM,),
                version="5.4.0",
            ),
            [f"default_retry_delay is 3600 s, but {CLOSED}{RETRIES}"],
        ),
        (
            on(
                "amqp",
                queued("c", task(acks_late=True, time_limit=900)),
                queues=(QueueInfo("c", arguments={"x-consumer-timeout": 600_000}),),
            ),
            [f"time_limit is 900 s with acks_late, but {CLOSED}".replace("1800", "600")],
        ),
        (
            on("amqp", queued("q", task(acks_late=True)), queues=(QUORUM,)),
            [f"acks_late with no time_limit, but {CLOSED}"],
        ),
        (on("amqp"), []),
        (on("amqp", task()), []),
        (on("amqp", task(time_limit=7200)), []),
        (on("amqp", task(acks_late=True, time_limit=1800)), []),
        (on("amqp", task(acks_late=True, time_limit=60, soft_time_limit=50)), []),
        (on("amqp", task(default_retry_delay=7200)), []),
        (on("amqp", calls_retry(default_retry_delay=1800)), []),
        (on("amqp", autoretry(retry_backoff=True, default_retry_delay=7200)), []),
        (on("amqp", queued("q", calls_retry(default_retry_delay=3600)), queues=(QUORUM,)), []),
        (
            on(
                "amqp",
                queued("c", task(acks_late=True, time_limit=7000)),
                queues=(QueueInfo("c", arguments={"x-consumer-timeout": 7_200_000}),),
            ),
            [],
        ),
        (redis(task(acks_late=True)), []),
        (on("sqs", task(acks_late=True), visibility_timeout=1800), []),
        (on("memory", task(acks_late=True)), []),
        (on("qpid", task(acks_late=True)), []),
    ],
)
def test_long_unacknowledged(subject, messages):
    assert problems("long-unacknowledged", subject) == messages


@pytest.mark.parametrize(("consumer_timeout", "count"), [(1800, 1), (7200, 1), (7201, 0), (0, 0)])
def test_long_unacknowledged_timeout(consumer_timeout, count):
    subject = on("amqp", task(acks_late=True, time_limit=7201))
    assert len(problems("long-unacknowledged", subject, consumer_timeout=consumer_timeout)) == count


def test_long_unacknowledged_needs_a_broker():
    with pytest.raises(NotEvaluated, match="no broker"):
        problems("long-unacknowledged", app(task(acks_late=True)))


@pytest.mark.parametrize(
    ("broker", "backend", "subjects"),
    [
        (PLACE, None, ["broker_url"]),
        (None, PLACE, ["result_backend"]),
        (PLACE, PLACE, ["broker_url", "result_backend"]),
        (None, None, []),
    ],
)
def test_credentials_in_source(broker, backend, subjects):
    subject = app(broker=BrokerInfo(password_at=broker), backend=BackendInfo("redis", password_at=backend))
    seen = found("credentials-in-source", subject)
    assert [describe(p.about)[1] for p in seen] == subjects
    assert all(p.location == PLACE for p in seen)


@pytest.mark.parametrize(
    ("hosts", "fields", "messages"),
    [
        (("mq.example.com",), {}, ["TLS is off for mq.example.com"]),
        (("8.8.8.8",), {}, ["TLS is off for 8.8.8.8"]),
        (("[2001:4860:4860::8888]",), {}, ["TLS is off for [2001:4860:4860::8888]"]),
        (("rabbit", "mq.example.com"), {}, ["TLS is off for mq.example.com"]),
        (("mq.example.com",), {"transport": "redis"}, ["TLS is off for mq.example.com"]),
        (("mq.example.com",), {"tls": True}, []),
        (("mq.example.com",), {"transport": "sqs"}, []),
        (("db.example.com",), {"transport": "mongodb"}, []),
        (("localhost",), {}, []),
        (("127.0.0.1",), {}, []),
        (("::1",), {}, []),
        (("10.1.2.3", "192.168.0.4", "172.16.0.1"), {}, []),
        (("fd00::1",), {}, []),
        (("rabbit",), {}, []),
        (("redis.prod.svc.cluster.local",), {}, []),
        (("mq.internal.",), {}, []),
        (("shop.abc.0001.euw1.cache.amazonaws.com",), {"transport": "redis"}, []),
        (("/run/redis/redis.sock",), {"transport": "redis"}, []),
        (("",), {}, []),
        ((), {}, []),
    ],
)
def test_unencrypted_broker(hosts, fields, messages):
    assert problems("unencrypted-broker", app(broker=BrokerInfo(hosts=hosts, **fields))) == messages


CONFIRMED = {"broker_transport_options": {"confirm_publish": True}}


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (on("amqp", queues=(QUORUM,)), ["quorum queues (q), and confirm_publish is not on"]),
        (
            on("amqp", queues=tuple(QueueInfo(n, type="quorum") for n in "abcde")),
            ["quorum queues (a, b, c and 2 more), and confirm_publish is not on"],
        ),
        (
            on(
                "amqp",
                queues=(CLASSIC, QUORUM),
                values={"broker_transport_options": {"confirm_publish": False}},
            ),
            ["quorum queues (q), and confirm_publish is not on"],
        ),
        (on("amqp", queues=(QUORUM,), values=CONFIRMED), []),
        (on("amqp", queues=(CLASSIC,)), []),
        (on("amqp", queues=(QueueInfo("s", type="stream"),)), []),
        (on("amqp", queues=(QueueInfo("s", type="classic"),)), []),
        (on("amqp"), []),
        (redis(queues=(QUORUM,)), []),
    ],
)
def test_quorum_without_confirms(subject, messages):
    assert problems("quorum-without-confirms", subject) == messages


@pytest.mark.parametrize(
    "subject",
    [
        on("amqp", queues=(QUORUM,), version="5.4.0"),
        on("amqp", queues=(QUORUM,), values={"broker_transport_options": Opaque("proj.Lazy")}),
    ],
)
def test_quorum_without_confirms_unknown(subject):
    with pytest.raises(NotEvaluated):
        problems("quorum-without-confirms", subject)


OFF = {"worker_detect_quorum_queues": False}


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            on("amqp", queues=(QUORUM,), values=OFF),
            ["quorum queues (q), and worker_detect_quorum_queues is off"],
        ),
        (
            on("amqp", queues=(QUORUM,), version="5.4.0"),
            ["quorum queues (q), and Celery 5.4.0 sets a global prefetch limit, which they refuse"],
        ),
        (on("amqp", queues=(QUORUM,)), []),
        (on("amqp", queues=(CLASSIC,), values=OFF), []),
        (on("amqp", queues=(CLASSIC,), version="5.4.0"), []),
        (on("amqp", values=OFF), []),
        (redis(queues=(QUORUM,), values=OFF), []),
    ],
)
def test_quorum_needs_detection(subject, messages):
    assert problems("quorum-needs-detection", subject) == messages


@pytest.mark.parametrize(
    ("transport", "value", "messages"),
    [
        ("amqp", True, ["the amqp transport ignores it; only Redis obeys"]),
        ("sqs", True, ["the sqs transport ignores it; only Redis obeys"]),
        ("redis", True, []),
        ("rediss", True, []),
        ("sentinel", True, []),
        ("amqp", False, []),
    ],
)
def test_prefetch_switch_ignored(transport, value, messages):
    subject = on(transport, values={"worker_disable_prefetch": value})
    assert problems("prefetch-switch-ignored", subject) == messages


def test_prefetch_switch_ignored_version():
    with pytest.raises(NotEvaluated, match=r"5\.6"):
        problems("prefetch-switch-ignored", on("amqp", version="5.5.3"))


@pytest.mark.parametrize(
    ("broker", "modules", "messages"),
    [
        (BrokerInfo("librabbitmq", "librabbitmq"), (), ["the transport is librabbitmq"]),
        (BrokerInfo("amqp", "librabbitmq"), (), ["the transport is librabbitmq"]),
        (
            BrokerInfo("amqp", "amqp"),
            ("librabbitmq",),
            ["librabbitmq is installed, so amqp:// means librabbitmq"],
        ),
        (BrokerInfo("amqp", "amqp"), (), []),
        (BrokerInfo("amqp", "amqp"), ("setproctitle",), []),
        (BrokerInfo("amqp", "pyamqp"), ("librabbitmq",), []),
        (BrokerInfo("amqp", "amqps"), ("librabbitmq",), []),
        (BrokerInfo("redis", "redis"), ("librabbitmq",), []),
        (BrokerInfo("sqs", "sqs"), (), []),
    ],
)
def test_obsolete_librabbitmq(broker, modules, messages):
    subject = app(broker=broker, modules_available=modules)
    assert problems("obsolete-librabbitmq", subject) == messages


def test_celery_computes_the_same_longest_backoff():
    for factor, retries, ceiling in [(1, 3, 600), (60, 8, 7200), (5, 4, 600), (1, 20, 100_000)]:
        subject = task(retry_backoff_max=ceiling)
        assert topic._largest_backoff(subject, factor, retries) == get_exponential_backoff_interval(
            factor, retries - 1, ceiling
        )


def test_celery_reads_no_visibility_timeout_of_result_backends():
    package = Path(celery.__file__).parent
    assert not [p for p in package.rglob("*.py") if "visibility_timeout" in p.read_text(encoding="utf-8")]


def test_the_redis_family_is_what_celery_takes_for_redis():
    assert {resolve_transport(name).driver_type for name in topic.REDIS} == {"redis"}
