"""Options on tasks: tables of tasks and what is said of them."""

from __future__ import annotations

import celery
import pytest
from celery import Celery, Task

from celerycheck.findings import Severity
from celerycheck.known_options import CALL_OPTIONS, DECORATOR_ONLY, MEANT, SETTING_INSTEAD, TASK_OPTIONS
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.subjects import Opaque, TaskClass, TaskInfo
from celerycheck.testing import app, error, found, problems, task

VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
METHODS = ("apply_async", "bind", "delay", "map", "on_failure", "on_success", "replace", "retry", "run", "s")


def of(*tasks, **fields):
    return app(*tasks, task_methods=METHODS, task_attributes=("max_retries", "resultrepr_maxsize"), **fields)


def read(*names, classes=(), **options):
    return of(task(info=TaskInfo("t", names_read=names, classes=classes), **options))


def meant(option, right):
    return [f"{option} is no option of Celery's and does nothing; the option is {right}"]


ELSEWHERE = (
    "visibility_timeout cannot be set on a task and does nothing here; "
    "the setting broker_transport_options is for that"
)


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (of(task(retry_limit=4)), meant("retry_limit", "max_retries")),
        (of(task(task_time_limit=60)), meant("task_time_limit", "time_limit")),
        (of(task(task_soft_time_limit=60)), meant("task_soft_time_limit", "soft_time_limit")),
        (of(task(soft_timeout=60)), meant("soft_timeout", "soft_time_limit")),
        (of(task(timeout=60)), meant("timeout", "time_limit")),
        (of(task(acks_latee=True)), meant("acks_latee", "acks_late")),
        (of(task(ignore_results=True)), meant("ignore_results", "ignore_result")),
        (of(task(soft_timelimit=5)), meant("soft_timelimit", "soft_time_limit")),
        (of(task(autoretry_fore=[error("OSError")])), meant("autoretry_fore", "autoretry_for")),
        (read("request", retries=3), meant("retries", "max_retries")),
        (of(task(retry_limit=4, name="x")), meant("retry_limit", "max_retries")),
        (
            of(task(retry_on_worker_lost=True), celery="5.6.3"),
            ["retry_on_worker_lost needs Celery 5.7, and 5.6.3 is installed: it does nothing"],
        ),
        (
            of(task(pydantic=True), celery="5.4.0"),
            ["pydantic needs Celery 5.5, and 5.4.0 is installed: it does nothing"],
        ),
        (of(task(countdown=60)), ["countdown is an option of apply_async(), and does nothing on a task"]),
        (
            of(task(visibility_timeout=60)),
            [ELSEWHERE],
        ),
        (of(task(lock_timeout=60)), ["lock_timeout is no option of Celery's; nothing seen here reads it"]),
        (of(task(rate_limiter="x")), ["rate_limiter is no option of Celery's; nothing seen here reads it"]),
        # Silent: what Celery has, what the project reads, and what plug-ins read.
        (of(task()), []),
        (of(task(max_retries=3, time_limit=60, acks_late=True, rate_limit="1/s")), []),
        (of(task(autoretry_for=[error("OSError")], retry_backoff=True, retry_jitter=False)), []),
        (of(task(queue="mail", routing_key="mail", compression="zlib", delivery_mode=1)), []),
        (of(task(resultrepr_maxsize=100, on_failure=Opaque("function"))), []),
        (of(task(pydantic=True, pydantic_strict=True)), []),
        (of(task(retry_on_worker_lost=True, acks_on_timeout=False)), []),
        (of(task(shared=False, lazy=False, filter=Opaque("function"))), []),
        (of(task(_private=1)), []),
        (of(task(once={"keys": []}), task(unique_on="x", lock_expiry=3)), []),
        (read("lock_timeout", lock_timeout=60), []),
        (read("retry_limit", retry_limit=4), []),
        (read("retries", retries=3), []),
        (read(classes=(TaskClass("Base", reads=("timeout",)),), timeout=60), []),
        (read(classes=(TaskClass("Base", defines=("timeout",)),), timeout=60), []),
        (of(TaskInfo("t", explicit={"retry_limit": "class Job"}, options={"retry_limit": 4})), []),
        (app(third_party=(task(retry_limit=4),)), []),
    ],
)
def test_unknown_task_option(subject, messages):
    assert problems("unknown-task-option", subject) == messages


