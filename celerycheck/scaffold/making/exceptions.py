"""Exceptions by their dotted names: how to import them, how to write them, how to raise one in a test."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from dataclasses import dataclass

_ARGUMENTS = {
    "requests": "",
    "redis": "",
    "django": "",
    "sqlalchemy": '"", {}, Exception()',
    "httpx.HTTPStatusError": '"busy", request=mock.Mock(), response=mock.Mock()',
    "urllib.error.HTTPError": '"", 503, "busy", mock.Mock(), None',
    "botocore.exceptions.ClientError": '{}, "call"',
}
"""What an exception, or those of a library, are made with; all others with a sentence."""


@dataclass(frozen=True)
class Named:
    """One exception: the line that imports it (empty for a builtin), its name in code, and one to raise."""

    statement: str
    written: str
    raised: str


def named(dotted: Sequence[str]) -> list[Named]:
    """The exceptions as a module writes them; where two have one name, both are written in full."""
    last = [name.rpartition(".")[2] for name in dotted]
    return [
        _named(name, in_full=last.count(short) > 1 or hasattr(builtins, short))
        for name, short in zip(dotted, last, strict=True)
    ]


def _named(dotted: str, *, in_full: bool) -> Named:
    module, _, short = dotted.rpartition(".")
    arguments = _ARGUMENTS.get(dotted, _ARGUMENTS.get(module.partition(".")[0], '"no answer"'))
    if not module:
        return Named("", short, f"{short}({arguments})")
    if in_full or "." not in module:
        return Named(f"import {module}", dotted, f"{dotted}({arguments})")
    return Named(f"from {module} import {short}", short, f"{short}({arguments})")
