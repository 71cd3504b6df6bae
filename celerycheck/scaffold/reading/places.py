"""A module that is to be written: its name and its file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A module: its dotted name (`billing.services`), its path from the root (`billing/services.py`)."""

    module: str
    path: str
