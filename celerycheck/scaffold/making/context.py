"""What templates may use: one flat table of names, made from the spec, the project and the layout."""

from __future__ import annotations

import math

from celerycheck.scaffold.layout import Layout, Place
from celerycheck.scaffold.making import periodic, workflow
from celerycheck.scaffold.making.exceptions import Named, named
from celerycheck.scaffold.making.fitting import Fit, fitting
from celerycheck.scaffold.making.reporting import base_option, report_values
from celerycheck.scaffold.making.samples import key, may_be_logged, needs_digest, sample
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.cycles import reaches
from celerycheck.scaffold.spec import Parameter, Spec

LEAST_SPAN = 60
"""Seconds that all retries together should span: a deploy or a failover lasts as long."""

RUN_ID = Parameter("run_id", "str")
"""What tells one run of a periodic task from the next: the message's id, which retries keep."""


def context(spec: Spec, project: Project, layout: Layout) -> dict[str, object]:
    """The names that every template has."""
    params = (RUN_ID,) if spec.kind == "periodic" else spec.params
    told = tuple(param for param in params if may_be_logged(param) or spec.kind == "periodic")
    fit = fitting(project.line_length)
    services, services_import = imported(layout.services, "services")
    locks, locks_import = imported(layout.locks, "locks")
    failures = named(spec.retry_on)
    lines = options(spec, project, failures, fit)
    return {
        "spec": spec,
        "project": project,
        "layout": layout,
        "fit": fit,
        "spelled": lambda setting: spelled(project, setting),
        "outside": spec.outside,
        "title": title(spec.name),
        "camel": "".join(part.capitalize() for part in spec.name.split("_")),
        "url_variable": f"{spec.name.strip('_').upper()}_URL",
        "declared": [f"{param.name}: {param.type}" for param in params],
        "passed": [param.name for param in params],
        "payload": [f'"{param.name}": {param.name}' for param in params],
        "samples": [sample(param.type, 0) for param in params],
        "others": [sample(param.type, 1) for param in params],
        "tuple_end": ",)" if len(params) == 1 else ")",
        "digest": spec.kind != "periodic" and needs_digest(params),
        "key": f'key = f"{spec.name}:{{run_id}}"' if spec.kind == "periodic" else key(spec.name, params),
        "services": services,
        "services_import": services_import,
        "late_import": imports_back(project, layout),
        "locks": locks,
        "locks_import": locks_import,
        "returns": "bool" if spec.keep_result else "None",
        "typing_imports": typing_imports(params),
        "told": [param.name for param in told],
        "out_of_time": f'"{spec.name}({marks(told)}) ran out of time; it is tried again"',
        "ended": f'"{spec.name}({marks(told)}): %s"',
        "accepted": accepted(spec, project),
        "raised": " or ".join(failure.written for failure in failures),
        "retry_imports": [failure.statement for failure in failures if failure.statement],
        "error_imports": [failures[0].statement] if failures[0].statement else [],
        "error": failures[0].raised,
        "error_class": failures[0].written,
        "post_parameter": ["post: mock.Mock"] if spec.outside != "none" else [],
        "completed_import": imported(layout.completed, "completed_work")[1],
        "options": lines,
        **making_tasks(project, layout.tasks),
        **report_values(spec, project, layout),
        **(workflow.values(spec, project, lines) if spec.kind == "workflow" else {}),
        **(periodic.values(spec) if spec.kind == "periodic" else {}),
    }


def title(name: str) -> str:
    """A function's name as the beginning of a sentence: `Charge invoice`."""
    return name.replace("_", " ").strip().capitalize()


def marks(params: tuple[Parameter, ...]) -> str:
    return ", ".join("%s" for _ in params)


def typing_imports(params: tuple[Parameter, ...]) -> list[str]:
    names = ("Optional", "Union", "List", "Dict")
    return [f"from typing import {n}" for n in names if any(f"{n}[" in param.type for param in params)]


