"""Serialization: tables of settings, apps and tasks, and what is said of them."""

from __future__ import annotations

import collections
import dataclasses
import datetime
import decimal
import enum
import io
import ipaddress
import pathlib
import pickle
import uuid
from typing import NamedTuple

import pytest
from kombu import serialization as kombu
from kombu.exceptions import DecodeError, EncodeError
from kombu.utils import json as kombu_json

from celerycheck.checks import serialization as topic
from celerycheck.findings import Severity, describe
from celerycheck.source.evidence import SourceCode
from celerycheck.subjects import BackendInfo, DjangoInfo, NotEvaluated, Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, found, parameter, problems, settings, source, task

REGISTERED = {
    "json": "application/json",
    "pickle": "application/x-python-serialize",
    "yaml": "application/x-yaml",
    "msgpack": "application/x-msgpack",
    "signed": "application/x-signed",
    "auth": "application/data",
}
ACCEPTED = "pickle is accepted: loading such a message can run any code"
USED = "pickle is used: loading such a message can run any code"
YAML = "it loads slowly, and Kombu counts it among the untrusted formats"


@pytest.mark.parametrize(
    ("values", "messages"),
    [
        ({"accept_content": ["json", "pickle"]}, [ACCEPTED]),
        ({"accept_content": ["application/x-python-serialize"]}, [ACCEPTED]),
        ({"accept_content": "pickle"}, [ACCEPTED]),
        ({"result_accept_content": ["pickle", "yaml"]}, [ACCEPTED]),
        ({"task_serializer": "pickle", "accept_content": ["pickle"]}, [ACCEPTED, USED]),
        ({"result_serializer": "pickle"}, [USED]),
        ({"event_serializer": "pickle"}, [USED]),
        ({"accept_content": ["yaml"]}, [f"yaml is accepted: {YAML}"]),
        ({"task_serializer": "yaml"}, [f"yaml is used: {YAML}"]),
        ({}, []),
        ({"accept_content": ["json"]}, []),
        ({"accept_content": ["application/json"]}, []),
        ({"accept_content": ["json", "msgpack"], "task_serializer": "msgpack"}, []),
        ({"accept_content": ["signed"], "task_serializer": "signed"}, []),
        ({"accept_content": ["application/x-signed-pickle"]}, []),
        ({"accept_content": ["auth"], "task_serializer": "auth", "event_serializer": "auth"}, []),
        ({"accept_content": None}, []),
        ({"accept_content": Opaque("proj.Lazy")}, []),
        ({"accept_content": []}, []),
        ({"result_accept_content": None}, []),
        ({"result_serializer": "json"}, []),
        ({"task_serializer": Opaque("proj.Lazy")}, []),
    ],
)
def test_pickle_accepted(values, messages):
    assert problems("pickle-accepted", settings(values)) == messages


def test_pickle_accepted_grades_yaml_lower():
    subject = settings({"accept_content": ["yaml"], "task_serializer": "pickle"})
    assert [(describe(p.about)[1], p.at_most) for p in found("pickle-accepted", subject)] == [
        ("accept_content", Severity.WARNING),
        ("task_serializer", None),
    ]


def serializing(*tasks, scheme="redis", serializers=REGISTERED, values=None, **fields):
    return app(*tasks, backend=BackendInfo(scheme), serializers=serializers, values=values, **fields)


PICKLE_REFUSED = (
    "the serializer is pickle (application/x-python-serialize), which accept_content does not list"
)


