"""What the templates of a workflow may use besides: its steps, and the callback for the one that fails."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from celerycheck.errors import UsageError
from celerycheck.scaffold.making.fitting import Fit, fitting
from celerycheck.scaffold.making.samples import key, may_be_logged
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Spec

FAILED = "failed"
"""The last part of the error callback's name, where a step's name stands in that of a step."""

KEPT = ("base=", "soft_time_limit=", "time_limit=")
"""What the error callback has of the steps' options."""

IGNORED = ("ignore_result=True", "store_errors_even_if_ignored=True")

USED = ("chain", "Signature", "Context", "SoftTimeLimitExceeded", "get_task_logger")
"""Names that the function of the workflow, or the annotations of its tasks, need for themselves."""


@dataclass(frozen=True)
class Step:
    """One step: its service, its task, and the texts that name it.

    `key` are the statements that set the key of its work; `out_of_time` and `ended` are formats of log lines,
    as source.
    """

    name: str
    title: str
    service: str
    task: str
    key: str
    out_of_time: str
    ended: str


def values(spec: Spec, project: Project, options: Sequence[str]) -> dict[str, object]:
    """The names that the templates of a workflow have besides those of every template.

    `options` are the lines of a task's decorator. Raises UsageError for names that clash.
    """
    refuse_clashes(spec)
    taken = [param.name for param in spec.params]
    told = [param.name for param in spec.params if may_be_logged(param)]
    marks = ", ".join("%s" for _ in told)
    step, request, exc = free("step", taken), free("request", taken), free("exc", taken)
    fit = fitting(project.line_length)
    return {
        "steps": [made(spec, number, marks) for number in range(len(spec.steps))],
        "step_parameter": step,
        "step_payload": [f'"{name}": {name}' for name in (step, *taken)],
        "step_options_name": f"_{spec.name.strip('_').upper()}_STEP",
        "step_options": [as_item(option, fit) for option in options],
        "failed_task": f"_{spec.name}_{FAILED}",
        "failed_options": [*(line.rstrip(",") for line in options if line.startswith(KEPT)), *IGNORED],
        "failed_variable": free(FAILED, taken),
        "failed_declared": [
            f"{request}: Context",
            f"{exc}: object",
            f"{free('_traceback', taken)}: object",
            *(f"{param.name}: {param.type}" for param in spec.params),
        ],
        "failed_message": f'"{spec.name}({marks}) ended with %s: %r"',
        "failed_told": [f"{request}.task", exc],
    }


def refuse_clashes(spec: Spec) -> None:
    """Raise UsageError for names that the generated code could not keep apart."""
    if FAILED in spec.steps:
        raise UsageError(
            f"--steps: {FAILED} is taken: the error callback is called _{spec.name}_{FAILED}",
            "Call the step by what it does.",
        )
    for param in spec.params:
        if param.name in USED:
            raise UsageError(
                f"--param: {param.name} is taken: the generated code uses that name itself",
                "Call it something else.",
            )


def made(spec: Spec, number: int, marks: str) -> Step:
    """The step with that number, the first being 0; `marks` stand for the arguments that may be logged."""
    name = spec.steps[number]
    function = f"{spec.name}_{name}"
    told = f"_{function}({marks})"
    return Step(
        name=name,
        title=f"{name.replace('_', ' ').strip().capitalize()}, step {number + 1} of {spec.name}",
        service=function,
        task=f"_{function}",
        key=key(f"{spec.name}:{name}", spec.params),
        out_of_time=f'"{told} ran out of time; it is tried again"',
        ended=f'"{told}: %s"',
    )


def free(name: str, taken: Sequence[str]) -> str:
    """The name, with as many underscores behind it as it takes to differ from the parameters'."""
    return free(f"{name}_", taken) if name in taken else name


def as_item(option: str, fit: Fit) -> str:
    """A line of a decorator, `name=value,`, as one of a dict: `"name": value,`."""
    name, _, value = option.rstrip(",").partition("=")
    node = ast.parse(value, mode="eval").body
    if isinstance(node, ast.Tuple):
        return fit(f'"{name}": (', [ast.unparse(one) for one in node.elts], "),", 4)
    return f'"{name}": {value},'
