"""Base classes of tasks that may change the arguments on their way to the task's function."""

from __future__ import annotations

import ast

from celerycheck.source.modules import Function
from celerycheck.source.project import Project
from celerycheck.subjects import TaskClass, TaskInfo

_SENDING = frozenset({"apply_async", "apply", "delay", "s", "si", "signature", "subtask"})


def may_change_arguments(task: TaskInfo, project: Project) -> bool:
    """Whether a base class of the project's sends or runs the task in a way of its own.

    One whose `__call__` hands on all it gets, as those do that set up a Flask application's context, changes
    nothing; where its source is not at hand that is not known.
    """
    return any(not _SENDING.isdisjoint(c.defines) or _runs_its_own_way(c, project) for c in task.classes)


def _runs_its_own_way(cls: TaskClass, project: Project) -> bool:
    if "__call__" not in cls.defines:
        return False
    found = project.cls(cls.name)
    method = found.methods.get("__call__") if found is not None else None
    return method is None or not _hands_on(method)


def _hands_on(method: Function) -> bool:
    """Whether all it does with `*args` and `**kwargs` is to pass them on."""
    arguments = method.node.args
    if arguments.vararg is None or arguments.kwarg is None or len(method.parameters) != 1:
        return False
    names = {arguments.vararg.arg, arguments.kwarg.arg}
    mentioned = [n for n in ast.walk(method.node) if isinstance(n, ast.Name) and n.id in names]
    passed = {
        id(node)
        for call in ast.walk(method.node)
        if isinstance(call, ast.Call)
        for node in (*(a.value for a in call.args if isinstance(a, ast.Starred)), *_open_keywords(call))
    }
    return all(id(node) in passed for node in mentioned)


def _open_keywords(call: ast.Call) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg is None]
