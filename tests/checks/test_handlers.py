"""Exception handlers: what catches everything, and what leaves them again."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.checks._handlers import SOFT_LIMIT, catcher, is_broad, lets_through, raises_later, suppresses
from celerycheck.testing import body

IMPORTS = """
import contextlib, sys
import six
from celery import shared_task
from celery.exceptions import MaxRetriesExceededError, SoftTimeLimitExceeded
from proj import errors
ALL = (Exception,)
"""
ERRORS = """
def fail(error):
    raise RuntimeError from error

def fail_perhaps(error, strict):
    if strict:
        raise error

def note(error):
    print(error)

def hand_on(error):
    return fail(error)

def again(task, error):
    task.retry(exc=error)
"""


def made(handler, before="", behind="pass"):
    """A task whose only `try` has this handler."""
    text = f"{IMPORTS}\n@shared_task(bind=True)\ndef work(self, order):\n    try:\n        order.pay()\n"
    text += textwrap.indent(f"{before}{handler}\n{behind}", "    ")
    return body({"proj/tasks.py": text, "proj/errors.py": ERRORS})


def handlers(task_body):
    return [block for block in task_body.code.blocks if block.kind == "handler"]


@pytest.mark.parametrize(
    ("caught", "broad"),
    [
        ("", True),
        (" Exception", True),
        (" BaseException", True),
        (" (ValueError, Exception)", True),
        (" ALL", True),
        (" ValueError", False),
        (" (ValueError, KeyError)", False),
        (" order.Error", False),
        (" SoftTimeLimitExceeded", False),
        (" errors.Exception", False),
    ],
)
def test_what_catches_every_exception(caught, broad):
    assert [is_broad(block) for block in handlers(made(f"except{caught}:\n    pass"))] == [broad]


@pytest.mark.parametrize(
    ("does", "leaving"),
    [
        ("raise", "always"),
        ("raise ValueError from error", "always"),
        ("note(error); raise", "always"),
        ("self.retry(exc=error)", "always"),
        ("return self.retry(exc=error)", "always"),
        ("raise self.retry(exc=error)", "always"),
        ("sys.exit(1)", "always"),
        ("six.reraise(*sys.exc_info())", "always"),
        ("errors.fail(error)", "always"),
        ("return errors.hand_on(error)", "always"),
        ("errors.again(self, error)", "always"),
        ("if order:\n    raise\nelse:\n    self.retry()", "always"),
        ("with order.lock():\n    raise", "always"),
        ("try:\n    note(error)\nfinally:\n    raise", "always"),
        ("try:\n    self.retry()\nexcept MaxRetriesExceededError:\n    raise", "always"),
        ("if order:\n    raise", "sometimes"),
        ("if order:\n    return\nraise", "sometimes"),
        ("errors.fail_perhaps(error, order)", "sometimes"),
        ("try:\n    self.retry()\nexcept MaxRetriesExceededError:\n    order.fail()", "sometimes"),
        ("for item in order:\n    raise", "sometimes"),
        ("order and self.retry()", "sometimes"),
        ("match order:\n    case 1:\n        raise", "sometimes"),
        ("pass", "never"),
        ("return None", "never"),
        ("errors.note(error)", "never"),
        ("self.retry(throw=False)", "never"),
        ("order.retry()", "never"),
        ("try:\n    self.retry()\nexcept Exception:\n    pass", "never"),
        ("try:\n    raise\nexcept:\n    pass", "never"),
        ("def later():\n    raise ValueError", "never"),
        ("while True:\n    break", "never"),
        ("order.fail()\nreturn\nraise", "never"),
    ],
)
def test_whether_an_exception_leaves_a_handler(does, leaving):
    subject = made("except Exception as error:\n" + textwrap.indent(does, "    "))
    assert lets_through(handlers(subject)[0], subject) == leaving


@pytest.mark.parametrize(
    ("before", "caught_as"),
    [
        ("", ["builtins.Exception"]),
        ("except ValueError:\n    pass\n", ["builtins.Exception"]),
        ("except SoftTimeLimitExceeded:\n    raise\n", ["celery.exceptions.SoftTimeLimitExceeded"]),
        ("except (KeyError, SoftTimeLimitExceeded):\n    raise\n", None),
    ],
)
def test_which_handler_meets_an_exception(before, caught_as):
    subject = made("except Exception:\n    pass", before)
    block = next(block for block in subject.code.blocks if block.kind == "try")
    met = list(catcher(block, SOFT_LIMIT).chains)
    assert met == (caught_as or ["builtins.KeyError", "celery.exceptions.SoftTimeLimitExceeded"])


def test_no_handler_meets_what_none_names():
    subject = made("except ValueError:\n    pass")
    block = next(block for block in subject.code.blocks if block.kind == "try")
    assert catcher(block, SOFT_LIMIT) is None


@pytest.mark.parametrize(("behind", "later"), [("raise kept", True), ("pass", False)])
def test_an_exception_kept_for_later(behind, later):
    subject = made("except Exception as error:\n    kept = error", behind=behind)
    assert raises_later(handlers(subject)[0], subject.code) is later


@pytest.mark.parametrize(
    ("manager", "all_of_them"),
    [
        ("contextlib.suppress(Exception)", True),
        ("open(order), contextlib.suppress(BaseException)", True),
        ("contextlib.suppress(ValueError)", False),
        ("order.suppress(Exception)", False),
        ("contextlib.closing(order)", False),
    ],
)
def test_what_suppresses_every_exception(manager, all_of_them):
    subject = made("except ValueError:\n    pass", behind=f"with {manager}:\n    order.ship()")
    found = [suppresses(block, subject.code.calls) for block in subject.code.blocks]
    assert any(found) is all_of_them
