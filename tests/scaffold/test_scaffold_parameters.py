"""Parameters as people type them: what they become, and why some are refused."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking.parameters import TAKEN, parameter, split

MODELS = ("billing.models.Invoice", "django.contrib.auth.models.User", "shop.orm.Cart")


@pytest.mark.parametrize(
    ("text", "name", "type_"),
    [
        ("invoice_id:int", "invoice_id", "int"),
        ("invoice_id", "invoice_id", "int"),
        (" note : str ", "note", "str"),
        ("rate:float", "rate", "float"),
        ("urgent:bool", "urgent", "bool"),
        ("tags:list[str]", "tags", "list[str]"),
        ("tags:List[str]", "tags", "list[str]"),
        ("tags:typing.List[str]", "tags", "list[str]"),
        ("rows:list[list[int|None]]", "rows", "list[list[int | None]]"),
        ("totals:dict[str,int]", "totals", "dict[str, int]"),
        ("totals:Dict[str, list[float]]", "totals", "dict[str, list[float]]"),
        ("note:str|None", "note", "str | None"),
        ("note:None|str", "note", "str | None"),
        ("note:Optional[str]", "note", "str | None"),
        ("note:typing.Optional[list[int]]", "note", "list[int] | None"),
        ("note:Union[str, None]", "note", "str | None"),
        ("note:str | str", "note", "str"),
        ("note:(int)", "note", "int"),
        ("größe:int", "größe", "int"),
    ],
)
def test_plain_ones(text, name, type_):
    assert (parameter(text, MODELS).name, parameter(text, MODELS).type) == (name, type_)


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("amount", ["amount has no type", "amount:int"]),
        ("invoice_id:", ["invoice_id has no type"]),
        ("", ["names no parameter", "NAME:TYPE"]),
        (":int", ["names no parameter"]),
        ("in-voice:int", ["names no parameter"]),
        ("1st:int", ["names no parameter"]),
        ("a.b:int", ["names no parameter"]),
        ("class:int", ["a word of Python's own"]),
        ("None:int", ["a word of Python's own"]),
        ("id:int", ["built into Python", "invoice_id"]),
        ("list:int", ["built into Python"]),
        ("requests:int", ["the generated code uses that name itself"]),
        ("__x:int", ["underscores"]),
        ("pair:tuple[int, str]", ["makes it a list", "list[int]"]),
        ("pair:tuple", ["makes it a list"]),
        ("pair:Tuple[int]", ["makes it a list"]),
        ("ids:set[int]", ["JSON has no sets", "ids:list[int]"]),
        ("due:datetime", ["JSON has no dates", "due:str"]),
        ("due:datetime.datetime", ["JSON has no dates", "due:str"]),
        ("due:datetime.date | None", ["JSON has no dates"]),
        ("days:list[date]", ["JSON has no dates"]),
        ("wait:timedelta", ["number of seconds", "wait:int"]),
        ("amount:Decimal", ["JSON has no decimals", "amount:str"]),
        ("amount:decimal.Decimal", ["JSON has no decimals"]),
        ("token:uuid.UUID", ["JSON has no UUIDs", "token:str"]),
        ("data:bytes", ["JSON carries text only", "data:str"]),
        ("path:pathlib.Path", ["JSON has no paths"]),
        ("x:Any", ["says nothing"]),
        ("x:None", ["always be None", "str | None"]),
        ("x:None | None", ["always be None"]),
        ("x:Literal['a']", ["check it in the service"]),
        ("totals:dict[int, str]", ["keys of a dict", "dict[str, ...]"]),
        ("totals:dict[str]", ["is no type"]),
        ("tags:list", ["what is in the list?", "list[int]"]),
        ("totals:dict", ["what is in the dict?", "dict[str, int]"]),
        ("x:int | str", ["is of 2 types: int, str"]),
        ("x:int | str | None", ["is of 2 types"]),
        ("x:int = 3", ["has a default"]),
        ("x:'int'", ["is no type"]),
        ("x:3", ["is no type"]),
        ("x:int]", ["cannot be read as a type"]),
        ("x:int:str", ["cannot be read as a type"]),
        ("x:" + "list[" * 500 + "int" + "]" * 500, ["cannot be read as a type"]),
        ("x:print('hello')", ["is no type"]),
        ("x:integer", ["Did you mean int?"]),
        ("x:string", ["Did you mean str?"]),
        ("x:strr", ["Did you mean str?"]),
        ("invoice:Invoice", ["is a model", "invoice_id:int"]),
        ("invoice:billing.models.Invoice", ["is a model", "invoice_id:int"]),
        ("invoices:list[Invoice]", ["is a model"]),
        ("invoice_id:Invoice", ["is a model", "invoice_id:int"]),
        ("user:models.User", ["is a model", "user_id:int"]),
        ("cart:Cart", ["is a model"]),
        ("order:Order", ["Order is a class", "order_id:int"]),
        ("x:billing.types.Money", ["is a class"]),
        ("x:Callable[[int], str]", ["is a class"]),
    ],
)
def test_refused_ones(text, needles):
    with pytest.raises(UsageError) as refused:
        parameter(text, MODELS)
    said = f"{refused.value.message} {refused.value.hint}"
    for needle in needles:
        assert needle in said


@pytest.mark.parametrize("name", sorted(TAKEN))
def test_names_that_the_generated_code_needs(name):
    with pytest.raises(UsageError, match=f"{name} is taken: .*") as refused:
        parameter(f"{name}:int")
    assert TAKEN[name] in refused.value.message


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a:int", ["a:int"]),
        ("a:int, b:str", ["a:int", "b:str"]),
        ("a:dict[str, int],b:str", ["a:dict[str, int]", "b:str"]),
        ("a,b,", ["a", "b"]),
        ("a,,b", ["a", "", "b"]),
        ("", []),
        ("  ", []),
    ],
)
def test_lists_as_people_type_them(text, parts):
    assert list(split(text)) == parts


@pytest.mark.parametrize("type_", ["datetime", "Decimal", "UUID", "bytes", "tuple", "set", "timedelta"])
def test_what_is_refused_is_no_plain_json(type_):
    """The reason given holds: none of these is written to JSON and read back as it was by plain JSON."""
    value = {
        "datetime": datetime(2026, 1, 1, tzinfo=timezone.utc),
        "Decimal": Decimal(1),
        "UUID": UUID(int=1),
        "bytes": b"1",
        "tuple": (1,),
        "set": {1},
        "timedelta": timedelta(1),
    }[type_]
    with pytest.raises(UsageError):
        parameter(f"x:{type_}")
    with suppress(TypeError):
        assert json.loads(json.dumps(value)) != value
