"""For whoever writes a check: builders of subjects, and `problems()` to see what a check says of one.

    assert problems("unbounded-retries", task(max_retries=None, autoretry_for=[error("OSError")])) == [...]

Every builder fills in what Celery 5.7 would, so that a test names only what matters to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from celerycheck.checks import shipped
from celerycheck.findings import Problem
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.registry import Check
from celerycheck.subjects import (
    App,
    Location,
    Opaque,
    Parameter,
    Plain,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Setting,
    Settings,
    TaskInfo,
)

TASK_DEFAULTS: Mapping[str, Plain] = {
    "max_retries": 3,
    "default_retry_delay": 180,
    "acks_late": False,
    "acks_on_failure_or_timeout": True,
    "ignore_result": False,
    "store_errors_even_if_ignored": False,
    "store_eager_result": False,
    "serializer": "json",
    "track_started": False,
    "reject_on_worker_lost": None,
    "retry_on_worker_lost": False,
    "rate_limit": None,
    "priority": None,
    "time_limit": None,
    "soft_time_limit": None,
    "send_events": True,
    "trail": True,
    "typing": True,
    "throws": [],
}
"""What every task has in Celery 5.7 where nobody set anything."""


def setting(name: str, value: Plain, origin: str = "source", line: int | None = 1) -> Setting:
    """One setting as the project wrote it, at `proj/settings.py`."""
    return Setting(name, value, origin, name, Location("proj/settings.py", line))


def settings(
    values: Mapping[str, Plain] | None = None,
    *,
    celery: str = "5.7",
    unknown: tuple[Setting, ...] = (),
    old_style: tuple[Setting, ...] = (),
    namespace: str | None = None,
    source: str | None = None,
) -> Settings:
    """Celery's defaults with `values` set on top; settings newer than `celery` are left out."""
    version = tuple(int(part) for part in celery.split(".")[:2])
    table = {
        name: Setting(name, known.default, "default", name)
        for name, known in KNOWN_SETTINGS.items()
        if tuple(int(part) for part in known.since.split(".")) <= version
    }
    table |= {name: setting(name, value) for name, value in (values or {}).items()}
    return Settings(table, unknown=unknown, old_style=old_style, namespace=namespace, source=source)


def error(name: str) -> Opaque:
    """An exception class, as `autoretry_for` lists it: `error("requests.exceptions.Timeout")`."""
    return Opaque("type", name)


def task(
    name: str = "proj.tasks.work",
    *,
    info: TaskInfo | None = None,
    inherited: Mapping[str, Plain] | None = None,
    **options: Plain,
) -> TaskInfo:
    """A task with these options on its decorator; `inherited` ones come from settings.

    `info` gives everything that is no option, the name included:
    `task(info=TaskInfo("proj.tasks.work", bound=True), acks_late=True)`.
    """
    base = info or TaskInfo(name, module="proj.tasks", location=Location("proj/tasks.py", 10), doc="Works.")
    return replace(
        base,
        function=base.function or base.name.rpartition(".")[2],
        options={**base.options, **(inherited or {}), **options},
        explicit={**base.explicit, **dict.fromkeys(options, "decorator")},
        defaults=TASK_DEFAULTS,
        queue=base.queue or "celery",
    )


def parameter(name: str, **fields: str | bool | None) -> Parameter:
    """One parameter: `parameter("user", annotation="User", complex="a Django model instance")`."""
    return replace(Parameter(name), **fields)  # type: ignore[arg-type]  # checked by the dataclass's users


def app(*tasks: TaskInfo, values: Mapping[str, Plain] | None = None, **fields: object) -> App:
    """A picture of these tasks, with `values` as settings; `fields` are any of `App`'s.

    The registry holds the tasks' names and `App.names` given.
    """
    celery = fields.get("celery", "5.7.0")
    base = App(
        target="proj",
        name="proj",
        module="proj.celery",
        attribute="app",
        location=Location("proj/celery.py", 5),
        settings=settings(values, celery=str(celery)),
        tasks=tuple(tasks),
        names=tuple(t.name for t in tasks),
        task_defaults=TASK_DEFAULTS,
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # names and types are the caller's business


def found(check: str | Check[object], subject: object, **options: object) -> list[Problem]:
    """The problems a check finds in one subject."""
    chosen = shipped()[check] if isinstance(check, str) else check
    if not isinstance(subject, chosen.subject):
        raise TypeError(f"{chosen.id} looks at {chosen.subject.__name__}, not {type(subject).__name__}")
    return list(chosen(subject, **options))


def problems(check: str | Check[object], subject: object, **options: object) -> list[str]:
    """The messages of the problems a check finds in one subject."""
    return [problem.message for problem in found(check, subject, **options)]


__all__ = [
    "TASK_DEFAULTS",
    "QueueInfo",
    "RouteInfo",
    "ScheduleEntry",
    "app",
    "error",
    "found",
    "parameter",
    "problems",
    "setting",
    "settings",
    "task",
]
