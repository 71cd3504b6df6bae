"""The schedule in the console report: what beat sends, and when next."""

from __future__ import annotations

from datetime import datetime, timedelta

from celerycheck.findings import Report, Severity
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_words import folded, sign
from celerycheck.reporters.harmless import name, visible
from celerycheck.reporters.page import Page, Piece, cells
from celerycheck.subjects import ScheduleEntry

LONGEST = 20
"""How many entries are listed; the next ones to run come first."""

TEXT_COLUMN = 24
"""Schedules up to this wide stand in a column of their own."""


def write_schedule(page: Page, report: Report, options: Options, now: datetime) -> None:
    """The schedule's entries, the next to run first, the ones beat cannot use last."""
    entries = report.app.schedule
    if not entries:
        return
    page.heading("Next runs")
    worst = _worst(report, options)
    usable = [entry for entry in entries if entry.kind != "malformed"]
    shown, hidden = folded(sorted(usable, key=_when), LONGEST)
    texts = [visible(entry.text or entry.kind) for entry in shown]
    column = max((cells(text) for text in texts if cells(text) <= TEXT_COLUMN), default=0)
    rows: list[tuple[list[Piece], list[Piece]]] = []
    leads: list[Piece] = []
    for entry, text in zip(shown, texts, strict=True):
        gap = " " * max(column - cells(text), 0)
        rows.append(([(name(entry.name), "bold")], [text, gap, "  ", _next(entry, now)]))
        mark, style = sign(worst[entry.name], page.signs) if entry.name in worst else (" ", "")
        leads.append((f"{mark} ", style))
    page.rows(rows, 2, leads)
    if hidden:
        page.paragraph([(f"{page.signs.more} and {hidden} more (--format json lists all)", "dim")], 4)
    for entry in sorted(entries, key=lambda entry: entry.name):
        if entry.kind == "malformed":
            text = f"  beat cannot use it: {visible(entry.error or 'malformed', lines=True)}"
            mark, style = sign(Severity.ERROR, page.signs)
            page.paragraph([(name(entry.name), "bold"), text], 2, lead=[(f"{mark} ", style)])


def _when(entry: ScheduleEntry) -> tuple[bool, float, str]:
    run = _parsed(entry)
    return not entry.due, run.timestamp() if run else float("inf"), entry.name


def _parsed(entry: ScheduleEntry) -> datetime | None:
    """The next run; None where it is not known. Python 3.10 reads no `Z`."""
    try:
        run = datetime.fromisoformat((entry.next_run or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return run if run.tzinfo else run.astimezone()


def _next(entry: ScheduleEntry, now: datetime) -> Piece:
    if entry.due:
        return "due when beat starts"
    run = _parsed(entry)
    return ("next run not known", "dim") if run is None else until(run - now)


def _worst(report: Report, options: Options) -> dict[str, Severity]:
    """The worst that the report shows about each entry."""
    worst: dict[str, Severity] = {}
    for finding in report.findings:
        if finding.subject_kind == "schedule" and finding.severity in options.show:
            worst[finding.subject] = max(finding.severity, worst.get(finding.subject, finding.severity))
    return worst


def until(gap: timedelta) -> str:
    """`in 9 h 12 min`: the two largest units; `in 40 s`, `now`, `2 h 5 min ago`."""
    seconds = round(gap.total_seconds())
    left = abs(seconds)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    parts: list[str] = []
    for position, (unit, size) in enumerate(units):
        if left >= size:
            second = position + 1 < len(units) and units[position + 1]
            parts.append(f"{left // size} {unit}")
            if second and (rest := left % size // second[1]):
                parts.append(f"{rest} {second[0]}")
            break
    if not parts:
        return "now"
    return f"in {' '.join(parts)}" if seconds > 0 else f"{' '.join(parts)} ago"
