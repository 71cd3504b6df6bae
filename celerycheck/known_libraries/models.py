"""What stands at the end of a chain that starts at a model: a queryset, an instance, or neither."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

Role = Literal[
    "model",
    "manager",
    "own_manager",
    "queryset",
    "perhaps",
    "query",
    "new",
    "fetched",
    "instances",
    "pair",
    "values",
    "related",
    "session",
]
"""- `model`: the class. `manager`: one of Django's managers. `own_manager`: another attribute of the class,
  which may be a manager of the project's own. `queryset`; `perhaps`: what a method of the project's own on
  one of these gives.
- `query`: of SQLAlchemy. `session`: likewise.
- `new`: what calling the class gives; a parameter annotated with the class looks the same. `fetched`: an
  instance from the database. `instances`: a list or mapping of them. `pair`: what get_or_create gives.
- `values`: rows as plain values. `related`: an attribute of an instance: a field, another instance, or a
  manager.
"""

ROLES: tuple[Role, ...] = get_args(Role)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


MANAGERS = _names("objects _default_manager _base_manager")

TO_QUERYSET = _names("""
    all filter exclude order_by distinct annotate alias select_related prefetch_related select_for_update
    using only defer none extra complex_filter raw iterator aiterator reverse union difference intersection
    db_manager get_queryset
""")
TO_INSTANCE = _names("get first last earliest latest create")
TO_PAIR = _names("get_or_create update_or_create")
TO_INSTANCES = _names("bulk_create in_bulk")
TO_VALUES = _names("values values_list dates datetimes")
TO_NEITHER = _names("count exists contains aggregate update delete bulk_update explain")

QUERY_TO_INSTANCE = _names("get first one one_or_none get_or_404 first_or_404 one_or_404")
QUERY_TO_NEITHER = _names("count scalar update delete exists subquery paginate as_scalar")

ALSO_OF_DICTIONARIES = _names("get values update")
"""What a JSON field answers to as well: on an attribute of an instance these names tell nothing."""

_ELEMENT: Mapping[Role, Role] = {
    "queryset": "fetched",
    "query": "fetched",
    "instances": "fetched",
    "pair": "fetched",
    "perhaps": "related",
}
_FROM_SESSION: Mapping[str, Role] = {
    "query": "query",
    "get": "fetched",
    "merge": "fetched",
    "begin": "session",
}
_TOKEN = re.compile(r"[^.()\[\]]+|\(\)|\[\]")


def tokens(chain: str) -> list[str]:
    """A chain as names, `()` and `[]`."""
    return _TOKEN.findall(chain)


def walked(role: Role | None, steps: Sequence[str]) -> Role | None:
    """What is at the end of `steps`, which start at something of that role; None where nobody can tell."""
    position = 0
    while role is not None and position < len(steps):
        step = steps[position]
        if step == "()":
            role = "new" if role == "model" else None
        elif step == "[]":
            role = _ELEMENT.get(role)
        elif steps[position + 1 : position + 2] == ["()"]:
            role = _called(role, step)
            position += 1
        else:
            role = _attribute(role, step)
        position += 1
    return role


def _attribute(role: Role, name: str) -> Role | None:
    if role == "model":
        if name == "query":
            return "query"
        return "manager" if name in MANAGERS else "own_manager" if name[0].islower() else None
    if role in ("new", "fetched", "related"):
        return None if name in ("pk", "id", "objects") or name.endswith("_id") else "related"
    return None


def _called(role: Role, name: str) -> Role | None:
    match role:
        case "session":
            return _FROM_SESSION.get(name)
        case "query":
            if name in QUERY_TO_INSTANCE:
                return "fetched"
            return None if name in QUERY_TO_NEITHER else "instances" if name == "all" else "query"
        case "queryset" | "manager" | "own_manager" | "perhaps":
            return _from_queryset(name)
        case "related":
            known = _from_queryset(name)
            return None if known == "perhaps" or name in ALSO_OF_DICTIONARIES else known
    return None


def _from_queryset(name: str) -> Role | None:
    """What a method of a queryset gives; one with an `a` in front gives the same, once it is awaited."""
    for each in (name, name.removeprefix("a")):
        if each in TO_NEITHER:
            return None
        for names, role in _GIVES.items():
            if each in names:
                return role
    return "perhaps"


_GIVES: Mapping[frozenset[str], Role] = {
    TO_QUERYSET: "queryset",
    TO_INSTANCE: "fetched",
    TO_PAIR: "pair",
    TO_INSTANCES: "instances",
    TO_VALUES: "values",
}