@pytest.mark.parametrize(
    ("subject", "subjects", "messages"),
    [
        (serializing(values={"task_serializer": "pickle"}), ["task_serializer"], [PICKLE_REFUSED]),
        (serializing(values={"result_serializer": "pickle"}), ["result_serializer"], [PICKLE_REFUSED]),
        (serializing(task("t", serializer="pickle")), ["t"], [PICKLE_REFUSED]),
        (
            serializing(
                task("t", inherited={"serializer": "pickle"}),
                values={"task_serializer": "pickle"},
            ),
            ["task_serializer"],
            [PICKLE_REFUSED],
        ),
        (
            serializing(values={"accept_content": ["application/x-yaml"]}),
            ["task_serializer", "result_serializer"],
            ["the serializer is json (application/json), which accept_content does not list"] * 2,
        ),
        (
            serializing(values={"result_accept_content": ["msgpack"]}),
            ["result_serializer"],
            ["the serializer is json (application/json), which result_accept_content does not list"],
        ),
        (
            serializing(values={"accept_content": None, "task_serializer": "msgpack"}),
            ["task_serializer"],
            ["the serializer is msgpack (application/x-msgpack), which accept_content does not list"],
        ),
        (
            serializing(task("t", serializer="application/json")),
            ["t"],
            ["Kombu has no serializer application/json"],
        ),
        (serializing(task("t", serializer="jsn")), ["t"], ["Kombu has no serializer jsn"]),
        (serializing(), [], []),
        (serializing(task()), [], []),
        (serializing(values={"accept_content": ["application/json"]}), [], []),
        (serializing(values={"accept_content": "json"}), [], []),
        (serializing(values={"accept_content": None}), [], []),
        (serializing(values={"accept_content": None, "task_serializer": "signed"}), [], []),
        (serializing(values={"accept_content": ["json", "pickle"], "task_serializer": "pickle"}), [], []),
        (serializing(task(serializer="signed"), values={"accept_content": ["json", "signed"]}), [], []),
        (serializing(task(serializer="auth")), [], []),
        (serializing(task(serializer="raw")), [], []),
        (serializing(task(serializer=None)), [], []),
        (serializing(task(serializer=Opaque("proj.Lazy"))), [], []),
        (serializing(task(serializer="own"), partial="No module named 'boto3'"), [], []),
        (serializing(values={"result_serializer": "pickle"}, scheme=None), [], []),
        (serializing(values={"result_serializer": "bson"}, scheme="mongodb"), [], []),
        (
            serializing(values={"result_serializer": "pickle"}, scheme="db+sqlite", celery="5.6.3"),
            [],
            [],
        ),
        (
            serializing(values={"result_serializer": "pickle", "result_accept_content": ["pickle"]}),
            [],
            [],
        ),
        (serializing(values={"event_serializer": "msgpack"}), [], []),
    ],
)
def test_serializer_not_accepted(subject, subjects, messages):
    seen = found("serializer-not-accepted", subject)
    assert [describe(p.about)[1] for p in seen] == subjects
    assert [p.message for p in seen] == messages


@pytest.mark.parametrize(
    "subject",
    [
        serializing(serializers={}),
        serializing(values={"accept_content": Opaque("proj.Lazy")}),
        serializing(values={"accept_content": ["json", Opaque("proj.Lazy")]}),
        serializing(values={"task_serializer": Opaque("proj.Lazy")}),
    ],
)
def test_serializer_not_accepted_unknown(subject):
    with pytest.raises(NotEvaluated):
        problems("serializer-not-accepted", subject)


USER = parameter("user", annotation="User", complex="a Django model instance")
NUMBER = parameter("user_id", annotation="int")
SAID = "parameter user is annotated User: a Django model instance does not fit into a json message"


