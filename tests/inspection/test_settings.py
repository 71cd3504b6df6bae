import re
from pathlib import Path

import pytest

from celerycheck.subjects import Location, Opaque
from celerycheck.undeclared_settings import UNDECLARED

CELERY = "from celery import Celery\n"

SOURCES = {
    "constructor": (
        {"proj.py": CELERY + "app = Celery(\n    'proj', task_time_limit=60)\n"},
        ("code", "task_time_limit", Location("proj.py", 2)),
    ),
    "attribute": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.task_time_limit = 60\n"},
        ("code", "task_time_limit", Location("proj.py", 3)),
    ),
    "item": (
        {"proj.py": CELERY + "app = Celery()\n\napp.conf['task_time_limit'] = 60\n"},
        ("code", "task_time_limit", Location("proj.py", 4)),
    ),
    "update": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.update(task_time_limit=60)\n"},
        ("code", "task_time_limit", Location("proj.py", 3)),
    ),
    "update with a dict": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.update({'task_time_limit': 60})\n"},
        ("code", "task_time_limit", Location("proj.py", 3)),
    ),
    "read after it was written": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.task_time_limit = 60\nprint(app.conf.broker_url)\n"},
        ("code", "task_time_limit", Location("proj.py", 3)),
    ),
    "set after the configuration was read": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.broker_url\napp.conf.task_time_limit = 60\n"},
        ("code", "task_time_limit", Location("proj.py", 4)),
    ),
    "another app's": (
        {
            "proj.py": CELERY + "app = Celery()\napp.conf.task_time_limit = 60\n"
            "other = Celery()\nother.conf.task_time_limit = 9\n"
        },
        ("code", "task_time_limit", Location("proj.py", 3)),
    ),
    "module by name": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": "import os\nif os:\n    task_time_limit = 5\ntask_time_limit = 60\n",
        },
        ("source", "task_time_limit", Location("settings_of.py", 4, 1)),
    ),
    "module object": (
        {
            "proj.py": CELERY + "import settings_of\napp = Celery()\napp.config_from_object(settings_of)\n",
            "settings_of.py": "def f():\n    task_time_limit = 1\n"
            "x, task_time_limit = 5, 60\ndef g():\n    task_time_limit = 2\n",
        },
        ("source", "task_time_limit", Location("settings_of.py", 3, 4)),
    ),
    "star import at the end": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": "task_time_limit = 5\nfrom local_settings import *\n",
            "local_settings.py": "\ntask_time_limit = 60\n",
        },
        ("source", "task_time_limit", Location("local_settings.py", 2, 1)),
    ),
    "imported by name": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": "from local_settings import limit as task_time_limit\n",
            "local_settings.py": "limit = 60\n",
        },
        ("source", "task_time_limit", Location("settings_of.py", 1, 1)),
    ),
    "class": (
        {
            "proj.py": CELERY
            + "class Other:\n    task_time_limit = 1\nclass Config:\n    task_time_limit = 60\n"
            + "class Third:\n    task_time_limit = 2\napp = Celery()\napp.config_from_object(Config)\n"
        },
        ("source", "task_time_limit", Location("proj.py", 5, 5)),
    ),
    "class by name, inherited": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('confs.prod:Prod')\n",
            "confs/prod.py": "from confs.base import Base\nclass Prod(Base):\n    task_soft_time_limit = 5\n",
            "confs/base.py": "\nclass Base:\n    task_time_limit = 60\n",
        },
        ("source", "task_time_limit", Location("confs/base.py", 3, 5)),
    ),
    "dict": (
        {"proj.py": CELERY + "app = Celery()\napp.config_from_object({\n    'task_time_limit': 60,\n})\n"},
        ("source", "task_time_limit", Location("proj.py", 4)),
    ),
    "old name": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": "CELERYD_TASK_TIME_LIMIT = 60\n",
        },
        ("source", "CELERYD_TASK_TIME_LIMIT", Location("settings_of.py", 1, 1)),
    ),
    "namespace": (
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of', namespace='SHOP')\n",
            "settings_of.py": "SHOP_TASK_TIME_LIMIT = 60\ntask_time_limit = 2\n"[:26],
        },
        ("source", "SHOP_TASK_TIME_LIMIT", Location("settings_of.py", 1, 1)),
    ),
    "code before source": (
        {
            "proj.py": CELERY
            + "app = Celery()\napp.config_from_object('settings_of')\napp.conf.task_time_limit = 60\n",
            "settings_of.py": "task_time_limit = 5\n",
        },
        ("code", "task_time_limit", Location("proj.py", 4)),
    ),
    "default": ({"proj.py": CELERY + "app = Celery()\n"}, ("default", "task_time_limit", None)),
}


