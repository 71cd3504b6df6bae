"""What a periodic task needs besides: its lock, and its entry in the schedule."""

from __future__ import annotations

from celerycheck.checks._crontab_times import times_of
from celerycheck.errors import UsageError
from celerycheck.scaffold.asking.schedules import as_fields
from celerycheck.scaffold.layout import Layout
from celerycheck.scaffold.making.registered import task_names
from celerycheck.scaffold.merging.encoding import decoded
from celerycheck.scaffold.merging.entries import added
from celerycheck.scaffold.pieces import Entry
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.settings_places import place
from celerycheck.scaffold.spec import Cron, Every, Spec

SETTING = "beat_schedule"
SPARE = 30
"""Seconds by which a lease outlasts the time limit: clocks differ, and killing takes a moment."""

LONGEST_WAIT = 3600
"""Seconds after which a run that a crontab asked for is no longer wanted, however rare its runs."""

_GAPS = {
    "cache": "the cache is restarted or drops the key",
    "django": "clocks differ by more than the lease has to spare",
    "sqlalchemy": "clocks differ by more than the lease has to spare",
    "redis": "Redis is restarted or fails over and loses the key",
}
"""When a lock of each kind does not hold."""


def values(spec: Spec) -> dict[str, object]:
    """The names that the templates of a periodic task have besides those of every template."""
    return {
        "lease": spec.time_limit + SPARE,
        "lock_gap": _GAPS[spec.lock],
        "shares_store": spec.lock == spec.store,
        "left_out": f'"{spec.name}(%s) is left out: another run goes on"',
    }


def models(spec: Spec) -> list[str]:
    """The Django models that the lock needs."""
    return ["TaskLock"] if spec.kind == "periodic" and spec.lock == "django" else []


def entries(spec: Spec, project: Project, layout: Layout) -> list[Entry]:
    """The entry in the schedule; none where the schedule cannot be extended, and has it already.

    Raises UsageError that tells what to write there, where it has not.
    """
    if spec.schedule is None:
        return []
    (task,) = task_names(spec, layout.tasks.module)
    key = spec.name.strip("_").replace("_", "-")
    when, statement = written(spec.schedule)
    value = f'{{"task": "{task}", "schedule": {when}, "options": {{"expires": {expires(spec.schedule)}}}}}'
    try:
        where = place(project, SETTING)
        made = Entry(
            where.path, SETTING, where.spelled, key, value, where.how, where.owner or "app", (statement,)
        )
        added(decoded((project.root / where.path).read_bytes(), where.path)[0], made)
    except UsageError as error:
        if any(there.task == task for there in project.app.schedule):
            return []
        by_hand = f'Add this to {SETTING} by hand, then run it again: "{key}": {value}.'
        raise UsageError(error.message, by_hand) from None
    return [made]


def written(schedule: Every | Cron) -> tuple[str, str]:
    """A schedule's source, and the line that imports what it uses."""
    if isinstance(schedule, Every):
        given = ", ".join(f"{unit}={count}" for unit, count in parts(schedule.seconds) if count)
        return f"timedelta({given})", "from datetime import timedelta"
    fields = {name: text for name, text in vars(schedule).items() if text != "*"} or {"minute": "*"}
    given = ", ".join(f"{name}={literal(text)}" for name, text in fields.items())
    return f"crontab({given})", "from celery.schedules import crontab"


def parts(seconds: int) -> list[tuple[str, int]]:
    """A time by the units of `timedelta`."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return [("days", days), ("hours", hours), ("minutes", minutes), ("seconds", seconds)]


def literal(field: str) -> str:
    """A crontab's field as source: a number as such, all else as text."""
    return str(int(field)) if field.isdecimal() else f'"{field}"'


def expires(schedule: Every | Cron) -> int:
    """Seconds after which a run is no longer wanted: the next one is sent by then."""
    if isinstance(schedule, Every):
        return schedule.seconds
    times = times_of(as_fields(schedule))
    return min(times.shortest_gap, LONGEST_WAIT) if times is not None and times.possible else LONGEST_WAIT
