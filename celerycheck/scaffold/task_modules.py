"""The name that the modules with tasks have in a package: `tasks`, or what this project calls them."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable

from celerycheck.scaffold.project import Project

NO_TASKS = frozenset(
    {"models", "views", "admin", "apps", "signals", "forms", "urls", "routes", "api", "utils"}
)
"""Modules that may hold a task or two, but are for other things."""


def tasks_name(project: Project, package: str) -> str:
    """The last part of the name of the package's module (or package) with tasks.

    What holds its tasks already counts first, then what autodiscovery and `include` look for in it, then
    what they look for elsewhere.
    """
    held = Counter(_held(project, package))
    looked_for = [*project.app.autodiscovered, *project.app.included]
    here = list(_inside(looked_for, package))
    elsewhere = Counter(name for other in project.packages for name in _inside(looked_for, other))
    for names in (
        [name for name, _ in held.most_common()],
        here,
        [name for name, _ in elsewhere.most_common()],
    ):
        if names:
            return "tasks" if "tasks" in names else names[0]
    return "tasks"


def _held(project: Project, package: str) -> Iterable[str]:
    """What comes below the package on the way to each of its tasks, without modules for other things."""
    inner = [
        other for other in project.packages if other.startswith(f"{package}." if package else "") and other
    ]
    for task in project.app.tasks:
        if task.module == project.app_module or any(_is_in(task.module, other) for other in inner):
            continue
        yield from (name for name in _inside([task.module], package) if name not in NO_TASKS)


def _inside(modules: Iterable[str], package: str) -> Iterable[str]:
    """The first part below the package of each module that is in it."""
    for module in modules:
        if _is_in(module, package) and module != package:
            rest = module.removeprefix(f"{package}.") if package else module
            if package or "." not in rest:
                yield rest.partition(".")[0]


def _is_in(module: str, package: str) -> bool:
    return not package or module == package or module.startswith(f"{package}.")


def imports_its_modules(tree: ast.Module | None) -> bool:
    """Whether an `__init__.py` imports whatever lies beside it, by `pkgutil`, `importlib` or `glob`."""
    for node in ast.walk(tree) if tree is not None else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        if any(name.partition(".")[0] in ("pkgutil", "importlib", "glob") for name in names):
            return True
    return False
