"""What `new-task` knows of a project, from real ones."""

from dataclasses import replace

import pytest
from scaffold_projects import (
    BASE,
    DJANGO,
    FLASK,
    PACKAGE,
    RELATED,
    SHARED,
    SINGLE,
    SPLIT,
    SRC,
    project_of,
    write,
)

from celerycheck.errors import UsageError
from celerycheck.scaffold.project import read
from celerycheck.scaffold.reading.module_files import Modules
from celerycheck.scaffold.reading.style import shared
from celerycheck.scaffold.reading.tooling import collected_folders, line_length, runs_pytest
from celerycheck.subjects import App, TaskInfo

KINDS = {
    "Django": (DJANGO, "config", (), "django", "config.celery", "app", "", True),
    "a package": (PACKAGE, "shop", (), "plain", "shop.celery", "app", "", False),
    "src": (SRC, "shop", ("src",), "plain", "shop.celery", "app", "", False),
    "one module": (SINGLE, "proj", (), "plain", "proj", "app", "", False),
    "Flask": (FLASK, "make_celery", (), "flask", "make_celery", "celery_app", "", True),
    "a Flask object": (
        FLASK,
        "make_celery:flask_app",
        (),
        "flask",
        "make_celery",
        "",
        'flask_app.extensions["celery"]',
        True,
    ),
    "a Flask factory": (
        FLASK,
        "task_app:create_app",
        (),
        "flask",
        "task_app",
        "",
        'create_app().extensions["celery"]',
        True,
    ),
    "a plain factory": (
        {
            "proj.py": "from celery import Celery, shared_task\n\ndef make():\n    return Celery('proj')\n",
        },
        "proj:make",
        (),
        "plain",
        "proj",
        "",
        "make()",
        True,
    ),
    "an app that its package exports": (
        {**PACKAGE, "shop/__init__.py": "from shop.celery import app\n"},
        "shop",
        (),
        "plain",
        "shop.celery",
        "app",
        "",
        False,
    ),
    "an app with a type and another name": (
        {
            "proj.py": "from celery import Celery\ntry:\n    queue: Celery = Celery(\n        'x',\n    )\n"
            "except ValueError:\n    raise\n"
        },
        "proj",
        (),
        "plain",
        "proj",
        "queue",
        "",
        False,
    ),
    "an app that a function makes": (
        {"proj.py": "from celery import Celery\ndef make():\n    return Celery('x')\nrunner = make()\n"},
        "proj",
        (),
        "plain",
        "proj",
        "runner",
        "",
        False,
    ),
    "Flask that is only installed": (
        {**PACKAGE, "shop/web.py": "import flask\n"},
        "shop",
        (),
        "plain",
        "shop.celery",
        "app",
        "",
        False,
    ),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_app(tmp_path, kind):
    files, target, path, framework, module, attribute, expression, by_sharing = KINDS[kind]
    if framework != "plain":
        pytest.importorskip(framework)
    project = project_of(tmp_path, files, target, path=path)
    assert (project.framework, project.app_module, project.app_attribute) == (framework, module, attribute)
    assert project.app_expression == (expression or attribute)
    assert project.app_expression.startswith(project.app_import)
    assert project.app_factory == (f"{module}.{project.app_import}" if "()" in expression else "")
    assert project.shared is by_sharing


def test_a_project_as_a_whole(tmp_path):
    pytest.importorskip("django")
    project = project_of(tmp_path, DJANGO, "config")
    assert project.django_apps == ("apps.orders", "apps.billing")
    assert project.packages == ("apps.billing", "apps.orders")
    assert {"apps", "config", "manage"} <= project.first_party
    assert {"django", "pytest"} <= project.installed
    assert project.celery == project.app.version
    assert project.python[0] == 3
    assert (project.line_length, project.pytest, project.shared_cache, project.base) == (
        88,
        True,
        False,
        None,
    )


def test_plain_may_be_asked_for(tmp_path):
    pytest.importorskip("django")
    project = project_of(tmp_path, DJANGO, "config", framework="plain")
    assert (project.framework, project.django_apps) == ("plain", ())
    assert project.packages == ("apps.billing", "apps", "apps.orders", "apps.orders.tests_of_old", "config")


def test_a_django_project_without_apps_of_its_own(tmp_path):
    pytest.importorskip("django")
    settings = DJANGO["config/settings.py"].replace('"apps.orders.apps.OrdersConfig", "apps.billing"', "")
    project = project_of(tmp_path, {**DJANGO, "config/settings.py": settings}, "config")
    assert (project.django_apps, project.packages[0]) == ((), "apps")


def test_django_cannot_be_asked_for_where_it_is_not(tmp_path):
    with pytest.raises(UsageError, match="this is no Django project"):
        read(App(), tmp_path, framework="django")


def test_a_module_of_the_same_name_is_no_library(tmp_path):
    write(tmp_path, {"redis.py": "", "requests/__init__.py": ""})
    project = read(App(modules_available=("redis", "requests", "httpx", "a.b")), tmp_path)
    assert project.installed == {"httpx", "a.b"}


PACKAGES = {
    "a package": (PACKAGE, "shop", (), ("shop", "shop.orders")),
    "src": (SRC, "shop", ("src",), ("shop", "shop.orders")),
    "one module": (SINGLE, "proj", (), ("",)),
    "a factory in a package": (FLASK, "task_app:create_app", (), ("task_app",)),
    "a module beside a package": (FLASK, "make_celery", (), ("task_app", "")),
    "those with tasks first": (RELATED, "shop", (), ("shop.orders", "shop", "shop.mail", "shop.stock")),
    "what is split is no package of its own": (SPLIT, "shop", (), ("shop",)),
    "neither tests nor what others wrote": (
        {
            **SINGLE,
            "a/__init__.py": "",
            "a/tests/inner/__init__.py": "",
            "a/tests/__init__.py": "",
            "a/migrations/__init__.py": "",
            "venv/lib/site-packages/b/__init__.py": "",
            ".env/c/__init__.py": "",
            "mine/pyvenv.cfg": "",
            "mine/__init__.py": "",
            "node_modules/__init__.py": "",
            "tests/__init__.py": "",
            "no-name/__init__.py": "",
            "folder/d/__init__.py": "",
        },
        "proj",
        (),
        ("", "a"),
    ),
    "a folder without a marker that holds tasks": (
        {**PACKAGE, "shop/celery.py": PACKAGE["shop/celery.py"].replace("shop.tasks", "jobs.tasks")}
        | {"jobs/tasks.py": SHARED.format("old"), "shop/tasks.py": None},
        "shop",
        (),
        ("jobs", "shop", "shop.orders"),
    ),
}


@pytest.mark.parametrize("kind", PACKAGES)
def test_packages(tmp_path, kind):
    files, target, path, expected = PACKAGES[kind]
    if "flask" in str(files):
        pytest.importorskip("flask")
    assert project_of(tmp_path, files, target, path=path).packages == expected


def task(number, by_sharing, **fields):
    return TaskInfo(f"t{number}", shared=by_sharing, **fields)


STYLES = [
    ([], True, False, False),
    ([], True, True, True),
    ([], False, False, True),
    ([True], True, False, True),
    ([False], True, True, False),
    ([False], False, True, True),
    ([True, False], True, False, True),
    ([True, False, False], True, True, False),
    ([None, None, True], True, False, True),
    ([None], True, False, False),
]


@pytest.mark.parametrize(("made", "importable", "preferred", "expected"), STYLES)
def test_the_style_of_most_tasks(made, importable, preferred, expected):
    app = App(tasks=tuple(task(number, by_sharing) for number, by_sharing in enumerate(made)))
    assert shared(app, importable, preferred) is expected


def test_tasks_of_another_app_set_no_style():
    app = App(tasks=(task(1, False, made_by="other:app"), task(2, False, made_by="other:app"), task(3, True)))
    assert shared(app, True, False) is True


BASES = {
    "most name it": (["base=Logged", "base=Logged", ""], "shop.base.Logged"),
    "half of them": (["base=Logged", ""], None),
    "two of a kind": (["base=Logged", "base=Other"], None),
    "none": (["", "bind=False"], None),
    "on a line of its own": (["\n    bind=False,\n    base=Logged,\n"], "shop.base.Logged"),
}


@pytest.mark.parametrize("kind", BASES)
def test_the_base_class(tmp_path, kind):
    options, expected = BASES[kind]
    text = "from shop.celery import app\nfrom shop.base import Logged, Other\n"
    text += "".join(f"@app.task({option})\ndef t{n}(): pass\n" for n, option in enumerate(options))
    assert project_of(tmp_path, {**BASE, "shop/tasks.py": text}, "shop").base == expected


def test_a_base_class_that_the_app_gives_is_not_named(tmp_path):
    text = "from celery import Celery, Task\nclass Mine(Task): pass\n"
    text += "app = Celery('proj', task_cls=Mine)\n@app.task\ndef t(): pass\n"
    project = project_of(tmp_path, {"proj.py": text}, "proj")
    assert "proj.Mine" in [cls.name for cls in project.app.tasks[0].classes]
    assert project.base is None


def test_a_base_class_that_cannot_be_imported_is_left_out(tmp_path):
    text = "from celery import Celery, Task\napp = Celery('proj')\n"
    text += (
        "def define():\n    class Mine(Task): pass\n    @app.task(base=Mine)\n    def t(): pass\ndefine()\n"
    )
    assert project_of(tmp_path, {"proj.py": text}, "proj").base is None


LENGTHS = {
    "none": ({}, 88),
    "ruff": ({"pyproject.toml": "[tool.ruff]\nline-length = 100\n"}, 100),
    "ruff before black": (
        {"pyproject.toml": "[tool.black]\nline-length = 90\n[tool.ruff]\nline-length = 99\n"},
        99,
    ),
    "black": ({"pyproject.toml": "[tool.black]\nline-length = 90\n[tool.ruff]\nselect = []\n"}, 90),
    "a file of its own first": (
        {"pyproject.toml": "[tool.ruff]\nline-length = 100\n", "ruff.toml": "line-length = 120\n"},
        120,
    ),
    "a hidden one": ({".ruff.toml": "line-length = 79\n"}, 79),
    "flake8": ({"setup.cfg": "[flake8]\nmax-line-length = 95\n"}, 95),
    "flake8 in tox.ini": ({"tox.ini": "[flake8]\nmax-line-length = 96\n"}, 96),
    "the repository's": ({".git/HEAD": "", "../pyproject.toml": "[tool.ruff]\nline-length = 90\n"}, 88),
    "around it": ({"../.git/HEAD": "", "../pyproject.toml": "[tool.ruff]\nline-length = 90\n"}, 90),
    "not in a repository": ({"../pyproject.toml": "[tool.ruff]\nline-length = 90\n"}, 88),
    "nonsense": (
        {"pyproject.toml": "[tool.ruff]\nline-length = 'wide'\n[tool.black]\nline-length = 3\n"},
        88,
    ),
    "broken": ({"pyproject.toml": "[tool.ruff\n", "setup.cfg": "x"}, 88),
    "no tables": ({"pyproject.toml": "tool = 1\n"}, 88),
}


@pytest.mark.parametrize("kind", LENGTHS)
def test_the_length_of_lines(tmp_path, kind):
    files, expected = LENGTHS[kind]
    (tmp_path / "inner").mkdir()
    assert line_length(write(tmp_path / "inner", files)) == expected


PYTEST = [
    ({}, False, ()),
    ({"pyproject.toml": "[tool.black]\n"}, False, ()),
    (
        {"pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['checks', 'more/']\n"},
        True,
        ("checks", "more"),
    ),
    ({"pytest.ini": "[pytest]\ntestpaths = checks more\n"}, True, ("checks", "more")),
    ({"setup.cfg": "[tool:pytest]\ntestpaths =\n    checks\n"}, True, ("checks",)),
    ({"tox.ini": "[pytest]\n"}, False, ()),
    ({"tox.ini": "[pytest]\naddopts = -q\n"}, True, ()),
    ({"conftest.py": ""}, True, ()),
]


@pytest.mark.parametrize(("files", "runs", "folders"), PYTEST)
def test_pytest(tmp_path, files, runs, folders):
    write(tmp_path, files)
    assert runs_pytest(tmp_path) is runs
    assert collected_folders(tmp_path) == folders


def test_modules_on_disk(tmp_path):
    write(
        tmp_path,
        {"src/a/__init__.py": "", "src/a/b.py": "", "a/c.py": "", "d.py": "", "src/d/__init__.py": ""},
    )
    modules = Modules(tmp_path, (".", "src"))
    assert modules.folder("a") == "src/a"
    assert modules.folder("nosuch") is None
    assert (modules.file("a.b"), modules.file("a"), modules.file("a.c")) == (
        "src/a/b.py",
        "src/a/__init__.py",
        "a/c.py",
    )
    assert modules.file("d") == "d.py"
    assert (modules.module("src/a/__init__.py"), modules.module("a/c.py")) == ("a", "a.c")
    assert Modules(tmp_path, ("src",)).module("a/c.py") is None
    assert sorted(modules.tops()) == ["a", "d", "d"]
    assert sorted(modules.files("b.py")) == ["src/a/b.py"]
    assert Modules(tmp_path / "absent").folder("a") is None


def test_files_that_are_no_python_say_nothing(tmp_path):
    write(tmp_path, {"a.py": "def", "b.py": "import flask.views\n", "c.py": "from . import flask\n"})
    modules = Modules(tmp_path)
    assert modules.tree("a.py") is None
    assert [modules.imports(path, "flask") for path in ("a.py", "b.py", "c.py", "d.py")] == [
        False,
        True,
        False,
        False,
    ]


def test_a_version_that_is_none(tmp_path):
    assert read(App(python=""), tmp_path).python == (3, 9)
    assert read(replace(App(), python="3.13.0rc1"), tmp_path).python == (3, 13)
