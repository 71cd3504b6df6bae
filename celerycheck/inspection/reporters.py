"""Who would hear of a failed task: error trackers, signal receivers, log handlers that reach people."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import logging
import os
import sys
from typing import Any, List, Tuple

from celerycheck.failure_reporters import REPORTERS
from celerycheck.inspection.plain import dotted

IMPORTED = (
    "sentry_sdk",  # its init() switches the integration with Celery on by itself
    "bugsnag.celery",
    "elasticapm.contrib.celery",
    "opentelemetry.instrumentation.celery",  # AppSignal and Logfire bring it in
    "pybrake.middleware.celery",
    "raven.contrib.celery",
    "scout_apm.celery",
)
"""What a project imports to have failed tasks reported, often in a function that only a worker calls.

The others (Rollbar, Honeybadger) are of use to a worker only through a receiver or a log handler.
"""

INSTALLED = ("newrelic", "ddtrace")
"""Agents that wrap the worker from outside: installed means used."""

HANDLERS = (
    "SMTPHandler",
    "AdminEmailHandler",
    "AirbrakeHandler",
    "SentryHandler",
    "RollbarHandler",
    "EventHandler",
    "SlackHandler",
)
SCAFFOLDED = (
    "requests",
    "httpx",
    "sqlalchemy",
    "redis",
    "pytest",
    "pytest_django",
    "flask",
    "flask_sqlalchemy",
    "django",
)
"""What a new task may be written with."""

OPTIONAL_MODULES = (
    "setproctitle",
    "librabbitmq",
    "django_celery_beat",
    "django_celery_results",
    "redbeat",
    "ephem",
    "gevent",
    "eventlet",
    *sorted(REPORTERS),
    *SCAFFOLDED,
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
    """Which of the optional packages that checks and `new-task` ask about are installed."""
    return tuple(name for name in OPTIONAL_MODULES if name in sys.modules or installed_library(name))


def installed_library(name: str) -> bool:
    """Whether a library of that name is installed; a folder `redis` without code in it is none."""
    return installed(name) and ("." in name or has_code(name))


def has_code(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None


def installed(name: str) -> bool:
    """Whether there is a module of that name; nothing is imported to find out.

    `find_spec()` imports the parents of a dotted name: their folders are looked through instead.
    """
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    folders = list(getattr(sys.modules.get(top), "__path__", None) or spec.submodule_search_locations or ())
    while rest:
        part = rest.pop(0)
        inner = [os.path.join(folder, part) for folder in folders]
        folders = [path for path in inner if os.path.isdir(path)]
        if not folders:
            endings = importlib.machinery.all_suffixes()
            return not rest and any(os.path.isfile(path + ending) for path in inner for ending in endings)
    return True
