"""Crontabs that fire at other times than they seem to say."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celerycheck.checks._crontab_times import apart, left_open
from celerycheck.checks._schedules import entries_of
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, CrontabFields


@check
def every_minute_crontab(app: App) -> Iterator[Problem]:
    """A crontab fires every minute of an hour or day.

    Why: a field left out of `crontab()` means every, not zero: `crontab(hour=3)` fires 60 times.
    Fix: set `minute`, and where only the day is given `hour` as well.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules
    """
    for entry in entries_of(app):
        pinned = left_open(entry.crontab) if entry.crontab else None
        if pinned is None:
            continue
        name, text = pinned
        if name == "hour":
            message, fix = f"minute is * while hour is {text}: it fires 60 times an hour", "add minute=0"
        else:
            message = f"minute and hour are * while {name} is {text}: it fires 1440 times a day"
            fix = "add minute=0, hour=0"
        yield Problem(message, fix=fix, about=entry)


@check
def uneven_crontab(app: App) -> Iterator[Problem]:
    """A crontab step does not divide its range.

    Why: a step starts over with each hour, day, week, month or year: `*/40` minutes fires at :00 and
        :40, then again after 20 minutes.
    Fix: use a step that divides the range, or an interval (`timedelta(minutes=40)`).
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules
    """
    for entry in entries_of(app):
        if entry.crontab is not None:
            for message in _uneven(entry.crontab):
                yield Problem(message, about=entry)


def _uneven(fields: CrontabFields) -> Iterator[str]:
    """What is said of each field whose step does not divide its range."""
    for name, size, period, last_only in (
        ("minute", 60, "hour", apart(fields.hour, 24)),
        ("hour", 24, "day", apart(fields.day_of_month, 31) or apart(fields.day_of_week, 7)),
        ("day_of_week", 7, "week", False),
        ("day_of_month", 31, "month", apart(fields.month_of_year, 12)),
        ("month_of_year", 12, "year", False),
    ):
        text = getattr(fields, name)
        match = re.fullmatch(r"\*/(\d+)", text)
        step = int(match[1]) if match else 1
        if step > size:
            yield f"{name} is {text}, longer than its {period}: it matches once each {period}"
        elif size % step and not last_only:
            rest = "" if name == "day_of_month" else f", {size % step} rather than {step} after the last run"
            yield f"{name} is {text}: it starts over with each {period}{rest}"
