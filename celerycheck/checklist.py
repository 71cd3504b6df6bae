"""The policy: a checklist in YAML, shipped or a project's own, read into typed items.

Every mistake in a file is collected and reported at once, with its file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from yaml.nodes import Node

from celerycheck.checklist_items import KINDS, Draft, Item, Kind, Waiver, read_item
from celerycheck.checks import shipped
from celerycheck.errors import ChecklistError
from celerycheck.known_libraries import KINDS as CALL_KINDS
from celerycheck.known_libraries import PATTERN
from celerycheck.known_libraries import Kind as CallKind
from celerycheck.registry import Check
from celerycheck.requirements import Requirement
from celerycheck.resources import resource
from celerycheck.subjects import Location
from celerycheck.yaml_nodes import Document, parse, raise_mistakes

TOP_KEYS = ("version", "extends", "answers", "libraries", "sections", "items")
SECTION_KEYS = ("title", "items")
FILE_NAMES = ("celerycheck.yaml", "celerycheck.yml")
VERSION = 1
VALID_FOR_DAYS = 180
OWN_SECTION = "House rules"
"""Where new items go that a file lists outside any section."""

_HINT = "`extends: default` on the first line starts from the shipped checklist."
_ASK_FIX = "see to it, then answer again with `celerycheck audit --interactive`"


@dataclass(frozen=True)
class Checklist:
    """What to audit: items in the order of their sections.

    `path` is the project's file, None for the shipped policy alone. An answer to a question goes
    stale after `answers_valid_for_days`. `libraries` are names of calls that do what well-known libraries do
    (`known_libraries`), by kind.
    """

    items: tuple[Item, ...]
    sections: tuple[str, ...]
    path: Path | None = None
    answers_valid_for_days: int = VALID_FOR_DAYS
    libraries: Mapping[CallKind, tuple[str, ...]] = field(default_factory=dict)

    def item(self, id_: str) -> Item | None:
        return next((item for item in self.items if item.id == id_), None)


def find(workdir: Path) -> Path | None:
    """The project's checklist: in `workdir`, or beside the nearest pyproject.toml above it."""
    here = workdir.absolute()
    for folder in (here, *here.parents):
        is_project = (folder / "pyproject.toml").exists()
        if folder == here or is_project:
            for name in FILE_NAMES:
                if (folder / name).exists():
                    return folder / name
        if is_project or (folder / ".git").exists():
            return None
    return None


def load(path: Path | None, checks: Mapping[str, Check[object]] | None = None) -> Checklist:
    """The shipped checklist (None), or a project's file, which may extend it.

    `checks` are the checks that can be named, the shipped ones unless given. Raises ChecklistError
    with every mistake.
    """
    known = shipped() if checks is None else checks
    if path is not None:
        return _load(path, known)
    return replace(_load(resource("checklist.yaml"), known), path=None)


def _load(path: Path, checks: Mapping[str, Check[object]]) -> Checklist:
    document = parse(path)
    if document.root is None:
        raise ChecklistError(f"{document.path}: the file is empty", _HINT)
    top = document.fields(document.root, "a checklist", TOP_KEYS)
    if "version" in top and document.integer(top["version"], "version") not in (VERSION, None):
        document.mistake(top["version"], f"this celerycheck reads version {VERSION} of the format")
    base = None
    if "extends" in top and document.choice(top["extends"], "extends", ["default"]) == "default":
        base = load(None, checks)
    merge = _Merge(document, base, checks)
    for node in document.sequence(top["sections"], "sections") if "sections" in top else []:
        merge.add_section(node)
    for node in document.sequence(top["items"], "items") if "items" in top else []:
        merge.add_item(node, None)
    days = _read_days(document, top["answers"]) if "answers" in top else None
    libraries = dict(base.libraries) if base else {}
    for kind, names in _read_libraries(document, top["libraries"]) if "libraries" in top else ():
        libraries[kind] = (*libraries.get(kind, ()), *names)
    if not merge.items and not document.mistakes:
        document.mistake(document.root, "the checklist has no items: nothing would be checked")
    raise_mistakes(document, hint="" if "extends" in top else _HINT)
    if days is None:
        days = base.answers_valid_for_days if base else VALID_FOR_DAYS
    return Checklist(merge.in_order(), tuple(merge.sections), path, days, libraries)


def _read_days(document: Document, node: Node) -> int | None:
    fields = document.fields(node, "answers", ("valid_for_days",))
    if "valid_for_days" not in fields:
        return None
    days = document.integer(fields["valid_for_days"], "valid_for_days")
    if days is not None and days < 1:
        document.mistake(fields["valid_for_days"], f"valid_for_days must be 1 or more, not {days}")
    return days


