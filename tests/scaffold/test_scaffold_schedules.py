"""Times and crontabs as people write them."""

from __future__ import annotations

import pytest
from celery.schedules import crontab

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import durations, schedules
from celerycheck.scaffold.spec import Cron, Every


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1", 1),
        ("90", 90),
        ("90s", 90),
        ("15m", 900),
        ("1h", 3600),
        ("1h30m", 5400),
        ("1H 30M", 5400),
        ("1d", 86_400),
        ("1d1h1m1s", 90_061),
        ("366d", 366 * 86_400),
    ],
)
def test_times(text, seconds):
    assert durations.seconds(text) == seconds
    assert durations.seconds(durations.text_of(seconds)) == seconds
    assert schedules.every(text) == Every(seconds)


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("", "no time"),
        ("0", "less than a second"),
        ("0s", "less than a second"),
        ("0.5s", "no time"),
        ("-5m", "no time"),
        ("15min", "Did you mean 15m?"),
        ("2 hours", "Did you mean 2h?"),
        ("5 parsecs", "Write it as"),
        ("30m1h", "no time"),
        ("1h1h", "no time"),
        ("367d", "more than a year"),
        ("9" * 5000, "more than a year"),
        ("9" * 5000 + "d", "more than a year"),
        ("①", "no time"),
        ("٣m", "no time"),
    ],
)
def test_no_times(text, needle):
    with pytest.raises(UsageError) as refused:
        durations.seconds(text)
    assert needle in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    ("months", "numbers"),
    [("jan,jul", "1,7"), ("Mar-may", "3-5"), ("december", "12"), ("*/3", "*/3"), ("2-4", "2-4"), ("*", "*")],
)
def test_months_are_numbers_which_every_celery_reads(months, numbers):
    read = schedules.cron(f"0 0 1 {months} *")
    assert read.month_of_year == numbers
    crontab(month_of_year=read.month_of_year)


@pytest.mark.parametrize(
    "text",
    [
        "30 3 * * *",
        "* * * * *",
        "*/15 * * * *",
        "0 */2 * * *",
        "0 9-17 * * mon-fri",
        "0 0 1 1,7 *",
        "0,30 8-18/2 * * 1,3,5",
        "0 0 29 2 *",
        "0 0 1 */3 *",
        "15 22-2 * * *",
        "0 0 * * sunday",
        "* 9-17 * * *",
    ],
)
def test_crontabs(text):
    read = schedules.cron(text)
    assert read == Cron(*text.split())
    # Celery takes the same fields.
    crontab(
        minute=read.minute,
        hour=read.hour,
        day_of_month=read.day_of_month,
        month_of_year=read.month_of_year,
        day_of_week=read.day_of_week,
    )


@pytest.mark.parametrize(
    ("text", "needles"),
    [
        ("", ["0 fields", "Five fields"]),
        ("30", ["1 field"]),
        ("30 3 * *", ["4 fields"]),
        ("0 30 3 * * *", ["6 fields"]),
        ("@daily", ["none of Celery's", '"0 0 * * *"']),
        ("60 * * * *", ["minute '60'", "0 to 59"]),
        ("0 24 * * *", ["hour '24'", "0 to 23"]),
        ("0 0 0 * *", ["day of month '0'", "1 to 31"]),
        ("0 0 1 13 *", ["month '13'"]),
        ("0 0 * * 7", ["day of week '7'", "Sunday is 0"]),
        ("0 0 * * funday", ["day of week 'funday'"]),
        ("61 25 * * *", ["minute '61'", "hour '25'"]),
        ("*/0 * * * *", ["minute '*/0'"]),
        ("5/15 * * * *", ["minute '5/15'"]),
        ("1,,2 * * * *", ["minute '1,,2'"]),
        (", * * * *", ["minute ','"]),
        ("[1] * * * *", ["minute '[1]'"]),
        ("0 0 30 2 *", ["never occurs"]),
        ("0 0 31 2,4,6 *", ["never occurs"]),
        ("* 3 * * *", ["60 times an hour", '"* * * * *"']),
        ("* * * * 1", ["1440 times a day"]),
        ("*/40 * * * *", ["starts over", "--every"]),
    ],
)
def test_no_crontabs(text, needles):
    with pytest.raises(UsageError) as refused:
        schedules.cron(text)
    for needle in needles:
        assert needle in f"{refused.value.message} {refused.value.hint}"
