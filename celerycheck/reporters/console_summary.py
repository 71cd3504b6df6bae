"""The end of the console report: the checklist in numbers, what went wrong, what to do next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence

from celerycheck.findings import Notice, Outcome, Report, Severity, Status
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_plan import first_check
from celerycheck.reporters.console_words import COLOURS, NOUNS, counted, folded, remark, sign
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Page, Piece

COLUMNS: tuple[Status, ...] = ("passed", "failed", "skipped", "unanswered", "crashed")
NAMED = 6
"""How many skipped items are named for each reason."""

ALWAYS: tuple[Status, ...] = ("passed", "failed", "skipped")


def write_notices(page: Page, report: Report) -> None:
    """What is stale about the waivers, suppressions and answers themselves."""
    notices = [notice for notice in report.notices if notice.kind != "load"]
    if not notices:
        return
    page.heading("About the audit")
    for notice in sorted(notices, key=_order):
        remark(page, notice.message, notice.location, 2)


def _order(notice: Notice) -> tuple[str, str, int, str]:
    where = notice.location
    return notice.kind, where.path if where else "", (where and where.line) or 0, notice.message


def write_crashes(page: Page, report: Report, options: Options) -> None:
    """The checks that crashed: loudly, because what they look at is not known."""
    crashed = [outcome for outcome in report.outcomes if outcome.status == "crashed"]
    if not crashed:
        return
    head = (f"{counted(len(crashed), 'check')} crashed", "bold red")
    mark, style = sign(Severity.ERROR, page.signs)
    page.blank()
    page.paragraph([head, ": a fault of celerycheck's, not of the app's"], lead=[(f"{mark} ", style)])
    for outcome in crashed:
        reason = visible(outcome.reason or "no reason given", lines=True)
        page.paragraph([(visible(outcome.id), "bold"), f"  {reason}"], 2)
        if options.tracebacks and outcome.traceback:
            page.paragraph([(visible(outcome.traceback.rstrip(), lines=True), "dim")], 4, wide=True)


def write_summary(page: Page, report: Report) -> None:
    """How many items of each section passed, failed, were skipped, are unanswered or crashed."""
    judged = [outcome for outcome in report.outcomes if not outcome.left_out]
    if not judged:
        return
    total = Counter(outcome.status for outcome in judged)
    columns = [status for status in COLUMNS if status in ALWAYS or total[status]]
    rows: list[tuple[Sequence[Piece], Sequence[Piece]]] = []
    rows.append(([("Checklist", "bold")], [(column, "dim") for column in columns]))
    for section in dict.fromkeys(outcome.section for outcome in judged):
        outcomes = [outcome for outcome in judged if outcome.section == section]
        rows.append(([f"  {visible(section)}"], _numbers(page, outcomes, columns)))
    rows.append(([("  In all", "bold")], _numbers(page, judged, columns)))
    page.blank()
    page.table(rows)


def _numbers(page: Page, outcomes: Sequence[Outcome], columns: Sequence[Status]) -> list[Piece]:
    count = Counter(outcome.status for outcome in outcomes)
    worst = max((outcome.severity for outcome in outcomes if outcome.status == "failed"), default=None)
    styles = {"failed": COLOURS[worst] if worst else "", "crashed": "red"}
    return [
        (str(count[column]), styles.get(column, "")) if count[column] else (page.signs.none, "dim")
        for column in columns
    ]


def write_skipped(page: Page, report: Report) -> None:
    """Why items were skipped, the commonest reason first, with the items it stopped."""
    reasons: dict[str, list[str]] = {}
    left_out = Counter(outcome.reason or "" for outcome in report.outcomes if outcome.left_out)
    for outcome in report.outcomes:
        if outcome.status == "skipped" and not outcome.left_out:
            reasons.setdefault(outcome.reason or "no reason given", []).append(outcome.id)
    if not reasons and not left_out:
        return
    page.heading("Skipped", "neither passed nor failed")
    for reason, ids in sorted(reasons.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        shown, hidden = folded(ids, NAMED)
        rest = f" {page.signs.more} and {hidden} more" if hidden else ""
        page.paragraph([f"{len(ids)}  {visible(reason, lines=True)}"], 2)
        page.paragraph([(", ".join(map(visible, shown)) + rest, "dim")], 5)
    for reason, number in left_out.items():
        page.paragraph([f"{number}  {reason}"], 2)


def write_ending(page: Page, report: Report, options: Options) -> None:
    """The result in one line, how to see what is hidden, and what to do next."""
    result: list[Piece] = []
    hidden: list[str] = []
    for severity in sorted(Severity, reverse=True):
        if number := report.count(severity):
            shown = severity in options.show
            result.append((counted(number, NOUNS[severity]), f"bold {COLOURS[severity]}" if shown else ""))
            hidden += [] if shown else [f"--show {severity.label} lists the {NOUNS[severity]}s"]
    result = result or [("no findings", "bold")]
    if report.waived:
        result.append(f"{len(report.waived)} waived")
        hidden += [] if options.waived else ["--show waived lists what was waived"]
    if report.exit_code:
        result.append(f"exit code {report.exit_code}")
    page.blank()
    page.paragraph([piece for part in result for piece in (f" {page.signs.dot} ", part)][1:])
    if hidden:
        page.paragraph([(", ".join(hidden), "dim")])
    for step in _steps(report, options):
        page.paragraph([step], lead=[f"{page.signs.fix} "])


def _steps(report: Report, options: Options) -> Iterator[str]:
    """What to do next, for this very report; the most pressing first."""
    statuses = report.statuses()
    worst = max((finding.severity for finding in report.findings), default=None)
    if statuses["crashed"]:
        hint = "" if options.tracebacks else "; run it again with --debug, and report what it shows"
        yield f"this audit is incomplete, because a check crashed{hint}"
    if report.app.partial is not None:
        yield "mend what could not be loaded first, then audit again: it may hide more"
    elif not report.app.tasks:
        yield "no task of the project's own is registered: is this the app that its workers run?"
    if worst is None:
        checked = " in what could be looked at" if statuses["skipped"] or statuses["crashed"] else ""
        yield f"nothing to mend{checked}"
    elif worst > Severity.INFO:
        yield f"begin with: celerycheck explain {visible(first_check(report) or '')}"
    else:
        yield "nothing has to be mended; the notes say what could be better"
    if statuses["unanswered"]:
        questions = counted(statuses["unanswered"], "question")
        target = f" {shlex.quote(visible(report.app.target))}" if report.app.target else ""
        yield f"{questions} only people can answer: celerycheck audit{target} --interactive"
