"""Whether importing one module of the project imports another: two that do must not import each other."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from celerycheck.scaffold.reading.app_object import module_level
from celerycheck.scaffold.reading.module_files import Modules


def reaches(modules: Modules, starts: Iterable[str], goal: str) -> bool:
    """Whether importing any of `starts` (dotted names) imports the module `goal`, by whatever way.

    Imports inside functions do not count, nor do those for type checkers.
    """
    pending = [name for start in starts for name in with_parents(start)]
    seen: set[str] = set()
    while pending:
        module = pending.pop()
        if module == goal:
            return True
        path = modules.file(module) if module not in seen else None
        seen.add(module)
        if path is not None:
            pending += imported(modules, module, path)
    return False


def with_parents(module: str) -> list[str]:
    """A module and the packages around it, whose `__init__.py` Python runs before it."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def imported(modules: Modules, module: str, path: str) -> Iterator[str]:
    """What a module imports at its top level; of `from a import b` both, for b may be a module."""
    tree = modules.tree(path)
    guarded = set(type_checking(tree)) if tree is not None else set()
    for statement in module_level(tree) if tree is not None else ():
        if statement in guarded:
            continue
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                yield from with_parents(alias.name)
        elif isinstance(statement, ast.ImportFrom):
            source = absolute(statement, module, path)
            yield from with_parents(source)
            yield from (f"{source}.{alias.name}" for alias in statement.names)


def type_checking(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements below `if TYPE_CHECKING:`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            yield from (inner for inner in ast.walk(node) if isinstance(inner, ast.stmt))


def absolute(statement: ast.ImportFrom, module: str, path: str) -> str:
    """The dotted name that an import starts from, relative ones included."""
    if not statement.level:
        return statement.module or ""
    parts = module.split(".")
    package = parts if path.endswith("/__init__.py") else parts[:-1]
    base = package[: len(package) - (statement.level - 1)]
    return ".".join([*base, *([statement.module] if statement.module else [])])
