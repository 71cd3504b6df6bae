"""What tasks return, in a table; that Celery fails on it, and when, is tried with Celery itself."""

from __future__ import annotations

import datetime
import decimal
import uuid

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from kombu.exceptions import EncodeError
from kombu.serialization import dumps

from celerycheck.subjects import BackendInfo, DjangoInfo, TaskClass
from celerycheck.testing import flagged, found, problems, source

BACKEND = BackendInfo("redis", expires_by_itself=True)
MODELS = """
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import NamedTuple

from django.db import models
from pydantic import BaseModel

class Order(models.Model):
    total = models.IntegerField()

class Written(models.Model):
    def __json__(self):
        return {"pk": self.pk}

@dataclass
class Parcel:
    weight: int

class Point(NamedTuple):
    x: int

class Numbers(dict):
    pass

class Said:
    def __json__(self):
        return "said"

class Answer(BaseModel):
    x: int
"""
TASK = """
import collections
from celery import chain, group, shared_task
from pathlib import Path
from proj.models import Answer, Numbers, Order, Parcel, Point, Said, Written

@shared_task
def other(x): ...

@shared_task{options}
def work(pk, rows, names):
    {code}
"""


def returning(code, options="", **fields):
    lines = code.replace("\n", "\n    ")
    files = {"proj/tasks.py": TASK.format(code=lines, options=options), "proj/models.py": MODELS}
    return source(files, **{"backend": BACKEND, **fields})


DONE = ": the task fails with EncodeError after its work is done, and automatic retries do not see it"


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("return {1, 2}", "a set"),
        ("return set(names)", "a set"),
        ("seen = set()\nseen.add(pk)\nreturn seen", "a set"),
        ("return {name.lower() for name in names}", "a set"),
        ("return (name for name in names)", "a generator"),
        ("return map(str, names)", "an iterator"),
        ("return filter(None, names)", "an iterator"),
        ("return zip(names, rows)", "an iterator"),
        ("return reversed(names)", "an iterator"),
        ("return range(pk)", "a range"),
        ("return lambda: pk", "a lambda"),
        ("counts = {'a': 1}\nreturn counts.keys()", "what .keys() of a dict gives"),
        ("return collections.Counter(names).values()", "what .values() of a dict gives"),
        ("return open(pk)", "an open file"),
        ("return Path(pk)", "a path"),
        ("return Order.objects.get(pk=pk)", "a model instance"),
        ("order = Order.objects.create()\nreturn order", "a model instance"),
        ("order, made = Order.objects.get_or_create(pk=pk)\nreturn order", "a model instance"),
        ("return Order(total=1)", "a model instance"),
        ("return Order.objects.filter(total=pk)", "a queryset"),
        ("return Order.objects.values('pk')", "a queryset"),
        ("return list(Order.objects.all())", "a list of a model instance"),
        ("return [order for order in Order.objects.all()]", "a list of a model instance"),
        ("return {'order': Order.objects.get(pk=pk), 'n': 1}", "a dict with a model instance"),
        ("return {'ids': {1, 2}}", "a dict with a set"),
        ("return 1, {2}", "a tuple with a set"),
        ("return [[pk, {pk}]]", "a list with a list with a set"),
        ("return [other.delay(name) for name in names]", "a list of a result of Celery's"),
        ("return {'job': other.delay(pk)}", "a dict with a result of Celery's"),
        ("return Parcel(3)", "an object of the class Parcel"),
        ("return Answer(x=1)", "a model of pydantic's, Answer"),
        ("try:\n    send(pk)\nexcept ValueError as error:\n    return error", "an exception"),
        ("try:\n    send(pk)\nexcept send.Failed as error:\n    return error", "an exception"),
        ("if pk:\n    return {pk}\nreturn None", "a set"),
        ("return {1} if pk else {2}", "a set"),
    ],
)
def test_what_json_does_not_carry(code, what):
    assert problems("unserializable-result", returning(code)) == [f"it returns {what}{DONE}"]


