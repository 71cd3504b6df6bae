"""Backoff: how long a task waits before it retries, and how long its retries last."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import count

from celerycheck.checks._exceptions import from_network, is_from_network
from celerycheck.checks._handlers import is_broad
from celerycheck.checks._retrying import (
    Paced,
    backoff,
    by_hand,
    countdown,
    mentions,
    most_retries,
    of_each,
    retries_automatically,
    retry_arguments,
)
from celerycheck.checks._wording import number, passing_errors
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.evidence import Reached, SourceCode, TaskBody
from celerycheck.subjects import Opaque, TaskInfo

_ABSENCE = re.compile(
    r"(?:Connect|Connection|Timeout|TimedOut|Unavailable|RateLimit(?:ed)?|Throttl(?:ed|ing)|TooManyRequests)"
    r"(?:Error|Exception)?$"
)
"""Names of exceptions that say, whosever they are, that a service cannot be had."""

_FEW_RETRIES = 5
_LONG_DELAY = 60
"""So few retries, so far apart, keep no service down."""

_EVERYTHING = frozenset({"Exception", "BaseException"})

_HOUR = 3600
"""After so many seconds Redis hands out again what still waits."""

_USUAL_MAXIMUM = 600
"""`retry_backoff_max` where nobody sets it, in seconds."""

RETRY_POLICY = ("retry_backoff", "retry_backoff_max", "retry_jitter", "retry_kwargs", "dont_autoretry_for")
"""Options that only `celery/app/autoretry.py` reads, and only where `autoretry_for` is not empty."""


@check
def retry_without_backoff(source: SourceCode, *, depth: int = 4) -> Iterator[Problem]:
    """Retries come at a constant pace.

    Why: a service that is down gets every failed call again at the same interval, from all workers at
        once, which keeps it down.
    Fix: `retry_backoff=True` doubles the delay each time (1, 2, 4 ... s), `retry_backoff_max` caps it; by
        hand, `self.retry(countdown=2 ** self.request.retries)`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff
    """
    yield from of_each(source, lambda task, body: _constant_pace(source, task, body, depth))


def _constant_pace(
    source: SourceCode, task: TaskInfo, body: TaskBody | None, depth: int
) -> Iterator[Problem]:
    if _computes_delay(task):
        return
    if body is not None:
        yield from _pace_by_hand(body, depth)
    if retries_automatically(task) and not task.number("retry_backoff"):
        yield from _automatic_pace(task, remote=_waits_for_others(source, task))


def _waits_for_others(source: SourceCode, task: TaskInfo) -> bool:
    """Whether it retries the failures of another machine, or all, rather than a deadlock or a parser's."""
    return any(
        name in _EVERYTHING or is_from_network(name, source.project) or _ABSENCE.search(name)
        for name in task.autoretry_for
    )


def _automatic_pace(task: TaskInfo, *, remote: bool) -> Iterator[Problem]:
    retries, delay = most_retries(task), _constant_delay(task)
    if delay is not None and (retries is None or retries > 1):
        # Backoff starts where the retries are now: shorter delays would make it worse.
        first = math.ceil(max(delay, 1))
        yield Problem(
            f"autoretry_for without retry_backoff: every retry comes after the same {number(delay)} s",
            fix=f"retry_backoff={first}, retry_backoff_max={_longest(first)}",
            at_most=Severity.INFO if _is_gentle(task, retries, delay) or not remote else None,
        )


def _is_gentle(task: TaskInfo, retries: float | None, delay: float) -> bool:
    """Whether somebody chose a pace that keeps no service down; Celery's defaults are nobody's choice."""
    chosen = any(name in task.explicit for name in ("max_retries", "default_retry_delay", "retry_kwargs"))
    return chosen and retries is not None and retries <= _FEW_RETRIES and delay >= _LONG_DELAY


