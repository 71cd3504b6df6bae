"""What `celery beat` sends: tasks nobody registered, arguments that do not fit, and runs that pile up."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celerycheck.checks._crontab_times import left_open, times_of
from celerycheck.checks._limits import limit_of
from celerycheck.checks._schedules import BUILT_IN, entries_of
from celerycheck.checks._wording import number
from celerycheck.nearest import TaskNames, nearest
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, ScheduleEntry, TaskInfo

_KEYS = ("task", "schedule", "args", "kwargs", "options", "relative")
_GUARDS = frozenset({"lock", "rlock", "mutex", "semaphore", "singleton", "once"})
_COMPARED = 20


@check
def unknown_scheduled_task(app: App) -> Iterator[Problem]:
    """A schedule entry names a task that is not registered.

    Why: beat sends it all the same; the worker logs an error, throws the message away, and the job
        never runs.
    Fix: correct the task's name, or make sure that its module is imported.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    entries = [entry for entry in entries_of(app) if entry.name != BUILT_IN and entry.task]
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
def scheduled_arity(app: App) -> Iterator[Problem]:
    """A schedule entry's arguments do not fit its task.

    Why: every send raises TypeError in beat, which logs it and goes on: the job never runs.
    Fix: give the entry the `args` and `kwargs` that the task's function takes.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    for entry in entries_of(app):
        if entry.arity_error:
            yield Problem(f"its arguments do not fit the task: {entry.arity_error}", about=entry)


@check
def malformed_schedule(app: App) -> Iterator[Problem]:
    """A schedule entry cannot be used.

    Why: one entry that beat cannot build stops beat when it starts, and every other entry with it.
    Fix: give each entry a `task` and a `schedule` (seconds, a `timedelta`, a `crontab`), and no keys but
        `args`, `kwargs`, `options` and `relative`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#available-fields
    """
    for entry in entries_of(app):
        for message, fix in _faults(entry):
            yield Problem(message, fix=fix, about=entry)


def _faults(entry: ScheduleEntry) -> Iterator[tuple[str, str | None]]:
    """Why beat cannot use an entry, and what to write instead where that is known."""
    for key in entry.unknown_keys:
        near = nearest(key, _KEYS)
        known = (
            f"did you mean {near!r}?"
            if near
            else f"remove it, or put it under one of {', '.join(_KEYS[2:5])}"
        )
        yield f"beat does not start: it does not know the key {key!r}", known
    if entry.unknown_keys:
        return
    if entry.error and not _never_fires(entry):
        yield entry.error, None
    elif entry.kind == "malformed":
        yield "beat cannot use its schedule", None
    elif not entry.task:
        yield "it names no task", None


def _never_fires(entry: ScheduleEntry) -> bool:
    """Whether Celery itself could not find a next run of a crontab."""
    return entry.kind == "crontab" and (entry.error or "").startswith("it never fires")


@check
def impossible_schedule(app: App) -> Iterator[Problem]:
    """A schedule entry never fires, or fires without pause.

    Why: a date that does not exist never comes; an interval of zero makes beat send as fast as it can,
        until the broker is full.
    Fix: correct the date, or give a positive interval.
    Reference: celery.schedules
    """
    for entry in entries_of(app):
        fault = _impossible(entry)
        if fault is not None:
            yield Problem(fault, about=entry)


def _impossible(entry: ScheduleEntry) -> str | None:
    """Why an entry never fires, or fires without pause; None where it does neither."""
    if entry.kind == "interval" and entry.seconds is not None and entry.seconds <= 0:
        return f"its interval is {number(entry.seconds)} s: beat sends it without pause"
    times = times_of(entry.crontab) if entry.crontab else None
    if entry.crontab is None or ((times is None or times.possible) and not _never_fires(entry)):
        return None
    if times is None or times.possible:
        return entry.error or "it never fires"
    if times.minute and times.hour and times.day_of_week and times.day_of_month and times.month_of_year:
        return (
            f"it never fires: day_of_month {entry.crontab.day_of_month} never occurs in month_of_year"
            f" {entry.crontab.month_of_year}"
        )
    return "it never fires: one of its fields is empty"


@check
def overlapping_schedule(app: App, *, unlimited_within: float = 3600.0) -> Iterator[Problem]:
    """Scheduled runs may pile up.

    Why: beat sends the next run whether or not the last one is done: runs overlap, and a worker that
        was away for an hour finds an hour's worth of them.
    Fix: set `expires` in the entry's options to its interval, and a time limit below it. Runs without a
        limit count as too long where they are sent less than `unlimited_within` seconds apart.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#introduction
    """
    for entry in entries_of(app):
        task = app.task(entry.task) if entry.task else None
        gap = _shortest_gap(entry)
        if task is None or not gap or entry.expires is not None or _is_guarded(task):
            continue
        try:
            limit = limit_of(app.settings, task, "time_limit")
            limit = limit or limit_of(app.settings, task, "soft_time_limit")
        except NotEvaluated:
            continue
        fix = f'"options": {{"expires": {number(gap)}}}'
        if limit is not None and gap < limit:
            yield Problem(
                f"sent {number(gap)} s apart, while a run may take {number(limit)} s, and it never expires",
                fix=fix,
                about=entry,
            )
        elif limit is None and gap < unlimited_within:
            yield Problem(
                f"sent {number(gap)} s apart, with neither a time limit nor expires", fix=fix, about=entry
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
    if entry.crontab is None or left_open(entry.crontab):
        # That it fires every minute is the fault, and every-minute-crontab says so.
        return None
    times = times_of(entry.crontab)
    return float(times.shortest_gap) if times is not None and times.possible else None


@check
def duplicate_schedule(app: App) -> Iterator[Problem]:
    """Two schedule entries do the same work.

    Why: the work is done twice, side by side; two names that differ by a dash are one entry renamed, of
        which the old one was left behind.
    Fix: remove one of them; to run at several times, list the times in one crontab.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html#entries
    """
    earlier: dict[tuple[str, ...], list[ScheduleEntry]] = {}
    named: dict[tuple[str, ...], ScheduleEntry] = {}
    for entry in entries_of(app):
        usable = entry.kind == "crontab" or (entry.kind == "interval" and (entry.seconds or 0) > 0)
        if not entry.task or not usable or (entry.arguments and not entry.digest):
            continue
        where = [repr(entry.options.get(option)) for option in ("queue", "exchange", "routing_key")]
        # One task and set of arguments under dozens of distinct schedules is not what this looks for.
        seen = earlier.setdefault((entry.task, entry.digest, *where), [])
        twin = next((other for other in seen if _coincide(other, entry)), None)
        if twin is None and len(seen) < _COMPARED:
            seen.append(entry)
        namesake = named.setdefault((entry.task, entry.digest, *where, _folded(entry.name)), entry)
        if twin is not None:
            how = _how(twin, entry)
        elif namesake is not entry:
            twin, how = namesake, "and is called the same but for case, dashes and blanks"
        else:
            continue
        yield Problem(
            f"sends the same task with the same arguments as {twin.name!r}, {how}",
            about=entry,
        )


def _folded(name: str) -> str:
    return re.sub(r"[-_\s]", "", name).casefold()


def _coincide(one: ScheduleEntry, other: ScheduleEntry) -> bool:
    """Whether both fire at the same times: two intervals always, two crontabs where every field meets."""
    if one.kind == other.kind == "interval":
        return True
    if one.crontab is None or other.crontab is None:
        return False
    if one.crontab == other.crontab:
        return True
    mine, theirs = times_of(one.crontab), times_of(other.crontab)
    return mine is not None and theirs is not None and mine.meets(theirs)


def _how(one: ScheduleEntry, other: ScheduleEntry) -> str:
    if one.text == other.text:
        return f"both {one.text}" if one.text else "at the same times"
    return f"one {one.text} and the other {other.text}" if one.text and other.text else "at times that meet"
