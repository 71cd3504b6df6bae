"""What does not belong in a message, held against what Kombu's JSON writes."""

import array
import collections
import collections.abc
import dataclasses
import datetime
import decimal
import enum
import fractions
import io
import ipaddress
import pathlib
import re
import types
import typing
import uuid
import zoneinfo

import pytest
from kombu.exceptions import EncodeError
from kombu.serialization import dumps, loads
from kombu.utils import json

from celerycheck.inspection.annotations import complex_kind


class Colour(enum.Enum):
    RED = 1


class Flag(enum.Flag):
    ON = 1


class Word(str, enum.Enum):
    YES = "yes"


class Number(enum.IntEnum):
    ONE = 1


class Ratio(float, enum.Enum):
    HALF = 0.5


class Pair(typing.NamedTuple):
    left: int = 1


class Row(typing.TypedDict):
    name: str


@dataclasses.dataclass
class Order:
    key: int = 1


class Own:
    def __json__(self):
        return 1


@dataclasses.dataclass
class OwnOrder(Own):
    key: int = 1


class Tags(set):
    pass


UTC = datetime.timezone.utc
REFUSED = [
    (set, {1}, "a set"),
    (Tags, Tags(), "a set"),
    (frozenset, frozenset(), "a set"),
    (Colour, Colour.RED, "an Enum"),
    (Flag, Flag.ON, "an Enum"),
    (Order, Order(), "a dataclass"),
    (datetime.timedelta, datetime.timedelta(1), "a timedelta"),
    (datetime.timezone, UTC, "a time zone"),
    (zoneinfo.ZoneInfo, zoneinfo.ZoneInfo("UTC"), "a time zone"),
    (pathlib.Path, pathlib.Path("x"), "a path"),
    (pathlib.PurePosixPath, pathlib.PurePosixPath("x"), "a path"),
    (bytearray, bytearray(b"x"), "a bytearray"),
    (memoryview, memoryview(b"x"), "a memoryview"),
    (complex, 1j, "a complex number"),
    (range, range(3), "a range"),
    (collections.deque, collections.deque(), "a deque"),
    (ipaddress.IPv4Address, ipaddress.ip_address("1.1.1.1"), "an IP address or network"),
    (ipaddress.IPv6Network, ipaddress.ip_network("::/8"), "an IP address or network"),
    (fractions.Fraction, fractions.Fraction(1, 2), "a Fraction"),
    (re.Pattern, re.compile("x"), "a compiled pattern"),
    (types.GeneratorType, (x for x in ()), "a generator"),
    (map, map(int, ()), "an iterator"),
    (io.BytesIO, io.BytesIO(), "an open file"),
    (io.StringIO, io.StringIO(), "an open file"),
    (ValueError, ValueError("x"), "an exception"),
    (type, int, "a class"),
    (types.FunctionType, lambda: 0, "a function"),
    (types.BuiltinFunctionType, len, "a function"),
]
CARRIED = [
    (str, "x"),
    (int, 1),
    (bool, True),
    (float, 1.0),
    (list, [1]),
    (dict, {"a": 1}),
    (tuple, (1,)),
    (Pair, Pair()),
    (Row, {"name": "x"}),
    (Word, Word.YES),
    (Number, Number.ONE),
    (Ratio, Ratio.HALF),
    (enum.IntFlag("Bits", "A"), 1),
    (datetime.datetime, datetime.datetime(2024, 1, 1, tzinfo=UTC)),
    (datetime.date, datetime.date(2024, 1, 1)),
    (datetime.time, datetime.time(1)),
    (uuid.UUID, uuid.UUID(int=1)),
    (decimal.Decimal, decimal.Decimal(1)),
    (bytes, b"x"),
    (collections.OrderedDict, collections.OrderedDict()),
    (collections.defaultdict, collections.defaultdict(list)),
    (collections.Counter, collections.Counter("a")),
    (Own, Own()),
    (OwnOrder, OwnOrder()),
]


@pytest.mark.parametrize(("annotation", "value", "kind"), REFUSED)
def test_what_kombu_refuses(annotation, value, kind):
    with pytest.raises(EncodeError):
        dumps(value, serializer="json")
    assert complex_kind(annotation) == kind


@pytest.mark.parametrize(("annotation", "value"), CARRIED)
def test_what_kombu_carries(annotation, value):
    mime, encoding, text = dumps(value, serializer="json")
    loads(text, mime, encoding, accept={mime})
    assert complex_kind(annotation) is None


ANNOTATIONS = [
    (set[int], "a set"),
    (typing.Set[str], "a set"),  # noqa: UP006  # as people write it
    (typing.Type[Order], "a class"),  # noqa: UP006
    (collections.abc.Callable, "a function"),
    (collections.abc.Callable[[int], int], "a function"),
    (collections.abc.Iterator[int], "an iterator"),
    (collections.abc.Generator, "a generator"),
    (typing.IO[str], "an open file"),
    (typing.TextIO, "an open file"),
    (typing.Optional[Order], "a dataclass"),  # noqa: UP045
    (typing.Union[Order, set], "a dataclass"),  # noqa: UP007
    (typing.Annotated[pathlib.Path, "of the file"], "a path"),
    (typing.Union[Order, int], None),  # noqa: UP007
    (typing.Optional[int], None),  # noqa: UP045
    (typing.Annotated[int, set], None),
    (typing.Literal["a"], None),
    (typing.Any, None),
    (typing.TypeVar("T"), None),
    (typing.NewType("Key", int), None),
    (collections.abc.Iterable, None),
    (collections.abc.Sequence[int], None),
    (collections.abc.Mapping, None),
    (list[int], None),
    (array.array, None),
    (object, None),
    (object(), None),
    (None, None),
    (5, None),
    ("x", None),
]


@pytest.mark.parametrize(("annotation", "kind"), ANNOTATIONS)
def test_annotations(annotation, kind):
    assert complex_kind(annotation) == kind


def test_pydantic_models():
    pydantic = pytest.importorskip("pydantic")

    class Item(pydantic.BaseModel):
        key: int = 1

    with pytest.raises(EncodeError):
        dumps(Item(), serializer="json")
    assert complex_kind(Item) == "a Pydantic model"


def test_attrs_instances():
    attrs = pytest.importorskip("attrs")

    @attrs.define
    class Item:
        key: int = 1

    with pytest.raises(EncodeError):
        dumps(Item(), serializer="json")
    assert complex_kind(Item) == "an attrs instance"


def test_what_the_project_registered(monkeypatch):
    class Money(set):
        pass

    class Euro(Money):
        pass

    monkeypatch.setattr(json, "_encoders", dict(json._encoders))
    json.register_type(Money, "money", list, Money)
    assert complex_kind(Euro) is None
