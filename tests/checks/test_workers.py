"""Workers: tables of settings and what is said of pools, memory, prefetching and visibility."""

from __future__ import annotations

import pytest

from celerycheck.findings import Severity
from celerycheck.subjects import BrokerInfo, NotEvaluated, Opaque, QueueInfo, TaskInfo
from celerycheck.testing import app, error, found, problems, settings, source, task

NEVER = "neither worker_max_tasks_per_child nor worker_max_memory_per_child is set"
SOLO = {"worker_pool": "solo"}


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({}, [NEVER]),
        ({"worker_pool": "processes"}, [NEVER]),
        ({"worker_max_memory_per_child": 0}, [NEVER]),
        (
            {"worker_max_tasks_per_child": 0},
            ["worker_max_tasks_per_child is 0: the worker does not start (ValueError)"],
        ),
        ({"worker_max_tasks_per_child": 1}, []),
        ({"worker_max_tasks_per_child": 1000}, []),
        ({"worker_max_memory_per_child": 200_000}, []),
        ({"worker_max_tasks_per_child": 100, "worker_max_memory_per_child": 200_000}, []),
        (SOLO, []),
        ({"worker_pool": "threads"}, []),
        ({"worker_pool": "gevent"}, []),
        ({"worker_pool": "proj.pools:Pool"}, []),
        ({"worker_pool": Opaque("type", "proj.pools.Pool")}, []),
    ],
)
def test_no_max_tasks_per_child(values, messages):
    assert problems("no-max-tasks-per-child", app(task(), values=values)) == messages


@pytest.mark.parametrize(
    ("values", "modules", "found_as"),
    [
        ({}, ("gevent",), [(Severity.INFO, f"{NEVER}, which matters if workers run prefork")]),
        ({}, ("eventlet", "gevent"), [(Severity.INFO, f"{NEVER}, which matters if workers run prefork")]),
        ({}, ("setproctitle",), [(None, NEVER)]),
        ({"worker_pool": "prefork"}, ("gevent",), [(None, NEVER)]),
        ({"worker_max_tasks_per_child": 100}, ("gevent",), []),
        ({"worker_pool": "gevent"}, ("gevent",), []),
    ],
)
def test_another_pool_may_be_named_where_workers_are_started(values, modules, found_as):
    subject = app(task(), values=values, modules_available=modules)
    assert [(p.at_most, p.message) for p in found("no-max-tasks-per-child", subject)] == found_as


@pytest.mark.parametrize("check", ["no-max-tasks-per-child", "no-task-events", "no-process-titles"])
@pytest.mark.parametrize("subject", [app(), app(third_party=(task(),)), app(partial="no module x")])
def test_an_app_without_tasks_has_no_workers(check, subject):
    assert problems(check, subject) == []


def test_a_worker_that_does_not_start_is_told_without_tasks_too():
    assert len(problems("no-max-tasks-per-child", app(values={"worker_max_tasks_per_child": 0}))) == 1


def tiny(limit):
    return (
        f"worker_max_memory_per_child is {limit} KiB, less than a bare worker process takes:"
        " every child is replaced after each task"
    )


@pytest.mark.parametrize(
    ("values", "options", "messages"),
    [
        ({"worker_max_memory_per_child": 200}, {}, [tiny(200)]),
        ({"worker_max_memory_per_child": 12288}, {}, [tiny(12288)]),
        ({"worker_max_memory_per_child": 40_000}, {"smallest": 50_000}, [tiny(40000)]),
        ({}, {}, []),
        ({"worker_max_memory_per_child": 0}, {}, []),
        ({"worker_max_memory_per_child": -1}, {}, []),
        ({"worker_max_memory_per_child": 25_000}, {}, []),
        ({"worker_max_memory_per_child": 200_000}, {}, []),
        ({"worker_max_memory_per_child": 200} | SOLO, {}, []),
        ({"worker_max_memory_per_child": 12288}, {"smallest": 10_000}, []),
    ],
)
def test_tiny_memory_limit(values, options, messages):
    assert problems("tiny-memory-limit", settings(values), **options) == messages