def taking(*parameters, pydantic=False, classes=(), wrapper_names=(), **options):
    info = TaskInfo(
        "t", parameters=parameters, pydantic=pydantic, classes=classes, wrapper_names=wrapper_names
    )
    return task(info=info, **options)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (taking(USER), [SAID]),
        (taking(NUMBER, USER), [SAID]),
        (
            taking(USER, parameter("tags", annotation="set[str]", complex="a set")),
            [SAID, "parameter tags is annotated set[str]: a set does not fit into a json message"],
        ),
        (taking(USER, classes=(TaskClass("Base", defines=("on_failure",)),)), [SAID]),
        (taking(USER, serializer="msgpack"), [SAID.replace("json", "msgpack")]),
        (taking(USER, wrapper_names=("kwargs", "logger", "user_name")), [SAID]),
        (
            taking(parameter("x", annotation="User | None", complex="y"), wrapper_names=("None",)),
            ["parameter x is annotated User | None: y does not fit into a json message"],
        ),
        (taking(USER, wrapper_names=("kwargs", "user")), []),
        (taking(USER, wrapper_names=("User", "get")), []),
        (
            taking(parameter("x", annotation="models.User | None", complex="y"), wrapper_names=("User",)),
            [],
        ),
        (taking(parameter("x", annotation="list[User]", complex="y"), wrapper_names=("User",)), []),
        (taking(), []),
        (taking(NUMBER), []),
        (taking(parameter("when", annotation="datetime")), []),
        (taking(parameter("user")), []),
        (taking(USER, pydantic=True), []),
        (taking(USER, serializer="pickle"), []),
        (taking(USER, serializer="signed"), []),
        (taking(USER, classes=(TaskClass("Base", defines=("__call__",)),)), []),
        (taking(USER, classes=(TaskClass("Near"), TaskClass("Base", defines=("apply_async",)))), []),
        (task(info=TaskInfo("t", parameters=None)), []),
    ],
)
def test_complex_argument(subject, messages):
    seen = found("complex-argument", subject)
    assert [p.message for p in seen] == messages
    assert all(p.at_most is Severity.WARNING for p in seen)


class Plain(enum.Enum):
    A = 1


class Bits(enum.Flag):
    A = 1


class Text(str, enum.Enum):
    A = "a"


class Number(enum.IntEnum):
    A = 1


@dataclasses.dataclass
class Data:
    a: int = 1


class Named(NamedTuple):
    a: int


class Hooked:
    def __repr__(self):
        return "Hooked()"

    def __json__(self):
        return {"a": 1}


def through_json(value):
    content_type, encoding, payload = kombu.dumps(value, serializer="json")
    return kombu.loads(payload, content_type, encoding, accept={content_type})