@pytest.mark.parametrize(
    "code",
    [
        "return",
        "return None",
        "return pk",
        "return rows",
        "return {'pk': pk, 'names': names}",
        "return [1, 'two', None, True, 2.5, b'bytes']",
        "return list({1, 2})",
        "return sorted(set(names))",
        "return len({1, 2})",
        "return sum(n for n in rows)",
        "return ','.join(map(str, names))",
        "return list(map(str, names))",
        "return tuple(name for name in names)",
        "return dict(zip(names, rows))",
        "return list(range(pk))",
        "counts = {'a': 1}\nreturn list(counts.keys())",
        "counts = {'a': 1}\nreturn counts",
        "return collections.Counter(names)",
        "return pk.values()",
        "return rows.keys()",
        "return open(pk).read()",
        "with open(pk) as f:\n    return f.readlines()",
        "return str(Path(pk))",
        "return Order.objects.get(pk=pk).pk",
        "return Order.objects.get(pk=pk).total",
        "return Order.objects.filter(total=pk).count()",
        "return Order.objects.filter(total=pk).update(total=1)",
        "return Order.objects.filter(total=pk).delete()",
        "return Order.objects.filter(total=pk).exists()",
        "return Order.objects.aggregate(n=1)",
        "return list(Order.objects.values('pk'))",
        "return list(Order.objects.values_list('pk', flat=True))",
        "ids = list(set(names)) if pk else list(set(rows))\nreturn ids",
        "ids = set(names)\nif pk:\n    ids = list(ids)\nelse:\n    ids = sorted(ids)\nreturn ids",
        "return [order.pk for order in Order.objects.all()]",
        "return {order.pk: order.total for order in Order.objects.all()}",
        "return Written.objects.get(pk=pk)",
        "return Said()",
        "return Point(1)",
        "return Numbers(a=1)",
        "return vars(Parcel(3))",
        "return Parcel(3).weight",
        "return other.delay(pk)",
        "return chain(other.s(1), other.s()).delay()",
        "return other.delay(pk).id",
        "return [other.delay(name).id for name in names]",
        "return other.s(pk)",
        "return compute(pk)",
        "return pk if pk else {1}",
        "def inner():\n    return {1}\nreturn sorted(inner())",
        "import datetime\nreturn datetime.datetime.now()",
        "import uuid\nreturn uuid.uuid4()",
        "from decimal import Decimal\nreturn Decimal(1)",
        "try:\n    send(pk)\nexcept ValueError as error:\n    return str(error)",
        "try:\n    send(pk)\nexcept ValueError as error:\n    raise\nreturn error",
    ],
)
def test_what_json_carries_or_nobody_knows(code):
    assert problems("unserializable-result", returning(code)) == []


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({}, True),
        ({"backend": BackendInfo("rpc")}, True),
        ({"values": {"result_serializer": "json"}}, True),
        ({"backend": BackendInfo("db+postgresql")}, True),
        ({"backend": BackendInfo("db+postgresql"), "celery": "5.6.2"}, False),
        ({"values": {"result_serializer": "pickle"}}, False),
        ({"values": {"result_serializer": "project-json"}}, False),
        ({"backend": BackendInfo(None)}, False),
        ({"inherited": {"ignore_result": True}}, False),
        ({"options": "(ignore_result=True)"}, False),
    ],
)
def test_only_where_it_is_written_as_json(fields, told):
    assert bool(problems("unserializable-result", returning("return {pk}", **fields))) is told


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("chain(work.s(1, 2, 3), other.s()).delay()", True),
        ("(work.s(1, 2, 3) | other.s()).delay()", True),
        ("chain(work.s(1, 2, 3), other.si(1)).delay()", False),
        ("chain(other.s(1), work.si(1, 2, 3)).delay()", False),
        ("work.delay(1, 2, 3)", False),
        ("chain(*steps).delay()", False),
    ],
)
def test_the_next_step_of_a_chain_is_sent_an_ignored_result_too(call, told):
    code = returning(
        f"return {{pk}}\n\ndef go(steps):\n    {call}".replace("\n\ndef", "\ndef"), "(ignore_result=True)"
    )
    texts = {**code.files.texts}
    texts["proj/tasks.py"] = texts["proj/tasks.py"].replace(
        "    def go(steps):\n        ", "def go(steps):\n    "
    )
    assert bool(problems("unserializable-result", source(texts, backend=BACKEND))) is told


