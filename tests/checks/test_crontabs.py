"""Crontabs: tables of entries and what is said of their times."""

from __future__ import annotations

from itertools import pairwise

import pytest

from celerycheck.subjects import CrontabFields, ScheduleEntry
from celerycheck.testing import app, problems

WORK = "proj.tasks.work"


def every(seconds, name="entry", **fields):
    return ScheduleEntry(name, **({"task": WORK, "seconds": seconds, "text": f"every {seconds} s"} | fields))


def cron(name="entry", fields=None, **times):
    crontab = CrontabFields(**times)
    text = " ".join(
        [crontab.minute, crontab.hour, crontab.day_of_month, crontab.month_of_year, crontab.day_of_week]
    )
    return ScheduleEntry(
        name, **({"task": WORK, "kind": "crontab", "crontab": crontab, "text": text} | (fields or {}))
    )


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (cron(hour="3"), ["minute is * while hour is 3: it fires 60 times an hour"]),
        (cron(hour="*/4"), ["minute is * while hour is */4: it fires 60 times an hour"]),
        (cron(hour="8,12,18"), ["minute is * while hour is 8,12,18: it fires 60 times an hour"]),
        (cron(hour="3", day_of_week="mon"), ["minute is * while hour is 3: it fires 60 times an hour"]),
        (
            cron(day_of_week="mon"),
            ["minute and hour are * while day_of_week is mon: it fires 1440 times a day"],
        ),
        (
            cron(day_of_month="1"),
            ["minute and hour are * while day_of_month is 1: it fires 1440 times a day"],
        ),
        (cron(), []),
        (cron(minute="0", hour="3"), []),
        (cron(minute="*/5", hour="3"), []),
        (cron(minute="*/1", hour="3"), []),
        (cron(minute="0-59", hour="3"), []),
        (cron(hour="9-17"), []),
        (cron(hour="9,10,11"), []),
        (cron(hour="22-4"), []),
        (cron(hour="*/1"), []),
        (cron(hour="9-17", day_of_week="mon"), []),
        (cron(day_of_week="mon-fri"), []),
        (cron(day_of_week="sat,sun"), []),
        (cron(day_of_month="1-7"), []),
        (cron(month_of_year="12"), []),
        (cron(minute="0", day_of_week="mon"), []),
        (cron(hour="computed()"), []),
        (every(60), []),
    ],
)
def test_every_minute_crontab(entry, messages):
    assert problems("every-minute-crontab", app(schedule=(entry,))) == messages


@pytest.mark.parametrize(
    ("entry", "messages"),
    [
        (
            cron(minute="*/40"),
            ["minute is */40: it starts over with each hour, 20 rather than 40 after the last run"],
        ),
        (
            cron(minute="0", hour="*/5"),
            ["hour is */5: it starts over with each day, 4 rather than 5 after the last run"],
        ),
        (
            cron(minute="0", hour="3", day_of_week="*/2"),
            ["day_of_week is */2: it starts over with each week, 1 rather than 2 after the last run"],
        ),
        (
            cron(minute="0", hour="3", day_of_month="*/2"),
            ["day_of_month is */2: it starts over with each month"],
        ),
        (
            cron(minute="0", hour="3", day_of_month="1", month_of_year="*/5"),
            ["month_of_year is */5: it starts over with each year, 2 rather than 5 after the last run"],
        ),
        (cron(minute="*/90"), ["minute is */90, longer than its hour: it matches once each hour"]),
        (cron(minute="0", hour="*/48"), ["hour is */48, longer than its day: it matches once each day"]),
        (cron(), []),
        (cron(minute="*/1"), []),
        (cron(minute="*/15"), []),
        (cron(minute="*/20"), []),
        (cron(minute="*/60"), []),
        (cron(minute="0", hour="*/6"), []),
        (cron(minute="0", hour="*/24"), []),
        (cron(minute="0", hour="3", month_of_year="*/3"), []),
        (cron(minute="0", hour="3", day_of_week="*/7"), []),
        # Nothing starts over: the next hour, day or month is not asked for.
        (cron(minute="*/40", hour="3"), []),
        (cron(minute="0", hour="*/5", day_of_week="sun"), []),
        (cron(minute="0", hour="3", day_of_month="*/10", month_of_year="1"), []),
        (cron(minute="0-59/40"), []),
        (cron(minute="*/40,10"), []),
        (cron(minute="0", hour="8-18/3"), []),
        (every(2400), []),
    ],
)
def test_uneven_crontab(entry, messages):
    assert problems("uneven-crontab", app(schedule=(entry,))) == messages


@pytest.mark.parametrize(
    ("fields", "times"),
    [
        ({"hour": 3}, 60),
        ({"hour": "*/4"}, 6 * 60),
        ({"day_of_week": 1}, 24 * 60),
        ({"minute": 0, "hour": 3}, 1),
        ({"minute": "*/40"}, 2 * 24),
        ({"minute": "*/90"}, 24),
    ],
)
def test_how_often_celery_fires_a_crontab_in_a_day(fields, times):
    from celery.schedules import crontab

    built = crontab(**fields)
    assert len(built.minute) * len(built.hour) == times


@pytest.mark.parametrize(
    ("minute", "gaps"), [("*/40", {20, 40}), ("*/20", {20}), ("*/90", {60}), ("*/7", {4, 7})]
)
def test_the_gaps_celery_leaves_between_runs(minute, gaps):
    from datetime import datetime, timezone

    from celery import Celery
    from celery.schedules import crontab

    unit = Celery("unit", set_as_current=False)
    now = datetime(2024, 1, 1, tzinfo=timezone.utc)
    schedule = crontab(minute=minute, app=unit, nowfun=lambda: now)
    moments = [now]
    for _ in range(20):
        now = now + schedule.remaining_estimate(now)
        moments.append(now)
    assert {round((b - a).total_seconds() / 60) for a, b in pairwise(moments)} == gaps
