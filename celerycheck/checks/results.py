"""Results: where they are kept, for how long, and what becomes of failures."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._wording import assignment
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, NotEvaluated

DATABASES = ("db", "database", "sqla", "sqlalchemy", "django-db", "mongodb")
OWN_EXPIRY = ("dynamodb", "cassandra", "gs")
"""Backends with a lifetime of their own (a table's, a bucket's), which `result_expires` does not touch."""
NEVER_CLEANED = ("s3", "elasticsearch", "couchdb", "cosmosdbsql", "azureblockblob")
"""Backends that neither expire results nor have anything for `celery.backend_cleanup` to do."""
BEAT_APPS = ("django_celery_beat",)


@check
def database_as_result_backend(app: App) -> Iterator[Problem]:
    """Results are kept in a database.

    Why: whoever waits for a result asks the database again and again, chords ask once a second for each of
        their parts, and every task writes a row that something has to delete.
    Fix: use Redis (`redis://`) or `rpc://`, or `ignore_result=True` where nobody reads the result.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-result-backend
    """
    if _scheme(app) in DATABASES and _results_are_stored(app):
        yield Problem(
            f"results are kept in {app.backend.scheme}, which has to be polled",
            about=app.settings["result_backend"],
        )


@check
def immortal_results(app: App) -> Iterator[Problem]:
    """Results are never deleted.

    Why: every task leaves one behind; memory or tables grow until the store refuses writes, and with it
        the workers.
    Fix: set `result_expires` (seconds or a timedelta), and run `celery beat` where the backend does not
        expire results by itself: beat schedules `celery.backend_cleanup`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#result-expires
    """
    kind = _scheme(app)
    if kind in OWN_EXPIRY or not _results_are_stored(app):
        return
    expires = app.settings.number("result_expires")
    about = app.settings["result_expires"]
    if not expires:
        yield Problem(
            f"result_expires is {'None' if expires is None else 0}: results stay in {kind} for ever",
            fix=assignment(app.settings, "result_expires", "86400"),
            about=about,
            # The reply queue of rpc:// may still go with its client.
            at_most=Severity.WARNING if kind == "rpc" else None,
        )
    elif kind in NEVER_CLEANED:
        yield Problem(
            f"result_expires has no effect on {kind}: Celery deletes nothing there",
            fix="set a lifetime in the store itself",
            about=about,
            at_most=Severity.WARNING,
        )
    elif _needs_beat(app) and not _runs_beat(app):
        yield Problem(
            f"{kind} does not expire results by itself, and nothing shows that celery beat runs, which"
            " would delete them every night",
            fix="run celery beat, or call celery.backend_cleanup daily",
            about=about,
            at_most=Severity.WARNING,
        )


def _scheme(app: App) -> str | None:
    """The backend's kind, without the driver (`db` of `db+postgresql`)."""
    return app.backend.scheme.partition("+")[0].lower() if app.backend.scheme else None


def _results_are_stored(app: App) -> bool:
    if app.backend.scheme is None:
        return False
    tasks = (*app.tasks, *app.third_party)
    if not tasks:
        return not app.settings.flag("task_ignore_result")
    return any(not task.ignore_result or task.flag("store_errors_even_if_ignored") for task in tasks)


def _needs_beat(app: App) -> bool:
    if app.backend.expires_by_itself is None:
        raise NotEvaluated(app.backend.error or "the result backend could not be loaded")
    return not app.backend.expires_by_itself


def _runs_beat(app: App) -> bool:
    """Whether anything shows that the project runs beat: a schedule, settings of beat, an app for it."""
    installed = app.django.installed_apps if app.django else ()
    return bool(
        app.schedule
        or any(name.startswith("beat_") and app.settings.explicit(name) for name in app.settings.values)
        or any(setting.name.startswith("redbeat_") for setting in app.settings.unknown)
        or any(name.partition(".")[0] in BEAT_APPS for name in installed)
    )
