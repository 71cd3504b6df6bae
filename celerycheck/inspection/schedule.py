"""The periodic tasks of `beat_schedule`, checked by hand: beat itself would stop at the first bad entry."""

from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from celerycheck.inspection.failures import cause_of
from celerycheck.inspection.places import Places
from celerycheck.inspection.plain import guarded, plain
from celerycheck.inspection.settings import SettingsReader
from celerycheck.subjects import CrontabFields, Location, ScheduleEntry

ENTRY_KEYS = frozenset(
    {
        "task",
        "schedule",
        "args",
        "kwargs",
        "options",
        "relative",
        "last_run_at",
        "total_run_count",
        "name",
        "app",
    }
)
"""What `celery.beat.ScheduleEntry` takes; any other key makes it raise TypeError."""


class ScheduleReader:
    """Reads the schedule of one app. `partial`: whether unregistered names prove nothing."""

    def __init__(self, app: Any, settings: SettingsReader, places: Places, partial: bool) -> None:
        self.app = app
        self.settings = settings
        self.places = places
        self.partial = partial
        self.scheduler = scheduler_name(app.conf.beat_scheduler)
        self.celery_scheduler = self.scheduler.startswith("celery.")

    def read(self) -> Tuple[ScheduleEntry, ...]:
        """Every entry, in the order written. A schedule that is no dict has no entries."""
        entries = guarded(lambda: self.app.conf.beat_schedule)
        if not isinstance(entries, Mapping):
            return ()
        return tuple(self._entry(str(name), entry) for name, entry in entries.items())

    def _entry(self, name: str, entry: Any) -> ScheduleEntry:
        location = self._location(name)
        fields = entry_fields(entry)
        if fields is None:
            why = f"the entry is {type(entry).__name__}, not a dict"
            return ScheduleEntry(name, kind="malformed", error=why, location=location)
        task = fields.get("task")
        args, kwargs, options = fields.get("args"), fields.get("kwargs"), fields.get("options")
        when = describe_schedule(fields.get("schedule"), self.app)
        error = when.pop("error") or field_error(task, args, kwargs, options)
        unknown = sorted(str(key) for key in fields if key not in ENTRY_KEYS) if self.celery_scheduler else []
        plain_options = plain(dict(options)) if isinstance(options, Mapping) else {}
        assert isinstance(plain_options, dict)
        return ScheduleEntry(
            name=name,
            task=task if isinstance(task, str) else None,
            expires=self._expires(options, task),
            registered=self._registered(task),
            arity_error=self._arity_error(task, args, kwargs),
            arguments=len(args) if isinstance(args, (list, tuple)) else 0,
            digest=digest(args, kwargs),
            options=plain_options,
            unknown_keys=tuple(unknown),
            error=error,
            location=location,
            **when,
        )

    def _location(self, name: str) -> Optional[Location]:
        place = self.settings.watch.periodic.get(name)
        if place:
            return self.places.location(*place)
        found = self.settings.source.dict_key(name, self.settings.files)
        return found or self.settings.read_one("beat_schedule").location

    def _registered(self, task: Any) -> Optional[bool]:
        if not isinstance(task, str):
            return None
        if task in self.app._tasks:
            return True
        return None if self.partial else False

    def _arity_error(self, task: Any, args: Any, kwargs: Any) -> Optional[str]:
        """Why the arguments do not fit, as Python says it; None where they do or where it cannot be told."""
        registered = self.app._tasks.get(task) if isinstance(task, str) else None
        header = getattr(registered, "__header__", None)
        if header is None or not getattr(registered, "typing", True):
            return None
        if not isinstance(args, (list, tuple, type(None))) or not isinstance(kwargs, (Mapping, type(None))):
            return None
        try:
            header(*(args or ()), **(kwargs or {}))
        except TypeError as error:
            return str(error)
        except Exception:  # noqa: BLE001  # keys that are no strings and the like
            return None
        return None

    def _expires(self, options: Any, task: Any) -> Union[float, str, None]:
        value = options.get("expires") if isinstance(options, Mapping) else None
        if value is None and isinstance(task, str):
            value = getattr(self.app._tasks.get(task), "expires", None)
        if isinstance(value, datetime.timedelta):
            return value.total_seconds()
        if isinstance(value, (int, float)):
            return float(value)
        return None if value is None else "set"


def scheduler_name(scheduler: Any) -> str:
    """The class of `beat_scheduler` by name: `celery.beat:PersistentScheduler`."""
    if isinstance(scheduler, str):
        return scheduler
    kind = scheduler if isinstance(scheduler, type) else type(scheduler)
    return f"{kind.__module__}:{kind.__qualname__}"


def entry_fields(entry: Any) -> Optional[Dict[str, Any]]:
    """The fields of an entry written as a dict or as a `ScheduleEntry`; None for anything else."""
    from celery.beat import ScheduleEntry as BeatEntry

    if isinstance(entry, BeatEntry):
        return {key: getattr(entry, key, None) for key in ("task", "schedule", "args", "kwargs", "options")}
    return dict(entry) if isinstance(entry, Mapping) else None


def field_error(task: Any, args: Any, kwargs: Any, options: Any) -> Optional[str]:
    """What beat or the send would choke on."""
    if not isinstance(task, str) or not task:
        return "it names no task" if task is None else f"its task is {type(task).__name__}, not a name"
    if args is not None and not isinstance(args, (list, tuple)):
        return f"its args are {type(args).__name__}, not a list or tuple"
    if kwargs is not None and not isinstance(kwargs, Mapping):
        return f"its kwargs are {type(kwargs).__name__}, not a dict"
    if options is not None and not isinstance(options, Mapping):
        return f"its options are {type(options).__name__}, not a dict"
    return None


