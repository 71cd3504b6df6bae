"""What `celerycheck explain CHECK` prints: one item of the checklist, or one check, in full."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TextIO

from celerycheck.checklist import Item
from celerycheck.registry import Check, Option
from celerycheck.reporters.console_words import COLOURS, sign
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Look, Page, Piece
from celerycheck.source.evidence import CallSite, SourceCode, TaskBody, Workflow
from celerycheck.subjects import App, QueueInfo, RouteInfo, ScheduleEntry, Settings, TaskInfo

SUBJECTS: Mapping[type, str] = {
    App: "the whole app",
    Settings: "the settings",
    TaskInfo: "each task",
    ScheduleEntry: "each schedule entry",
    RouteInfo: "each route",
    QueueInfo: "each queue",
    TaskBody: "the code of each task",
    CallSite: "each place that calls a task",
    Workflow: "each chain, group and chord",
    SourceCode: "the code of the whole project",
}
TYPES: Mapping[object, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple[str, ...]: "a list of texts",
}


def write(about: Item | Check[object], out: TextIO, look: Look | None = None) -> None:
    """Explain an item of the effective checklist, or a check that is not in it."""
    page = Page(out, look or Look())
    item, check = (about, about.check) if isinstance(about, Item) else (None, about)
    title, why, fix = about.title, about.why, about.fix
    style = f"bold {COLOURS[item.severity]}" if item else "bold"
    page.paragraph([(visible(about.id), style)])
    page.paragraph([(visible(title), "bold")])
    page.paragraph(_facts(page, item, check))
    _write_part(page, "Why", why)
    _write_part(page, "Fix", fix)
    if check is not None and check.options:
        _write_options(page, check, item)
    if item is not None and item.waivers:
        page.heading("Waived")
        for waiver in item.waivers:
            page.paragraph([(visible(waiver.pattern), "bold"), f": {visible(waiver.reason, lines=True)}"], 2)
    if item is None or item.kind != "ask":
        comment = f"# celerycheck: ignore[{visible(about.id)}] why it is right here"
        _write_part(page, "To accept it in one place", comment)
    if check is not None and check.reference:
        _write_reference(page, check.reference)


def _facts(page: Page, item: Item | None, check: Check[object] | None) -> list[Piece]:
    """Severity, section and what it looks at, in one line."""
    facts: list[Piece] = []
    if item is None:
        facts.append("not in the checklist")
    else:
        mark, style = sign(item.severity, page.signs)
        facts.append((f"{mark} {item.severity.label}", style))
        facts.append(visible(item.section))
    if check is not None:
        facts.append(f"looks at {SUBJECTS[check.subject]}")
        if check.since:
            facts.append(f"needs {visible(check.since)}")
    elif item is not None:
        facts.append("a question that a person answers" if item.kind == "ask" else "a rule of the checklist")
    if item is not None and not item.enabled:
        facts.append("switched off")
    dot = (f" {page.signs.dot} ", "dim")
    return [piece for fact in facts for piece in (dot, fact)][1:]


def _write_part(page: Page, title: str, text: str) -> None:
    if text:
        page.heading(title)
        page.paragraph([visible(text, lines=True)], 2)


def _write_reference(page: Page, reference: str) -> None:
    if not all("://" in word for word in reference.split()):
        _write_part(page, "Reference", reference)
        return
    page.heading("Reference")
    for address in reference.split():
        page.verbatim(visible(address), 2)


def _write_options(page: Page, check: Check[object], item: Item | None) -> None:
    page.heading("Options", "under `with:` in the checklist")
    for option in check.options.values():
        words = f"  {TYPES[option.type]}, {shown(option.default)} unless set"
        value = item.options.get(option.name, option.default) if item else option.default
        here = f"; here {shown(value)}" if value != option.default else ""
        page.paragraph([(option.name, "bold"), words, here], 2)


def effective(option: Option, item: Item) -> str:
    """An option as this checklist sets it, with its default where that is another."""
    value = item.options.get(option.name, option.default)
    default = "" if value == option.default else f" (default {shown(option.default)})"
    return f"{option.name}: {shown(value)}{default}"


def shown(value: object) -> str:
    """A value of an option as YAML has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(shown, value))}]"
    return visible(str(value)) if value != "" else '""'
