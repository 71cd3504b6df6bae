"""Action reports (`--report-failures`): what templates need for them, and the modules they bring."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from celerycheck.scaffold.layout import Layout, Place
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.samples import may_be_logged
from celerycheck.scaffold.spec import Spec

BASES = ("ReportedTask", "ReportedRun")
"""The base classes in the generated `reporting.py`."""

ADMIN = "django.contrib.admin"


def base_class(spec: Spec) -> str:
    """What a task of the spec has to inherit; empty where its calls have no reports.

    A periodic task is sent by beat, which makes no reports: each run begins its own.
    """
    if not spec.report_failures:
        return ""
    return "ReportedRun" if spec.kind == "periodic" else "ReportedTask"


def report_values(spec: Spec, project: Project, layout: Layout) -> dict[str, object]:
    """What templates may use of the reports, with and without them."""
    base = base_class(spec)
    optional = _Optional(project.python)
    sent = bool(base) and spec.kind == "task"
    own_base = None if project.base and project.base.rpartition(".")[2] in BASES else project.base
    module, _, cls = (own_base or "").rpartition(".")
    identifier = optional.of("str")
    return {
        "reported": bool(base),
        "page": has_page(spec, project),
        "started": sent,
        "report_parameter": ["*", f"report_id: {identifier} = None"] if sent else [],
        "report_argument": ["report_id=report_id"] if sent else [],
        "action": action(spec),
        "reporting": layout.reporting.module.rpartition(".")[2],
        "reporting_import": statement(layout.reporting),
        "optional_id": identifier,
        "optional_report": optional.of("ActionReport"),
        "optional_datetime": optional.of("datetime"),
        "typing_optional": optional.statement,
        "typing_reports": f"from typing import Any\n{optional.statement}".rstrip(),
        "reports_base": cls,
        "reports_base_import": f"from {module} import {cls}" if cls else "",
        **({"base_import": f"from {layout.reporting.module} import {base}"} if base else {}),
    }


def statement(place: Place) -> str:
    """The line that imports a module by its last name."""
    package, _, last = place.module.rpartition(".")
    return f"from {package} import {last}" if package else f"import {last}"


@dataclass(frozen=True)
class _Optional:
    """How `None` is allowed for in a project's Python, which evaluates annotations."""

    python: tuple[int, int]

    def of(self, type_: str) -> str:
        return f"{type_} | None" if self.python >= (3, 10) else f"Optional[{type_}]"

    @property
    def statement(self) -> str:
        return "" if self.python >= (3, 10) else "from typing import Optional"


def action(spec: Spec) -> str:
    """The source of a call's description: the function's name, and what of its arguments may be seen."""
    shown = [f"{param.name}={{{param.name}}}" for param in spec.params if may_be_logged(param)]
    if not shown:
        return f'"{spec.name}"'
    return f'f"{spec.name}({", ".join(shown)})"'


def modules(spec: Spec, project: Project, layout: Layout) -> list[tuple[str, Place]]:
    """The templates of what reports need besides the models, each with its place.

    The module with the base class is left as it is once it has that class: people put their own into it.
    """
    if not spec.report_failures:
        return []
    django = spec.store == "django"
    found: list[tuple[str, Place]] = []
    if not _defines(project, layout.reporting, base_class(spec)):
        found.append((f"reporting_{'django' if django else 'plain'}.py.j2", layout.reporting))
    if has_page(spec, project):
        found.append(("reports_admin.py.j2", layout.admin))
    return found


def tests(spec: Spec, layout: Layout) -> list[tuple[str, Place]]:
    """The template of the tests of a task's reports, with its place beside the task's other tests."""
    if not spec.report_failures:
        return []
    own = layout.tests
    beside = Place(f"{own.module}_reports", f"{own.path.removesuffix('.py')}_reports.py")
    return [(f"test_reports_{'django' if spec.store == 'django' else 'pytest'}.py.j2", beside)]


def models(spec: Spec) -> list[str]:
    """The Django models that reports need."""
    return ["ActionReport"] if spec.report_failures else []


def has_page(spec: Spec, project: Project) -> bool:
    """Whether reports get a page: where the project has Django's admin site, which looks for `admin.py`."""
    django = project.app.django if spec.report_failures and spec.store == "django" else None
    return django is not None and any(app.name == ADMIN for app in django.apps)


def _defines(project: Project, place: Place, cls: str) -> bool:
    tree = project.modules.tree(place.path)
    return any(isinstance(node, ast.ClassDef) and node.name == cls for node in (tree.body if tree else ()))
