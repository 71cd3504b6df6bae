"""Effects: what a task does to the world outside of it that would be there twice if it ran twice."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from celerycheck.checks._guards import has_unique_key
from celerycheck.checks._sequence import can_follow, position
from celerycheck.source.code import Call, Value, Write, last, written
from celerycheck.source.evidence import Reached, TaskBody

What = Literal["row", "count", "send", "post", "append"]

_RECORDS = re.compile(
    r"^(?:Cached|Temp|Tmp)|(?:Log|Logs|LogEntry|History|Audit\w*|Attempt|Run|Execution|Trace|Error|Failure|Snapshot|Metrics?|Job"
    r"|Activity|Event|Report|Record|Result|Visit|Hit|Stats?|Statistics?|Measurement)$"
)
"""Models of which a row for each run is meant."""

_RELATED_RECORDS = re.compile(
    r"log|histor|audit|event|error|record|activit|attempt|report|stat|run|visit|result"
)
"""Relations to rows of that kind."""

_TRIES = re.compile(r"attempt|tries|retry|retries|fail|error|run_?count|version|revision")
"""Fields that count runs, on purpose."""

_MONEY = re.compile(r"charge|payment|refund|payout|transfer|withdraw|purchase", re.IGNORECASE)
_READING = re.compile(
    r"token|login|auth|oauth|search|query|graphql|predict|embed|completion|generate|rpc|session|validate|verify"
    r"|check|lookup|fetch|get_|count|parse|convert|translate|metrics",
    re.IGNORECASE,
)
"""How a POST that only asks for something is called."""

_HARMLESS = frozenset({"mail_admins", "mail_managers"})
_KEYS = frozenset({"pk", "id", "uuid", "key", "slug", "external_id", "task_id"})
_PAYMENTS = ("stripe.", "braintree.")
_ADDING = (ast.Add, ast.Sub, ast.Mult)


_DOING = frozenset({"send", "post", "doubling", "doubling_if_new", "write"})
_WRITING = frozenset({"write", "writelines", "writerow", "writerows"})


@dataclass(frozen=True, eq=False)
class Effect:
    """One thing done.

    - `at`: the call that does it; `final`: the call that makes it last, where it waits for a commit.
    - `subject`: the model, the field or the file, for messages.
    - `sure`: whether a second time surely matters; money: whether it costs.
    """

    at: Reached
    what: What
    subject: str
    final: Reached
    sure: bool = True
    money: bool = False


def effects(body: TaskBody, depth: int) -> list[Effect]:
    """What the task does that doubles, in the order it comes to it."""
    methods = (each.original.method for each in body.reached(depth))
    if body.kinds_reached.isdisjoint(_DOING) and _WRITING.isdisjoint(methods):
        return []
    calls = sorted(body.reached(depth), key=position)
    found = [effect for each in calls if (effect := _effect(body, each, calls)) is not None]
    return [e for e in found if e.at.inside("handler") is None]


def _effect(body: TaskBody, at: Reached, calls: list[Reached]) -> Effect | None:
    kinds = body.kinds(at)
    call, method = at.call, at.original.method
    if "send" in kinds or "post" in kinds:
        return _outside(at, sends="send" in kinds)
    if "doubling" in kinds:
        return _row(body, at, _model(body, call.chain), calls)
    if "doubling_if_new" in kinds:
        model = made_here(body, call)
        if model is not None:
            return _row(body, at, model, calls)
    if "write" in kinds and method in ("save", "asave", "update", "aupdate"):
        field = _counted(at)
        if field is not None:
            return Effect(at, "count", field, at)
    if method in _WRITING and _appends(call):
        return Effect(at, "append", written(at.original.node.func).partition(".")[0], at)
    return None


# mails, messages, requests


def outside_effect(body: TaskBody, at: Reached) -> Effect | None:
    """The mail, message or payment that a call sends, or the request it makes; None for any other call."""
    kinds = body.kinds(at)
    return _outside(at, sends="send" in kinds) if kinds & {"send", "post"} else None


def _outside(at: Reached, *, sends: bool) -> Effect | None:
    text = at.original.text
    names = " ".join([text, *(call.method for call, _ in at.way), *_strings(at.original.node)])
    fails = at.call.keywords.get("fail_silently")
    if at.original.method in _HARMLESS or (fails is not None and fails.constant is True):
        return None
    if sends:
        money = (at.call.chain or "").startswith(_PAYMENTS)
        return Effect(at, "send", f"{text}()", at, money=money)
    money = bool(_MONEY.search(names))
    if not money and _READING.search(f"{names} {at.function.name}"):
        return None
    return Effect(at, "post", f"{text}()", at, sure=money or at.original.use == "statement", money=money)


def _strings(node: ast.Call) -> Iterator[str]:
    """The literal text in a call's address, its first argument or two."""
    given = [*node.args[:2], *(k.value for k in node.keywords if k.arg in ("url", "method"))]
    for argument in given:
        for child in ast.walk(argument):
            if isinstance(child, ast.Constant) and isinstance(child.value, str):
                yield child.value


# rows


