"""One item of a checklist: its type, and how it is read from YAML."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from yaml.nodes import MappingNode, Node

from celerycheck import requirements
from celerycheck.findings import Severity
from celerycheck.registry import Check, Option
from celerycheck.requirements import Requirement
from celerycheck.subjects import Location
from celerycheck.yaml_nodes import Document

Kind = Literal["check", "require", "ask"]
KINDS: tuple[Kind, ...] = ("check", "require", "ask")
COMMON_KEYS = ("severity", "enabled", "why", "fix")
KIND_KEYS: Mapping[Kind | None, tuple[str, ...]] = {
    "check": ("check", "id", "title", *COMMON_KEYS, "with", "except"),
    "require": ("require", "id", "title", *COMMON_KEYS, "except"),
    "ask": ("ask", "id", *COMMON_KEYS),
    None: ("check", "require", "ask", "id", "title", *COMMON_KEYS, "with", "except"),
}
"""The keys of each kind of item, and of one that says only which item it changes."""

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Waiver:
    """Findings about subjects that match `pattern` (a glob) do not count, for `reason`."""

    pattern: str
    reason: str
    location: Location | None = None


@dataclass(frozen=True)
class Item:
    """One line of a checklist.

    `title` is a check's docstring's first line, a rule in words, or the question. `check` is set for
    checks and `requirement` for rules. `location` is where the last file that speaks of it does.
    """

    id: str
    kind: Kind
    section: str
    title: str
    severity: Severity = Severity.WARNING
    enabled: bool = True
    options: Mapping[str, object] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    why: str = ""
    fix: str = ""
    requirement: Requirement | None = None
    location: Location | None = None
    check: Check[object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Draft:
    """An item as one file writes it: `given` holds what it says, under the names of Item's fields.

    `kind` is None where it only changes an item defined elsewhere.
    """

    id: str
    kind: Kind | None
    node: Node
    given: Mapping[str, object]


def read_item(document: Document, node: Node, checks: Mapping[str, Check[object]]) -> Draft | None:
    """The item written at `node`; None where not even its id can be told. Mistakes are recorded."""
    if not isinstance(node, MappingNode):
        document.mistake(node, "an item must be a mapping that starts with check:, require:, ask: or id:")
        return None
    written = {key.value for key, _ in node.value}
    kinds = [kind for kind in KINDS if kind in written]
    if len(kinds) > 1:
        document.mistake(node, f"an item is one of check, require and ask, not {' and '.join(kinds)} at once")
        return None
    kind = kinds[0] if kinds else None
    fields = document.fields(node, f"an item of kind {kind}" if kind else "an item", KIND_KEYS[kind])
    id_ = _read_id(document, node, kind, fields, checks)
    if id_ is None:
        _read_given(document, fields, None)
        return None
    return Draft(id_, kind, node, _read_given(document, fields, checks.get(id_)))


def _read_id(
    document: Document,
    node: Node,
    kind: Kind | None,
    fields: Mapping[str, Node],
    checks: Mapping[str, Check[object]],
) -> str | None:
    if kind == "check":
        id_ = document.text(fields["check"], "check")
        if id_ is not None and id_ not in checks:
            document.mistake(fields["check"], f"there is no check {id_!r}", id_, checks)
            return None
        if "id" in fields:
            document.mistake(fields["id"], "a check's id is its name; leave `id` out")
        return id_
    if "id" not in fields:
        start = ", ".join(f"{name}:" for name in (*KINDS, "id"))
        missing = f"needs an id, such as `id: {_slug(fields[kind])}`" if kind else f"needs one of {start}"
        document.mistake(node, f"the item {missing}")
        return None
    id_ = document.text(fields["id"], "id")
    if id_ is not None and not _ID.fullmatch(id_):
        document.mistake(fields["id"], f"an id is made of a-z, 0-9 and dashes, unlike {id_!r}")
        return None
    if kind is not None and id_ in checks:
        document.mistake(fields["id"], f"{id_!r} is the name of a check; choose another id")
        return None
    return id_


def _read_given(
    document: Document, fields: Mapping[str, Node], check: Check[object] | None
) -> dict[str, object]:
    given: dict[str, object] = {}
    for name in ("title", "why", "fix"):
        if name in fields:
            given[name] = document.text(fields[name], name)
    if "severity" in fields:
        given["severity"] = _read_severity(document, fields["severity"])
    if "enabled" in fields:
        given["enabled"] = document.flag(fields["enabled"], "enabled")
    if "with" in fields:
        given["options"] = _read_options(document, fields["with"], check) if check else {}
    if "except" in fields:
        given["waivers"] = _read_waivers(document, fields["except"])
    if "require" in fields:
        given["requirement"] = requirements.read(document, fields["require"])
    if "ask" in fields:
        given["title"] = document.text(fields["ask"], "ask")
    return {name: value for name, value in given.items() if value is not None}


def _read_severity(document: Document, node: Node) -> Severity | None:
    label = document.choice(node, "severity", [s.label for s in reversed(Severity)])
    return Severity.parse(label) if label in {s.label for s in Severity} else None


def _read_options(document: Document, node: Node, check: Check[object]) -> dict[str, object]:
    if not check.options:
        document.mistake(node, f"{check.id} has no options")
        return {}
    options = {}
    for name, key, value in document.pairs(node, "with"):
        option = check.options.get(name)
        if option is None:
            document.mistake(key, f"{check.id} has no option {name!r}", name, check.options)
        else:
            options[name] = _read_option(document, value, option)
    return {name: value for name, value in options.items() if value is not None}


def _read_option(document: Document, node: Node, option: Option) -> object:
    if option.type is bool:
        return document.flag(node, option.name)
    if option.type is int:
        return document.integer(node, option.name)
    if option.type is float:
        number = document.number(node, option.name)
        return None if number is None else float(number)
    if option.type is str:
        return document.text(node, option.name)
    return document.texts(node, option.name)


def _read_waivers(document: Document, node: Node) -> tuple[Waiver, ...]:
    waivers = []
    for pattern, key, value in document.pairs(node, "except"):
        if not pattern.strip():
            document.mistake(key, "a waiver needs a name or pattern before the colon")
        reason = document.text(value, f"the reason to waive {pattern!r}")
        if reason is not None:
            waivers.append(Waiver(pattern, reason, document.at(key)))
    return tuple(waivers)


def _slug(node: Node) -> str:
    words = re.findall(r"[a-z0-9]+", str(node.value).casefold()) if isinstance(node.value, str) else []
    return "-".join(words[:5]) or "known-queues"
