"""An entry added to a dict setting."""

from __future__ import annotations

from celerycheck.errors import UsageError
from celerycheck.scaffold.merge import Merged
from celerycheck.scaffold.pieces import Entry, Piece


class CannotExtend(UsageError):
    """A file that is not written so that it could be extended; `reason` says why, `piece` what was wanted."""

    def __init__(self, reason: str, piece: Piece | None = None) -> None:
        super().__init__(reason, "Add it by hand.")
        self.reason = reason
        self.piece = piece


def added(
    existing: str,
    entry: Entry,
    *,
    overwrite: bool = False,
    first_party: frozenset[str] = frozenset(),
    line_length: int = 88,
) -> Merged:
    raise CannotExtend("not built yet", entry)
