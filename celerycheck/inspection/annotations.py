"""Tells by a parameter's annotation whether what it holds belongs in a message."""

from __future__ import annotations

import dataclasses
import enum
import functools
import io
import sys
import typing
from typing import Any, Optional

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
)
"""Base classes by module and name, and what an instance is called; nothing is imported to find out."""

ABSTRACT = {
    "collections.abc.Callable": "a function",
    "collections.abc.Generator": "a generator",
    "collections.abc.Iterator": "an iterator",
}


def complex_kind(annotation: Any) -> Optional[str]:
    """What an annotation stands for, where that cannot travel in a JSON message; None where it can.

    Optional and union types are complex where every alternative but None is.
    """
    try:
        return _kind(annotation)
    except Exception:  # noqa: BLE001  # annotations are arbitrary objects of the user's
        return None


def _kind(annotation: Any) -> Optional[str]:
    origin = typing.get_origin(annotation)
    if origin is not None:
        if str(origin) in ("typing.Union", "<class 'types.UnionType'>"):
            kinds = [_kind(a) for a in typing.get_args(annotation) if a is not type(None)]
            return kinds[0] if kinds and all(kinds) else None
        if str(origin) == "typing.Annotated":
            return _kind(typing.get_args(annotation)[0])
        return _class_kind(origin) if isinstance(origin, type) else None
    return _class_kind(annotation) if isinstance(annotation, type) else None


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
    """Whether Kombu's JSON takes it: it writes itself, or the project registered it."""
    encoders = getattr(sys.modules.get("kombu.utils.json"), "_encoders", {})
    return hasattr(cls, "__json__") or any(issubclass(cls, known) for known in encoders)


def _builtin_kind(cls: type) -> Optional[str]:
    if issubclass(cls, enum.Enum):
        # Kombu's encoder writes an enum that is a string or a number as its value.
        return None if issubclass(cls, (str, int, float)) else "an Enum"
    if dataclasses.is_dataclass(cls):
        return "a dataclass"
    if issubclass(cls, (set, frozenset)):
        return "a set"
    if issubclass(cls, io.IOBase):
        return "an open file"
    return ABSTRACT.get(f"{cls.__module__}.{cls.__qualname__}")
