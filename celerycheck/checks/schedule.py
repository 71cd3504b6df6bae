"""What `celery beat` sends: unknown tasks, times that are not what they seem, and runs that pile up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from celerycheck.nearest import TaskNames, nearest
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, CrontabFields, ScheduleEntry, TaskInfo

_BUILT_IN = "celery.backend_cleanup"
_KEYS = ("task", "schedule", "args", "kwargs", "options", "relative")
_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {
    7: {name: number for number, name in enumerate(_DAY_NAMES)},
    12: {name: number for number, name in enumerate(_MONTH_NAMES, start=1)},
}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_GUARDS = frozenset({"lock", "rlock", "mutex", "semaphore", "singleton", "once"})
_COMPARED = 20


@check
def unknown_scheduled_task(app: App) -> Iterator[Problem]:
    """Schedule names a task that nobody registers.

    Why: beat sends it all the same; the worker logs an error, throws the message away, and the job
        never runs.
    Fix: correct the task's name, or make sure that its module is imported.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    entries = [entry for entry in app.schedule if entry.name != _BUILT_IN and entry.task]
    if entries and not app.partial and not app.tasks and not app.third_party:
        raise NotEvaluated("this app registers no tasks: what it schedules runs in another app")
    registered = TaskNames(app.names)
    for entry in entries:
        if entry.task and entry.registered is False:
            near = registered.nearest(entry.task)
            yield Problem(
                f"no task is registered as {entry.task!r}",
                fix=f"did you mean {near!r}?" if near else None,
                about=entry,
            )
    if any(entry.registered is None for entry in entries):
        raise NotEvaluated(f"only part of the tasks could be loaded: {app.partial}")


@check
def every_minute_crontab(entry: ScheduleEntry) -> Iterator[Problem]:
    """Crontab fires every minute of an hour or day.

    Why: a field left out of `crontab()` means every, not zero: `crontab(hour=3)` fires 60 times.
    Fix: set `minute`, and where only the day is given `hour` as well.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules
    """
    fields = entry.crontab
    left_open = _left_open(fields) if fields else None
    if fields is None or left_open is None:
        return
    name, text = left_open
    if name == "hour":
        yield Problem(f"minute is * while hour is {text}: it fires 60 times an hour", fix="add minute=0")
    else:
        yield Problem(
            f"minute and hour are * while {name} is {text}: it fires 1440 times a day",
            fix="add minute=0, hour=0",
        )


def _left_open(fields: CrontabFields) -> tuple[str, str] | None:
    """The field, and its text, that is pinned to single values while all below it were left at `*`.

    Ranges are no sign of a mistake: every minute of `hour="9-17"` may well be meant.
    """
    if fields.minute != "*":
        return None
    if fields.hour != "*":
        return ("hour", fields.hour) if _apart(fields.hour, 24) else None
    if fields.day_of_week != "*" and _apart(fields.day_of_week, 7):
        return "day_of_week", fields.day_of_week
    if fields.day_of_month != "*" and _apart(fields.day_of_month, 31):
        return "day_of_month", fields.day_of_month
    return None


@check
def overlapping_schedule(app: App, *, unlimited_within: float = 3600.0) -> Iterator[Problem]:
    """Scheduled runs may pile up.

    Why: beat sends the next run whether or not the last one is done: runs overlap, and a worker that
        was away for an hour finds an hour's worth of them.
    Fix: set `expires` in the entry's options to its interval, and a time limit below it.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#introduction
    """
    for entry in app.schedule:
        task = app.task(entry.task) if entry.task else None
        gap = _shortest_gap(entry)
        if task is None or not gap or entry.expires is not None or _is_guarded(task):
            continue
        try:
            limit = task.time_limit or task.soft_time_limit
        except NotEvaluated:
            continue
        fix = f'"options": {{"expires": {gap:g}}}'
        if limit is not None and gap < limit:
            yield Problem(
                f"sent {gap:g} s apart, while a run may take {limit:g} s, and it never expires",
                fix=fix,
                about=entry,
            )
        elif limit is None and gap <= unlimited_within:
            yield Problem(
                f"sent {gap:g} s apart, with neither a time limit nor expires", fix=fix, about=entry
            )


def _is_guarded(task: TaskInfo) -> bool:
    """Whether its code, options or classes mention a lock: overlapping runs were thought of."""
    names = (*task.names_read, *task.explicit, *(c.name.rpartition(".")[2] for c in task.classes))
    return any(not _GUARDS.isdisjoint(_words(name)) for name in names)


def _words(name: str) -> list[str]:
    return [word.lower() for word in re.split(r"_|(?<=[a-z])(?=[A-Z])", name)]


