"""The JSON Schema of a checklist, made from the shipped checks, for editors to complete and check by.

`python -m celerycheck.checklist_schema` rewrites `schemas/celerycheck.schema.json`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from celerycheck.checklist import TOP_KEYS, VALID_FOR_DAYS, VERSION
from celerycheck.checklist_items import KIND_KEYS, KINDS
from celerycheck.checks import shipped
from celerycheck.findings import Severity
from celerycheck.known_libraries import DESCRIPTIONS, PATTERN
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.registry import Check, Option
from celerycheck.requirements import KEYS, TASK_OPTIONS

PATH = Path(__file__).parent / "schemas" / "celerycheck.schema.json"

Schema = dict[str, object]

_TEXT: Schema = {"type": "string", "pattern": r"\S"}
_VALUE: Schema = {"type": ["string", "number", "boolean", "null", "array", "object"]}
_TYPES: Mapping[object, Schema] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: _TEXT,
    tuple[str, ...]: {"type": "array", "items": _TEXT},
}


def schema(checks: Mapping[str, Check[object]] | None = None) -> Schema:
    """The schema for checklists that may name these checks, the shipped ones unless given."""
    known = shipped() if checks is None else checks
    properties: Schema = {
        "version": {"const": VERSION},
        "extends": {
            "const": "default",
            "description": "Start from the shipped checklist, and change what is named here.",
        },
        "answers": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "valid_for_days": {
                    "type": "integer",
                    "minimum": 1,
                    "default": VALID_FOR_DAYS,
                    "description": "After how many days a person is asked again.",
                }
            },
        },
        "libraries": {
            "type": "object",
            "additionalProperties": False,
            "properties": {kind: _calls(description) for kind, description in DESCRIPTIONS.items()},
            "description": "What calls of this project do, by kind: its own wrappers around libraries.",
        },
        "sections": {"type": "array", "items": _section()},
        "items": {"type": "array", "items": {"$ref": "#/definitions/item"}},
    }
    if tuple(properties) != TOP_KEYS:
        raise TypeError("the schema and the reader of checklists know different keys")
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "celerycheck.yaml",
        "description": "What celerycheck audits a Celery app for.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "anyOf": [{"required": [key]} for key in ("extends", "sections", "items")],
        "definitions": {
            "item": _item(known),
            "require": _require(),
            "call": {"type": "string", "pattern": PATTERN},
        },
    }


def text() -> str:
    """The schema as the file holds it."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _calls(description: str) -> Schema:
    return {"type": "array", "items": {"$ref": "#/definitions/call"}, "description": description}


def _section() -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["title", "items"],
        "properties": {
            "title": _TEXT,
            "items": {"type": "array", "items": {"$ref": "#/definitions/item"}},
        },
    }


def _item(checks: Mapping[str, Check[object]]) -> Schema:
    properties: Schema = {
        "check": {"anyOf": [{"const": c.id, "description": c.title} for c in checks.values()]},
        "require": {"$ref": "#/definitions/require"},
        "ask": {**_TEXT, "description": "A question to a person, to be answered with yes."},
        "id": {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"},
        "title": _TEXT,
        "severity": {"enum": [severity.label for severity in reversed(Severity)]},
        "enabled": {"type": "boolean"},
        "why": {**_TEXT, "description": "What it costs when this is wrong."},
        "fix": {**_TEXT, "description": "What to write instead."},
        "with": {"type": "object", "description": "The options of the check."},
        "except": {
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Waivers: the name of a task, setting, queue … or a glob, and the reason.",
        },
    }
    if set(properties) != set(KIND_KEYS[None]):
        raise TypeError("the schema and the reader of items know different keys")
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [
            {"required": ["check"], "not": {"required": ["id"]}},
            {"required": ["require", "id"]},
            {"required": ["ask", "id"]},
            {"required": ["id"], "not": {"anyOf": [{"required": [kind]} for kind in KINDS]}},
        ],
        "allOf": [_options(check) for check in checks.values()] + [_allowed("require"), _allowed("ask")],
    }


def _options(check: Check[object]) -> Schema:
    return {
        "if": {"required": ["check"], "properties": {"check": {"const": check.id}}},
        "then": {
            "properties": {
                "with": {
                    "additionalProperties": False,
                    "properties": {option.name: _option(option) for option in check.options.values()},
                }
            }
        },
    }


def _option(option: Option) -> Schema:
    default = list(option.default) if isinstance(option.default, tuple) else option.default
    return {**_TYPES[option.type], "default": default}


def _allowed(kind: str) -> Schema:
    """Refuses the keys that do not go with a rule or a question."""
    keys = next(allowed for name, allowed in KIND_KEYS.items() if name == kind)
    others = [key for key in KIND_KEYS[None] if key not in keys]
    return {"if": {"required": [kind]}, "then": {"properties": dict.fromkeys(others, False)}}


def _require() -> Schema:
    true: Schema = {"const": True}
    properties: Schema = {
        "setting": {"enum": sorted(KNOWN_SETTINGS)},
        "task_option": {"enum": sorted(TASK_OPTIONS)},
        "tasks": {
            "anyOf": [_TEXT, {"type": "array", "items": _TEXT}],
            "description": "Globs of task names; without it the rule holds for every task.",
        },
        "equals": _VALUE,
        "one_of": {"type": "array", "minItems": 1},
        "matches": {"type": "string", "format": "regex"},
        "at_least": {"type": "number"},
        "at_most": {"type": "number"},
        "set": true,
        "unset": true,
    }
    if tuple(properties) != KEYS:
        raise TypeError("the schema and the reader of rules know different keys")
    conditions = [key for key in KEYS if key not in ("setting", "task_option", "tasks")]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
        "oneOf": [{"required": ["setting"], "not": {"required": ["tasks"]}}, {"required": ["task_option"]}],
        "anyOf": [{"required": [condition]} for condition in conditions],
    }


def main() -> None:
    """Rewrite the file in the package."""
    PATH.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
