"""A module made known to the workers."""

from __future__ import annotations

from celerycheck.scaffold.entries import CannotExtend
from celerycheck.scaffold.merge import Merged
from celerycheck.scaffold.pieces import Loaded


def added(existing: str, loaded: Loaded, *, line_length: int = 88) -> Merged:
    raise CannotExtend("not built yet", loaded)
