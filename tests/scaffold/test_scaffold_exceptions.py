"""How exceptions are imported, written and raised in generated code."""

from __future__ import annotations

from unittest import mock

import pytest

from celerycheck.scaffold.making.exceptions import named

RAISABLE = (
    "OSError",
    "ConnectionError",
    "requests.RequestException",
    "requests.exceptions.Timeout",
    "requests.exceptions.ConnectionError",
    "httpx.HTTPError",
    "httpx.TransportError",
    "sqlalchemy.exc.OperationalError",
    "django.db.OperationalError",
    "redis.exceptions.ConnectionError",
    "urllib.error.URLError",
    "smtplib.SMTPException",
    "urllib.error.HTTPError",
    "httpx.HTTPStatusError",
)


@pytest.mark.parametrize("dotted", RAISABLE)
def test_what_is_written_can_be_imported_and_raised(dotted):
    (failure,) = named([dotted])
    scope: dict[str, object] = {"mock": mock}
    exec(failure.statement, scope)
    cls = eval(failure.written, scope)
    assert isinstance(eval(failure.raised, scope), cls)


@pytest.mark.parametrize(
    ("dotted", "statements", "written"),
    [
        (["OSError"], [""], ["OSError"]),
        (["requests.RequestException"], ["import requests"], ["requests.RequestException"]),
        (["requests.exceptions.Timeout"], ["from requests.exceptions import Timeout"], ["Timeout"]),
        (
            ["redis.exceptions.ConnectionError"],
            ["import redis.exceptions"],
            ["redis.exceptions.ConnectionError"],
        ),
        (
            ["django.db.utils.OperationalError", "sqlalchemy.exc.OperationalError"],
            ["import django.db.utils", "import sqlalchemy.exc"],
            ["django.db.utils.OperationalError", "sqlalchemy.exc.OperationalError"],
        ),
    ],
)
def test_names_neither_clash_nor_hide_a_builtin(dotted, statements, written):
    failures = named(dotted)
    assert [failure.statement for failure in failures] == statements
    assert [failure.written for failure in failures] == written