@pytest.mark.parametrize("kind", SOURCES)
def test_who_set_it_and_where(take, kind):
    files, (origin, key, location) = SOURCES[kind]
    setting = take(files).app.settings["task_time_limit"]
    assert (setting.value, setting.origin, setting.key) == (None if origin == "default" else 60, origin, key)
    assert setting.location == location


def test_django_settings_with_a_base_module(take):
    pytest.importorskip("django")
    app = take(
        {
            "config/settings/base.py": "SECRET_KEY = 'x'\nINSTALLED_APPS = []\nCELERY_TASK_ACKS_LATE = True\n"
            "CELERY_TASK_TIME_LIMIT = 5\nCELERYD_CONCURRENCY = 4\nTIME_ZONE = 'Europe/Rome'\nUSE_TZ = True\n",
            "config/settings/prod.py": "from .base import *\nCELERY_TASK_TIME_LIMIT = 60\n"
            "CELERY_TASK_TIME_LIMTI = 1\n",
            "config/celery.py": """
            import os
            os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings.prod'
            from celery import Celery
            app = Celery('config')
            app.config_from_object('django.conf:settings', namespace='CELERY')
            """,
        },
        "config",
    ).app
    settings = app.settings
    assert (settings.namespace, settings.source) == ("CELERY", "django.conf:settings")
    limit, late = settings["task_time_limit"], settings["task_acks_late"]
    assert (limit.value, limit.key) == (60, "CELERY_TASK_TIME_LIMIT")
    assert limit.location == Location("config/settings/prod.py", 2, 1)
    assert (late.value, late.location) == (True, Location("config/settings/base.py", 3, 1))
    assert [(s.name, s.location) for s in settings.unknown] == [
        ("task_time_limti", Location("config/settings/prod.py", 3, 1))
    ]
    assert [(s.name, s.key) for s in settings.old_style] == [("worker_concurrency", "CELERYD_CONCURRENCY")]
    assert settings["timezone"].value == "Europe/Rome"
    assert settings["result_expires"].location == Location("config/settings/prod.py", 1)
    assert "config/settings/base.py" in app.files


def test_a_change_in_code_beside_a_namespace(take):
    """Up to Celery 5.6 the namespaced setting hides it."""
    app = take(
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of', namespace='SHOP')\n"
            "app.conf.task_time_limit = 5\n",
            "settings_of.py": "SHOP_TASK_TIME_LIMIT = 60\n",
        }
    ).app
    limit = app.settings["task_time_limit"]
    expected = (5, "code") if app.version >= (5, 7) else (60, "source")
    assert (limit.value, limit.origin) == expected


def test_the_environment_wins(take):
    app = take(
        {"proj.py": CELERY + "app = Celery(broker='memory://', backend='cache+memory://')\n"},
        env={"CELERY_BROKER_URL": "redis://:hunter2@redis.example:6380/1"},
    ).app
    url = app.settings["broker_url"]
    assert (url.value, url.origin, url.key) == (
        "redis://:********@redis.example:6380/1",
        "environment",
        "CELERY_BROKER_URL",
    )
    assert (app.broker.transport, app.broker.hosts, app.broker.password_at) == (
        "redis",
        ("redis.example",),
        None,
    )
    assert app.settings["result_backend"].origin == "code"
    assert app.settings["result_backend"].location == Location("proj.py", 2)


