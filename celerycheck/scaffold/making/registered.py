"""The names under which the made tasks are registered."""

from __future__ import annotations

from celerycheck.scaffold.spec import Spec


def functions(spec: Spec) -> list[str]:
    """The functions that are tasks: the one that was asked for, or each step of the workflow."""
    if spec.kind == "workflow":
        return [f"_{spec.name}_{step}" for step in spec.steps]
    return [spec.name]


def task_names(spec: Spec, module: str) -> list[str]:
    """Their names as Celery makes them from the module: `billing.tasks.charge_invoice`."""
    return [f"{module}.{function}" for function in functions(spec)]
