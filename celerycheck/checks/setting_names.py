"""Names of settings: those Celery does not read, and those from before Celery 4."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.findings import Severity
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.nearest import nearest
from celerycheck.registry import Problem, check
from celerycheck.subjects import App, Setting, Settings
from celerycheck.undeclared_settings import UNDECLARED

NOT_CELERYS_PREFIXES = (
    "dj_celery_",
    "django_celery_",
    "email_",  # django-celery-email
    "flower_",
    "haystack_",  # celery-haystack
    "mongodb_scheduler_",  # celerybeat-mongo
    "monitor_",  # django-celery-monitor
    "once_",  # celery-once
    "progress_",  # celery-progress
    "redbeat_",
    "singleton_",
    "task_tenant_",  # tenant-schemas-celery
)
NOT_CELERYS_NAMES = frozenset(
    {
        "beat_dburi",  # the SQLAlchemy schedulers
        "beat_engine_options",
        "beat_schema",
        "once",  # celery-once
        "task_queue",  # a project's own "the queue", not a slip for task_queues
        "visibility_timeout",  # Celery's own documentation asks for it beside the transport options
    }
)
READ_UNDECLARED = UNDECLARED | {"db_reuse_max"}
"""What Celery reads, of any version, though `celery.app.defaults` declares none of it."""

STORES = ("azureblockblob_", "cassandra_", "cosmosdbsql_", "database_", "gcs_", "s3_")
"""Sections whose old names are plain nouns: a Django project's `S3_BUCKET` is its own."""

SAME_NAME_BEFORE_4 = frozenset(
    name
    for name in KNOWN_SETTINGS
    if name.startswith(("elasticsearch_", "event_", "redis_", "result_", "security_", "task_publish_retry"))
    or name.endswith(("_backend_settings", "_backend_options"))
) - {"result_accept_content", "result_cache_max", "result_expires"} | {
    "accept_content",
    "cache_backend",
    "imports",
    "include",
    "task_protocol",
    "task_serializer",
    "timezone",
    "worker_direct",
}
"""Settings whose name in the namespace CELERY is also their name from before Celery 4."""


@check
def unknown_setting(app: App) -> Iterator[Problem]:
    """A setting is unknown to Celery, which ignores it.

    Why: Celery accepts any key and ignores those it does not know, so a misspelt limit or queue looks
        configured in every review and is not there in production.
    Fix: write the name as Celery knows it, with the namespace's prefix where one is given.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html
    """
    for setting in app.settings.unknown:
        name = setting.name.removeprefix("celery_")
        known = name in NOT_CELERYS_NAMES or name in READ_UNDECLARED
        if not known and not name.startswith(NOT_CELERYS_PREFIXES):
            yield from _not_read(app, setting, name)


def _not_read(app: App, setting: Setting, name: str) -> Iterator[Problem]:
    settings = app.settings
    known = KNOWN_SETTINGS.get(name)
    if known and name in settings:
        if not settings.explicit(name):
            yield _not_read_as_written(settings, setting, name)
    elif known:
        yield Problem(
            f"{setting.key} needs Celery {known.since}, and {app.celery} is installed: it does nothing",
            fix=f"install Celery {known.since} or newer, or remove {setting.key}",
            about=setting,
        )
    elif near := _near(settings, name):
        right, at_most = near
        yield Problem(
            f"{setting.key} is no setting of Celery's and is ignored; {right} is the nearest name",
            fix=f"rename {setting.key} to {_key(settings, right, setting.origin)}",
            about=setting,
            at_most=Severity.INFO if settings.explicit(right) else at_most,
        )
    else:
        yield Problem(
            f"{setting.key} is no setting of Celery's and is ignored",
            fix="remove it, or give it a name without Celery's prefix where the project itself reads it",
            about=setting,
            at_most=Severity.INFO,
        )


def _not_read_as_written(settings: Settings, setting: Setting, name: str) -> Problem:
    key = _key(settings, name, setting.origin)
    fix = f"rename {setting.key} to {key}"
    prefixed = setting.key.upper().startswith("CELERY_")
    if settings.namespace is None and prefixed and setting.origin == "source":
        fix = f'pass namespace="CELERY" to config_from_object(), or {fix}'
        return Problem(f"{setting.key} is ignored: no namespace is configured", fix=fix, about=setting)
    return Problem(f"{setting.key} is ignored: Celery looks for {key}", fix=fix, about=setting)


