"""Waiting in tasks: for results of other tasks, and for time to pass."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated
from celerycheck.testing import flagged, found, problems, source

HEAD = """
import asyncio, time, random
from multiprocessing import Pool
from celery import Celery, chain, chord, current_app, group, shared_task
from celery.result import AsyncResult, GroupResult, ResultSet, allow_join_result
from django.core.cache import cache
from proj.settings import PAUSE
from proj import services
import requests

app = Celery("proj")
WAIT = 2 * 30

@shared_task
def fetch(page): ...

@shared_task(ignore_result=True)
def forget(page): ...
"""
FILES = {
    "proj/settings.py": "PAUSE = 5\n",
    "proj/models.py": "from django.db import models\nclass Order(models.Model): ...\n",
    "proj/services.py": """
import time
from celery.result import AsyncResult
from proj import tasks

def total(result): return sum(result.get())

def fetch_now(page): return tasks.fetch.delay(page).get(timeout=10)

def fetch_perhaps(page, wait=False):
    result = tasks.fetch.delay(page)
    if wait: return result.get()

def look(id: str, result: AsyncResult): return result.get()

def nap(): time.sleep(20)

def glance(): time.sleep(0.1)

def lookup(result): return result.get("total")
""",
}


def project(does, decorator="@shared_task(bind=True)", **fields):
    work = f"{decorator}\ndef work(self, pages, done=None):\n" + textwrap.indent(does, "    ")
    return source({**FILES, "proj/tasks.py": f"{HEAD}\n{work}\n"}, **fields)


WAITS = {
    "get at once": "fetch.delay(1).get()",
    "get with a timeout": "fetch.delay(1).get(timeout=10)",
    "get of nothing to wait for": "fetch.delay(1).get(timeout=0)",
    "a result in a variable": "r = fetch.delay(1)\nr.get()",
    "wait, its other name": "fetch.delay(1).wait()",
    "apply_async": "fetch.apply_async((1,), countdown=3).get()",
    "send_task": 'app.send_task("proj.tasks.fetch").get()',
    "send_task of the current app": 'current_app.send_task("proj.tasks.fetch").get()',
    "send_task of the task's app": 'self.app.send_task("proj.tasks.fetch").get()',
    "a result by its id": "AsyncResult(pages).get()",
    "a result by its id, of the task": "fetch.AsyncResult(pages).get()",
    "a result by its id, of the app": "app.AsyncResult(pages).get()",
    "itself": "self.apply_async((pages[1:],)).get()",
    "a group": "group(fetch.s(p) for p in pages)().join()",
    "a group sent": "group(fetch.s(p) for p in pages).apply_async().get()",
    "a group, native": "group([fetch.s(1), fetch.s(2)]).delay().join_native()",
    "a chain": "chain(fetch.s(1), fetch.s()).apply_async().get()",
    "a chain with bars": "(fetch.s(1) | fetch.s()).delay().get()",
    "a chord": "chord([fetch.s(1)])(fetch.s()).get()",
    "a signature": "fetch.s(1).delay().get()",
    "a signature with options": 'fetch.s(1).set(queue="q").apply_async().get()',
    "each of several": "results = [fetch.delay(p) for p in pages]\nfor r in results: r.get()",
    "each of several, in an expression": "rs = [fetch.delay(p) for p in pages]\nreturn [r.get() for r in rs]",
    "a result set": "ResultSet([fetch.delay(1)]).join()",
    "a group of the past": "GroupResult.restore(pages).get()",
    "collect": "list(fetch.delay(1).collect())",
    "after asking": "r = fetch.delay(1)\nif r.ready(): r.get()",
    "of two": "r = fetch.delay(1) if pages else fetch.delay(2)\nr.get()",
    "run in place": "fetch.apply((1,)).get()",
}


@pytest.mark.parametrize("does", WAITS.values(), ids=WAITS)
def test_what_waits_for_a_task(does):
    (problem,) = found("waits-for-task", project(does))
    assert "RuntimeError" in problem.message
    assert problem.at_most is None


HELD = {
    "refusal switched off": "fetch.delay(1).get(disable_sync_subtasks=False)",
    "refusal perhaps switched off": "fetch.delay(1).get(**pages)",
    "waits allowed": "with allow_join_result():\n    fetch.delay(1).get()",
    "a loop until ready": "r = fetch.delay(1)\nwhile not r.ready(): time.sleep(1)",
    "a loop left when ready": "r = fetch.delay(1)\nwhile True:\n    if r.ready(): break\n    time.sleep(1)",
    "a loop until successful": "r = fetch.delay(1)\nwhile not (r.successful() or r.failed()): pass",
    "native iteration": "for r in group(fetch.s(1)).delay().iter_native(): print(r)",
}


@pytest.mark.parametrize("does", HELD.values(), ids=HELD)
def test_what_holds_a_worker_until_a_task_is_done(does):
    problems = found("waits-for-task", project(does))
    assert problems
    assert {p.at_most for p in problems} == {Severity.WARNING}
    assert "nothing is left to run it" in problems[0].message


def test_a_state_polled_holds_a_worker():
    code = project('r = fetch.delay(1)\nwhile r.state != "SUCCESS":\n    time.sleep(0.1)')
    (message,) = problems("waits-for-task", code)
    assert message.startswith("asks .state in a loop, and holds a worker until fetch is done")


@pytest.mark.parametrize(
    ("does", "line"),
    [
        ("services.total(group(fetch.s(1))())", "def total(result): return sum(result.get())"),
        ("services.fetch_now(1)", "def fetch_now(page): return tasks.fetch.delay(page).get(timeout=10)"),
        ("services.look(1, done)", "def look(id: str, result: AsyncResult): return result.get()"),
    ],
)
def test_a_wait_in_a_helper(does, line):
    assert flagged("waits-for-task", project(does)) == [line]
    assert flagged("waits-for-task", project(does), depth=0) == []


@pytest.mark.parametrize(
    ("does", "at_most"),
    [
        ("services.fetch_perhaps(1, wait=done)", Severity.INFO),
        ("if done: services.fetch_now(1)", None),
        ("if done: fetch.delay(1).get()", None),
    ],
)
def test_a_helper_may_offer_to_wait(does, at_most):
    assert [problem.at_most for problem in found("waits-for-task", project(does))] == [at_most]


def test_green_pools_do_wait():
    (problem,) = found("waits-for-task", project("fetch.delay(1).get()", values={"worker_pool": "gevent"}))
    assert problem.at_most is Severity.WARNING
    assert "in the gevent pool" in problem.message


PATIENT = {
    "a dictionary": 'done.get("total")',
    "a dictionary of the task's own": 'd = {}\nd.get("total")',
    "a parameter": "done.get()",
    "a cache": 'cache.get("total")',
    "a response": 'requests.get("https://x.org").json().get("total")',
    "a request": 'requests.get("https://x.org", timeout=3)',
    "a model": "from proj.models import Order\nOrder.objects.get(pk=1)",
    "an environment": 'import os\nos.environ.get("HOME")',
    "strings": '", ".join(pages)',
    "paths": 'import os\nos.path.join("a", "b")',
    "a thread": "import threading\nt = threading.Thread()\nt.join()",
    "a process pool": "Pool(2).apply_async(print).get()",
    "a pool's map": "Pool(2).map_async(print, pages).wait()",
    "an executor": "from concurrent import futures\nfutures.ThreadPoolExecutor().submit(print).result()",
    "a queue": "import queue\nqueue.Queue().get()",
    "an event": "import threading\nthreading.Event().wait()",
    "another apply_async": "done.apply_async().get()",
    "a subprocess": 'import subprocess\nsubprocess.Popen(["ls"]).wait()',
    "sent and left": "fetch.delay(1)",
    "its id": "return fetch.delay(1).id",
    "its state once": "return AsyncResult(pages).state",
    "ready asked once": "if AsyncResult(pages).ready(): return 1",
    "ready asked of each": "return [AsyncResult(p).ready() for p in pages]",
    "its value, where it has one": "r = fetch.delay(1)\nreturn r.result",
    "a chain": "chain(fetch.s(1), fetch.s()).delay()",
    "the refusal expected": "try:\n    fetch.delay(1).get()\nexcept RuntimeError:\n    pass",
    "run in place, and allowed": "fetch.apply((1,)).get(disable_sync_subtasks=False)",
    "replaced": "raise self.replace(group(fetch.s(p) for p in pages))",
    "a callback": "fetch.apply_async((1,), link=fetch.s())",
    "run in place": "return fetch.apply((1,)).result",
    "called as a function": "return fetch(1)",
    "no result to come": "forget.delay(1).get()",
    "revoked": "AsyncResult(pages).revoke()",
    "forgotten": "AsyncResult(pages).forget()",
    "a chain of itertools": "from itertools import chain as c\nnext(c(pages))",
    "a group that is a match": 'import re\nre.match("a", "b").group()',
    "a loop on something else": "while not done.ready(): time.sleep(0.1)",
    "a helper that asks a dictionary": "services.lookup({})",
    "a result handed on": "services.lookup(done)",
    "in a function handed on": "done.then(lambda r: r.get())",
    "a request's own": "return self.request.id",
    "its own state": "AsyncResult(self.request.id).state",
    "s3": 'import boto3\nboto3.resource("s3").Object("a", "b").get()',
    "wait_for of asyncio": "asyncio.wait_for(done, 3)",
    "a waiter": 'import boto3\nboto3.client("s3").get_waiter("x").wait()',
    "a loop that counts": "while self.request.retries < 3: break",
    "a loop on a row's state": 'from proj.models import Order\no = Order()\nwhile o.state != "paid": break',
    "a context variable": 'import contextvars\ncontextvars.ContextVar("x").get()',
    "an index": "done.index.get(1)",
    "names alone": "get = fetch.delay\nget(1)",
    "a join of querysets": "done.query.join(1)",
    "the app's configuration": 'app.conf.get("broker_url")',
    "headers": 'self.request.headers.get("x")',
    "the app's tasks": 'app.tasks.get("proj.tasks.fetch")',
    "a backend": "app.backend.get(pages)",
    "inspection": "app.control.inspect().active()",
    "apply of pandas": "done.frame.apply(print).get(1)",
    "results of a search": "done.search().results.get()",
    "a parent": "done.parent.get()",
    "children": "[c.get() for c in done.children]",
}


@pytest.mark.parametrize("does", PATIENT.values(), ids=PATIENT)
def test_what_waits_for_no_task(does):
    assert problems("waits-for-task", project(does)) == []


def test_celery_refuses_to_wait_inside_a_task():
    """What the message says: a worker sets the flag that makes these raise (`set_default_app`, prefork)."""
    from celery import Celery  # only this test needs it
    from celery.result import AsyncResult, GroupResult, denied_join_result

    app = Celery("proj", set_as_current=False, broker="memory://", backend="cache+memory://")

    @app.task
    def one(): ...

    result = AsyncResult("1", app=app)
    waits = [result.get, result.wait, lambda: list(result.collect()), lambda: result.get(timeout=0)]
    group = GroupResult("2", [result], app=app)
    waits += [group.get, group.join, group.join_native, one.apply().get]
    with denied_join_result():
        for wait in waits:
            with pytest.raises(RuntimeError, match=r"Never call result\.get\(\) within a task"):
                wait()
        assert not result.ready()


SLEEPS = {
    "a constant": ("time.sleep(10)", "for 10 s"),
    "one second": ("time.sleep(1)", "for 1 s"),
    "arithmetic": ("time.sleep(60 * 5)", "for 300 s"),
    "a constant of the module": ("time.sleep(WAIT)", "for 60 s"),
    "a constant of another module": ("time.sleep(PAUSE)", "for 5 s"),
    "imported by name": ("from time import sleep\nsleep(3)", "for 3 s"),
    "one of two": ("time.sleep(5 if pages else 9)", "for 5 s"),
    "a loop that asks": ("while not done.paid(): time.sleep(2)", "in a while loop"),
    "a loop that asks, at a pace unknown": (
        "while not done.paid(): time.sleep(done.pace)",
        "in a while loop",
    ),
    "a loop without end": ("while True:\n    if done.paid(): break\n    time.sleep(5)", "in a while loop"),
    "rounds": ("for tick in range(3): time.sleep(5)", "in each round"),
    "attempts": ("for attempt in range(3):\n    if done.pay(): break\n    time.sleep(5)", "between attempts"),
    "in a handler": ("try:\n    done.pay()\nexcept OSError:\n    time.sleep(30)", "for 30 s"),
    "between items": ("for page in pages:\n    done.pay(page)\n    time.sleep(1)", "after each item"),
    "in a helper": ("services.nap()", "for 20 s"),
}


@pytest.mark.parametrize(("does", "says"), SLEEPS.values(), ids=SLEEPS)
def test_what_sleeps(does, says):
    (message,) = problems("blocking-sleep", project(does))
    assert says in message


def test_a_pause_between_items_is_a_hint():
    (problem,) = found("blocking-sleep", project("for page in pages: time.sleep(2)"))
    assert problem.at_most is Severity.INFO
    (problem,) = found("blocking-sleep", project("time.sleep(2)"))
    assert problem.at_most is None


OWN_PROCESSES = {
    "one that lives": "while done.is_alive(): time.sleep(1)",
    "one without an exit code": "while True:\n  if done.process.exitcode is not None: break\n  time.sleep(5)",
    "one polled": "child = subprocess.Popen(pages)\nwhile child.poll() is None: time.sleep(1)",
    "one polled, and kept": "while done.poll() is None: time.sleep(1)\nprint(done.returncode)",
}


@pytest.mark.parametrize("does", OWN_PROCESSES.values(), ids=OWN_PROCESSES)
def test_who_watches_a_process_of_its_own_cannot_come_back_later(does):
    (problem,) = found("blocking-sleep", project(f"import subprocess\n{does}"))
    assert (problem.at_most, "join(timeout=...)" in (problem.fix or "")) == (Severity.INFO, True)


@pytest.mark.parametrize(
    "does",
    [
        "while done.poll(): time.sleep(1)",
        "while done.poll() == 'pending': time.sleep(1)",
        "while not done.alive: time.sleep(1)",
        "code = done.returncode\nwhile not done.paid(): time.sleep(1)",
    ],
)
def test_who_watches_something_else_can(does):
    (problem,) = found("blocking-sleep", project(does))
    assert problem.at_most is None


def test_how_long_a_sleep_may_be_is_an_option():
    assert problems("blocking-sleep", project("time.sleep(10)"), seconds=11.0) == []


def test_the_fix_says_to_bind_an_unbound_task():
    unbound = project("time.sleep(10)", decorator="@shared_task")
    assert "self.retry(countdown=10) (with bind=True)" in (found("blocking-sleep", unbound)[0].fix or "")
    assert "bind" not in (found("blocking-sleep", project("time.sleep(10)"))[0].fix or "")


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_a_green_pool_goes_on_meanwhile(pool):
    with pytest.raises(NotEvaluated):
        problems("blocking-sleep", project("time.sleep(10)", values={"worker_pool": pool}))


AWAKE = {
    "behind a debug mode": "if app.conf.debug: time.sleep(10)",
    "behind a flag for debugging": 'if "slow" in done.debug_flags.get(): time.sleep(10)',
    "a moment": "time.sleep(0.5)",
    "a moment in a loop": "while not done.paid(): time.sleep(0.1)",
    "nothing": "time.sleep(0)",
    "a length unknown": "time.sleep(done.pace)",
    "a length at random": "time.sleep(random.random())",
    "a parameter": "time.sleep(done)",
    "perhaps a moment": "time.sleep(0.1 if pages else 5)",
    "perhaps unknown": "time.sleep(done or 5)",
    "asyncio": "asyncio.sleep(10)",
    "asyncio, run": "asyncio.run(asyncio.sleep(10))",
    "a sleep of its own": "done.sleep(10)",
    "a name": "sleep = services.lookup\nsleep(10)",
    "a function not called": "def later(): time.sleep(10)\ndone.on_close(later)",
    "handed on": "done.retry(sleep=time.sleep)",
    "a countdown": "fetch.apply_async((1,), countdown=10)",
    "a retry": "raise self.retry(countdown=10)",
    "the clock": "time.time()",
    "a moment in a helper": "services.glance()",
    "a loop over items, at a pace unknown": "for page in pages: time.sleep(done.pace)",
    "a parameter of the database": 'done.execute("select pg_sleep(10)")',
    "an event": "import threading\nthreading.Event().wait(10)",
    "a backoff unknown": "for attempt in range(3): time.sleep(2 ** attempt)",
    "a text": 'print("time.sleep(10)")',
    "another module's time": "done.time.sleep(10)",
    "a lambda": "done.pace = lambda: time.sleep(10)",
    "a timeout": 'requests.get("https://x.org", timeout=10)',
    "a lock with a timeout": 'cache.lock("x", sleep=10)',
    "an attribute": "done.sleep = 10",
}


@pytest.mark.parametrize("does", AWAKE.values(), ids=AWAKE)
def test_what_does_not_sleep(does):
    assert problems("blocking-sleep", project(does)) == []
