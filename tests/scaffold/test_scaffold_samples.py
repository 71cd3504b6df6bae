"""Sample values and keys."""

from __future__ import annotations

import pytest

from celerycheck.scaffold.making.samples import key, sample
from celerycheck.scaffold.spec import Parameter


@pytest.mark.parametrize(
    ("type_", "first", "second"),
    [
        ("int", "7", "8"),
        ("str", '"one"', '"another"'),
        ("bool", "True", "False"),
        ("float", "1.5", "2.5"),
        ("None", "None", "None"),
        ("list", "[7]", "[8]"),
        ("list[str]", '["one"]', '["another"]'),
        ("dict[str, int]", '{"key": 7}', '{"key": 8}'),
        ("dict[str, list[int]]", '{"key": [7]}', '{"key": [8]}'),
        ("str | None", '"one"', '"another"'),
        ("None | int", "7", "8"),
        ("Optional[int]", "7", "8"),
        ("Optional[list[int]]", "[7]", "[8]"),
        ("list[int | None]", "[7]", "[8]"),
        ("int | str", "7", "8"),
        ("dict[str, int | None]", '{"key": 7}', '{"key": 8}'),
        ("List[float]", "[1.5]", "[2.5]"),
    ],
)
def test_two_values_of_a_type_differ(type_, first, second):
    assert (sample(type_, 0), sample(type_, 1)) == (first, second)


def namespace(statements: str, **arguments) -> str:
    scope: dict[str, object] = dict(arguments)
    exec("import hashlib, json\n" + statements, scope)
    return str(scope["key"])


@pytest.mark.parametrize(
    ("types", "some", "others"),
    [
        (("int",), (1,), (2,)),
        (("int", "int"), (1, 23), (12, 3)),
        (("str", "str"), ("a", "b:c"), ("a:b", "c")),
        (("str",), ("1",), (1,)),
        (("str", "str"), ("", "a"), ("a", "")),
        (("list[int]",), ([1, 2],), ([12],)),
        (("int | None",), (None,), (0,)),
        (("str",), ("x" * 300,), ("x" * 301,)),
    ],
)
def test_keys_of_different_arguments_differ_and_fit_into_a_column(types, some, others):
    params = [Parameter(f"p{number}", type_) for number, type_ in enumerate(types)]
    statements = key("pay", params)
    keys = [
        namespace(statements, **{f"p{n}": value for n, value in enumerate(values)})
        for values in (some, some, others)
    ]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(made) < 255 and made.startswith("pay:") for made in keys)


def test_the_key_of_an_id_can_be_read():
    assert key("pay", [Parameter("invoice_id", "int")]) == 'key = f"pay:{invoice_id}"'
