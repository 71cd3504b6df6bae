"""Which names and texts hold credentials, and how they are masked. Python 3.9, for inspection needs it."""

from __future__ import annotations

import re
from functools import cache
from typing import Optional

MASK = "********"
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


def password_in(url: object) -> Optional[str]:
    """The password of a URL, as written; None where it has none or it is empty."""
    if not isinstance(url, str):
        return None
    match = _WHOLE_USERINFO.search(url)
    return match[2][1:] or None if match and match[2] and match[2].startswith(":") else None
