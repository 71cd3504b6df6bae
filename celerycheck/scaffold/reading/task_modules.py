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
    held = _names(project, [task.module for task in project.app.tasks], package)
    looked_for = [*project.app.autodiscovered, *project.app.included]
    elsewhere = [name for other in project.packages for name in _names(project, looked_for, other)]
    for names in (held, _names(project, looked_for, package), elsewhere):
        if names:
            return "tasks" if "tasks" in names else Counter(names).most_common(1)[0][0]
    return "tasks"


def _names(project: Project, modules: Iterable[str], package: str) -> list[str]:
    """What these modules are called that belong to the package; of one that is split, the part's name.

    Without those of packages inside it, and without modules that are for other things.
    """
    inner = [other for other in project.packages if other != package and _is_in(other, package)]
    names = [
        module.removeprefix(f"{package}." if package else "").partition(".")[0]
        for module in modules
        if module not in (package, project.app_module)
        and _is_in(module, package)
        and not any(_is_in(module, other) for other in inner)
    ]
    return [name for name in names if name not in NO_TASKS]


def _is_in(module: str, package: str) -> bool:
    if not package:
        return "." not in module
    return module == package or module.startswith(f"{package}.")


def imports_its_modules(tree: ast.Module | None) -> bool:
    """Whether an `__init__.py` imports whatever lies beside it, by `pkgutil`, `importlib` or `glob`."""
    for node in ast.walk(tree) if tree is not None else ():
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        if any(name.partition(".")[0] in ("pkgutil", "importlib", "glob") for name in names):
            return True
    return False
