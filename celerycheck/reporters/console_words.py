"""The small words and marks that every part of the console report shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from celerycheck.findings import Finding, Severity
from celerycheck.reporters.harmless import name, visible
from celerycheck.reporters.page import Page, Piece, Signs
from celerycheck.subjects import Location

T = TypeVar("T")

COLOURS = {Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.INFO: "cyan"}
NOUNS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
KINDS = {"task": "", "call": "call of", "schedule": "schedule entry"}


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 task`, `12 tasks`, `no tasks`."""
    return f"{number or 'no'} {noun if number == 1 else plural or noun + 's'}"


def sign(severity: Severity, signs: Signs) -> tuple[str, str]:
    """The mark of a severity, in its colour."""
    mark = {Severity.ERROR: signs.error, Severity.WARNING: signs.warning, Severity.INFO: signs.info}
    return mark[severity], f"bold {COLOURS[severity]}"


def place(location: Location | None) -> list[Piece]:
    """`shop/tasks.py:12`, dim; nothing where there is no place."""
    if location is None:
        return []
    line = "" if location.line is None else f":{location.line}"
    return [(name(location.path) + line, "dim")]


def remark(page: Page, text: str, location: Location | None, indent: int = 0) -> None:
    """A sentence about the audit, and its place."""
    pieces = [visible(text, lines=True), "  ", *place(location)]
    page.paragraph(pieces, indent, lead=[(f"{page.signs.info} ", "dim")], wide=True)


def subject(finding: Finding) -> list[Piece]:
    """The subject's name in bold, behind the word for what it is unless it is a task."""
    kind = KINDS.get(finding.subject_kind, visible(finding.subject_kind))
    return [(f"{kind} " if kind else "", "dim"), (name(finding.subject), "bold")]


def folded(items: Sequence[T], limit: int | None) -> tuple[Sequence[T], int]:
    """The first `limit` items and how many are left; one more is shown rather than counted."""
    if limit is None or len(items) <= limit + 1:
        return items, 0
    return items[:limit], len(items) - limit