def _shortest_gap(entry: ScheduleEntry) -> float | None:
    """The shortest time between two runs, in seconds; None where it is not known."""
    if entry.kind == "interval":
        return entry.seconds
    if entry.crontab is None or _left_open(entry.crontab):
        # That it fires every minute is the fault, and every-minute-crontab says so.
        return None
    times = _times(entry.crontab)
    if times is None or not times.possible:
        return None
    minutes, hours = sorted(times.minute), sorted(times.hour)
    within = [later - earlier for earlier, later in pairwise(minutes)]
    to_next_hour = minutes[0] - minutes[-1]
    within += [60 * (later - earlier) + to_next_hour for earlier, later in pairwise(hours)]
    days = 1 if times.on_consecutive_days else 2
    within.append(60 * (24 * days + hours[0] - hours[-1]) + to_next_hour)
    return float(60 * min(within))


@check
def duplicate_schedule(app: App) -> Iterator[Problem]:
    """Two schedule entries send the same task at the same times.

    Why: the work is done twice, side by side.
    Fix: remove one of them; to run at several times, list the times in one crontab.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#entries
    """
    earlier: dict[tuple[str, ...], list[ScheduleEntry]] = {}
    for entry in app.schedule:
        usable = entry.kind == "crontab" or (entry.kind == "interval" and (entry.seconds or 0) > 0)
        if not entry.task or not usable or (entry.arguments and not entry.digest):
            continue
        where = [repr(entry.options.get(option)) for option in ("queue", "exchange", "routing_key")]
        # One task and set of arguments under dozens of distinct schedules is not what this looks for.
        seen = earlier.setdefault((entry.task, entry.digest, *where), [])
        twin = next((other for other in seen if _coincide(other, entry)), None)
        if twin is not None:
            yield Problem(
                f"sends the same task with the same arguments as {twin.name!r}, {_how(twin, entry)}",
                about=entry,
            )
        elif len(seen) < _COMPARED:
            seen.append(entry)


def _coincide(one: ScheduleEntry, other: ScheduleEntry) -> bool:
    """Whether both fire at the same times: two intervals always, two crontabs where every field meets."""
    if one.kind == other.kind == "interval":
        return True
    if one.crontab is None or other.crontab is None:
        return False
    if one.crontab == other.crontab:
        return True
    mine, theirs = _times(one.crontab), _times(other.crontab)
    return mine is not None and theirs is not None and mine.meets(theirs)


def _how(one: ScheduleEntry, other: ScheduleEntry) -> str:
    if one.text == other.text:
        return f"both {one.text}" if one.text else "at the same times"
    return f"one {one.text} and the other {other.text}" if one.text and other.text else "at times that meet"


@check
def uneven_crontab(entry: ScheduleEntry) -> Iterator[Problem]:
    """Crontab step does not divide its range.

    Why: a step starts over with each hour, day, week, month or year: `*/40` minutes fires at :00 and
        :40, then again after 20 minutes.
    Fix: use a step that divides the range, or an interval (`timedelta(minutes=40)`).
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#crontab-schedules
    """
    fields = entry.crontab
    if fields is None:
        return
    for name, size, period, last_only in (
        ("minute", 60, "hour", _apart(fields.hour, 24)),
        ("hour", 24, "day", _apart(fields.day_of_month, 31) or _apart(fields.day_of_week, 7)),
        ("day_of_week", 7, "week", False),
        ("day_of_month", 31, "month", _apart(fields.month_of_year, 12)),
        ("month_of_year", 12, "year", False),
    ):
        text = getattr(fields, name)
        match = re.fullmatch(r"\*/(\d+)", text)
        step = int(match[1]) if match else 1
        if step > size:
            yield Problem(f"{name} is {text}, longer than its {period}: it matches once each {period}")
        elif size % step and not last_only:
            rest = "" if name == "day_of_month" else f", {size % step} rather than {step} after the last run"
            yield Problem(f"{name} is {text}: it starts over with each {period}{rest}")


