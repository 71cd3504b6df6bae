"""Definitions of tasks: functions that Celery cannot run as written, and names used twice."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, BrokenTask, Location, TaskInfo

CELERYS_POOLS = frozenset({"", "eventlet", "gevent", "prefork", "processes", "solo", "threads"})
_ONE_BY_ONE = 10
"""More tasks with one fault are a habit of the project's, and told of the app."""
RUNS = frozenset({"__call__", "_orig_run", "run"})
"""What a class of the project's that runs tasks in its own way defines or calls."""


@check
def broken_task_module(app: App) -> Iterator[Problem]:
    """A module with tasks cannot be imported.

    Why: a worker that imports it stops at its start, or runs without its tasks and discards their
        messages; what else the module holds could not be audited.
    Fix: correct the import; the cause is in the message.
    Reference: celery.loaders.base.BaseLoader.import_default_modules
    """
    for broken in app.broken_modules:
        imported = broken.imported_by and broken.module != broken.imported_by
        failed = "cannot be imported" if imported else "failed"
        yield Problem(f"{broken.module} {failed}: {broken.cause}", about=app, location=broken.location)


@check
def broken_task_definition(app: App) -> Iterator[Problem]:
    """Celery cannot make a task as it is defined.

    Why: the error comes once, when the app is first used, and leaves the registry half filled: other
        tasks and Celery's own may be missing from then on.
    Fix: correct the decorator's options; the cause is in the message.
    Reference: celery.app.base.Celery.finalize
    """
    for broken in app.broken_tasks:
        yield Problem(f"Celery cannot make this task: {broken.cause}", fix=_remedy(broken), about=broken)


def _remedy(broken: BrokenTask) -> str | None:
    """What to write, where the options given tell what went wrong."""
    if "task" in broken.options and "argument 'task'" in broken.cause:
        return "write base= instead of task="
    if "is not iterable" in broken.cause:
        for option in ("autoretry_for", "dont_autoretry_for"):
            if option in broken.options:
                return f"write {option} as a tuple: {option}=(SomeError,)"
    if "float" in broken.cause and "retry_backoff" in broken.options:
        return "write retry_backoff=True, or the first delay in seconds"
    if "install pydantic" in broken.cause:
        return "install pydantic beside Celery, or remove pydantic=True"
    return None


@check
def silent_autodiscovery(app: App) -> Iterator[Problem]:
    """Autodiscovery finds nothing in a package it was given.

    Why: a package without a tasks module is skipped, and for a dotted name that does not exist the
        parent's tasks are imported instead, both without a word; workers then refuse the tasks that
        should have been there.
    Fix: correct the package's name, or name its module with `related_name=`.
    Reference: celery.loaders.base.find_related_module
    """
    with_tasks = {part for task in (*app.tasks, *app.third_party) for part in _parents(task.module)}
    installed = set(app.django.installed_apps) if app.django else set()
    for silent in app.silent_autodiscovery:
        package, related = silent.package, silent.related_name
        if package in installed or package.rpartition(".")[2][:1].isupper():
            continue  # INSTALLED_APPS handed over as a whole: apps without tasks, paths of AppConfig classes
        if silent.loaded:
            fault = f"which does not exist; {silent.loaded} was imported instead"
            fix = "correct the package's name"
        elif package in with_tasks:
            continue
        elif not silent.exists:
            fault, fix = "which does not exist", "correct the package's name"
        else:
            fault = f"which has no module {related}"
            fix = f"correct the name, add {package}.{related}, or name another module with related_name="
        message = f"autodiscover_tasks() names {package}, {fault}"
        yield Problem(message, fix=fix, about=app, location=silent.location)


@check
def duplicate_task_name(app: App) -> Iterator[Problem]:
    """Two functions are registered under one task name.

    Why: one of them never runs, calls to it run the other, and which one wins may change with any
        unrelated edit.
    Fix: rename one function, or give one task a `name=` of its own.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#names
    """
    for duplicate in app.duplicates:
        places = list(dict.fromkeys(_place(location) for location in duplicate.locations))
        if len(places) > 1:
            listed = f"{', '.join(places[:-1])} and {places[-1]}"
            yield Problem(f"{listed} define it; only one of them ever runs", about=duplicate)


def _place(location: Location) -> str:
    return f"{location.path}:{location.line}" if location.line else location.path


@check
def async_task(app: App) -> Iterator[Problem]:
    """A coroutine function is a task, and its body never runs.

    Why: Celery calls the function and gets a coroutine nobody awaits: the task fails because a coroutine
        is not serializable, or, with results ignored, is reported as done with nothing done.
    Fix: make it a plain function that calls `asyncio.run(...)`.
    Reference: celery.app.trace.build_tracer
    """
    yield from _never_run(
        app,
        [task for task in app.tasks if task.is_async],
        "async def: a worker calls it and awaits nothing, so its body never runs",
    )


