"""Puts the picture together."""

from __future__ import annotations

import platform
import re
import sys
import threading
from collections import Counter
from typing import Any, Dict, FrozenSet, List, Optional, Tuple

from celerycheck.inspection import load, tasks
from celerycheck.inspection.aliases import AliasReader
from celerycheck.inspection.django_project import django_info
from celerycheck.inspection.models import mapped_classes
from celerycheck.inspection.modules import import_roots, own_modules, packages
from celerycheck.inspection.places import Places
from celerycheck.inspection.register import (
    Registration,
    autodiscovered,
    included,
    register,
    signal_errors,
)
from celerycheck.inspection.reporters import available_modules, error_reporters, installed
from celerycheck.inspection.routes import Routing
from celerycheck.inspection.schedule import ScheduleReader
from celerycheck.inspection.settings import SettingsReader, option_defaults
from celerycheck.inspection.task_options import data_options
from celerycheck.inspection.transports import read_backend, read_broker
from celerycheck.inspection.watch import Watch
from celerycheck.subjects import App, Location, Note, Settings, SilentAutodiscovery, TaskInfo

OLDEST, NEWEST = (5, 3), (5, 7)
"""The versions of Celery that celerycheck is tested with."""


def take(target: str, workdir: str) -> App:
    """Import the app that `target` names and look at it once.

    `workdir` must be the current directory already; it stays first on `sys.path`. Raises LoadError.
    """
    if workdir not in sys.path[:1]:
        sys.path.insert(0, workdir)
    places = Places(workdir)
    watch = Watch(places)
    watch.install()
    threads = threading.active_count()
    with signal_errors() as swallowed:
        found = load.find(target, places)
        if found.module != "celery":  # its default app, which is no project
            places.adopt(sys.modules[found.module])
        registration = register(found.app, watch, places, swallowed)
    watch.effects.stop()
    notes = [*version_notes(celery_version()), *found.notes, *watch.effects.notes(), *thread_notes(threads)]
    return picture(target, found, registration, watch, places, notes)


def picture(
    target: str, found: load.Found, done: Registration, watch: Watch, places: Places, notes: List[Note]
) -> App:
    """Read everything of a registered app."""
    app = found.app
    reader = SettingsReader(app, watch, places)
    settings = reader.read()
    partial = partial_reason(done)
    routing = Routing(app)
    defaults = option_defaults(app, list(data_options()))
    modules = own_modules(places)
    aliases = AliasReader(app, watch.definitions.get(id(app), [])).read(modules)
    ours, others = read_tasks(app, tasks.TaskReader(app, watch, places, routing, defaults, aliases), done)
    schedule = ScheduleReader(app, reader, places, partial is not None)
    names = tuple(sorted({*map(str, app._tasks), *(broken.name for broken in done.tasks)}))
    return App(
        target=target,
        name=str(app.main or found.module),
        module=found.module,
        attribute=found.attribute,
        celery=celery_version(),
        python=platform.python_version(),
        location=app_location(found, watch, places),
        settings=settings,
        broker=read_broker(app, reader),
        backend=read_backend(app, reader),
        tasks=ours,
        third_party=others,
        names=names,
        partial=partial,
        queues=routing.all_queues(written_at(settings, "task_queues")),
        routes=routing.rules(frozenset(names), written_at(settings, "task_routes")),
        routes_error=routing.error,
        schedule=schedule.read(),
        scheduler=schedule.scheduler,
        broken_modules=tuple(done.modules),
        broken_tasks=tuple(done.tasks),
        duplicates=tasks.duplicates(app, watch, places),
        silent_autodiscovery=silent(app, watch, places),
        serializers=serializers(),
        task_attributes=task_attributes(),
        task_methods=task_methods(),
        task_defaults=defaults,
        django=django_info(app, reader),
        error_reporters=error_reporters(),
        modules_available=available_modules(),
        notes=tuple(dict.fromkeys([*notes, *maker_notes(ours, watch, places)])),
        files=project_files(ours, reader, places),
        packages=packages(modules),
        import_roots=import_roots(modules, places),
        mapped_classes=mapped_classes(),
        autodiscovered=autodiscovered(app, watch),
        included=included(app),
    )


def written_at(settings: Settings, name: str) -> Optional[Location]:
    """Where a setting is set; None where it is not."""
    return settings[name].location if settings.explicit(name) else None


def partial_reason(done: Registration) -> Optional[str]:
    if done.modules:
        names = ", ".join(broken.module for broken in done.modules[:3])
        more = f" and {len(done.modules) - 3} more" if len(done.modules) > 3 else ""
        return f"{names}{more} could not be imported"
    return "finalizing the app failed" if done.incomplete else None