def _row(body: TaskBody, at: Reached, model: str | None, calls: list[Reached]) -> Effect | None:
    call = at.call
    if model is None or _RECORDS.search(model.rpartition(".")[2]) or _is_refused(call):
        return None
    given = set(call.keywords) | _given_to(call)
    if given & _KEYS or has_unique_key(body, model, given) or _is_rebuilt(body, at, model, calls):
        return None
    subject = model.rpartition(".")[2]
    relation = _relation(body, call.chain)
    if relation:
        # Of which model these rows are, and what is unique among them, is not known.
        if _RELATED_RECORDS.search(relation):
            return None
        return Effect(at, "row", f"{subject}.{relation}", at, sure=False)
    final = at
    if "pending" in body.kinds(at):
        later = [c for c in calls if "commit" in body.kinds(c) and can_follow(at, c)]
        if later:
            final = later[0]
    return Effect(at, "row", subject, final)


def _relation(body: TaskBody, chain: str | None) -> str:
    """The relation of a row that a call adds another row to (`items` of `order.items.create`); or empty."""
    holder = (chain or "").rpartition(".")[0]
    name = holder.rpartition(".")[2]
    if not name or name.endswith((")", "]")) or body.project.is_model(holder.rpartition(".")[0]):
        return ""
    return "" if body.project.is_model(holder) or name in ("objects", "session") else name


def _is_refused(call: Call) -> bool:
    """Whether the database leaves out, or updates, what is there already."""
    return any(name in call.keywords for name in ("ignore_conflicts", "update_conflicts"))


def _given_to(call: Call) -> set[str]:
    """The fields given to an instance that is made on the spot."""
    makers = [value.call for value in (call.receiver, *call.args[:1]) if value is not None and value.call]
    return {name for maker in makers for name in maker.keywords}


def made_here(body: TaskBody, call: Call) -> str | None:
    """The model of which a new instance is saved or added, where the source shows that it is new."""
    values = [*call.args[:1], *([call.receiver] if call.receiver is not None else [])]
    for value in values:
        maker = value.call
        if maker is not None and maker.chain is not None and body.project.is_model(maker.chain):
            return maker.chain
    return None


def _model(body: TaskBody, chain: str | None) -> str | None:
    """The model at the beginning of a chain."""
    parts = (chain or "").split(".")
    for count in range(len(parts), 1, -1):
        name = ".".join(parts[:count]).replace("()", "").replace("[]", "")
        if body.project.is_model(name):
            return name
    return None


def model_of(body: TaskBody, at: Reached) -> str | None:
    """The dotted name of the model that a call writes; None where nobody can tell."""
    made = [value.chain for value in at.call.args[:1]] if "pending" in body.kinds(at) else []
    return next(filter(None, (_model(body, chain) for chain in (*made, at.call.chain))), None)


def _is_rebuilt(body: TaskBody, at: Reached, model: str, calls: Iterable[Reached]) -> bool:
    """Whether rows of the model, or some that belong to a row, are deleted first: all is made anew."""
    deletes = (each for each in calls if each.original.method in ("delete", "adelete", "_raw_delete"))
    for each in deletes:
        deleted = _model(body, each.call.chain)
        if deleted is None or not can_follow(each, at):
            continue
        if deleted == model or ".objects." not in (each.call.chain or ""):
            return True
    return False


# counters


def _counted(at: Reached) -> str | None:
    """The field that a save or update counts up or down, from what it was; None where there is none."""
    if at.original.method in ("update", "aupdate"):
        names = [name for name, value in at.call.keywords.items() if _is_relative(value, None)]
        return next((name for name in names if not _TRIES.search(name)), None)
    receiver = at.original.receiver
    if receiver is None or receiver.chain is None:
        return None
    own = [w for w in at.function.code.writes if w.owner == receiver.chain and w.order < at.original.order]
    for write in own:
        if _counts(write) and not _TRIES.search(last(write.target)):
            return last(write.target)
    return None


def _counts(write: Write) -> bool:
    if write.augmented:
        return isinstance(write.node, ast.AugAssign) and isinstance(write.node.op, _ADDING)
    return _is_relative(write.value, write.target)


def _is_relative(value: Value, target: str | None) -> bool:
    """Whether a value is computed from what the field held: `F("count") + 1`, `order.count + 1`."""
    if value.kind != "operation" or value.operator not in ("Add", "Sub", "Mult"):
        return False
    return any(_is_field(item, target) or _is_relative(item, target) for item in value.items)


def _is_field(value: Value, target: str | None) -> bool:
    if target is not None and value.chain == target:
        return True
    return last(value.chain) == "F" and (value.chain or "").startswith("django.db.models.")


# files


def _appends(call: Call) -> bool:
    """Whether what is written to was opened for appending."""
    receiver = call.receiver
    opened = receiver.call if receiver is not None else None
    if opened is None or last(opened.chain) != "open":
        return False
    mode = opened.argument("mode", 0 if opened.chain == "pathlib.Path().open" else 1)
    return mode is not None and mode.string is not None and mode.string.startswith("a")


__all__ = ["Effect", "What", "effects", "made_here", "model_of", "outside_effect"]