@pytest.mark.parametrize(
    "value",
    [
        {1},
        frozenset([1]),
        Plain.A,
        Bits.A,
        Data(),
        datetime.timedelta(1),
        bytearray(b"x"),
        memoryview(b"x"),
        pathlib.Path("a"),
        ipaddress.ip_address("127.0.0.1"),
        1j,
        range(2),
        collections.deque([1]),
        (n for n in [1]),
        iter([1]),
        io.BytesIO(),
        io.StringIO(),
        ValueError("x"),
        int,
        len,
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_json_refuses(value):
    with pytest.raises(EncodeError):
        through_json(value)


@pytest.mark.parametrize(
    "value",
    [
        datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.timezone.utc),
        datetime.date(2026, 1, 2),
        datetime.time(3, 4),
        uuid.UUID(int=1),
        decimal.Decimal("1.50"),
        b"text",
        b"\xff",
    ],
    ids=repr,
)
def test_json_gives_back(value):
    assert through_json(value) == value


@pytest.mark.parametrize(
    ("value", "arrives"),
    [
        ((1, 2), [1, 2]),
        (Named(1), [1]),
        (Text.A, "a"),
        (Number.A, 1),
        (collections.OrderedDict(a=1), {"a": 1}),
        (Hooked(), {"a": 1}),
    ],
    ids=repr,
)
def test_json_flattens(value, arrives):
    back = through_json(value)
    assert back == arrives
    assert type(back) is type(arrives)


def test_json_can_be_asked_what_else_it_takes():
    """Parameter.complex leaves out what a project registered, and what has a `__json__`."""
    registered = tuple(kombu_json._encoders)
    assert issubclass(datetime.datetime, registered)
    assert not issubclass(datetime.timedelta, registered)


def test_kombu_distrusts_what_the_checks_say():
    assert set(topic.ALWAYS_TRUSTED) == kombu.TRUSTED_CONTENT
    assert {kombu.registry.name_to_type[name] for name in ("pickle", "yaml")} == {
        topic.PICKLE[1],
        topic.YAML[1],
    }
    assert topic.PICKLE[1] in kombu.registry._disabled_content_types


def test_yaml_runs_no_code():
    payload = "!!python/object/apply:os.getcwd []"
    with pytest.raises(DecodeError):
        kombu.loads(payload, topic.YAML[1], "utf-8", accept={topic.YAML[1]})
    assert kombu.loads(pickle.dumps(1), topic.PICKLE[1], "binary", accept={topic.PICKLE[1]}) == 1


MODELS = """
from django.db import models

class User(models.Model):
    team = models.ForeignKey("Team", on_delete=models.CASCADE)
"""
KINDS = """
import enum
import dataclasses
import pydantic
from typing import NamedTuple, TypedDict

class Colour(enum.Enum):
    RED = "red"

class Size(str, enum.Enum):
    BIG = "big"

class Level(enum.IntEnum):
    HIGH = 3

@dataclasses.dataclass
class Order:
    id: int

@dataclasses.dataclass(frozen=True)
class Paid(Order):
    at: int

class Client:
    def __init__(self, url): ...

class Hooked:
    def __json__(self): ...

class Form(pydantic.BaseModel):
    name: str

class Pair(NamedTuple):
    a: int

class Row(TypedDict):
    a: int

class Names(list): ...

class Foreign(somewhere.Base): ...

class Failed(ValueError): ...
"""
SENDING = """
import datetime
import uuid
from decimal import Decimal
from pathlib import Path

from celery import chain, current_app, shared_task
from proj.kinds import (
    Client, Colour, Failed, Foreign, Form, Hooked, Level, Names, Order, Paid, Pair, Row, Size,
)
from proj.models import User

@shared_task{options}
def work(item, other=None): ...

def view(request, user: User, form: Form, rows: list[int], colour: Colour, more):
    {call}
"""


def calling(call, options="", **fields):
    text = SENDING.replace("{options}", options).replace("{call}", call.replace("\n", "\n    "))
    files = {"proj/tasks.py": text, "proj/models.py": MODELS, "proj/kinds.py": KINDS}
    return source(files, django=DjangoInfo("5.2", models=("proj.models.User",)), **fields)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("work.delay(User.objects.get(pk=1))", "a model instance"),
        ("user = User.objects.first()\nwork.delay(user)", "a model instance"),
        ("work.delay(user)", "a model instance"),
        ("work.delay(User(name='x'))", "a model instance"),
        ("for each in User.objects.all():\n    work.delay(each)", "a model instance"),
        ("work.delay([user])", "a model instance"),
        ("work.delay([each for each in User.objects.all()])", "a model instance"),
        ("work.delay({'user': user})", "a model instance"),
        ("work.delay(User.objects.filter(active=True))", "a queryset"),
        ("work.delay(User.objects.values_list('pk', flat=True))", "a queryset"),
        ("work.delay(list(User.objects.all()))", "model instances"),
        ("work.apply_async(args=[user])", "a model instance"),
        ("work.apply_async((user,), countdown=5)", "a model instance"),
        ("work.delay({1, 2})", "a set"),
        ("work.delay(set(rows))", "a set"),
        ("work.delay({row for row in rows})", "a set"),
        ("work.delay(row for row in rows)", "a generator"),
        ("work.delay(map(str, rows))", "an iterator"),
        ("work.delay(range(3))", "a range"),
        ("work.delay(lambda: 1)", "a function"),
        ("def done(): ...\nwork.delay(done)", "a function"),
        ("work.delay(request)", "an HTTP request"),
        ("work.delay(Colour.RED)", "an Enum member"),
        ("work.delay(colour)", "an Enum member"),
        ("work.delay(Order(1))", "a dataclass instance"),
        ("work.delay(Paid(1, 2))", "a dataclass instance"),
        ("work.delay(Client('u'))", "an instance of Client"),
        ("work.delay(form)", "a pydantic model"),
        ("work.delay(Path('a'))", "a path"),
        ("work.delay(datetime.timedelta(days=1))", "a timedelta"),
        ("work.delay(open('a'))", "an open file"),
        ("with open('a') as f:\n    work.delay(f)", "an open file"),
        ("try:\n    more()\nexcept ValueError as error:\n    work.delay(error)", "an exception"),
        ("work.delay(Failed('x'))", "an exception"),
        ("work.delay(user if more else User.objects.get(pk=2))", "a model instance"),
    ],
)
def test_complex_argument_of_calls(call, kind):
    (problem,) = found("complex-argument", calling(call))
    assert problem.message == f"item of work is given {kind}, which does not fit into a json message"
    assert problem.at_most is None
    assert describe(problem.about)[:2] == ("call", "proj.tasks.work")
    assert problem.fix


