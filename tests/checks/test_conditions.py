"""Conditions that say when code is meant to run."""

from __future__ import annotations

import pytest

from celerycheck.checks._conditions import while_debugging
from celerycheck.testing import body

TASK = """
from celery import shared_task
from contextvars import ContextVar
from django.conf import settings

debug_flags = ContextVar("flags")

@shared_task
def work(order, flags):
    if {test}:
        order.pay()
    else:
        order.ship()
"""


@pytest.mark.parametrize(
    ("test", "paying", "shipping"),
    [
        ("settings.DEBUG", True, False),
        ("settings.DEBUG and order", True, False),
        ('"slow" in order.debug_flags.get()', True, False),
        ('"slow" in debug_flags.get()', True, False),
        ("order.paid", False, False),
        ('"debug"', False, False),
        ("flags", False, False),
    ],
)
def test_code_for_debugging(test, paying, shipping):
    calls = {call.method: call for call in body(TASK.format(test=test)).code.calls}
    assert while_debugging(calls["pay"].blocks) is paying
    assert while_debugging(calls["ship"].blocks) is shipping
