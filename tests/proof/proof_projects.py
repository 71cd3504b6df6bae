"""The projects that tasks are made in: each as its people would have it before `new-task` comes along.

All of it is formatted and typed, so that what is wrong afterwards came with the new task.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from textwrap import dedent

LIMIT = 120
"""Seconds after which a command counts as hanging."""


def files(texts: Mapping[str, str]) -> dict[str, str]:
    return {name: dedent(text).lstrip("\n") for name, text in texts.items()}


@dataclass(frozen=True)
class Base:
    """A project: its files by path, its app as `celery -A` takes it, and how its tests are run.

    `path`: what PYTHONPATH must hold, relative to the root; `line_length`: its formatter's.
    """

    files: Mapping[str, str]
    app: str
    tests: tuple[str, ...] = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly")
    path: str = ""
    line_length: int = 88
    environment: Mapping[str, str] = field(default_factory=dict)

    def having(self, texts: Mapping[str, str]) -> Base:
        """The same with these files too, or instead."""
        return replace(self, files={**self.files, **files(texts)})

    def wide(self, line_length: int) -> Base:
        """The same with that line length in its pyproject.toml."""
        toml = self.files.get("pyproject.toml", "") + f"\n[tool.ruff]\nline-length = {line_length}\n"
        return replace(self, files={**self.files, "pyproject.toml": toml}, line_length=line_length)

    def windows(self) -> Base:
        """The same as Git checks it out on Windows."""
        return replace(self, files={name: text.replace("\n", "\r\n") for name, text in self.files.items()})

    def ragged(self) -> Base:
        """The same without a newline at the end of any module, and with a comment that is not ASCII."""
        return replace(
            self,
            files={
                name: f"{text}# Größe: 5 µm, 中文" if text and name.endswith(".py") else text
                for name, text in self.files.items()
            },
        )

    def write(self, folder: Path) -> Path:
        for name, text in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        return folder


PLAIN = Base(
    files(
        {
            "shop/__init__.py": "",
            "shop/celery.py": """
                from celery import Celery

                app = Celery(
                    "shop",
                    broker="redis://localhost:6379/0",
                    backend="redis://localhost:6379/1",
                    include=["shop.tasks"],
                )
                app.conf.broker_connection_retry_on_startup = True
                """,
            "shop/tasks.py": """
                from shop.celery import app


                @app.task(ignore_result=True, soft_time_limit=10, time_limit=20)
                def sweep(folder: str) -> None:
                    \"\"\"Say which folder is to be swept.\"\"\"
                    print(folder)  # by hand, for now
                """,
        }
    ),
    "shop",
)
"""A package whose tasks are made with the app's own decorator, and listed in `include`."""

EMPTY = Base(
    files(
        {
            "shop/__init__.py": "",
            "shop/celery.py": """
                from celery import Celery

                app = Celery(
                    "shop",
                    broker="redis://localhost:6379/0",
                    backend="redis://localhost:6379/1",
                )
                app.autodiscover_tasks(["shop"])
                """,
        }
    ),
    "shop",
)
"""A package without a task, found by autodiscovery."""

MUTE = EMPTY.having(
    {
        "shop/celery.py": """
            from celery import Celery

            app = Celery("shop", broker="redis://localhost:6379/0")
            app.autodiscover_tasks(["shop"])
            """
    }
)
"""The same without a result backend."""

SHARED = EMPTY.having(
    {
        "shop/tasks.py": '''\
        """Tasks of the shop."""

        from celery import shared_task


        @shared_task(ignore_result=True)
        def sweep(folder: str) -> None:
            """Say which folder is to be swept."""
        ''',
        "shop/services.py": '''\
        """Services of the shop."""

        import os


        def folders() -> list[str]:
            # The order is the operating system's.
            return os.listdir(".")
        ''',
    }
)
"""The same with a `shared_task` and a service in it."""

ROUTED = PLAIN.having(
    {
        "shop/celery.py": """\
        from celery import Celery

        app = Celery(
            "shop",
            broker="redis://localhost:6379/0",
            backend="redis://localhost:6379/1",
            include=["shop.tasks"],
        )
        app.conf.broker_connection_retry_on_startup = True
        app.conf.task_routes = {
            # Mail must not wait for reports.
            "shop.tasks.sweep": {"queue": "slow"},
        }
        app.conf.beat_schedule = {
            "sweep": {
                "task": "shop.tasks.sweep",
                "schedule": 3600.0,
                "args": ("/tmp",),
                "options": {"expires": 1800},
            },
        }
        """
    }
)
"""Routes and a schedule that are there already."""

BASED = PLAIN.having(
    {
        "shop/base.py": '''\
        from celery import Task


        class ShopTask(Task):
            """What all tasks of the shop have in common."""

            abstract = True
            track_started = True
        ''',
        "shop/tasks.py": '''\
        from shop.base import ShopTask
        from shop.celery import app


        @app.task(base=ShopTask, ignore_result=True)
        def sweep(folder: str) -> None:
            """Say which folder is to be swept."""
        ''',
    }
)
"""Tasks with a base class of the project's."""

