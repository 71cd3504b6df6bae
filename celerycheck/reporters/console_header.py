"""The head of the console report: what was looked at, and how much of it could be seen."""

from __future__ import annotations

from celerycheck import __version__
from celerycheck.findings import Report, SourceSummary
from celerycheck.reporters.console_words import counted, folded, remark
from celerycheck.reporters.harmless import name, visible
from celerycheck.reporters.page import Page, Piece
from celerycheck.subjects import App

UNSEEN = "not at running workers or their command lines (-P, -Q, -c, --time-limit)"

NAMED = 3
"""How many files that could not be read are named."""


def write_header(page: Page, report: Report) -> None:
    """The app, its versions and sizes, and loudly what of it could not be loaded."""
    app = report.app
    dot = f" {page.signs.dot} "
    page.paragraph([("celerycheck", "bold"), f" {__version__}{dot}", *_app_name(app)], wide=True)
    python = f" on Python {visible(app.python)}" if app.python else ""
    page.paragraph([f"Celery {visible(app.celery)}{python}{dot}{_broker(app)}{dot}{_results(app)}"])
    page.paragraph([_sizes(app)])
    _write_evidence(page, report)
    if app.partial is not None:
        _write_partial(page, app.partial)
    _write_unreadable(page, report.source)
    loading = [(note.text, note.location) for note in app.notes]
    loading += [(n.message, n.location) for n in report.notices if n.kind == "load"]
    for text, location in dict.fromkeys(loading):  # the runner makes notices of the notes
        remark(page, text, location)


def _app_name(app: App) -> list[Piece]:
    target = visible(app.target or app.name)
    found = visible(f"{app.module}:{app.attribute}") if app.module and app.attribute else ""
    aside = f" ({found})" if found and found != target else ""
    return [(target, "bold"), (aside, "dim")]


def _broker(app: App) -> str:
    broken = " (its transport cannot be loaded)" if app.broker.transport_error else ""
    return f"broker {visible(app.broker.scheme or app.broker.transport)}{broken}"


def _results(app: App) -> str:
    if app.backend.scheme is None:
        return "results disabled"
    broken = " (it cannot be loaded)" if app.backend.error else ""
    return f"results {visible(app.backend.scheme)}{broken}"


def _sizes(app: App) -> str:
    sizes = [
        counted(len(app.tasks), "task"),
        counted(len(app.queues), "queue"),
        counted(len(app.schedule), "schedule entry", "schedule entries"),
    ]
    if app.third_party:
        sizes[0] += f" (+ {len(app.third_party)} third-party, not audited)"
    return ", ".join(sizes)


def _write_evidence(page: Page, report: Report) -> None:
    """What was looked at, and what such an audit cannot see."""
    if report.evidence:
        seen = visible(", ".join(report.evidence))
        unseen = "" if "workers" in report.evidence else f"; {UNSEEN}"
        page.paragraph([(f"looked at {seen}{unseen}", "dim")], wide=True)
    scheduler = report.app.scheduler
    if not scheduler.startswith(("celery.beat:", "celery.beat.")):
        page.paragraph([(f"the entries that {visible(scheduler)} keeps elsewhere were not looked at", "dim")])


def _write_unreadable(page: Page, source: SourceSummary | None) -> None:
    """The files that nothing is said about, because they are no Python that can be read."""
    if source is None or not source.unreadable:
        return
    shown, hidden = folded(source.unreadable, NAMED)
    names = "; ".join(f"{name(file.path)} ({visible(file.reason)})" for file in shown)
    rest = f"; {hidden} more" if hidden else ""
    count = counted(len(source.unreadable), "file")
    page.paragraph(
        [(f"{count} could not be read: {names}{rest}", "dim")],
        lead=[(f"{page.signs.info} ", "dim")],
        wide=True,
    )


def _write_partial(page: Page, reason: str) -> None:
    page.blank()
    page.paragraph(
        [("Only part of the app could be loaded: ", "bold red"), visible(reason, lines=True)],
        lead=[(f"{page.signs.error} ", "bold red")],
    )
    page.paragraph(["What needs every task is skipped; what could not be loaded was not looked at."], 2)
