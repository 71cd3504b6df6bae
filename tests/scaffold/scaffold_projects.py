"""Small real projects of every kind, and what `new-task` reads of them through the real child."""

import os
import textwrap
from pathlib import Path

import pytest

from celerycheck import picture
from celerycheck.scaffold.project import read

SETTINGS = """
    SECRET_KEY = "x"
    INSTALLED_APPS = ["django.contrib.contenttypes", {apps}]
    DATABASES = {{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"}}}}
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    USE_TZ = True
    CELERY_BROKER_URL = "redis://localhost"
    """
DJANGO_CELERY = """
    import os
    from celery import Celery
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    app = Celery("config")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
    """
SHARED = """
    from celery import shared_task

    @shared_task
    def {}(): pass
    """
OWN = """
    from {} import app

    @app.task
    def {}(): pass
    """

DJANGO = {
    "manage.py": "",
    "config/__init__.py": "from config.celery import app as celery_app\n",
    "config/celery.py": DJANGO_CELERY,
    "config/settings.py": SETTINGS.format(apps='"apps.orders.apps.OrdersConfig", "apps.billing"'),
    "apps/__init__.py": "",
    "apps/billing/__init__.py": "",
    "apps/billing/models.py": """
        from django.db import models
        class Invoice(models.Model): pass
        """,
    "apps/billing/migrations/__init__.py": "",
    "apps/billing/tasks.py": SHARED.format("remind"),
    "apps/billing/management/__init__.py": "",
    "apps/billing/management/commands/__init__.py": "",
    "apps/orders/__init__.py": "",
    "apps/orders/apps.py": """
        from django.apps import AppConfig
        class OrdersConfig(AppConfig):
            name = "apps.orders"
            label = "sales"
            default_auto_field = "django.db.models.SmallAutoField"
        """,
    "apps/orders/tests.py": "",
    "apps/orders/tests_of_old/__init__.py": "",
}
"""Two apps in a folder: `billing` has tasks, `orders` has a label of its own."""

PACKAGE = {
    "shop/__init__.py": "",
    "shop/celery.py": """
        from celery import Celery
        app = Celery("shop", broker="redis://localhost", include=["shop.tasks"])
        """,
    "shop/tasks.py": OWN.format("shop.celery", "sweep"),
    "shop/orders/__init__.py": "",
    "shop/orders/tests/__init__.py": "",
    "tests/__init__.py": "",
}

SRC = {
    **{f"src/{name}": text for name, text in PACKAGE.items() if name.startswith("shop")},
    "pyproject.toml": "[tool.ruff]\nline-length = 100\n",
}

SINGLE = {
    "proj.py": """
        from celery import Celery
        app = Celery("proj", broker="redis://localhost")

        @app.task
        def add(x, y): return x + y
        """,
}

FLASK = {
    "task_app/__init__.py": """
        from celery import Celery, Task
        from flask import Flask

        def create_app():
            app = Flask(__name__)
            app.config.from_mapping(CELERY=dict(broker_url="redis://localhost", task_ignore_result=True))
            celery_init_app(app)
            from task_app import views
            return app

        def celery_init_app(app):
            class FlaskTask(Task):
                def __call__(self, *args, **kwargs):
                    with app.app_context():
                        return self.run(*args, **kwargs)

            celery_app = Celery(app.name, task_cls=FlaskTask)
            celery_app.config_from_object(app.config["CELERY"])
            celery_app.set_default()
            app.extensions["celery"] = celery_app
            return celery_app
        """,
    "task_app/views.py": "from task_app import tasks\n",
    "task_app/tasks.py": SHARED.format("add"),
    "make_celery.py": """
        from task_app import create_app
        flask_app = create_app()
        celery_app = flask_app.extensions["celery"]
        """,
}

SPLIT = {
    "shop/__init__.py": "",
    "shop/celery.py": """
        from celery import Celery
        app = Celery("shop", broker="redis://localhost")
        app.autodiscover_tasks(["shop"])
        """,
    "shop/tasks/__init__.py": "from shop.tasks.sweep import sweep\n",
    "shop/tasks/sweep.py": OWN.format("shop.celery", "sweep"),
    "shop/services/__init__.py": "",
}

RELATED = {
    "shop/__init__.py": "",
    "shop/celery.py": """
        from celery import Celery
        app = Celery("shop", broker="redis://localhost")
        app.autodiscover_tasks(["shop.orders", "shop.mail"], related_name="jobs")
        """,
    "shop/orders/__init__.py": "",
    "shop/orders/jobs.py": OWN.format("shop.celery", "ship"),
    "shop/mail/__init__.py": "",
    "shop/stock/__init__.py": "",
}

BASE = {
    **PACKAGE,
    "shop/base.py": "from celery import Task\nclass Logged(Task): pass\nclass Other(Task): pass\n",
}


def write(root, files):
    """The files, dedented; `None` for one that is left out."""
    for name, text in files.items():
        if text is not None:
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def pictured(root: Path, files, target, *, path=()):
    """The picture of a project that is written to `root`; `path` are folders to import from besides."""
    write(root, files)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("DJANGO_SETTINGS_MODULE", "CELERY_CONFIG_MODULE", "CELERY_BROKER_URL", "APP"):
            patch.delenv(name, raising=False)
        patch.setenv("PYTHONPATH", os.pathsep.join(str(root / folder) for folder in path))
        request = picture.Request(target, root)
        app, _ = picture.take(request, print, picture.Child(request.python))
    return app


def project_of(root: Path, files, target, *, framework=None, path=()):
    """The project as `new-task` reads it."""
    return read(pictured(root, files, target, path=path), root, framework=framework)
