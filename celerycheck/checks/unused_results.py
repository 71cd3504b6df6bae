"""Results that are stored although they say nothing and nobody reads them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from celerycheck.checks._wording import assignment, listed
from celerycheck.registry import Problem, check
from celerycheck.source.calls import CallSite, Workflow
from celerycheck.source.code import Call
from celerycheck.source.evidence import SourceCode, TaskBody
from celerycheck.subjects import App, TaskInfo

_ONE_BY_ONE = 5
"""More such tasks are a matter of the setting, and told of it once."""
_ASKS_BY_ID = (b"AsyncResult(", b"GroupResult", b"get_task_meta")


@check
def unused_result(source: SourceCode) -> Iterator[Problem]:
    """A result is stored that says nothing and that nobody reads.

    Why: every run waits for one more write to the result backend, which keeps the row or key for a day, only
        to say that the task returned None.
    Fix: `ignore_result=True` on the task, or `task_ignore_result = True` for all; where somebody looks at
        stored failures, `store_errors_even_if_ignored` keeps those.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#ignore-results-you-don-t-want
    """
    app = source.app
    if app.backend.scheme is None or _wanted(app):
        return
    source.require()
    bodies = [body for body in source.bodies if not body.task.ignore_result]
    unused = [body.task for body in _unused(source, bodies)]
    if len(unused) > _ONE_BY_ONE or (len(unused) > 2 and 2 * len(unused) > len(bodies)):
        yield _of_the_setting(app, unused, [body.task for body in bodies])
        return
    for task in unused:
        yield Problem(
            "it returns nothing, and nobody in this project reads its result, yet each run stores one in"
            f" {app.backend.scheme}",
            fix="ignore_result=True",
            about=task,
        )


def _of_the_setting(app: App, unused: Sequence[TaskInfo], storing: Sequence[TaskInfo]) -> Problem:
    names = listed([task.name for task in unused])
    others = len(storing) - len(unused)
    rest = f", and ignore_result=False on those of the other {others} whose result is read" if others else ""
    return Problem(
        f"{len(unused)} of {len(storing)} tasks that store a result in {app.backend.scheme} return nothing,"
        f" and nobody in this project reads it: {names}",
        fix=assignment(app.settings, "task_ignore_result", "True") + rest,
        about=app.settings["task_ignore_result"],
    )


def _wanted(app: App) -> bool:
    """Whether somebody has decided to keep results, or to look at them where they are stored."""
    settings = app.settings
    return (
        settings.explicit("task_ignore_result")
        or settings.flag("result_extended")
        or settings.flag("task_track_started")
        or "django_celery_results" in (app.django.installed_apps if app.django is not None else ())
        or app.backend.scheme in ("django-db", "django-cache")
    )


def _unused(source: SourceCode, bodies: Sequence[TaskBody]) -> Sequence[TaskBody]:
    unused = [body for body in bodies if _is_unused(body)]
    if any(map(_reads_its_request, unused)) and _asks_by_id(source):
        return [body for body in unused if not _reads_its_request(body)]
    return unused


def _is_unused(body: TaskBody) -> bool:
    task = body.task
    if "ignore_result" in task.explicit or task.flag("track_started") or not _returns_nothing(body):
        return False
    scheduled = any(entry.task == task.name for entry in body.app.schedule)
    if not body.callers and not scheduled:
        return False  # whoever sends it is not known
    return all(_drops(body.source, site) for site in body.callers)


def _returns_nothing(body: TaskBody) -> bool:
    function = body.function
    if function.is_async or function.is_generator or body.task.wrapper_names:
        return False
    if any("__call__" in cls.defines for cls in body.task.classes):
        return False
    values = [found.value for found in body.code.returns]
    return all(value is None or (value.is_constant and value.constant is None) for value in values)


def _reads_its_request(body: TaskBody) -> bool:
    """Whether the task may tell its own id to somebody who asks for the result later."""
    return "request" in body.task.names_read or any("request" in cls.reads for cls in body.task.classes)


def _asks_by_id(source: SourceCode) -> bool:
    return bool(source.holding(*_ASKS_BY_ID))


def _drops(source: SourceCode, site: CallSite) -> bool:
    """Whether what a call site gives back is thrown away, so that nobody can ask for the result."""
    if site.options.keys() & {"task_id", "ignore_result", "chord"} or site.open_options:
        return False
    if site.sent:
        return site.call.use == "statement" or _after_commit(source, site)
    if not site.is_signature or site.ambiguous:
        return False
    return _all_statements(site.launches) if site.workflow is None else _chain_drops(site.workflow)


def _after_commit(source: SourceCode, site: CallSite) -> bool:
    """Whether it stands in a lambda that is called once a transaction is committed."""
    lambda_ = site.function
    if lambda_ is None or not isinstance(lambda_.node, ast.Lambda) or site.call.use != "returned":
        return False
    outer = site.module.functions.get(lambda_.qualname.rpartition(".<locals>.")[0])
    calls = outer.code.calls if outer is not None else site.module.code.calls
    return any(
        "after_commit" in source.kinds(call)
        for call in calls
        if any(value.function is lambda_ for value in (*call.args, *call.keywords.values()))
    )


def _chain_drops(flow: Workflow) -> bool:
    """Whether a workflow is a chain that is sent and forgotten; groups and chords need results themselves."""
    if flow.kind != "chain" or flow.ambiguous or any(isinstance(step, Workflow) for step in flow.steps):
        return False
    return _all_statements(flow.launches) if flow.parent is None else _chain_drops(flow.parent)


def _all_statements(launches: Sequence[Call]) -> bool:
    return bool(launches) and all(call.use == "statement" for call in launches)


__all__ = ["unused_result"]
