"""Who would hear of a failed task: error trackers, signal receivers, log handlers that reach people."""

from __future__ import annotations

import importlib.util
import logging
import sys
from typing import Any, List, Tuple

from celerycheck.inspection.plain import dotted

IMPORTED = (
    "sentry_sdk",
    "raven",
    "rollbar",
    "bugsnag",
    "honeybadger",
    "elasticapm",
    "airbrake",
    "appsignal",
    "scout_apm",
    "logfire",
    "opentelemetry.instrumentation.celery",
)
"""Trackers that a project sets up itself: imported means used."""

INSTALLED = ("newrelic", "ddtrace")
"""Agents that wrap the worker from outside: installed means used."""

HANDLERS = (
    "SMTPHandler",
    "AdminEmailHandler",
    "SentryHandler",
    "RollbarHandler",
    "EventHandler",
    "SlackHandler",
)
OPTIONAL_MODULES = (
    "setproctitle",
    "django_celery_beat",
    "django_celery_results",
    "redbeat",
    "ephem",
    "gevent",
    "eventlet",
)


def error_reporters() -> Tuple[str, ...]:
    """Names of what would report a failed task, each once."""
    found: List[str] = [name for name in IMPORTED if name in sys.modules]
    found += [name for name in INSTALLED if name in sys.modules or installed(name)]
    found += failure_receivers()
    for logger_name in ("", "celery", "celery.app.trace", "celery.worker"):
        for handler in logging.getLogger(logger_name).handlers:
            if type(handler).__name__ in HANDLERS:
                found.append(dotted(type(handler)))
    return tuple(dict.fromkeys(found))


def failure_receivers() -> List[str]:
    """The receivers of `task_failure` that are not Celery's own."""
    from celery import signals

    found: List[str] = []
    for _, reference in list(signals.task_failure.receivers or ()):
        receiver: Any = reference
        if (
            type(reference).__module__ in ("weakref", "celery.utils.weakref")
            or "weak" in type(reference).__name__.lower()
        ):
            receiver = reference()
        name = dotted(receiver)
        if receiver is not None and not name.startswith("celery."):
            found.append(name)
    return found


def available_modules() -> Tuple[str, ...]:
    """Which of the optional packages that checks ask about are installed."""
    return tuple(name for name in OPTIONAL_MODULES if name in sys.modules or installed(name))


def installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False
