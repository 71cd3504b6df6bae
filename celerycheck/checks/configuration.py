"""Configuration: values that Celery misreads, and set-ups that quietly find no tasks."""

from __future__ import annotations

import re
from collections.abc import Iterator

from celerycheck.findings import Severity
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, Opaque, Plain, Setting, Settings

FALSE_WORDS = frozenset({"0", "f", "false", "n", "no", "none", "null", "off"})

NUMBERS_AS_TEXT = {
    "beat_cron_starting_deadline": "beat raises TypeError on crontab entries",
    "beat_max_loop_interval": "beat does not start",
    "beat_sync_every": "beat raises TypeError after its first task",
    "broker_connection_max_retries": "the first lost connection raises TypeError instead of being retried",
    "broker_connection_timeout": "connecting raises TypeError",
    "broker_heartbeat_checkrate": "the worker does not start where the broker has heartbeats",
    "broker_pool_acquire_timeout": "sending a task raises TypeError",
    "broker_pool_limit": "sending a task raises TypeError",
    "redis_max_connections": "the Redis result backend refuses it",
    "task_protocol": "sending a task raises KeyError",
    "task_repr_maxlevels": "sending a task raises TypeError",
    "worker_eta_task_limit": "a task with a countdown or ETA stops the worker",
    "worker_max_memory_per_child": "a child process dies of a TypeError after each task",
    "worker_max_tasks_per_child": "the worker does not start",
    "worker_soft_shutdown_timeout": "the worker's shutdown raises TypeError",
}
"""What becomes of a number given as text; settings that Celery converts, or only passes on, are not here."""

ONLY_ON_AMQP = {
    "task_default_priority": "sending a task raises struct.error",
    "task_queue_max_priority": "RabbitMQ refuses to declare the queue",
}
LISTS_AS_TEXT = {
    "accept_content": "Celery takes each letter for a content type and raises",
    "result_accept_content": "Celery takes each letter for a content type and raises",
    "task_queues": "Celery takes each letter for a queue and raises",
}
DICTS_AS_TEXT = {
    "beat_schedule": "beat does not start",
    "broker_transport_options": "connecting raises ValueError",
    "result_backend_transport_options": "the result backend raises AttributeError",
    "task_publish_retry_policy": "sending a task raises",
}
TESTS = frozenset({"conftest", "test", "tests", "testing"})
DEVELOPMENT = frozenset({"debug", "dev", "develop", "development", "local"})


@check
def eager_mode(app: App) -> Iterator[Problem]:
    """Tasks run in the calling process instead of a worker.

    Why: `delay()` blocks the web request until the work is done, nothing is queued, retries do not
        wait, time limits do not hold, and workers stand idle.
    Fix: set `task_always_eager` in the settings that tests use, and nowhere else.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-always-eager
    """
    eager = app.settings["task_always_eager"]
    if isinstance(eager.value, Opaque):
        raise NotEvaluated("task_always_eager is computed")
    words = _words(app, eager)
    if not eager.value or _reads_as_false(eager.value) or words & TESTS:
        return
    if words & DEVELOPMENT:
        yield Problem(
            "task_always_eager is on in settings for development", about=eager, at_most=Severity.INFO
        )
    elif not app.settings.explicit("broker_url"):
        yield Problem(
            "task_always_eager is on and no broker is configured: right only where no worker is meant to run",
            fix="audit with the settings of the deployment, which need a broker and no eager mode",
            about=eager,
            at_most=Severity.WARNING,
        )
    else:
        yield Problem(
            "task_always_eager is on: no task ever reaches a worker",
            fix=f"remove {app.settings.spelled(eager.name)} from these settings, or, where it is derived,"
            " audit with the deployment's environment",
            about=eager,
        )


def _words(app: App, setting: Setting) -> set[str]:
    """The words in the names of the modules and files that the settings come from."""
    names = [app.settings.source or "", setting.location.path if setting.location else ""]
    if app.django:
        names.append(app.django.settings_module or "")
    return {word for name in names for word in re.split(r"[^a-z0-9]+", name.lower())}


def _reads_as_false(value: Plain) -> bool:
    """Whether a person reads this text as false, while Celery takes any text but the empty one for true."""
    return isinstance(value, str) and value.strip().lower() in FALSE_WORDS


@check
def mistyped_setting(app: App) -> Iterator[Problem]:
    """A setting's value has the wrong type.

    Why: values from the environment are text, and Celery takes them as they are: "false" switches a
        flag on, a number given as text raises where it is first compared, often only in production.
    Fix: convert the value where it is read, as in `int(os.environ["X"])`.
    Reference: celery.app.defaults (the types there are never applied)
    """
    for setting in app.settings.values.values():
        if setting.origin != "default" and isinstance(setting.value, str):
            yield from _text_for(app, setting, setting.value)


