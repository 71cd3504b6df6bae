"""Results: tables of apps and what is said of them."""

from __future__ import annotations

import pytest
from celery import Celery
from celery.app.backends import by_name
from celery.backends.base import Backend
from celery.beat import Scheduler

from celerycheck.checks import results as topic
from celerycheck.findings import Severity, describe
from celerycheck.subjects import (
    BackendInfo,
    DjangoInfo,
    NotEvaluated,
    Opaque,
    ScheduleEntry,
    Setting,
)
from celerycheck.testing import app, found, problems, settings, task


def kept(scheme, *tasks, by_itself=False, values=None, **fields):
    return app(*tasks, backend=BackendInfo(scheme, expires_by_itself=by_itself), values=values, **fields)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (kept("db+postgresql"), ["results are kept in db+postgresql, which has to be polled"]),
        (kept("django-db"), ["results are kept in django-db, which has to be polled"]),
        (kept("mongodb"), ["results are kept in mongodb, which has to be polled"]),
        (kept("database", task()), ["results are kept in database, which has to be polled"]),
        (
            kept("db", task(ignore_result=True, store_errors_even_if_ignored=True)),
            ["results are kept in db, which has to be polled"],
        ),
        (kept("redis"), []),
        (kept("rediss"), []),
        (kept("rpc"), []),
        (kept("cache+memcached"), []),
        (kept("django-cache"), []),
        (kept("file"), []),
        (kept("s3"), []),
        (kept(None), []),
        (kept("db", task(ignore_result=True)), []),
        (kept("db", values={"task_ignore_result": True}), []),
    ],
)
def test_database_as_result_backend(subject, messages):
    assert problems("database-as-result-backend", subject) == messages


NEVER = {"result_expires": None}
BEAT = ScheduleEntry("nightly", "proj.tasks.work")
NO_BEAT = (
    "db does not expire results by itself, and nothing shows that celery beat runs, which would delete them"
    " every night"
)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            kept("redis", by_itself=True, values=NEVER),
            ["result_expires is None: results stay in redis for ever"],
        ),
        (
            kept("redis", by_itself=True, values={"result_expires": 0}),
            ["result_expires is 0: results stay in redis for ever"],
        ),
        (
            kept("cache+memcached", by_itself=None, values={"result_expires": Opaque("x", seconds=0.0)}),
            ["result_expires is 0: results stay in cache for ever"],
        ),
        (kept("db+sqlite", values=NEVER), ["result_expires is None: results stay in db for ever"]),
        (
            kept("django-db", values=NEVER, schedule=(BEAT,)),
            ["result_expires is None: results stay in django-db for ever"],
        ),
        (
            kept("rpc", by_itself=True, values=NEVER),
            ["result_expires is None: results stay in rpc for ever"],
        ),
        (kept("db+sqlite"), [NO_BEAT]),
        (
            kept("elasticsearch+https", schedule=(BEAT,)),
            ["result_expires has no effect on elasticsearch: Celery deletes nothing there"],
        ),
        (kept("redis", by_itself=True), []),
        (kept("redis", by_itself=True, values={"result_expires": Opaque("timedelta", seconds=60.0)}), []),
        (kept("redis", task(ignore_result=True), by_itself=True, values=NEVER), []),
        (kept(None, values=NEVER), []),
        (kept("db", values=NEVER | {"task_ignore_result": True}), []),
        (kept("db", schedule=(BEAT,)), []),
        (kept("db", values={"beat_scheduler": "django_celery_beat.schedulers:DatabaseScheduler"}), []),
        (kept("db", values={"beat_schedule_filename": "/var/beat"}), []),
        (kept("db", django=DjangoInfo(installed_apps=("shop", "django_celery_beat"))), []),
        (
            kept("db", settings=settings(unknown=(Setting("redbeat_redis_url", Opaque("str")),))),
            [],
        ),
        (kept("db", task(ignore_result=True)), []),
        (kept("dynamodb", by_itself=True, values=NEVER), []),
        (kept("cassandra", by_itself=True, values=NEVER), []),
        (kept("gs"), []),
        (kept("rpc", by_itself=True), []),
    ],
)
def test_immortal_results(subject, messages):
    assert problems("immortal-results", subject) == messages


@pytest.mark.parametrize(
    ("subject", "at_most"),
    [
        (kept("redis", by_itself=True, values=NEVER), None),
        (kept("db", values=NEVER), None),
        (kept("rpc", by_itself=True, values=NEVER), Severity.WARNING),
        (kept("db"), Severity.WARNING),
        (kept("s3"), Severity.WARNING),
    ],
)
def test_immortal_results_grades(subject, at_most):
    (problem,) = found("immortal-results", subject)
    assert (describe(problem.about)[1], problem.at_most) == ("result_expires", at_most)


@pytest.mark.parametrize(
    "subject",
    [
        kept("db", by_itself=None),
        kept("redis", by_itself=True, values={"result_expires": "1d"}),
    ],
)
def test_immortal_results_unknown(subject):
    with pytest.raises(NotEvaluated):
        problems("immortal-results", subject)


@pytest.mark.parametrize(
    ("backend", "expires", "installed"),
    [
        ("file://{folder}", 60, True),
        ("file://{folder}", None, False),
        ("cache+memory://", 60, False),
        ("rpc://", 60, False),
    ],
)
def test_beat_cleans_up_only_what_does_not_expire(backend, expires, installed, tmp_path):
    real = Celery(set_as_current=False, broker="memory://", backend=backend.format(folder=tmp_path))
    real.conf.result_expires = expires
    scheduler = Scheduler(real, lazy=True)
    scheduler.install_default_entries({})
    assert ("celery.backend_cleanup" in scheduler.schedule) is installed


@pytest.mark.parametrize("name", topic.NEVER_CLEANED)
def test_these_backends_are_never_cleaned(name):
    try:
        backend = by_name(name)
    except ImportError as missing:
        pytest.skip(str(missing))
    assert not backend.supports_autoexpire
    assert backend.cleanup is Backend.cleanup
