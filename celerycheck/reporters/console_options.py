"""What a reader may choose about the console report."""

from __future__ import annotations

from dataclasses import dataclass

from celerycheck.findings import Severity
from celerycheck.reporters.page import Look


@dataclass(frozen=True)
class Options(Look):
    """How the console report looks and what it shows.

    - `show`: the severities whose findings are listed; the others are counted.
    - `waived`: whether waived findings are listed with their reasons.
    - `tracebacks`: whether a crashed check's traceback is shown.
    - `fold`: from how many on the subjects of one problem, or the problems of one check, are folded;
      None lists them all.
    """

    show: frozenset[Severity] = frozenset({Severity.ERROR, Severity.WARNING})
    waived: bool = False
    tracebacks: bool = False
    fold: int | None = 8
