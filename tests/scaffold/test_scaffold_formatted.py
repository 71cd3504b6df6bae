"""What is made needs no formatter, however long the project's lines are, and no linter's fixes."""

from __future__ import annotations

import subprocess
import sys
from itertools import cycle, product

import pytest
from scaffold_ruff import needs_ruff

from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.making.assembly import pieces
from celerycheck.scaffold.making.render import Templates
from celerycheck.scaffold.pieces import Module
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Every, Parameter, Spec
from celerycheck.subjects import App, DjangoApp, DjangoInfo, Location, Settings

pytestmark = needs_ruff

NAMES = ("pay", "charge_the_invoice")
PARAMS = (
    (Parameter("invoice_id", "int"),),
    (
        Parameter("invoice_id", "int"),
        Parameter("note", "str | None"),
        Parameter("amounts", "dict[str, list[int]]"),
    ),
)
CALLS = (
    ("requests", ("requests.RequestException",)),
    ("none", ("django.db.utils.OperationalError", "sqlalchemy.exc.OperationalError")),
    ("urllib", ("OSError",)),
)
WIDTHS = (88, 100, 120)
"""For shorter lines it is the project's own formatter that lays things out."""
FILES = {"proj/__init__.py": "", "proj/celery.py": "app = Celery()\n", "billing/__init__.py": ""}


def projects(root, width: int) -> list[Project]:
    app = App(
        target="proj",
        module="proj.celery",
        attribute="app",
        location=Location("proj/celery.py", 1),
        settings=Settings({}, namespace="CELERY"),
        packages=("billing", "proj"),
        import_roots=(".",),
    )
    named = {"app_import": "app", "app_expression": "app", "packages": ("billing",)}
    named |= {"first_party": frozenset({"billing", "proj", "tests"}), "line_length": width}
    billing = DjangoApp("billing", "billing", "django.db.models.BigAutoField", "billing.migrations", ())
    with_django = App(**{**vars(app), "django": DjangoInfo(apps=(billing,))})
    return [
        Project(root, with_django, "django", "proj.celery", "app", django_apps=("billing",), **named),
        Project(root, app, "plain", "proj.celery", "app", shared=False, **named),
        Project(root, app, "plain", "proj.celery", "app", base="billing.bases.LoggedTask", **named),
    ]


def specs(framework: str) -> list[Spec]:
    """Every template, with short and longer names, one parameter and several."""
    made = []
    stores = ("django",) if framework == "django" else ("sqlalchemy", "redis")
    cases = zip(cycle(product(stores, NAMES)), product(PARAMS, (False, True), CALLS), strict=False)
    for (store, name), (params, reports, (outside, retry_on)) in cases:
        common = {"name": name, "package": "billing", "store": store, "report_failures": reports}
        common |= {"outside": outside, "retry_on": retry_on}
        made.append(Spec(**common, params=params, bind=reports))
        made.append(Spec(**common, params=params, kind="workflow", steps=("fetch", "store_it", "notify")))
        locks = ("cache", "django", "redis") if framework == "django" else (store,)
        made += [
            Spec(**common, kind="periodic", schedule=Every(900), lock=lock, keep_result=reports)
            for lock in locks
        ]
    return made


def ruff(folder, width: int, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *arguments, "--isolated", "--line-length", str(width), "."],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return done.stdout if done.returncode else ""


@pytest.mark.parametrize("width", WIDTHS)
def test_it_is_formatted_and_has_no_findings(project, tmp_path, width):
    root = project({f"project/{path}": text for path, text in FILES.items()}) / "project"
    made, templates = tmp_path / "made", Templates()
    for number, one in enumerate(projects(root, width)):
        for count, spec in enumerate(specs(one.framework)):
            for piece in pieces(spec, one, layout(one, "billing", spec.name), templates):
                if isinstance(piece, Module) and piece.text:
                    path = made / f"project_{number}" / f"spec_{count}" / piece.path
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_text(piece.text, encoding="utf-8")
    own = ("billing", "proj", "tests")
    isort = f"lint.isort.known-first-party=[{', '.join(map(repr, own))}]"
    assert ruff(made, width, "format", "--diff") == ""
    assert ruff(made, width, "check", "--output-format", "concise", "--config", isort) == ""