def test_unknown_and_foreign_names(take):
    app = take(
        {
            "proj.py": CELERY
            + "app = Celery()\napp.config_from_object('settings_of')\napp.conf.task_tme_limit = 5\n"
            + "app.conf.once = {'backend': 'x'}\nother = Celery()\nother.conf.worker_odd = 1\n",
            "settings_of.py": """
            import os, datetime
            from celery.schedules import crontab as task_crontab
            task_serialiser = 'json'
            worker_pool_size = 5
            DATABASE_URL = 'x'
            def task_helper(): pass
            my_setting = 1
            result_expires = datetime.timedelta(hours=1)
            broker_transport_options = {'visibility_timeout': 7200, 'when': datetime.timedelta(seconds=5)}
            task_queues = None
            task_always_eager = os.environ.get('EAGER') is not None
            """,
        }
    ).app
    assert [(s.name, s.origin) for s in app.settings.unknown] == [
        ("once", "code"),
        ("task_tme_limit", "code"),
        ("task_serialiser", "source"),
        ("worker_pool_size", "source"),
    ]
    assert all(s.value == Opaque("withheld") for s in app.settings.unknown)
    assert app.settings.unknown[1].location == Location("proj.py", 4)
    assert app.settings.number("result_expires") == 3600
    assert app.settings.mapping("broker_transport_options")["when"] == Opaque(
        "datetime.timedelta", "0:00:05", 5.0
    )


def test_names_without_their_namespace(take):
    app = take(
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": "CELERY_BROKER_URL = 'redis://h'\nCELERY_TASK_TIME_LIMIT = 4\nDEBUG = True\n",
        }
    ).app
    assert [s.key for s in app.settings.unknown] == ["CELERY_BROKER_URL", "CELERY_TASK_TIME_LIMIT"]
    assert app.broker.transport == "amqp"


FLASK = (
    CELERY
    + """
config = {{'CELERY_BROKER_URL': 'redis://:hunter2@h', 'DEBUG': True, 'SECRET_KEY': 'x', {more}}}
app = Celery('shop', broker=config['CELERY_BROKER_URL'])
app.conf.update(config)
"""
)
CLASS = (
    CELERY
    + """
class Config:
    BROKER_URL = 'redis://h'
    CELERY_RESULT_BACKEND = 'redis://r'
    CELERY_ACKS_LATE = True
app = Celery('shop')
app.config_from_object(Config)
"""
)
MODULE = {
    "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
    "settings_of.py": "BROKER_URL = 'redis://h'\nCELERYD_CONCURRENCY = 3\n",
}
OLD_NAMES = {
    "constructor beside an old name": (
        {"proj.py": FLASK.format(more="'CELERY_RESULT_BACKEND': 'redis://r'")},
        [
            ("broker_url", "redis://:********@h", "code", "broker_url"),
            ("result_backend", "redis://r", "code", "CELERY_RESULT_BACKEND"),
        ],
        ["CELERY_RESULT_BACKEND"],
    ),
    "constructor alone": (
        {"proj.py": FLASK.format(more="")},
        [("broker_url", "redis://:********@h", "code", "broker_url")],
        [],
    ),
    "constructor and its old name": (
        {"proj.py": FLASK.format(more="'BROKER_URL': 'redis://two'")},
        [("broker_url", "redis://two", "code", "BROKER_URL")],
        ["BROKER_URL"],
    ),
    "class": (
        {"proj.py": CLASS},
        [
            ("broker_url", "redis://h", "source", "BROKER_URL"),
            ("result_backend", "redis://r", "source", "CELERY_RESULT_BACKEND"),
            ("task_acks_late", True, "source", "CELERY_ACKS_LATE"),
        ],
        ["BROKER_URL", "CELERY_ACKS_LATE", "CELERY_RESULT_BACKEND"],
    ),
    "module": (
        MODULE,
        [
            ("broker_url", "redis://h", "source", "BROKER_URL"),
            ("worker_concurrency", 3, "source", "CELERYD_CONCURRENCY"),
        ],
        ["BROKER_URL", "CELERYD_CONCURRENCY"],
    ),
    "code alone": (
        {"proj.py": CELERY + "app = Celery()\napp.conf.update(BROKER_URL='redis://h')\n"},
        [("broker_url", "redis://h", "code", "BROKER_URL")],
        ["BROKER_URL"],
    ),
}


