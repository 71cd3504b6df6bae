"""How the project's tasks are made: which decorator, and which base class."""

from __future__ import annotations

import ast
from collections import Counter

from celerycheck.scaffold.reading.module_files import Modules
from celerycheck.subjects import App, TaskInfo


def shared(app: App, importable: bool, preferred: bool) -> bool:
    """Whether to make tasks with `shared_task`, as most of its tasks are; `preferred` where it has none.

    `importable`: whether the app can be imported by name; without that there is no other way.
    """
    made = Counter(task.shared for task in app.tasks if task.shared is not None and task.made_by is None)
    if not importable:
        return True
    if made[True] == made[False]:
        return preferred or bool(made)
    return made[True] > made[False]


def base(app: App, modules: Modules) -> str | None:
    """The dotted class of the project's that more than half of its tasks name by `base=`."""
    decorated = [task for task in app.tasks if not task.class_based]
    named = Counter(task.classes[0].name for task in decorated if task.classes and names_base(task, modules))
    for name, count in named.most_common(1):
        module, _, _ = name.rpartition(".")
        if 2 * count > len(decorated) and "<" not in name and modules.file(module) is not None:
            return name
    return None


def names_base(task: TaskInfo, modules: Modules) -> bool:
    """Whether a decorator of the task's function has the argument `base`."""
    place = task.source or task.location
    tree = modules.tree(place.path) if place is not None else None
    if place is None or tree is None:
        return False
    for node in ast.walk(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or not node.decorator_list:
            continue
        if node.decorator_list[0].lineno <= (place.line or 0) <= node.lineno:
            calls = (call for call in node.decorator_list if isinstance(call, ast.Call))
            return any(keyword.arg == "base" for call in calls for keyword in call.keywords)
    return False
