"""Results of tasks: which values in source are one, and of what."""

from __future__ import annotations

import re
from dataclasses import dataclass

from celerycheck.source.calls import SENDING, SIGNATURES
from celerycheck.source.code import TASK, Value, last
from celerycheck.source.evidence import TaskBody

_RESULTS = frozenset(
    f"celery.{module}{name}()"
    for module in ("result.", "")
    for name in ("AsyncResult", "GroupResult", "ResultSet", "GroupResult.restore", "GroupResult.load")
)
_OF_APP = frozenset({"AsyncResult()", "GroupResult()", "ResultSet()", "send_task()"})
_APP = re.compile(r"celery\.(?:Celery\(\)|app\.base\.Celery\(\)|current_app|app\.current_app\(\))")
_CANVAS = re.compile(
    r"celery\.(?:canvas\.)?(?:chain|group|chord|signature|subtask|Signature|xmap|xstarmap|chunks)\(\)"
)
_KEEPS = frozenset({"set()", "on_error()", "clone()"})
_PARTS = ("children[]", "results[]", "parent", "children", "results")


@dataclass(frozen=True)
class Result:
    """The result of a task or workflow: `of` names it for messages, `ignored` says there will be none."""

    of: str
    ignored: bool = False
    eager: bool = False


def result_of(body: TaskBody, value: Value) -> Result | None:
    """What a value is the result of; None where it is, or may be, no result."""
    if value.kind == "either":
        return next(filter(None, (result_of(body, item) for item in value.items)), None)
    if value.chain is not None:
        return result_of_chain(body, value.chain)
    call = value.call
    sent = call.receiver if call is not None and call.method in SENDING else None
    return Result("a chain") if sent is not None and _piped(body, sent) else None


def result_of_chain(body: TaskBody, chain: str) -> Result | None:
    """What the value of that chain is the result of; None where it is, or may be, no result."""
    for part in _PARTS:
        if chain.endswith(f".{part}"):
            return result_of_chain(body, chain[: -len(part) - 1])
    if chain in _RESULTS:
        return Result("a task")
    receiver, _, method = chain.rpartition(".")
    if method in _OF_APP and (_is_app(body, receiver) or _task_name(body, receiver) is not None):
        return Result("a task")
    if method.removesuffix("()") in SENDING and method.endswith("()"):
        return _sent(body, receiver, eager=method == "apply()")
    # chord(header)(body) and group(...)() send it, as delay() does.
    launched = chain.removesuffix("()")
    return Result(_canvas_name(launched)) if launched != chain and _CANVAS.fullmatch(launched) else None


def _sent(body: TaskBody, chain: str, *, eager: bool) -> Result | None:
    """The result of sending a task, a signature or a workflow."""
    name = _task_name(body, chain)
    if name is not None:
        task = body.app.task(name)
        return Result(name.rpartition(".")[2], bool(task and task.option("ignore_result") is True), eager)
    while _step(chain) in _KEEPS:
        chain = chain.rpartition(".")[0]
    if _CANVAS.fullmatch(chain):
        return Result(_canvas_name(chain), eager=eager)
    method = _step(chain).removesuffix("()")
    signed = _task_name(body, chain.rpartition(".")[0]) if method in SIGNATURES else None
    if signed is not None:
        return Result(signed.rpartition(".")[2], eager=eager)
    if method == "signature" and _is_app(body, chain.rpartition(".")[0]):
        return Result("a task", eager=eager)
    return None


def _step(chain: str) -> str:
    return chain.rpartition(".")[2]


def _canvas_name(chain: str) -> str:
    name = last(chain)
    return f"a {name}" if name in ("chain", "group", "chord") else "a task"


def _task_name(body: TaskBody, chain: str) -> str | None:
    if chain == TASK:
        return body.name
    task = body.project.task(chain)
    return task.name if task is not None else None


def _is_app(body: TaskBody, chain: str) -> bool:
    app = body.app
    return chain in (f"{TASK}.app", f"{app.module}.{app.attribute}") or _APP.fullmatch(chain) is not None


def _piped(body: TaskBody, value: Value) -> bool:
    """Whether it is signatures joined with `|`."""
    if value.kind != "operation" or value.operator != "BitOr":
        return False
    return any(
        _piped(body, item) or (item.chain is not None and _sent(body, item.chain, eager=False) is not None)
        for item in value.items
    )
