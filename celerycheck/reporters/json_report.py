"""The report for programs: JSON, schema 1, as `schemas/report.schema.json` describes it.

Written from an explicit view: what is in it is a promise, whatever the types inside look like.
"""

from __future__ import annotations

import json
from typing import TextIO, TypeAlias

from celerycheck import __version__
from celerycheck.findings import Finding, Notice, Outcome, Report, Severity, SourceSummary, Step
from celerycheck.reporters.harmless import carries
from celerycheck.subjects import Location, ScheduleEntry

SCHEMA = 1

Json: TypeAlias = bool | int | float | str | list["Json"] | dict[str, "Json"] | None


def write(report: Report, out: TextIO) -> None:
    """Write the report to `out` as one JSON document, equal for equal reports.

    Characters that `out` cannot carry, or that would act on a terminal, are `\\uXXXX` escapes.
    """
    text = json.dumps(view(report), ensure_ascii=False, indent=2, allow_nan=False)
    encoding = getattr(out, "encoding", None)
    for line in text.split("\n"):
        fine = carries(line, encoding)
        out.write(line if fine else "".join(c if carries(c, encoding) else json.dumps(c)[1:-1] for c in line))
        out.write("\n")


def view(report: Report) -> dict[str, Json]:
    """The document as plain data."""
    app = report.app
    return {
        "schema": SCHEMA,
        "celerycheck": __version__,
        "target": app.target,
        "exit_code": report.exit_code,
        "app": {
            "name": app.name,
            "celery": app.celery,
            "python": app.python,
            "tasks": len(app.tasks),
            "third_party_tasks": len(app.third_party),
            "partial": app.partial,
            "evidence": list(report.evidence),
        },
        "source": _source(report.source),
        "summary": _summary(report),
        "items": [_item(outcome) for outcome in report.outcomes],
        "findings": [_finding(finding) for finding in sorted(report.findings, key=_order)],
        "waived": [
            {**_finding(finding), "reason": finding.reason} for finding in sorted(report.waived, key=_order)
        ],
        "notices": [_notice(notice) for notice in report.notices],
        "schedule": [_entry(entry) for entry in sorted(app.schedule, key=lambda entry: entry.name)],
    }


def _source(source: SourceSummary | None) -> Json:
    if source is None:
        return None
    return {
        "files": source.files,
        "unreadable": [{"path": file.path, "reason": file.reason} for file in source.unreadable],
        "calls": {"resolved": source.resolved, "unresolved": source.unresolved},
    }


def _summary(report: Report) -> dict[str, Json]:
    statuses = report.statuses()
    return {
        "error": report.count(Severity.ERROR),
        "warning": report.count(Severity.WARNING),
        "info": report.count(Severity.INFO),
        "waived": len(report.waived),
        "baselined": 0,
        "passed": statuses["passed"],
        "failed": statuses["failed"],
        "skipped": statuses["skipped"],
        "unanswered": statuses["unanswered"],
        "crashed": statuses["crashed"],
    }


def _item(outcome: Outcome) -> dict[str, Json]:
    return {
        "id": outcome.id,
        "section": outcome.section,
        "severity": outcome.severity.label,
        "status": outcome.status,
        "reason": outcome.reason,
    }


def _finding(finding: Finding) -> dict[str, Json]:
    return {
        "check": finding.check,
        "severity": finding.severity.label,
        "subject": finding.subject,
        "subject_kind": finding.subject_kind,
        "message": finding.message,
        "fix": finding.fix,
        **_place(finding.location),
        **_end(finding.location),
        "trace": [_step(step) for step in finding.trace],
        "fingerprint": finding.fingerprint,
    }


def _step(step: Step) -> dict[str, Json]:
    return {"text": step.text, "path": step.location.path, "line": step.location.line}


def _end(location: Location | None) -> dict[str, Json]:
    return {
        "end_line": location.end_line if location else None,
        "end_column": location.end_column if location else None,
    }


def _notice(notice: Notice) -> dict[str, Json]:
    return {"kind": notice.kind, "message": notice.message, **_place(notice.location)}


def _entry(entry: ScheduleEntry) -> dict[str, Json]:
    return {
        "name": entry.name,
        "task": entry.task,
        "kind": entry.kind,
        "schedule": entry.text,
        "next_run": entry.next_run,
        "due": entry.due,
        "error": entry.error,
        **_place(entry.location),
    }


def _place(location: Location | None) -> dict[str, Json]:
    if location is None:
        return {"path": None, "line": None, "column": None}
    return {"path": location.path, "line": location.line, "column": location.column}


def _order(finding: Finding) -> tuple[str, int, int, str, str, str, str, str]:
    """By place, so that the reports of two days compare well; what has no place comes first."""
    place = finding.location or Location("")
    key = (finding.check, finding.subject_kind, finding.subject, finding.message, finding.fix)
    return place.path, place.line or 0, place.column or 0, *key
