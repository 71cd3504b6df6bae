"""Worker pools: what each of Celery's own does with limits."""

from __future__ import annotations

from dataclasses import dataclass

from celerycheck.subjects import Opaque, Settings


@dataclass(frozen=True)
class Pool:
    """What a worker pool does with limits.

    - `hard`, `soft`: whether it enforces time limits.
    - `recycles`: whether it replaces processes by `worker_max_tasks_per_child` and
      `worker_max_memory_per_child`; only a pool that does has processes of its own that can be lost.
    - `cancels`: whether it can stop a running task (`terminate_job`, read in its source).
    """

    name: str
    hard: bool = False
    soft: bool = False
    recycles: bool = False
    cancels: bool = False


POOLS = {
    pool.name: pool
    for pool in (
        Pool("prefork", hard=True, soft=True, recycles=True, cancels=True),
        Pool("solo"),
        Pool("threads"),
        Pool("gevent", hard=True, cancels=True),
        Pool("eventlet", cancels=True),
    )
}
"""Celery's own pools, each tried with a worker of Celery 5.7.0 (gevent 26.9, eventlet 0.41).

A task sleeping 3 s under `time_limit=1`, under a global `task_time_limit` of 1 and under `soft_time_limit=1`;
eight tasks under `worker_max_tasks_per_child=1` and under `worker_max_memory_per_child=1`. gevent raises at
the next switch: a task that never yields overruns its limit and is reported as failed afterwards.
"""

MODULES = {"thread": "threads"} | {name: name for name in POOLS if name != "threads"}
ALIASES = {"processes": "prefork"} | {
    f"celery.concurrency.{module}{separator}TaskPool": name
    for module, name in MODULES.items()
    for separator in ":."
}


def pool_of(settings: Settings) -> Pool | None:
    """The pool that `worker_pool` names; None for a computed value or a pool that is not Celery's.

    A worker started with `-P` uses another one unseen.
    """
    if "worker_pool" not in settings:
        return None
    value = settings.value("worker_pool")
    if isinstance(value, Opaque):
        value = value.text if value.kind == "type" else None
    return POOLS.get(ALIASES.get(value, value)) if isinstance(value, str) else None
