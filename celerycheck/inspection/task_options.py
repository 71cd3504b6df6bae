"""The options of tasks: which there are, what one is, and who wrote it."""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, Tuple

from celerycheck.inspection.plain import dotted

GENERATED = frozenset(
    {
        "app",
        "name",
        "run",
        "_decorated",
        "_dump_pydantic_arguments",
        "_decorated_fun",
        "__doc__",
        "__module__",
        "__annotations__",
        "__header__",
        "__wrapped__",
        "__qualname__",
    }
)
"""What `Celery._task_from_fun` puts into the class it makes, besides the options given."""

READ_ELSEWHERE = (
    "autoretry_for",
    "dont_autoretry_for",
    "retry_kwargs",
    "retry_backoff",
    "retry_backoff_max",
    "retry_jitter",
    "queue",
    "routing_key",
    "exchange",
    "delivery_mode",
    "compression",
)
"""Options that Celery reads with getattr, not defined by `Task` (celery/app/autoretry.py, task.py)."""


def data_options() -> Tuple[str, ...]:
    """The options of the installed Celery's `Task` that hold plain values."""
    from celery.app.task import Task

    skipped = {"Request", "Strategy", "abstract", "backend", "name", "from_config", "request_stack", "app"}
    own = [
        name
        for name in dir(Task)
        if not name.startswith("_")
        and name not in skipped
        and not callable(getattr(Task, name, None))
        and not isinstance(inspect.getattr_static(Task, name), property)
    ]
    return tuple(dict.fromkeys([*own, *READ_ELSEWHERE]))


def before_binding(cls: type) -> List[str]:
    """The names a class was made with, before `bind()` copied settings onto it (facts 2.2, 2.3)."""
    names: List[str] = []
    for name in vars(cls):
        if name == "__bound__":
            break
        if name not in GENERATED:
            names.append(name)
    return names


def own_classes(cls: type) -> List[type]:
    """The project's and its libraries' classes among a task's ancestors, nearest first."""
    found = [
        base
        for base in cls.__mro__
        if base.__module__.partition(".")[0] not in ("celery", "builtins", "typing", "abc")
    ]
    if found and found[0] is cls and getattr(cls, "_decorated", False) and "_decorated" in vars(cls):
        return found[1:]
    return found


def explicit_options(cls: type, classes: List[type]) -> Dict[str, str]:
    """Options somebody wrote, with where: `decorator`, or `class NAME`; the nearest counts.

    `classes` are the `own_classes` of the task's.
    """
    explicit: Dict[str, str] = {}
    generated = "_decorated" in vars(cls)
    if generated:
        for name in before_binding(cls):
            if not name.startswith("__"):
                explicit[name] = "decorator"
    for base in classes:
        for name in before_binding(base):
            value = vars(base)[name]
            if not name.startswith("_") and not callable(value) and not is_descriptor(value):
                explicit.setdefault(name, f"class {dotted(base)}")
    return explicit


def is_descriptor(value: object) -> bool:
    return isinstance(value, (staticmethod, classmethod, property)) or hasattr(type(value), "__get__")


def annotated_options(app: Any, task: Any) -> List[str]:
    """The options that `task_annotations` sets on a task."""
    from celery.app.annotations import resolve_all

    try:
        return [str(name) for found in resolve_all(app.annotations, task) for name in found]
    except Exception:  # noqa: BLE001  # annotations may be the user's objects
        return []