@pytest.mark.parametrize(
    ("subject", "at_most", "fix"),
    [
        (of(task(retry_limit=4)), None, "write max_retries= instead of retry_limit="),
        (of(task(acks_lates=True)), None, "write acks_late= instead of acks_lates="),
        (of(task(countdown=4)), None, "hand countdown= to apply_async()"),
        (of(task(lock_timeout=4)), Severity.INFO, "remove it"),
    ],
)
def test_how_sure_an_unknown_option_is(subject, at_most, fix):
    [problem] = found("unknown-task-option", subject)
    assert problem.at_most == at_most
    assert problem.fix.startswith(fix)
    assert problem.about is subject.tasks[0]


def shadow(option, kind):
    return [f"{option} is {kind} and overwrites Task.{option}(): calling it raises TypeError"]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (of(task(retry=3)), shadow("retry", "of type int")),
        (of(task(delay=5.0)), shadow("delay", "of type float")),
        (of(task(on_failure="proj.tasks.report")), shadow("on_failure", "of type str")),
        (of(task(replace=True)), shadow("replace", "of type bool")),
        (of(task(on_success=None)), shadow("on_success", "None")),
        (
            of(TaskInfo("t", explicit={"retry": "class Job"}, options={"retry": 3})),
            shadow("retry", "of type int"),
        ),
        (of(task()), []),
        (of(task(max_retries=3, default_retry_delay=5)), []),
        (of(task(on_failure=Opaque("function", "proj.tasks.report"))), []),
        (of(task(on_failure=Opaque("method"))), []),
        (of(task(on_success=Opaque("type", "proj.Hook"))), []),
        (of(task(on_failure=Opaque("functools.partial"))), []),
        (of(task(bind=True)), []),
        (of(TaskInfo("t", explicit={"retry": "decorator"})), []),
        (of(TaskInfo("t", options={"retry": 3})), []),
        (app(task(retry=3)), []),
    ],
)
def test_option_shadows_method(subject, messages):
    assert problems("option-shadows-method", subject) == messages


@pytest.mark.parametrize(
    ("option", "fix"), [("retry", "max_retries="), ("delay", "countdown="), ("s", "remove s=")]
)
def test_what_to_write_instead_of_a_method(option, fix):
    [problem] = found("option-shadows-method", of(task(**{option: 3})))
    assert fix in problem.fix


def made(**options):
    @Celery(broker="memory://", set_as_current=False).task(shared=False, **options)
    def work():
        return 1

    return work


class TestFactsOfCelery:
    def test_every_data_attribute_of_task_is_known(self):
        # Reading Task.app would bind Task itself, and tasks made later would lack their request stack.
        names = {name for name in dir(Task) if not name.startswith("_")}
        data = {n for n in names - {"app"} if not callable(getattr(Task, n))}
        assert data - {"from_config", "name", "request", "request_stack"} <= set(TASK_OPTIONS)

    def test_options_newer_than_the_installed_version_do_not_exist(self):
        newer = {n for n, since in TASK_OPTIONS.items() if tuple(map(int, since.split("."))) > VERSION}
        assert not newer & set(dir(Task))

    def test_nothing_that_is_called_wrong_exists(self):
        assert not (MEANT.keys() | CALL_OPTIONS | SETTING_INSTEAD.keys()) & (
            set(dir(Task)) | set(TASK_OPTIONS)
        )

    def test_what_is_meant_exists(self):
        assert set(MEANT.values()) <= set(TASK_OPTIONS)
        assert set(SETTING_INSTEAD.values()) <= set(KNOWN_SETTINGS)

    def test_unknown_options_are_accepted(self):
        assert made(retry_limit=4, task_time_limit=60).max_retries == 3

    def test_call_options_are_not_read_from_a_task(self):
        options = made(**dict.fromkeys(CALL_OPTIONS - {"shadow"}, 1))._get_exec_options()
        assert not CALL_OPTIONS & set(options)

    def test_exchange_type_is_not_read_from_a_task(self):
        assert "exchange_type" not in Celery(set_as_current=False).Task()._get_exec_options()

    def test_the_decorator_keeps_its_own_options(self):
        own = {"bind": True, "name": "n", "base": Task, "lazy": False}
        assert set(own) <= DECORATOR_ONLY
        assert callable(made(**own).bind)

    @pytest.mark.parametrize("option", ["retry", "delay"])
    def test_an_option_overwrites_a_method(self, option):
        with pytest.raises(TypeError, match="not callable"):
            getattr(made(**{option: 3}), option)()