@pytest.mark.parametrize("kind", OLD_NAMES)
def test_old_names(take, kind):
    files, expected, old_style = OLD_NAMES[kind]
    app = take(files).app
    found = [
        (s.name, s.value, s.origin, s.key) for s in app.settings.values.values() if s.origin != "default"
    ]
    assert found == expected
    assert [s.key for s in app.settings.old_style] == old_style
    assert app.settings.unknown == ()
    assert app.broker.transport == "redis"


def test_a_constant_that_feeds_nothing_is_listed(take):
    app = take(
        {
            "proj.py": CELERY + "app = Celery(backend='redis://h')\n"
            "app.conf.update(CELERY_BROKER_URL='redis://h', CELERY_TASK_TIME_LIMIT=5)\n"
        }
    ).app
    assert [s.key for s in app.settings.unknown] == ["CELERY_BROKER_URL", "CELERY_TASK_TIME_LIMIT"]


@pytest.mark.parametrize(
    ("conf", "unknown"),
    [
        ("from consts import CELERY_CONCURRENCY_OF_MAILS\nworker_concurrency = 3\n", []),
        (
            "from consts import CELERY_CONCURRENCY_OF_MAILS as CELERY_MAILS\nworker_concurrency = 3\n",
            [],
        ),
        ("from consts import *\nworker_concurrency = 3\n", ["CELERY_CONCURRENCY_OF_MAILS"]),
        ("from consts import CELERY_CONCURRENCY_OF_MAILS\n", ["CELERY_CONCURRENCY_OF_MAILS"]),
        ("CELERY_CONCURRENCY_OF_MAILS = 3\nworker_concurrency = 3\n", ["CELERY_CONCURRENCY_OF_MAILS"]),
    ],
)
def test_constants_that_a_configuration_imports(take, conf, unknown):
    app = take(
        {
            "proj.py": CELERY + "app = Celery()\napp.config_from_object('settings_of')\n",
            "settings_of.py": conf,
            "consts.py": "CELERY_CONCURRENCY_OF_MAILS = 3\n",
        }
    ).app
    assert [s.key for s in app.settings.unknown] == unknown


def test_settings_that_celery_reads_and_does_not_declare(take):
    names = sorted(UNDECLARED)
    for prefix, namespace in (("", ""), ("SHOP_", ", namespace='SHOP'")):
        lines = [f"{prefix + name.upper() if prefix else name} = None\n" for name in names]
        app = take(
            {
                "proj.py": CELERY + f"app = Celery()\napp.config_from_object('settings_of'{namespace})\n",
                "settings_of.py": "".join(lines),
            }
        ).app
        assert app.settings.unknown == ()


def test_no_other_setting_is_read_undeclared():
    import celery
    from celery.app import defaults

    read = re.compile(r"(?:\bconf(?:\.get\(\s*|\[)|(?<!def )\b_get\(\s*)['\"](\w+)['\"]")
    root = Path(celery.__file__).parent
    names = {name for path in root.rglob("*.py") for name in read.findall(path.read_text(encoding="utf-8"))}
    assert "result_backend_thread_safe" in names
    assert {name for name in names if "_" in name and name.islower()} <= UNDECLARED | set(
        defaults.SETTING_KEYS
    )


HOMES = {
    "module": ("app.config_from_object('settings_of')\n", Location("settings_of.py", 1)),
    "module object": (
        "import settings_of\napp.config_from_object(settings_of)\n",
        Location("settings_of.py", 1),
    ),
    "class": ("class C:\n    enable_utc = True\napp.config_from_object(C)\n", None),
    "dict": ("app.config_from_object({'enable_utc': True})\n", None),
    "code": ("app.conf.enable_utc = True\n", None),
    "a library's module": ("app.config_from_object('colorsys')\n", None),
}


@pytest.mark.parametrize("kind", HOMES)
def test_where_an_unset_setting_would_be_written(take, kind):
    text, location = HOMES[kind]
    app = take(
        {
            "proj.py": CELERY + "import colorsys\napp = Celery()\n" + text,
            "settings_of.py": "enable_utc = True\n",
        }
    ).app
    limit = app.settings["task_time_limit"]
    assert (limit.origin, limit.location) == ("default", location)
    assert [queue.location for queue in app.queues] == [None] * len(app.queues)


