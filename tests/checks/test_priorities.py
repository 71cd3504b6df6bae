"""Priorities: tables of apps and what is said of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from celerycheck.checks.priorities import _WITHOUT_PRIORITIES
from celerycheck.findings import Severity
from celerycheck.subjects import (
    BrokerInfo,
    NotEvaluated,
    Opaque,
    QueueInfo,
    TaskInfo,
)
from celerycheck.testing import app, found, problems, task

AMQP = {"broker_url": "amqp://broker//"}
REDIS = {"broker_url": "redis://broker"}
NO_MAXIMUM = "has no effect: RabbitMQ delivers queue 'celery' in order, as it has no x-max-priority"


def routed(name, queue="celery", **options):
    error = options.pop("route_error", None)
    priority = options.pop("sent_priority", None)
    made = task(info=TaskInfo(name, queue=queue, route_error=error, priority=priority), **options)
    return made if queue else TaskInfo(**{**vars(made), "queue": None})


def prioritised(transport="amqp", queue=None, values=AMQP, tasks=(), **options):
    tasks = tasks or [routed("a", priority=5)]
    declared = (QueueInfo("celery"),) if queue is None else (queue,)
    options = {"broker": BrokerInfo(transport), "queues": declared, **options}
    return app(*tasks, values=values, **options)


def kombu_transports():
    import kombu

    return Path(kombu.__file__).parent / "transport"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (prioritised(), [f"priority 5 {NO_MAXIMUM}"]),
        (prioritised(tasks=[routed("a", sent_priority=3)]), [f"priority 3 {NO_MAXIMUM}"]),
        (
            prioritised("sqs", values={"broker_url": "sqs://"}),
            ["priority 5 has no effect: Kombu's sqs transport ignores priorities"],
        ),
        (
            prioritised("redis", values=REDIS, tasks=[routed("a", priority=2)]),
            ["priority 2 is the same as 0 to Redis: priority_steps are 0, 3, 6, 9"],
        ),
        (
            prioritised("redis", values=REDIS | {"broker_transport_options": {"priority_steps": [0]}}),
            ["priority 5 is the same as 0 to Redis: priority_steps are 0"],
        ),
        (
            prioritised(
                tasks=[task("a", inherited={"priority": 5}), task("b", inherited={"priority": 5}), task("c")],
                values=AMQP | {"task_default_priority": 5},
            ),
            [f"task_default_priority 5 {NO_MAXIMUM} (tasks concerned: 2)"],
        ),
        (prioritised(tasks=[routed("a")]), []),
        (prioritised(tasks=[routed("a", priority=0)]), []),
        (prioritised(tasks=[routed("a", priority=Opaque("proj.Lazy"))]), []),
        (prioritised(tasks=[routed("a", "unknown", priority=5)]), []),
        (prioritised(tasks=[routed("a", None, priority=5)]), []),
        (prioritised(queue=QueueInfo("celery", max_priority=10)), []),
        (prioritised(queue=QueueInfo("celery", arguments={"x-max-priority": Opaque("x")})), []),
        (prioritised(values=AMQP | {"task_queue_max_priority": 10}), []),
        (prioritised(queue=QueueInfo("celery", type="quorum")), []),
        (prioritised("redis", values=REDIS), []),
        (prioritised("sentinel", values=REDIS, tasks=[routed("a", priority=9)]), []),
        (
            prioritised(
                "redis",
                values=REDIS | {"broker_transport_options": {"priority_steps": list(range(10))}},
                tasks=[routed("a", priority=1)],
            ),
            [],
        ),
        (
            prioritised(
                "redis",
                values=REDIS | {"broker_transport_options": {"priority_steps": Opaque("range")}},
                tasks=[routed("a", priority=1)],
            ),
            [],
        ),
        (prioritised("mongodb", values={"broker_url": "mongodb://broker"}), []),
        (prioritised("memory", values={"broker_url": "memory://"}), []),
        (prioritised("qpid", values={"broker_url": "qpid://broker"}), []),
    ],
)
def test_inert_priority(subject, messages):
    assert problems("inert-priority", subject) == messages


def test_priorities_are_not_judged_without_a_broker():
    assert problems("inert-priority", app(routed("a"))) == []
    with pytest.raises(NotEvaluated, match="no broker"):
        problems("inert-priority", app(routed("a", priority=5)))


def test_redis_merely_being_coarse_is_a_hint():
    coarse = prioritised("redis", values=REDIS, tasks=[routed("a", priority=2)])
    blind = prioritised("redis", values=REDIS | {"broker_transport_options": {"priority_steps": [0]}})
    certainties = [p.at_most for s in (coarse, blind, prioritised()) for p in found("inert-priority", s)]
    assert certainties == [Severity.INFO, None, None]


@pytest.mark.parametrize("transport", sorted(_WITHOUT_PRIORITIES))
def test_kombu_ignores_priorities_on_these_transports(transport):
    module = {"sqs": "SQS", "slmq": "SLMQ", "sqla": "sqlalchemy"}.get(transport, transport)
    folder = kombu_transports()
    files = list((folder / module).glob("*.py")) or [folder / f"{module}.py"]
    if not files[0].exists():
        pytest.skip("this Kombu has no such transport")
    assert not any("_get_message_priority" in file.read_text() for file in files)


@pytest.mark.parametrize("transport", ["redis", "mongodb", "zookeeper"])
def test_kombu_orders_by_priority_on_these_transports(transport):
    folder = kombu_transports()
    assert "_get_message_priority" in (folder / f"{transport}.py").read_text()


def test_redis_reads_priorities_in_these_steps():
    redis = pytest.importorskip("kombu.transport.redis")
    assert redis.PRIORITY_STEPS == [0, 3, 6, 9]
