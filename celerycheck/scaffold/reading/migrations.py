"""The migration that comes next, worked out from the files on disk."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from celerycheck.errors import UsageError
from celerycheck.scaffold.project import Project
from celerycheck.subjects import DjangoApp

Key = tuple[str, str]
"""A migration as others name it: its app's label and its own name."""


@dataclass(frozen=True)
class Upcoming:
    """A migration to be written, or the one that made the model before (`made`).

    - `name`: `0004_completedwork`; `dependencies`: what it comes after; `initial`: whether it is the first.
    - `path`: its file relative to the root; `markers`: the `__init__.py` files it needs and that are missing.
    """

    name: str
    dependencies: tuple[Key, ...]
    initial: bool = False
    made: bool = False
    path: str = ""
    markers: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Migration:
    """A migration on disk. `changes`: the models it makes (True) or deletes (False), lower case, in order."""

    name: str
    dependencies: tuple[Key, ...]
    replaces: tuple[Key, ...]
    changes: tuple[tuple[str, bool], ...]


def upcoming(root: Path, folder: str, label: str, suffix: str, *, models: bool = False) -> Upcoming:
    """The next migration of the app `label`, whose migrations lie in `folder`, relative to `root`.

    `suffix` is the model that it makes, in lower case (`completedwork`); `models` tells whether the app has
    models already. Raises UsageError where the migrations on disk are not ready for another one.
    """
    found = {migration.name: migration for migration in _read(root, folder)}
    marker = f"{folder}/__init__.py"
    markers = () if (root / marker).exists() else (marker,)
    if not found:
        if models:
            raise UsageError(f"{label} has models, but no migrations", f"Run makemigrations {label} first.")
        return Upcoming(f"0001_{suffix}", (), True, False, f"{folder}/0001_{suffix}.py", markers)
    graph = _graph(found, label)
    made = _maker(found, graph, suffix)
    if made is not None:
        path = f"{folder}/{made.name}.py"
        return Upcoming(made.name, made.dependencies, not made.dependencies, True, path, markers)
    leaf = _leaf(graph, label)
    name = f"{_number(leaf) + 1:04}_{suffix}"
    return Upcoming(name, ((label, leaf),), False, False, f"{folder}/{name}.py", markers)


def upcoming_of(project: Project, package: str, folder: str, model: str) -> Upcoming:
    """The migration that makes `model` in a Django app of the project's. Raises UsageError."""
    app = _app(project, package)
    if app.migrations is None:
        raise UsageError(
            f"MIGRATION_MODULES switches the migrations of {app.label} off", "Choose another package."
        )
    suffix = model.lower()
    others = any(name.lower() != suffix for name in app.models)
    return upcoming(project.root, folder, app.label, suffix, models=others)


def auto_field(project: Project, package: str) -> str:
    """The dotted class of primary keys that models of the package get (`django.db.models.BigAutoField`)."""
    return _app(project, package).auto_field


def _app(project: Project, package: str) -> DjangoApp:
    apps = project.app.django.apps if project.app.django is not None else ()
    for app in apps:
        if app.name == package:
            return app
    raise UsageError(
        f"{package} is no installed Django app, so it can have no models",
        f"Add it to INSTALLED_APPS, or choose one of {', '.join(project.django_apps) or 'those installed'}.",
    )


def _read(root: Path, folder: str) -> Iterator[_Migration]:
    """The migrations in a folder. Raises UsageError for one that cannot be read."""
    for path in sorted((root / folder).glob("*.py")):
        if path.name[0] in "_~":
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (OSError, SyntaxError, ValueError) as error:
            raise UsageError(
                f"the migration {folder}/{path.name} cannot be read: {error}", "Mend it first."
            ) from None
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Migration"]
        for cls in classes[-1:]:
            values = dict(_assigned(cls))
            dependencies, replaces = _keys(values.get("dependencies")), _keys(values.get("replaces"))
            yield _Migration(path.stem, dependencies, replaces, tuple(_changes(values.get("operations"))))


