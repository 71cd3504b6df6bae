"""What to do next, for each kind of task and project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.next_steps import next_steps
from celerycheck.scaffold.pieces import Module, NewFile
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Every, Parameter, Spec
from celerycheck.subjects import DjangoApp, DjangoInfo, TaskInfo
from celerycheck.testing import app, task

SPEC = Spec(
    "charge", "billing", params=(Parameter("invoice_id", "int"), Parameter("note", "str")), store="redis"
)
CODE = 'URL = os.environ["CHARGE_URL"]\nurl = os.environ["REDIS_URL"] + os.environ["CHARGE_URL"]\n'


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "__init__.py").touch()
    return Project(tmp_path, app(), "plain", "proj", "app", packages=("billing",))


def steps(project, spec, text=""):
    places = layout(project, spec.package, spec.name)
    pieces = [
        NewFile("tests/__init__.py", ""),
        Module(places.services.path, text),
        Module(places.tests.path, 'os.environ["ONLY_OF_TESTS"]\n'),
    ]
    return dict(next_steps(spec, project, places, pieces, "proj"))


def test_a_plain_project(project):
    assert steps(project, SPEC, CODE) == {
        "run the tests": "python -m pytest tests/test_charge.py",
        "set what it reads": "export CHARGE_URL=https://... REDIS_URL=redis://localhost:6379/0",
        "send it": 'charge.delay(7, "one")',
        "see it in the audit": "celerycheck audit proj --task billing.tasks.charge",
    }


@pytest.mark.parametrize(
    ("changes", "what", "how"),
    [
        ({"kind": "workflow", "steps": ("a", "b")}, "send it", 'charge(7, "one").delay()'),
        (
            {"kind": "workflow", "steps": ("a", "b")},
            "see it in the audit",
            "celerycheck audit proj --task 'billing.tasks.*charge*'",
        ),
        ({"report_failures": True}, "send it", 'start_charge(7, "one")'),
        (
            {"kind": "periodic", "schedule": Every(60), "params": ()},
            "start beat, once",
            "celery -A proj beat",
        ),
        ({"queue": "mail"}, "read its queue", "celery -A proj worker --queues mail"),
        ({"queue": "celery"}, "read its queue", None),
        ({"store": "sqlalchemy"}, "make its table", "Base.metadata.create_all(engine())"),
    ],
)
def test_a_step_of_some(project, changes, what, how):
    used = replace(project, app=app(task(info=TaskInfo("x.y", queue="celery"))))
    said = steps(used, replace(SPEC, **changes))
    assert (how in said[what]) if how else what not in said


@pytest.mark.parametrize(("manage", "command"), [(True, "python manage.py"), (False, "python -m django")])
def test_a_django_project(project, manage, command):
    if manage:
        (project.root / "manage.py").touch()
    info = DjangoInfo(apps=(DjangoApp("billing", "invoices"),))
    django = replace(
        project, framework="django", app=replace(project.app, django=info), django_apps=("billing",)
    )
    places = layout(django, "billing", "charge")
    pieces = [Module(f"{places.migrations}/0001_completedwork.py", "")]
    said = dict(next_steps(replace(SPEC, store="django"), django, places, pieces, "proj"))
    assert said["run the tests"] == f"{command} test billing.tests.test_charge"
    assert said["make its table"] == f"{command} migrate invoices"
