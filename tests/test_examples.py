"""The examples: an audit must find what `EXPECTED.yaml` lists, and nothing else at error or warning level."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
PROJECTS = ["shop", "django_shop"]


@pytest.fixture(scope="session")
def audited(celerycheck):
    """The expectations and the audit of an example, by its name; each is run once."""
    known = {}

    def audit(name):
        if name not in known:
            expected = yaml.safe_load((EXAMPLES / name / "EXPECTED.yaml").read_text())
            run = celerycheck("audit", expected["app"], "--format", "json", cwd=EXAMPLES / name)
            known[name] = expected, run
        return known[name]

    return audit


def serious(run):
    return [finding for finding in run.report["findings"] if finding["severity"] != "info"]


@pytest.mark.parametrize("name", PROJECTS)
def test_findings(audited, name):
    expected, run = audited(name)
    run.check(1)
    found = sorted((finding["check"], finding["subject"]) for finding in serious(run))
    assert found == sorted((entry["check"], entry["subject"]) for entry in expected["expected"])


@pytest.mark.parametrize("name", PROJECTS)
def test_what_is_right_is_not_spoken_of(audited, name):
    expected, run = audited(name)
    assert expected["silent"]
    assert [one for one in serious(run) if one["subject"] in expected["silent"]] == []


@pytest.mark.parametrize("name", PROJECTS)
def test_every_finding_can_be_gone_to(audited, name):
    _, run = audited(name)
    for finding in serious(run):
        lines = (EXAMPLES / name / finding["path"]).read_text().splitlines()
        assert 1 <= finding["line"] <= len(lines)


@pytest.mark.parametrize("name", PROJECTS)
def test_nothing_crashed_and_nothing_is_missing(audited, name, report_schema):
    _, run = audited(name)
    report_schema.validate(run.report)
    assert run.report["app"]["partial"] is None
    assert run.report["summary"]["crashed"] == 0
    assert run.err == ""
