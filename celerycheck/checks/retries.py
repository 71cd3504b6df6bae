"""How a task retries: bounds, delays and what triggers a retry."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.registry import Problem, check
from celerycheck.subjects import TaskInfo


@check
def unbounded_retries(task: TaskInfo) -> Iterator[Problem]:
    """Task may retry forever.

    Why: a message that can never succeed comes back until a person notices; it keeps a worker busy
        and hides in the queue.
    Fix: set `max_retries` to a number, and let the last failure reach a person.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.max_retries
    """
    if task.option("max_retries") is None and task.may_retry:
        yield Problem("max_retries is None: it retries until it succeeds")
