"""The table of settings, held against the installed Celery."""

from __future__ import annotations

from datetime import timedelta

import celery
import pytest
from celery.app.defaults import NAMESPACES, flatten

from celerycheck.known_settings import KNOWN_SETTINGS

INSTALLED = dict(flatten(NAMESPACES))
VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
CHANGED = {
    "database_engine_options": (5, 6),
    "control_queue_exclusive": (5, 7),
    "event_queue_exclusive": (5, 7),
}
"""Settings whose default changed, and the version that brought the one in the table."""


def since(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in KNOWN_SETTINGS[name].since.split("."))


def test_names_are_those_of_the_installed_version():
    assert {name for name in KNOWN_SETTINGS if since(name) <= VERSION} == set(INSTALLED)


@pytest.mark.parametrize("name", sorted(INSTALLED))
def test_defaults(name):
    if CHANGED.get(name, (5, 3)) > VERSION:
        pytest.skip("the default changed later")
    default = INSTALLED[name].default
    if isinstance(default, tuple | set | frozenset):
        default = list(default)
    elif isinstance(default, timedelta):
        default = default.total_seconds()
    assert KNOWN_SETTINGS[name].default == default


@pytest.mark.parametrize("name", sorted(KNOWN_SETTINGS))
def test_kinds_fit_the_defaults(name):
    known = KNOWN_SETTINGS[name]
    kinds = {"flag": bool, "number": int | float, "text": str, "list": list, "dict": dict, "any": object}
    assert known.default is None or isinstance(known.default, kinds[known.kind])
    assert not (known.kind == "number" and isinstance(known.default, bool))
