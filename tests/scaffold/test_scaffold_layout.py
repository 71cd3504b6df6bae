"""Where the modules of a task go, in projects that split theirs in every way."""

import dataclasses
from pathlib import Path

import pytest
from scaffold_projects import DJANGO, FLASK, PACKAGE, RELATED, SINGLE, SPLIT, SRC, project_of, write

from celerycheck.errors import UsageError
from celerycheck.scaffold.layout import Place, layout
from celerycheck.scaffold.project import Project
from celerycheck.subjects import App, DjangoApp, DjangoInfo, TaskInfo


def places(found):
    """A layout as paths by what they are for; what is empty is left out."""
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return {
        name: value.path if isinstance(value, Place) else value for name, value in values.items() if value
    }


def plain(root: Path, files=(), *, package="shop", framework="plain", **fields):
    """A project of one package, `shop`, that was never pictured."""
    write(root, {"shop/__init__.py": "", "shop/celery.py": "", **dict(files)})
    app = App(module="shop.celery", attribute="app", **fields)
    return Project(root, app, framework, "shop.celery", "app", packages=(package,))


def test_a_package(tmp_path):
    assert places(layout(plain(tmp_path), "shop", "charge")) == {
        "services": "shop/services.py",
        "tasks": "shop/tasks.py",
        "models": "shop/models.py",
        "admin": "shop/admin.py",
        "migrations": "shop/migrations",
        "completed": "shop/completed_work.py",
        "locks": "shop/locks.py",
        "reporting": "shop/reporting.py",
        "tests": "tests/test_charge.py",
        "worker": "tests/in_process_worker.py",
        "conftest": "tests/conftest.py",
        "markers": ("tests/__init__.py",),
    }


REAL = {
    "Django": (DJANGO, "config", (), "apps.billing", "apps/billing/tasks.py", "apps/billing/tests/test_x.py"),
    "Django without a place of its own for tests": (
        DJANGO,
        "config",
        (),
        "apps.orders",
        "apps/orders/tasks.py",
        "apps/orders/task_tests/test_x.py",
    ),
    "a package with tests": (
        PACKAGE,
        "shop",
        (),
        "shop.orders",
        "shop/orders/tasks.py",
        "shop/orders/tests/test_x.py",
    ),
    "src": (SRC, "shop", ("src",), "shop", "src/shop/tasks.py", "tests/test_x.py"),
    "one module": (SINGLE, "proj", (), "", "tasks.py", "tests/test_x.py"),
    "Flask": (FLASK, "make_celery", (), "task_app", "task_app/tasks.py", "tests/test_x.py"),
    "split": (SPLIT, "shop", (), "shop", "shop/tasks/x.py", "tests/test_x.py"),
    "tasks of another name": (RELATED, "shop", (), "shop.orders", "shop/orders/jobs.py", "tests/test_x.py"),
    "such a one without tasks": (RELATED, "shop", (), "shop.mail", "shop/mail/jobs.py", "tests/test_x.py"),
    "where nothing is looked for": (
        RELATED,
        "shop",
        (),
        "shop.stock",
        "shop/stock/jobs.py",
        "tests/test_x.py",
    ),
    "the package around them": (RELATED, "shop", (), "shop", "shop/jobs.py", "tests/test_x.py"),
}


@pytest.mark.parametrize("kind", REAL)
def test_real_projects(tmp_path, kind):
    files, target, path, package, tasks, tests = REAL[kind]
    if "jango" in kind or kind == "Flask":
        pytest.importorskip("django" if "jango" in kind else "flask")
    project = project_of(tmp_path, files, target, path=path)
    found = layout(project, package, "x")
    assert (found.tasks.path, found.tests.path) == (tasks, tests)
    assert found.tests.module == tests.removesuffix(".py").replace("/", ".")
    assert found.tasks.module == tasks.removesuffix(".py").removeprefix("src/").replace("/", ".")


def test_modules_of_a_single_module_stand_beside_it(tmp_path):
    write(tmp_path, {"src/proj.py": ""})
    app = App(module="proj", attribute="app", import_roots=(".", "src"))
    found = layout(Project(tmp_path, app, "plain", "proj", "app", packages=("",)), "", "x")
    assert (found.services, found.tasks) == (
        Place("services", "src/services.py"),
        Place("tasks", "src/tasks.py"),
    )
    assert found.tests == Place("tests.test_x", "tests/test_x.py")


def test_what_modules_beside_an_app_are_called(tmp_path):
    looked_for = ("django.contrib.auth.tasks", "jobs", "proj")
    app = App(module="proj", autodiscovered=looked_for)
    project = Project(write(tmp_path, {"proj.py": ""}), app, "plain", "proj", "app", packages=("",))
    assert layout(project, "", "x").tasks == Place("jobs", "jobs.py")


