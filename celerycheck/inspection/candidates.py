"""Tells what an object of the user's is: a Celery app, a task, something that holds an app."""

from __future__ import annotations

from types import ModuleType
from typing import Any, Iterator, Tuple

from celerycheck.inspection.plain import guarded


def apps_in(module: ModuleType) -> Iterator[Tuple[str, Any]]:
    """The Celery objects among a module's attributes, each once, in the order written."""
    seen = set()
    for name, value in list(vars(module).items()):
        app = as_app(value)
        if app is not None and id(app) not in seen and name != "current_app":
            seen.add(id(app))
            yield name, app


def as_app(thing: Any) -> Any:
    """The Celery app that `thing` is, or proxies; None where it is none."""
    from celery import Celery

    if is_task_proxy(thing):
        return None
    try:
        if not isinstance(thing, Celery) and not hasattr(type(thing), "__getattr__"):
            return None
        # A bound method knows the object behind any proxy (Celery's, Werkzeug's, Django's, the project's).
        app = thing.finalize.__self__
        return app if isinstance(app, Celery) else None
    except Exception:  # noqa: BLE001  # `__class__` of a lazy object of the user's may raise
        return None


def is_task_proxy(thing: Any) -> bool:
    """Whether it stands for a task. A look behind it would define the task and finalize the app too early."""
    from celery.local import PromiseProxy, Proxy

    kind = type(thing)
    if not issubclass(kind, Proxy) or issubclass(kind, PromiseProxy):
        return issubclass(kind, PromiseProxy)
    local = object.__getattribute__(thing, "_Proxy__local")
    return getattr(local, "__qualname__", "").startswith("shared_task.")


def is_task(thing: Any) -> bool:
    from celery.app.task import Task

    return is_task_proxy(thing) or is_a(thing, Task)


def extension(thing: Any) -> Any:
    """`thing.extensions["celery"]` where that is a Celery app: Flask's documented pattern."""
    if is_task_proxy(thing):
        return None
    extensions = guarded(lambda: thing.extensions)
    return as_app(extensions.get("celery")) if isinstance(extensions, dict) else None


def is_a(thing: Any, kind: type) -> bool:
    """`isinstance` that asks the object's real type: a lazy object's `__class__` may raise."""
    return issubclass(type(thing), kind)


def kind_of(thing: Any) -> str:
    if thing is None:
        return "None"
    if is_a(thing, type):
        return f"the class {thing.__name__}"
    name = type(thing).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