SINGLE = Base(
    files(
        {
            "tasks.py": """
                from celery import Celery

                app = Celery(
                    "tasks",
                    broker="redis://localhost:6379/0",
                    backend="redis://localhost:6379/1",
                )


                @app.task(ignore_result=True)
                def sweep(folder: str) -> None:
                    \"\"\"Say which folder is to be swept.\"\"\"
                """,
        }
    ),
    "tasks",
)
"""One module that is everything."""

SRC = replace(
    PLAIN,
    files={
        **{f"src/{name}": text for name, text in PLAIN.files.items()},
        "pyproject.toml": dedent(
            """\
            [tool.pytest.ini_options]
            pythonpath = ["src"]
            testpaths = ["tests"]
            """
        ),
        "tests/test_sweep.py": dedent(
            """\
            from shop.tasks import sweep


            def test_it_has_a_name() -> None:
                assert sweep.name == "shop.tasks.sweep"
            """
        ),
    },
    path="src",
)
"""The package below `src`, its tests beside it."""

SPLIT = EMPTY.having(
    {
        "shop/celery.py": """\
        from celery import Celery

        app = Celery("shop", broker="redis://localhost:6379/0", include=["shop.tasks"])
        app.conf.result_backend = "redis://localhost:6379/1"
        """,
        "shop/services/__init__.py": "",
        "shop/services/sweeping.py": '''\
        def sweep(folder: str) -> None:
            """Sweep a folder."""
        ''',
        "shop/tasks/__init__.py": """\
        from shop.tasks.sweeping import sweep

        __all__ = ["sweep"]
        """,
        "shop/tasks/sweeping.py": '''\
        from shop.celery import app
        from shop.services import sweeping


        @app.task(ignore_result=True)
        def sweep(folder: str) -> None:
            """Sweep a folder."""
            sweeping.sweep(folder)
        ''',
    }
)
"""Tasks and services in packages, one module for each subject."""

FLASK = Base(
    files(
        {
            "web/__init__.py": '''
                from celery import Celery, Task
                from flask import Flask


                def create_app() -> Flask:
                    app = Flask(__name__)
                    app.config.from_mapping(
                        CELERY={
                            "broker_url": "redis://localhost:6379/0",
                            "result_backend": "redis://localhost:6379/1",
                            "task_ignore_result": True,
                        },
                    )
                    app.config.from_prefixed_env()
                    celery_init_app(app)
                    return app


                def celery_init_app(app: Flask) -> Celery:
                    """Make the Celery app of a Flask app; its tasks run in the Flask app's context."""

                    class FlaskTask(Task):
                        def __call__(self, *args: object, **kwargs: object) -> object:
                            with app.app_context():
                                return self.run(*args, **kwargs)

                    celery_app = Celery(app.name, task_cls=FlaskTask)
                    celery_app.config_from_object(app.config["CELERY"])
                    celery_app.autodiscover_tasks(["web"])
                    celery_app.set_default()
                    app.extensions["celery"] = celery_app
                    return celery_app
                ''',
            "web/tasks.py": '''
                from celery import shared_task


                @shared_task
                def sweep(folder: str) -> None:
                    """Say which folder is to be swept."""
                ''',
            "make_celery.py": """
                from web import create_app

                flask_app = create_app()
                celery_app = flask_app.extensions["celery"]
                """,
        }
    ),
    "make_celery:celery_app",
)
"""A Flask app from a factory, and the module that gives workers its Celery app."""


@functools.cache
def startproject() -> Mapping[str, str]:
    """What Django itself makes: `startproject config .` and `startapp billing`."""
    with tempfile.TemporaryDirectory() as folder:
        for arguments in (["startproject", "config", "."], ["startapp", "billing"]):
            command = [sys.executable, "-m", "django", *arguments]
            subprocess.run(command, cwd=folder, check=True, timeout=LIMIT)
        paths = [path for path in Path(folder).rglob("*.py") if "__pycache__" not in path.parts]
        return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in paths}


CELERY_OF_DJANGO = dedent(
    """\
    import os

    from celery import Celery

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

    app = Celery("config")
    app.config_from_object("django.conf:settings", namespace="CELERY")
    app.autodiscover_tasks()
    """
)
SETTINGS_OF_DJANGO = dedent(
    """\

    INSTALLED_APPS += {apps!r}

    CELERY_BROKER_URL = "redis://localhost:6379/0"
    CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
    CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
    """
)


def settings(app: str) -> str:
    """Django's own settings, with an app of the project's and with Celery's."""
    made = startproject()["config/settings.py"]
    typed = made.replace("ALLOWED_HOSTS = []", "ALLOWED_HOSTS: list[str] = []")  # or mypy complains
    return typed + SETTINGS_OF_DJANGO.format(apps=[app])


