"""Numbers, lists and settings as messages and fixes show them."""

from __future__ import annotations

import pytest

from celerycheck.checks._wording import assignment, entry, listed, number, passing_errors
from celerycheck.subjects import Setting, TaskInfo
from celerycheck.testing import settings


@pytest.mark.parametrize(
    ("value", "text"),
    [(3600.0, "3600"), (0.5, "0.5"), (2_592_000, "2592000"), (0.1 + 0.2, "0.3"), (0, "0"), (-5.0, "-5")],
)
def test_number(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("names", "text"), [(["a"], "a"), (["a", "b", "c"], "a, b, c"), (list("abcde"), "a, b, c and 2 more")]
)
def test_listed(names, text):
    assert listed(names) == text


def test_a_setting_is_written_as_the_project_writes_it():
    plain, django = settings(), settings(namespace="CELERY")
    django.values["task_acks_late"] = Setting("task_acks_late", True, "source", "CELERY_TASK_ACKS_LATE")
    assert assignment(plain, "task_time_limit", "300") == "task_time_limit = 300"
    assert assignment(django, "task_time_limit", "300") == "CELERY_TASK_TIME_LIMIT = 300"
    assert assignment(django, "task_acks_late", "False") == "CELERY_TASK_ACKS_LATE = False"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (None, 'broker_transport_options = {"visibility_timeout": 60}'),
        ({}, 'broker_transport_options = {"visibility_timeout": 60}'),
        ({"visibility_timeout": 5}, 'broker_transport_options = {"visibility_timeout": 60}'),
        (
            {"visibility_timeout": 5, "queue_order_strategy": "priority"},
            '"visibility_timeout": 60 in broker_transport_options',
        ),
        ({"queue_order_strategy": "priority"}, '"visibility_timeout": 60 in broker_transport_options'),
    ],
)
def test_an_entry_is_written_beside_the_others(options, text):
    configured = settings({"broker_transport_options": options})
    assert entry(configured, "broker_transport_options", "visibility_timeout", "60") == text


@pytest.mark.parametrize(
    ("names", "errors"),
    [
        (("urlopen",), "(ConnectionError, TimeoutError)"),
        (("requests", "get"), "(requests.ConnectionError, requests.Timeout)"),
        (("httpx",), "(httpx.TransportError,)"),
    ],
)
def test_the_errors_worth_retrying_are_those_of_the_client(names, errors):
    assert passing_errors(TaskInfo("proj.work", names_read=names)) == errors
