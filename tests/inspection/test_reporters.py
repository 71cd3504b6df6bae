"""Who would hear of a failed task."""

import sys

import pytest

from celerycheck.failure_reporters import REPORTERS
from celerycheck.inspection.reporters import (
    IMPORTED,
    INSTALLED,
    OPTIONAL_MODULES,
    SCAFFOLDED,
    installed,
    installed_library,
)

from .conftest import write

HEAD = "from celery import Celery, signals\napp = Celery('proj')\n"
PACKAGES = {
    "scout_apm/django.py": "",
    "scout_apm/celery.py": "",
    "rollbar/__init__.py": "",
    "sentry_sdk/__init__.py": "",
    "bugsnag/celery.py": "from celery.signals import task_failure\ndef told(**kw): pass\n"
    "def connect_failure_handler(): task_failure.connect(told, weak=False)\n",
    "bugsnag/flask.py": "",
    "opentelemetry/instrumentation/celery/__init__.py": "raise RuntimeError('never imported')\n",
    "opentelemetry/instrumentation/__init__.py": "raise RuntimeError('never imported')\n",
}
REPORTING = {
    "a tracker for Celery": ("import scout_apm.celery\n", ["scout_apm.celery"]),
    "a tracker that finds Celery by itself": ("import sentry_sdk\n", ["sentry_sdk"]),
    "a tracker for requests": ("import scout_apm.django\n", []),
    "a tracker that needs a receiver": ("import rollbar\n", []),
    "one that was not connected": ("import bugsnag.flask\n", []),
    "one that was": (
        "import bugsnag.celery\nbugsnag.celery.connect_failure_handler()\n",
        ["bugsnag.celery", "bugsnag.celery.told"],
    ),
    "a receiver": ("@signals.task_failure.connect\ndef tell(**kw): pass\n", ["proj.tell"]),
    "a receiver that is gone": ("signals.task_failure.connect(lambda **kw: 0)\n", []),
    "another signal": ("@signals.task_success.connect\ndef tell(**kw): pass\n", []),
    "a log handler": (
        "from logging import handlers as h\nh.logging.getLogger().addHandler(h.SMTPHandler(*'habc'))\n",
        ["logging.handlers.SMTPHandler"],
    ),
    "another log handler": ("import logging\nlogging.getLogger().addHandler(logging.NullHandler())\n", []),
}


@pytest.mark.parametrize("kind", REPORTING)
def test_reporters(take, kind):
    text, names = REPORTING[kind]
    app = take({"proj.py": HEAD + text, **PACKAGES}).app
    assert [name for name in app.error_reporters if name not in INSTALLED] == names


def test_what_is_installed_is_told_without_an_import(take):
    app = take({"proj.py": HEAD, **PACKAGES}).app
    expected = {"scout_apm", "rollbar", "sentry_sdk", "bugsnag", "opentelemetry.instrumentation.celery"}
    assert expected <= set(app.modules_available)


@pytest.mark.parametrize(
    ("name", "there"),
    [("shelf", False), ("library", True), ("single", True), ("shelf.inner", True), ("nosuch_at_all", False)],
)
def test_a_folder_without_code_is_no_library(tmp_path, monkeypatch, name, there):
    """A folder `redis` with settings of a server, beside the app, is not redis-py."""
    write(tmp_path, {"library/__init__.py": "", "single.py": "", "shelf/inner/__init__.py": ""})
    (tmp_path / "shelf/__init__.py").unlink()
    monkeypatch.syspath_prepend(tmp_path)
    assert installed_library(name) is there


def test_what_tasks_are_written_with_is_looked_for(take):
    found = take({"proj.py": HEAD, "httpx.py": "", "flask_sqlalchemy.py": "raise RuntimeError"}).app
    assert {"pytest", "httpx", "flask_sqlalchemy"} <= set(found.modules_available) & set(SCAFFOLDED)


def test_every_tracker_is_looked_for():
    assert set(REPORTERS) | set(INSTALLED) <= set(OPTIONAL_MODULES)
    own = {"opentelemetry.instrumentation.celery"}
    assert {name if name in own else name.partition(".")[0] for name in IMPORTED} <= set(OPTIONAL_MODULES)
    assert "librabbitmq" in OPTIONAL_MODULES


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("json", True),
        ("json.decoder", True),
        ("json.nosuch", False),
        ("json.decoder.nosuch", False),
        ("nosuch_at_all", False),
        ("nosuch_at_all.inner", False),
        ("sys", True),
        ("tree", True),
        ("tree.branch", True),
        ("tree.branch.leaf", True),
        ("tree.branch.absent", False),
        ("tree.bare.inner", True),
        ("__main__", False),
        ("", False),
    ],
)
def test_installed(tmp_path, monkeypatch, name, there):
    write(
        tmp_path,
        {"tree/branch/leaf.py": "raise RuntimeError", "tree/branch/__init__.py": "raise RuntimeError"},
    )
    write(tmp_path, {"tree/__init__.py": "raise RuntimeError"})
    (tmp_path / "tree/bare").mkdir()
    (tmp_path / "tree/bare/inner.py").write_text("raise RuntimeError")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)
    assert installed(name) is there
    assert set(sys.modules) == before
