"""Worker pools: which one a setting names, and that Celery's own are as the table says."""

from __future__ import annotations

import pytest

from celerycheck.checks._pools import POOLS, pool_of
from celerycheck.subjects import Opaque
from celerycheck.testing import settings


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("solo", "solo"),
        ("celery.concurrency.solo.TaskPool", "solo"),
        (Opaque("type", "celery.concurrency.solo.TaskPool"), "solo"),
        (Opaque("type", "proj.pools.Pool"), None),
        ("custom", None),
        (None, None),
    ],
)
def test_pool_of(value, name):
    pool = pool_of(settings({"worker_pool": value}))
    assert (pool and pool.name) == name


def test_celery_has_no_pool_that_the_table_lacks():
    from celery.concurrency import get_available_pool_names

    assert set(get_available_pool_names()) - {"processes", "custom"} == set(POOLS)


@pytest.mark.parametrize("name", ["solo", "threads"])
def test_solo_and_threads_enforce_and_cancel_nothing(name):
    import inspect

    from celery.concurrency import get_implementation
    from celery.concurrency.base import BasePool

    pool = get_implementation(name)
    assert pool.terminate_job is BasePool.terminate_job
    assert "timeout" not in inspect.getsource(pool.on_apply)
