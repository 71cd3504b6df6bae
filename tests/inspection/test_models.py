"""Which classes live in a database, and what is known of Django without a look at one."""

import pytest

from celerycheck.inspection.django_project import atomic, names, shared
from celerycheck.subjects import DjangoApp

SETTINGS = """
    SECRET_KEY = 'x'
    INSTALLED_APPS = ['django.contrib.contenttypes', 'django.contrib.auth', 'orders', 'people']
    AUTH_USER_MODEL = {user!r}
    SQLITE = {{'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'postgres://u:hunter2@h'}}
    DATABASES = {{
        'default': {{**SQLITE, 'ATOMIC_REQUESTS': True}}, 'reports': SQLITE,
        'archive': {{**SQLITE, 'ATOMIC_REQUESTS': 1}}, 'plain': {{**SQLITE, 'ATOMIC_REQUESTS': False}},
    }}
    """

PROJECT = {
    "config/celery.py": """
        import os
        os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'
        from celery import Celery
        app = Celery('config', broker='memory://')
        app.autodiscover_tasks()
        """,
    "orders/models.py": """
        from django.conf import settings
        from django.db import models
        from orders.base import Dated

        class Manager(models.Manager): pass
        class Tag(models.Model): pass

        class Order(Dated):
            tags = models.ManyToManyField(Tag)
            by = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE)
            class Line(models.Model): pass

        class Pending(Order):
            class Meta: proxy = True
        """,
    "orders/base.py": """
        from django.db import models
        class Dated(models.Model):
            class Meta: abstract = True
        class Childless(models.Model):
            class Meta: abstract = True
        """,
    "people/models.py": """
        from django.contrib.auth.models import AbstractUser
        class Person(AbstractUser): pass
        """,
    "orders/tasks.py": """
        from celery import shared_task
        @shared_task
        def ship(): pass
        """,
}

OWN = (
    "orders.base.Childless",
    "orders.base.Dated",
    "orders.models.Order",
    "orders.models.Order.Line",
    "orders.models.Pending",
    "orders.models.Tag",
    "people.models.Person",
)


def project(user="people.Person", settings=SETTINGS):
    return {**PROJECT, "config/settings.py": settings.format(user=user)}


def test_django(take):
    pytest.importorskip("django")
    found = take(project(), "config")
    django = found.app.django
    assert django is not None
    assert tuple(name for name in django.models if not name.startswith("django.")) == OWN
    assert {
        "django.contrib.auth.models.User",
        "django.contrib.auth.models.AbstractUser",
        "django.contrib.auth.models.Permission",
        "django.contrib.contenttypes.models.ContentType",
    } <= set(django.models)
    assert list(django.models) == sorted(set(django.models))
    assert django.user_model == "people.models.Person"
    assert django.atomic_requests == ("default", "archive")
    assert django.email_backend == "django.core.mail.backends.smtp.EmailBackend"
    assert "hunter2" not in found.text
    assert found.app.packages == ("config", "orders", "people")
    assert [app.name for app in django.apps] == [
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "orders",
        "people",
    ]
    assert not django.shared_cache
    assert {"orders.tasks", "people.tasks"} <= set(found.app.autodiscovered)


MOVED = (
    SETTINGS
    + """
    DEFAULT_AUTO_FIELD = 'django.db.models.BigAutoField'
    MIGRATION_MODULES = {{'people': None, 'orders': 'history.orders'}}
    CACHES = {{'default': {{'BACKEND': 'django.core.cache.backends.db.DatabaseCache', 'LOCATION': 't'}}}}
    """
)


def test_installed_apps(take):
    pytest.importorskip("django")
    config = """
        from django.apps import AppConfig
        class People(AppConfig):
            name, label = 'people', 'folk'
            default_auto_field = 'django.db.models.SmallAutoField'
        """
    files = {**project("folk.Person", MOVED), "people/apps.py": config}
    django = take(files, "config").app.django
    assert django is not None
    models = ("Tag", "Line", "Order", "Pending")
    assert django.apps[2] == DjangoApp(
        "orders", "orders", "django.db.models.BigAutoField", "history.orders", django.apps[2].models
    )
    assert sorted(django.apps[2].models) == sorted(models)
    assert django.apps[3] == DjangoApp(
        "people", "folk", "django.db.models.SmallAutoField", "people.migrations", ("Person",)
    )
    assert django.shared_cache


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("django.core.cache.backends.locmem.LocMemCache", False),
        ("django.core.cache.backends.dummy.DummyCache", False),
        ("django.core.cache.backends.memcached.PyMemcacheCache", True),
        ("django.core.cache.backends.redis.RedisCache", True),
        ("django.core.cache.backends.db.DatabaseCache", True),
        ("django.core.cache.backends.filebased.FileBasedCache", True),
        ("django_redis.cache.RedisCache", True),
        ("django_bmemcached.memcached.BMemcached", True),
        ("diskcache.DjangoCache", False),
        ("shop.cache.Cache", False),
        ("", False),
    ],
)
def test_caches_that_processes_share(backend, expected):
    assert shared(backend) is expected


