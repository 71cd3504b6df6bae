"""How the project's code gets at its Celery app: the name it is imported by, or the factory that makes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from celerycheck.scaffold.reading.module_files import Modules
from celerycheck.subjects import App, Location


@dataclass(frozen=True)
class AppObject:
    """The app: `from MODULE import NAME` and then the expression, which begins with that name.

    - `attribute`: the name that holds the app itself; empty where only the expression gives it.
    - `factory`: the dotted function that the expression calls; empty where it calls none.
    - `path`: the file that defines `attribute`, empty without one; `made`: whether it calls `Celery()` there.
    """

    module: str
    name: str
    expression: str
    attribute: str = ""
    factory: str = ""
    path: str = ""
    made: bool = False


def app_object(app: App, modules: Modules) -> AppObject:
    """The app where the project assigns it; else where it was found."""
    assigned = _assigned(app.location, modules) if app.location is not None else None
    if assigned is not None:
        return assigned
    name = app.attribute.partition(".")[0].partition("(")[0].partition("[")[0]
    if name == app.attribute:
        path = modules.file(app.module) or ""
        return AppObject(app.module, name, name, name, path=path)
    factory = f"{app.module}.{name}" if app.attribute.startswith(f"{name}(") else ""
    return AppObject(app.module, name, app.attribute, factory=factory)


def _assigned(place: Location, modules: Modules) -> AppObject | None:
    """The app that the statement at that place assigns to a name of its module."""
    tree, module = modules.tree(place.path), modules.module(place.path)
    if tree is None or module is None or place.line is None:
        return None
    for statement in module_level(tree):
        if not statement.lineno <= place.line <= (statement.end_lineno or 0):
            continue
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.Call):
                return AppObject(module, target.id, target.id, target.id, path=place.path, made=True)
    return None


def module_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those in `if`, `try` and `with` included."""
    pending: list[ast.stmt] = tree.body[::-1]
    while pending:
        statement = pending.pop()
        yield statement
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = [child for child in ast.iter_child_nodes(statement) if isinstance(child, ast.stmt)]
            handlers = getattr(statement, "handlers", [])
            inner += [child for handler in handlers for child in handler.body]
            pending += inner[::-1]
