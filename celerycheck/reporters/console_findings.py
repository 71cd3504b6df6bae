"""The findings in the console report: by section and check, equal ones told once."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from celerycheck.findings import Excerpt, Finding, Report
from celerycheck.reporters.console_code import write_excerpt, write_trace
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_plan import Entry, Told, plan, where
from celerycheck.reporters.console_words import place, sign, subject
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Page, Piece
from celerycheck.subjects import Location


def write_findings(page: Page, report: Report, options: Options) -> None:
    """Every finding of a severity that is shown, in the checklist's order, the worst first."""
    for section, checks in plan(report, options):
        page.heading(visible(section))
        for number, told in enumerate(checks):
            if number:
                page.blank()
            _Check(page, told, report.excerpts).write()


def write_waived(page: Page, report: Report) -> None:
    """The waived findings with the reasons somebody gave."""
    if not report.waived:
        return
    page.heading("Waived", "known, and accepted by somebody")
    waived = sorted(report.waived, key=lambda f: (f.check, f.reason or "", *where(f)))
    for (check, reason), findings in groupby(waived, key=lambda f: (f.check, f.reason)):
        page.paragraph([(visible(check), "bold"), f": {visible(reason or 'no reason given', lines=True)}"], 2)
        page.rows([(subject(finding), place(finding.location)) for finding in findings], 4)


class _Check:
    """Writes one check's findings of one severity: its name, each problem once, and what explains it."""

    def __init__(self, page: Page, told: Told, excerpts: Mapping[Location, Excerpt]) -> None:
        self.page = page
        self.told = told
        self._unseen = dict(excerpts)
        self._open = False  # whether code was written last, which needs some air below it
        self.alone = len(told.entries) == 1

    def write(self) -> None:
        page, told = self.page, self.told
        first = told.findings[0]
        many = f" ({len(told.findings)})" if len(told.findings) > 1 else ""
        mark, style = sign(first.severity, page.signs)
        head: list[Piece] = [(visible(first.check), style), (many, "dim"), f"  {visible(first.title)}"]
        page.paragraph(head, 2, lead=[(f"{mark} ", style)])
        for entry in told.entries:
            if self._open:
                page.blank()
            self._open = False
            self._write_entry(entry)
        _write_more(page, told.hidden, 4)
        if told.one_fix:
            _write_fix(page, first.fix, 4)
        page.paragraph([(f"celerycheck explain {visible(first.check)}", "dim")], 4, wide=True)

    def _write_entry(self, entry: Entry) -> None:
        """One problem: its subject and message, or its message and the list of its subjects."""
        page, first = self.page, entry.shown[0]
        message = visible(first.message, lines=True)
        indent = 4 if self.alone else 6
        if len(entry.shown) == 1:
            page.rows([_row(first)], 4)
            page.paragraph([message], indent)
            self._write_code(first, indent)
        else:
            page.paragraph([message], 4)
            self._write_subjects(entry)
        if entry.one_fix and not self.told.one_fix:
            _write_fix(page, first.fix, indent)

    def _write_subjects(self, entry: Entry) -> None:
        """Those that have nothing of their own to say stand in one table."""
        for own, findings in groupby(entry.shown, key=lambda f: not entry.one_fix or f in self.told.detailed):
            if not own:
                self.page.rows([_row(finding) for finding in findings], 6)
                continue
            for finding in findings:
                self.page.rows([_row(finding)], 6)
                self._write_code(finding, 8)
                if not entry.one_fix:
                    _write_fix(self.page, finding.fix, 8)
        _write_more(self.page, entry.hidden, 6)

    def _write_code(self, finding: Finding, indent: int) -> None:
        """The calls that lead to a finding and the lines it is about, the same lines once."""
        if finding not in self.told.detailed:
            return
        self._open = True
        write_trace(self.page, finding.trace, indent)
        if finding.location is not None and finding.location in self._unseen:
            write_excerpt(self.page, self._unseen.pop(finding.location), finding.severity, indent)


def _row(finding: Finding) -> tuple[list[Piece], list[Piece]]:
    return subject(finding), place(finding.location)


def _write_more(page: Page, hidden: int, indent: int) -> None:
    if hidden:
        page.paragraph([(f"{page.signs.more} and {hidden} more (--format json lists all)", "dim")], indent)


def _write_fix(page: Page, fix: str, indent: int) -> None:
    if fix:
        page.paragraph([visible(fix, lines=True)], indent, lead=[f"{page.signs.fix} "])
