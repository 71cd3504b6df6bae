"""Makes plain data of whatever a project puts into its settings and options, credentials masked.

Nothing of the user's is called on the way: no `repr`, no `str` of foreign objects.
"""

from __future__ import annotations

import datetime
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Callable, Mapping, Optional

from celerycheck.credentials import MASK, is_secret, masked_text
from celerycheck.subjects import Opaque, Plain

_DEPTH = 8


def dotted(thing: object) -> str:
    """`module.qualname` of a class or function, builtins without their module."""
    module = getattr(thing, "__module__", None)
    name = getattr(thing, "__qualname__", None) or getattr(thing, "__name__", "")
    if not isinstance(module, str) or module == "builtins":
        return str(name)
    return f"{module}.{name}"


def plain(value: object, name: str = "", depth: int = _DEPTH) -> Plain:
    """`value` as plain data: credentials masked, collections copied, everything else described.

    Sets become sorted lists; durations keep their seconds; classes and functions their dotted names.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, (int, float)) and type(value).__module__ == "builtins":
        return MASK if name and is_secret(name) else value
    if isinstance(value, str):
        text = str.__str__(value)
        return MASK if text and name and is_secret(name) else masked_text(text)
    if isinstance(value, datetime.timedelta):
        return Opaque("datetime.timedelta", str(value), value.total_seconds())
    if isinstance(value, type):
        return Opaque("type", dotted(value))
    if isinstance(value, (FunctionType, BuiltinFunctionType, MethodType)):
        return Opaque("function", dotted(value))
    if depth:
        collected = _collection(value, name, depth)
        if collected is not None:
            return collected
    return Opaque(dotted(type(value)))


def _collection(value: object, name: str, depth: int) -> Optional[Plain]:
    if isinstance(value, (list, tuple)):
        return [plain(item, name, depth - 1) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item, name, depth - 1) for item in value), key=repr)
    if isinstance(value, Mapping):
        # What lies below `credentials` is secret whatever its own name.
        below = name if name and is_secret(name) else ""
        return {
            _key(k): plain(v, below or (k if isinstance(k, str) else ""), depth - 1) for k, v in value.items()
        }
    return None


def _key(key: object) -> str:
    if isinstance(key, str):
        return masked_text(str.__str__(key))
    return str(key) if isinstance(key, (int, float)) else dotted(type(key))


def guarded(read: Callable[[], object], default: object = None) -> object:
    """The value `read` returns, or `default` where the user's object raises."""
    try:
        return read()
    except Exception:  # noqa: BLE001  # a property of the user's may raise anything
        return default


def attribute(thing: object, name: str) -> Any:
    """An attribute; None where there is none, or where an object of the user's raises instead."""
    try:
        return getattr(thing, name, None)
    except Exception:  # noqa: BLE001  # a property or a `__getattr__` of the user's may raise anything
        return None
