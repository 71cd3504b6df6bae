"""Names of settings: tables of configurations and what is said of them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import celery
import pytest
from celery import Celery
from celery.app.defaults import _TO_NEW_KEY, SETTING_KEYS
from celery.bin import upgrade

from celerycheck.checks.setting_names import READ_UNDECLARED, SAME_NAME_BEFORE_4
from celerycheck.findings import Severity
from celerycheck.subjects import Setting
from celerycheck.testing import app, found, problems, settings

VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
DJANGO = "django.conf:settings"


def stray(key, *, namespace="CELERY", origin="source"):
    """An unknown or old setting, named as inspection names it."""
    prefix = f"{namespace}_" if namespace else "CELERY_"
    return Setting(key.removeprefix(prefix).lower(), None, origin, key)


def configured(*keys, namespace="CELERY", values=None, celery="5.7.0", origin="source"):
    unknown = tuple(stray(key, namespace=namespace, origin=origin) for key in keys)
    return app(
        celery=celery,
        settings=settings(values, celery=celery, unknown=unknown, namespace=namespace, source=DJANGO),
    )


def near(key, right):
    return [f"{key} is no setting of Celery's and is ignored; {right} is the nearest name"]


def unknown(key):
    return [f"{key} is no setting of Celery's and is ignored"]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (configured("CELERY_TASK_ALWAYS_EAGR"), near("CELERY_TASK_ALWAYS_EAGR", "task_always_eager")),
        (
            configured("worker_max_task_per_child", namespace=None),
            near("worker_max_task_per_child", "worker_max_tasks_per_child"),
        ),
        (configured("CELERY_SOFT_TIME_LIMIT"), near("CELERY_SOFT_TIME_LIMIT", "task_soft_time_limit")),
        (configured("CELERY_CONCURRENCY"), near("CELERY_CONCURRENCY", "worker_concurrency")),
        (
            configured("CELERY_WORKER_ETA_TASK_LIMIT", celery="5.5.3"),
            ["CELERY_WORKER_ETA_TASK_LIMIT needs Celery 5.6, and 5.5.3 is installed: it does nothing"],
        ),
        (
            configured("CELERY_TASK_TIME_LIMIT", namespace=None),
            ["CELERY_TASK_TIME_LIMIT is ignored: no namespace is configured"],
        ),
        (
            configured("CELERY_broker_url"),
            ["CELERY_broker_url is ignored: Celery looks for CELERY_BROKER_URL"],
        ),
        (
            configured("CELERY_TASK_TIME_LIMIT", namespace=None, origin="code"),
            ["CELERY_TASK_TIME_LIMIT is ignored: Celery looks for task_time_limit"],
        ),
        # Projects keep settings of their own under the prefix: never more than a hint.
        (configured("CELERY_LONG_RUNNING_TASK_TIME_LIMIT"), unknown("CELERY_LONG_RUNNING_TASK_TIME_LIMIT")),
        (configured("CELERY_BACKLOG_ALERT_THRESHOLD"), unknown("CELERY_BACKLOG_ALERT_THRESHOLD")),
        (configured("CELERY_TASK_PRIORITY_BACKGROUND"), unknown("CELERY_TASK_PRIORITY_BACKGROUND")),
        (configured("CELERY_MAX_RETRIES"), unknown("CELERY_MAX_RETRIES")),
        (configured("CELERY_RESULT_BACKEND_URL"), unknown("CELERY_RESULT_BACKEND_URL")),
        (configured("CELERY_ENABLED"), unknown("CELERY_ENABLED")),
        # Silent: known ones, other people's, and those that are set under the right name as well.
        (configured(), []),
        (configured("CELERY_REDBEAT_LOCK_TIMEOUT"), []),
        (configured("redbeat_redis_url", namespace=None), []),
        (configured("singleton_backend_url", namespace=None), []),
        (configured("CELERY_ONCE"), []),
        (configured("CELERY_EMAIL_BACKEND"), []),
        (configured("CELERY_FLOWER_URL"), []),
        (configured("CELERY_TASK_TENANT_CACHE_SECONDS"), []),
        (configured("CELERY_TASK_QUEUE"), []),
        (configured("CELERY_DB_REUSE_MAX"), []),
        (configured("beat_dburi", namespace=None), []),
        (configured("visibility_timeout", namespace=None), []),
        (configured("CELERY_VISIBILITY_TIMEOUT"), []),
        (configured("gcs_threadpool_maxsize", namespace=None), []),
        (configured("CELERY_REDIS_BACKEND_HEALTH_CHECK_INTERVAL"), []),
        (configured("redis_client_name", namespace=None), []),
        (configured("CELERY_REDIS_BACKEND_CREDENTIAL_PROVIDER"), []),
        (configured("CELERY_CASSANDRA_SECURE_BUNDLE_PATH"), []),
        (configured("CELERY_FIRESTORE_PROJECT"), []),
        (configured("CELERY_DYNAMODB_ENDPOINT_URL"), []),
        (configured("CELERY_BROKER_URL", namespace=None, values={"broker_url": "redis://"}), []),
        (configured("CELERY_broker_url", values={"broker_url": "redis://"}), []),
    ],
)
def test_unknown_setting(subject, messages):
    assert problems("unknown-setting", subject) == messages


@pytest.mark.parametrize(
    ("subject", "at_most", "fix"),
    [
        (configured("CELERY_TASK_ALWAYS_EAGR"), Severity.ERROR, "CELERY_TASK_ALWAYS_EAGER"),
        (configured("task_always_eagr", namespace=None), Severity.ERROR, "task_always_eager"),
        (
            configured("celery_task_always_eagr", namespace="celery"),
            Severity.ERROR,
            "celery_task_always_eager",
        ),
        (configured("CELERY_SOFT_TIME_LIMIT"), Severity.WARNING, "CELERY_TASK_SOFT_TIME_LIMIT"),
        (configured("CELERY_TASK_TIME_LIMITS"), Severity.WARNING, "CELERY_TASK_TIME_LIMIT"),
        (
            configured("CELERY_SOFT_TIME_LIMIT", values={"task_soft_time_limit": 30}),
            Severity.INFO,
            "CELERY_TASK_SOFT_TIME_LIMIT",
        ),
        (configured("CELERY_ENABLED"), Severity.INFO, "remove it"),
        (configured("CELERY_TASK_TIME_LIMIT", namespace=None), None, 'namespace="CELERY"'),
        (configured("CELERY_WORKER_ETA_TASK_LIMIT", celery="5.5.3"), None, "install Celery 5.6"),
    ],
)
def test_how_sure_an_unknown_setting_is(subject, at_most, fix):
    [problem] = found("unknown-setting", subject)
    assert problem.at_most == at_most
    assert fix in problem.fix
    assert problem.about in subject.settings.unknown


@pytest.mark.parametrize("name", sorted(READ_UNDECLARED - {"db_reuse_max"}))
def test_what_celery_reads_undeclared(name):
    assert name not in SETTING_KEYS
    if VERSION >= (5, 6):
        sources = Path(celery.__file__).parent.rglob("*.py")
        assert any(name in source.read_text(encoding="utf-8") for source in sources)


def old(key, name, origin="source"):
    return Setting(name, None, origin, key)


CONCURRENCY = old("CELERYD_CONCURRENCY", "worker_concurrency")
BROKER = old("BROKER_URL", "broker_url")
BUCKET = old("S3_BUCKET", "s3_bucket")


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (settings(old_style=(CONCURRENCY,)), ["CELERYD_CONCURRENCY is the name from before Celery 4"]),
        (
            settings(old_style=(BROKER, CONCURRENCY), source="celeryconfig"),
            [
                "BROKER_URL is the name from before Celery 4",
                "CELERYD_CONCURRENCY is the name from before Celery 4",
            ],
        ),
        (
            settings(old_style=(old("CELERY_ACKS_LATE", "task_acks_late", "code"),), namespace="CELERY"),
            ["CELERY_ACKS_LATE is the name from before Celery 4"],
        ),
        (settings(), []),
        (settings({"worker_concurrency": 4}), []),
        (settings({"worker_concurrency": 4}, namespace="CELERY", source=DJANGO), []),
        (settings(old_style=(CONCURRENCY,), namespace="CELERY", source=DJANGO), []),
        (settings(old_style=(BUCKET,), source=DJANGO), []),
        (settings(old_style=(old("CASSANDRA_PORT", "cassandra_port"),)), []),
    ],
)
def test_old_setting_name(subject, messages):
    assert problems("old-setting-name", subject) == messages


def test_an_old_name_in_django_settings_needs_the_namespace():
    [plain] = found("old-setting-name", settings(old_style=(CONCURRENCY,), source="celeryconfig"))
    assert "to worker_concurrency" in plain.fix
    assert "namespace" not in plain.fix
    [django] = found("old-setting-name", settings(old_style=(CONCURRENCY,), source=DJANGO))
    assert "to CELERY_WORKER_CONCURRENCY" in django.fix
    assert 'namespace="CELERY"' in django.fix


LATER = "ignored up to Celery 5.6, read from 5.7 on"


def beside(*old_style, values=None, celery="5.6.3", namespace="CELERY"):
    found_values = {
        name: Setting(name, value, "source", key) for key, (name, value) in (values or {}).items()
    }
    base = settings(celery=celery, old_style=old_style, namespace=namespace, source=DJANGO)
    base.values.update(found_values)
    return app(celery=celery, settings=base)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            beside(CONCURRENCY),
            ["CELERYD_CONCURRENCY stands beside the namespace CELERY: " + LATER],
        ),
        (
            beside(BROKER, values={"BROKER_URL": ("broker_url", "redis://")}, celery="5.7.0"),
            ["BROKER_URL stands beside the namespace CELERY: Celery up to 5.6 ignored it, 5.7.0 reads it"],
        ),
        (beside(), []),
        (beside(CONCURRENCY, namespace=None), []),
        (beside(CONCURRENCY, values={"CELERY_WORKER_CONCURRENCY": ("worker_concurrency", 4)}), []),
        (beside(BROKER, values={"CELERY_BROKER_URL": ("broker_url", "redis://")}, celery="5.7.0"), []),
        (beside(BUCKET), []),
        (beside(old("DATABASE_TABLE_SCHEMAS", "database_table_schemas")), []),
        (beside(old("CELERY_RESULT_BACKEND", "result_backend")), []),
        (beside(old("CELERY_ACKS_LATE", "task_acks_late", "code")), []),
    ],
)
def test_ignored_old_setting(subject, messages):
    assert problems("ignored-old-setting", subject) == messages


def namespaced(*names, source="proj.settings", namespace="CELERY", origin="source"):
    base = settings(namespace=namespace, source=source)
    base.values.update({n: Setting(n, "x", origin, f"CELERY_{n.upper()}") for n in names})
    return base


ADVICE = (
    "workers warn of deprecated names ({}) and advise `celery upgrade settings`; "
    "without --django that command breaks namespaced names"
)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (namespaced("result_backend"), [ADVICE.format("CELERY_RESULT_BACKEND")]),
        (namespaced("timezone", source="django.conf.LazySettings"), [ADVICE.format("CELERY_TIMEZONE")]),
        (
            namespaced("broker_url", "result_backend", "task_serializer", "timezone"),
            [ADVICE.format("CELERY_RESULT_BACKEND and 2 more")],
        ),
        (namespaced("result_backend", source=DJANGO), []),
        (namespaced("result_backend", source=None), []),
        (namespaced("broker_url", "task_time_limit", "worker_concurrency"), []),
        (namespaced("result_backend", origin="environment"), []),
        (namespaced("result_backend", namespace="SHOP"), []),
        (namespaced("result_backend", namespace=None), []),
        (settings({"result_backend": "redis://"}, namespace="CELERY", source="proj.settings"), []),
    ],
)
def test_upgrade_advice_misleads(subject, messages):
    assert problems("upgrade-advice-misleads", subject) == messages


def loaded(namespace=None, **keys):
    made = Celery(set_as_current=False)
    made.config_from_object(SimpleNamespace(**keys), namespace=namespace)
    return made.conf


class TestFactsOfCelery:
    def test_names_that_did_not_change_with_the_namespace(self):
        unchanged = {new for old_name, new in _TO_NEW_KEY.items() if old_name == f"CELERY_{new.upper()}"}
        assert {name for name in SAME_NAME_BEFORE_4 if name in SETTING_KEYS} == unchanged

    def test_the_upgrade_breaks_a_namespaced_name(self):
        assert upgrade._to_new_key('CELERY_BROKER_URL = "x"')[1] == 'CELERY_broker_url = "x"'
        assert loaded("CELERY", CELERY_broker_url="redis://b").broker_url is None

    def test_the_upgrade_with_django_leaves_it_alone(self):
        line = 'CELERY_BROKER_URL = "x"'
        assert upgrade._to_new_key(line, upgrade._compat_key) == (0, line)

    def test_unprefixed_old_names_beside_a_namespace(self):
        read = loaded("CELERY", CELERYD_CONCURRENCY=8).worker_concurrency
        assert read == (8 if VERSION >= (5, 7) else None)

    def test_the_namespaced_name_wins_over_the_old_one(self):
        conf = loaded("CELERY", CELERYD_CONCURRENCY=8, CELERY_WORKER_CONCURRENCY=4)
        assert conf.worker_concurrency == 4

    def test_prefixed_names_without_a_namespace_are_ignored(self):
        assert loaded(CELERY_TASK_TIME_LIMIT=5).task_time_limit is None
