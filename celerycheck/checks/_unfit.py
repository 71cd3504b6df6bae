"""Values in source that a message of plain values cannot carry, and what to pass instead."""

from __future__ import annotations

import builtins
from collections.abc import Iterable, Mapping

from celerycheck.source.code import Value, last, segments, written
from celerycheck.source.evidence import CallSite, SourceCode
from celerycheck.source.modules import Class, Function

_COPIES = frozenset({"builtins.list", "builtins.tuple", "builtins.sorted"})
"""What makes a list of whatever it is given; the chain of the result tells of the elements only."""

_SEVERAL = frozenset(
    {"a queryset", "a query", "a set", "an iterator", "a range", "a deque", "model instances"}
)
_PLAIN_ENUMS = frozenset({"enum.Enum", "enum.Flag"})
_EXCEPTIONS = frozenset(
    f"builtins.{name}"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
)

_INSTEAD: Mapping[str, str] = {
    "a model instance": "pass its id, and load it in the task",
    "model instances": "pass their ids, and load them in the task",
    "a queryset": "pass the ids, list(queryset.values_list('pk', flat=True)), and load the rows in the task",
    "a query": "pass the ids, and load the rows in the task",
    "a set": "pass a list",
    "a generator": "pass a list",
    "an iterator": "pass a list",
    "a range": "pass a list, or its bounds",
    "a deque": "pass a list",
    "a function": "pass its name, or give each its own task",
    "an Enum member": "pass its value, and make it a member again in the task",
    "a dataclass instance": "pass dataclasses.asdict(...), or an id",
    "a pydantic model": "pass model_dump(mode='json'), or make the task pydantic=True",
    "an exception": "pass str(...)",
    "a path": "pass str(...)",
    "an open file": "save it where workers can read it, and pass its path",
    "an uploaded file": "save it where workers can read it, and pass its path or id",
    "an HTTP request": "pass what the task needs of it",
    "a timedelta": "pass total_seconds()",
}


def instead_of(kind: str) -> str:
    """What to pass in place of such a value."""
    return _INSTEAD.get(kind, "pass an id or plain values, and make the object in the task")


def unfit(source: SourceCode, site: CallSite, value: Value) -> str | None:
    """What a value given there is, where JSON cannot carry it; None where it can, or nobody can tell."""
    if value.kind in ("set", "generator"):
        return f"a {value.kind}"
    if value.function is not None and value.call is None:
        return "a function"
    if value.kind == "either":
        kinds = [unfit(source, site, item) for item in value.items]
        return kinds[0] if all(kinds) else None
    if value.kind in ("list", "tuple", "dict"):
        return next(filter(None, (unfit(source, site, item) for item in value.items)), None)
    if value.chain is None or value.is_constant:
        return None
    return _of_library(source, value) or _of_project(source, value.chain) or _request(site, value.chain)


def _of_library(source: SourceCode, value: Value) -> str | None:
    chain, is_model = value.chain or "", source.project.is_model
    if value.call is not None and value.call.chain in _COPIES:
        element = source.libraries.result(f"{chain}[]", is_model)
        return "model instances" if element == "a model instance" else element
    found = source.libraries.result(chain, is_model)
    # A variable may hold a copy of what the chain tells of: `ids = list(queryset)` on one of two ways.
    return found if found not in _SEVERAL or value.kind == "call" else None


def _of_project(source: SourceCode, chain: str) -> str | None:
    """Of an instance of a class of the project's, or a member of an Enum."""
    project = source.project
    made = project.cls(chain.removesuffix("()")) if chain.endswith("()") else None
    holder, _, name = chain.rpartition(".")
    cls = made or (project.cls(holder) if holder and "(" not in holder else None)
    if cls is None:
        return None
    lineage = project.lineage(cls)
    kind = _of_class(cls, lineage)
    if made is None and (kind != "an Enum member" or name not in cls.attributes or name in cls.methods):
        return None
    return None if kind is None or _registers_types(source) else kind


def _of_class(cls: Class, lineage: Iterable[Class]) -> str | None:
    """What instances of a class are to JSON; None where they may be plain values, or write themselves."""
    own = {each.chain for each in lineage}
    if any(name in each.methods for each in lineage for name in ("__json__", "__new__")):
        return None
    foreign = {base for each in lineage for base in each.bases if base not in own} - {"builtins.object"}
    if not foreign:
        return "a dataclass instance" if _is_dataclass(cls) else f"an instance of {last(cls.chain)}"
    if foreign <= _PLAIN_ENUMS:
        return "an Enum member"
    if foreign == {"pydantic.BaseModel"}:
        return "a pydantic model"
    return "an exception" if foreign <= _EXCEPTIONS else None


def _is_dataclass(cls: Class) -> bool:
    return any("dataclass" in written(node) for node in cls.node.decorator_list)


def _registers_types(source: SourceCode) -> bool:
    """Whether the project teaches Kombu's JSON types of its own."""
    return bool(source.holding(b"register_type"))


def _request(site: CallSite, chain: str) -> str | None:
    """Of the request that a view is handed."""
    function = site.function
    if function is None or not _is_request_of(site, function, chain):
        return None
    return None if site.module.project.tasks_of(function) else "an HTTP request"


def _is_request_of(site: CallSite, function: Function, chain: str) -> bool:
    if chain == "?request":
        first = function.parameters[:1] if function.cls is None else function.parameters[1:2]
        return site.module.project.app.django is not None and first == ("request",)
    parts = segments(chain)
    if function.cls is None or parts[-1] != "request" or chain != f"{function.cls.chain}().request":
        return False
    lineage = site.module.project.lineage(function.cls)
    return any((base or "").endswith("View") for cls in lineage for base in cls.bases)
