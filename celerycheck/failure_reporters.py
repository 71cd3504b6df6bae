"""Packages that tell people of failed tasks."""

from __future__ import annotations

REPORTERS = frozenset(
    {
        "airbrake",
        "appsignal",
        "bugsnag",
        "ddtrace",
        "elasticapm",
        "honeybadger",
        "logfire",
        "newrelic",
        "opentelemetry.instrumentation.celery",
        "pybrake",
        "raven",
        "rollbar",
        "scout_apm",
        "sentry_sdk",
    }
)
"""Often switched on by a setting that only the deployment has."""
