"""Retries: tables of tasks and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.subjects import TaskClass, TaskInfo
from celerycheck.testing import error, problems, task

FOREVER = "max_retries is None: it retries until it succeeds"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (task(max_retries=None, autoretry_for=[error("OSError")]), [FOREVER]),
        (task(info=TaskInfo("t", bound=True, names_read=("retry",)), max_retries=None), [FOREVER]),
        (
            task(info=TaskInfo("t", classes=(TaskClass("Base", reads=("retry",)),)), max_retries=None),
            [FOREVER],
        ),
        (task(), []),
        (task(autoretry_for=[error("OSError")]), []),
        (task(max_retries=0, autoretry_for=[error("OSError")]), []),
        (task(max_retries=100, autoretry_for=[error("OSError")]), []),
        (task(max_retries=None), []),
        (task(info=TaskInfo("t", names_read=("get",)), max_retries=None), []),
    ],
)
def test_unbounded_retries(subject, messages):
    assert problems("unbounded-retries", subject) == messages
