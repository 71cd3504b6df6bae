"""Modules that all tasks of a package share: people make them their own, and they stay so."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import replace

from celerycheck.scaffold.making.reporting import lacking
from celerycheck.scaffold.pieces import Module
from celerycheck.scaffold.project import Project


def standing(module: Module, project: Project) -> Module:
    """The module without its definitions, where the file at its path has all of them for the same use.

    That is, where functions are called alike, classes have what is wanted of them, and the same libraries
    are used; whatever else was changed there. A file for another use is a conflict, as ever.
    """
    tree, wanted = project.modules.tree(module.path), ast.parse(module.text)
    if tree is None or not libraries(wanted, project) <= libraries(tree, project):
        return module
    here, needed = definitions(tree), definitions(wanted)
    if not all(name in here and alike(here[name], node) for name, node in needed.items()):
        return module
    return replace(module, text=f'"""{ast.get_docstring(wanted) or module.path}"""\n')


def standing_models(module: Module, project: Project) -> Module:
    """The module without the models that the file at its path has with all the fields that are needed."""
    tree = project.modules.tree(module.path)
    here = definitions(tree) if tree is not None else {}
    needed = definitions(ast.parse(module.text))
    there = [name for name, node in needed.items() if name in here and alike(here[name], node)]
    return standing(module, project) if len(there) == len(needed) else lacking(module, frozenset(there))


def definitions(tree: ast.Module | ast.ClassDef) -> dict[str, ast.stmt]:
    """The functions, classes and values of a module or a class, by name."""
    return {name: node for node in tree.body for name in bound(node)}


def bound(node: ast.stmt) -> Iterator[str]:
    """The names that a definition or an assignment binds."""
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        yield node.name
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign):
        targets = [node.target]
    yield from (target.id for target in targets if isinstance(target, ast.Name))


def alike(here: ast.stmt, wanted: ast.stmt) -> bool:
    """Whether what stands there can be used as the wanted one would be."""
    if isinstance(wanted, ast.ClassDef):
        needed = {name for name in definitions(wanted) if not name.startswith("__") and name != "Meta"}
        return isinstance(here, ast.ClassDef) and needed <= definitions(here).keys()
    if isinstance(wanted, ast.FunctionDef):
        return isinstance(here, ast.FunctionDef) and called(here) == called(wanted)
    return not isinstance(here, ast.ClassDef | ast.FunctionDef)


def called(function: ast.FunctionDef) -> tuple[list[str], list[str]]:
    """The names of a function's arguments: those by position, and those by name only."""
    given = function.args
    return [each.arg for each in (*given.posonlyargs, *given.args)], [each.arg for each in given.kwonlyargs]


def libraries(tree: ast.Module, project: Project) -> set[str]:
    """The modules of other people's that a module imports from."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    known = sys.stdlib_module_names | project.first_party
    return {name for name in found if name.partition(".")[0] not in known}