@pytest.mark.parametrize(
    ("installed", "user", "model"),
    [
        (
            ["django.contrib.contenttypes", "django.contrib.auth"],
            "auth.User",
            "django.contrib.auth.models.User",
        ),
        ([], "auth.User", None),
        (["orders"], "gone.User", None),
        ([], "nonsense", None),
        ([], None, None),
    ],
)
def test_user_models(take, installed, user, model):
    pytest.importorskip("django")
    settings = f"SECRET_KEY = 'x'\nINSTALLED_APPS = {installed}\nAUTH_USER_MODEL = {user!r}\n"
    files = {**project(), "config/settings.py": settings, "orders/models.py": "", "people/models.py": ""}
    django = take(files, "config").app.django
    assert django is not None
    assert django.user_model == model
    assert django.installed_apps == tuple(installed)


@pytest.mark.parametrize("databases", ["DATABASES = {}", ""])
def test_no_databases(take, databases):
    pytest.importorskip("django")
    app = take(
        {
            "config/settings.py": f"SECRET_KEY = 'x'\nINSTALLED_APPS = []\n{databases}\n",
            "config/celery.py": PROJECT["config/celery.py"],
        },
        "config",
    ).app
    assert app.django is not None
    assert app.django.atomic_requests == ()
    assert app.mapped_classes == ()


@pytest.mark.parametrize("databases", [None, 3, {"default": None}, {"default": 3}])
def test_odd_databases(databases):
    """Which newer Django refuse to start with, and older ones do not."""
    assert names(lambda: atomic(databases)) == ()


ROWS = """
    from celery import Celery
    from sqlalchemy import Column, ForeignKey, Integer, Table, create_engine, event
    from sqlalchemy.orm import Mapper, declarative_base, registry, relationship

    app = Celery('proj', broker='memory://')
    engine = create_engine('sqlite:///nowhere/postgres://u:hunter2@h')
    Base, Other = declarative_base(), declarative_base()

    @event.listens_for(Mapper, 'before_configured')
    def configured(): print('CONFIGURED')

    class Row(Base):
        __tablename__ = 'rows'
        id = Column(Integer, primary_key=True)
        missing = relationship('Missing')  # configuring would raise

    class Child(Row):
        class Inner(Other):
            __tablename__ = 'inner'
            id = Column(Integer, primary_key=True)

    class Abstract(Base):
        __abstract__ = True

    class Mixin: id = Column(Integer, primary_key=True)

    class Plain: pass
    mapped = registry()
    mapped.map_imperatively(Plain, Table('plain', mapped.metadata, Column('id', Integer, primary_key=True)))
    """


def test_sqlalchemy(take):
    pytest.importorskip("sqlalchemy")
    found = take({"proj.py": ROWS})
    assert found.app.mapped_classes == ("proj.Child", "proj.Child.Inner", "proj.Plain", "proj.Row")
    assert not found.output
    assert "hunter2" not in found.text


def test_another_sqlalchemy(take):
    """Registries kept in a way nobody here knows."""
    found = take(
        {
            "proj.py": """
                import sys, types
                from celery import Celery
                app = Celery('proj', broker='memory://')
                sys.modules['sqlalchemy.orm.mapper'] = module = types.ModuleType('mapper')
                module._mapper_registries = [object()]
                """
        }
    )
    assert found.app.mapped_classes == ()


def test_flask_sqlalchemys_1_3(take):
    found = take(
        {
            "proj.py": """
                import sys, types
                from celery import Celery
                app = Celery('proj', broker='memory://')
                class Row: pass
                sys.modules['sqlalchemy.orm.mapper'] = module = types.ModuleType('mapper')
                class Mapper: class_ = Row
                module._mapper_registry = {Mapper(): True}
                """
        }
    )
    assert found.app.mapped_classes == ("proj.Row",)