@pytest.mark.parametrize(
    ("limit", "fix"),
    [
        (200, "worker_max_memory_per_child = 204800, which is 200 MiB"),
        (12288, "worker_max_memory_per_child = 204800, which is 200 MiB"),
    ],
)
def test_tiny_memory_limits_are_translated(limit, fix):
    assert [p.fix for p in found("tiny-memory-limit", settings({"worker_max_memory_per_child": limit}))] == [
        fix
    ]


def test_a_computed_memory_limit_is_not_judged():
    with pytest.raises(NotEvaluated):
        problems("tiny-memory-limit", settings({"worker_max_memory_per_child": "200"}))


UNLESS = ", unless workers are started with --prefetch-multiplier"


def greedy(multiplier, tasks):
    return [f"worker_prefetch_multiplier is {multiplier}, while {tasks}{UNLESS}"]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (app(task(acks_late=True), task()), greedy(4, "1 of 2 tasks acknowledge late")),
        (
            app(task(time_limit=61), values={"worker_prefetch_multiplier": 2}),
            greedy(2, "1 of 1 tasks may run longer than 60 s"),
        ),
        (app(task(time_limit="300")), greedy(4, "1 of 1 tasks may run longer than 60 s")),
        (
            app(task(acks_late=True), task(time_limit=300)),
            greedy(4, "1 of 2 tasks acknowledge late and 1 of 2 tasks may run longer than 60 s"),
        ),
        (app(task(inherited={"acks_late": True})), greedy(4, "1 of 1 tasks acknowledge late")),
        (
            app(values={"worker_prefetch_multiplier": 0}),
            [f"worker_prefetch_multiplier is 0: the first worker takes every waiting message{UNLESS}"],
        ),
        # A limit for all tasks is a safety net.
        (app(task(inherited={"time_limit": 1800}), values={"task_time_limit": 1800}), []),
        (app(task(), values={"task_time_limit": 1800}), []),
        (app(), []),
        (app(task()), []),
        (app(task(time_limit=60)), []),
        (app(task(time_limit=0)), []),
        (app(task(time_limit=Opaque("proj.Lazy"))), []),
        (app(task(soft_time_limit=30)), []),
        (app(task(acks_late=True), values={"worker_prefetch_multiplier": 1}), []),
        (app(task(time_limit=3600), values={"worker_prefetch_multiplier": 1}), []),
        (
            app(
                task(acks_late=True),
                values={"worker_disable_prefetch": True},
                broker=BrokerInfo("redis", "redis"),
            ),
            [],
        ),
        (app(values={"worker_prefetch_multiplier": 10}), []),
        (app(task(acks_late=False), values={"worker_prefetch_multiplier": 4}), []),
    ],
)
def test_greedy_prefetch(subject, messages):
    assert problems("greedy-prefetch", subject) == messages


def test_prefetching_is_disabled_on_redis_only():
    subject = app(task(acks_late=True), values={"worker_disable_prefetch": True})
    assert len(problems("greedy-prefetch", subject)) == 1


def test_what_counts_as_long_can_be_set():
    assert problems("greedy-prefetch", app(task(time_limit=300)), long_after=300.0) == []
    assert len(problems("greedy-prefetch", app(task(time_limit=301)), long_after=300.0)) == 1


RETRYING = {"autoretry_for": [error("OSError")]}
UNBOUNDED = "1 task retries after a delay, and worker_eta_task_limit is not set"
QUORUM = (QueueInfo("celery", type="quorum"),)


def by_hand(**options):
    return task(info=TaskInfo("t", bound=True, names_read=("retry",)), **options)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (app(task(**RETRYING)), [UNBOUNDED]),
        (
            app(by_hand(), by_hand()),
            ["2 tasks retry after a delay, and worker_eta_task_limit is not set"],
        ),
        (app(task(**RETRYING, default_retry_delay=0, retry_backoff=True)), [UNBOUNDED]),
        (app(task(**RETRYING, default_retry_delay=0, retry_kwargs={"countdown": 5})), [UNBOUNDED]),
        (app(task(**RETRYING), queues=QUORUM, broker=BrokerInfo("redis")), [UNBOUNDED]),
        (app(), []),
        (app(task()), []),
        (app(task(**RETRYING), values={"worker_eta_task_limit": 1000}), []),
        (app(task(**RETRYING, default_retry_delay=0)), []),
        (app(task(**RETRYING, retry_kwargs={"countdown": 0})), []),
        (app(by_hand(default_retry_delay=0)), []),
        (app(task(info=TaskInfo("t", names_read=("retry",)))), []),
        (app(task(info=TaskInfo("t", bound=True, names_read=("get",)))), []),
        (app(task(retry_backoff=True)), []),
        (app(task(**RETRYING), queues=QUORUM), []),
    ],
)
def test_unbounded_eta_buffer(subject, messages):
    assert problems("unbounded-eta-buffer", subject, tasks=1) == messages