@functools.cache
def django() -> Base:
    """A fresh Django project with one app, `billing`, that has no tasks."""
    made = dict(startproject())
    made["config/settings.py"] = settings("billing")
    made["config/celery.py"] = CELERY_OF_DJANGO
    made["config/__init__.py"] = 'from .celery import app as celery_app\n\n__all__ = ["celery_app"]\n'
    return Base(made, "config", ("manage.py", "test"))


@functools.cache
def lived_in() -> Base:
    """A Django app with a model and its migration, tasks, services, an admin page and a folder of tests."""
    base = django().having(
        {
            "billing/tasks.py": '''\
            """Tasks of billing."""

            from celery import shared_task

            from billing import services


            @shared_task(ignore_result=True)
            def remind(invoice_id: int) -> None:
                """Remind the customer of an invoice."""
                services.remind(invoice_id)
            ''',
            "billing/services.py": '''\
            """Services of billing."""

            from billing.models import Invoice


            def remind(invoice_id: int) -> None:
                """Remind the customer of an invoice."""
                Invoice.objects.filter(pk=invoice_id, reminded=False).update(reminded=True)
            ''',
            "billing/models.py": '''\
            from django.db import models


            class Invoice(models.Model):
                """What a customer owes."""

                reminded = models.BooleanField(default=False)  # once is enough

                def __str__(self) -> str:
                    return f"Invoice {self.pk}"
            ''',
            "billing/admin.py": """\
            from django.contrib import admin

            from billing.models import Invoice

            admin.site.register(Invoice)
            """,
            "billing/migrations/0001_initial.py": """\
            from django.db import migrations, models


            class Migration(migrations.Migration):
                initial = True

                dependencies = ()

                operations = (
                    migrations.CreateModel(
                        name="Invoice",
                        fields=[
                            (
                                "id",
                                models.BigAutoField(
                                    auto_created=True,
                                    primary_key=True,
                                    serialize=False,
                                    verbose_name="ID",
                                ),
                            ),
                            ("reminded", models.BooleanField(default=False)),
                        ],
                    ),
                )
            """,
            "billing/tests/__init__.py": "",
            "billing/tests/test_services.py": """\
            from django.test import TestCase

            from billing import services
            from billing.models import Invoice


            class RemindTests(TestCase):
                def test_it_is_kept(self) -> None:
                    invoice = Invoice.objects.create()
                    services.remind(invoice.pk)
                    self.assertTrue(Invoice.objects.get().reminded)
            """,
        }
    )
    return replace(
        base, files={name: text for name, text in base.files.items() if name != "billing/tests.py"}
    )


@functools.cache
def apps_folder() -> Base:
    """Django apps in a folder `apps`, settings that route and schedule, and a shared cache."""
    made = {name.replace("billing/", "apps/billing/"): text for name, text in lived_in().files.items()}
    made = {name: text.replace("from billing", "from apps.billing") for name, text in made.items()}
    made["apps/__init__.py"] = ""
    made["apps/billing/apps.py"] = dedent(
        """\
        from django.apps import AppConfig


        class BillingConfig(AppConfig):
            default_auto_field = "django.db.models.BigAutoField"
            name = "apps.billing"
        """
    )
    made["config/settings.py"] = settings("apps.billing") + dedent(
        """\
        CELERY_TASK_ROUTES = {
            "apps.billing.tasks.remind": {"queue": "mail"},
        }
        CELERY_BEAT_SCHEDULE = {
            "remind": {
                "task": "apps.billing.tasks.remind",
                "schedule": 3600,
                "args": (1,),
                "options": {"expires": 1800},
            },
        }
        CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": "redis://localhost:6379/2",
            },
        }
        """
    )
    return replace(lived_in(), files=made)


@functools.cache
def split_django() -> Base:
    """A Django app whose tasks, services and models are packages."""
    kept = {
        name: text
        for name, text in lived_in().files.items()
        if name not in ("billing/tasks.py", "billing/services.py", "billing/models.py")
    }
    old = lived_in().files
    kept |= {
        "billing/tasks/__init__.py": 'from .reminding import remind\n\n__all__ = ["remind"]\n',
        "billing/tasks/reminding.py": old["billing/tasks.py"].replace(
            "from billing import services", "from billing.services import reminding as services"
        ),
        "billing/services/__init__.py": "",
        "billing/tests/test_services.py": old["billing/tests/test_services.py"].replace(
            "from billing import services", "from billing.services import reminding as services"
        ),
        "billing/services/reminding.py": old["billing/services.py"],
        "billing/models/__init__.py": 'from .invoice import Invoice\n\n__all__ = ["Invoice"]\n',
        "billing/models/invoice.py": old["billing/models.py"],
    }
    return replace(lived_in(), files=kept)
