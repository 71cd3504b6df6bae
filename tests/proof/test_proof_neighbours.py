"""The generated tests and the project's own do not disturb one another, whichever of them run first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from proof_projects import EMPTY, Base, django
from proof_steps import complaints_of_tests, written

pytestmark = pytest.mark.proof

NOBODY = "redis://127.0.0.1:1"
"""Nobody answers there: who sends anything to it fails."""

OWN_TASKS = '''
from celery import shared_task


@shared_task
def count() -> int:
    """Run by the project's own tests as they always were: where they stand."""
    return 1
'''
OWN_TESTS = """
{imports}

{base}
    def test_what_is_sent_is_run_at_once(self):
        assert count.delay().result == 1

    def test_the_settings_are_the_project_s_own(self):
        assert app.conf.task_always_eager
        assert "127.0.0.1:1" in app.pool.connection.as_uri()
        assert "127.0.0.1:1" in app.backend.as_uri()
"""


@dataclass(frozen=True)
class Neighbour:
    """A project with tests that run before the generated ones, and again after them."""

    base: Callable[[], Base]
    package: str


def own_tests(imports: str, base: str) -> str:
    return OWN_TESTS.format(imports=imports, base=base)


def around(base: Base, tests: str) -> Base:
    """The project with the same tests of its own at both ends, in the order in which files are found."""
    folders = {f"{folder}/__init__.py": "" for folder in ("a_first", "z_last")}
    return base.having({**folders, **{path.replace("__init__", "test_own"): tests for path in folders}})


def plain() -> Base:
    app = f"""
    from celery import Celery

    app = Celery("shop", broker="{NOBODY}/0", backend="{NOBODY}/1", include=["shop.own"])
    """
    conftest = "from shop.celery import app\n\napp.conf.task_always_eager = True\n"
    tests = own_tests("from shop.celery import app\nfrom shop.own import count\n", "class TestOwn:")
    return around(
        EMPTY.having({"shop/celery.py": app, "shop/own.py": OWN_TASKS, "conftest.py": conftest}), tests
    )


def web() -> Base:
    imports = "from billing.own import count\nfrom config.celery import app\n"
    cases = "from django.test import TransactionTestCase\n\n\nclass OwnTests(TransactionTestCase):"
    made = around(django().having({"billing/own.py": OWN_TASKS}), own_tests(imports, cases))
    settings = made.files["config/settings.py"].replace("redis://localhost:6379", NOBODY)
    return made.having({"config/settings.py": f"{settings}\nCELERY_TASK_ALWAYS_EAGER = True\n"})


NEIGHBOURS = {"plain": Neighbour(plain, "shop"), "django": Neighbour(web, "billing")}


@pytest.mark.parametrize("name", NEIGHBOURS)
def test_they_do_not_disturb_one_another(name: str, tmp_path: Path) -> None:
    neighbour = NEIGHBOURS[name]
    subject = written(neighbour.base(), tmp_path)
    task = f"charge_invoice --param invoice_id:int --package {neighbour.package}"
    assert not subject.new_task(task).complaint()
    assert list(complaints_of_tests(subject.tests())) == []


TALKATIVE = """
import logging

from celery import Task

from shop.celery import app

log = logging.getLogger(__name__)


class Base(Task):
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        log.error("failed: %s", self.name)

    def on_retry(self, exc, task_id, args, kwargs, einfo):
        log.warning("tried again: %s", self.name)


@app.task(base=Base)
def count() -> int:
    return 1
"""


@pytest.mark.parametrize("kind", ["task", "workflow --steps fetch,store"])
def test_a_base_class_may_write_to_the_same_log(kind: str, tmp_path: Path) -> None:
    subject = written(EMPTY.having({"shop/tasks.py": TALKATIVE}), tmp_path)
    step = subject.new_task(f"charge_invoice --param invoice_id:int --package shop --kind {kind}")
    assert not step.complaint()
    assert "base=Base" in (tmp_path / "shop" / "tasks.py").read_text(encoding="utf-8")
    assert list(complaints_of_tests(subject.tests())) == []