SPLITS = {
    "a module": (["services.py", "tasks.py"], "services.py", "tasks.py", ""),
    "a package": (
        ["services/__init__.py", "tasks/__init__.py"],
        "services/x.py",
        "tasks/x.py",
        "tasks/__init__.py",
    ),
    "both: Python imports the package": (
        ["tasks.py", "tasks/__init__.py"],
        "services.py",
        "tasks/x.py",
        "tasks/__init__.py",
    ),
    "only one of them": (["services/__init__.py", "tasks.py"], "services/x.py", "tasks.py", ""),
    "a bare folder": (["tasks/send.py", "services/send.py"], "services/x.py", "tasks/x.py", ""),
    "a bare folder that Python does not see": (["tasks.py", "tasks/send.py"], "services.py", "tasks.py", ""),
    "a folder without code": (["tasks/readme.md"], "services.py", "tasks.py", ""),
}


@pytest.mark.parametrize("kind", SPLITS)
def test_split_packages(tmp_path, kind):
    files, services, tasks, exports = SPLITS[kind]
    found = layout(plain(tmp_path, {f"shop/{name}": "" for name in files}), "shop", "x")
    assert (found.services.path, found.tasks.path) == (f"shop/{services}", f"shop/{tasks}")
    assert found.exports == (f"shop/{exports}" if exports else "")


EXPORTS = [
    ("", True),
    ("from shop.tasks.send import send\n", True),
    ("from .send import *\n", True),
    ("import pkgutil\nfor m in pkgutil.iter_modules(__path__): __import__(m.name)\n", False),
    ("from importlib import import_module\n", False),
    ("def load():\n    import importlib.util\n", False),
    ("from glob import glob\n", False),
    ("def broken", True),
]


@pytest.mark.parametrize(("text", "needed"), EXPORTS)
def test_a_package_that_imports_its_modules_needs_no_export(tmp_path, text, needed):
    project = plain(tmp_path, {"shop/tasks/__init__.py": text})
    assert layout(project, "shop", "x").exports == ("shop/tasks/__init__.py" if needed else "")


def test_models_and_admin_may_be_split_too(tmp_path):
    files = {"shop/models/__init__.py": "", "shop/admin/__init__.py": ""}
    found = layout(plain(tmp_path, files, framework="django"), "shop", "x")
    assert found.models == Place("shop.models.task_records", "shop/models/task_records.py")
    assert found.admin == Place("shop.admin.task_records", "shop/admin/task_records.py")
    assert (found.model_exports, found.admin_exports) == (
        "shop/models/__init__.py",
        "shop/admin/__init__.py",
    )


NAMES = {
    "nothing is known": ([], [], [], "tasks"),
    "where its tasks are": (["shop.jobs"], [], [], "jobs"),
    "where most are": (["shop.jobs", "shop.work", "shop.work"], [], [], "work"),
    "tasks before anything": (["shop.jobs", "shop.jobs", "shop.tasks"], [], [], "tasks"),
    "not the app's own module": (["shop.celery"], [], [], "tasks"),
    "not what is for other things": (["shop.models", "shop.views"], [], [], "tasks"),
    "not those of a package inside": (["shop.inner.jobs"], [], [], "tasks"),
    "in a package of modules": (["shop.jobs.mail"], [], [], "jobs"),
    "what autodiscovery looks for": ([], ["shop.work", "other.jobs"], [], "work"),
    "what it looks for in another package": ([], ["other.jobs", "django.contrib.auth.tasks"], [], "jobs"),
    "what is included": ([], [], ["shop.jobs"], "jobs"),
    "the package itself": ([], ["shop"], ["shop"], "tasks"),
    "a package of a similar name": (["shopping.jobs"], ["shopping.jobs"], [], "tasks"),
}


@pytest.mark.parametrize("kind", NAMES)
def test_the_name_of_modules_with_tasks(tmp_path, kind):
    modules, autodiscovered, included, expected = NAMES[kind]
    project = plain(
        tmp_path,
        autodiscovered=tuple(autodiscovered),
        included=tuple(included),
        tasks=tuple(TaskInfo(f"t{number}", module) for number, module in enumerate(modules)),
    )
    project = dataclasses.replace(project, packages=("shop", "shop.inner", "other"))
    assert layout(project, "shop", "x").tasks.module == f"shop.{expected}"


