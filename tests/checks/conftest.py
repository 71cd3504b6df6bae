"""Tests of checks try Celery itself in places; what one leaves behind is no business of the next."""

from __future__ import annotations

import pytest
from celery._state import _set_task_join_will_block


@pytest.fixture(autouse=True)
def _no_worker_here():
    """A pool made or a worker run in this process tells Celery that it may not wait for results any more."""
    _set_task_join_will_block(False)