def test_what_stands_between_the_function_and_celery():
    code = returning("return {pk}")
    work = code.app.tasks[1]
    object.__setattr__(work, "wrapper_names", ("list",))
    assert problems("unserializable-result", code) == []
    object.__setattr__(work, "wrapper_names", ())
    object.__setattr__(work, "classes", (TaskClass("proj.Base", defines=("__call__",)),))
    assert problems("unserializable-result", code) == []


def test_pydantic_tasks_return_models():
    assert problems("unserializable-result", returning("return Answer(x=1)", "(pydantic=True)")) == []


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("ids = set(names)\nreturn ids", "return sorted(ids)"),
        ("found = map(str, names)\nreturn found", "return list(found)"),
        ("order = Order.objects.get(pk=pk)\nreturn order", "return order.pk"),
        ("late = Order.objects.all()\nreturn late", 'return list(late.values_list("pk", flat=True))'),
        ("return {1}", None),
    ],
)
def test_what_to_write(code, fix):
    [problem] = found("unserializable-result", returning(code, django=DjangoInfo()))
    assert problem.fix == fix


def test_the_return_is_shown():
    assert flagged("unserializable-result", returning("if pk:\n    return {pk}")) == ["return {pk}"]


class Plain:
    pass


@pytest.mark.parametrize(
    "value",
    [
        {1},
        frozenset(),
        map(str, ""),
        range(3),
        {}.keys(),
        {}.values(),
        (n for n in ()),
        ValueError("x"),
        Plain(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kombu_encodes_none_of_these(value):
    with pytest.raises(EncodeError):
        dumps(value, serializer="json")


@pytest.mark.parametrize(
    "value",
    [
        b"x",
        decimal.Decimal(1),
        uuid.uuid4(),
        datetime.datetime(2026, 1, 2, tzinfo=datetime.timezone.utc),
        datetime.date(2026, 1, 2),
        (1, 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_kombu_encodes_these(value):
    dumps(value, serializer="json")


def test_celery_fails_the_task_when_its_work_is_done():
    """It does not retry either; an ignored result is not encoded, unless the next step is sent it."""
    app = Celery(broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(
        task_default_queue="of-returned-values",
        broker_transport_options={"polling_interval": 0.01},
        worker_hijack_root_logger=False,
    )
    ran, failed, succeeded = [], [], []

    def on_failure(sender, exception, **_):
        failed.append((sender.name, type(exception).__name__))

    def on_success(sender, **_):
        succeeded.append(sender.name)

    @app.task(name="stored", autoretry_for=(Exception,), default_retry_delay=0)
    def stored():
        ran.append("stored")
        return {1}

    @app.task(name="ignored", ignore_result=True)
    def ignored():
        return {1}

    @app.task(name="last")
    def last(_=None):
        return "done"

    signals.task_failure.connect(on_failure)
    signals.task_success.connect(on_success)
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=20):
            with pytest.raises(EncodeError):
                stored.delay().get(timeout=10)
            ignored.delay()
            (ignored.s() | last.s()).delay()
            last.delay().get(timeout=10)
    finally:
        signals.task_failure.disconnect(on_failure)
        signals.task_success.disconnect(on_success)
    assert ran == ["stored"]
    assert failed == [("stored", "EncodeError"), ("ignored", "EncodeError")]
    assert succeeded == ["ignored", "last"]
