"""Monitoring: tables of apps and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.failure_reporters import REPORTERS
from celerycheck.findings import Severity
from celerycheck.inspection.reporters import OPTIONAL_MODULES
from celerycheck.subjects import BackendInfo, NotEvaluated, Opaque, TaskClass, TaskInfo
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
        (
            app(task(), modules_available=("setproctitle", "sentry_sdk", "rollbar")),
            ["rollbar is installed but was not switched on when the app was loaded"],
        ),
        (app(task(), modules_available=("sentry_sdk",), error_reporters=("sentry_sdk",)), []),
        (app(task(info=TaskInfo("t", classes=(REPORTING,))), modules_available=("sentry_sdk",)), []),
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


def test_inspection_looks_for_every_reporter():
    assert set(OPTIONAL_MODULES) >= REPORTERS


def test_after_a_partial_load_nothing_is_said():
    with pytest.raises(NotEvaluated):
        problems("no-error-reporting", app(task(), partial="proj.signals could not be imported"))


def kept(scheme, *tasks, **fields):
    return app(*tasks, backend=BackendInfo(scheme), **fields)


LOST = "ignore_result is on, and a failure is neither stored nor handled"
HANDLER = (TaskClass("proj.Base", defines=("on_failure",)),)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (kept("redis", task(ignore_result=True)), [LOST]),
        (kept("redis", task(inherited={"ignore_result": True})), [LOST]),
        (
            kept("redis", task(info=TaskInfo("t", classes=(TaskClass("Base"),)), ignore_result=True)),
            [LOST],
        ),
        (
            kept(None, task(ignore_result=True, store_errors_even_if_ignored=True)),
            ["a failure is neither stored (there is no result backend) nor handled"],
        ),
        (kept("redis", task("a", ignore_result=True), task("b", ignore_result=True)), [LOST, LOST]),
        (kept("redis", task()), []),
        (kept(None, task()), []),
        (kept("redis"), []),
        (kept("redis", task(ignore_result=False)), []),
        (kept("redis", task(ignore_result=True, store_errors_even_if_ignored=True)), []),
        (
            kept("redis", task(ignore_result=True, inherited={"store_errors_even_if_ignored": True})),
            [],
        ),
        (kept("redis", task(ignore_result=True), error_reporters=("sentry_sdk",)), []),
        (kept(None, task(ignore_result=True), error_reporters=("proj.signals.report",)), []),
        (kept("redis", task(info=TaskInfo("t", classes=HANDLER), ignore_result=True)), []),
        (kept(None, task(info=TaskInfo("t", classes=HANDLER), ignore_result=True)), []),
        (kept("redis", task(ignore_result=True, on_failure=Opaque("function", "proj.report"))), []),
    ],
)
def test_lost_failure(subject, messages):
    assert problems("lost-failure", subject) == messages