def _read_libraries(document: Document, node: Node) -> Iterator[tuple[CallKind, tuple[str, ...]]]:
    fields = document.fields(node, "libraries", CALL_KINDS)
    for kind in CALL_KINDS:
        if kind in fields:
            yield kind, _read_names(document, fields[kind], kind)


def _read_names(document: Document, node: Node, kind: CallKind) -> tuple[str, ...]:
    names: list[str] = []
    for each in document.sequence(node, kind):
        name = document.text(each, f"each entry of {kind}")
        if name is None:
            continue
        if name.endswith("()"):
            document.mistake(each, f"name what is called, without the brackets: {name.removesuffix('()')}")
        elif not re.search(PATTERN, name):
            message = (
                f"{name!r} is no dotted name such as proj.http.call, proj.clients.* or proj.db.Client().*"
            )
            document.mistake(each, message)
        elif name in names:
            document.mistake(each, f"{name!r} is listed twice in {kind}")
        else:
            names.append(name)
    return tuple(names)


class _Merge:
    """Items gathered from one file on top of those it extends."""

    def __init__(
        self, document: Document, base: Checklist | None, checks: Mapping[str, Check[object]]
    ) -> None:
        self.document = document
        self.checks = checks
        self.sections: list[str] = list(base.sections) if base else []
        self.items: dict[str, Item] = {item.id: item for item in base.items} if base else {}
        self._titles = {title.casefold(): title for title in self.sections}
        self._written: dict[str, Location] = {}

    def add_section(self, node: Node) -> None:
        before = len(self.document.mistakes)
        fields = self.document.fields(node, "a section", SECTION_KEYS)
        if len(self.document.mistakes) == before:
            for key in SECTION_KEYS:
                if key not in fields:
                    self.document.mistake(node, f"the section needs {key}:")
        title = self.document.text(fields["title"], "title") if "title" in fields else None
        if "items" not in fields:
            return
        for item in self.document.sequence(fields["items"], "items"):
            self.add_item(item, title)

    def add_item(self, node: Node, section: str | None) -> None:
        draft = read_item(self.document, node, self.checks)
        if draft is None:
            return
        if draft.id in self._written:
            first = self._written[draft.id].line
            self.document.mistake(node, f"{draft.id!r} is listed twice; first on line {first}")
            return
        self._written[draft.id] = self.document.at(node)
        item = self._changed(draft) if draft.id in self.items else self._new(draft, section)
        if item is not None:
            self.items[draft.id] = item

    def in_order(self) -> tuple[Item, ...]:
        place = {title: index for index, title in enumerate(self.sections)}
        return tuple(sorted(self.items.values(), key=lambda item: place[item.section]))

    def _section(self, title: str | None) -> str:
        wanted = title or OWN_SECTION
        if wanted.casefold() not in self._titles:
            self._titles[wanted.casefold()] = wanted
            self.sections.append(wanted)
        return self._titles[wanted.casefold()]

    def _changed(self, draft: Draft) -> Item | None:
        item = self.items[draft.id]
        if draft.kind not in (None, item.kind):
            what = {"check": "check", "require": "rule", "ask": "question"}[item.kind]
            message = f"{draft.id!r} is a {what} of the shipped checklist; choose another id"
            self.document.mistake(draft.node, message)
            return None
        refused = {"check": (), "require": ("options",), "ask": ("options", "waivers")}[item.kind]
        for name in refused:
            if name in draft.given:
                word = {"options": "with", "waivers": "except"}[name]
                self.document.mistake(
                    draft.node, f"{word!r} does not go with the {item.kind} item {draft.id!r}"
                )
        given: dict[str, Any] = {**draft.given, "location": self.document.at(draft.node)}
        given["options"] = {**item.options, **given.get("options", {})}
        return replace(item, **given)

    def _new(self, draft: Draft, section: str | None) -> Item | None:
        if draft.kind is None:
            if draft.id in self.checks:
                self.document.mistake(draft.node, f"to add a check, write `check: {draft.id}`")
            else:
                message = f"there is no item {draft.id!r} to change"
                self.document.mistake(draft.node, message, draft.id, self.items)
            return None
        given: dict[str, Any] = {**_defaults(draft, self.checks), **draft.given}
        return Item(
            draft.id, draft.kind, self._section(section), location=self.document.at(draft.node), **given
        )


def _defaults(draft: Draft, checks: Mapping[str, Check[object]]) -> dict[str, object]:
    if draft.kind == "check":
        check = checks[draft.id]
        return {"title": check.title, "why": check.why, "fix": check.fix, "check": check}
    if draft.kind == "ask":
        return {"title": "", "fix": _ASK_FIX}
    rule = draft.given.get("requirement")
    title, fix = (rule.title, rule.fix) if isinstance(rule, Requirement) else ("", "")
    return {"title": title, "why": "a rule of this project", "fix": fix}


__all__ = ["KINDS", "Checklist", "Item", "Kind", "Waiver", "find", "load"]