@pytest.mark.parametrize(("count", "least", "said"), [(9, 10, 0), (10, 10, 1), (10, 11, 0), (0, 0, 0)])
def test_a_few_tasks_that_retry_fill_no_memory(count, least, said):
    subject = app(*(task(f"t{n}", **RETRYING) for n in range(count)))
    assert len(problems("unbounded-eta-buffer", subject, tasks=least)) == said


def test_older_celery_has_no_bound_for_delayed_tasks():
    with pytest.raises(NotEvaluated, match=r"Celery 5\.6"):
        problems("unbounded-eta-buffer", app(task(**RETRYING), celery="5.5.3"))


UNSEEN = "worker_send_task_events is off: no task is seen unless workers are started with -E"


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({}, [UNSEEN]),
        ({"worker_send_task_events": False}, [UNSEEN]),
        ({"worker_send_task_events": True}, []),
        ({"worker_send_task_events": 1}, []),
        ({"worker_send_task_events": True, "task_send_sent_event": False}, []),
        ({"worker_send_task_events": True, "worker_enable_remote_control": False}, []),
    ],
)
def test_no_task_events(values, messages):
    assert problems("no-task-events", app(task(), values=values)) == messages


@pytest.mark.parametrize(
    ("modules", "messages"),
    [
        ((), ["setproctitle is not installed"]),
        (("setproctitle",), []),
        (("librabbitmq", "setproctitle"), []),
    ],
)
def test_no_process_titles(modules, messages):
    assert problems("no-process-titles", app(task(), modules_available=modules)) == messages


def test_a_pool_refuses_to_replace_children_after_no_task():
    from billiard.pool import Pool

    with pytest.raises(ValueError, match="maxtasksperchild must be a positive int or None"):
        Pool(1, maxtasksperchild=0)


def test_a_process_with_celery_takes_more_than_the_smallest_limit():
    import subprocess
    import sys

    code = "import celery.bin.worker, resource; print(resource.getrusage(0).ru_maxrss)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    unit = 1024 if sys.platform == "darwin" else 1
    assert int(done.stdout) / unit > 25_000


@pytest.mark.parametrize(("pool", "prefork"), [("prefork", True), ("processes", True), ("solo", False)])
def test_these_names_mean_prefork(pool, prefork):
    from celery.concurrency import ALIASES

    assert (ALIASES[pool] == "celery.concurrency.prefork:TaskPool") is prefork


DELAYED = """
    from celery import shared_task

    @shared_task
    def remind(user_id): ...

    @shared_task(bind=True)
    def poll(self, job_id):
        raise self.retry(countdown=5)

    def view(user_id, options):
        {call}
"""


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("remind.apply_async((user_id,), countdown=60)", "1 task retries and 1 task is sent after a delay"),
        (
            "remind.apply_async((user_id,), eta=options.when)",
            "1 task retries and 1 task is sent after a delay",
        ),
        ("poll.apply_async((user_id,), countdown=60)", None),
        ("remind.apply_async((user_id,), countdown=0)", None),
        ("remind.apply_async((user_id,), **options)", None),
        ("remind.delay(user_id)", None),
        ("remind.apply((user_id,), countdown=60)", None),
    ],
)
def test_unbounded_eta_buffer_counts_delayed_calls(call, said):
    wanted = f"{said}, and worker_eta_task_limit is not set"
    code = source(DELAYED.format(call=call))
    assert problems("unbounded-eta-buffer", code, tasks=2) == ([wanted] if said else [])