@pytest.mark.parametrize(
    "call",
    [
        "work.delay(user.id)",
        "work.delay(user.pk)",
        "work.delay(user.team_id)",
        "work.delay(user.name)",
        "work.delay(str(user))",
        "work.delay(user.to_dict())",
        "work.delay(User.objects.get(pk=1).pk)",
        "work.delay(User.objects.count())",
        "work.delay(User.objects.filter(a=1).exists())",
        "work.delay(list(User.objects.values_list('pk', flat=True)))",
        "work.delay(sorted(User.objects.values_list('pk', flat=True)))",
        "ids = list(User.objects.values_list('pk', flat=True))\nwork.delay(ids)",
        "ids = list(User.objects.all())\nif more:\n    ids = list(User.objects.all())\nwork.delay(ids[:5])",
        "for pk in User.objects.values_list('pk', flat=True):\n    work.delay(pk)",
        "for row in User.objects.values('pk'):\n    work.delay(row)",
        "work.delay([each.pk for each in User.objects.all()])",
        "work.delay({'id': user.pk, 'at': datetime.datetime.now()})",
        "work.delay(list({1, 2}))",
        "work.delay(list(set(rows)))",
        "work.delay(sorted(set(rows)))",
        "work.delay(list(map(str, rows)))",
        "work.delay(list(range(3)))",
        "work.delay([row for row in rows])",
        "work.delay(len(User.objects.all()))",
        "work.delay(datetime.datetime.now())",
        "work.delay(datetime.date.today())",
        "work.delay(uuid.uuid4())",
        "work.delay(Decimal('1'))",
        "work.delay(b'bytes')",
        "work.delay(datetime.timedelta(days=1).total_seconds())",
        "work.delay(str(Path('a')))",
        "work.delay(request.user.pk)",
        "work.delay(request.POST['a'])",
        "work.delay(request.path)",
        "work.delay(Colour.RED.value)",
        "work.delay(Colour.RED.name)",
        "work.delay(colour.value)",
        "work.delay(Size.BIG)",
        "work.delay(Level.HIGH)",
        "work.delay(Hooked())",
        "work.delay(Pair(1))",
        "work.delay(Row(a=1))",
        "work.delay(Names())",
        "work.delay(Foreign())",
        "work.delay(Order(1).id)",
        "work.delay(dataclasses.asdict(Order(1)))",
        "work.delay(form.model_dump(mode='json'))",
        "work.delay(open('a').read())",
        "try:\n    more()\nexcept ValueError as error:\n    work.delay(str(error))",
        "work.delay(more)",
        "work.delay(*more)",
        "work.delay(**more)",
        "work.delay(user.pk if more else None)",
        "work.delay(more or 5)",
        "work.delay(work.name)",
        "work.apply((user,))",
        "work(user)",
        "more.delay(user)",
    ],
)
def test_complex_argument_is_silent_of_calls_with_plain_values(call):
    assert problems("complex-argument", calling(call)) == []


@pytest.mark.parametrize(
    ("call", "at_most"),
    [
        ("work.delay(user)", None),
        ("work.s(user).delay()", None),
        ("chain(work.s(user), work.s())()", None),
        ("flow = chain(work.s(user), work.s())\nflow.apply_async()", None),
        ("return work.s(user)", Severity.WARNING),
        ("return chain(work.s(user), work.s())", Severity.WARNING),
        ("work.apply_async(link=work.s(user))", Severity.WARNING),
    ],
)
def test_complex_argument_is_sure_of_what_is_sent(call, at_most):
    (problem,) = found("complex-argument", calling(call))
    assert problem.at_most is at_most


