"""What holds for every check: where it is listed, how it is documented, that it is tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from celerycheck import checklist
from celerycheck.checks import shipped
from celerycheck.findings import Severity
from celerycheck.registry import SUBJECTS

TESTS = Path(__file__).resolve().parent
CHECKS = sorted(shipped().values(), key=lambda check: check.id)
SOURCES = "".join(path.read_text(encoding="utf-8") for path in (TESTS / "checks").glob("*.py"))

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.id)


def test_the_shipped_checklist_lists_every_check_once_and_no_other():
    listed = [item.id for item in checklist.load(None).items if item.kind == "check"]
    assert sorted(listed) == [check.id for check in CHECKS]


@each_check
def test_it_is_documented(check):
    assert 10 <= len(check.title) <= 72
    assert not check.title.endswith(".")
    assert len(check.why) > 30
    assert len(check.fix) > 20
    assert not check.fix.endswith(".")
    assert "http" in check.reference or "celery" in check.reference.lower() or is_taste(check.id)


def is_taste(name):
    """Whether an item claims nothing about Celery that would need a source."""
    item = checklist.load(None).item(name)
    return item is not None and item.severity is Severity.INFO


@each_check
def test_its_signature_can_be_read(check):
    assert check.subject in SUBJECTS
    assert all(option.default is not None for option in check.options.values())


@each_check
def test_it_has_a_test(check):
    assert f'"{check.id}"' in SOURCES


@each_check
def test_the_checklist_gives_it_its_own_title(check):
    item = checklist.load(None).item(check.id)
    assert item is not None
    assert item.title == check.title
