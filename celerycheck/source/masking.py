"""Finds the credentials in a piece of Python source, so that its lines can be shown.

Works on any piece, also on one that begins or ends in the middle of a literal. It rather hides a harmless
text than shows a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from celerycheck.credentials import MASK, is_secret, masked_text

Edit = tuple[int, int, str]
"""From where to where, and what stands there instead."""

_PARTS = re.compile(
    r"(?P<comment>#[^\n]*)"
    r"|(?P<literal>(?P<quote>'''|\"\"\")(?P<long>(?:\\.|(?!(?P=quote)).)*)(?:(?P=quote)|\Z)"
    r"|(?P<mark>['\"])(?P<short>(?:\\.|(?!(?P=mark))[^\\\n])*)(?P=mark)?)(?=\s*(?P<after>.?))"
    r"|(?P<name>[^\W\d]\w*)(?P<attribute>\s*\.)?"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|[,;\n]|\d\w*",
    re.DOTALL,
)
_SIGNS_IN = re.compile(r"(?i)(?:http|basic|digest|_|\A)auth\Z|\A(?:login|authenticate)\Z")
_HEADER = re.compile(r"(?i)\A(?:(?:proxy-)?authorization|(?:set-)?cookies?|dsn)\Z")
_NO_SECRET = re.compile(r"(?i)tokeni[sz]|csrf|\Asignature\Z")
"""A signature is Celery's own word for a call to be made."""

_VARIABLE = re.compile(r"[A-Z]+(?:_[A-Z]+)+")
"""The name of an environment variable, which may be shown: its value is the secret."""

_KEY = re.compile(
    r"(?i:\b(?:bearer|basic)\s+[\w+/=.~-]{6})|-----BEGIN|\beyJ[\w-]{8,}\."
    r"|\b(?:gh[a-z]|xox[a-z]|[sr]k)[_-]\w{8}|\bgithub_pat_\w|\bglpat-\w"
    r"|\b(?:AKIA|ASIA)\w{12}|\bAIza[\w-]{20}|(?i:\b[0-9a-f]{32,}\b)"
    r"|\A(?=.*\d)(?=.*[a-z])(?=.*[A-Z])[\w+/=-]{20,}\Z"
)
"""What is a key by its shape, whatever it is called."""


def masks(code: str) -> Iterator[Edit]:
    """What to replace in `code`, in order and disjoint; each is within a line."""
    zone, end = _Zone(), 0
    for part in _PARTS.finditer(code):
        if part["comment"] or part["literal"]:
            yield from _outside(code, end, part.start())
            yield from _inside(part, zone)
            end = part.end()
        else:
            zone.code(part)
    yield from _outside(code, end, len(code))


def masked(code: str) -> str:
    """`code` with everything masked."""
    for begin, end, new in reversed(list(masks(code))):
        code = code[:begin] + new + code[end:]
    return code


def _outside(code: str, begin: int, end: int) -> Iterator[Edit]:
    """An address outside of literals stands in one that began before the piece."""
    old = code[begin:end]
    if "://" in old:
        yield from _by_line(begin, old, masked_text(old))


def _inside(part: re.Match[str], zone: _Zone) -> Iterator[Edit]:
    if part["comment"]:
        # Comments hold prose, and code that was put aside.
        yield from _by_line(part.start(), part[0], masked_text("#" + masked(part[0][1:])))
        return
    group = "short" if part["long"] is None else "long"
    old = part[group]
    new = _hidden(old) if zone.literal(part, old) else masked_text(old)
    yield from _by_line(part.start(group), old, new)


def _by_line(begin: int, old: str, new: str) -> Iterator[Edit]:
    if old == new:
        return
    if old.count("\n") != new.count("\n"):
        new = _hidden(old)
    for before, after in zip(old.split("\n"), new.split("\n"), strict=True):
        if before != after:
            yield begin, begin + len(before), after
        begin += len(before) + 1


def _hidden(text: str) -> str:
    return "\n".join(MASK if line.strip() else line for line in text.split("\n"))


class _Zone:
    """Reads along, and knows whether a literal stands where a secret's value would."""

    def __init__(self) -> None:
        self._depth = 0
        self._begun: int | None = None  # the depth of brackets where a secret was named
        self._whole = False  # whether it lasts to the end of these brackets
        self._value_ends = -1  # where a name or a closing bracket ended last
        self._subscript = -1  # where a bracket of a subscript was opened last

    def code(self, part: re.Match[str]) -> None:
        if part["name"]:
            self._value_ends = part.end()
            if not part["attribute"] and (_names_secret(part["name"]) or _SIGNS_IN.search(part["name"])):
                self._begin(self._depth)
        elif part["open"]:
            self._depth += 1
            if part[0] == "[" and part.start() == self._value_ends:
                self._subscript = part.end()
        elif part["close"]:
            self._value_ends = part.end()
            self._depth -= 1
            if self._begun is not None and self._depth < self._begun:
                self._begun = None
        elif part[0] in (",", ";", "\n") and self._begun is not None and self._depth <= self._begun:
            self._begun = self._begun if self._whole and part[0] == "," else None

    def literal(self, part: re.Match[str], text: str) -> bool:
        """Whether to hide this literal."""
        after, key = part["after"], self._subscript in (part.start(), part.start() - 1)
        if self._begun is None and _names_secret(text) and (key or after in (",", ":")):
            # `"password": ...`, `conf["password"] = ...`, `setdefault("PASSWORD", ...)`
            self._begin(self._depth - key, whole=after == ",")
            return False
        if key or not text or _VARIABLE.fullmatch(text):
            return False
        return self._begun is not None or _KEY.search(text) is not None

    def _begin(self, depth: int, *, whole: bool = False) -> None:
        if self._begun is None:
            self._begun, self._whole = depth, whole


def _names_secret(name: str) -> bool:
    if len(name) > 60 or not name.replace("-", "_").isidentifier() or _NO_SECRET.search(name):
        return False
    return is_secret(name) or _HEADER.search(name) is not None
