"""The JSON report: what its schema promises, for every kind of report."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError
from reports import ALL, BROKEN, CLEAN, ORDINARY, SHOP, WIDE, WITH_CODE, finding

import celerycheck
from celerycheck.findings import Notice, Report
from celerycheck.reporters.json_report import view, write
from celerycheck.subjects import Location

SCHEMA = json.loads((Path(celerycheck.__file__).parent / "schemas/report.schema.json").read_text("utf-8"))


def closed(schema):
    """The schema with no room for keys it does not name: what we write today, no more."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {key: closed(part) for key, part in schema.items()}
    if isinstance(schema.get("type"), str) and schema["type"] == "object":
        parts["unevaluatedProperties"] = False
    return parts


def written(report, encoding="utf-8"):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    write(report, out)
    out.flush()
    return raw.getvalue().decode(encoding)


def test_the_schema_is_one():
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("report", ALL.values(), ids=ALL)
def test_reports_are_what_the_schema_promises_and_no_more(report):
    document = json.loads(written(report))
    Draft202012Validator(SCHEMA).validate(document)
    strict = closed(SCHEMA)
    strict["$defs"]["finding"].pop("unevaluatedProperties")
    Draft202012Validator(strict).validate(document)
    assert set(document["findings"][0] if document["findings"] else ()) <= set(
        SCHEMA["$defs"]["finding"]["properties"]
    )


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"exit_code": 2},
        {"findings": [{}]},
        {"items": None},
        {"summary": {}},
    ],
)
def test_the_schema_refuses_what_is_not_a_report(change):
    with pytest.raises(ValidationError):
        Draft202012Validator(SCHEMA).validate({**view(ORDINARY), **change})


def test_keys_may_be_added_later():
    Draft202012Validator(SCHEMA).validate({**view(ORDINARY), "extra": 1})


def test_the_whole_of_a_small_report():
    where = Location("shop/mail.py", 12, 5)
    found = finding(location=where)
    notices = (Notice("load", "slow"),)
    report = Report(replace(SHOP, schedule=SHOP.schedule[:1]), (), (found,), notices=notices)
    assert json.loads(written(report)) == {
        "schema": 1,
        "celerycheck": celerycheck.__version__,
        "target": "shop",
        "exit_code": 0,
        "app": {
            "name": "shop",
            "celery": "5.7.0",
            "python": "3.11.9",
            "tasks": 14,
            "third_party_tasks": 9,
            "partial": None,
            "evidence": ["settings", "tasks", "routes", "schedule"],
        },
        "source": None,
        "summary": {
            "error": 0,
            "warning": 1,
            "info": 0,
            "waived": 0,
            "baselined": 0,
            "passed": 0,
            "failed": 0,
            "skipped": 0,
            "unanswered": 0,
            "crashed": 0,
        },
        "items": [],
        "findings": [
            {
                "check": "unbounded-retries",
                "severity": "warning",
                "subject": "shop.mail.send",
                "subject_kind": "task",
                "message": "max_retries is None: it retries until it succeeds",
                "fix": "set `max_retries` to a number, and let the last failure reach a person",
                "path": "shop/mail.py",
                "line": 12,
                "column": 5,
                "end_line": None,
                "end_column": None,
                "trace": [],
                "fingerprint": found.fingerprint,
            }
        ],
        "waived": [],
        "notices": [{"kind": "load", "message": "slow", "path": None, "line": None, "column": None}],
        "schedule": [
            {
                "name": "nightly-cleanup",
                "task": "shop.stock.clean",
                "kind": "crontab",
                "schedule": "30 3 * * *",
                "next_run": "2026-03-02T03:30:00+00:00",
                "due": None,
                "error": None,
                "path": None,
                "line": None,
                "column": None,
            }
        ],
    }


def test_items_keep_the_checklists_order_and_say_why():
    items = view(BROKEN)["items"]
    assert [item["id"] for item in items] == [outcome.id for outcome in BROKEN.outcomes]
    assert items[-1] == {
        "id": "unknown-queue",
        "section": "Routing",
        "severity": "warning",
        "status": "crashed",
        "reason": "KeyError: 'mail'",
    }


def test_code_has_an_end_and_the_calls_that_lead_there():
    found = next(f for f in view(WITH_CODE)["findings"] if f["path"] == "shop/store/client.py")
    assert [found[key] for key in ("line", "column", "end_line", "end_column")] == [9, 12, 9, 117]
    assert found["trace"] == [
        {"text": "send_receipt calls services.deliver", "path": "shop/tasks.py", "line": 15},
        {"text": "services.deliver calls client.post", "path": "shop/services.py", "line": 10},
    ]


def test_how_much_source_was_read_is_said():
    document = view(WITH_CODE)
    assert "source" in document["app"]["evidence"]
    assert document["source"] == {
        "files": 43,
        "unreadable": [{"path": "shop/old.py", "reason": "line 3: invalid syntax"}],
        "calls": {"resolved": 112, "unresolved": 9},
    }


def test_waived_findings_carry_their_reason():
    assert [w["reason"] for w in view(ORDINARY)["waived"]] == ["only run by hand, see the runbook"]


@given(st.permutations(WIDE.findings))
def test_the_order_found_does_not_matter(findings):
    assert written(replace(WIDE, findings=tuple(findings))) == written(WIDE)


def test_a_stream_that_carries_it_gets_letters_and_others_escapes():
    assert "sende_grüße" in written(WIDE)
    assert "sende_grüße" in written(WIDE, "latin-1")
    assert "sende_gr\\u00fc\\u00dfe" in written(WIDE, "ascii")
    assert json.loads(written(WIDE, "ascii")) == json.loads(written(WIDE))


ENCODINGS = st.sampled_from(["utf-8", "ascii", "cp1252"])


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters()), ENCODINGS)
def test_every_text_comes_back_as_it_was_and_does_no_harm(message, path, encoding):
    found = finding(subject=message, message=message, location=Location(path, 1))
    text = written(replace(CLEAN, findings=(found,)), encoding)
    assert all(c.isprintable() for c in text if c != "\n")
    (read,) = json.loads(text)["findings"]
    assert (read["subject"], read["message"], read["path"]) == (message, message, path)
