"""Idempotency: tasks that run at least once, and what they do that must not happen twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from celerycheck.checks._effects import Effect, effects, outside_effect
from celerycheck.checks._guards import Guards
from celerycheck.checks._loops import Round, round_of
from celerycheck.checks._reruns import asks_outcome, failures, retries
from celerycheck.checks._sequence import can_follow
from celerycheck.checks._transactions import share_one
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import TASK, last
from celerycheck.source.evidence import Reached, TaskBody

_IN_DATABASE = ("row", "count")


@check
def non_idempotent_task(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task that may run twice does something that must happen once.

    Why: a retry runs the whole task again, and `acks_late` hands its message out again when a worker is lost:
        what was done before is done once more. A customer pays twice, a row stands there twice.
    Fix: put what must happen once behind everything that may fail; or make it harmless to repeat, with
        `get_or_create`, a unique key, an idempotency key, or a mark that the next run looks at first.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#tasks
    """
    if not body.task.acks_late and not retries(body.task) and not _calls_retry(body, depth):
        return
    found = [
        twice for effect in _unguarded(body, depth) if (twice := _twice(body, effect, depth)) is not None
    ]
    if found:
        # One is enough to see that the task must be made over.
        first = min(found, key=lambda twice: (twice.at_most is not None, not twice.effect.money))
        others = [twice.effect for twice in found if twice is not first and twice.at_most is first.at_most]
        yield _problem(body, first, others)


def _calls_retry(body: TaskBody, depth: int) -> bool:
    return any(each.call.chain == f"{TASK}.retry" for each in body.reached(depth))


def _unguarded(body: TaskBody, depth: int) -> Iterator[Effect]:
    guards = Guards(body, depth)
    for effect in effects(body, depth):
        # Mails and requests in a loop are batch-of-effects'.
        if effect.what in ("send", "post") and round_of(body, effect.at) is not None:
            continue
        if not guards.around(effect.at):
            yield effect


@dataclass(frozen=True)
class _Twice:
    """An effect that may come twice: because `cause` fails after it, or for `acks_late` alone (None)."""

    effect: Effect
    cause: Reached | None
    at_most: Severity | None


def _twice(body: TaskBody, effect: Effect, depth: int) -> _Twice | None:
    causes = failures(body, depth)
    if effect.money and effect.at in causes:
        return _Twice(effect, effect.at, None)
    for cause in causes:
        if cause is effect.at or asks_outcome(cause, effect.at) or not can_follow(effect.final, cause):
            continue
        if effect.what in _IN_DATABASE and share_one(body.source, effect.final, cause):
            continue
        return _Twice(effect, cause, None if effect.sure else Severity.INFO)
    if body.task.acks_late:
        certain = effect.money or effect.what == "count"
        return _Twice(effect, None, None if certain else Severity.INFO)
    return None


def _problem(body: TaskBody, twice: _Twice, others: Sequence[Effect]) -> Problem:
    effect, cause = twice.effect, twice.cause
    does, again = _does(effect)
    if cause is None:
        message = f"it {does}, and acks_late delivers its message again when a worker is lost: {again}"
    elif cause is effect.at:
        message = f"it {does}, and is retried when the answer is lost: {again}"
    else:
        message = f"it {does} before {_named(cause)}: {again}"
    if others:
        more = ", ".join(dict.fromkeys(_does(other)[0] for other in others[:3]))
        message += f". It also {more}"
    return body.problem(message, effect.at, fix=_fix(twice), at_most=twice.at_most)


def _named(cause: Reached) -> str:
    """A call that may fail, and what follows from that."""
    text = cause.original.text
    if cause.call.chain == f"{TASK}.retry":
        return f"{text}(), which runs it from the start"
    if cause.original.use == "raised":
        return f"raising {last(cause.call.chain)}, for which it is retried"
    return f"{text}(), and is retried when that fails"


def _does(effect: Effect) -> tuple[str, str]:
    """What an effect does, and what a second run adds to it."""
    match effect.what:
        case "row":
            article = "an" if effect.subject.startswith(("A", "E", "I", "O")) else "a"
            return f"adds {article} {effect.subject} row", "each run adds another"
        case "count":
            return f"counts {effect.subject} on from what it was", "each run counts again"
        case "append":
            return f"appends to {effect.subject}", "each run appends it again"
        case "post":
            return f"calls {effect.subject}", "each run makes the request again"
        case "send":
            return f"calls {effect.subject}", "each run sends it again"


def _fix(twice: _Twice) -> str:
    effect = twice.effect
    if effect.money:
        return "give the request an idempotency key made of the task's arguments"
    match effect.what:
        case "row" if twice.cause is None:
            return "get_or_create() by what identifies the row"
        case "row":
            return "write after everything that may fail, or get_or_create() by what identifies the row"
        case "count":
            return (
                "compute the value anew from what it counts, or mark in the same transaction what was counted"
            )
        case "append":
            return "write the whole file in one go, under a name that belongs to the task's arguments"
    mark = "keep a mark that it is done and return early where the mark is set"
    if twice.cause is None:
        return f"{mark}, or acks_late=False here: then a lost worker may lose it, and never doubles it"
    return f"do it last, or {mark}"


@check
def batch_of_effects(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """One task sends something for each of many.

    Why: the first failure loses all that come after it, and a retry or a redelivery sends to the first ones
        again; nobody can tell how far it came.
    Fix: a task of its own for each element, sent with its id: `group(send.s(pk) for pk in ids).delay()`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#granularity
    """
    guards = Guards(body, depth)
    seen: set[int] = set()
    for each in body.reached(depth):
        effect = outside_effect(body, each)
        found = round_of(body, each) if effect is not None else None
        if effect is None or found is None or id(found.block) in seen or guards.in_round(each, found.block):
            continue
        if effect.what == "post" and not effect.sure and not effect.money:
            continue
        seen.add(id(found.block))
        yield _batch(body, effect, found)


def _batch(body: TaskBody, effect: Effect, found: Round) -> Problem:
    again = retries(body.task) or body.task.acks_late
    then = "one failure repeats those before it" if again else "one failure loses those after it"
    # What reaches people twice is grave however many they are.
    grave = found.many or (again and effect.what == "send")
    return body.problem(
        f"it calls {effect.subject} for each of {found.words}: {then}",
        effect.at,
        fix="make a task for one element, and send it for each: group(task.s(pk) for pk in ids).delay()",
        at_most=None if grave else Severity.INFO,
    )


__all__ = ["batch_of_effects", "non_idempotent_task"]
