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
from celerycheck.subjects import BackendInfo, NotEvaluated, Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, found, parameter, problems, settings, task

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
