"""Rate limits: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.checks.rate_limits import rate_of
from celerycheck.subjects import (
    Opaque,
    RouteInfo,
    TaskInfo,
)
from celerycheck.testing import app, found, problems, task

RATES = [None, "", 0, 0.0, 5, 2.5, -5, True, False, "10/s", "10/m", "10/h", "10", "10/", "0/s", "-5/m"]
RATES += ["0.5/m", " 10 / m", "10/m ", "10 /m", "10/min", "10/M", "10/d", "/m", "m/10", "abc", "10/m/2"]
RATES += ["1_0/m", "1e2/m", "inf/s", "/", "5/s/", [10], [], {}, {"a": 1}]


def routed(name, queue="celery", **options):
    error = options.pop("route_error", None)
    priority = options.pop("sent_priority", None)
    made = task(info=TaskInfo(name, queue=queue, route_error=error, priority=priority), **options)
    return made if queue else TaskInfo(**{**vars(made), "queue": None})


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
        (
            [routed("a", rate_limit="9/s"), routed("b")],
            ["rate_limit '9/s' holds up an unlimited task in queue 'celery'"],
        ),
        ([], []),
        ([routed("a", rate_limit="10/s"), routed("b")], []),
        ([routed("a", rate_limit=100), routed("b")], []),
        ([routed("a", rate_limit="1000/m"), routed("b")], []),
        ([routed("a", rate_limit="9/s"), routed("b", rate_limit="50/s")], []),
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


@pytest.mark.parametrize(
    ("fields", "fix"),
    [
        ({}, 'task_routes = {"proj.mails.send": {"queue": "send"}}'),
        ({"routes": (RouteInfo("x.*"),)}, 'add "proj.mails.send": {"queue": "send"} to task_routes'),
        (
            {"values": {"task_routes": Opaque("function")}},
            'add "proj.mails.send": {"queue": "send"} to task_routes',
        ),
    ],
)
def test_a_route_is_added_to_those_there_are(fields, fix):
    subject = app(routed("proj.mails.send", rate_limit="1/s"), routed("b"), **fields)
    assert [problem.fix for problem in found("rate-limit-shares-queue", subject)] == [fix]


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
