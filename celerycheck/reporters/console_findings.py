"""The findings in the console report: by section and check, equal ones told once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import groupby

from celerycheck.findings import Finding, Report
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_words import folded, place, sign, subject
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Page, Piece

ALIKE = 4
"""How many problems of a check are shown that differ only in their numbers."""

SPREAD = 3
"""How many subjects each problem of a check lists at least, where a check has several."""


def write_findings(page: Page, report: Report, options: Options) -> None:
    """Every finding of a severity that is shown, in the checklist's order, the worst first."""
    shown = [finding for finding in report.findings if finding.severity in options.show]
    rank = _ranks(report)
    shown.sort(key=lambda f: (rank.get(f"section {f.section}", len(rank)), f.section))
    for section, in_section in groupby(shown, key=lambda f: f.section):
        page.heading(visible(section))
        by_check = sorted(in_section, key=lambda f: (-f.severity, rank.get(f.check, len(rank)), f.check))
        for number, (_, findings) in enumerate(groupby(by_check, key=lambda f: (f.severity, f.check))):
            if number:
                page.blank()
            _write_check(page, sorted(findings, key=_where), options)


def write_waived(page: Page, report: Report) -> None:
    """The waived findings with the reasons somebody gave."""
    if not report.waived:
        return
    page.heading("Waived", "known, and accepted by somebody")
    waived = sorted(report.waived, key=lambda f: (f.check, f.reason or "", *_where(f)))
    for (check, reason), findings in groupby(waived, key=lambda f: (f.check, f.reason)):
        page.paragraph([(visible(check), "bold"), f": {visible(reason or 'no reason given', lines=True)}"], 2)
        page.rows([(subject(finding), place(finding.location)) for finding in findings], 4)


def first_check(report: Report) -> str | None:
    """The check to begin with: the first in the checklist's order among those of the worst severity."""
    rank = _ranks(report)

    def order(finding: Finding) -> tuple[int, int, int]:
        section = rank.get(f"section {finding.section}", len(rank))
        return -finding.severity, section, rank.get(finding.check, len(rank))

    first = min(report.findings, key=order, default=None)
    return first.check if first else None


def _ranks(report: Report) -> dict[str, int]:
    """The place of each section and each item in the checklist."""
    ranks: dict[str, int] = {}
    for number, outcome in enumerate(report.outcomes):
        ranks.setdefault(f"section {outcome.section}", number)
        ranks.setdefault(outcome.id, number)
    return ranks


def _where(finding: Finding) -> tuple[str, int, str, str, str]:
    location = finding.location
    path, line = (location.path, location.line or 0) if location else ("", 0)
    return path, line, finding.subject, finding.message, finding.fix


def _write_check(page: Page, findings: Sequence[Finding], options: Options) -> None:
    """One check's findings of one severity: its name, each problem once, and what explains it."""
    first = findings[0]
    many = f" ({len(findings)})" if len(findings) > 1 else ""
    mark, style = sign(first.severity, page.signs)
    head: list[Piece] = [(visible(first.check), style), (many, "dim"), f"  {visible(first.title)}"]
    page.paragraph(head, 2, lead=[(f"{mark} ", style)])
    by_message: dict[str, list[Finding]] = {}
    for finding in findings:
        by_message.setdefault(finding.message, []).append(finding)
    entries = list(by_message.values())
    one_fix = len({finding.fix for finding in findings}) == 1
    shown = entries if options.fold is None else _examples(entries, options.fold)
    limit = None if options.fold is None else max(SPREAD, options.fold // len(entries))
    for entry in shown:
        _write_entry(page, entry, limit, own_fix=not one_fix, alone=len(shown) == 1)
    _write_more(page, len(findings) - sum(map(len, shown)), 4)
    if one_fix:
        _write_fix(page, first.fix, 4)
    page.paragraph([(f"celerycheck explain {visible(first.check)}", "dim")], 4, wide=True)


def _examples(entries: Sequence[list[Finding]], limit: int) -> Sequence[list[Finding]]:
    """Up to `limit` entries, fewer of those that differ in nothing but numbers."""
    shapes: Counter[str] = Counter()
    chosen: list[list[Finding]] = []
    for entry in entries:
        shape = re.sub(r"\d+(?:\.\d+)?", "#", entry[0].message)
        shapes[shape] += 1
        if len(chosen) < limit and shapes[shape] <= ALIKE:
            chosen.append(entry)
    return chosen if len(chosen) < len(entries) - 1 else entries


def _write_entry(
    page: Page, findings: Sequence[Finding], limit: int | None, *, own_fix: bool, alone: bool
) -> None:
    """One problem: its subject and message, or its message and the list of its subjects."""
    message = visible(findings[0].message, lines=True)
    if len(findings) == 1:
        page.rows([_row(findings[0])], 4)
        page.paragraph([message], 4 if alone else 6)
    else:
        page.paragraph([message], 4)
        _write_subjects(page, findings, limit, own_fix=own_fix)
    if own_fix and len({finding.fix for finding in findings}) == 1:
        _write_fix(page, findings[0].fix, 4 if alone else 6)


def _write_subjects(page: Page, findings: Sequence[Finding], limit: int | None, *, own_fix: bool) -> None:
    shown, hidden = folded(findings, limit)
    if own_fix and len({finding.fix for finding in findings}) > 1:
        for finding in shown:
            page.rows([_row(finding)], 6)
            _write_fix(page, finding.fix, 8)
    else:
        page.rows([_row(finding) for finding in shown], 6)
    _write_more(page, hidden, 6)


def _row(finding: Finding) -> tuple[list[Piece], list[Piece]]:
    return subject(finding), place(finding.location)


def _write_more(page: Page, hidden: int, indent: int) -> None:
    if hidden:
        page.paragraph([(f"{page.signs.more} and {hidden} more (--format json lists all)", "dim")], indent)


def _write_fix(page: Page, fix: str, indent: int) -> None:
    if fix:
        page.paragraph([visible(fix, lines=True)], indent, lead=[f"{page.signs.fix} "])