@check
def generator_task(app: App) -> Iterator[Problem]:
    """A generator function is a task, and its body never runs.

    Why: Celery calls the function and gets a generator nobody iterates: the task fails because a generator
        is not serializable, or, with results ignored, is reported as done with nothing done.
    Fix: loop in the task and return a list, or send one task for each element.
    Reference: celery.app.trace.build_tracer
    """
    yield from _never_run(
        app,
        [task for task in app.tasks if task.is_generator and not task.is_async],
        "it contains yield: a worker calls it and iterates over nothing, so its body never runs",
    )


def _never_run(app: App, tasks: list[TaskInfo], message: str) -> Iterator[Problem]:
    """The tasks whose function returns unfinished work; a project's own `__call__` or pool may finish it."""
    suspects = [t for t in tasks if not any(RUNS & {*c.defines, *c.reads} for c in t.classes)]
    if not suspects:
        return
    pool = app.settings.text("worker_pool") or ""
    if pool not in CELERYS_POOLS:
        raise NotEvaluated("worker_pool is not one of Celery's own and may run such tasks")
    for task in suspects:
        yield Problem(message, about=task)


@check
def unbound_self(task: TaskInfo) -> Iterator[Problem]:
    """A task takes self without being bound.

    Why: the first argument of each call lands in `self`, and the last parameter is missing: the call
        raises TypeError, or runs with its arguments shifted by one.
    Fix: add `bind=True` where the body uses the task, else remove the parameter.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    if task.first_parameter == "self" and not task.bound and not task.class_based:
        yield Problem(
            "its first parameter is self, but it is not bound: self receives the first argument",
            fix="add bind=True to the decorator, or remove self",
        )


@check
def bound_without_self(task: TaskInfo) -> Iterator[Problem]:
    """A bound task has no parameter to receive the task.

    Why: Celery hands the task to the function as its first argument, so every run raises TypeError.
    Fix: add `self` as the first parameter, or remove `bind=True`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    if not task.bound or task.class_based or task.parameters is None:
        return
    first = task.first_parameter
    if first is None or any(p.name == first and p.kind in ("keyword", "kwargs") for p in task.parameters):
        yield Problem(
            "bind=True, but the function has no positional parameter to receive the task",
            fix="add self as the first parameter, or remove bind=True",
        )


@check
def undocumented_task(task: TaskInfo) -> Iterator[Problem]:
    """A task has no docstring.

    Why: a task runs far from its caller; whoever reads its name in a monitor at night has only the
        docstring to learn what it does and whether it may run again.
    Fix: one sentence on what it does, and one on whether running it twice is safe.
    """
    if not (task.doc or "").strip():
        yield Problem("no docstring")


@check
def app_task_in_reusable_app(app: App) -> Iterator[Problem]:
    """A Django app's task is tied to the project's Celery app.

    Why: the Django app imports the project that installs it: it cannot be used elsewhere, and importing
        fails in a circle as soon as the project's Celery module imports the app.
    Fix: decorate with `@shared_task`, which needs no Celery app at import.
    Reference: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html#using-the-shared-task-decorator
    """
    if app.django is None:
        return
    home = app.module.partition(".")[0]
    apps = {name for name in map(_package, app.django.installed_apps) if name.partition(".")[0] != home}
    # A task that another of the project's Celery apps made is tied to that one, wherever it lies.
    own = [task for task in app.tasks if task.shared is False and task.made_by is None]
    tied = [task for task in own if any(parent in apps for parent in _parents(task.module))]
    fix = "from celery import shared_task, and decorate with @shared_task"
    if len(tied) > _ONE_BY_ONE:
        yield Problem(
            f"{len(tied)} tasks are bound to the Celery app of {home} and lie in Django apps outside that"
            " package",
            fix=fix,
            about=app,
        )
        return
    for task in tied:
        yield Problem(
            f"it is bound to the Celery app of {home} and lies in a Django app outside that package",
            fix=fix,
            about=task,
        )


def _package(installed: str) -> str:
    """The package of an INSTALLED_APPS entry, which may name an AppConfig (`orders.apps.OrdersConfig`)."""
    package, _, last = installed.rpartition(".")
    return package.removesuffix(".apps") if last[:1].isupper() else installed


def _parents(module: str) -> Iterator[str]:
    """A module's dotted name and those of the packages around it."""
    while module:
        yield module
        module = module.rpartition(".")[0]