def describe_schedule(value: Any, app: Any) -> Dict[str, Any]:
    """Kind, text, seconds, crontab fields, next run and whether it is due, as fields of ScheduleEntry."""
    from celery import schedules

    found: Dict[str, Any] = {"kind": "malformed", "text": "", "error": None}
    seconds = seconds_of(value)
    if value is None:
        found["error"] = "it has no schedule"
    elif isinstance(value, (int, float)) and seconds is None:
        found["error"] = f"its schedule is {value}, which is no number of seconds"
    elif seconds is not None:
        found.update(kind="interval", seconds=seconds, text=every(seconds))
        found.update(next_run=soon(app, seconds), due=seconds <= 0)
    elif isinstance(value, schedules.crontab):
        fields = crontab_fields(value)
        found.update(kind="crontab", crontab=fields, text=crontab_text(fields), **next_of(value, app))
    elif isinstance(value, schedules.solar):
        found.update(kind="solar", text=f"at {value.event.replace('_', ' ')}", **next_of(value, app))
    elif type(value) is schedules.schedule:
        found["error"] = "its schedule has no interval"
    elif callable(getattr(value, "is_due", None)):
        found.update(kind="custom", text=type(value).__name__, **next_of(value, app))
    else:
        found["error"] = f"its schedule is {type(value).__name__}, not seconds, a timedelta or a crontab"
    return found


def seconds_of(value: Any) -> Optional[float]:
    """The interval of a number, a timedelta or a `celery.schedules.schedule`; None for anything else."""
    from celery.schedules import schedule

    if type(value) is schedule:
        value = value.run_every
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if not isinstance(value, (int, float)):
        return None
    try:
        datetime.timedelta(seconds=value)
    except (OverflowError, ValueError):  # infinite, not a number, or more than a timedelta holds
        return None
    return float(value)


def crontab_fields(value: Any) -> CrontabFields:
    """The five fields as they were written."""
    names = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
    texts = []
    for name in names:
        written = getattr(value, f"_orig_{name}", "*")
        if isinstance(written, (set, frozenset, list, tuple)):
            written = ",".join(str(item) for item in sorted(written, key=str))
        texts.append(str(written))
    return CrontabFields(*texts)


def crontab_text(fields: CrontabFields) -> str:
    """In the order of a crontab file: minute, hour, day of month, month, day of week."""
    return " ".join(
        (fields.minute, fields.hour, fields.day_of_month, fields.month_of_year, fields.day_of_week)
    )


def every(seconds: float) -> str:
    """`every 30 s`, `every 5 min`, `every 2 h`, `every 1 d`."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"every {seconds / size:g} {unit}"
    return f"every {seconds:g} s"


def soon(app: Any, seconds: float) -> Optional[str]:
    """When an interval is first due if beat starts now: one whole interval later."""
    now = guarded(app.now)
    if not isinstance(now, datetime.datetime):
        return None
    try:
        return later(now, datetime.timedelta(seconds=max(seconds, 0))).isoformat(timespec="seconds")
    except OverflowError:
        return None


def next_of(value: Any, app: Any) -> Dict[str, Any]:
    """Next run and whether this very minute is one, for schedules that know; or why they do not."""
    try:
        if getattr(value, "app", None) is None:
            value.app = app
        now = value.now()
        if now.tzinfo is not None:
            # Celery 5.3 computes in UTC unless the reference time is local already (facts 5.6).
            now = now.astimezone(app.timezone)
        following = later(now, value.remaining_estimate(now))
        due = value.is_due(now.replace(second=0, microsecond=0) - datetime.timedelta(seconds=1)).is_due
    except (RuntimeError, ValueError) as error:
        return {"error": f"it never fires: {error}"} if "crontab" in type(value).__name__ else {}
    except Exception as error:  # noqa: BLE001  # schedules may be the user's own classes
        return {"error": cause_of(error)} if type(value).__module__.startswith("celery.") else {}
    return {"next_run": whole_second(following), "due": bool(due)}


def later(now: datetime.datetime, wait: datetime.timedelta) -> datetime.datetime:
    """The moment after a wait of so long. Python adds on the clock's face, where an hour may be missing."""
    if now.tzinfo is None:
        return now + wait
    return (now.astimezone(datetime.timezone.utc) + wait).astimezone(now.tzinfo)


def whole_second(moment: datetime.datetime) -> str:
    """ISO 8601, rounded up: Celery's estimates end a fraction before the minute."""
    rounded = moment + datetime.timedelta(microseconds=999_999)
    return rounded.replace(microsecond=0).isoformat()


def digest(args: Any, kwargs: Any) -> str:
    """Identifies arguments without showing them."""
    values: List[Any] = [list(args) if isinstance(args, tuple) else args or [], kwargs or {}]
    try:
        text = json.dumps(values, sort_keys=True, default=identity)
    except (TypeError, ValueError, RecursionError):  # keys of several kinds, or an endless value
        text = identity(values)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def identity(value: object) -> str:
    """A text that only this value has, without asking classes of the user's for one."""
    kind = type(value)
    if kind.__module__ in ("datetime", "decimal", "uuid"):
        return f"{kind.__qualname__} {value}"
    return f"{kind.__qualname__} {id(value)}"
