"""Tasks that are only ever steps of workflows."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._wording import listed
from celerycheck.registry import Problem, check
from celerycheck.source.calls import CallSite
from celerycheck.source.evidence import TaskBody


@check
def public_step_task(body: TaskBody) -> Iterator[Problem]:
    """A task is only a step of others' workflows, yet named as if public.

    Why: whoever finds it in a list of tasks may send it alone, without the steps that belong before and after
        it.
    Fix: begin its name with an underscore, and keep the task that makes the workflow as the way in. A `name=`
        keeps the name under which messages already wait.
    """
    task, makers = body.task, _makers(body)
    if not makers or body.function.name.startswith("_") or task.class_based or _has_other_ways_in(body):
        return
    name = body.function.name
    yield Problem(
        f"it is only ever a step of the workflows that {listed(makers)} makes",
        fix=f'def _{name}(...), with name="{task.name}" while messages of that name may wait',
        about=task,
    )


def _makers(body: TaskBody) -> list[str]:
    """The tasks of the same module whose workflows it is a step of; none where it is ever used otherwise."""
    makers: list[str] = []
    for site in body.callers:
        around = body.source.tasks_around(site.function)
        if not _is_step(site) or site.module is not body.function.module or not around:
            return []
        if any(task.name == body.name for task in around):
            return []
        makers += [name for task in around if (name := task.function or task.name) not in makers]
    return makers


def _is_step(site: CallSite) -> bool:
    return site.is_signature and site.workflow is not None and not site.launches


def _has_other_ways_in(body: TaskBody) -> bool:
    """Whether something else than workflows names the task: the schedule, a route, another module."""
    app, task = body.app, body.task
    return (
        any(entry.task == task.name for entry in app.schedule)
        or any(route.kind == "exact" and route.pattern == task.name for route in app.routes)
        or len(task.aliases) > 1
        or _is_called(body)
    )


def _is_called(body: TaskBody) -> bool:
    """Whether its module calls the function itself, as one calls any other."""
    module = body.function.module
    codes = [module.code, *(function.code for function in module.every_function())]
    return any(body.project.function(call.chain) is body.function for code in codes for call in code.calls)


__all__ = ["public_step_task"]
