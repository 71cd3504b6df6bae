"""Which entries of a schedule are seen: tables of schedulers."""

from __future__ import annotations

import pytest

from celerycheck.checks._schedules import entries_of
from celerycheck.subjects import NotEvaluated, ScheduleEntry
from celerycheck.testing import app, problems

OURS = ScheduleEntry("ours", task="t", seconds=60)
CLEANUP = ScheduleEntry("celery.backend_cleanup", task="celery.backend_cleanup")
IN_A_DATABASE = "django_celery_beat.schedulers:DatabaseScheduler"
CHECKS = [
    "duplicate-schedule",
    "every-minute-crontab",
    "impossible-schedule",
    "malformed-schedule",
    "overlapping-schedule",
    "scheduled-arity",
    "uneven-crontab",
    "unknown-scheduled-task",
]


@pytest.mark.parametrize(
    ("scheduler", "entries"),
    [
        ("celery.beat:PersistentScheduler", ()),
        ("celery.beat.PersistentScheduler", ()),
        ("celery.beat:Scheduler", (CLEANUP,)),
        ("celery.beat:PersistentScheduler", (OURS,)),
        (IN_A_DATABASE, (OURS,)),
        ("redbeat.RedBeatScheduler", (CLEANUP, OURS)),
    ],
)
def test_entries_that_are_seen(scheduler, entries):
    assert entries_of(app(schedule=entries, scheduler=scheduler)) == entries


@pytest.mark.parametrize("entries", [(), (CLEANUP,)])
@pytest.mark.parametrize("scheduler", [IN_A_DATABASE, "redbeat.RedBeatScheduler", "django", "proj.beat:Own"])
def test_entries_that_are_kept_elsewhere(scheduler, entries):
    with pytest.raises(NotEvaluated, match=f"kept by {scheduler}, and not seen"):
        entries_of(app(schedule=entries, scheduler=scheduler))


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_passes_a_schedule_that_is_not_seen(check):
    with pytest.raises(NotEvaluated, match="not seen"):
        problems(check, app(scheduler=IN_A_DATABASE))
    assert problems(check, app()) == []