def accepted(spec: Spec, project: Project) -> str:
    """What the audit would say of choices made here, and why they are accepted; empty for nothing."""
    reasons = {}
    if not spec.reliable:
        reasons["retry-without-acks-late"] = "lost with its worker, it is not missed"
    elif project.celery < (5, 7):
        reasons["oom-loop"] = "Celery 5.7 has retry_on_worker_lost, which max_retries bounds"
    told = spec.report_failures or spec.keep_result or project.app.error_reporters
    if not keeps_results(project) and not told:
        reasons["lost-failure"] = "the worker's log tells of failures"
    return f"{', '.join(reasons)}] {'; '.join(reasons.values())}" if reasons else ""


def keeps_results(project: Project) -> bool:
    """Whether there is a result backend."""
    return project.app.backend.scheme is not None


def imports_back(project: Project, layout: Layout) -> bool:
    """Whether importing the services imports the tasks: these cannot import the services then."""
    starts = [layout.services.module, layout.models.module, layout.completed.module]
    return reaches(project.modules, starts, layout.tasks.module)


def imported(place: Place, alias: str) -> tuple[str, str]:
    """How a module is called where it is used, and the line that imports it."""
    package, _, last = place.module.rpartition(".")
    if not package:
        return last, f"import {last}"
    suffix = "" if last == alias else f" as {alias}"
    return alias, f"from {package} import {last}{suffix}"


def spelled(project: Project, setting: str) -> str:
    """A setting's name as `app.conf` honours it on every Celery: with the namespace's prefix, if any."""
    namespace = project.app.settings.namespace
    return f"{namespace}_{setting}".upper() if namespace else setting


def backoff(retries: int) -> int:
    """The factor in seconds with which so many retries span a minute."""
    return max(2, math.ceil(LEAST_SPAN / ((1 << retries) - 1)))


def options(spec: Spec, project: Project, failures: list[Named], fit: Fit) -> list[str]:
    """The lines of the task's decorator, one option each."""
    retried = [*(failure.written for failure in failures), "SoftTimeLimitExceeded"]
    lines = ["bind=True"] if spec.bind or spec.kind == "periodic" else []
    base = base_option(spec, project)
    if base:
        lines.append(f"base={base}")
    lines += [
        fit("autoretry_for=(", retried, "),", 4).removesuffix(","),
        f"max_retries={spec.max_retries}",
        f"retry_backoff={backoff(spec.max_retries)}",
        "retry_backoff_max=600",
        "retry_jitter=True",
        f"soft_time_limit={spec.soft_time_limit}",
        f"time_limit={spec.time_limit}",
    ]
    if spec.rate_limit:
        lines.append(f'rate_limit="{spec.rate_limit}"')
    if spec.reliable:
        lost = "retry_on_worker_lost" if project.celery >= (5, 7) else "reject_on_worker_lost"
        lines += ["acks_late=True", f"{lost}=True"]
    if spec.keep_result:
        lines += ["ignore_result=False"] if project.app.settings.flag("task_ignore_result") else []
    else:
        lines.append("ignore_result=True")
        lines += ["store_errors_even_if_ignored=True"] if keeps_results(project) else []
    return [f"{line}," for line in lines]


def making_tasks(project: Project, tasks: Place) -> dict[str, object]:
    """How the project's tasks are made in that module, and how its app is had elsewhere."""
    app, made = project.app_import, project.app_expression
    app_import = f"from {project.app_module} import {app}"
    if made == app and app != "app":
        app_import += " as app"
    base = project.base
    module, _, cls = (base or "").rpartition(".")
    shared = project.shared or not project.app_attribute
    makes_app = tasks.module == project.app_module
    return {
        "decorator": "shared_task" if shared else f"{made}.task" if makes_app else "app.task",
        "decorator_import": "from celery import shared_task" if shared else "" if makes_app else app_import,
        "base_import": f"from {module} import {cls}" if base and module != tasks.module else "",
        "app_import": app_import,
        "app_made": "" if made == app else made,
    }
