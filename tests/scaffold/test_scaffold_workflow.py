"""`--kind workflow`: its names, and what it makes of whole projects."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scaffold_projects import DJANGO, PACKAGE, project_of
from scaffold_ruff import needs_ruff

from celerycheck.errors import UsageError
from celerycheck.scaffold import plan, write
from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.making import workflow
from celerycheck.scaffold.making.assembly import pieces
from celerycheck.scaffold.making.fitting import fitting
from celerycheck.scaffold.making.render import Templates
from celerycheck.scaffold.pieces import Entry, Module
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Parameter, Spec
from celerycheck.subjects import App

THREE = Spec(
    "sync_invoice",
    "shop",
    kind="workflow",
    params=(Parameter("invoice_id", "int"),),
    store="sqlalchemy",
    steps=("fetch", "store", "notify"),
)
FOUR = replace(
    THREE,
    package="apps.billing",
    store="django",
    outside="none",
    steps=("fetch", "check_it", "store", "notify"),
    retry_on=("django.db.OperationalError",),
    params=(
        Parameter("step", "str"),
        Parameter("amounts", "dict[str, list[int]]"),
        Parameter("flag", "bool"),
    ),
    reliable=False,
)
TWO = replace(
    THREE,
    store="redis",
    outside="urllib",
    steps=("fetch", "store"),
    retry_on=("OSError",),
    max_retries=2,
    params=(Parameter("exc", "int"), Parameter("failed", "float | None")),
    bind=True,
    keep_result=True,
    queue="slow",
)
PYTHON = Path(sys.executable)


def values(spec, project=None, options=()):
    return workflow.values(spec, project or Project(Path(), App(), "plain", "shop.celery", "app"), options)


def renamed(spec, *names):
    return replace(spec, params=tuple(Parameter(name, "int") for name in names))


def test_a_step_is_named_after_the_workflow():
    assert values(THREE)["steps"][1] == workflow.Step(
        name="store",
        title="Store, step 2 of sync_invoice",
        service="sync_invoice_store",
        task="_sync_invoice_store",
        key='key = f"sync_invoice:store:{invoice_id}"',
        out_of_time='"_sync_invoice_store(%s) ran out of time; it is tried again"',
        ended='"_sync_invoice_store(%s): %s"',
    )


def test_steps_have_keys_of_their_own_whatever_the_arguments():
    keys = [step.key for step in values(FOUR)["steps"]]
    assert len(set(keys)) == len(keys) == 4


def test_what_may_tell_of_a_person_is_not_logged():
    made = values(FOUR)
    assert made["failed_message"] == '"sync_invoice(%s) ended with %s: %r"'
    assert made["steps"][0].ended == '"_sync_invoice_fetch(%s): %s"'


@pytest.mark.parametrize(
    ("params", "name", "made"),
    [
        (("invoice_id",), "step_parameter", "step"),
        (("step",), "step_parameter", "step_"),
        (("step", "step_"), "step_parameter", "step__"),
        (("invoice_id",), "failed_variable", "failed"),
        (("failed",), "failed_variable", "failed_"),
        (("request", "exc"), "failed_told", ["request_.task", "exc_"]),
        (
            ("_traceback",),
            "failed_declared",
            ["request: Context", "exc: object", "_traceback_: object", "_traceback: int"],
        ),
        (("step",), "step_payload", ['"step_": step_', '"step": step']),
    ],
)
def test_parameters_go_before_names_of_the_templates(params, name, made):
    assert values(renamed(THREE, *params))[name] == made


@pytest.mark.parametrize("name", workflow.USED)
def test_a_parameter_that_hides_what_is_needed_is_refused(name):
    with pytest.raises(UsageError, match=f"--param: {name} is taken"):
        values(renamed(THREE, name))


def test_a_step_with_the_name_of_the_callback_is_refused():
    with pytest.raises(UsageError, match="--steps: failed is taken"):
        values(replace(THREE, steps=("fetch", "failed")))


@pytest.mark.parametrize(
    ("option", "item"),
    [
        ("max_retries=5,", '"max_retries": 5,'),
        ('queue="a=b",', '"queue": "a=b",'),
        ("autoretry_for=(OSError, b.C),", '"autoretry_for": (OSError, b.C),'),
        ("autoretry_for=(\n        OSError,\n        b.C,\n    ),", '"autoretry_for": (OSError, b.C),'),
        # Up to the last column, and one more.
        (f"a=({'b' * 72}, c1),", f'"a": ({"b" * 72}, c1),'),
        (f"a=({'b' * 72}, c12),", f'"a": (\n        {"b" * 72},\n        c12,\n    ),'),
    ],
)
def test_options_become_items_of_a_dict(option, item):
    assert workflow.as_item(option, fitting(88)) == item


def test_the_callback_has_the_base_class_and_the_limits_of_the_steps():
    options = ["bind=True,", "base=Logged,", "max_retries=5,", "soft_time_limit=6,", "time_limit=9,"]
    assert values(THREE, options=options)["failed_options"] == [
        "base=Logged",
        "soft_time_limit=6",
        "time_limit=9",
        "ignore_result=True",
        "store_errors_even_if_ignored=True",
    ]


def rendered(spec, tmp_path, **changes):
    """The text of the tasks module for a plain project."""
    project = Project(
        tmp_path,
        App(),
        "plain",
        "shop.celery",
        "app",
        packages=("shop",),
        app_import="app",
        app_expression="app",
    )
    project = replace(project, **changes)
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/__init__.py").touch()
    (tmp_path / "shop/celery.py").touch()
    places = layout(project, "shop", spec.name)
    made = pieces(replace(spec, queue=None), project, places, Templates())
    return next(piece.text for piece in made if isinstance(piece, Module) and piece.path == "shop/tasks.py")


@pytest.mark.parametrize("spec", [THREE, TWO, replace(THREE, steps=tuple("abcdef"))])
def test_the_function_is_no_task_and_each_step_is_a_private_one(spec, tmp_path):
    made = [node for node in ast.parse(rendered(spec, tmp_path)).body if isinstance(node, ast.FunctionDef)]
    tasks = {node.name for node in made if node.decorator_list}
    assert {node.name for node in made} - tasks == {"sync_invoice"}
    assert tasks == {f"_sync_invoice_{step}" for step in (*spec.steps, "failed")}


def test_each_step_passes_on_ids_alone_and_has_the_callback(tmp_path):
    text = rendered(THREE, tmp_path)
    for step in THREE.steps:
        assert f"_sync_invoice_{step}.si(invoice_id).on_error(failed),\n" in text


@needs_ruff
@pytest.mark.parametrize("length", [60, 79, 88, 110, 120])
def test_lines_are_broken_as_the_formatter_would(length, tmp_path):
    text = rendered(THREE, tmp_path, line_length=length)
    command = [PYTHON, "-m", "ruff", "format", "--isolated", f"--line-length={length}", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
    assert done.stdout == text


@dataclass(frozen=True)
class Made:
    """A project with a workflow in it: the modules that were made, and how it is tried."""

    root: Path
    target: str
    paths: tuple[str, ...]
    tests: tuple[str, ...]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        kept = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
        env = {name: os.environ[name] for name in kept if name in os.environ}
        env |= {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [PYTHON, *arguments],
            cwd=self.root,
            env=env,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    def said(self, *arguments: str) -> str:
        """What a command complains of; nothing where it succeeds."""
        done = self.run("-m", *arguments)
        return done.stdout + done.stderr if done.returncode else ""


PYTEST = ("pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:randomly", "tests/test_sync_invoice.py")
UNITTEST = ("django", "test", "--settings=config.settings", "--failfast")
BARE = {
    name: text
    for name, text in DJANGO.items()
    if name not in ("apps/billing/tasks.py", "apps/billing/models.py")
}
BARE["config/settings.py"] += 'CELERY_RESULT_BACKEND = "redis://localhost"\n'
SHOP = {name: text for name, text in PACKAGE.items() if name != "shop/tasks.py"}
SHOP["shop/celery.py"] = SHOP["shop/celery.py"].replace("include=", 'backend="redis://localhost", include=')
PROJECTS = {"plain": (THREE, SHOP, "shop"), "django": (FOUR, BARE, "config"), "redis": (TWO, SHOP, "shop")}


@pytest.fixture(scope="module", params=PROJECTS)
def made(request, tmp_path_factory):
    return project_with_workflow(request.param, tmp_path_factory.mktemp(request.param))


def project_with_workflow(name: str, root: Path) -> Made:
    spec, files, target = PROJECTS[name]
    project = project_of(root, files, target)
    made = pieces(spec, project, layout(project, spec.package, spec.name), Templates())
    planned = plan.plan(root, made, on_conflict="abort")
    write.write(root, planned)
    paths = tuple(piece.path for piece in made if not isinstance(piece, Entry))
    return Made(root, target, paths, UNITTEST if name == "django" else PYTEST)


@pytest.mark.proof
def test_the_generated_tests_pass(made):
    assert made.said(*made.tests) == ""


@pytest.mark.proof
def test_ruff_and_mypy_find_nothing(made):
    paths = [path for path in made.paths if path != "shop/celery.py"]
    assert made.said("ruff", "check", "--isolated", *paths) == ""
    assert made.said("ruff", "format", "--isolated", "--check", *paths) == ""
    assert made.said("mypy", "--ignore-missing-imports", "--no-error-summary", *paths) == ""


@pytest.mark.proof
def test_the_audit_says_nothing_of_the_tasks(made):
    done = made.run("-m", "celerycheck", "audit", made.target, "--format", "json", "--fail-on", "never")
    report = json.loads(done.stdout)
    assert report["app"]["tasks"] >= 3
    assert [finding for finding in report["findings"] if "sync_invoice" in str(finding)] == []


CHAIN = "    return chain(\n"
MUTATIONS = {
    "no guard": (
        "services",
        "        if is_completed(reading, key):\n            return False\n",
        "        pass\n",
    ),
    "one key for two steps": ("services", "sync_invoice:store:", "sync_invoice:fetch:"),
    "another key each time": (
        "services",
        "invoice_id, idempotency_key=key",
        "invoice_id, idempotency_key=object()",
    ),
    "two steps swapped": (
        "tasks",
        "_fetch.si(invoice_id).on_error(failed),\n        _sync_invoice_store.si",
        "_store.si(invoice_id).on_error(failed),\n        _sync_invoice_fetch.si",
    ),
    "all at once": ("tasks", CHAIN, "    from celery import group\n\n    return group(\n"),
    "a step is launched": ("tasks", CHAIN, f"    _sync_invoice_fetch.delay(invoice_id)\n{CHAIN}"),
    "a step without the callback": (
        "tasks",
        "_store.si(invoice_id).on_error(failed)",
        "_store.si(invoice_id)",
    ),
    "the callback is not told which": ("tasks", "_failed.s(invoice_id)", "_failed.s(0)"),
    "the callback gets the id alone": ("tasks", "_failed.s(invoice_id)", "_failed.si(invoice_id)"),
    "the failure is not logged": ("tasks", "logger.error", "logger.debug"),
    "fewer retries": ("tasks", '"max_retries": 5', '"max_retries": 4'),
    "no retry out of time": ("tasks", "RequestException, SoftTimeLimitExceeded)", "RequestException,)"),
    "silent out of time": ("tasks", "logger.warning", "logger.debug"),
}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return project_with_workflow("plain", tmp_path_factory.mktemp("mutated"))


@pytest.mark.proof
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_the_generated_tests_fail_when_what_they_hold_is_gone(mutation, plain, tmp_path):
    module, before, after = MUTATIONS[mutation]
    mutated = replace(plain, root=tmp_path / "mutated")
    shutil.copytree(plain.root, mutated.root)
    path = mutated.root / f"shop/{module}.py"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    assert "1 failed" in mutated.said(*mutated.tests)


@pytest.mark.proof
def test_the_callback_on_the_chain_alone_would_not_do(plain, tmp_path):
    """Whoever sends the chain with a callback of their own would replace it."""
    mutated = replace(plain, root=tmp_path / "mutated")
    shutil.copytree(plain.root, mutated.root)
    path = mutated.root / "shop/tasks.py"
    text = path.read_text(encoding="utf-8").replace(".on_error(failed)", "")
    path.write_text(text.replace("    )\n\n\n@", "    ).on_error(failed)\n\n\n@", 1), encoding="utf-8")
    said = mutated.said(*mutated.tests)
    assert "1 failed" in said
    assert "test_who_sends_it_may_be_told_too" in said
