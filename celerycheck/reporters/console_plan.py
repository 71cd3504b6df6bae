"""What of the findings the console report shows: their order, the examples, and whose code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from celerycheck.findings import Finding, Report
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_words import folded
from celerycheck.subjects import Location

ALIKE = 4
"""How many problems of a check are shown that differ only in their numbers."""

SPREAD = 3
"""How many subjects each problem of a check lists at least, where a check has several."""

EXCERPTS = 3
"""In how many places the code is shown, where a check flags more of them."""


@dataclass(frozen=True)
class Entry:
    """One problem: the findings of equal message that are shown, and how many are not.

    `one_fix`: whether all of them are mended alike.
    """

    shown: Sequence[Finding]
    hidden: int
    one_fix: bool


@dataclass(frozen=True)
class Told:
    """One check's findings of one severity, as they are told.

    - `findings`: all of them, `hidden` of which belong to problems that are not shown.
    - `entries`: the problems that are shown.
    - `detailed`: the findings that are shown with their code and the calls that lead there.
    """

    findings: Sequence[Finding]
    entries: Sequence[Entry]
    hidden: int
    detailed: frozenset[Finding]

    @property
    def one_fix(self) -> bool:
        return _one_fix(self.findings)


def plan(report: Report, options: Options) -> Iterator[tuple[str, Iterator[Told]]]:
    """Every finding of a severity that is shown, by section in the checklist's order, the worst first."""
    shown = [finding for finding in report.findings if finding.severity in options.show]
    rank = _ranks(report)
    shown.sort(key=lambda f: (rank.get(f"section {f.section}", len(rank)), f.section))
    for section, in_section in groupby(shown, key=lambda f: f.section):
        by_check = sorted(in_section, key=lambda f: (-f.severity, rank.get(f.check, len(rank)), f.check))
        groups = groupby(by_check, key=lambda f: (f.severity, f.check))
        yield section, (_told(sorted(findings, key=where), options.fold) for _, findings in groups)


def pointed_at(report: Report, options: Options) -> Iterator[Location]:
    """The pieces of code that this report would show, if it had excerpts of them."""
    for _, checks in plan(report, options):
        for told in checks:
            for finding in told.detailed:
                if finding.location is not None and finding.location.end_line is not None:
                    yield finding.location


def first_check(report: Report) -> str | None:
    """The check to begin with: the first in the checklist's order among those of the worst severity."""
    rank = _ranks(report)

    def order(finding: Finding) -> tuple[int, int, int]:
        section = rank.get(f"section {finding.section}", len(rank))
        return -finding.severity, section, rank.get(finding.check, len(rank))

    first = min(report.findings, key=order, default=None)
    return first.check if first else None


def where(finding: Finding) -> tuple[str, int, str, str, str]:
    """Sorts findings by their place."""
    location = finding.location
    path, line = (location.path, location.line or 0) if location else ("", 0)
    return path, line, finding.subject, finding.message, finding.fix


def _ranks(report: Report) -> dict[str, int]:
    """The place of each section and each item in the checklist."""
    ranks: dict[str, int] = {}
    for number, outcome in enumerate(report.outcomes):
        ranks.setdefault(f"section {outcome.section}", number)
        ranks.setdefault(outcome.id, number)
    return ranks


def _told(findings: Sequence[Finding], fold: int | None) -> Told:
    by_message: dict[str, list[Finding]] = {}
    for finding in findings:
        by_message.setdefault(finding.message, []).append(finding)
    problems = list(by_message.values())
    shown = problems if fold is None else _examples(problems, fold)
    limit = None if fold is None else max(SPREAD, fold // len(problems))
    entries = [Entry(*folded(problem, limit), _one_fix(problem)) for problem in shown]
    detailed = _detailed(entries, None if fold is None else EXCERPTS)
    return Told(findings, entries, len(findings) - sum(map(len, shown)), detailed)


def _examples(problems: Sequence[list[Finding]], limit: int) -> Sequence[list[Finding]]:
    """Up to `limit` problems, fewer of those that differ in nothing but numbers."""
    shapes: Counter[str] = Counter()
    chosen: list[list[Finding]] = []
    for problem in problems:
        shape = re.sub(r"\d+(?:\.\d+)?", "#", problem[0].message)
        shapes[shape] += 1
        if len(chosen) < limit and shapes[shape] <= ALIKE:
            chosen.append(problem)
    return chosen if len(chosen) < len(problems) - 1 else problems


def _detailed(entries: Sequence[Entry], limit: int | None) -> frozenset[Finding]:
    """The findings in code at the first few places, the first of every problem before the second of any."""
    in_turn = zip_longest(*(entry.shown for entry in entries))
    in_code = [f for turn in in_turn for f in turn if f is not None and _in_code(f)]
    places, _ = folded(list(dict.fromkeys(finding.location for finding in in_code)), limit)
    return frozenset(finding for finding in in_code if finding.location in places)


def _one_fix(findings: Sequence[Finding]) -> bool:
    return len({finding.fix for finding in findings}) == 1


def _in_code(finding: Finding) -> bool:
    return bool(finding.trace) or (finding.location is not None and finding.location.end_line is not None)
