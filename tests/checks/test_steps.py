"""Tasks that are only steps: a table of the ways they are used."""

from __future__ import annotations

import pytest

from celerycheck.subjects import RouteInfo, ScheduleEntry
from celerycheck.testing import found, problems, source

STEPS = """
from celery import chain, chord, group, shared_task

@shared_task
def fetch(pk): ...

@shared_task
def store(data): ...

"""


def using(code, **fields):
    return source(STEPS + code, **fields)


def told(code):
    return [problem.about.name.rpartition(".")[2] for problem in found("public-step-task", code)]


MAKER = "@shared_task\ndef refresh(pk):\n    {}\n"


@pytest.mark.parametrize(
    ("code", "names"),
    [
        (MAKER.format("chain(fetch.s(pk), store.s()).delay()"), ["fetch", "store"]),
        (MAKER.format("(fetch.s(pk) | store.s()).delay()"), ["fetch", "store"]),
        (MAKER.format("chord([fetch.s(pk)])(store.s())"), ["fetch", "store"]),
        (MAKER.format("group(fetch.s(n) for n in pk).delay()"), ["fetch"]),
        (
            MAKER.format("def inner():\n        chain(fetch.s(pk), store.s()).delay()\n    inner()"),
            ["fetch", "store"],
        ),
        (MAKER.format("chain(fetch.s(pk), store.s()).delay()") + "\nstore.delay(1)\n", ["fetch"]),
    ],
)
def test_steps_named_as_if_public(code, names):
    assert told(using(code)) == names


@pytest.mark.parametrize(
    "code",
    [
        "",
        MAKER.format("fetch.delay(pk)\n    store.delay(pk)"),
        MAKER.format("fetch.s(pk).delay()\n    store.s(pk).delay()"),
        "def view(pk):\n    chain(fetch.s(pk), store.s()).delay()\n",
        "chain(fetch.s(1), store.s()).delay()\n",
        MAKER.format("chain(fetch.s(pk), store.s()).delay()")
        + "def view():\n    fetch.delay(1)\n    store.delay(1)\n",
        MAKER.format("chain(fetch.s(pk), store.s()).delay()")
        + "def view():\n    return fetch(1), store(1)\n",
        MAKER.format("return fetch.s(pk), store.s(pk)"),
        MAKER.format("fetch.apply_async((pk,), link=store.s())"),
        "from celery import Celery\napp = Celery('x')\n"
        + MAKER.format("chain(fetch.s(pk), store.s()).delay()\n    app.send_task('proj.tasks.fetch')")
        + "def f():\n    app.send_task('proj.tasks.store')\n",
    ],
)
def test_tasks_that_are_more_than_steps(code):
    assert told(using(code)) == []


FROM = "from celery import chain, shared_task\nfrom proj.tasks import fetch, store\n\n"
ENTRIES = (ScheduleEntry("a", "proj.tasks.fetch"), ScheduleEntry("b", "proj.tasks.store"))
CHAIN = MAKER.format("chain(fetch.s(pk), store.s()).delay()")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (STEPS + CHAIN, {"schedule": ENTRIES}),
        (STEPS + CHAIN, {"routes": (RouteInfo("proj.tasks.fetch"), RouteInfo("proj.tasks.store"))}),
        (STEPS.replace("fetch", "_fetch").replace("store", "__store")
         + CHAIN.replace("fetch", "_fetch").replace("store", "__store"), {}),
        ({"proj/tasks.py": STEPS, "proj/flows.py": FROM + CHAIN}, {}),
    ],
    ids=["scheduled", "routed", "private", "used by another module"],
)  # fmt: skip
def test_other_ways_in(text, fields):
    assert told(source(text, **fields)) == []


def test_a_task_that_chains_itself_is_no_step_of_others():
    code = using(
        "@shared_task\ndef again(pk):\n    chain(fetch.s(pk), again.s()).delay()\n    fetch.delay(1)\n"
    )
    assert told(code) == []


def test_a_route_by_pattern_names_nobody():
    assert told(using(CHAIN, routes=(RouteInfo("proj.tasks.*", "glob"),))) == ["fetch", "store"]


def test_what_it_says():
    first = found("public-step-task", using(CHAIN))[0]
    assert (
        problems("public-step-task", using(CHAIN))
        == ["it is only ever a step of the workflows that refresh makes"] * 2
    )
    assert first.fix == 'def _fetch(...), with name="proj.tasks.fetch" while messages of that name may wait'
