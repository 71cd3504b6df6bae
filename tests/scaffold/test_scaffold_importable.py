"""Exceptions to retry on are looked up where the project runs."""

from __future__ import annotations

import sys

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking.importable import check_exceptions

PROJECT = {
    "billing/__init__.py": "",
    "billing/errors.py": "print('loading')\n\nclass Busy(Exception):\n    pass\n\nlimit = 3\n",
    "billing/unready.py": "raise RuntimeError('no settings')\n",
    "billing/needy.py": "import there_is_no_such_library\n",
    "billing/quitter.py": "raise SystemExit(1)\n",
}


@pytest.mark.parametrize(
    "name",
    [
        "OSError",
        "requests.RequestException",
        "urllib.error.URLError",
        "billing.errors.Busy",
        "billing.unready.Busy",
        "billing.quitter.Busy",
        "billing.needy.Busy",
    ],
)
def test_what_is_there_or_cannot_be_known_passes(project, name):
    check_exceptions([name], sys.executable, project(PROJECT))


@pytest.mark.parametrize(
    ("name", "says"),
    [
        (
            "requests.RequestExeption",
            "requests has no RequestExeption; did you mean requests.RequestException?",
        ),
        ("billing.errors.Bussy", "billing.errors has no Bussy; did you mean billing.errors.Busy?"),
        ("billing.errors.limit", "billing.errors.limit: that is no exception"),
        ("billing.faults.Busy", "the project has no module billing.faults"),
        ("reqests.Timeout", "the project has no module reqests"),
    ],
)
def test_what_is_not_there_is_said(project, name, says):
    with pytest.raises(UsageError) as raised:
        check_exceptions(["OSError", name], sys.executable, project(PROJECT))
    assert says in raised.value.message


def test_an_interpreter_that_does_not_answer_is_no_reason_to_refuse(project):
    check_exceptions(["requests.Nothing"], "/nowhere/python", project(PROJECT))
