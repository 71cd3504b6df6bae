"""Where settings are written to, and what is known of queues and loaded modules."""

import textwrap
from dataclasses import replace

import pytest
from scaffold_projects import DJANGO, DJANGO_CELERY, FLASK, PACKAGE, RELATED, SINGLE, SPLIT, project_of

from celerycheck.errors import UsageError
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.settings_places import SettingsPlace, is_loaded, place, queue_state
from celerycheck.subjects import App, QueueInfo, Setting, Settings

HEAD = "from celery import Celery\n"
CONFIGURED = {
    "shop/__init__.py": "",
    "shop/celery.py": HEAD + "app = Celery('shop')\napp.config_from_object('shop.config')\n",
}
SETTINGS = DJANGO["config/settings.py"].replace("    ", "")
SPLIT_SETTINGS = {
    **DJANGO,
    "config/settings.py": None,
    "config/celery.py": DJANGO_CELERY.replace("config.settings", "config.settings.production"),
    "config/settings/__init__.py": "",
    "config/settings/base.py": SETTINGS + 'CELERY_RESULT_BACKEND = "redis://localhost"\n',
    "config/settings/production.py": "from config.settings.base import *\nCELERY_TASK_TIME_LIMIT = 5\n",
}
FOUND = {
    "Django": (DJANGO, "config", SettingsPlace("config/settings.py", "CELERY_TASK_ROUTES", "module")),
    "Django, set already": (
        {**DJANGO, "config/settings.py": SETTINGS + "CELERY_TASK_ROUTES = {}\n"},
        "config",
        SettingsPlace("config/settings.py", "CELERY_TASK_ROUTES", "module", line=8),
    ),
    "split settings: beside the others": (
        SPLIT_SETTINGS,
        "config",
        SettingsPlace("config/settings/base.py", "CELERY_TASK_ROUTES", "module"),
    ),
    "split settings: where it stands": (
        {
            **SPLIT_SETTINGS,
            "config/settings/production.py": "from .base import *\n\nCELERY_TASK_ROUTES = {}\n",
        },
        "config",
        SettingsPlace("config/settings/production.py", "CELERY_TASK_ROUTES", "module", line=3),
    ),
    "split settings without any of Celery's": (
        SPLIT_SETTINGS
        | {"config/settings/production.py": "from .base import *\n"}
        | {"config/settings/base.py": SETTINGS.replace("CELERY_BROKER_URL", "BROKER")},
        "config",
        SettingsPlace("config/settings/production.py", "CELERY_TASK_ROUTES", "module"),
    ),
    "Django without a namespace": (
        {**DJANGO, "config/celery.py": DJANGO_CELERY.replace(', namespace="CELERY"', "")}
        | {"config/settings.py": SETTINGS.replace("CELERY_BROKER_URL", "X")},
        "config",
        SettingsPlace("config/celery.py", "task_routes", "app", "app"),
    ),
    "Django with names of old": (
        {**DJANGO, "config/celery.py": DJANGO_CELERY.replace(', namespace="CELERY"', "")}
        | {"config/settings.py": SETTINGS.replace("CELERY_BROKER_URL", "BROKER_URL")},
        "config",
        SettingsPlace("config/settings.py", "CELERY_ROUTES", "module"),
    ),
    "Django with its settings on the app": (
        {**DJANGO, "config/celery.py": textwrap.dedent(DJANGO_CELERY) + "app.conf.task_routes = {}\n"},
        "config",
        SettingsPlace("config/celery.py", "task_routes", "app", "app", line=8),
    ),
    "on the app": (PACKAGE, "shop", SettingsPlace("shop/celery.py", "task_routes", "app", "app")),
    "a single module": (SINGLE, "proj", SettingsPlace("proj.py", "task_routes", "app", "app")),
    "a module of settings": (
        {**CONFIGURED, "shop/config.py": "broker_url = 'redis://localhost'\n"},
        "shop",
        SettingsPlace("shop/config.py", "task_routes", "module"),
    ),
    "a module of settings that was handed over": (
        {
            **CONFIGURED,
            "shop/celery.py": HEAD
            + "from shop import config\napp = Celery('shop')\napp.config_from_object(config)\n",
            "shop/config.py": "",
        },
        "shop",
        SettingsPlace("shop/config.py", "task_routes", "module"),
    ),
    "a module of settings from before Celery 4": (
        {**CONFIGURED, "shop/config.py": "BROKER_URL = 'redis://localhost'\n"},
        "shop",
        SettingsPlace("shop/config.py", "CELERY_ROUTES", "module"),
    ),
    "such a one with routes": (
        {**CONFIGURED, "shop/config.py": "BROKER_URL = 'redis://localhost'\nCELERY_ROUTES = {}\n"},
        "shop",
        SettingsPlace("shop/config.py", "CELERY_ROUTES", "module", line=2),
    ),
    "a namespace of its own": (
        {
            **CONFIGURED,
            "shop/celery.py": HEAD + "app = Celery()\napp.config_from_object('shop.config', namespace='Q')\n",
            "shop/config.py": "Q_BROKER_URL = 'redis://localhost'\n",
        },
        "shop",
        SettingsPlace("shop/config.py", "Q_TASK_ROUTES", "module"),
    ),
    "a class of settings": (
        {
            **CONFIGURED,
            "shop/celery.py": HEAD + "app = Celery()\napp.config_from_object('shop.config:Config')\n",
            "shop/config.py": "class Config:\n    broker_url = 'redis://localhost'\n",
        },
        "shop",
        SettingsPlace("shop/celery.py", "task_routes", "app", "app"),
    ),
    "a dict of settings": (
        {"proj.py": HEAD + "app = Celery()\napp.config_from_object({'broker_url': 'redis://localhost'})\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "app"),
    ),
    "assigned": (
        {"proj.py": HEAD + "queue = Celery()\nqueue.conf.task_routes = {}\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "queue", line=3),
    ),
    "by its key": (
        {"proj.py": HEAD + "app = Celery()\napp.conf['task_routes'] = {}\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "app", line=3),
    ),
    "in an update": (
        {"proj.py": HEAD + "app = Celery()\napp.conf.update(\n    task_routes={},\n)\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "app", line=3),
    ),
    "in the constructor": (
        {"proj.py": HEAD + "app = Celery('x', task_routes={})\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "app", line=2),
    ),
    "in a module of its own": (
        {
            "shop/__init__.py": "",
            "shop/celery.py": HEAD + "app = Celery()\nimport shop.routes\n",
            "shop/routes.py": "from shop import celery\nif True:\n    celery.app.conf.task_routes = {}\n",
        },
        "shop",
        SettingsPlace("shop/routes.py", "task_routes", "app", "celery.app", line=3),
    ),
    "an app that a function makes, for all to import": (
        {"proj.py": HEAD + "def make():\n    return Celery()\napp = make()\n"},
        "proj",
        SettingsPlace("proj.py", "task_routes", "app", "app"),
    ),
}


@pytest.mark.parametrize("kind", FOUND)
def test_where_routes_go(tmp_path, kind):
    files, target, expected = FOUND[kind]
    if files is DJANGO or "config/celery.py" in files:
        pytest.importorskip("django")
    assert place(project_of(tmp_path, files, target), "task_routes") == expected


REFUSED = {
    "a class that holds it": (
        {
            **CONFIGURED,
            "shop/celery.py": HEAD + "app = Celery()\napp.config_from_object('shop.config:Config')\n",
            "shop/config.py": "class Config:\n    task_routes = {}\n",
        },
        "shop",
        "task_routes is set at shop/config.py:2",
    ),
    "a dict that holds it": (
        {"proj.py": HEAD + "app = Celery()\napp.config_from_object({'task_routes': {}})\n"},
        "proj",
        "task_routes is set at proj.py:3",
    ),
    "a function that sets it": (
        {"proj.py": HEAD + "app = Celery()\ndef f():\n    app.conf.task_routes = {}\nf()\n"},
        "proj",
        "task_routes is set at proj.py:4",
    ),
    "an import that brings it": (
        {
            **CONFIGURED,
            "shop/config.py": "from shop.r import task_routes\n",
            "shop/r.py": "task_routes = {}\n",
        },
        "shop",
        "task_routes is set at shop/config.py:1",
    ),
    "a factory": (
        {"proj.py": HEAD + "def make():\n    return Celery()\n"},
        "proj:make",
        "the app is made in a function",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_where_there_is_no_place(tmp_path, kind):
    files, target, message = REFUSED[kind]
    with pytest.raises(UsageError) as failed:
        place(project_of(tmp_path, files, target), "task_routes")
    assert failed.value.message.startswith(message)
    assert "by hand" in failed.value.hint


@pytest.mark.parametrize("target", ["make_celery", "make_celery:flask_app", "task_app:create_app"])
def test_a_flask_app_is_made_in_each_process(tmp_path, target):
    pytest.importorskip("flask")
    project = project_of(tmp_path, FLASK, target)
    with pytest.raises(UsageError, match="the app is made in a function"):
        place(project, "task_routes")
    if target == "make_celery":
        assert place(project, "beat_schedule") == SettingsPlace(
            "make_celery.py", "beat_schedule", "app", "celery_app"
        )


def test_a_flask_app_beside_a_celery_app(tmp_path):
    pytest.importorskip("flask")
    text = "import flask\nfrom celery import Celery\nweb = flask.Flask('x')\ncelery = Celery('x')\n"
    project = project_of(tmp_path, {"proj.py": text}, "proj")
    assert project.framework == "flask"
    assert place(project, "task_routes") == SettingsPlace("proj.py", "task_routes", "app", "celery")


def plain(tmp_path, values=(), **fields):
    settings = Settings({name: Setting(name, value) for name, value in dict(values).items()})
    return Project(tmp_path, App(settings=settings, **fields), "plain", "proj", "app", packages=("shop",))


LISTED = (QueueInfo("mail"), QueueInfo("made", declared=False))
CREATES, NOT = {"task_create_missing_queues": True}, {"task_create_missing_queues": False}
QUEUES = [
    ("x", (), {}, "free"),
    ("x", (), CREATES, "free"),
    ("x", (), NOT, "undeclared"),
    ("celery", (), {}, "declared"),
    ("other", (), {"task_default_queue": "other"}, "declared"),
    ("celery", (), {"task_default_queue": "other"}, "free"),
    ("celery", (), NOT, "declared"),
    ("mail", LISTED, CREATES, "declared"),
    ("x", LISTED, CREATES, "undeclared"),
    ("made", LISTED, CREATES, "undeclared"),
    ("celery", LISTED, CREATES, "undeclared"),
    ("made", LISTED[1:], CREATES, "free"),
]


@pytest.mark.parametrize(("queue", "queues", "values", "state"), QUEUES)
def test_queues(tmp_path, queue, queues, values, state):
    assert queue_state(plain(tmp_path, values, queues=queues), queue) == state


def test_a_new_queue_is_free_in_a_new_project(tmp_path):
    project = project_of(tmp_path, PACKAGE, "shop")
    assert [queue_state(project, queue) for queue in ("celery", "mail")] == ["declared", "free"]


LOADED = {
    "included": (PACKAGE, "shop", {"shop.tasks": True, "shop.orders.tasks": False, "shop": False}),
    "split": (
        SPLIT,
        "shop",
        {"shop.tasks.new": True, "shop.tasks": True, "shop.jobs": False, "shop.services.new": False},
    ),
    "looked for": (
        RELATED,
        "shop",
        {
            "shop.orders.jobs": True,
            "shop.mail.jobs": True,
            "shop.stock.jobs": False,
            "shop.mail.tasks": False,
        },
    ),
    "a single module": (SINGLE, "proj", {"tasks": False, "proj": True}),
}


@pytest.mark.parametrize("kind", LOADED)
def test_what_workers_import(tmp_path, kind):
    files, target, expected = LOADED[kind]
    project = project_of(tmp_path, files, target)
    assert {module: is_loaded(project, module) for module in expected} == expected


def test_django_looks_in_every_app(tmp_path):
    pytest.importorskip("django")
    project = project_of(tmp_path, DJANGO, "config")
    assert is_loaded(project, "apps.orders.tasks")
    assert not is_loaded(project, "config.tasks")
    assert not is_loaded(project, "apps.orders.jobs")


def test_a_bare_folder_imports_nothing(tmp_path):
    files = {**PACKAGE, "shop/tasks.py": None, "shop/tasks/sweep.py": PACKAGE["shop/tasks.py"]}
    files["shop/celery.py"] = PACKAGE["shop/celery.py"].replace("shop.tasks", "shop.tasks.sweep")
    project = project_of(tmp_path, files, "shop")
    assert is_loaded(project, "shop.tasks.sweep")
    assert not is_loaded(project, "shop.tasks.new")


def test_nothing_is_in_a_package_by_chance(tmp_path):
    project = replace(plain(tmp_path, included=("shopping.tasks",)), packages=("shop",))
    assert not is_loaded(project, "shop.tasks")
