"""Action reports (`--report-failures`): what templates need for them, and the modules they bring."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import replace

from celerycheck.scaffold.layout import Layout
from celerycheck.scaffold.making.registered import functions
from celerycheck.scaffold.making.samples import may_be_logged
from celerycheck.scaffold.pieces import Module
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.places import Place
from celerycheck.scaffold.spec import Kind, Spec

BASES: dict[Kind, str] = {"task": "ReportedTask", "workflow": "ReportedStep", "periodic": "ReportedRun"}
"""The base class in the generated `reporting.py` that each kind needs; a workflow's last step has the task's.

A periodic task is sent by beat, which makes no reports: each run begins its own.
"""

ADMIN = "django.contrib.admin"


def base_option(spec: Spec, project: Project) -> str:
    """What all tasks of the spec name as `base=`; the steps of a workflow with reports differ in that."""
    if spec.report_failures:
        return "" if spec.kind == "workflow" else BASES[spec.kind]
    return (project.base or "").rpartition(".")[2]


def report_values(spec: Spec, project: Project, layout: Layout) -> dict[str, object]:
    """What templates may use of the reports, with and without them."""
    started = spec.report_failures and spec.kind != "periodic"
    inherited = project.base if (project.base or "").rpartition(".")[2] not in BASES.values() else None
    module, _, cls = (inherited or "").rpartition(".")
    return {
        "started": started,
        "report_parameter": ["*", 'report_id: str = ""'] if started else [],
        "report_argument": ["report_id=report_id"] if started else [],
        "action": action(spec),
        "step_base": lambda last: step_base(spec, last),
        "page": has_page(spec, project),
        **tested(spec),
        "reporting": layout.reporting.module.rpartition(".")[2],
        "reporting_import": statement(layout.reporting),
        "reports_base": cls,
        "reports_base_import": f"from {module} import {cls}" if cls else "",
        **({"base_import": bases_import(spec, layout)} if spec.report_failures else {}),
    }


def step_base(spec: Spec, last: bool) -> list[str]:
    """The option of a workflow's step that its fellows do not share; none without reports."""
    return [f"base={BASES['task' if last else 'workflow']}"] if spec.report_failures else []


def tested(spec: Spec) -> dict[str, object]:
    """What the tests of reports go by: the task whose end is the call's, the services that come before."""
    *others, last = functions(spec)
    started = [] if spec.kind == "periodic" else [f"start_{spec.name}"]
    names = {last, *started, *([] if spec.kind == "periodic" else [spec.name])}
    return {
        "last_task": last,
        "last_service": last.removeprefix("_") if others else last,
        "other_services": [other.removeprefix("_") for other in others],
        "reported_names": ", ".join(sorted(names)),
    }


def bases_import(spec: Spec, layout: Layout) -> str:
    names = sorted({BASES[spec.kind], BASES["task"]} if spec.kind == "workflow" else {BASES[spec.kind]})
    return f"from {layout.reporting.module} import {', '.join(names)}"


def statement(place: Place) -> str:
    """The line that imports a module by its last name."""
    package, _, last = place.module.rpartition(".")
    return f"from {package} import {last}" if package else f"import {last}"


def action(spec: Spec) -> str:
    """The source of a call's description: the function's name, and what of its arguments may be seen."""
    shown = [f"{param.name}={{{param.name}}}" for param in spec.params if may_be_logged(param)]
    if not shown:
        return f'"{spec.name}"'
    return f'f"{spec.name}({", ".join(shown)})"'


def models(spec: Spec) -> list[str]:
    """The Django models that reports need."""
    return ["ActionReport"] if spec.report_failures else []


def has_page(spec: Spec, project: Project) -> bool:
    """Whether reports get a page: where the project has Django's admin site, which looks for `admin.py`."""
    django = project.app.django if spec.report_failures and spec.store == "django" else None
    return django is not None and any(app.name == ADMIN for app in django.apps)


Make = Callable[[str, str], Module]
"""Renders the template of that name for the file at that path."""


def code(spec: Spec, project: Project, layout: Layout, make: Make) -> Iterator[Module]:
    """What reports need besides the models."""
    if not spec.report_failures:
        return
    framework = "django" if spec.store == "django" else "plain"
    there = defined(project, layout.reporting)
    if BASES[spec.kind] not in there:
        yield lacking(make(f"reporting_{framework}.py.j2", layout.reporting.path), there)
    if not has_page(spec, project):
        return
    if "ActionReportAdmin" not in defined(project, layout.admin):
        yield make("reports_admin.py.j2", layout.admin.path)
    if layout.admin_exports:
        name = "ActionReportAdmin"
        yield Module(layout.admin_exports, f"from {layout.admin.module} import {name} as {name}\n")


def tests(spec: Spec, layout: Layout, make: Make) -> Iterator[Module]:
    """The tests of a task's reports, beside its other tests."""
    if spec.report_failures:
        framework = "django" if spec.store == "django" else "pytest"
        path = f"{layout.tests.path.removesuffix('.py')}_reports.py"
        yield make(f"test_reports_{framework}.py.j2", path)


def defined(project: Project, place: Place) -> frozenset[str]:
    """What a module of the project's defines; nothing where it is not there."""
    tree = project.modules.tree(place.path)
    return frozenset(name for name, _, _ in _definitions(tree)) if tree is not None else frozenset()


def lacking(module: Module, there: frozenset[str]) -> Module:
    """The module without the definitions that are there: people put their own into them."""
    if not there:
        return module
    lines = module.text.splitlines(keepends=True)
    for name, start, end in reversed([*_definitions(ast.parse(module.text))]):
        if name in there:
            del lines[start - 1 : end]
    return replace(module, text="".join(lines).rstrip("\n") + "\n")


def _definitions(tree: ast.Module) -> Iterator[tuple[str, int, int]]:
    """The name of each class, function and constant, its first and its last line, decorators included."""
    for node in tree.body:
        last = node.end_lineno or node.lineno
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name, min([node.lineno, *(mark.lineno for mark in node.decorator_list)]), last
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            yield node.targets[0].id, node.lineno, last
