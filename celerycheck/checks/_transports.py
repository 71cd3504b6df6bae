"""Which kind of broker an app has, by its transport."""

from __future__ import annotations

from celerycheck.subjects import BrokerInfo, Settings

RABBITMQ = frozenset({"amqp", "amqps", "librabbitmq", "pyamqp"})
REDIS = frozenset({"redis", "rediss", "sentinel"})


def on_rabbitmq(broker: BrokerInfo) -> bool:
    return broker.transport.lower() in RABBITMQ


def on_redis(broker: BrokerInfo) -> bool:
    return broker.transport.lower() in REDIS


def on_sqs(broker: BrokerInfo) -> bool:
    return broker.transport.lower() == "sqs"


def is_configured(settings: Settings) -> bool:
    """Whether somebody set a broker, be it by URL or by its parts."""
    parts = ("broker_url", "broker_read_url", "broker_write_url", "broker_host", "broker_transport")
    return any(settings.explicit(name) and settings.flag(name) for name in parts)
