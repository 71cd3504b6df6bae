"""Names that a new task cannot have, and why."""

from __future__ import annotations

import builtins
import keyword
import sys

from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.project import Project
from celerycheck.subjects import TaskInfo

IN_USE = frozenset(
    {"app", "celery", "django", "logger", "mock", "models", "os", "services", "settings", "tasks"}
)
"""Names that the generated modules use themselves, besides those of libraries."""


def clashes(project: Project, name: str, package: str) -> str | None:
    """Why a task in that package cannot be called so; None where it can.

    A task that stands where this one would go is no clash: it was made before, or merging tells. Raises
    UsageError for a package that is not the project's.
    """
    return _no_name(name) or _taken(project, name, package)


def made_before(project: Project, name: str, package: str) -> bool:
    """Whether the very task is registered, from the very module that it would be written to."""
    module = layout(project, package, name).tasks.module
    task = project.app.task(f"{module}.{name}")
    return task is not None and task.module == module


def _no_name(name: str) -> str | None:
    """Why nothing in Python should be called so."""
    if not name.isidentifier() or not name.isascii():
        return f"{name!r} is no name for a function in Python"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return f"{name!r} is a keyword of Python"
    if name.startswith("_"):
        return f"{name!r} is private: it begins with an underscore"
    if hasattr(builtins, name):
        return f"{name!r} is a builtin of Python"
    if name in sys.stdlib_module_names:
        return f"{name!r} is a module of the standard library"
    if name in IN_USE:
        return f"{name!r} is used in the module itself"
    return None


def _taken(project: Project, name: str, package: str) -> str | None:
    """Which task or library has the name already."""
    if name in project.app.modules_available:
        return f"{name!r} is a library that the task may need"
    if name in (project.app_import, (project.base or "").rpartition(".")[2]):
        return f"{name!r} is what the module imports from the project"
    places = layout(project, package, name)
    module = places.tasks.module
    for task in (*project.app.tasks, *project.app.third_party):
        here = task.module == module and task.name == f"{module}.{name}"
        if not here and (task.name in (name, f"{module}.{name}") or _same_in_package(task, name, package)):
            return f"there is a task {task.name} already{_at(task)}"
    if module.endswith(f".{name}") and not _free(project, places.tasks.path, name):
        return f"{places.tasks.path} is there already, and for something else"
    return None


def _free(project: Project, path: str, name: str) -> bool:
    """Whether a file is not there yet, or holds the function."""
    tree = project.modules.tree(path)
    if tree is None:
        return not project.modules.exists(path)
    return any(getattr(statement, "name", None) == name for statement in tree.body)


def _same_in_package(task: TaskInfo, name: str, package: str) -> bool:
    inside = task.module.startswith(f"{package}.") if package else "." not in task.module
    return inside and not task.third_party and (task.function or "").rpartition(".")[2] == name


def _at(task: TaskInfo) -> str:
    return f" ({task.location.path}:{task.location.line})" if task.location is not None else ""