@check
def malformed_schedule(entry: ScheduleEntry) -> Iterator[Problem]:
    """Schedule entry cannot be used.

    Why: one entry that beat cannot build stops beat when it starts, and every other entry with it.
    Fix: give each entry a `task` and a `schedule` (seconds, a `timedelta`, a `crontab`), and no keys but
        `args`, `kwargs`, `options` and `relative`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    for key in entry.unknown_keys:
        near = nearest(key, _KEYS)
        yield Problem(
            f"beat does not start: it does not know the key {key!r}",
            fix=f"did you mean {near!r}?"
            if near
            else f"remove it, or put it under one of {', '.join(_KEYS[2:5])}",
        )
    if entry.unknown_keys:
        return
    if entry.error and not _never_fires(entry):
        yield Problem(entry.error)
    elif entry.kind == "malformed":
        yield Problem("beat cannot use its schedule")
    elif not entry.task:
        yield Problem("it names no task")


def _never_fires(entry: ScheduleEntry) -> bool:
    """Whether Celery itself could not find a next run of a crontab."""
    return entry.kind == "crontab" and (entry.error or "").startswith("it never fires")


@check
def impossible_schedule(entry: ScheduleEntry) -> Iterator[Problem]:
    """Schedule never fires, or fires without pause.

    Why: a date that does not exist never comes; an interval of zero makes beat send as fast as it can,
        until the broker is full.
    Fix: correct the date, or give a positive interval.
    Reference: celery.schedules
    """
    if entry.kind == "interval" and entry.seconds is not None and entry.seconds <= 0:
        yield Problem(f"its interval is {entry.seconds:g} s: beat sends it without pause")
        return
    times = _times(entry.crontab) if entry.crontab else None
    if entry.crontab is None or ((times is None or times.possible) and not _never_fires(entry)):
        return
    if times is None or times.possible:
        yield Problem(entry.error or "it never fires")
    elif times.minute and times.hour and times.day_of_week and times.day_of_month and times.month_of_year:
        yield Problem(
            f"it never fires: day_of_month {entry.crontab.day_of_month} never occurs in month_of_year"
            f" {entry.crontab.month_of_year}"
        )
    else:
        yield Problem("it never fires: one of its fields is empty")


@check
def scheduled_arity(entry: ScheduleEntry) -> Iterator[Problem]:
    """Scheduled arguments do not fit the task.

    Why: every send raises TypeError in beat, which logs it and goes on: the job never runs.
    Fix: give the entry the `args` and `kwargs` that the task's function takes.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    if entry.arity_error:
        yield Problem(f"its arguments do not fit the task: {entry.arity_error}")


@dataclass(frozen=True)
class _Times:
    """A crontab's fields as sets of numbers. All of them must match, days of week and month alike."""

    minute: frozenset[int]
    hour: frozenset[int]
    day_of_week: frozenset[int]
    day_of_month: frozenset[int]
    month_of_year: frozenset[int]

    @property
    def possible(self) -> bool:
        """Whether it ever fires."""
        return bool(self.minute and self.hour and self.day_of_week) and any(
            day <= _LONGEST[month - 1] for month in self.month_of_year for day in self.day_of_month
        )

    @property
    def on_consecutive_days(self) -> bool:
        return not _spread(self.day_of_month, 31) and not _spread(self.day_of_week, 7)

    def meets(self, other: _Times) -> bool:
        return all(
            not getattr(self, name).isdisjoint(getattr(other, name))
            for name in ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        )


@lru_cache(maxsize=4096)
def _times(fields: CrontabFields) -> _Times | None:
    """The numbers a crontab fires at; None where a field cannot be read here."""
    minute, hour = expand(fields.minute, 60), expand(fields.hour, 24)
    week, month = expand(fields.day_of_week, 7), expand(fields.day_of_month, 31, 1)
    year = expand(fields.month_of_year, 12, 1)
    if minute is None or hour is None or week is None or month is None or year is None:
        return None
    return _Times(minute, hour, week, month, year)


@lru_cache(maxsize=4096)
def expand(text: str, size: int, first: int = 0) -> frozenset[int] | None:
    """The numbers of one crontab field, as `celery.schedules.crontab_parser(size, first)` reads it.

    Lists and sets of numbers are read as Python writes them. None where a part cannot be read.
    """
    listed = re.sub(r"[\[\](){}\s'\"]|^set\b", "", text)
    numbers: set[int] = set()
    for part in listed.split(",") if listed else ():
        if not part:
            continue
        found = _expand_part(part, size, first)
        if found is None:
            return None
        numbers.update(found)
    return frozenset(numbers)


def _expand_part(part: str, size: int, first: int) -> list[int] | None:
    match = re.fullmatch(r"(?:\*|(\w+?)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or (match[3] and ((match[1] and not match[2]) or int(match[3]) == 0)):
        return None
    if match[1] is None:
        return list(range(first, first + size))[:: int(match[3] or 1)]
    start, end = _number(match[1], size, first), _number(match[2] or match[1], size, first)
    if start is None or end is None:
        return None
    numbers = list(range(start, end + 1))
    if end < start:
        numbers = [*range(start, first + size), *range(first, end + 1)]
    return numbers[:: int(match[3] or 1)]


def _number(text: str, size: int, first: int) -> int | None:
    """A number of the field's range, or a day's or month's name."""
    number = int(text) if text.isdecimal() else _NAMES.get(size, {}).get(text[:3].lower())
    return number if number is not None and first <= number < first + size else None


def _apart(text: str, size: int) -> bool:
    """Whether a field names single values with gaps between them: `3`, `8,12`, `*/2`."""
    numbers = expand(text, size, 1 if size in (31, 12) else 0)
    return numbers is not None and _spread(numbers, size)


def _spread(numbers: frozenset[int], size: int) -> bool:
    """Whether no two of them are neighbours, the last and the first included."""
    return bool(numbers) and all((n + 1) not in numbers and (n + 1 - size) not in numbers for n in numbers)
