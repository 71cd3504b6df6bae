"""Results nobody reads: tables of tasks and of the code that sends them."""

from __future__ import annotations

import pytest

from celerycheck.subjects import BackendInfo, DjangoInfo, ScheduleEntry, TaskClass
from celerycheck.testing import found, problems, setting, settings, source

BACKEND = BackendInfo("redis", expires_by_itself=True)
IMPORTS = """
from functools import partial

from celery import chain, chord, group, shared_task
from celery.result import AsyncResult
from django.db import transaction
"""
TOUCH = """
@shared_task
def touch(key):
    if not key:
        return
    store(key)

@shared_task
def total(numbers):
    return sum(numbers)
"""


def calling(code, task=TOUCH, **fields):
    return source(IMPORTS + task + code, **{"backend": BACKEND, **fields})


def subjects(code, **fields):
    return [problem.about.name for problem in found("unused-result", code, **fields)]


@pytest.mark.parametrize(
    "code",
    {
        "sent and forgotten": "def go():\n    touch.delay(1)",
        "with options": "def go():\n    touch.apply_async((1,), countdown=5)",
        "sent by its name": "def go():\n    app.send_task('proj.tasks.touch', [1])\napp = Celery()",
        "in a loop": "def go(keys):\n    for key in keys:\n        touch.delay(key)",
        "after the commit": "def go():\n    transaction.on_commit(lambda: touch.delay(1))",
        "by delay_on_commit": "def go():\n    touch.delay_on_commit(1)",
        "a step of a chain that is forgotten": "def go():\n    chain(touch.si(1), touch.si(2)).delay()",
        "a signature that is sent": "def go():\n    touch.s(1).delay()",
        "from two places": "def go():\n    touch.delay(1)\n\ndef again():\n    touch.delay(2)",
    }.items(),
    ids=lambda case: case[0],
)
def test_what_is_stored_for_nobody(code):
    text = code[1].replace("app = Celery()", "from celery import Celery\napp = Celery('x')")
    assert subjects(calling(text)) == ["proj.tasks.touch"]


def test_what_it_says():
    [problem] = found("unused-result", calling("def go():\n    touch.delay(1)"))
    assert problem.message == (
        "it returns nothing, and nobody in this project reads its result, yet each run stores one in redis"
    )
    assert problem.fix == "ignore_result=True"


@pytest.mark.parametrize(
    "code",
    {
        "nobody sends it here": "",
        "waited for": "def go():\n    touch.delay(1).get()",
        "kept in a variable": "def go():\n    result = touch.delay(1)\n    return result.id",
        "returned": "def go():\n    return touch.delay(1)",
        "its id is stored": "def go(job):\n    job.task = touch.delay(1).id",
        "its id is shown": "def go():\n    return {'task_id': touch.apply_async((1,)).task_id}",
        "gathered": "def go(keys):\n    return [touch.delay(key) for key in keys]",
        "handed to a function": "def go():\n    watch(touch.delay(1))",
        "an id of the caller's": "def go(job):\n    touch.apply_async((1,), task_id=job.uuid)",
        "options nobody knows": "def go(**options):\n    touch.apply_async((1,), **options)",
        "said at the call": "def go():\n    touch.apply_async((1,), ignore_result=True)",
        "in the header of a chord": "def go():\n    chord([touch.si(1), touch.si(2)])(total.s())",
        "in a group": "def go():\n    group(touch.s(n) for n in range(9)).delay()",
        "in a group that is waited for": "def go():\n    group(touch.s(1)).delay().join()",
        "in a group that something follows": "def go():\n    (group(touch.si(1)) | total.s()).delay()",
        "a chain that is waited for": "def go():\n    chain(touch.si(1), touch.si(2)).delay().get()",
        "a chain that is returned": "def go():\n    return chain(touch.si(1), touch.si(2)).delay()",
        "a chain that goes elsewhere": "def go():\n    return chain(touch.si(1), touch.si(2))",
        "a signature that goes elsewhere": "def go():\n    return touch.s(1)",
        "one of two places keeps it": "def go():\n    touch.delay(1)\n\ndef f():\n    return touch.delay(2)",
        "a lambda whose result is read": "def go():\n    return run(lambda: touch.delay(1))",
        "map": "def go():\n    touch.map([1, 2]).delay()",
    }.items(),
    ids=lambda case: case[0],
)
def test_results_that_somebody_may_read(code):
    assert subjects(calling(code[1])) == []


