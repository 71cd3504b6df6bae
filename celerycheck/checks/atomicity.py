"""Atomicity: tasks that leave half of their work behind when an outside call fails."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from celerycheck.checks._effects import made_here, model_of
from celerycheck.checks._reruns import never_raises
from celerycheck.checks._sequence import can_follow, position
from celerycheck.checks._transactions import share_one
from celerycheck.checks._wording import listed
from celerycheck.registry import Problem, check
from celerycheck.source.code import Value, last
from celerycheck.source.evidence import Reached, TaskBody

_OUTSIDE = frozenset({"network", "send", "post"})
_MARK = re.compile(
    r"status|state|_at$|_on$|date|time|started|running|progress|phase|step|attempt|tries|retr|lock|task|job|celery"
    r"|worker|error|message|sent|done|process|complet|finish|deliver|handled|notif|publish|sync|result|log|last_"
)
"""Fields that tell how far something is: to set them before and after a call is how it is done."""

_FINISHED = re.compile(
    r"done|updated|complete|completed|finished|sent|success|successful|succeeded|processed|synced|paid|ready"
    r"|published|delivered|imported|exported|shipped|charged|booked|ok",
    re.IGNORECASE,
)
"""Values, and names of flags, that tell that the work is done."""

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
    if body.kinds_reached.isdisjoint(_OUTSIDE):
        return
    calls = sorted(body.reached(depth), key=position)
    writes = [write for each in calls if (write := _write(body, each, calls)) is not None]
    for outside in calls:
        if body.kinds(outside) & _OUTSIDE and not never_raises(body, outside):
            torn = _torn(body, outside, writes)
            if torn is not None:
                yield _problem(body, outside, *torn)
                return


@dataclass(frozen=True, eq=False)
class _Write:
    """A write of a row.

    - `model`: its name, for messages; `row`: the chain of the row, None where it is none of those at hand.
    - `fields`: what is set, as far as the source shows; `made`: whether the row is a new one.
    """

    at: Reached
    model: str
    row: str | None
    fields: Mapping[str, Value]
    made: bool

    @property
    def matters(self) -> bool:
        """Whether it writes more than how far something is."""
        return self.made or not all(_MARK.search(name) for name in self.fields)

    @property
    def is_early(self) -> bool:
        """Whether it says of something that it is done."""
        return any(_tells_end(name, value) for name, value in self.fields.items())


def _problem(body: TaskBody, outside: Reached, before: _Write, after: _Write) -> Problem:
    call = f"{outside.original.text}()"
    if before.model == after.model:
        message = (
            f"it saves {before.model} with {listed(list(before.fields))} before {call}, and with"
            f" {listed(list(after.fields))} only after it: when the call fails, the row is half done"
        )
        return body.problem(message, outside, fix=f"call {call} first, then set everything and save once")
    message = (
        f"it writes {before.model} before {call} and {after.model} after it, in no transaction together:"
        " when the call fails, only the first is there"
    )
    return body.problem(message, outside, fix=f"call {call} first, then write both in one transaction")


def _torn(body: TaskBody, outside: Reached, writes: Sequence[_Write]) -> tuple[_Write, _Write] | None:
    """A write before and one after an outside call that belong together and are in no common transaction."""
    for before in writes:
        if not _comes_first(before.at, outside):
            continue
        for after in writes:
            if not _belong_together(before, after) or not _comes_first(outside, after.at):
                continue
            if not share_one(body.source, before.at, after.at):
                return before, after
    return None


def _belong_together(before: _Write, after: _Write) -> bool:
    if not after.matters:
        return False
    if before.model != after.model:
        return before.matters
    # A new row that is filled in later is there to tell of the work.
    same = before.row is not None and before.row == after.row and not before.made
    return same and bool(before.fields.keys() ^ after.fields.keys()) and (before.matters or before.is_early)


def _comes_first(one: Reached, other: Reached) -> bool:
    return position(one) < position(other) and can_follow(one, other)


def _write(body: TaskBody, at: Reached, calls: Sequence[Reached]) -> _Write | None:
    """The row that a call writes; None where that is harmless to repeat, or tells of the work itself."""
    kinds = body.kinds(at)
    if at.depth > _NEAR or at.inside("handler", "finally") is not None:
        return None
    if "commit" in kinds:
        return _committed(body, at, calls)
    if "write" not in kinds or ("repeatable" in kinds and at.original.method not in ("update", "aupdate")):
        return None
    made = "doubling" in kinds or made_here(body, at.call) is not None
    row, fields = _saved(at)
    name = (model_of(body, at) or "").rpartition(".")[2]
    if not name or _RECORDS.search(name) or not (made or fields):
        return None
    return _Write(at, name, row, fields, made)


def _saved(at: Reached) -> tuple[str | None, Mapping[str, Value]]:
    """The row that a `save()` or `update()` writes, and the fields, as far as its function shows."""
    method = at.original.method
    if method in ("update", "aupdate"):
        return None, at.call.keywords
    added = at.original.args[0] if method in ("add", "merge") and at.original.args else None
    holder = added or at.original.receiver
    row = holder.chain if holder is not None else None
    given = at.call.keywords.get("update_fields")
    fields = _assigned(at, row, 0)
    if given is not None and given.kind in ("list", "tuple", "set"):
        fields = {item.string: fields.get(item.string, item) for item in given.items if item.string}
    return row, fields


def _assigned(at: Reached, row: str | None, since: int) -> dict[str, Value]:
    """What is assigned to a row's attributes before a call, after the place `since`."""
    saves = [
        call.order
        for call in at.function.code.calls
        if call.method in ("save", "asave")
        and call.receiver is not None
        and call.receiver.chain == row
        and call.order < at.original.order
    ]
    begin = max([since, *saves])
    writes = at.function.code.writes
    mine = [write for write in writes if write.owner == row and begin < write.order < at.original.order]
    return {last(write.target): write.value for write in mine if write.target}


def _committed(body: TaskBody, at: Reached, calls: Sequence[Reached]) -> _Write | None:
    """What a session's commit makes last of a row's attributes, set since the commit before."""
    since = max(
        (
            each.original.order
            for each in calls
            if each.function is at.function
            and "commit" in body.kinds(each)
            and each.original.order < at.original.order
        ),
        default=0,
    )
    owners = dict.fromkeys(write.owner for write in at.function.code.writes if write.owner)
    for row in owners:
        fields = _assigned(at, row, since)
        model = _model_of_row(body, at, row)
        if fields and model and not _RECORDS.search(model):
            return _Write(at, model, row, fields, made=False)
    return None


def _model_of_row(body: TaskBody, at: Reached, row: str) -> str:
    """The model of a row fetched from a session: `session.get(Order, 1)`."""
    for call in at.function.code.calls:
        if call.chain is not None and f"{call.chain}()" == row and call.args:
            chain = call.args[0].chain
            if chain is not None and body.project.is_model(chain):
                return chain.rpartition(".")[2]
    plain = row.removesuffix("()")
    return plain.rpartition(".")[2] if body.project.is_model(plain) else ""


def _tells_end(name: str, value: Value) -> bool:
    if value.constant is True:
        return any(_FINISHED.fullmatch(word) for word in name.split("_"))
    text = value.string or last(value.chain)
    return bool(_FINISHED.fullmatch(text)) and _MARK.search(name) is not None


__all__ = ["non_atomic_task"]