def _near(settings: Settings, name: str) -> tuple[str, Severity] | None:
    """The setting most likely meant, and how sure that is: projects have settings of their own there."""
    match = nearest(name, [known for known in KNOWN_SETTINGS if known in settings], cutoff=0.92)
    if match:
        own = match.rstrip("s") == name.rstrip("s")  # a project's own CELERY_TASK_TIME_LIMITS, one per queue
        return match, Severity.WARNING if own else Severity.ERROR
    if len(name) > 8:
        sections = ("task", "worker", "beat", "result", "broker")
        matches = [f"{section}_{name}" for section in sections if f"{section}_{name}" in settings]
        if len(matches) == 1:
            return matches[0], Severity.WARNING
    return None


def _key(settings: Settings, name: str, origin: str) -> str:
    """How a setting is written where it was set: `task_time_limit`, `CELERY_TASK_TIME_LIMIT`."""
    if settings.namespace is None or origin == "code":
        return name
    prefix = settings.namespace.rstrip("_")
    key = f"{prefix}_{name}"
    return key.upper() if prefix.isupper() else key.lower()


@check
def old_setting_name(settings: Settings) -> Iterator[Problem]:
    """A setting has its name from before Celery 4.

    Why: old and new names must not be mixed (Celery refuses to start), so the next setting added by
        someone who reads today's documentation breaks the configuration.
    Fix: rename all of them at once; in a Django project use namespace="CELERY" and its prefix.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#new-lowercase-settings
    """
    django = "django" in (settings.source or "").lower()
    for setting in settings.old_style:
        if setting.name.startswith(STORES) or (settings.namespace and setting.origin != "code"):
            continue
        new = f"CELERY_{setting.name.upper()}" if django else setting.name
        also = ' and pass namespace="CELERY" to config_from_object()' if django else ""
        yield Problem(
            f"{setting.key} is the name from before Celery 4",
            fix=f"rename {setting.key} to {new}, together with every other old name{also}",
            about=setting,
        )


@check
def ignored_old_setting(app: App) -> Iterator[Problem]:
    """An old setting name was ignored until Celery 5.7.

    Why: up to 5.6 Celery ignores it without a word, from 5.7 on it applies: the limit never held, or
        an upgrade switches on what nobody has tested.
    Fix: give it its current name with the namespace's prefix, or remove it.
    Reference: celery.app.utils.detect_settings
    """
    settings = app.settings
    if settings.namespace is None:
        return
    read = f"Celery up to 5.6 ignored it, {app.celery} reads it"
    ignored = "ignored up to Celery 5.6, read from 5.7 on"
    consequence = read if app.version >= (5, 7) else ignored
    for setting in settings.old_style:
        key = _key(settings, setting.name, setting.origin)
        if setting.origin == "code" or setting.key == key or setting.name.startswith(STORES):
            continue
        if settings.explicit(setting.name) and settings[setting.name].key != setting.key:
            continue
        yield Problem(
            f"{setting.key} stands beside the namespace {settings.namespace}: {consequence}",
            fix=f"rename {setting.key} to {key}, or remove it",
            about=setting,
        )


@check
def upgrade_advice_misleads(settings: Settings) -> Iterator[Problem]:
    """Celery's deprecation advice would break these settings.

    Why: some namespaced names are also names from before Celery 4, so every worker warns that they are
        deprecated and advises `celery upgrade settings`; run as advised, that command turns
        CELERY_BROKER_URL into CELERY_broker_url, which nothing reads.
    Fix: ignore the warning, or run `celery upgrade settings --django FILE`; in a Django project pass
        the text "django.conf:settings" to config_from_object(), which silences it.
    Reference: celery.apps.worker.Worker.on_start, celery.bin.upgrade
    """
    if settings.namespace is None or settings.namespace.rstrip("_") != "CELERY" or settings.source is None:
        return
    if settings.source.lower() == "django.conf:settings":
        return
    warned = [
        s
        for s in settings.values.values()
        if s.origin == "source" and s.name in SAME_NAME_BEFORE_4 and s.key == f"CELERY_{s.name.upper()}"
    ]
    if warned:
        more = f" and {len(warned) - 1} more" if len(warned) > 1 else ""
        yield Problem(
            f"workers warn of deprecated names ({warned[0].key}{more}) and advise `celery upgrade settings`; "
            "without --django that command breaks namespaced names",
            about=warned[0],
        )
