"""How often and after how long a task retries, as Celery reads its options."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from celerycheck.findings import Problem
from celerycheck.source.code import TASK, Call, Value
from celerycheck.source.evidence import Reached, SourceCode, TaskBody
from celerycheck.subjects import NotEvaluated, Plain, TaskInfo, number_of

_OWN_WAY = frozenset({"retry", "signature_from_request"})


def retries_automatically(task: TaskInfo) -> bool:
    return bool(task.autoretry_for) and most_retries(task) != 0


def most_retries(task: TaskInfo) -> float | None:
    """How often it is retried automatically; None for ever."""
    given = number_of(f"max_retries of {task.name}", retry_arguments(task).get("max_retries"))
    return task.max_retries if given is None else given


def retry_arguments(task: TaskInfo) -> Mapping[str, Plain]:
    """What `task.retry()` is called with; `NotEvaluated` where it is computed."""
    value = task.option("retry_kwargs")
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise NotEvaluated(f"retry_kwargs of {task.name} is computed")


def countdown(task: TaskInfo) -> float | None:
    """The delay that `retry_kwargs` sets, in seconds; None where it sets none."""
    return number_of(f"countdown of {task.name}", retry_arguments(task).get("countdown"))


def backoff(task: TaskInfo) -> tuple[int, int] | None:
    """The first delay and the longest one in seconds; None where retries do not back off."""
    first = task.number("retry_backoff")
    if not first:
        return None
    longest = task.number("retry_backoff_max")
    return int(max(1.0, first)), 600 if longest is None else int(longest)


def mentions(task: TaskInfo, name: str) -> bool:
    """Whether the task's code, or a method of its classes, reads an attribute of that name."""
    return name in task.names_read or any(name in cls.reads for cls in task.classes)


def may_call_retry(task: TaskInfo) -> bool:
    """Whether its code or a class of its own mentions `retry`."""
    return mentions(task, "retry") or any("retry" in cls.defines for cls in task.classes)


def of_each(
    source: SourceCode, judge: Callable[[TaskInfo, TaskBody | None], Iterable[Problem]]
) -> Iterator[Problem]:
    """What is said of each audited task, with its body where that is at hand.

    What options tell holds without. A task that cannot be judged neither hides what is said of others nor
    passes: raises NotEvaluated where nothing is said.
    """
    said = False
    unread: NotEvaluated | None = None
    for task in source.app.tasks:
        try:
            for problem in judge(task, _body(source, task)):
                said = True
                yield replace(problem, about=task)
        except NotEvaluated as reason:  # noqa: PERF203
            unread = unread or reason
    if unread is not None and not said:
        raise unread


def _body(source: SourceCode, task: TaskInfo) -> TaskBody | None:
    try:
        return source.body(task)
    except NotEvaluated:
        return None


def overrides_retry(task: TaskInfo) -> bool:
    """Whether a class of the project's replaces `retry` or what it sends."""
    return any(not _OWN_WAY.isdisjoint(cls.defines) for cls in task.classes)


def retry_calls(body: TaskBody, depth: int) -> Iterator[Reached]:
    """The calls of Celery's own `retry` of this task, in its body or in helpers."""
    if not overrides_retry(body.task):
        yield from (reached for reached in body.reached(depth) if reached.call.chain == f"{TASK}.retry")


def throws(reached: Reached) -> bool:
    """Whether a call of `retry` surely raises `Retry`; False for a `throw` that is computed."""
    given = reached.call.keywords.get("throw")
    if given is None:
        return not reached.call.open_keywords
    return given.is_constant and bool(given.constant)


@dataclass(frozen=True)
class Paced:
    """A retry that a body asks for itself, always after the same delay.

    `delay` in seconds; `given` says that it stands in the call. `retries`: None for ever.
    """

    at: Reached
    delay: float
    retries: float | None
    given: bool


def by_hand(body: TaskBody, depth: int) -> Iterator[Paced]:
    """The calls of `retry` whose delay is written as a number, or is the task's default."""
    for reached in retry_calls(body, depth):
        call = reached.call
        eta, countdown = call.argument("eta", 4), call.argument("countdown", 5)
        if call.open_args or call.open_keywords or not _is_none(eta) or _may_fail(call):
            continue
        given = not _is_none(countdown)
        delay = countdown.number if given and countdown else body.task.number("default_retry_delay")
        limit = call.argument("max_retries", 6)
        if delay is not None and (_is_none(limit) or (limit and limit.number is not None)):
            retries = limit.number if limit and limit.number is not None else body.task.max_retries
            yield Paced(reached, delay, retries, given)


def _may_fail(call: Call) -> bool:
    """Whether it may never retry: `retry(exc)` has something else where a list of arguments belongs."""
    return bool(call.args) and call.args[0].kind not in ("list", "tuple")


def _is_none(value: Value | None) -> bool:
    return value is None or (value.is_constant and value.constant is None)
