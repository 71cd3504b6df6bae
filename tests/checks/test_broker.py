"""The broker: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.findings import describe
from celerycheck.subjects import (
    BackendInfo,
    BrokerInfo,
    Location,
    NotEvaluated,
    Opaque,
)
from celerycheck.testing import app, found, problems

PLACE = Location("proj/settings.py", 7)


def on(transport, *tasks, values=None, version="5.7.0", queues=(), **fields):
    info = BrokerInfo(transport, **{"scheme": transport, "fanout": True, **fields})
    values = {"broker_url": f"{transport}://broker", **(values or {})}
    return app(*tasks, broker=info, values=values, celery=version, queues=queues)


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
        ("memory", ["the transport is memory: no message leaves the process that sent it"]),
        ("filesystem", ["the transport is filesystem: messages reach only processes that share its folder"]),
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
