"""The published schema of checklists: up to date, and of one mind with the reader."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from celerycheck.checklist_schema import PATH, schema, text
from celerycheck.known_libraries import KINDS
from celerycheck.resources import resource

VALIDATOR = jsonschema.Draft7Validator(schema())


def test_the_file_is_what_the_checks_give():
    assert PATH.read_text(encoding="utf-8") == text(), "run: python -m celerycheck.checklist_schema"
    assert json.loads(text()) == json.loads(json.dumps(schema()))


def test_it_is_a_proper_schema():
    jsonschema.Draft7Validator.check_schema(schema())


@pytest.mark.parametrize("name", ["checklist.yaml", "templates/celerycheck.yaml"])
def test_what_is_shipped_is_valid(name):
    VALIDATOR.validate(yaml.safe_load(resource(name).read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "item",
    [
        {"check": "unbounded-retries"},
        {"check": "unbounded-retries", "severity": "info", "enabled": False, "except": {"poll.*": "a bank"}},
        {"check": "short-visibility-timeout", "with": {"margin": 2}},
        {"check": "short-visibility-timeout", "with": {"margin": 1.5}, "why": "w", "fix": "f", "title": "t"},
        {"id": "rabbitmq-management", "enabled": False},
        {"ask": "Well?", "id": "well"},
        {"require": {"setting": "enable_utc", "equals": True}, "id": "in-utc"},
        {"require": {"task_option": "queue", "tasks": ["a.*"], "one_of": ["a"]}, "id": "q", "title": "t"},
        {"require": {"task_option": "time_limit", "at_least": 1, "at_most": 2.5}, "id": "limits"},
    ],
)
def test_items_that_are_right(item):
    VALIDATOR.validate({"extends": "default", "items": [item]})


@pytest.mark.parametrize(
    "item",
    [
        {},
        "unbounded-retries",
        {"check": "no-such-check"},
        {"check": "unbounded-retries", "id": "other"},
        {"check": "unbounded-retries", "ask": "Well?"},
        {"check": "unbounded-retries", "severity": "fatal"},
        {"check": "unbounded-retries", "with": {"limit": 3}},
        {"check": "unbounded-retries", "except": {"a": ""}},
        {"check": "unbounded-retries", "excepts": {}},
        {"check": "short-visibility-timeout", "with": {"margin": "2"}},
        {"check": "short-visibility-timeout", "with": {"margins": 2}},
        {"ask": "Well?"},
        {"ask": "Well?", "id": "Not An Id"},
        {"ask": "Well?", "id": "well", "except": {"a": "b"}},
        {"require": {"setting": "enable_utc", "equals": True}},
        {"require": {"setting": "enable_utc"}, "id": "x"},
        {"require": {"setting": "enable_utd", "set": True}, "id": "x"},
        {"require": {"setting": "enable_utc", "tasks": "a", "set": True}, "id": "x"},
        {"require": {"setting": "enable_utc", "task_option": "queue", "set": True}, "id": "x"},
        {"require": {"task_option": "queue", "set": False}, "id": "x"},
    ],
)
def test_items_that_are_wrong(item):
    assert not VALIDATOR.is_valid({"extends": "default", "items": [item]})


@pytest.mark.parametrize(
    "libraries",
    [
        {},
        {"network": []},
        {
            "network": ["proj.http.call", "proj.clients.*", "proj.bank.Client().*", "**.archive"],
            "atomic": ["a.b"],
        },
    ],
)
def test_libraries_that_are_right(libraries):
    VALIDATOR.validate({"extends": "default", "libraries": libraries})


@pytest.mark.parametrize(
    "libraries",
    [
        [],
        {"netwrok": ["a.b"]},
        {"network": "a.b"},
        {"network": [1]},
        {"network": ["call"]},
        {"network": ["a.b()"]},
        {"network": ["*.*"]},
    ],
)
def test_libraries_that_are_wrong(libraries):
    assert not VALIDATOR.is_valid({"extends": "default", "libraries": libraries})


def test_every_kind_of_call_says_what_it_is():
    kinds = schema()["properties"]["libraries"]["properties"]
    assert tuple(kinds) == KINDS
    assert all(kind["description"].endswith(".") for kind in kinds.values())


@pytest.mark.parametrize(
    "checklist", [{}, [], {"version": 2, "sections": []}, {"sections": [{"title": "x"}]}]
)
def test_checklists_that_are_wrong(checklist):
    assert not VALIDATOR.is_valid(checklist)
