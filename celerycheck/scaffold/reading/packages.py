"""The packages of a project that a task may live in."""

from __future__ import annotations

from collections.abc import Iterable

from celerycheck.scaffold.reading.module_files import Modules
from celerycheck.subjects import App

NO_HOME = frozenset({"tests", "test", "testing", "migrations", "conftest", "task_tests"})
"""Packages that no task lives in, nor anywhere below."""

PARTS = frozenset(
    {
        "tasks",
        "services",
        "models",
        "admin",
        "views",
        "management",
        "commands",
        "templatetags",
        "settings",
    }
)
"""Packages that are a part of the one around them, as modules of these names are."""


def packages(app: App, modules: Modules, django: bool) -> tuple[str, ...]:
    """Dotted packages, those with tasks first; of a Django project the installed apps, if it has any.

    An empty name stands for the modules beside an app that lies in no package.
    """
    busy = with_tasks(app)
    installed = django_apps(app, modules) if django else ()
    if installed:
        return tuple(sorted(installed, key=lambda name: name not in busy))
    found = [name for name in (*modules.packages(), *sorted(busy)) if is_home(name)]
    found = [name for name in found if name and modules.folder(name) is not None]
    if stands_alone(app, modules) and not django:
        found.append("")
    order = {name: number for number, name in enumerate(dict.fromkeys(found))}
    return tuple(sorted(order, key=lambda name: (name not in busy, order[name])))


def stands_alone(app: App, modules: Modules) -> bool:
    """Whether the app is found in a module that lies in no package."""
    path = modules.file(app.module)
    return "." not in app.module and path is not None and not path.endswith("/__init__.py")


def django_apps(app: App, modules: Modules) -> tuple[str, ...]:
    """The installed apps that lie below the root, in the order of INSTALLED_APPS."""
    apps = app.django.apps if app.django is not None else ()
    return tuple(one.name for one in apps if modules.folder(one.name) is not None)


def with_tasks(app: App) -> frozenset[str]:
    """The packages that hold tasks: the one around the module, or around the package it is split into."""
    found = set()
    for task in app.tasks:
        package = task.module.rpartition(".")[0]
        while is_part(package):
            package = package.rpartition(".")[0]
        found.add(package)
    return frozenset(found)


def is_part(package: str) -> bool:
    """Whether a package is another one's `tasks` or the like."""
    parent, _, last = package.rpartition(".")
    return bool(parent) and last in PARTS


def is_home(package: str) -> bool:
    parts = package.split(".")
    return not NO_HOME.intersection(parts) and not any(part in PARTS for part in parts[1:])


def first_party(app: App, modules: Modules, names: Iterable[str]) -> frozenset[str]:
    """The project's own top-level names."""
    return frozenset({*app.packages, *modules.tops(), *(name.partition(".")[0] for name in names if name)})
