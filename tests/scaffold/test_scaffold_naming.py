"""Names that a task cannot have, and the one that it may have again."""

import pytest
from scaffold_projects import BASE, PACKAGE, SHARED, SINGLE, SPLIT, project_of

from celerycheck.errors import UsageError
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.naming import clashes, made_before
from celerycheck.subjects import App, TaskInfo

NAMES = {
    "charge_invoice": None,
    "Charge": None,
    "charge-invoice": "no name for a function",
    "1st": "no name for a function",
    "": "no name for a function",
    "größe": "no name for a function",
    "class": "a keyword",
    "match": "a keyword",
    "None": "a keyword",
    "print": "a builtin",
    "json": "a module of the standard library",
    "sched": "a module of the standard library",
    "_private": "private",
    "services": "used in the module itself",
    "logger": "used in the module itself",
    "redis": "a library",
    "celery_app": "imports from the project",
    "Logged": "imports from the project",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(tmp_path, name):
    (tmp_path / "shop").mkdir()
    app = App(modules_available=("redis",))
    project = Project(
        tmp_path,
        app,
        "plain",
        "shop.celery",
        "celery_app",
        base="shop.base.Logged",
        packages=("shop",),
        app_import="celery_app",
    )
    found, expected = clashes(project, name, "shop"), NAMES[name]
    assert found is None if expected is None else expected in (found or "")


def test_the_same_task_may_be_made_again(tmp_path):
    project = project_of(tmp_path, PACKAGE, "shop")
    assert clashes(project, "sweep", "shop") is None
    assert made_before(project, "sweep", "shop")
    assert not made_before(project, "other", "shop")
    assert not made_before(project, "sweep", "shop.orders")
    assert clashes(project, "sweep", "shop.orders") is None


def test_a_task_elsewhere_in_the_package_has_the_name(tmp_path):
    project = project_of(tmp_path, SINGLE, "proj")
    assert clashes(project, "add", "") == "there is a task proj.add already (proj.py:5)"
    assert not made_before(project, "add", "")
    assert clashes(project, "multiply", "") is None


def test_a_registered_name_is_taken_wherever_it_comes_from(tmp_path):
    (tmp_path / "shop").mkdir()
    tasks = (TaskInfo("shop.tasks.send", "mail.tasks", "deliver"), TaskInfo("sweep", "mail.tasks", "clean"))
    app = App(tasks=tasks, third_party=(TaskInfo("shop.tasks.poll", "lib", "poll", third_party=True),))
    project = Project(tmp_path, app, "plain", "shop.celery", "app", packages=("shop",))
    assert clashes(project, "send", "shop") == "there is a task shop.tasks.send already"
    assert clashes(project, "sweep", "shop") == "there is a task sweep already"
    assert clashes(project, "poll", "shop") == "there is a task shop.tasks.poll already"
    assert clashes(project, "deliver", "shop") is None
    assert not made_before(project, "send", "shop")


def test_a_module_of_a_split_package_has_the_name(tmp_path):
    helpers = {"shop/tasks/helpers.py": "", "shop/tasks/broken.py": "def"}
    project = project_of(tmp_path, {**SPLIT, **helpers}, "shop")
    for name in ("helpers", "broken"):
        assert (
            clashes(project, name, "shop") == f"shop/tasks/{name}.py is there already, and for something else"
        )
    assert clashes(project, "sweep", "shop") is None
    assert made_before(project, "sweep", "shop")


def test_a_task_that_is_not_loaded_yet_may_be_made_again(tmp_path):
    written = {"shop/tasks/charge.py": SHARED.format("charge")}
    project = project_of(tmp_path, {**SPLIT, **written}, "shop")
    assert clashes(project, "charge", "shop") is None


def test_a_package_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="there is no package 'shap'"):
        clashes(project_of(tmp_path, BASE, "shop"), "charge", "shap")
