"""What `celerycheck checklist` prints: the effective checklist, section by section."""

from __future__ import annotations

from collections import Counter
from typing import TextIO

from celerycheck.checklist import Checklist, Item
from celerycheck.findings import Severity
from celerycheck.reporters.console_words import counted, sign
from celerycheck.reporters.explain import effective
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Look, Page, Piece, cells

ID_COLUMN = 28
"""Ids up to this wide have their title beside them, longer ones below."""


def write(checklist: Checklist, out: TextIO, look: Look | None = None) -> None:
    """Every item with its severity, options and waivers; those switched off are marked."""
    page = Page(out, look or Look())
    _write_header(page, checklist)
    sizes = [cells(item.id) for item in checklist.items if cells(item.id) <= ID_COLUMN]
    column = max(sizes, default=ID_COLUMN)
    for section in checklist.sections:
        items = [item for item in checklist.items if item.section == section]
        if items:
            page.heading(visible(section))
        for item in items:
            _write_item(page, item, column)
    page.blank()
    page.paragraph([(f"{page.signs.fix} celerycheck explain ID says why, and what to do", "dim")])


def _write_header(page: Page, checklist: Checklist) -> None:
    kinds = Counter(item.kind for item in checklist.items)
    off = sum(not item.enabled for item in checklist.items)
    parts = [
        counted(kinds["check"], "check"),
        counted(kinds["require"], "house rule"),
        counted(kinds["ask"], "question"),
    ]
    source = "as shipped" if checklist.path is None else visible(str(checklist.path))
    page.paragraph([("Checklist", "bold"), f" {page.signs.dot} {source}"], wide=True)
    page.paragraph([", ".join(parts), f" {page.signs.dot} {off} switched off" if off else ""])
    legend: list[Piece] = []
    for severity in sorted(Severity, reverse=True):
        mark, style = sign(severity, page.signs)
        legend += [(mark, style), (f" {severity.label}  ", "dim")]
    page.paragraph(legend)


def _write_item(page: Page, item: Item, column: int) -> None:
    mark, style = sign(item.severity, page.signs)
    lead: list[Piece] = [(mark, style) if item.enabled else " ", " "]
    id_: Piece = (visible(item.id), "bold" if item.enabled else "dim")
    title: Piece = (visible(item.title, lines=True), "" if item.enabled else "dim")
    note: Piece = ("" if item.enabled else "switched off: ", "dim")
    if cells(item.id) <= column:
        page.paragraph([note, title], 2, [*lead, id_, " " * (column - cells(item.id) + 2)])
    else:
        page.paragraph([id_], 2, lead, wide=True)
        page.paragraph([note, title], column + 6)
    for option in item.check.options.values() if item.check else ():
        page.paragraph([(effective(option, item), "dim")], column + 6)
    for waiver in item.waivers:
        reason = f" waived: {visible(waiver.reason, lines=True)}"
        page.paragraph([(visible(waiver.pattern), "bold"), reason], column + 6)
