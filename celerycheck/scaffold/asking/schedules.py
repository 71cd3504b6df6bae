"""When a periodic task runs: an interval, or the five fields of a crontab line."""

from __future__ import annotations

import re

from celerycheck.checks._crontab_times import expand
from celerycheck.checks.crontabs import every_minute_crontab, uneven_crontab
from celerycheck.checks.schedule import impossible_schedule
from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import durations
from celerycheck.scaffold.spec import Cron, Every
from celerycheck.subjects import App, CrontabFields, ScheduleEntry

_FIELDS = (
    ("minute", 60, 0, "0 to 59"),
    ("hour", 24, 0, "0 to 23"),
    ("day of month", 31, 1, "1 to 31"),
    ("month", 12, 1, "1 to 12, or jan to dec"),
    ("day of week", 7, 0, "0 to 6 (Sunday is 0), or sun to sat"),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SHORTHANDS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
FIVE = 'Five fields: minute, hour, day of month, month, day of week, as in "30 3 * * *".'


def every(text: str) -> Every:
    """An interval. Raises UsageError."""
    return Every(durations.seconds(text))


def cron(text: str) -> Cron:
    """A crontab that Celery can read, that fires, and that says what it means. Raises UsageError."""
    fields = text.split()
    if len(fields) == 1 and fields[0].lower() in _SHORTHANDS:
        raise UsageError(
            f"{text!r} is none of Celery's", f'Write "{_SHORTHANDS[fields[0].lower()]}" instead.'
        )
    if len(fields) != len(_FIELDS):
        raise UsageError(f"{text!r} has {len(fields)} field{'s' * (len(fields) != 1)}", FIVE)
    _refuse_unreadable(fields)
    fields[3] = months_in_numbers(fields[3])
    written = Cron(*fields)
    _refuse_surprises(as_fields(written))
    return written


def months_in_numbers(field: str) -> str:
    """The field of months without their names, which Celery 5.3 does not know."""
    return re.sub("[A-Za-z]+", lambda name: str(_MONTHS.index(name[0][:3].lower()) + 1), field)


def as_fields(written: Cron) -> CrontabFields:
    """The same, as the picture of an app holds crontabs."""
    return CrontabFields(
        minute=written.minute,
        hour=written.hour,
        day_of_week=written.day_of_week,
        day_of_month=written.day_of_month,
        month_of_year=written.month_of_year,
    )


def _refuse_unreadable(fields: list[str]) -> None:
    """Raise UsageError that names every field that Celery could not read."""
    faults = [
        f"{name} {field!r} (it takes {takes})"
        for field, (name, size, first, takes) in zip(fields, _FIELDS, strict=True)
        if not re.fullmatch(r"[\w*/,-]+", field, re.ASCII)
        or not all(expand(part, size, first) for part in field.split(","))
    ]
    if faults:
        raise UsageError(f"Celery cannot read {', and '.join(faults)}", FIVE)


def _refuse_surprises(fields: CrontabFields) -> None:
    """Raise UsageError for what the audit would find: it never fires, or not when it seems to."""
    picture = App(schedule=(ScheduleEntry("new", task="new", kind="crontab", crontab=fields),))
    for check, hint in (
        (impossible_schedule, "Name a day that its months have."),
        (every_minute_crontab, 'Begin it with "0", or write "* * * * *" where every minute is meant.'),
        (uneven_crontab, "Use --every for an even pace, or list the values."),
    ):
        for problem in check(picture):
            raise UsageError(problem.message, hint)
