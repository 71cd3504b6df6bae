"""Atomicity: tasks that leave half of their work behind when an outside call fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from celerycheck.checks._effects import made_here, model_of
from celerycheck.checks._reruns import never_raises
from celerycheck.checks._sequence import can_follow, position
from celerycheck.checks._transactions import share_one
from celerycheck.registry import Problem, check
from celerycheck.source.code import last
from celerycheck.source.evidence import Reached, TaskBody

_OUTSIDE = frozenset({"network", "send", "post"})
_MARK = re.compile(
    r"status|state|_at$|_on$|date|time|started|running|progress|phase|step|attempt|tries|retr|lock|task|job|celery"
    r"|worker|error|message|sent|done|process|complet|finish|deliver|handled|notif|publish|sync|result|log|last_"
)
"""Fields that tell how far something is: to set them before and after a call is how it is done."""
_RECORDS = re.compile(
    r"(?:Log|History|Audit\w*|Attempt|Run|Execution|Job|Task|Event|Error|Activity|Status|State|Progress|Queue)s?$"
)
"""Models whose rows tell of the work itself."""
_NEAR = 1
"""How deep in helpers a write still counts as the task's own step."""


@check
def non_atomic_task(body: TaskBody, *, depth: int = 2) -> Iterator[Problem]:
    """A task writes before and after an outside call.

    Why: when the call fails, what was written before it stays and what belongs to it is never written: the
        data tells a story that did not happen.
    Fix: make the outside call first, then write everything in one transaction; or mark the row as begun
        before the call and as done after it.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#database-transactions
    """
    calls = sorted(body.reached(depth), key=position)
    writes = [write for each in calls if (write := _write(body, each)) is not None]
    for outside in calls:
        if not body.kinds(outside) & _OUTSIDE or never_raises(body, outside):
            continue
        torn = _torn(body, outside, writes)
        if torn is not None:
            before, after = torn
            yield body.problem(
                f"it writes {before.model} before {outside.original.text}() and {after.model} after it, in no"
                " transaction together: when the call fails, only the first is there",
                outside,
                fix=f"call {outside.original.text}() first, then write both in one transaction",
            )
            return


@dataclass(frozen=True, eq=False)
class _Write:
    """A write of a row. `model`: its name, for messages."""

    at: Reached
    model: str


def _torn(body: TaskBody, outside: Reached, writes: list[_Write]) -> tuple[_Write, _Write] | None:
    """A write before and one after an outside call that belong together and are in no common transaction."""
    for before in writes:
        if not _comes_first(before.at, outside):
            continue
        for after in writes:
            if after.model == before.model or not _comes_first(outside, after.at):
                continue
            if not share_one(body.source, before.at, after.at):
                return before, after
    return None


def _comes_first(one: Reached, other: Reached) -> bool:
    return position(one) < position(other) and can_follow(one, other)


def _write(body: TaskBody, at: Reached) -> _Write | None:
    """The row that a call writes, where it is more than a mark and repeating it does not mend it."""
    kinds = body.kinds(at)
    if "write" not in kinds or at.depth > _NEAR or at.inside("handler", "finally") is not None:
        return None
    if "repeatable" in kinds and at.original.method not in ("update", "aupdate"):
        return None
    model = model_of(body, at)
    name = "" if model is None else model.rpartition(".")[2]
    if not name or _RECORDS.search(name) or _only_marks(at, made=made_here(body, at.call) is not None):
        return None
    return _Write(at, name)


def _only_marks(at: Reached, *, made: bool) -> bool:
    """Whether all that a save or an update of an existing row sets are marks, as far as the source shows."""
    method = at.original.method
    if method in ("update", "aupdate"):
        names = list(at.call.keywords)
    elif method in ("save", "asave", "add", "merge") and not made:
        given = at.call.keywords.get("update_fields")
        added = at.original.args[0] if method in ("add", "merge") and at.original.args else None
        row = added or at.original.receiver
        chain = row.chain if row is not None else None
        if given is not None and given.kind in ("list", "tuple", "set"):
            names = [item.string or "" for item in given.items]
        else:
            writes = at.function.code.writes
            names = [last(w.target) for w in writes if w.owner == chain and w.order < at.original.order]
    else:
        return False
    return all(_MARK.search(name) for name in names)


__all__ = ["non_atomic_task"]
