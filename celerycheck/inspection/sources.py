"""The lines of the project's configuration: where a name is assigned, where a literal stands."""

from __future__ import annotations

import ast
import os
import re
import sys
from types import ModuleType
from typing import Any, Dict, FrozenSet, Iterator, List, Optional, Set, Tuple

from celerycheck.inspection.places import Places
from celerycheck.subjects import Location


class ConfigurationSource:
    """The module, class or dict that `config_from_object` was given, as source.

    `files` are absolute names, those of star imports included; each is parsed once. `home` is the top of
    the module, where what is not set yet would be written, for a source that is a module of the
    project's; `imported` are the names it imports one by one.
    """

    def __init__(self, app: Any, places: Places, fallback: Optional[Tuple[str, int]] = None) -> None:
        self._places = places
        source = getattr(app, "_config_source", None)
        self.text, module = describe_source(source)
        self.fallback = places.location(*fallback) if fallback else None
        self.files: List[str] = []
        self.home: Optional[Location] = None
        self.imported: Set[str] = set()
        self._classes: FrozenSet[str] = frozenset()
        if module is not None:
            thing = resolved(source, module)
            if isinstance(thing, ModuleType) and places.own(file_of(thing.__name__)):
                self.home = places.location(file_of(thing.__name__), 1)
            kind = thing if isinstance(thing, type) else type(thing)
            mro = () if isinstance(thing, (ModuleType, dict)) else kind.__mro__[::-1]
            self._classes = frozenset(cls.__name__ for cls in mro)
            modules = [sys.modules.get(cls.__module__) for cls in mro if places.own(file_of(cls.__module__))]
            files = [getattr(m, "__file__", None) for m in (modules or [module])]
            self.files = [str(name) for name in dict.fromkeys(files) if name]
        self._literal_in = fallback[0] if isinstance(source, dict) and fallback else None
        self._names: Dict[str, Location] = {}
        self._keys: Dict[str, Dict[str, int]] = {}
        self._trees: Dict[str, Optional[ast.Module]] = {}
        for filename in list(self.files):
            self._collect(filename, [])

    def line_of(self, name: str) -> Optional[Location]:
        """Where a name is assigned, the last place counting; else where the source was named."""
        found = self._names.get(name)
        if found is None and self._literal_in:
            found = self.dict_key(name, [self._literal_in])
        return found or self.fallback

    def tree(self, filename: str) -> Optional[ast.Module]:
        """A file's syntax tree; None where it cannot be read or parsed."""
        if filename not in self._trees:
            try:
                with open(filename, "rb") as file:
                    self._trees[filename] = ast.parse(file.read(), filename)
            except (OSError, SyntaxError, ValueError):
                self._trees[filename] = None
        return self._trees[filename]

    def _collect(self, filename: str, above: List[str]) -> None:
        tree = self.tree(filename)
        if tree is None or filename in above:
            return
        for node in statements(tree, self._classes):
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                starred = starred_file(node, filename)
                if starred:
                    self._collect(starred, [*above, filename])
                    self.files.append(starred)
            if isinstance(node, ast.ImportFrom):
                self.imported.update(alias.asname or alias.name for alias in node.names)
            for name, line, column in assigned(node):
                self._names[name] = Location(self._places.relative(filename), line, column + 1)

    def literal(self, text: str, files: List[str]) -> Optional[Location]:
        """Where a string that contains `text` is written out in one of these files as a plain value.

        A string that is an argument of a call other than `Celery(...)`, `update(...)` or `dict(...)` is no
        plain value: `env("BROKER_URL", "amqp://...")` only falls back to it.
        """
        for filename in files:
            tree = self.tree(filename)
            line = literal_line(tree, text) if tree is not None else None
            if line:
                return self._places.location(filename, line)
        return None

    def dict_key(self, key: str, files: List[str]) -> Optional[Location]:
        """Where a string stands as a key: of a dict display, or of `something[key] = ...`."""
        for filename in files:
            tree = self.tree(filename)
            if tree is None:
                continue
            if filename not in self._keys:
                self._keys[filename] = keys_of(tree)
            line = self._keys[filename].get(key)
            if line:
                return self._places.location(filename, line)
        return None


