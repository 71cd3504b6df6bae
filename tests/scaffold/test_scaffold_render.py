"""Templates: own ones before shipped ones, and what is said of broken ones."""

from __future__ import annotations

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.making.render import Templates
from celerycheck.scaffold.project import Project
from celerycheck.subjects import App


@pytest.fixture
def project(tmp_path):
    return Project(tmp_path, App(), "plain", "proj", "app", first_party=frozenset({"proj"}))


def test_an_own_template_comes_before_the_shipped_one(tmp_path, project):
    (tmp_path / "models.py.j2").write_text("import {{ name }}\n\nx = {{ name }}\n")
    assert Templates(tmp_path).module("models.py.j2", {"name": "os"}, project) == "import os\n\nx = os\n"


def test_the_shipped_ones_stay_for_the_rest(tmp_path, project):
    text = Templates(tmp_path).module("models.py.j2", {"models": ["CompletedWork"]}, project)
    assert "class CompletedWork(models.Model):" in text


@pytest.mark.parametrize(
    ("template", "says"),
    [
        ("x = {{ unknown }}\n", "uses what there is not: 'unknown' is undefined"),
        ("x = {{ spec.colour }}\n", "uses what there is not"),
        ("{% if x %}\n", "is broken"),
        ("{% frobnicate %}\n", "is broken"),
        ("def f(:\n    pass\n", "makes no valid Python: line 1"),
        ("{% include 'nowhere' %}\n", "there is no template nowhere"),
    ],
)
def test_a_broken_template_is_explained(tmp_path, project, template, says):
    (tmp_path / "models.py.j2").write_text(template)
    with pytest.raises(UsageError) as raised:
        Templates(tmp_path).module("models.py.j2", {"spec": object()}, project)
    assert says in raised.value.message


def test_the_folder_has_to_be_there(tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        Templates(tmp_path / "nowhere")
