"""Where this project sets things, and what it has set already about queues and modules with tasks."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from celerycheck.errors import UsageError
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.app_object import app_object, module_level

BEAT_ONLY = frozenset({"beat_schedule"})
"""Settings that only beat reads: any app that it is started with will do."""

OLD_NAMES = {
    "beat_schedule": "CELERYBEAT_SCHEDULE",
    "task_queues": "CELERY_QUEUES",
    "task_routes": "CELERY_ROUTES",
}
"""Celery refuses a module that mixes names from before Celery 4 with new ones."""

QueueState = Literal["declared", "free", "undeclared"]


@dataclass(frozen=True)
class SettingsPlace:
    """Where to write a setting: `path` relative to the root, the name `spelled` there.

    - `how`: as a name of the module (`module`), or on the app, called `owner` there (`app`: `app.conf.NAME`).
    - `line`: where the setting stands already, or None.
    """

    path: str
    spelled: str
    how: Literal["module", "app"]
    owner: str = ""
    line: int | None = None


def place(project: Project, setting: str) -> SettingsPlace:
    """The place for one setting, by Celery's name for it. Raises UsageError where there is none."""
    settings = project.app.settings
    known = settings.values.get(setting)
    if known is not None and known.origin in ("code", "source") and known.location is not None:
        return _where_it_stands(project, setting)
    module = _config_module(project)
    if module is not None:
        spelled = OLD_NAMES.get(setting, setting) if _old(project) else settings.spelled(setting)
        return SettingsPlace(_busiest(project, module), spelled, "module")
    return _on_the_app(project, setting)


def _where_it_stands(project: Project, setting: str) -> SettingsPlace:
    """Beside what is there: the setting is set by the project already."""
    settings = project.app.settings
    known = settings[setting]
    assert known.location is not None
    path, line = known.location.path, known.location.line
    spelled = settings.spelled(setting)
    tree = project.modules.tree(path)
    for statement in module_level(tree) if tree is not None else ():
        if statement.lineno <= (line or 0) <= (statement.end_lineno or 0):
            if spelled in _names_assigned(statement):
                return SettingsPlace(path, spelled, "module", line=line)
            owner = _owner(statement)
            if owner:
                return SettingsPlace(path, spelled, "app", owner, line)
    raise UsageError(
        f"{spelled} is set at {path}:{line}, in a way that cannot be added to by itself",
        "Add the entry there by hand.",
    )


def _names_assigned(statement: ast.stmt) -> list[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    if isinstance(statement, ast.AnnAssign | ast.AugAssign):
        targets = [statement.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _owner(statement: ast.stmt) -> str:
    """The app that a statement makes or configures, as it is written there; empty for other statements."""
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    value = statement.value if isinstance(statement, ast.Assign | ast.Expr) else None
    for node in [*targets, value.func if isinstance(value, ast.Call) else value]:
        for inner in ast.walk(node) if node is not None else ():
            if isinstance(inner, ast.Attribute) and inner.attr == "conf":
                return ast.unparse(inner.value)
    names = _names_assigned(statement)
    return names[0] if names and isinstance(value, ast.Call) else ""


def _config_module(project: Project) -> str | None:
    """The file of the module that `config_from_object` was given, where that is one of the project's."""
    settings, django = project.app.settings, project.app.django
    source = settings.source or ""
    if source.startswith("django.conf"):
        # Django hands on upper-case names only: without a namespace Celery's new names cannot stand there.
        readable = settings.namespace or _old(project)
        named = django.settings_module if django is not None and readable else None
        return project.modules.file(named) if named else None
    return None if ":" in source or " " in source else project.modules.file(source)


def _old(project: Project) -> bool:
    """Whether the configuration uses the names from before Celery 4, which carry no namespace."""
    settings = project.app.settings
    return settings.namespace is None and any(one.origin == "source" for one in settings.old_style)


def _busiest(project: Project, module: str) -> str:
    """The file that most of Celery's settings stand in, of those that the configuration is split into."""
    values = project.app.settings.values.values()
    places = (one.location.path for one in values if one.origin == "source" and one.location is not None)
    counted = Counter(path for path in places if (project.root / path).is_file())
    return counted.most_common(1)[0][0] if counted else module


def _on_the_app(project: Project, setting: str) -> SettingsPlace:
    """On the app, in the module that holds it. Raises UsageError where only a function does.

    A Flask app is made in each process anew, with its Celery app: what the worker's module adds to its own
    is not known to the others.
    """
    thing = app_object(project.app, project.modules)
    fleeting = project.framework == "flask" and not thing.made and setting not in BEAT_ONLY
    if not thing.path or fleeting:
        raise UsageError(
            f"the app is made in a function: there is no module in which {setting} could be set",
            f"Set {setting} where the app is made, by hand.",
        )
    return SettingsPlace(thing.path, setting, "app", thing.attribute)


def queue_state(project: Project, queue: str) -> QueueState:
    """Whether workers read a queue: it is `declared`, or the default one, or `free` to be used without that.

    `undeclared`: the project lists its queues, and this one is missing.
    """
    app = project.app
    declared = {one.name for one in app.queues if one.declared}
    if queue in declared or (not declared and queue == (app.settings.text("task_default_queue") or "celery")):
        return "declared"
    creates = "task_create_missing_queues" not in app.settings or app.settings.flag(
        "task_create_missing_queues"
    )
    return "free" if creates and not declared else "undeclared"


def is_loaded(project: Project, module: str) -> bool:
    """Whether workers import a module of tasks, there already or not.

    A module of a split package is loaded with it: its `__init__.py` imports it, or is about to.
    """
    app = project.app
    known = {*app.autodiscovered, *app.included, *(task.module for task in app.tasks)}
    if module in known:
        return True
    parent = module.rpartition(".")[0]
    path = project.modules.file(parent) if parent and parent not in project.packages else None
    split = path is not None and path.endswith("/__init__.py")
    return split and any(name == parent or name.startswith(f"{parent}.") for name in known)
