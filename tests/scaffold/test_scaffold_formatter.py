"""The project's own formatter lays out what is made."""

from __future__ import annotations

import sys

import pytest
from scaffold_ruff import needs_ruff

from celerycheck.scaffold.making.formatter import as_it_is, formatter, order

UGLY = "x = {  'a':1 }\n"


@needs_ruff
@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({}, 'x = {"a": 1}\n'),
        ({"pyproject.toml": "[tool.ruff.format]\nquote-style = 'single'\n"}, "x = {'a': 1}\n"),
        ({"ruff.toml": "force-exclude = true\nexclude = ['migrations']\n"}, 'x = {"a": 1}\n'),
    ],
)
def test_it_follows_the_configuration(project, config, text):
    assert formatter(project(config), sys.executable)(UGLY, "billing/tasks.py") == text


@needs_ruff
def test_what_the_project_excludes_stays(project):
    root = project({"ruff.toml": "force-exclude = true\nextend-exclude = ['migrations']\n"})
    assert formatter(root, sys.executable)(UGLY, "billing/migrations/0001_initial.py") == UGLY


@needs_ruff
def test_a_formatter_that_fails_changes_nothing(project):
    assert formatter(project({}), sys.executable)("def (:\n", "billing/tasks.py") == "def (:\n"


def test_without_a_formatter_the_text_stays(tmp_path):
    assert formatter(tmp_path, "/nowhere/python") is as_it_is
    assert as_it_is(UGLY, "billing/tasks.py") == UGLY


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({}, "ruff"),
        ({"pyproject.toml": "[tool.black]\nline-length = 100\n"}, "black"),
        ({"pyproject.toml": "[tool.black]\n[tool.ruff]\n"}, "ruff"),
        ({".ruff.toml": ""}, "ruff"),
        ({"pyproject.toml": "this is no TOML"}, "ruff"),
    ],
)
def test_the_configured_one_comes_first(project, files, first):
    assert order(project(files))[0] == first
