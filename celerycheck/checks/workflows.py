"""Tasks that send what nobody can wait for: workflows inside a step, and themselves again and again."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from celerycheck.checks._delays import seconds_of
from celerycheck.checks._wording import number
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.calls import DIRECT, SENDING, Node
from celerycheck.source.code import TASK, Block, Call, Raise, Return
from celerycheck.source.evidence import CallSite, TaskBody, Workflow

_WAITS = frozenset({"get", "wait", "join", "collect", "join_native"})


@check
def nested_workflow(body: TaskBody) -> Iterator[Problem]:
    """A step of a workflow launches a workflow of its own.

    Why: the step is done as soon as it has sent the inner workflow, so what follows it in the outer one
        starts before the inner one has finished, or has even begun.
    Fix: `return self.replace(inner)` in a bound task: what follows then waits for it; or build one workflow
        from both where the outer one is made. Where nothing follows the task, this is a hint.
    Reference: celery.app.task.Task.replace
    """
    name = body.name.rpartition(".")[2]
    follower = next(filter(None, map(_follower, body.callers)), None)
    for flow in body.workflows:
        launch = next((call for call in flow.launches if call.method != "apply"), None)
        if flow.parent is not None or launch is None or _is_waited_for(body, launch):
            continue
        if follower is None:
            yield body.problem(
                f"{name} sends a {flow.kind} and ends before it is done: what is chained on it does not wait",
                launch,
                at_most=Severity.INFO,
            )
        else:
            yield body.problem(
                f"{name} sends a {flow.kind} and ends before it is done; {follower}, which follows {name}"
                " in a workflow, does not wait for it",
                launch,
                fix=f"return self.replace(...) with the {flow.kind} in place of sending it",
            )


def _follower(site: CallSite) -> str | None:
    """What runs after a signature's task in the workflow that it is a step of; None where nothing does."""
    flow, index = site.workflow, site.index
    while flow is not None:
        if flow.kind == "chain" and index + 1 < len(flow.steps):
            return _words(flow.steps[index + 1])
        if flow.kind == "chord" and index < len(flow.steps) and flow.body is not None:
            return _words(flow.body)
        index, flow = flow.index, flow.parent
    return None


def _words(node: Node | None) -> str:
    first = next(node.sites(), None) if isinstance(node, Workflow) else node
    return "the next step" if first is None else first.name.rpartition(".")[2]


def _is_waited_for(body: TaskBody, launch: Call) -> bool:
    """Whether its result is waited for on the spot, which has a check of its own."""
    calls = (call for call in body.code.calls if call.method in _WAITS and call.receiver is not None)
    return any(call.receiver is not None and call.receiver.call is launch for call in calls)


@check
def self_rescheduling_task(body: TaskBody) -> Iterator[Problem]:
    """A task sends itself again, whatever happens.

    Why: each message of it lives for ever: one sent twice, by a redelivery, a retry or a second start of
        whatever starts it, goes on beside the first; and once one is lost nothing starts it again.
    Fix: an entry in `beat_schedule` for what is to run again and again; else send it only while something is
        left to do.
    Reference: https://docs.celeryq.dev/en/stable/userguide/periodic-tasks.html
    """
    own = [call for call in _own_sends(body) if _with_same_arguments(body, call)]
    always = next((call for call in own if _always_happens(body, call)), None)
    if always is None:
        always = next((call for call in own if any(_alternatives(call, other) for other in own)), None)
        if always is not None and _leaves_before(body, always):
            always = None
    if always is None:
        return
    given = always.keywords.get("countdown")
    seconds = None if given is None else seconds_of(given)
    pace = "" if seconds is None else f" after {number(seconds)} s"
    every = "" if seconds is None else f" every {number(seconds)} s"
    name = body.name.rpartition(".")[2]
    yield body.problem(
        f"{name} sends itself again{pace} with the same arguments in every run: nothing ends it, and a second"
        " copy runs on beside the first",
        always,
        fix=f"remove the call, and let beat send {name}{every}: an entry in beat_schedule",
    )


def _own_sends(body: TaskBody) -> Iterator[Call]:
    """The calls in its own body that send the task itself."""
    own = {id(site.call.node) for site in body.callers if site.sent}
    for call in body.calls:
        if call.method in SENDING and call.method != "apply":
            receiver = (call.chain or "").rpartition(".")[0]
            if receiver == TASK or id(call.node) in own:
                yield call


def _always_happens(body: TaskBody, call: Call) -> bool:
    """Whether no condition, loop or lock stands between the start of a run and that call."""
    return all(map(_runs_through, call.blocks)) and not _leaves_before(body, call)


def _runs_through(block: Block) -> bool:
    if isinstance(block.node, (ast.With, ast.AsyncWith)):
        return not any("lock" in ast.unparse(item.context_expr).lower() for item in block.node.items)
    return block.kind in ("try", "try-else", "finally")


def _leaves_before(body: TaskBody, call: Call) -> bool:
    """Whether a run may end before it comes to that call; `finally` is come to from its `try` in any case."""
    finals = [block.group for block in call.blocks if block.kind == "finally"]
    exits: Sequence[Return | Raise] = (*body.code.returns, *body.code.raises)
    for leaving in exits:
        inside = any(
            block.group is group and block.kind != "finally" for block in leaving.blocks for group in finals
        )
        if leaving.order < call.order and not inside and leaving.blocks:
            return True
    return False


def _alternatives(call: Call, other: Call) -> bool:
    """Whether they stand in an `if` and in its `else`, so that a run comes to one of both."""
    if not call.blocks or not other.blocks or not all(map(_runs_through, call.blocks[:-1])):
        return False
    mine, theirs = call.blocks[-1], other.blocks[-1]
    return mine.group is theirs.group and (mine.kind, theirs.kind) == ("if", "else")


def _with_same_arguments(body: TaskBody, call: Call) -> bool:
    """Whether the task is given what it was given itself, or literals; False where that cannot be told."""
    given = _given(call)
    arguments = body.node.args
    names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    names |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
    names -= {
        n.id for n in ast.walk(body.node) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)
    }
    return given is not None and all(
        isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in names) for node in given
    )


def _given(call: Call) -> list[ast.expr] | None:
    """The expressions that give the task its arguments; None where they cannot be told."""
    node = call.node
    if call.method in DIRECT:
        values = [*node.args, *(keyword.value for keyword in node.keywords)]
        return [value.value if isinstance(value, ast.Starred) else value for value in values]
    named = {keyword.arg: keyword.value for keyword in node.keywords}
    if None in named or any(isinstance(value, ast.Starred) for value in node.args):
        return None
    given: list[ast.expr] = []
    for position, name in enumerate(("args", "kwargs")):
        value = node.args[position] if position < len(node.args) else named.get(name)
        match value:
            case None | ast.Constant(value=None) | ast.Attribute(attr="args" | "kwargs"):
                continue
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Dict(values=items):
                given += (item.value if isinstance(item, ast.Starred) else item for item in items)
            case _:
                return None
    return given
