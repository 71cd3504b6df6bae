"""Makes plain data of whatever a project puts into its settings and options, and masks credentials.

Nothing of the user's is called on the way: no `repr`, no `str` of foreign objects.
"""

from __future__ import annotations

import datetime
import re
from functools import cache
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Callable, Mapping, Optional

from celerycheck.subjects import Opaque, Plain

MASK = "********"
_DEPTH = 8
_NEXT_URL = r"[;,]\s*[\w+.-]+://"
_USERINFO = re.compile(rf"(?<=://)([^/@\s:;,]*)([:@](?:(?!{_NEXT_URL})[^\s'\"])*)?@")
"""Credentials of a URL in the middle of a text: they end at a blank, a quote, or the next URL of a list."""

_URLS = re.compile(r"\s*[\w+.-]+://")
_WHOLE_USERINFO = re.compile(rf"(?s)(?<=://)([^/@:;,]*)([:@/](?:(?!{_NEXT_URL}).)*)?@")
"""Credentials of a text that is nothing but URLs: nothing in front of the last `@` is worth showing."""

_NAMED = r"(?:password|passwd|passphrase|pwd|secret|token|signature|(?:api|access|account|shared)_?key)"
_ASSIGNED = re.compile(rf"(?i)\b([\w.-]*{_NAMED}\s*=\s*)('[^']*'|\"[^\"]*\"|[^&;\s]+)")
_IN_DICT = re.compile(rf"(?i)(['\"][\w.-]*{_NAMED}['\"]\s*:\s*)('[^']*'|\"[^\"]*\"|[^,}}\s]+)")
_SECRET_NAME = re.compile(
    r"(?i)(^|_)pass$|pass(word|wd|phrase)$|pwd$|secret|token|api_?key|access_?key|signature|credential|security_key"
)


def masked_text(text: str) -> str:
    """`text` with the password of every URL in it masked, and whatever is assigned to a secret's name."""
    if "://" in text:
        text = (_WHOLE_USERINFO if _URLS.match(text) else _USERINFO).sub(_without_password, text)
    if "=" in text:
        text = _ASSIGNED.sub(rf"\g<1>{MASK}", text)
    return _IN_DICT.sub(rf"\g<1>{MASK}", text) if ":" in text else text


def _without_password(userinfo: re.Match[str]) -> str:
    user, rest = userinfo[1], userinfo[2]
    if rest is None or rest.startswith("/"):
        return f"{MASK}@" if user or rest else "@"  # a token, as in `https://TOKEN@host`
    return f"{user}:{MASK}@" if len(rest) > 1 else f"{user}:@"


@cache
def is_secret(name: str) -> bool:
    """Whether a key's value is a credential by its name (`redis_password`), `routing_key` being none."""
    return _SECRET_NAME.search(name) is not None


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


def password_in(url: object) -> Optional[str]:
    """The password of a URL, as written; None where it has none or it is empty."""
    if not isinstance(url, str):
        return None
    match = _WHOLE_USERINFO.search(url)
    return match[2][1:] or None if match and match[2] and match[2].startswith(":") else None


def guarded(read: Callable[[], object], default: object = None) -> object:
    """The value `read` returns, or `default` where the user's object raises."""
    try:
        return read()
    except Exception:  # noqa: BLE001  # a property of the user's may raise anything
        return default
