"""What all tasks of a package share stays as people have made it, as long as it is of the same use."""

import pytest

from celerycheck.scaffold.making.shared import standing, standing_models
from celerycheck.scaffold.pieces import Module
from celerycheck.scaffold.project import Project
from celerycheck.subjects import App

WANTED = '''\
"""Which work is done."""

import os

from sqlalchemy.orm import Session

from shop import urls

KEPT = 90


class Work(Base):
    """One row."""

    key: Mapped[str] = column(255)

    class Meta:
        ordering = ("key",)

    def __str__(self):
        return self.key


def is_completed(session: Session, key: str, *, again=False) -> bool:
    return True
'''
DOCSTRING = '"""Which work is done."""\n'


@pytest.fixture
def stands(tmp_path):
    """`stands(existing, wanted)`: whether the existing module stays as it is."""

    def stands(existing: str, wanted: str = WANTED) -> bool:
        (tmp_path / "shop.py").write_text(existing, encoding="utf-8")
        project = Project(tmp_path, App(), "plain", "shop", "app", first_party=frozenset({"shop"}))
        text = standing(Module("shop.py", wanted), project).text
        assert text in (DOCSTRING, wanted)
        return text == DOCSTRING

    return stands


SAME_USE = {
    "untouched": ("", ""),
    "a body": ("return True", "return session.get(Work, key) is not None"),
    "types": ("session: Session, key: str", "session, key"),
    "a field more": ("    key:", "    note = text()\n    key:"),
    "a constant": ("KEPT = 90", "KEPT: int = 7"),
    "Python's own imports": ("import os\n", ""),
    "an import of the project's own": ("from shop import urls\n", ""),
    "something else in the file": ("KEPT", "MORE = 1\nKEPT"),
    "without what only people see": ('    class Meta:\n        ordering = ("key",)\n', ""),
}
OTHER_USE = {
    "called otherwise": ("session: Session, key: str", "key: str"),
    "another argument by name": ("again=False", "twice=False"),
    "a field gone": ("    key:", "    name:"),
    "a function for a class": ("class Work(Base):", "def Work():"),
    "a class for a value": ("KEPT = 90", "class KEPT: pass"),
    "another library": ("from sqlalchemy.orm", "from pony.orm"),
    "a definition gone": ("KEPT = 90\n", ""),
    "no Python": ("def is_completed(", "def is_completed"),
}


@pytest.mark.parametrize(("old", "new"), SAME_USE.values(), ids=SAME_USE)
def test_what_is_of_the_same_use_stays(stands, old, new):
    assert old in WANTED
    assert stands(WANTED.replace(old, new))


@pytest.mark.parametrize(("old", "new"), OTHER_USE.values(), ids=OTHER_USE)
def test_what_is_of_another_use_is_in_the_way(stands, old, new):
    assert old in WANTED
    assert not stands(WANTED.replace(old, new))


def test_a_file_that_is_not_there(tmp_path):
    project = Project(tmp_path, App(), "plain", "shop", "app")
    assert standing(Module("shop.py", WANTED), project).text == WANTED


def test_models_stay_one_by_one(tmp_path):
    lock = "\n\nclass Lock(Base):\n    name = column(255)\n"
    project = Project(tmp_path, App(), "django", "shop", "app")
    (tmp_path / "shop.py").write_text(WANTED.replace("    key:", "    note = text()\n    key:"))
    text = standing_models(Module("shop.py", f"{WANTED}{lock}"), project).text
    assert "class Lock" in text
    assert "class Work" not in text
    assert standing_models(Module("shop.py", WANTED), project).text == DOCSTRING
