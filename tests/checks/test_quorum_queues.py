"""Quorum queues: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.subjects import (
    BrokerInfo,
    NotEvaluated,
    Opaque,
    QueueInfo,
)
from celerycheck.testing import app, problems

QUORUM = QueueInfo("q", type="quorum", exchange_type="topic")
CLASSIC = QueueInfo("c")
CONFIRMED = {"broker_transport_options": {"confirm_publish": True}}
OFF = {"worker_detect_quorum_queues": False}


def on(transport, *tasks, values=None, version="5.7.0", queues=(), **fields):
    info = BrokerInfo(transport, **{"scheme": transport, "fanout": True, **fields})
    values = {"broker_url": f"{transport}://broker", **(values or {})}
    return app(*tasks, broker=info, values=values, celery=version, queues=queues)


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
        (on("redis", queues=(QUORUM,)), []),
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
        (on("redis", queues=(QUORUM,), values=OFF), []),
    ],
)
def test_quorum_needs_detection(subject, messages):
    assert problems("quorum-needs-detection", subject) == messages