TESTS = {
    "none yet": ("plain", [], "tests", "tests.", True),
    "a package": ("plain", ["tests/__init__.py"], "tests", "tests.", False),
    "a bare folder": ("plain", ["tests/test_a.py"], "tests", "", False),
    "of another name": ("plain", ["test/test_a.py"], "test", "", False),
    "for the package": ("plain", ["tests/shop/test_a.py"], "tests/shop", "", False),
    "for the package, in packages": (
        "plain",
        ["tests/__init__.py", "tests/shop/__init__.py"],
        "tests/shop",
        "tests.shop.",
        False,
    ),
    "in the package": ("plain", ["shop/tests/__init__.py"], "shop/tests", "shop.tests.", False),
    "in the package before others": (
        "plain",
        ["shop/tests/test_a.py", "tests/test_a.py"],
        "shop/tests",
        "",
        False,
    ),
    "Flask": ("flask", ["tests/conftest.py"], "tests", "", False),
    "Django": ("django", [], "shop/tests", "shop.tests.", True),
    "Django's package": ("django", ["shop/tests/__init__.py"], "shop/tests", "shop.tests.", False),
    "Django's folder": ("django", ["shop/tests/test_a.py"], "shop/tests", "shop.tests.", True),
    "Django's module": ("django", ["shop/tests.py"], "shop/task_tests", "shop.task_tests.", True),
    "again": (
        "django",
        ["shop/tests.py", "shop/task_tests/__init__.py"],
        "shop/task_tests",
        "shop.task_tests.",
        False,
    ),
    "Django's at the top": ("django", ["tests/__init__.py"], "tests", "tests.", False),
    "Django's at the top, not seen by its runner": (
        "django",
        ["tests/test_a.py"],
        "shop/tests",
        "shop.tests.",
        True,
    ),
    "Django's at the top, for the package": (
        "django",
        ["tests/__init__.py", "tests/shop/__init__.py"],
        "tests/shop",
        "tests.shop.",
        False,
    ),
    "both of Django's": (
        "django",
        ["tests/__init__.py", "shop/tests/__init__.py"],
        "shop/tests",
        "shop.tests.",
        False,
    ),
    "a module and those at the top": (
        "django",
        ["tests/__init__.py", "shop/tests.py"],
        "tests",
        "tests.",
        False,
    ),
}


@pytest.mark.parametrize("kind", TESTS)
def test_where_tests_go(tmp_path, kind):
    framework, files, folder, package, marker = TESTS[kind]
    found = layout(plain(tmp_path, dict.fromkeys(files, ""), framework=framework), "shop", "x")
    assert found.tests == Place(f"{package}test_x", f"{folder}/test_x.py")
    assert found.worker == Place(f"{package}in_process_worker", f"{folder}/in_process_worker.py")
    assert found.conftest == Place(f"{package}conftest", f"{folder}/conftest.py")
    assert found.markers == ((f"{folder}/__init__.py",) if marker else ())


def test_pytest_is_followed_to_where_it_looks(tmp_path):
    files = {
        "pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['nosuch', 'checks']\n",
        "checks/test_a.py": "",
        "tests/test_b.py": "",
    }
    assert layout(plain(tmp_path, files), "shop", "x").tests.path == "checks/test_x.py"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["tests/test_a.py", "shop/inner/test_x.py"], "tests/test_x.py"),
        (["tests/test_a.py", "more/test_x.py"], "tests/test_x_task.py"),
        (["tests/test_a.py", "tests/test_x.py"], "tests/test_x.py"),
        (["tests/__init__.py", "more/test_x.py"], "tests/test_x.py"),
    ],
)
def test_no_two_tests_are_the_same_module(tmp_path, files, expected):
    project = plain(tmp_path, {"shop/inner/__init__.py": "", **dict.fromkeys(files, "")})
    assert layout(project, "shop", "x").tests.path == expected


def test_packages_of_several_parts(tmp_path):
    project = plain(
        tmp_path,
        {"shop/orders/__init__.py": "", "tests/shop/orders/test_a.py": "", "tests/orders/test_b.py": ""},
        package="shop.orders",
    )
    assert layout(project, "shop.orders", "x").tests.path == "tests/shop/orders/test_x.py"
    (tmp_path / "tests/shop/orders/test_a.py").unlink()
    (tmp_path / "tests/shop/orders").rmdir()
    assert layout(project, "shop.orders", "x").tests.path == "tests/orders/test_x.py"


UNKNOWN = [
    (("shop",), "shap", "there is no package 'shap' in this project", "Did you mean shop? There is shop."),
    (("shop", "mail"), "x", "there is no package 'x' in this project", "There is shop, mail."),
    (
        ("",),
        "x",
        "there is no package 'x' in this project",
        "Make a folder with an __init__.py for it first.",
    ),
    (("shop",), "", "there is no package '' in this project", "There is shop."),
]


@pytest.mark.parametrize(("packages", "package", "message", "hint"), UNKNOWN)
def test_a_package_that_is_not_there(tmp_path, packages, package, message, hint):
    project = dataclasses.replace(plain(tmp_path), packages=packages)
    with pytest.raises(UsageError) as failed:
        layout(project, package, "x")
    assert (failed.value.message, failed.value.hint) == (message, hint)


def test_a_package_that_is_no_app_of_django(tmp_path):
    project = dataclasses.replace(plain(tmp_path, {"config/__init__.py": ""}), django_apps=("shop",))
    with pytest.raises(UsageError, match="config is no installed Django app") as failed:
        layout(project, "config", "x")
    assert failed.value.hint == "Add it to INSTALLED_APPS, or choose one of shop."


def test_migrations_may_lie_elsewhere(tmp_path):
    apps = (DjangoApp("shop", "shop", migrations="history.shop"),)
    project = plain(tmp_path, {"history/shop/0001_a.py": ""}, django=DjangoInfo(apps=apps))
    assert layout(project, "shop", "x").migrations == "history/shop"
    apps = (DjangoApp("shop", "shop", migrations="shop.migrations"),)
    project = plain(tmp_path, django=DjangoInfo(apps=apps))
    assert layout(project, "shop", "x").migrations == "shop/migrations"