STATE = "def state(id):\n    return AsyncResult(id).state\n"
SENT = "def go():\n    work.delay(1)\n"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("@shared_task\ndef work(x):\n    return None\n", 1),
        ("@shared_task\ndef work(x):\n    store(x)\n", 1),
        ("@shared_task\ndef work(x):\n    def inner():\n        return 1\n    inner()\n", 1),
        ("@shared_task(bind=True)\ndef work(self, x):\n    log(self.request.id)\n", 1),
        ("@shared_task\ndef work(x):\n    return store(x)\n", 0),
        ("@shared_task\ndef work(x):\n    if x:\n        return 1\n", 0),
        ("@shared_task(ignore_result=True)\ndef work(x):\n    store(x)\n", 0),
        ("@shared_task(ignore_result=False)\ndef work(x):\n    store(x)\n", 0),
        ("@shared_task(track_started=True)\ndef work(x):\n    store(x)\n", 0),
        ("@shared_task\ndef work(x):\n    yield x\n", 0),
        ("@shared_task\nasync def work(x):\n    store(x)\n", 0),
        (
            "@shared_task(bind=True)\ndef work(self, x):\n    start(self.request.id)\n" + STATE,
            0,
        ),
    ],
)
def test_what_the_task_says(task, expected):
    assert len(subjects(calling(SENT, task=task))) == expected


def test_a_class_that_returns_for_its_tasks():
    code = calling(SENT, task="@shared_task(base=Base)\ndef work(x):\n    store(x)\n")
    [work] = code.app.tasks
    object.__setattr__(work, "classes", (TaskClass("proj.tasks.Base", defines=("__call__",)),))
    assert subjects(code) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"backend": BackendInfo(None)},
        {"inherited": {"ignore_result": True}},
        {"values": {"task_ignore_result": False}},
        {"values": {"result_extended": True}},
        {"values": {"task_track_started": True}},
        {"backend": BackendInfo("django-db")},
        {"django": DjangoInfo(installed_apps=("orders", "django_celery_results"))},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_projects_that_store_none_or_want_them(fields):
    assert subjects(calling("def go():\n    touch.delay(1)", **fields)) == []


def test_a_task_that_beat_sends_needs_no_call():
    code = calling("", schedule=(ScheduleEntry("nightly", "proj.tasks.touch"),))
    assert subjects(code) == ["proj.tasks.touch"]


def many(count, others=0):
    nothing = [f"@shared_task\ndef work_{n}():\n    store({n})\ndef go_{n}():\n    work_{n}.delay()\n"
               for n in range(count)]  # fmt: skip
    read = [f"@shared_task\ndef read_{n}():\n    return {n}\n" for n in range(others)]
    return "".join((*nothing, *read))


@pytest.mark.parametrize(
    ("count", "others", "told"),
    [(1, 0, 1), (2, 0, 2), (2, 1, 2), (3, 0, "once"), (3, 3, 3), (5, 5, 5), (6, 30, "once")],
)
def test_many_are_a_matter_of_the_setting(count, others, told):
    problems_ = found("unused-result", calling(many(count, others), task=""))
    if told == "once":
        [problem] = problems_
        assert problem.about.name == "task_ignore_result"
    else:
        assert len(problems_) == told


def test_what_is_said_of_the_setting():
    [problem] = found("unused-result", calling(many(4, 2), task=""))
    assert problem.message == (
        "4 of 6 tasks that store a result in redis return nothing, and nobody in this project reads it:"
        " proj.tasks.work_0, proj.tasks.work_1, proj.tasks.work_2 and 1 more"
    )
    assert problem.fix == (
        "task_ignore_result = True, and ignore_result=False on those of the other 2 whose result is read"
    )


def test_in_django_the_setting_has_its_namespace():
    code = calling(many(4), task="", settings=settings({"task_time_limit": 3}, namespace="CELERY"))
    [problem] = found("unused-result", code)
    assert problem.fix == "CELERY_TASK_IGNORE_RESULT = True"


def test_nothing_at_hand():
    assert problems("unused-result", source("", backend=BACKEND)) == []
    assert setting("task_ignore_result", False).origin == "source"
