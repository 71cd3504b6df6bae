"""Routing: tables of apps and what is said of their routes, queues, priorities and rate limits."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from celerycheck.checks.routing import _WITHOUT_PRIORITIES, rate_of
from celerycheck.findings import Severity
from celerycheck.subjects import (
    BrokerInfo,
    NotEvaluated,
    Opaque,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    TaskInfo,
)
from celerycheck.testing import app, found, problems, task

QUEUES = ["Queue"]
AMQP = {"broker_url": "amqp://broker//"}
REDIS = {"broker_url": "redis://broker"}


def routed(name, queue="celery", **options):
    error = options.pop("route_error", None)
    priority = options.pop("sent_priority", None)
    made = task(info=TaskInfo(name, queue=queue, route_error=error, priority=priority), **options)
    return made if queue else TaskInfo(**{**vars(made), "queue": None})


def many(count, queue="celery"):
    return [routed(f"proj.t{n}", queue) for n in range(count)]


def topic(name, key, exchange="tasks", kind="topic", declared=True):
    return QueueInfo(name, declared, exchange, kind, key)


@pytest.mark.parametrize(
    ("subject", "options", "messages"),
    [
        (app(*many(11)), {}, ["all 11 tasks go to queue 'celery'"]),
        (app(*many(3, "mail")), {"tasks": 2}, ["all 3 tasks go to queue 'mail'"]),
        (app(), {}, []),
        (app(*many(10)), {}, []),
        (app(*many(11), routed("proj.mail", "mail")), {}, []),
        (app(*many(11), routed("proj.broken", None)), {}, []),
        (app(*many(11), queues=(topic("celery", "a"), topic("mail", "b"))), {}, []),
        (app(*many(11), schedule=(ScheduleEntry("night", options={"queue": "night"}),)), {}, []),
    ],
)
def test_single_queue(subject, options, messages):
    assert problems("single-queue", subject, **options) == messages


@pytest.mark.parametrize(
    ("route", "messages"),
    [
        (RouteInfo("proj.tasks.wrk", matches=0), ["no registered task has this name"]),
        (RouteInfo("prj.*", "glob", matches=0), ["no registered task matches this pattern"]),
        (RouteInfo("^prj", "regex", matches=0), ["no registered task matches this pattern"]),
        (
            RouteInfo("proj.task?", matches=0),
            ["no registered task has this name: without a * Celery takes it literally"],
        ),
        (RouteInfo("proj.tasks.work", matches=1), []),
        (RouteInfo("proj.*", "glob", matches=1), []),
        (RouteInfo("*", "glob", matches=12), []),
        (RouteInfo("^proj", "regex", matches=1), []),
        (RouteInfo("proj.Router", "function"), []),
        (RouteInfo("proj.Router", "function", matches=None), []),
        (RouteInfo("celery.backend_cleanup", matches=1), []),
        (RouteInfo("celery.*", "glob", matches=9), []),
    ],
)
def test_route_matches_nothing(route, messages):
    assert problems("route-matches-nothing", app(task(), routes=(route,))) == messages


def test_dead_routes_are_about_the_route_and_guess_what_was_meant():
    route = RouteInfo("proj.tasks.wrk", matches=0)
    (problem,) = found("route-matches-nothing", app(task(), routes=(route,)))
    assert problem.about == route
    assert problem.fix == "did you mean 'proj.tasks.work'?"


def test_dead_routes_are_not_judged_without_the_whole_registry():
    with pytest.raises(NotEvaluated, match="no module x"):
        problems(
            "route-matches-nothing", app(task(), routes=(RouteInfo("a", matches=0),), partial="no module x")
        )
    assert (
        problems("route-matches-nothing", app(routes=(RouteInfo("a", matches=1),), partial="no module x"))
        == []
    )
    with pytest.raises(NotEvaluated, match="registers no tasks"):
        problems("route-matches-nothing", app(routes=(RouteInfo("a", matches=0),)))


MADE = (topic("celery", "celery"), topic("mail", "mail", declared=False))
LACKS = "it goes to queue 'mail', which task_queues lacks: a worker reads it only with -Q"
REFUSED = "every send raises QueueNotFound: task_queues lacks 'mail', and task_create_missing_queues is off"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (app(routed("a", "mail"), values={"task_queues": QUEUES}, queues=MADE), [LACKS]),
        (
            app(routed("a", "mail"), routed("b", "mail"), values={"task_queues": QUEUES}, queues=MADE),
            [LACKS, LACKS],
        ),
        (
            app(routed("a", None, route_error="QueueNotFound: Queue 'mail' missing from task_queues")),
            [REFUSED],
        ),
        (app(routed("a", "celery"), values={"task_queues": QUEUES}, queues=MADE), []),
        (app(routed("a", "mail"), queues=(topic("mail", "mail", declared=False),)), []),
        (app(routed("a", None, route_error="KeyError: 'mail'"), queues=MADE), []),
        # A routing key on an exchange, not the name of a queue.
        (app(routed("a", "media.video"), values={"task_queues": QUEUES}, queues=MADE), []),
        (
            app(
                routed("a", "celery"),
                values={"task_queues": QUEUES},
                queues=(topic("mail", "mail"), topic("celery", "celery", declared=False)),
            ),
            [],
        ),
        (app(values={"task_queues": QUEUES}, queues=MADE), []),
    ],
)
def test_undeclared_queue(subject, messages):
    assert problems("undeclared-queue", subject) == messages


def test_undeclared_queues_are_an_error_only_where_sending_fails():
    warned = app(routed("a", "mial"), queues=(topic("mail", ""), topic("mial", "", declared=False)))
    (problem,) = found("undeclared-queue", warned)
    assert problem.at_most is Severity.WARNING
    assert problem.fix == "add Queue('mial') to task_queues, or did you mean 'mail'?"
    (problem,) = found(
        "undeclared-queue", app(routed("a", None, route_error="Queue 'x' missing from task_queues"))
    )
    assert problem.at_most is None


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            app(
                routed("a"), routed("b", "mail"), values={"task_queues": QUEUES}, queues=(topic("mail", ""),)
            ),
            ["task_queues lacks the default queue 'celery', where 1 of 2 tasks go"],
        ),
        (
            app(
                routed("a", None, route_error="QueueNotFound: Queue 'celery' missing from task_queues"),
                values={"task_queues": QUEUES},
                queues=(topic("mail", ""),),
            ),
            ["task_queues lacks the default queue 'celery', where 1 of 1 tasks go"],
        ),
        (
            app(routed("a", "mail"), values={"task_queues": QUEUES}, queues=(topic("mail", ""),)),
            ["task_queues lacks the default queue 'celery', where only Celery's own tasks go"],
        ),
        (app(routed("a")), []),
        (app(routed("a"), queues=(topic("celery", "", declared=False),)), []),
        (app(routed("a"), values={"task_queues": QUEUES}, queues=MADE), []),
        (
            app(
                routed("a", "mail"),
                values={"task_queues": QUEUES, "task_default_queue": "mail"},
                queues=(topic("mail", ""),),
            ),
            [],
        ),
        # The table of queues could not be built: malformed-routes says so.
        (app(routed("a", None, route_error="TypeError: x"), values={"task_queues": QUEUES}), []),
        (app(routed("a"), values={"task_queues": []}), []),
    ],
)
def test_undeclared_default_queue(subject, messages):
    assert problems("undeclared-default-queue", subject) == messages


MATCHED = (
    "its routing key 'feed.news' also matches 'feed.#' of queue 'all' on topic exchange 'tasks':"
    " both get its messages"
)


@pytest.mark.parametrize(
    ("queues", "broker", "messages"),
    [
        (
            (topic("a", "k"), topic("b", "k")),
            "redis",
            ["topic exchange 'tasks' feeds it and queue 'a' with routing key 'k': both get every message"],
        ),
        (
            (topic("a", "k", kind="fanout"), topic("b", "j", kind="fanout")),
            "amqp",
            ["fanout exchange 'tasks' feeds it and queue 'a': both get every message"],
        ),
        (
            (topic("a", "k", kind="fanout"), topic("b", "k", kind="fanout")),
            "redis",
            ["fanout exchange 'tasks' feeds it and queue 'a': both get every message"],
        ),
        (
            (topic("all", "feed.#"), topic("b", "feed.news")),
            "amqp",
            [MATCHED],
        ),
        (
            (topic("a", "k"), topic("b", "k"), topic("c", "k")),
            "amqp",
            ["topic exchange 'tasks' feeds it and queue 'a' with routing key 'k': both get every message"]
            * 2,
        ),
        ((), "amqp", []),
        ((topic("a", "k"),), "amqp", []),
        ((topic("a", "k"), topic("b", "j")), "amqp", []),
        ((topic("a", "k"), topic("b", "k", "other")), "amqp", []),
        ((topic("a", "k", kind="direct"), topic("b", "k", kind="direct")), "amqp", []),
        ((topic("a", "k", kind="headers"), topic("b", "k", kind="headers")), "amqp", []),
        ((topic("a", "k", kind="fanout"), topic("b", "j", kind="fanout")), "redis", []),
        ((topic("a", "k", kind="fanout"), topic("b", "k", "other", "fanout")), "amqp", []),
        ((topic("a", "task.#"), topic("b", "feed.#")), "amqp", []),
        ((topic("a", "feed.*"), topic("b", "feed.news.today")), "amqp", []),
        ((topic("a", "feed.*", "other"), topic("b", "feed.news")), "amqp", []),
        ((topic("a", "feed.*"), topic("b", "feedxnews")), "amqp", []),
        ((topic("a", "k", ""), topic("b", "k", "")), "amqp", []),
    ],
)
def test_doubled_delivery(queues, broker, messages):
    assert problems("doubled-delivery", app(queues=queues, broker=BrokerInfo(broker))) == messages


def test_doubled_delivery_is_silent_where_the_transport_drops_fanout():
    queues = (topic("a", "k", kind="fanout"), topic("b", "k", kind="fanout"))
    assert problems("doubled-delivery", app(queues=queues, broker=BrokerInfo("sqla", fanout=False))) == []


@pytest.mark.parametrize(
    ("tasks", "messages"),
    [
        (
            [routed("a", rate_limit="10/m"), routed("b")],
            ["rate_limit '10/m' holds up an unlimited task in queue 'celery'"],
        ),
        (
            [routed("a", rate_limit=5), routed("b"), routed("c")],
            ["rate_limit 5 holds up 2 unlimited tasks in queue 'celery'"],
        ),
        ([], []),
        ([routed("a"), routed("b")], []),
        ([routed("a", rate_limit="10/m")], []),
        ([routed("a", "slow", rate_limit="10/m"), routed("b")], []),
        ([routed("a", rate_limit="10/m"), routed("b", rate_limit="1/s")], []),
        ([routed("a", rate_limit="0/s"), routed("b")], []),
        ([routed("a", rate_limit="10/min"), routed("b")], []),
        ([routed("a", rate_limit=Opaque("proj.Lazy")), routed("b")], []),
        ([routed("a", rate_limit="10/m"), routed("b", None)], []),
    ],
)
def test_rate_limit_shares_queue(tasks, messages):
    assert problems("rate-limit-shares-queue", app(*tasks)) == messages


def test_rate_limits_that_are_disabled_hold_nothing_up():
    subject = app(routed("a", rate_limit="1/m"), routed("b"), values={"worker_disable_rate_limits": True})
    assert problems("rate-limit-shares-queue", subject) == []


@pytest.mark.parametrize(
    ("limit", "messages"),
    [
        (
            "10/min",
            ["rate_limit is '10/min': the unit 'min' is none of s, m and h, and the worker does not start"],
        ),
        ("10/M", ["rate_limit is '10/M': the unit 'M' is none of s, m and h, and the worker does not start"]),
        ("ten", ["rate_limit is 'ten': 'ten' is no number, and the worker does not start"]),
        ("/m", ["rate_limit is '/m': '' is no number, and the worker does not start"]),
        ([10, "m"], ["rate_limit is a list: a list is no rate, and the worker does not start"]),
        (
            Opaque("datetime.timedelta", "0:00:05", 5.0),
            ["rate_limit is a datetime.timedelta: a duration is no rate, and the worker does not start"],
        ),
        ("-5/m", ["rate_limit is '-5/m': below zero, nothing runs after the first task"]),
        (-1, ["rate_limit is -1: below zero, nothing runs after the first task"]),
        ("10/s", []),
        ("10/m", []),
        ("0.5/h", []),
        ("10", []),
        ("10/", []),
        ("10 /m", []),
        ("1e2/m", []),
        (10, []),
        (2.5, []),
        (True, []),
        (0, []),
        ("", []),
        (None, []),
        ([], []),
        ("inf/s", []),
        (Opaque("proj.Lazy"), []),
    ],
)
def test_malformed_rate_limit(limit, messages):
    assert problems("malformed-rate-limit", app(routed("a", rate_limit=limit))) == messages


@pytest.mark.parametrize(
    ("limit", "fix"),
    [
        ("10/min", 'write rate_limit = "10/m"'),
        ("10/Seconds", 'write rate_limit = "10/s"'),
        ("10/S", 'write rate_limit = "10/s"'),
        ("10/ h", 'write rate_limit = "10/h"'),
        ("10/day", 'write rate_limit = "10/s", "10/m" or "10/h"'),
        ("x/min", 'write rate_limit = "10/s", "10/m" or "10/h"'),
    ],
)
def test_malformed_rate_limits_are_mended(limit, fix):
    assert [p.fix for p in found("malformed-rate-limit", app(routed("a", rate_limit=limit)))] == [fix]


def test_a_malformed_default_rate_limit_is_said_once():
    inheriting = [task(f"t{n}", inherited={"rate_limit": "1/min"}) for n in range(3)]
    subject = app(*inheriting, values={"task_default_rate_limit": "1/min"})
    (problem,) = found("malformed-rate-limit", subject)
    assert problem.about == subject.settings["task_default_rate_limit"]
    assert problem.message.startswith("task_default_rate_limit is '1/min'")


RATES = [None, "", 0, 0.0, 5, 2.5, -5, True, False, "10/s", "10/m", "10/h", "10", "10/", "0/s", "-5/m"]
RATES += ["0.5/m", " 10 / m", "10/m ", "10 /m", "10/min", "10/M", "10/d", "/m", "m/10", "abc", "10/m/2"]
RATES += ["1_0/m", "1e2/m", "inf/s", "/", "5/s/", [10], [], {}, {"a": 1}]


@pytest.mark.parametrize("value", RATES, ids=repr)
def test_rates_are_read_as_the_worker_reads_them(value):
    from celery.utils.time import rate
    from kombu.utils.limits import TokenBucket

    try:
        limit = rate(value)
        expected = TokenBucket(limit, capacity=1).fill_rate if limit else 0
    except (KeyError, ValueError, TypeError):
        expected = None
    if expected is None:
        with pytest.raises(ValueError, match=r"no (number|rate)|none of s, m and h"):
            rate_of(value)
    else:
        assert rate_of(value) == pytest.approx(expected)


PAIRS = [["proj.*", {"queue": "mail"}]]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            app(
                routed("a", None, route_error="ValueError: x"),
                values={"task_routes": PAIRS},
                routes_error="ValueError: x",
            ),
            ["a flat list of pairs: every send raises ValueError"],
        ),
        (
            app(
                values={"task_routes": "proj.Router"},
                routes_error="ModuleNotFoundError: No module named 'proj'",
            ),
            ["every send raises ModuleNotFoundError: No module named 'proj'"],
        ),
        (
            app(
                routed("a", None, route_error="KeyError: 'x'"),
                routed("b", None, route_error="KeyError: 'y'"),
                routed("c"),
            ),
            ["sending 2 of 3 tasks raises KeyError: 'x'"],
        ),
        (app(routed("a", None, route_error="KeyError: 'x'")), ["every send raises KeyError: 'x'"]),
        (app(), []),
        (app(routed("a")), []),
        (app(routed("a"), values={"task_routes": {"proj.*": {"queue": "mail"}}}), []),
        (app(routed("a"), values={"task_routes": [PAIRS]}), []),
        (app(routed("a"), values={"task_routes": [Opaque("function", "proj.route")]}), []),
        (app(routed("a"), values={"task_routes": ["proj.route", {"a": "mail"}]}), []),
        (app(routed("a"), values={"task_routes": "proj.route"}), []),
        (app(routed("a", None, route_error="QueueNotFound: Queue 'x' missing from task_queues")), []),
    ],
)
def test_malformed_routes(subject, messages):
    assert problems("malformed-routes", subject) == messages
    assert all(
        problem.about == subject.settings["task_routes"] for problem in found("malformed-routes", subject)
    )


def prioritised(transport="amqp", queue=None, values=AMQP, tasks=(), **options):
    tasks = tasks or [routed("a", priority=5)]
    declared = (QueueInfo("celery"),) if queue is None else (queue,)
    options = {"broker": BrokerInfo(transport), "queues": declared, **options}
    return app(*tasks, values=values, **options)


NO_MAXIMUM = "has no effect: RabbitMQ delivers queue 'celery' in order, as it has no x-max-priority"


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
            [f"task_default_priority 5 {NO_MAXIMUM} (2 of 3 tasks)"],
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


def kombu_transports():
    import kombu

    return Path(kombu.__file__).parent / "transport"


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


def test_a_missing_queue_is_named_as_the_check_reads_it():
    from celery import Celery
    from celery.exceptions import QueueNotFound

    unit = Celery("unit", broker="memory://", set_as_current=False)
    unit.conf.task_create_missing_queues = False
    with pytest.raises(QueueNotFound, match="Queue 'mail' missing from task_queues"):
        unit.amqp.router.route({"queue": "mail"}, "a")


@pytest.mark.parametrize(
    ("kind", "keys", "send_to", "copies"),
    [
        ("direct", ("k", "k"), 0, [1, 0]),
        ("topic", ("k", "k"), 0, [1, 1]),
        ("topic", ("k", "j"), 0, [1, 0]),
        ("topic", ("feed.*", "feed.news"), 1, [1, 1]),
        ("topic", ("feed.*", "feed.news"), 0, [1, 0]),
        ("topic", ("feed.*", "mail.news"), 1, [0, 1]),
        ("fanout", ("k", "j"), 0, [1, 1]),
    ],
)
def test_exchanges_double_what_celery_sends(kind, keys, send_to, copies):
    from celery import Celery
    from kombu import Consumer, Exchange, Queue

    unit = Celery("unit", broker="memory://", set_as_current=False)
    mark = uuid.uuid4().hex
    names = [f"{n}-{mark}" for n in range(2)]
    exchange = Exchange(mark, kind)
    unit.conf.task_queues = [Queue(n, exchange, routing_key=k) for n, k in zip(names, keys, strict=True)]
    received = dict.fromkeys(names, 0)

    def count(name):
        def receive(_body, message):
            received[name] += 1
            message.ack()

        return receive

    with unit.connection_for_write() as connection:
        channel = connection.default_channel
        for name in names:
            queue = unit.amqp.queues[name](channel)
            Consumer(channel, [queue], callbacks=[count(name)], accept=["json"]).consume()
        unit.send_task("a", queue=names[send_to], connection=connection)
        for _ in range(sum(copies)):
            connection.drain_events(timeout=2)
        with pytest.raises(TimeoutError):
            connection.drain_events(timeout=0.01)
    assert list(received.values()) == copies
