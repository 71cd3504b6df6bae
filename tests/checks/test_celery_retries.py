"""How Celery retries: the facts that the checks of retries rest on, tried on the Celery installed."""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import celery
import pytest
from celery import Celery
from celery.app.amqp import AMQP
from celery.app.task import Task
from celery.app.trace import build_tracer
from celery.exceptions import MaxRetriesExceededError, Retry
from kombu import Producer

from celerycheck.checks.retry_calls import RETRY_PARAMETERS, SENDING_OPTIONS

SOON = datetime(2030, 1, 1, tzinfo=timezone.utc)


@dataclass
class Ran:
    """What became of one run: the task's state, its result, and the messages it sent."""

    state: str
    result: object
    sent: list[dict[str, object]]


def ran(function, *, retries=0, **options) -> Ran:
    """Run a function as a worker would run it as a task, and read what it sent."""
    app = Celery("facts", broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.task_default_queue = queue = f"facts-{function.__name__}"
    task = app.task(shared=False, lazy=False, name=function.__name__, **{"bind": True, **options})(function)
    request = {
        "id": queue,
        "task": task.name,
        "args": [1],
        "kwargs": {},
        "called_directly": False,
        "is_eager": False,
        "retries": retries,
        "hostname": "here",
        "delivery_info": {"exchange": "", "routing_key": queue},
    }
    sent: list[dict[str, object]] = []
    with app.connection_for_write() as connection:
        with connection.SimpleQueue(queue) as messages:
            messages.clear()
            outcome = build_tracer(task.name, task, app=app)(queue, [1], {}, request)
            with contextlib.suppress(messages.Empty):
                while True:
                    sent.append(dict(messages.get_nowait().headers))
        state = app.backend.get_state(queue)
    result = getattr(outcome, "retval", outcome[0] if isinstance(outcome, tuple) else outcome)
    return Ran(state, getattr(result, "exception", result), sent)


def plain(self, number):
    raise self.retry()


def without_raise(self, number):
    self.retry()


def in_a_sibling(self, number):
    try:
        number / 0
    except ZeroDivisionError as exc:
        raise self.retry(exc=exc) from exc
    except Exception:  # noqa: BLE001
        return "kept"


def passed_on(self, number):
    try:
        self.retry()
    except Retry:
        raise
    except Exception:  # noqa: BLE001
        return "kept"


def not_thrown_but_raised(self, number):
    raise self.retry(throw=False)


def unknown_keywords(self, number):
    raise self.retry(delay=5, number=7)


@pytest.mark.parametrize(
    "function",
    [plain, without_raise, in_a_sibling, passed_on, not_thrown_but_raised, unknown_keywords],
    ids=lambda f: f.__name__,
)
def test_a_retry_is_sent_once_and_reported(function):
    done = ran(function)
    assert done.state == "RETRY"
    assert [message["retries"] for message in done.sent] == [1]


def swallowed(self, number):
    try:
        self.retry()
    except Exception:  # noqa: BLE001
        return "kept"


def swallowed_outside(self, number):
    try:
        try:
            number / 0
        except ZeroDivisionError as exc:
            raise self.retry(exc=exc) from exc
    except Exception:  # noqa: BLE001
        return "kept"


def suppressed(self, number):
    with contextlib.suppress(Exception):
        self.retry()
    return "kept"


def returned_in_finally(self, number):
    try:
        raise self.retry()
    finally:
        return "kept"  # noqa: B012


def not_thrown(self, number):
    self.retry(throw=False)
    return "kept"


@pytest.mark.parametrize(
    "function",
    [swallowed, swallowed_outside, suppressed, returned_in_finally, not_thrown],
    ids=lambda f: f.__name__,
)
def test_a_retry_that_is_caught_is_sent_all_the_same_and_the_task_succeeds(function):
    done = ran(function)
    assert (done.state, len(done.sent)) == ("SUCCESS", 1)


def test_a_retry_caught_and_retried_is_sent_twice():
    def twice(self, number):
        try:
            self.retry()
        except Exception as exc:
            raise self.retry(exc=exc) from exc

    done = ran(twice)
    assert (done.state, [message["retries"] for message in done.sent]) == ("RETRY", [1, 1])


def test_a_retry_caught_and_turned_into_another_exception_is_sent_and_fails():
    def turned(self, number):
        try:
            self.retry()
        except Exception as exc:
            raise ValueError from exc

    done = ran(turned)
    assert (done.state, len(done.sent)) == ("FAILURE", 1)


@pytest.mark.parametrize("given", [ValueError("no"), 60], ids=["an exception", "a number"])
def test_what_is_no_sequence_cannot_be_the_arguments_of_a_retry(given):
    def positional(self, number):
        raise self.retry(given)

    done = ran(positional)
    assert (done.state, done.sent) == ("FAILURE", [])
    assert isinstance(done.result, TypeError)


@pytest.mark.parametrize(
    "given",
    [{"countdown": "60"}, {"countdown": timedelta(seconds=60)}, {"eta": 60}, {"eta": timedelta(seconds=60)}],
    ids=["text", "duration", "number as eta", "duration as eta"],
)
def test_a_delay_of_the_wrong_type_loses_the_task(given):
    def mistimed(self, number):
        raise self.retry(**given)

    done = ran(mistimed)
    assert (done.state, done.sent) == ("PENDING", [])


def test_countdown_wins_over_eta():
    def both(self, number):
        raise self.retry(countdown=3, eta=SOON)

    (message,) = ran(both).sent
    assert not str(message["eta"]).startswith("2030")


def test_retries_cannot_be_passed():
    def counted(self, number):
        raise self.retry(retries=3)

    assert isinstance(ran(counted).result, TypeError)


def test_used_up_retries_raise_what_they_were_given():
    def with_exception(self, number):
        raise self.retry(exc=KeyError("x"))

    assert isinstance(ran(with_exception, retries=3).result, KeyError)
    assert isinstance(ran(plain, retries=3).result, MaxRetriesExceededError)


def test_called_as_a_function_a_retry_raises_the_exception_it_was_given():
    app = Celery("facts", broker="memory://", set_as_current=False)
    task = app.task(shared=False, lazy=False, name="facts", bind=True)(in_a_sibling)
    with pytest.raises(ZeroDivisionError):
        task(1)


def test_an_unbound_task_retries_under_its_own_name_and_has_no_self():
    app = Celery("facts", broker="memory://", backend="cache+memory://", set_as_current=False)

    @app.task(shared=False, lazy=False, name="own", max_retries=0)
    def own(number):
        raise own.retry(exc=KeyError(own.request.retries))

    @app.task(shared=False, lazy=False, name="lost")
    def lost(number):
        raise self.retry()  # noqa: F821

    assert isinstance(own.apply((1,)).result, KeyError)
    assert isinstance(lost.apply((1,)).result, NameError)


def test_retry_is_an_exception_like_others():
    assert issubclass(Retry, Exception)


def test_the_parameters_of_retry_are_known():
    names = [name for name in inspect.signature(Task.retry).parameters if name != "self"]
    assert tuple(names) == (*RETRY_PARAMETERS, "options"), celery.__version__


def test_what_celery_and_kombu_take_for_sending_is_known():
    functions = (Task.apply_async, Celery.send_task, AMQP.as_task_v2, Producer.publish)
    taken = {name for function in functions for name in inspect.signature(function).parameters}
    # Not to be passed to retry(): its own, and those that Celery fills in.
    own = {"self", "name", "body", "options", "properties", "retries", *RETRY_PARAMETERS}
    assert taken - own <= SENDING_OPTIONS