REFUSED = "is given a model instance, which does not fit into a json message"
IN_MSGPACK = REFUSED.replace("json", "msgpack")
COPIED = "is given a model instance, which goes as a copy into a pickle message"


@pytest.mark.parametrize(
    ("call", "options", "messages"),
    [
        ("work.delay(1, user)", "", [f"other of work {REFUSED}"]),
        ("work.delay(other=user)", "", [f"other of work {REFUSED}"]),
        ("work.delay(1, zzz=user)", "", [f"zzz of work {REFUSED}"]),
        ("work.delay(1, 2, user)", "", [f"work {REFUSED}"]),
        ("work.delay(user)", "(serializer='msgpack')", [f"item of work {IN_MSGPACK}"]),
        ("work.delay(user)", "(serializer='pickle')", [f"item of work {COPIED}"]),
        ("work.apply_async((user,), serializer='pickle')", "", [f"item of work {COPIED}"]),
        ("work.delay({1})", "(serializer='pickle')", []),
        ("work.delay(user)", "(serializer='own')", []),
        ("work.apply_async((user,), serializer=more)", "", []),
        ("work.delay(form)", "(pydantic=True)", []),
        ("current_app.send_task('other.work', [user])", "", [f"work {REFUSED}"]),
    ],
)  # fmt: skip
def test_complex_argument_asks_for_the_serializer(call, options, messages):
    seen = found("complex-argument", calling(call, options))
    assert [problem.message for problem in seen] == messages
    assert all(p.at_most is Severity.WARNING for p in seen if "copy" in p.message)


def test_complex_argument_is_silent_of_bases_that_make_keys_of_instances():
    code = calling("work.delay(user)")
    (site,) = code.sites
    site.task = dataclasses.replace(site.task, classes=(TaskClass("proj.Base", defines=("apply_async",)),))
    assert problems("complex-argument", code) == []


def test_complex_argument_is_silent_of_own_classes_where_types_are_registered():
    files = {
        "proj/tasks.py": SENDING.format(options="", call="work.delay(Order(1), {1})"),
        "proj/kinds.py": KINDS,
    }
    files["proj/celery.py"] = (
        "from kombu.utils.json import register_type\nregister_type(Order, 'o', asdict, Order)\n"
    )
    assert problems("complex-argument", source(files)) == [
        "other of work is given a set, which does not fit into a json message"
    ]


def test_complex_argument_is_said_once_of_a_parameter_and_its_calls():
    parameters = (parameter("item", annotation="User", complex="a model instance"),)
    code = calling("work.delay(user)")
    (task_,) = code.app.tasks
    annotated = dataclasses.replace(task_, parameters=parameters)
    code = SourceCode(dataclasses.replace(code.app, tasks=(annotated,)), code.files)
    assert [p.about.name for p in found("complex-argument", code)] == ["proj.tasks.work"]
    assert len(found("complex-argument", code.app)) == 1
    assert found("complex-argument", code.app)[0].about == annotated


def test_a_task_hands_on_what_it_calls_request():
    text = "from celery import shared_task\n\n@shared_task\ndef work(item): ...\n\n"
    text += "@shared_task\ndef again(request):\n    work.delay(request)\n"
    assert problems("complex-argument", source(text, django=DjangoInfo("5.2"))) == []


@pytest.mark.parametrize(
    ("base", "count"), [("django.views.View", 1), ("rest_framework.views.APIView", 1), ("Thing", 0)]
)
def test_the_request_of_a_view_class(base, count):
    text = "import django.views, rest_framework.views\nfrom celery import shared_task\n\n"
    text += "@shared_task\ndef work(item): ...\n\n"
    text += f"class Page({base}):\n    def get(self, pk):\n        work.delay(self.request)\n"
    assert len(problems("complex-argument", source(text, django=DjangoInfo("5.2")))) == count
