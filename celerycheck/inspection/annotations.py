"""Tells by a parameter's annotation whether what it holds belongs in a message."""

from __future__ import annotations

import collections
import collections.abc
import dataclasses
import datetime
import enum
import functools
import io
import pathlib
import re
import sys
import types
import typing
from typing import Any, Optional, Tuple

from celerycheck.inspection.plain import dotted

FOREIGN = (
    ("django.db.models.base", "Model", "a Django model instance"),
    ("django.db.models.query", "QuerySet", "a Django queryset"),
    ("django.db.models.manager", "BaseManager", "a Django manager"),
    ("django.http.request", "HttpRequest", "a request"),
    ("django.core.files.base", "File", "a file"),
    ("django.forms.forms", "BaseForm", "a form"),
    ("rest_framework.request", "Request", "a request"),
    ("werkzeug.wrappers.request", "Request", "a request"),
    ("starlette.requests", "HTTPConnection", "a request"),
    ("sqlalchemy.orm.decl_api", "DeclarativeBase", "an SQLAlchemy model instance"),
    ("sqlalchemy.orm.session", "Session", "an SQLAlchemy session"),
    ("pandas.core.generic", "NDFrame", "a pandas object"),
    ("numpy", "ndarray", "a numpy array"),
    ("pydantic.main", "BaseModel", "a Pydantic model"),
    ("fractions", "Fraction", "a Fraction"),
    ("ipaddress", "_IPAddressBase", "an IP address or network"),
    ("zoneinfo", "ZoneInfo", "a time zone"),
    ("typing", "IO", "an open file"),
)
"""Base classes by module and name, and what an instance is called; nothing is imported to find out."""

CARRIED = (str, int, float, list, tuple, dict, bytes, type(None))
"""Whose instances Kombu's JSON writes, those of subclasses included: NamedTuple, Counter, `str` enums."""

KINDS: Tuple[Tuple[type, str], ...] = (
    (enum.Enum, "an Enum"),
    (set, "a set"),
    (frozenset, "a set"),
    (datetime.timedelta, "a timedelta"),
    (datetime.tzinfo, "a time zone"),
    (pathlib.PurePath, "a path"),
    (bytearray, "a bytearray"),
    (memoryview, "a memoryview"),
    (complex, "a complex number"),
    (range, "a range"),
    (collections.deque, "a deque"),
    (re.Pattern, "a compiled pattern"),
    (io.IOBase, "an open file"),
    (collections.abc.Generator, "a generator"),
    (collections.abc.Iterator, "an iterator"),
    (BaseException, "an exception"),
    (types.FunctionType, "a function"),
    (types.BuiltinFunctionType, "a function"),
    (types.MethodType, "a function"),
    (type, "a class"),
)

_UNIONS: Tuple[Any, ...] = (typing.Union, getattr(types, "UnionType", None))


def complex_kind(annotation: Any) -> Optional[str]:
    """What an annotation stands for, where that cannot travel in a JSON message; None where it can.

    Optional and union types are complex where every alternative but None is.
    """
    try:
        return _kind(annotation)
    except Exception:  # noqa: BLE001  # annotations are arbitrary objects of the user's
        return None


def _kind(annotation: Any) -> Optional[str]:
    origin: Any = typing.get_origin(annotation)
    if origin is None:
        return _class_kind(annotation) if isinstance(annotation, type) else None
    if origin in _UNIONS:
        kinds = [_kind(a) for a in typing.get_args(annotation) if a is not type(None)]
        return kinds[0] if kinds and all(kinds) else None
    if origin is typing.Annotated:
        return _kind(typing.get_args(annotation)[0])
    return _class_kind(origin) if isinstance(origin, type) else None


@functools.cache
def _class_kind(cls: type) -> Optional[str]:
    if _serializable(cls):
        return None
    for base in cls.__mro__:
        for module, name, kind in FOREIGN:
            if base.__name__ == name and base.__module__ == module:
                return kind
    if any("_sa_class_manager" in vars(base) or "__mapper__" in vars(base) for base in cls.__mro__):
        return "an SQLAlchemy model instance"
    return _builtin_kind(cls)


def _serializable(cls: type) -> bool:
    """Whether Kombu's JSON takes it: it writes itself, it is plain, or the project registered it."""
    encoders = getattr(sys.modules.get("kombu.utils.json"), "_encoders", {})
    return hasattr(cls, "__json__") or issubclass(cls, (*CARRIED, *encoders))


def _builtin_kind(cls: type) -> Optional[str]:
    if dotted(cls) == "collections.abc.Callable":
        return "a function"
    for known, kind in KINDS:
        if issubclass(cls, known):
            return kind
    if dataclasses.is_dataclass(cls):
        return "a dataclass"
    return "an attrs instance" if "__attrs_attrs__" in dir(cls) else None
