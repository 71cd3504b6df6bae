"""Acknowledgement: tables of tasks and apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.registry import NotEvaluated
from celerycheck.subjects import BrokerInfo, QueueInfo, TaskClass, TaskInfo
from celerycheck.testing import app, error, found, problems, task

NETWORK = [error("OSError")]
REDIS = BrokerInfo("redis", "redis")
EARLY = "it retries on errors, but its message is acknowledged before it runs"


def said(check, subject):
    """Who is spoken of, and what is said."""
    return [(problem.about.name, problem.message) for problem in found(check, subject)]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(autoretry_for=NETWORK), [EARLY]),
        (task(autoretry_for=NETWORK, acks_late=False), [EARLY]),
        (task(info=TaskInfo("t", bound=True, names_read=("retry",))), [EARLY]),
        (task(info=TaskInfo("t", classes=(TaskClass("Base", reads=("retry",)),))), [EARLY]),
        (task(), []),
        (task(max_retries=5, retry_backoff=True), []),
        (task(autoretry_for=NETWORK, acks_late=True), []),
        (task(autoretry_for=NETWORK, inherited={"acks_late": True}), []),
        (task(autoretry_for=NETWORK, retry_on_worker_lost=True), []),
        (task(autoretry_for=NETWORK, max_retries=0), []),
        (task(info=TaskInfo("t", names_read=("retry",))), []),
        (task(info=TaskInfo("t", bound=True, names_read=("request",))), []),
        (task(info=TaskInfo("t", classes=(TaskClass("Base", defines=("retry",)),))), []),
    ],
)
def test_retry_without_acks_late(subject, messages):
    assert problems("retry-without-acks-late", subject) == messages


LOST = (
    "acks_late without reject_on_worker_lost or retry_on_worker_lost:"
    " if its process is killed, the message is gone"
)
LOST_BEFORE = "acks_late without reject_on_worker_lost: if its process is killed, the message is gone"
NO_ACK = {"acks_late": True, "acks_on_failure_or_timeout": False}


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task("a", acks_late=True)), [("a", LOST)]),
        (app(task("a", inherited={"acks_late": True}), task("b")), [("a", LOST)]),
        (app(task("a", acks_late=True, reject_on_worker_lost=False), broker=REDIS), [("a", LOST)]),
        (app(task("a", acks_late=True), celery="5.6.3"), [("a", LOST_BEFORE)]),
        (app(task("a", acks_late=True, retry_on_worker_lost=True), celery="5.6.3"), [("a", LOST_BEFORE)]),
        (app(task("a", **NO_ACK), broker=REDIS), [("a", LOST)]),
        (app(task("a", **NO_ACK, acks_on_failure=True)), [("a", LOST)]),
        (app(task("a", acks_late=True), values={"worker_pool": "proj.pools:Pool"}), [("a", LOST)]),
        (app(), []),
        (app(task()), []),
        (app(task(autoretry_for=NETWORK)), []),
        (app(task(acks_late=False)), []),
        (app(task(acks_late=True, reject_on_worker_lost=True)), []),
        (app(task(acks_late=True, retry_on_worker_lost=True)), []),
        (app(task(acks_late=True, inherited={"reject_on_worker_lost": True}), celery="5.3.6"), []),
        (app(task(**NO_ACK)), []),
        (app(task(acks_late=True, acks_on_failure=False)), []),
        (app(task(acks_late=True), values={"worker_pool": "solo"}), []),
        (app(task(acks_late=True), values={"worker_pool": "threads"}), []),
        (app(task(acks_late=True), values={"worker_pool": "gevent"}), []),
        (app(third_party=(task(acks_late=True),)), []),
    ],
)
def test_acks_late_loses_killed(subject, findings):
    assert said("acks-late-loses-killed", subject) == findings


@pytest.mark.parametrize(
    ("check", "celery", "transport", "fix"),
    [
        ("acks-late-loses-killed", "5.7.0", "redis", "retry_on_worker_lost=True"),
        (
            "acks-late-loses-killed",
            "5.6.3",
            "amqp",
            "reject_on_worker_lost=True, on a quorum queue with x-delivery-limit",
        ),
        (
            "acks-late-loses-killed",
            "5.6.3",
            "redis",
            "Celery 5.7 and retry_on_worker_lost=True, which max_retries bounds",
        ),
        ("oom-loop", "5.7.0", "redis", "retry_on_worker_lost=True, max_retries=3"),
        ("oom-loop", "5.6.3", "amqp", 'queue_arguments={"x-queue-type": "quorum", "x-delivery-limit": 5}'),
        ("oom-loop", "5.6.3", "redis", "Celery 5.7 and retry_on_worker_lost=True, max_retries=3"),
    ],
)
def test_the_fix_is_one_that_celery_and_the_broker_have(check, celery, transport, fix):
    subject = task(acks_late=True, reject_on_worker_lost=check == "oom-loop")
    picture = app(subject, celery=celery, broker=BrokerInfo(transport, transport))
    assert [problem.fix for problem in found(check, picture)] == [fix]


UNSET = "worker_max_memory_per_child is not set"
LATER = "worker_max_memory_per_child replaces a process only after its task has ended"
LOOP = "reject_on_worker_lost on a queue without a delivery limit; " + UNSET
FOREVER = "retry_on_worker_lost with max_retries=None; " + UNSET
REJECTS = {"acks_late": True, "reject_on_worker_lost": True}


def on(queue, *, celery="5.7.0", **options):
    """An app whose one task goes to this queue."""
    return app(task(info=TaskInfo("a", queue=queue.name), **options), queues=(queue,), celery=celery)


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task("a", **REJECTS)), [("a", LOOP)]),
        (app(task("a", acks_late=True, inherited={"reject_on_worker_lost": True})), [("a", LOOP)]),
        (
            app(task("a", **REJECTS), values={"worker_max_memory_per_child": 200_000}),
            [("a", LOOP.replace(UNSET, LATER))],
        ),
        (app(task("a", **REJECTS, retry_on_worker_lost=True), celery="5.6.3"), [("a", LOOP)]),
        (on(QueueInfo("q"), **REJECTS), [("a", LOOP)]),
        (on(QueueInfo("q", type="classic"), **REJECTS), [("a", LOOP)]),
        (on(QueueInfo("q", type="quorum", arguments={"x-delivery-limit": -1}), **REJECTS), [("a", LOOP)]),
        (app(task("a", retry_on_worker_lost=True, max_retries=None)), [("a", FOREVER)]),
        (app(task("a", **REJECTS, retry_on_worker_lost=True, max_retries=None)), [("a", FOREVER)]),
        (app(), []),
        (app(task()), []),
        (app(task(acks_late=True)), []),
        (app(task(reject_on_worker_lost=True)), []),
        (app(task(max_retries=None)), []),
        (app(task(**REJECTS, retry_on_worker_lost=True)), []),
        (app(task(retry_on_worker_lost=True)), []),
        (app(task(retry_on_worker_lost=True, max_retries=None), celery="5.6.3"), []),
        (on(QueueInfo("q", type="quorum"), **REJECTS), []),
        (on(QueueInfo("q", type="quorum"), celery="5.5.3", **REJECTS), []),
        (on(QueueInfo("q", type="quorum", arguments={"x-delivery-limit": 5}), **REJECTS), []),
        (app(task(**REJECTS), values={"worker_pool": "solo"}), []),
        (app(task(**REJECTS), values={"worker_pool": "gevent"}), []),
        (app(third_party=(task(**REJECTS),)), []),
    ],
)
def test_oom_loop(subject, findings):
    assert said("oom-loop", subject) == findings


CANCEL = "worker_cancel_long_running_tasks_on_connection_loss"
AGAIN = "acks_late tasks are delivered again while they still run (tasks concerned: {})"


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task(acks_late=True)), [(CANCEL, AGAIN.format(1))]),
        (app(task(acks_late=True), task("b", acks_late=True), task("c")), [(CANCEL, AGAIN.format(2))]),
        (app(task(acks_late=True), values={CANCEL: False}), [(CANCEL, AGAIN.format(1))]),
        (app(task(acks_late=True), values={"worker_pool": "gevent"}), [(CANCEL, AGAIN.format(1))]),
        (app(), []),
        (app(task()), []),
        (app(task(), values={CANCEL: False}), []),
        (app(task(autoretry_for=NETWORK)), []),
        (app(task(acks_late=False)), []),
        (app(task(acks_late=True), values={CANCEL: True}), []),
        (app(third_party=(task(acks_late=True),)), []),
        (app(task(), values={"task_acks_late": True}), []),
    ],
)
def test_requeue_on_connection_loss(subject, findings):
    assert said("requeue-on-connection-loss", subject) == findings


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_requeue_on_connection_loss_asks_for_nothing_the_pool_cannot_do(pool):
    with pytest.raises(NotEvaluated, match=f"the {pool} pool cannot cancel"):
        problems("requeue-on-connection-loss", app(task(acks_late=True), values={"worker_pool": pool}))


SOFT = "worker_soft_shutdown_timeout"
ABRUPT = "soft shutdown is off: acks_late tasks await the visibility timeout (tasks concerned: {})"


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (app(task(acks_late=True), broker=REDIS), [(SOFT, ABRUPT.format(1))]),
        (app(task(acks_late=True), broker=BrokerInfo("sqs", "sqs")), [(SOFT, ABRUPT.format(1))]),
        (app(task(acks_late=True), broker=BrokerInfo("sentinel")), [(SOFT, ABRUPT.format(1))]),
        (app(task(acks_late=True), broker=REDIS, values={SOFT: 0}), [(SOFT, ABRUPT.format(1))]),
        (app(broker=REDIS), []),
        (app(task(), broker=REDIS), []),
        (app(task(autoretry_for=NETWORK), broker=REDIS), []),
        (app(task(acks_late=True)), []),
        (app(task(acks_late=True), broker=BrokerInfo("memory")), []),
        (app(task(acks_late=True), broker=REDIS, values={SOFT: 30}), []),
        (app(task(acks_late=True), broker=REDIS, values={SOFT: 0.5}), []),
        (app(task(acks_late=True), broker=REDIS, celery="5.5.0", values={SOFT: 10}), []),
    ],
)
def test_abrupt_shutdown(subject, findings):
    assert said("abrupt-shutdown", subject) == findings


def test_abrupt_shutdown_needs_celery_5_5():
    with pytest.raises(NotEvaluated, match=r"Celery 5\.5 or newer"):
        problems("abrupt-shutdown", app(task(acks_late=True), broker=REDIS, celery="5.4.0"))


def test_celery_retries_lost_workers_from_5_7_on():
    import celery
    from celery.app.task import Task

    version = tuple(int(part) for part in celery.__version__.split(".")[:2])
    assert hasattr(Task, "retry_on_worker_lost") is (version >= (5, 7))


def test_celery_knows_soft_shutdown_from_5_5_on():
    import celery
    from celery.app.defaults import SETTING_KEYS

    version = tuple(int(part) for part in celery.__version__.split(".")[:2])
    assert (SOFT in SETTING_KEYS) is (version >= (5, 5))
    assert CANCEL in SETTING_KEYS
