"""Exceptions to retry on, by dotted name: which may be named, and which library they bring in."""

from __future__ import annotations

import builtins
import keyword

from celerycheck.checks.retries import NEVER_IN_TASK
from celerycheck.errors import UsageError
from celerycheck.nearest import nearest

_CELERYS = ("celery", "celery.exceptions", "billiard", "billiard.exceptions")
_EVERYTHING = ("Exception", "BaseException")
LIBRARIES = {"requests": "requests", "httpx": "httpx", "redis": "redis", "sqlalchemy": "SQLAlchemy"}
"""Modules whose exceptions are often named, and what to install for each."""


def exception(text: str) -> str:
    """The dotted name of an exception that a retry may mend; Python's own without `builtins`.

    Raises UsageError.
    """
    name = text.strip().removeprefix("builtins.")
    parts = name.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise UsageError(f"{text!r} names no exception", "Write its dotted name: requests.RequestException.")
    if name in _EVERYTHING:
        raise UsageError(
            f"{name} includes bugs and bad arguments, which fail the same way each time",
            "Name what may pass by itself: requests.RequestException, OSError.",
        )
    _refuse_celerys(name)
    if len(parts) == 1:
        _refuse_unknown(name)
    return name


def _refuse_celerys(name: str) -> None:
    module, _, short = name.rpartition(".")
    if module not in _CELERYS:
        return
    if short in NEVER_IN_TASK:
        why, _ = NEVER_IN_TASK[short]
        raise UsageError(f"{short} is never retried: it is one {why}", "Leave it out.")
    if short == "SoftTimeLimitExceeded":
        raise UsageError(f"{short} is retried anyway", "Leave it out.")
    if short == "MaxRetriesExceededError":
        raise UsageError(f"{short} says that the retries are used up", "Leave it out.")


def _refuse_unknown(name: str) -> None:
    """Raise UsageError for a name without a module that is no exception of Python's own."""
    known = getattr(builtins, name, None)
    if isinstance(known, type) and issubclass(known, Exception):
        return
    if isinstance(known, type) and issubclass(known, BaseException):
        raise UsageError(f"{name} asks the process to end", "Name what may pass by itself: OSError.")
    errors = [
        n for n, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, Exception)
    ]
    near = nearest(name, errors, 0.8)
    hint = f"Did you mean {near}?" if near else f"Write its module too, as in billing.errors.{name}."
    raise UsageError(f"{name} is no exception of Python's own", hint)
