"""Routing: tables of apps and what is said of their routes and queues."""

from __future__ import annotations

import uuid

import pytest
from celery import Celery

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
PAIRS = [["proj.*", {"queue": "mail"}]]
LACKS = "it goes to queue 'mail', which task_queues lacks: a worker reads it only with -Q"
REFUSED = "every send raises QueueNotFound: task_queues lacks 'mail', and task_create_missing_queues is off"
MATCHED = (
    "its routing key 'feed.news' also matches 'feed.#' of queue 'all' on topic exchange 'tasks':"
    " both get its messages"
)


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


def test_names_where_queues_belong_are_what_makes_sending_fail():
    """Celery 5.7 reads CELERY_QUEUES beside a namespace, which older ones ignore."""
    subject = app(
        routed("a", None, route_error="AttributeError: 'str' object has no attribute 'name'"),
        values={"task_queues": ["mail", "reports"]},
    )
    (problem,) = found("malformed-routes", subject)
    assert problem.about == subject.settings["task_queues"]
    assert problem.message.startswith(
        "task_queues lists names where Celery expects queues: every send raises"
    )


def test_celery_expects_queues_as_objects():
    made = Celery("names", broker="memory://", set_as_current=False)
    made.conf.task_queues = ("mail", "reports")
    with pytest.raises(AttributeError, match="no attribute 'name'"):
        list(made.amqp.queues)
