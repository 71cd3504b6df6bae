"""What the project's tests leave out: tasks that none names, and everything that only a worker does."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._wording import assignment, listed
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.source.evidence import SourceCode, is_test_file
from celerycheck.source.testsuite import Suite
from celerycheck.subjects import TaskInfo

_ONE_BY_ONE = 10
"""More tasks without a test are a habit of the project's, and told of the app."""


@check
def untested_task(source: SourceCode) -> Iterator[Problem]:
    """No test names a task.

    Why: nobody watches a task run; what it does with missing rows, with a second run or with a failing
        service is seen first in production.
    Fix: test the function that does the work directly, and the task by calling it (`send_receipt(7)`), twice
        where running it again must change nothing.
    Reference: https://docs.celeryq.dev/en/stable/userguide/testing.html
    """
    suite = _tests(source)
    tasks = [task for task in source.app.tasks if not _is_tests_own(task)]
    untested = [task for task in tasks if not suite.name(task)]
    if len(untested) > _ONE_BY_ONE or (len(untested) > 2 and 2 * len(untested) > len(tasks)):
        names = listed([task.name for task in untested])
        yield Problem(
            f"no test names {len(untested)} of {len(tasks)} tasks, nor their modules"
            f" (files of tests: {len(suite.paths)}): {names}",
            about=source.app,
        )
        return
    for task in untested:
        fix = f"call {_called(task)}(...) in a test, as a plain function, and look at what it leaves behind"
        yield Problem(f"no test names it or the module {task.module}", fix=fix, about=task)


def _tests(source: SourceCode) -> Suite:
    if not source.suite.paths:
        raise NotEvaluated("no tests are at hand")
    return source.suite


def _is_tests_own(task: TaskInfo) -> bool:
    place = task.source or task.location
    return place is not None and is_test_file(place.path)


def _called(task: TaskInfo) -> str:
    if task.class_based and task.classes:
        return f"{task.classes[0].name.rpartition('.')[2]}().run"
    return task.function or task.name.rpartition(".")[2]


@check
def eager_only_tests(source: SourceCode) -> Iterator[Problem]:
    """Tests run tasks in eager mode only.

    Why: eager mode is an emulation: the task runs inside its caller, so that routes, acknowledgement, time
        limits, delays between retries and stored results are never tried.
    Fix: test what a task does by calling the function, and one way through a real worker in the same process,
        with `celery.contrib.testing.worker.start_worker` or the fixture `celery_session_worker`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/testing.html
    """
    suite = _tests(source)
    place = suite.eager
    if place is None or suite.has_worker or not source.app.tasks:
        return
    off = assignment(source.app.settings, "task_always_eager", "False")
    yield Problem(
        f"tests switch on eager mode ({place.path}) and nowhere start a worker",
        fix=f"in at least one test, with {off}, send a task through the fixture celery_session_worker",
        about=source.app,
        location=place,
    )


__all__ = ["eager_only_tests", "untested_task"]
