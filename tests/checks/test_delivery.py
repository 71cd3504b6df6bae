"""Delivery: tables of apps and what is said of their unacknowledged messages."""

from __future__ import annotations

from pathlib import Path

import celery
import pytest
from celery.utils.time import get_exponential_backoff_interval

from celerycheck.checks.delivery import _longest_backoff
from celerycheck.findings import Severity, describe
from celerycheck.subjects import (
    BrokerInfo,
    NotEvaluated,
    Opaque,
    QueueInfo,
    TaskClass,
    TaskInfo,
)
from celerycheck.testing import app, error, flagged, found, problems, source, task

REDELIVERED = "Redis redelivers unacknowledged messages after 3600 s"
CLOSED = "RabbitMQ closes the channel of a message unacknowledged for 1800 s"
RETRIES = ", a waiting retry included"
COUNTS = "; only the broker's counts"
QUORUM = QueueInfo("q", type="quorum", exchange_type="topic")
DIRECT_QUORUM = QueueInfo("q", type="quorum")
CLASSIC = QueueInfo("c")


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


def queued(name, subject):
    return task(info=TaskInfo("t", queue=name, names_read=subject.names_read), **subject.options)


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
            [f"task_time_limit is 4000 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, time_limit="7200")),
            [f"time_limit is 7200 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, time_limit=0), values={"task_time_limit": 4000}),
            [f"task_time_limit is 4000 s with acks_late, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True), values={"worker_pool": "threads"}),
            [f"acks_late in the threads pool, which enforces no time limit, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, time_limit=60, soft_time_limit=50), values={"worker_pool": "solo"}),
            [f"acks_late in the solo pool, which enforces no time limit, but {REDELIVERED}"],
        ),
        (
            redis(task(acks_late=True, soft_time_limit=60), values={"worker_pool": "gevent"}),
            [f"acks_late with no time_limit, but {REDELIVERED}"],
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
        (redis(task(acks_late=True, time_limit="300")), []),
        (redis(task(acks_late=True, time_limit=0), values={"task_time_limit": 300}), []),
        (redis(task(acks_late=True, inherited={"time_limit": "300"})), []),
        (redis(task(acks_late=True, time_limit=300), values={"worker_pool": "gevent"}), []),
        (redis(task(acks_late=True, time_limit=300), values={"worker_pool": "proj.pools:Pool"}), []),
        (redis(task(time_limit=300), values={"worker_pool": "threads"}), []),
        (redis(task(default_retry_delay=7200)), []),
        (redis(calls_retry(default_retry_delay=3599)), []),
        (redis(calls_retry(default_retry_delay=7200, max_retries=0)), []),
        (redis(calls_retry()), []),
        (redis(autoretry()), []),
        (redis(autoretry(default_retry_delay=7200, retry_backoff=True)), []),
        (redis(autoretry(default_retry_delay=7200, retry_kwargs={"countdown": 5})), []),
        (redis(autoretry(retry_backoff=60, retry_backoff_max=7200, max_retries=3)), []),
        (redis(autoretry(retry_backoff=60, retry_backoff_max=3600, max_retries=9)), []),
        (redis(autoretry(retry_backoff=60, retry_backoff_max=3600, max_retries=9, retry_jitter=True)), []),
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
        (task(acks_late=True), Severity.WARNING),
        (task(acks_late=True, time_limit=7200), None),
        (task(acks_late=True, soft_time_limit=60), Severity.WARNING),
        (task(acks_late=True, soft_time_limit=7200), Severity.WARNING),
        (task(acks_late=True, inherited={"time_limit": 7200}), None),
        (task(acks_late=True, soft_time_limit=60, time_limit=7200), Severity.WARNING),
        (calls_retry(default_retry_delay=7200), None),
        (autoretry(inherited={"default_retry_delay": 7200}), None),
        (calls_retry(inherited={"default_retry_delay": 7200}), Severity.WARNING),
        (calls_retry(default_retry_delay=3601), None),
        (calls_retry(default_retry_delay=3600), Severity.WARNING),
        (autoretry(retry_backoff=60, retry_backoff_max=3601, max_retries=9), None),
        (
            autoretry(retry_backoff=60, retry_backoff_max=3600, max_retries=9, retry_jitter=False),
            Severity.WARNING,
        ),
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


def late(count, **options):
    return [task(f"proj.tasks.t{n}", acks_late=True, **options) for n in range(count)]


FIRST_THREE = "proj.tasks.t0, proj.tasks.t1, proj.tasks.t2"
NO_LIMIT = f"acks_late with no time_limit, but {REDELIVERED}"
THREADS = f"acks_late in the threads pool, which enforces no time limit, but {REDELIVERED}"


@pytest.mark.parametrize(
    ("subject", "findings"),
    [
        (redis(*late(3)), [("task_time_limit", f"{NO_LIMIT} (tasks concerned: 3)")]),
        (redis(*late(2), task("quick")), [("task_time_limit", f"{NO_LIMIT} (tasks concerned: 2)")]),
        (
            redis(*late(2), values={"task_time_limit": 7200}),
            [
                (
                    "task_time_limit",
                    f"task_time_limit is 7200 s with acks_late, but {REDELIVERED} (tasks concerned: 2)",
                )
            ],
        ),
        (
            redis(*late(2, time_limit=60), values={"worker_pool": "threads"}),
            [("worker_pool", f"{THREADS} (tasks concerned: 2)")],
        ),
        (redis(*late(1)), [("proj.tasks.t0", NO_LIMIT)]),
        (redis(*late(1), values={"worker_pool": "threads"}), [("proj.tasks.t0", THREADS)]),
        (
            redis(*late(2), task("limited", acks_late=True, time_limit=60)),
            [("proj.tasks.t0", NO_LIMIT), ("proj.tasks.t1", NO_LIMIT)],
        ),
        (
            redis(*late(10), task("limited", acks_late=True, time_limit=60)),
            [(f"proj.tasks.t{n}", NO_LIMIT) for n in range(10)],
        ),
        (
            redis(*late(11), task("limited", acks_late=True, time_limit=60)),
            [
                (
                    "task_time_limit",
                    f"{NO_LIMIT} (tasks concerned: 11: {FIRST_THREE} and 8 more)",
                )
            ],
        ),
        (
            redis(*late(2, time_limit=7200)),
            [
                (f"proj.tasks.t{n}", f"time_limit is 7200 s with acks_late, but {REDELIVERED}")
                for n in range(2)
            ],
        ),
        (redis(*late(3, time_limit=60)), []),
        (redis(*late(3), values={"task_time_limit": 60}), []),
    ],
)
def test_what_one_setting_mends_is_said_once(subject, findings):
    said = found("short-visibility-timeout", subject)
    assert [(problem.about.name, problem.message) for problem in said] == findings


def test_late_tasks_are_counted_by_what_their_queue_allows():
    short = QueueInfo("c", arguments={"x-consumer-timeout": 600_000})
    tasks = [task(info=TaskInfo(f"t{n}", queue="c" if n < 2 else "d"), acks_late=True) for n in range(5)]
    assert problems("long-unacknowledged", on("amqp", *tasks, queues=(short, QueueInfo("d")))) == [
        f"acks_late with no time_limit, but {CLOSED} (tasks concerned: 2)".replace("1800", "600"),
        f"acks_late with no time_limit, but {CLOSED} (tasks concerned: 3)",
    ]


TO_HALF_A_DAY = 'broker_transport_options = {"visibility_timeout": 43200}'


@pytest.mark.parametrize(
    ("subject", "fix"),
    [
        (
            redis(task(acks_late=True)),
            "set time_limit, or task_time_limit for all tasks, above the longest run and below 3600, or "
            + TO_HALF_A_DAY,
        ),
        (redis(task(acks_late=True), values={"worker_pool": "threads"}), TO_HALF_A_DAY),
        (
            redis(task(acks_late=True, time_limit=4000), values={"worker_pool": "threads"}),
            'broker_transport_options = {"visibility_timeout": 4600}',
        ),
        (redis(task(acks_late=True, time_limit=2700), values={"worker_pool": "threads"}), TO_HALF_A_DAY),
        (
            redis(task(acks_late=True), timeout=43200, values={"worker_pool": "threads"}),
            'broker_transport_options = {"visibility_timeout": 87000}',
        ),
    ],
)
def test_a_limit_that_nobody_enforces_is_no_advice(subject, fix):
    assert [problem.fix for problem in found("short-visibility-timeout", subject)] == [fix]


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
    with pytest.raises(NotEvaluated, match="retry_kwargs"):
        problems("short-visibility-timeout", redis(autoretry(retry_kwargs=Opaque("proj.Lazy"))))


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


def test_celery_computes_the_same_longest_backoff():
    for factor, retries, ceiling in [(1, 3, 600), (60, 8, 7200), (5, 4, 600), (1, 20, 100_000)]:
        assert _longest_backoff(factor, ceiling, retries) == get_exponential_backoff_interval(
            factor, retries - 1, ceiling
        )


def test_celery_reads_no_visibility_timeout_of_result_backends():
    package = Path(celery.__file__).parent
    assert not [p for p in package.rglob("*.py") if "visibility_timeout" in p.read_text(encoding="utf-8")]


SENDS = """
    from datetime import datetime, timedelta
    from celery import chain, shared_task
    from django.utils import timezone

    @shared_task
    def remind(user_id): ...

    @shared_task(bind=True, default_retry_delay=1)
    def poll(self, job_id):
        {retry}

    def view(user_id, delay, day):
        {call}
"""
ON_REDIS = BrokerInfo("redis", "redis", visibility_timeout=3600)


def sending(call="pass", retry="pass", broker=ON_REDIS, **fields):
    return source(SENDS.format(call=call, retry=retry), broker=broker, **fields)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("remind.apply_async((user_id,), countdown=7200)", "countdown is 7200 s"),
        ("remind.apply_async((user_id,), countdown=60 * 60)", "countdown is 3600 s"),
        (
            "remind.apply_async((user_id,), countdown=timedelta(days=1).total_seconds())",
            "countdown is 86400 s",
        ),
        ("remind.apply_async((user_id,), eta=timezone.now() + timedelta(hours=3))", "eta is 10800 s"),
        ("remind.apply_async((user_id,), eta=timedelta(0, 7200) + datetime.utcnow())", "eta is 7200 s"),
        ("remind.apply_async((user_id,), countdown=60 if day else 86400)", "countdown is 86400 s"),
        ("remind.s(user_id).set(countdown=7200).delay()", "countdown is 7200 s"),
        ("remind.s(user_id).apply_async(countdown=7200)", "countdown is 7200 s"),
        ("chain(remind.si(1), remind.si(2)).apply_async(countdown=7200)", "countdown is 7200 s"),
        ("remind.apply_async((user_id,), countdown=3599)", None),
        ("remind.apply_async((user_id,), countdown=0)", None),
        ("remind.apply_async((user_id,), countdown=None)", None),
        ("remind.apply_async((user_id,), countdown=-7200)", None),
        ("remind.apply_async((user_id,), countdown=delay)", None),
        ("remind.apply_async((user_id,), eta=day)", None),
        ("remind.apply_async((user_id,), eta=day + timedelta(days=7))", None),
        ("remind.apply_async((user_id,), eta=timezone.now() + timedelta(minutes=59))", None),
        ("remind.apply_async((user_id,), eta=timezone.now() - timedelta(days=3))", None),
        ("remind.apply_async((user_id,), eta=timezone.now() + timedelta(days=delay))", None),
        ("remind.apply_async((user_id,), expires=7200)", None),
        ("remind.apply((user_id,), countdown=7200)", None),
        ("remind.delay(user_id)", None),
        ("delay.apply_async((user_id,), countdown=7200)", None),
        ("remind.s(user_id).set(countdown=60).delay()", None),
        ("chain(remind.si(1), remind.si(2)).apply_async(countdown=5)", None),
    ],
)
def test_short_visibility_timeout_of_calls(call, said):
    wanted = (
        said and f"{said}, but Redis redelivers unacknowledged messages after 3600 s, a waiting task included"
    )
    seen = found("short-visibility-timeout", sending(call))
    assert [p.message for p in seen] == ([wanted] if said else [])
    assert [describe(p.about)[:2] for p in seen] == ([("call", "proj.tasks.remind")] if said else [])


@pytest.mark.parametrize(
    ("retry", "lines"),
    [
        ("raise self.retry(countdown=7200)", ["raise self.retry(countdown=7200)"]),
        (
            "self.retry(eta=datetime.now() + timedelta(days=1))",
            ["self.retry(eta=datetime.now() + timedelta(days=1))"],
        ),
        ("raise self.retry(countdown=60)", []),
        ("raise self.retry(countdown=2 ** self.request.retries)", []),
        ("raise self.retry()", []),
        ("job_id.retry(countdown=7200)", []),
    ],
)
def test_short_visibility_timeout_of_retries_in_source(retry, lines):
    assert flagged("short-visibility-timeout", sending(retry=retry)) == lines


def test_delays_in_source_are_left_alone_where_the_broker_keeps_messages():
    code = sending("remind.apply_async((user_id,), countdown=7200)", broker=BrokerInfo("amqp", "amqp"))
    assert problems("short-visibility-timeout", code) == []


@pytest.mark.parametrize(
    ("call", "queues", "count"),
    [
        ("remind.apply_async((user_id,), countdown=1801)", (), 1),
        ("remind.apply_async((user_id,), countdown=1801)", (QueueInfo("celery"),), 1),
        (
            "remind.apply_async((user_id,), countdown=1801, queue='slow')",
            (QueueInfo("celery", type="quorum"),),
            0,
        ),
        ("remind.apply_async((user_id,), countdown=1800)", (), 0),
        ("remind.apply_async((user_id,), countdown=delay)", (), 0),
    ],
)
def test_long_unacknowledged_calls(call, queues, count):
    code = sending(
        call, broker=BrokerInfo("amqp", "amqp"), values={"broker_url": "amqp://rabbit"}, queues=queues
    )
    assert len(problems("long-unacknowledged", code)) == count


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ("return x + y", 0),
        ("pass", 0),
        ("return fetch(x)", 1),
        ("while x:\n        x -= 1", 1),
    ],
)
@pytest.mark.parametrize(
    ("check", "transport"), [("short-visibility-timeout", "redis"), ("long-unacknowledged", "amqp")]
)
def test_what_neither_calls_nor_loops_ends_in_time(check, transport, does, told):
    broker = BrokerInfo(transport, transport, visibility_timeout=3600 if transport == "redis" else None)
    code = source(
        f"@app.task(acks_late=True)\ndef work(x, y):\n    {does}\n",
        broker=broker,
        values={"broker_url": "x://host"},
    )
    assert len(problems(check, code)) == told
