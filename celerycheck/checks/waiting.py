"""Tasks that hold a worker while they wait: for another task's result, or for time to pass."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celerycheck.checks._conditions import on_request, parts, while_debugging
from celerycheck.checks._handlers import catches
from celerycheck.checks._pools import pool_of
from celerycheck.checks._task_results import Result, result_of, result_of_chain
from celerycheck.checks._wording import number
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block, Value, last, owner
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.subjects import NotEvaluated, Settings

_CONDITIONS = frozenset({"ready", "successful", "failed", "state", "status", "waiting", "completed_count"})
_RAISES = frozenset({"get", "wait", "join", "join_native", "collect", "get_leaf"})
"""Methods of results that refuse to run inside a task (`assert_will_not_block`, Celery 5.3 to 5.7)."""
_BLOCKS = frozenset({"iter_native"})
_OF_PROCESSES = frozenset({"is_alive", "exitcode", "returncode"})
"""Attributes of processes and threads: `multiprocessing.Process`, `subprocess.Popen`, `threading.Thread`."""
_STUCK = "when every worker waits, nothing is left to run it"


@check
def waits_for_task(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task waits for the result of another task.

    Why: Celery refuses: inside a worker `get()` and `join()` raise RuntimeError, though not in tests that
        call the task or run it eagerly. Where that is switched off, the waiting task holds a process that
        the other one may need, and once all of them wait, nothing runs any more.
    Fix: chain the tasks, so that the second receives the first one's result: `first.s(1) | second.s()`, or
        `chord(header)(body)` after several; a task may also return `self.replace(chain)`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#avoid-launching-synchronous-subtasks
    """
    for reached in body.reached(depth):
        call = reached.call
        if call.method in _RAISES | _BLOCKS and call.receiver is not None:
            found = result_of(body, call.receiver)
            if found is not None and not found.ignored and not _expected(reached, found):
                yield _wait(body, reached, found)
        elif call.method in _CONDITIONS and call.receiver is not None:
            found = result_of(body, call.receiver)
            if found is not None and _asks_until(reached):
                yield _poll(body, reached, reached.original.text, found)
    for block, text, found in _polled_attributes(body):
        yield _poll(body, block.node, text, found)


def _wait(body: TaskBody, reached: Reached, found: Result) -> Problem:
    call, text = reached.call, f"{reached.original.text}()"
    pool = pool_of(body.app.settings)
    if call.method in _BLOCKS or _allowed(reached):
        message = f"{text} holds a worker until {found.of} is done; {_STUCK}"
        return body.problem(message, at=reached, fix=_chained(found), at_most=Severity.WARNING)
    if found.eager:
        return body.problem(
            f"{text} raises RuntimeError inside a worker, though apply() has run {found.of} already",
            at=reached,
            fix="read the result's .result, or call the function itself",
            at_most=None if _refuses(body.app.settings) else Severity.INFO,
        )
    if pool is not None and not _refuses(body.app.settings):
        message = (
            f"{text} waits for {found.of}: in the {pool.name} pool it holds its place until that is done"
        )
        return body.problem(message, at=reached, fix=_chained(found), at_most=Severity.WARNING)
    message = f"{text} waits for {found.of}: inside a worker Celery raises RuntimeError"
    at_most = Severity.INFO if on_request(reached) else None
    return body.problem(message, at=reached, fix=_chained(found), at_most=at_most)


def _expected(reached: Reached, found: Result) -> bool:
    """Whether somebody has thought of Celery's refusal; a result of `apply()` is there at once."""
    if found.eager and _allowed(reached):
        return True
    tries = (block for block in reached.blocks if block.kind == "try")
    return any(catches(handler, ["builtins.RuntimeError"]) for t in tries for handler in t.handlers)


def _refuses(settings: Settings) -> bool:
    """Whether the pool makes `get()` raise: all but the green ones do (`task_join_will_block`)."""
    pool = pool_of(settings)
    return pool is None or pool.name not in ("gevent", "eventlet")


def _allowed(reached: Reached) -> bool:
    """Whether Celery's refusal is switched off, or may be."""
    given = reached.call.keywords.get("disable_sync_subtasks")
    if given is not None:
        return given.constant is not True
    if reached.call.open_keywords:
        return True
    return any(
        block.kind == "with" and "celery.result.allow_join_result()" in block.chains
        for block in reached.blocks
    )


def _chained(found: Result) -> str:
    first = "..." if found.of.startswith("a ") else f"{found.of}.s(...)"
    return f"make what follows a task of its own and chain it: ({first} | use_result.s()).delay()"


def _poll(body: TaskBody, at: Reached | ast.AST, text: str, found: Result) -> Problem:
    text = text if "(" in text or isinstance(at, ast.AST) else f"{text}()"
    return body.problem(
        f"asks {text} in a loop, and holds a worker until {found.of} is done; {_STUCK}",
        at=at,
        fix=_chained(found),
        at_most=Severity.WARNING,
    )