def read_tasks(
    app: Any, reader: tasks.TaskReader, done: Registration
) -> Tuple[Tuple[TaskInfo, ...], Tuple[TaskInfo, ...]]:
    """The project's tasks and everybody else's, by name; no built-ins, no broken definitions."""
    broken = {task.name for task in done.tasks}
    ours: List[TaskInfo] = []
    others: List[TaskInfo] = []
    for name, task in sorted(app._tasks.items(), key=lambda item: str(item[0])):
        if str(getattr(task, "__module__", "")).startswith("celery.") or name in broken:
            continue
        info = reader.read(str(name), task)
        (others if info.third_party else ours).append(info)
    return tuple(ours), tuple(others)


def celery_version() -> str:
    import celery

    return str(celery.__version__)


def app_location(found: load.Found, watch: Watch, places: Places) -> Optional[Location]:
    """Where `Celery()` was called; else the project's module that the app was found in."""
    construction = watch.constructions.get(id(found.app))
    if construction is not None and construction.place is not None and places.own(construction.place[0]):
        return places.location(*construction.place)
    file = getattr(sys.modules.get(found.module), "__file__", None)
    return places.location(file, 1) if places.own(file) else None


def version_notes(version: str) -> List[Note]:
    """What to think of a Celery that no check was held against."""
    numbers = tuple(map(int, re.findall(r"\d+", version)[:2]))
    if OLDEST <= numbers <= NEWEST:
        return []
    known = " to ".join("{}.{}".format(*numbers) for numbers in (OLDEST, NEWEST))
    text = f"Celery {version} is not among the versions celerycheck knows ({known})"
    return [Note(f"{text}: some of this may not apply")]


def maker_notes(ours: Tuple[TaskInfo, ...], watch: Watch, places: Places) -> List[Note]:
    """Tasks of this app's that another app's decorator made, with the place of that app."""
    counts = Counter(task.made_by for task in ours if task.made_by is not None)
    made_at: Dict[str, Optional[Location]] = {}
    makers = {id(maker): maker for maker in watch.makers.values()} if counts else {}
    for key, maker in makers.items():
        construction = watch.constructions.get(key)
        if construction is not None and construction.place is not None:
            made_at.setdefault(tasks.name_of(maker, places), places.location(*construction.place))
    return [
        Note(
            f"{count} {'task is' if count == 1 else 'tasks are'} made by {name}: delay() and apply_async() "
            "use its settings, not those of this app",
            made_at.get(name),
        )
        for name, count in sorted(counts.items())
    ]


def thread_notes(before: int) -> List[Note]:
    """Threads that user code started while it was imported, by name."""
    extra = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    if threading.active_count() <= before or not extra:
        return []
    listed = ", ".join(sorted(extra)[:5])
    count = f"{len(extra)} threads" if len(extra) > 1 else "a thread"
    text = f"importing the app left {count} running ({listed}); a prefork worker's children inherit none"
    return [Note(text)]


def silent(app: Any, watch: Watch, places: Places) -> Tuple[SilentAutodiscovery, ...]:
    """Packages that the app named one by one and that brought no module of their own."""
    found = []
    for lookup in watch.lookups:
        if lookup.app not in (None, id(app)):
            continue
        expected = f"{lookup.package}.{lookup.related_name}" if lookup.related_name else lookup.package
        if lookup.place is None or lookup.error is not None or lookup.loaded == expected:
            continue
        where = places.location(*lookup.place)
        exists = lookup.package in sys.modules or installed(lookup.package)
        found.append(
            SilentAutodiscovery(
                lookup.package, lookup.related_name, lookup.loaded, location=where, exists=exists
            )
        )
    return tuple(dict.fromkeys(found))


def serializers() -> dict[str, str]:
    """Serializer names and their content types, as Kombu's registry has them."""
    from kombu.serialization import registry

    return dict(sorted((str(k), str(v)) for k, v in registry.name_to_type.items()))


def task_attributes() -> Tuple[str, ...]:
    from celery.app.task import Task

    return tuple(name for name in dir(Task) if not name.startswith("__"))


def task_methods() -> Tuple[str, ...]:
    from celery.app.task import Task

    return tuple(n for n in dir(Task) if not n.startswith("__") and callable(getattr(Task, n, None)))


def project_files(ours: Tuple[TaskInfo, ...], reader: SettingsReader, places: Places) -> Tuple[str, ...]:
    """The project's files that tasks and settings come from, relative to the working directory."""
    files: FrozenSet[str] = frozenset(task.location.path for task in ours if task.location)
    return tuple(sorted(files | {places.relative(name) for name in reader.files}))
