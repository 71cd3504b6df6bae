"""Monitoring: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.findings import Severity
from celerycheck.subjects import NotEvaluated, Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, found, problems, task

NOTHING = ["no error reporter, no task_failure receiver and no on_failure"]
REPORTING = TaskClass("proj.tasks.Reporting", defines=("on_failure",))


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (app(task()), NOTHING),
        (app(task(), modules_available=("setproctitle",)), NOTHING),
        (app(task(info=TaskInfo("t", classes=(TaskClass("Base", defines=("on_success",)),)))), NOTHING),
        (
            app(task(), modules_available=("sentry_sdk",)),
            ["sentry_sdk is installed but was not switched on when the app was loaded"],
        ),
        (app(), []),
        (app(third_party=(task(),)), []),
        (app(task(), error_reporters=("sentry_sdk",)), []),
        (app(task(), error_reporters=("proj.signals.report",)), []),
        (app(task(), task("b", info=TaskInfo("b", classes=(REPORTING,)))), []),
        (app(task(on_failure=Opaque("function"))), []),
        (app(task(), error_reporters=("sentry_sdk",), partial="proj.tasks could not be imported"), []),
        (app(task(info=TaskInfo("t", classes=(REPORTING,))), partial="x"), []),
    ],
)
def test_no_error_reporting(subject, messages):
    assert problems("no-error-reporting", subject) == messages


def test_an_installed_reporter_may_be_on_elsewhere():
    [problem] = found("no-error-reporting", app(task(), modules_available=("rollbar",)))
    assert problem.at_most is Severity.INFO


def test_after_a_partial_load_nothing_is_said():
    with pytest.raises(NotEvaluated):
        problems("no-error-reporting", app(task(), partial="proj.signals could not be imported"))