def _pace_by_hand(body: TaskBody, depth: int) -> Iterator[Problem]:
    """The retries that the body asks for itself, each with the same delay; said once of each task."""
    paced = [found for found in by_hand(body, depth) if found.retries is None or found.retries > 1]
    if not paced:
        return
    first = min(paced, key=lambda found: not _answers_network(body, found.at))
    delay = first.delay
    usual = "" if first.given else ", the default_retry_delay"
    gentle = _is_gentle(body.task, first.retries, delay) or not _answers_network(body, first.at)
    yield body.problem(
        f"{first.at.original.text}() comes after the same {number(delay)} s each time{usual}",
        at=first.at,
        fix=f"countdown={_doubling(first)}",
        at_most=Severity.INFO if gentle else None,
    )


def _longest(first: int) -> int:
    """A longest delay for a backoff that begins so; one doubling at least, or it is none."""
    return max(2 * first, _USUAL_MAXIMUM)


def _doubling(paced: Paced) -> str:
    """What to write for delays that double, bounded where they would grow beyond an hour."""
    first = math.ceil(max(paced.delay, 1))
    doubled = f"{first} * 2 ** {_request(paced.at)}.retries"
    if paced.retries is None or paced.retries > 32 or first * 2 ** (paced.retries - 1) >= _HOUR:
        return f"min({doubled}, {_longest(first)})"
    return doubled


def _request(at: Reached) -> str:
    return f"{at.original.text.rpartition('.')[0] or 'self'}.request"


@check
def retry_without_jitter(task: TaskInfo) -> Iterator[Problem]:
    """Retries back off without jitter.

    Why: tasks that failed together retry together, so that each wave hits the recovering service at once.
    Fix: leave `retry_jitter` at its default (True), which draws each delay at random up to the backoff.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_jitter
    """
    if not retries_automatically(task) or _computes_delay(task):
        return
    if task.number("retry_backoff") and "retry_jitter" in task.explicit and not task.flag("retry_jitter"):
        yield Problem(
            f"retry_backoff with retry_jitter={task.option('retry_jitter')}", fix="retry_jitter=True"
        )


@check
def backoff_without_autoretry(task: TaskInfo) -> Iterator[Problem]:
    """Retry options are set, yet nothing is retried automatically.

    Why: Celery reads `retry_backoff`, `retry_jitter` and their like only where `autoretry_for` lists
        something; a `self.retry()` of the task's own waits `default_retry_delay` as ever.
    Fix: add `autoretry_for=(...)`, or pass `countdown=` to `self.retry()`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    if task.self_escapes:
        return  # to a function that may read its options
    idle = [name for name in RETRY_POLICY if name in task.explicit and _says_itself(task, name)]
    idle = [name for name in idle if task.option(name)]
    if idle and not task.option("autoretry_for") and not any(mentions(task, name) for name in RETRY_POLICY):
        yield Problem(
            f"{', '.join(idle)} without autoretry_for: nothing reads {'it' if len(idle) == 1 else 'them'}",
            fix=f"autoretry_for={passing_errors(task)}, or self.retry(countdown=...)",
            # Decorators and methods get hold of the task too, and may hand it on.
            at_most=Severity.WARNING if task.bound and (task.class_based or task.wrapper_names) else None,
        )


def _says_itself(task: TaskInfo, name: str) -> bool:
    """Whether the task's own definition sets an option; a base class sets it for tasks that may need it."""
    origin = task.explicit.get(name)
    if task.class_based and task.classes:
        return origin == f"class {task.classes[0].name}"
    return origin == "decorator"


@check
def short_retry_budget(source: SourceCode, *, seconds: int = 60, depth: int = 4) -> Iterator[Problem]:
    """All retries of a network call are used up within moments.

    Why: a deploy, a failover or a rate limit lasts a minute; a task whose retries end before that fails
        although it had only to wait.
    Fix: raise `max_retries` or `retry_backoff`, or the `countdown` given by hand, until the retries span
        `seconds`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff
    """
    yield from of_each(source, lambda task, body: _short_budget(task, body, seconds, depth))


def _short_budget(task: TaskInfo, body: TaskBody | None, seconds: int, depth: int) -> Iterator[Problem]:
    if _computes_delay(task):
        return
    if body is not None:
        yield from _short_by_hand(body, seconds, depth)
    if not any(map(from_network, task.autoretry_for)):
        return
    retries = most_retries(task)
    window = _window(task, retries) if retries else None
    if window is not None and window < seconds:
        yield Problem(
            _too_short(retries or 0, window, seconds), _longer_retries(task, _enough_retries(2 * seconds))
        )


