"""A rendered module merged into the one that is there."""

from __future__ import annotations

from dataclasses import dataclass

from celerycheck.errors import UsageError


@dataclass(frozen=True)
class Merged:
    """A text after an extension.

    - `added`: what came into it; `replaced`: what was overwritten.
    - `conflicts`: what stands there otherwise and was left as it is.
    """

    text: str
    added: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


def merged(
    existing: str,
    wanted: str,
    *,
    overwrite: bool = False,
    module: str = "",
    path: str = "the module",
    first_party: frozenset[str] = frozenset(),
    line_length: int = 88,
) -> Merged:
    if existing.strip() and existing != wanted:
        raise UsageError("not built yet")
    return Merged(wanted)