def describe_source(source: Any) -> Tuple[Optional[str], Optional[ModuleType]]:
    """The configuration source as text, and the module it lies in."""
    if source is None:
        return None, None
    if isinstance(source, str):
        name = source.partition(":")[0]
        if source.startswith("django.conf"):
            name = os.environ.get("DJANGO_SETTINGS_MODULE", "")
        module = sys.modules.get(name)
        if module is None and "." in name:
            module = sys.modules.get(name.rpartition(".")[0])
        return source, module
    if isinstance(source, ModuleType):
        return source.__name__, source
    if isinstance(source, dict):
        return "a dict", None
    kind = source if isinstance(source, type) else type(source)
    return f"{kind.__module__}.{kind.__qualname__}", sys.modules.get(kind.__module__)


def resolved(source: Any, module: ModuleType) -> Any:
    """The object behind a source that was named: the module, or the class or object in it."""
    if not isinstance(source, str):
        return source
    name, _, attribute = source.partition(":")
    if not attribute and module.__name__ != name:
        attribute = name.rpartition(".")[2]
    return module if source.startswith("django.conf") else getattr(module, attribute, module)


def file_of(name: str) -> Optional[str]:
    return getattr(sys.modules.get(name), "__file__", None)


def statements(tree: ast.Module, classes: FrozenSet[str]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, in order; class bodies only of these classes."""
    pending: List[ast.stmt] = tree.body[::-1]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.ClassDef) and node.name not in classes:
            continue
        yield node
        for child in reversed(list(ast.iter_child_nodes(node))):
            if isinstance(child, ast.stmt):
                pending.append(child)
            elif isinstance(child, ast.excepthandler):
                pending += getattr(child, "body", [])[::-1]


def starred_file(node: ast.ImportFrom, filename: str) -> Optional[str]:
    """The file behind `from X import *`, if X is imported already."""
    name = node.module or ""
    if node.level:
        importer = next(
            (m for m in list(sys.modules.values()) if getattr(m, "__file__", None) == filename), None
        )
        if importer is None:
            return None
        package = importer.__name__ if hasattr(importer, "__path__") else importer.__name__.rpartition(".")[0]
        for _ in range(node.level - 1):
            package = package.rpartition(".")[0]
        name = f"{package}.{name}" if name else package
    file = getattr(sys.modules.get(name), "__file__", None)
    return str(file) if file else None


def assigned(node: ast.AST) -> Iterator[Tuple[str, int, int]]:
    """Names a statement assigns, with line and column: plain ones, and `object.name`."""
    targets: List[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = list(node.targets)
    elif isinstance(node, (ast.AnnAssign, ast.AugAssign)):
        targets = [node.target]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name, node.lineno, node.col_offset
    while targets:
        target = targets.pop()
        if isinstance(target, (ast.Tuple, ast.List)):
            targets += target.elts
        elif isinstance(target, ast.Name):
            yield target.id, target.lineno, target.col_offset
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            yield str(target.slice.value), target.lineno, target.col_offset


_PLAIN_CALLS = ("Celery", "update", "dict", "config_from_object")
_SETTINGS_LIBRARIES = re.compile(r"Settings$|BaseModel$|Env")


def literal_line(tree: ast.AST, text: str) -> Optional[int]:
    """The line of a string constant that contains `text` and is neither a fallback nor a docstring."""
    if is_fallback(tree) or (isinstance(tree, ast.Expr) and isinstance(tree.value, ast.Constant)):
        return None
    if isinstance(tree, ast.Constant) and isinstance(tree.value, str) and text in tree.value:
        return tree.lineno
    for child in ast.iter_child_nodes(tree):
        line = literal_line(child, text)
        if line:
            return line
    return None


def is_fallback(tree: ast.AST) -> bool:
    """Whether what stands in it need not be the value: `env("X", "…")`, `a or "…"`, a library's settings."""
    if isinstance(tree, ast.Call):
        return name_of(tree.func) not in _PLAIN_CALLS
    if isinstance(tree, ast.ClassDef):
        return any(_SETTINGS_LIBRARIES.search(name_of(base)) for base in tree.bases)
    return isinstance(tree, (ast.BoolOp, ast.IfExp))


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else str(getattr(node, "id", ""))


def keys_of(tree: ast.Module) -> Dict[str, int]:
    """Every string that is a key in this module, with its line."""
    keys: Dict[str, int] = {}
    for node in ast.walk(tree):
        found = (
            node.keys
            if isinstance(node, ast.Dict)
            else [node.slice]
            if isinstance(node, ast.Subscript)
            else []
        )
        for key in found:
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                keys.setdefault(key.value, key.lineno)
    return keys