def _asks_until(reached: Reached) -> bool:
    """Whether a call decides how long a `while` of its own function goes on."""
    node = reached.original.node
    for block in reached.function.code.blocks:
        if block.kind != "while" or not isinstance(block.node, ast.While):
            continue
        if _below(block.node.test, node) or any(
            isinstance(inner, ast.If) and _below(inner.test, node) and _jumps(inner)
            for statement in block.node.body
            for inner in ast.walk(statement)
        ):
            return True
    return False


def _below(tree: ast.AST, node: ast.AST) -> bool:
    return any(child is node for child in ast.walk(tree))


def _jumps(node: ast.If) -> bool:
    return any(isinstance(child, (ast.Break, ast.Return)) for child in ast.walk(node))


def _polled_attributes(body: TaskBody) -> Iterator[tuple[Block, str, Result]]:
    """The `while` blocks of its own body that ask a result's state, which is no call."""
    for block in body.code.blocks:
        if block.kind != "while" or not isinstance(block.node, ast.While):
            continue
        for value in parts(block.test):
            holder = owner(value.chain)
            if value.call is None and holder is not None and last(value.chain) in ("state", "status"):
                found = result_of_chain(body, holder)
                if found is not None:
                    yield block, f".{last(value.chain)}", found


@check
def blocking_sleep(body: TaskBody, *, seconds: float = 1.0, depth: int = 4) -> Iterator[Problem]:
    """A task sleeps while it holds a worker.

    Why: a worker process does nothing else meanwhile; a few such tasks keep the queue waiting though nobody
        works, and their time limits run on.
    Fix: let the worker go and come back: `self.retry(countdown=30)`, or a second task sent with `countdown`;
        to keep to a rate, `rate_limit` on a task of one item.
    Reference: https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown
    """
    pool = pool_of(body.app.settings)
    if pool is not None and pool.name in ("gevent", "eventlet"):
        raise NotEvaluated(f"the {pool.name} pool runs other tasks while one sleeps")
    for reached in body.reached(depth) if "sleep" in body.kinds_reached else ():
        if reached.call.awaited or "sleep" not in body.kinds(reached) or while_debugging(reached.blocks):
            continue
        given = reached.call.argument("secs", 0) or reached.call.argument("seconds")
        length = _shortest(given) if given is not None else None
        loop = next((block for block in reversed(reached.blocks) if block.kind in ("while", "loop")), None)
        if length is None and (loop is None or loop.kind != "while"):
            continue
        if length is None or length >= seconds:
            yield _sleeps(body, reached, length, loop)


def _shortest(value: Value) -> float | None:
    """The number of seconds, the least of several; None where one of them cannot be told."""
    if value.kind != "either":
        return value.number
    lengths = [_shortest(item) for item in value.items]
    known = [length for length in lengths if length is not None]
    return min(known) if len(known) == len(lengths) else None


def _sleeps(body: TaskBody, reached: Reached, length: float | None, loop: Block | None) -> Problem:
    call = (
        f"{reached.original.text}({number(length)})" if length is not None else f"{reached.original.text}()"
    )
    again = f"countdown={number(length)}" if length is not None else "countdown=..."
    if loop is None:
        message = f"{call} keeps a worker from anything else for {number(length or 0)} s"
        return body.problem(
            message, reached, f"{_retry(body, again)}, or send what follows as a task with {again}"
        )
    if loop.kind == "while" and _watches_process(loop):
        return body.problem(
            f"{call} in a while loop keeps a worker while a process that it started runs",
            reached,
            "wait for the process itself, with a timeout: join(timeout=...) or wait(timeout=...)",
            at_most=Severity.INFO,
        )
    if loop.kind == "while":
        message = f"{call} in a while loop keeps a worker waiting until something happens elsewhere"
        return body.problem(
            message, reached, f"look once, and {_retry(body, again)} while it has not happened yet"
        )
    if loop.chains == ("builtins.range()",):
        when = "between attempts" if _attempts(loop) else "in each round"
        message = f"{call} in a loop keeps a worker from anything else {when}"
        return body.problem(message, reached, f"do one round, and {_retry(body, again)} for the next")
    return body.problem(
        f"{call} after each item of a loop: a worker is held for as long as all the pauses take",
        reached,
        "send one task for each item and give that task a rate_limit, or spread them with countdown",
        at_most=Severity.INFO,
    )


def _watches_process(loop: Block) -> bool:
    """Whether a loop asks about a process at hand, which nobody but this task can wait for."""
    return any(
        (isinstance(node, ast.Attribute) and node.attr in _OF_PROCESSES)
        or (
            isinstance(node, ast.Compare)
            and _polls(node.left)
            and isinstance(node.ops[0], (ast.Is, ast.IsNot))
        )
        for node in ast.walk(loop.node)
    )


def _polls(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "poll"


def _attempts(loop: Block) -> bool:
    """Whether a loop ends early where something has worked."""
    return any(isinstance(node, (ast.Try, ast.Break, ast.Return)) for node in ast.walk(loop.node))


def _retry(body: TaskBody, again: str) -> str:
    bound = "" if body.task.bound or body.task.class_based else " (with bind=True)"
    return f"call self.retry({again}){bound}"


__all__ = ["blocking_sleep", "waits_for_task"]