def _assigned(cls: ast.ClassDef) -> Iterator[tuple[str, ast.expr]]:
    for statement in cls.body:
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets = [statement.target] if isinstance(statement, ast.AnnAssign) else targets
        value = getattr(statement, "value", None)
        for target in targets:
            if isinstance(target, ast.Name) and isinstance(value, ast.expr):
                yield target.id, value


def _keys(value: ast.expr | None) -> tuple[Key, ...]:
    """The pairs of strings in a list; what is computed (`swappable_dependency(...)`) is another app's."""
    pairs = value.elts if isinstance(value, ast.List | ast.Tuple) else []
    texts = [
        tuple(
            item.value for item in pair.elts if isinstance(item, ast.Constant) and isinstance(item.value, str)
        )
        for pair in pairs
        if isinstance(pair, ast.Tuple | ast.List)
    ]
    return tuple((text[0], text[1]) for text in texts if len(text) == 2)


def _changes(operations: ast.expr | None) -> Iterator[tuple[str, bool]]:
    """The models that operations make and delete, those in `SeparateDatabaseAndState` included."""
    for call in ast.walk(operations) if operations is not None else ():
        if not isinstance(call, ast.Call):
            continue
        operation = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        names = [_text(call, "name", 0)] if operation in ("CreateModel", "DeleteModel") else []
        if operation == "RenameModel":
            yield _text(call, "old_name", 0), False
            yield _text(call, "new_name", 1), True
        for name in names:
            yield name, operation == "CreateModel"


def _text(call: ast.Call, keyword: str, position: int) -> str:
    """A string argument in lower case; empty where it is none."""
    value = next((item.value for item in call.keywords if item.arg == keyword), None)
    if value is None and len(call.args) > position:
        value = call.args[position]
    return value.value.lower() if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _graph(found: Mapping[str, _Migration], label: str) -> dict[str, frozenset[str]]:
    """What each migration of the app comes after; those that a squashed one replaces are it."""
    instead = {
        old: new.name
        for new in found.values()
        for app, old in new.replaces
        if app == label and old != new.name
    }

    def current(name: str) -> str:
        seen = {name}
        while instead.get(name, name) not in seen:
            name = instead[name]
            seen.add(name)
        return name

    graph: dict[str, set[str]] = {}
    for migration in found.values():
        own = current(migration.name)
        after = {current(name) for app, name in migration.dependencies if app == label}
        graph.setdefault(own, set()).update(after - {own})
    return {name: frozenset(after & graph.keys()) for name, after in graph.items()}


def _leaf(graph: Mapping[str, frozenset[str]], label: str) -> str:
    """The one migration that no other comes after. Raises UsageError where there are several."""
    after = frozenset().union(*graph.values())
    leaves = sorted(graph.keys() - after)
    if len(leaves) != 1:
        listed = " and ".join(leaves) or "none"
        raise UsageError(
            f"the migrations of {label} end in more than one: {listed}", "Run makemigrations --merge first."
        )
    return leaves[0]


def _maker(
    found: Mapping[str, _Migration], graph: Mapping[str, frozenset[str]], model: str
) -> _Migration | None:
    """The migration that made the model, unless a later one deleted it."""
    made: _Migration | None = None
    done: set[str] = set()
    while len(done) < len(graph):
        ready = sorted(name for name in graph.keys() - done if graph[name] <= done) or sorted(
            graph.keys() - done
        )
        for name in ready:
            done.add(name)
            for changed, exists in found[name].changes if name in found else ():
                if changed == model:
                    made = found[name] if exists else None
    return made


def _number(name: str) -> int:
    """The number a migration's name carries, as Django counts: of a squashed one the last it replaces."""
    squashed = re.fullmatch(r".*_squashed_(\d+).*", name)
    leading = re.match(r"\d+", name)
    return int(squashed[1]) if squashed else int(leading[0]) if leading else 0