def test_values_that_are_no_plain_data(take):
    app = take(
        {
            "proj.py": CELERY
            + """
class Odd:
    def __repr__(self): raise ValueError
    __str__ = __repr__
class Task(app.Task if 0 else object): pass
def annotate(): pass
app = Celery()
app.conf.task_annotations = [Odd()]
app.conf.worker_log_format = Odd()
app.conf.accept_content = {'json', 'pickle'}
app.conf.task_queue_max_priority = float('nan')
app.conf.worker_pool = Odd
app.conf.beat_schedule = {'a': {'task': 'x', 'schedule': 5.0, 'args': ('private',)}}
app.conf.broker_read_url = ['redis://u:hunter2@h', 'redis://u:hunter2@i']
""".replace("class Task(app.Task if 0 else object): pass\n", "")
        }
    )
    settings = pictured_settings(app)
    assert settings["task_annotations"].value == [Opaque("proj.Odd")]
    assert settings["worker_log_format"].value == Opaque("proj.Odd")
    assert settings["accept_content"].value == ["json", "pickle"]
    assert settings["worker_pool"].value == Opaque("type", "proj.Odd")
    assert settings["beat_schedule"].value == {"a": None}
    assert "private" not in app.text
    assert "hunter2" not in app.text


def pictured_settings(pictured):
    return pictured.app.settings


SECRET = "Hunter2Secret"


def test_no_credential_survives_anywhere(take):
    app = f"""
from celery import Celery, shared_task
S = '{SECRET}'
app = Celery('proj', broker=[f'redis://:{{S}}@a/0', f'sentinel://u:{{S}}@b:26379;sentinel://:{{S}}@c:26379'])
app.conf.update(
    result_backend=f'db+postgresql://user:{{S}}@db/shop',
    broker_read_url=f'amqp://user@corp:{{S}}@h//',
    broker_write_url=f'redis://:{{S}} with blank@h/0',
    result_backend_transport_options={{'url': f'rediss://x:{{S}}@h', 'sentinel_kwargs': {{'password': S}}}},
    broker_transport_options={{'predefined_queues': {{'q': {{'access_key_id': 'A', 'secret_access_key': S}}}},
                              'credentials': {{'deep': [S, {{'deeper': S}}]}}, f'redis://:{{S}}@key': 1}},
    redis_password=S, security_key_password=S, broker_password=S, elasticsearch_password=S,
    cassandra_auth_kwargs={{'username': 'u', 'password': S}},
    cache_backend=f'memcached://u:{{S}}@h', worker_direct=f'x?password={{S}}&y=1',
    my_own_url=f'https://{{S}}@sentry.io/1',
    task_routes={{'a': {{'queue': 'a', 'headers': {{'token': S}}}}}},
    beat_schedule={{'x': {{'task': 'proj.t', 'schedule': 5, 'args': [S], 'kwargs': {{'token': S}},
                          'options': {{'headers': {{'authorization_token': S}}, 'queue': 'q'}}}},
                   'y': {{'task': 'proj.t', 'schedule': f'redis://:{{S}}@h', 'args': [S]}}}},
    include=['broken', 'broken_too', 'broken_dict'],
)
@app.on_after_finalize.connect
def late(sender, **kw): raise ValueError(f'DSN amqp://u:{{S}}@h and more')
@app.task(api_token=S, notes=f'see redis://:{{S}}@h', secret_of=lambda: S)
def t(x: 'redis://:{SECRET}@h' = None): pass
@app.task(autoretry_for=KeyError, callback_url=f'http://u:{{S}}@h')
def broken(): pass
"""
    pictured = take(
        {
            "proj.py": app,
            "broken.py": f"raise ConnectionError('connect to redis://default:{SECRET}@h:6379/0 failed')\n",
            "broken_too.py": f"raise ConnectionError('x' * 380 + ' redis://default:{SECRET}@h:6379/0')\n",
            "broken_dict.py": f"raise ConnectionError({{'host': 'h', 'password': '{SECRET}'}})\n",
        }
    )
    found = pictured.text.find(SECRET)
    assert pictured.text[max(found - 200, 0) : found + 20] * (found >= 0) == ""
    assert pictured.app.partial
    assert pictured.app.settings["broker_url"].value == [
        "redis://:********@a/0",
        "sentinel://u:********@b:26379;sentinel://:********@c:26379",
    ]