def _text_for(app: App, setting: Setting, value: str) -> Iterator[Problem]:
    name = setting.name
    known = KNOWN_SETTINGS.get(name)
    if known and known.kind == "flag" and _reads_as_false(value):
        yield Problem(f'the text "{value}" counts as true', fix=f"{setting.key} = False", about=setting)
        return
    if name == "worker_concurrency":
        yield from _concurrency_as_text(app, setting, value)
        return
    consequence = NUMBERS_AS_TEXT.get(name)
    if app.broker.transport == "amqp":
        consequence = consequence or ONLY_ON_AMQP.get(name)
    if consequence:
        yield Problem(
            f"the text {value!r} stands where Celery needs a number: {consequence}",
            fix=f"{setting.key} = {value}" if _is_number(value) else None,
            about=setting,
        )
    elif name in ("task_time_limit", "task_soft_time_limit") and app.version >= (5, 7):
        yield Problem(
            f"the text {value!r} stands where Celery needs a number: limits are compared as text, "
            "and beside a limit that is a number every delay() raises TypeError",
            fix=f"{setting.key} = {value}" if _is_number(value) else None,
            about=setting,
            at_most=Severity.WARNING,
        )
    elif name in LISTS_AS_TEXT:
        yield Problem(
            f"a text stands where Celery needs a list: {LISTS_AS_TEXT[name]}",
            fix=f'{setting.key} = ["json"]' if name.endswith("accept_content") else None,
            about=setting,
        )
    elif name in DICTS_AS_TEXT:
        yield Problem(
            f"a text stands where Celery needs a dict: {DICTS_AS_TEXT[name]}",
            fix=f"{setting.key} = json.loads(...), where it comes from the environment",
            about=setting,
        )


def _concurrency_as_text(app: App, setting: Setting, value: str) -> Iterator[Problem]:
    """Celery 5.7 converts it, knows `auto`, and takes the number of processors for any other word."""
    whole = _is_whole(value)
    if not value or (app.version >= (5, 7) and (whole or value.strip().lower() == "auto")):
        return
    converts = app.version >= (5, 7)
    consequence = "one process per processor is started" if converts else "workers need -c to start"
    yield Problem(
        f"the text {value!r} stands where Celery needs a number: {consequence}",
        fix=f"{setting.key} = {int(value)}" if whole else None,
        about=setting,
        at_most=Severity.WARNING if converts else None,
    )


def _is_whole(text: str) -> bool:
    try:
        int(text)
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@check
def utc_disabled(settings: Settings) -> Iterator[Problem]:
    """UTC is switched off.

    Why: where no `timezone` is set, schedules and ETAs without a zone then follow the zone of
        whichever machine beat, a worker or a caller runs on; moving a container moves the nightly run.
    Fix: leave `enable_utc` on and set `timezone` to the zone that schedules are written in.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#enable-utc
    """
    if not settings.explicit("enable_utc") or settings.flag("enable_utc"):
        return
    subject = settings["enable_utc"]
    if settings.value("timezone"):
        yield Problem(
            "enable_utc is off; timezone decides, and it works as well with UTC on",
            about=subject,
            at_most=Severity.INFO,
        )
    else:
        yield Problem(
            "enable_utc is off and no timezone is set: "
            "schedules and ETAs without a zone follow each machine's own",
            fix=f"remove {subject.key} and set timezone",
            about=subject,
        )


@check
def late_django_settings(app: App) -> Iterator[Problem]:
    """DJANGO_SETTINGS_MODULE is set after the Celery app is made.

    Why: Celery adapts itself to Django only if the variable is there when `Celery()` is called; later
        it does not set Django up, `autodiscover_tasks()` finds no task, database connections are not
        closed between tasks, and nothing is reported.
    Fix: put `os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...)` above `Celery(...)`.
    Reference: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    if app.django and app.django.settings_module and not app.django.fixup:
        module = app.django.settings_module
        yield Problem(
            f"DJANGO_SETTINGS_MODULE ({module}) was not set yet when Celery() was called, "
            "so Celery did not adapt itself to Django",
            fix=f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{module}") above Celery(...)',
            about=app,
        )


@check
def obsolete_django_celery(app: App) -> Iterator[Problem]:
    """django-celery is installed beside a current Celery.

    Why: it ended with Celery 3; its loader, admin and settings work against what Celery 5 does itself.
    Fix: remove `djcelery` from INSTALLED_APPS; django-celery-beat and django-celery-results took over
        its schedule and its results.
    Reference: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    if app.django and any(name.partition(".")[0] == "djcelery" for name in app.django.installed_apps):
        yield Problem("INSTALLED_APPS contains djcelery, which ended with Celery 3", about=app)