def _too_short(retries: float, window: float, seconds: int) -> str:
    return (
        f"the last of {number(retries)} retries comes at most {number(window)} s after the first failure,"
        f" less than {seconds} s"
    )


def _short_by_hand(body: TaskBody, seconds: int, depth: int) -> Iterator[Problem]:
    """The retries that the body asks for itself after a failure of the network; said once of each task."""
    for found in by_hand(body, depth):
        window = None if found.retries is None else found.retries * found.delay
        if not window or window >= seconds or not _answers_network(body, found.at):
            continue
        enough = _enough_retries(2 * seconds)
        yield body.problem(
            f"{found.at.original.text}(): {_too_short(found.retries or 0, window, seconds)}",
            at=found.at,
            fix=f"countdown=5 * 2 ** {_request(found.at)}.retries, max_retries={enough}",
        )
        return


def _answers_network(body: TaskBody, at: Reached) -> bool:
    """Whether a retry stands in a handler of errors of the network, or of all errors of a call there."""
    handler = at.inside("handler")
    if handler is None:
        return False
    if not is_broad(handler):
        return any(chain and is_from_network(chain, body.project) for chain in handler.chains)
    return any(
        block.kind == "try" and block.group is handler.group and "network" in body.kinds(reached)
        for reached in body.reached()
        for block in reached.blocks
    )


def _longer_retries(task: TaskInfo, retries: int) -> str:
    """What to write, where the task has it now, for so many retries with backoff."""
    maximum = task.number("retry_backoff_max")
    raised = "" if maximum is None or maximum >= _USUAL_MAXIMUM else f", retry_backoff_max={_USUAL_MAXIMUM}"
    if retry_arguments(task).get("max_retries") is None:
        return f"retry_backoff=5{raised}, max_retries={retries}"
    return f'retry_backoff=5{raised}, retry_kwargs={{"max_retries": {retries}}}'


def _window(task: TaskInfo, retries: float) -> float | None:
    """Seconds from the first failure to the last retry at most, as autoretry.py computes the delays."""
    delays = backoff(task)
    if delays:
        return _backoff_window(*delays, retries)
    delay = _constant_delay(task)
    return None if delay is None else delay * retries


@lru_cache
def _enough_retries(seconds: int) -> int:
    """How many retries with `retry_backoff=5` last that long."""
    return next(n for n in count(1) if _backoff_window(5, _USUAL_MAXIMUM, n) >= seconds)


def _backoff_window(factor: int, maximum: int, retries: float) -> float:
    """The sum of `min(maximum, factor * 2 ** n)` over all retries; jitter only makes it shorter."""
    total, delay, done = 0, factor, 0
    while done < retries and delay < maximum:
        total, delay, done = total + delay, delay * 2, done + 1
    return total + (retries - done) * max(0, maximum)


def _constant_delay(task: TaskInfo) -> float | None:
    """Seconds before a retry without backoff; None where they are computed."""
    arguments = retry_arguments(task)
    given = arguments.get("countdown")
    if arguments.get("eta") is not None or (isinstance(given, Opaque) and given.seconds is None):
        return None
    delay = countdown(task)
    return task.number("default_retry_delay") if delay is None else delay


def _computes_delay(task: TaskInfo) -> bool:
    """Whether the task or a class of its own has a say in when a retry comes."""
    return (
        "default_retry_delay" in task.names_read
        or any(_retries_its_own_way(cls.defines, cls.reads) for cls in task.classes)
        # A property: defined by a class, yet no plain value that somebody wrote.
        or (
            "default_retry_delay" not in task.explicit
            and any("default_retry_delay" in cls.defines for cls in task.classes)
        )
    )


def _retries_its_own_way(defines: tuple[str, ...], reads: tuple[str, ...]) -> bool:
    return not {"retry", "signature_from_request"}.isdisjoint(defines) or not {
        "retry",
        "retry_backoff",
        "default_retry_delay",
    }.isdisjoint(reads)
