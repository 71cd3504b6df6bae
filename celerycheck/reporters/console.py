"""The report for people: what was looked at, what is wrong and what to write instead, what to do next."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TextIO

from celerycheck.findings import Report
from celerycheck.reporters.console_findings import write_findings, write_waived
from celerycheck.reporters.console_header import write_header
from celerycheck.reporters.console_options import Options
from celerycheck.reporters.console_schedule import write_schedule
from celerycheck.reporters.console_summary import (
    write_crashes,
    write_ending,
    write_notices,
    write_skipped,
    write_summary,
)
from celerycheck.reporters.page import Page

__all__ = ["Options", "write"]


def write(
    report: Report, out: TextIO, options: Options | None = None, *, now: datetime | None = None
) -> None:
    """Write the whole report to `out`. `now` is the time that next runs are counted from."""
    options = options or Options()
    page = Page(out, options)
    write_header(page, report)
    write_findings(page, report, options)
    if options.waived:
        write_waived(page, report)
    write_notices(page, report)
    write_crashes(page, report, options)
    write_schedule(page, report, options, now or datetime.now(timezone.utc))
    write_skipped(page, report)
    write_summary(page, report)
    write_ending(page, report, options)
