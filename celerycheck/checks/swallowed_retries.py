"""Exceptions that ask for a retry, and what in the task's own code keeps them from Celery."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Literal

from celerycheck.checks._exceptions import RETRY, catches_it, from_network, named
from celerycheck.checks._handlers import is_broad, lets_through, raises_later, suppresses
from celerycheck.checks._retrying import overrides_retry, retries_automatically, retry_calls, throws
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.source.following import DEPTH
from celerycheck.source.project import Project

_May = Literal["yes", "no", "perhaps"]
_EVERYTHING = frozenset({"Exception", "BaseException"})
_HARMLESS = frozenset({"logs", "logs_with_exc_info", "error_tracker", "sleep", "nothing"})
_NETWORK_OF_PYTHON = frozenset({"ftplib", "http", "imaplib", "poplib", "smtplib", "socket", "ssl", "urllib"})


@check
def swallowed_retry(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A retry is caught by the task's own code.

    Why: `self.retry()` sends the retry and raises `Retry` to say so. Whoever catches that ends the task as if
        it had succeeded, while its retry is under way: what follows the task starts too early, and twice; and
        when the retries are used up, nobody learns of it.
    Fix: `except Retry: raise` before the broad handler, or call `self.retry()` outside of the `try`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying
    """
    said: set[int] = set()
    for reached in retry_calls(body, depth):
        if not throws(reached):
            continue
        for block in reversed(reached.blocks):
            problem = _swallowed(body, reached, block)
            if problem is not None:
                if id(block.node) not in said:
                    yield problem
                said.add(id(block.node))
                break


def _swallowed(body: TaskBody, reached: Reached, block: Block) -> Problem | None:
    """What a block around a retry does to it, if that is a fault."""
    text = f"{reached.original.text}()"
    if block.kind == "try":
        handler = _handler_of(block, RETRY, body.project)
        caught = None if handler is None else _caught(body, reached, handler)
        if caught is not None:
            return caught
    if block.kind in ("try", "handler", "try-else") and _ends_with_return(block.group):
        return body.problem(
            f"{text} raises Retry, which `return` in `finally` discards: the task reports SUCCESS while its"
            " retry is sent",
            at=reached,
            fix="move the return out of finally",
        )
    if block.kind == "with" and suppresses(block, (r.original for r in body.reached())):
        return body.problem(
            f"{text} raises Retry, which suppress() discards: the task goes on while its retry is sent",
            at=reached,
            fix="call it outside of suppress(), or suppress fewer exceptions",
        )
    return None


def _caught(body: TaskBody, reached: Reached, handler: Block) -> Problem | None:
    """What becomes of a retry that a handler catches."""
    ending = _ending(body, reached, handler)
    if ending is None:
        return None
    outcome, at_most = ending
    text, caught = f"{reached.original.text}()", _written(handler)
    by_name = any(chain is not None and named(chain) == RETRY for chain in handler.chains)
    return body.problem(
        f"{text} raises Retry, which `{caught}` {outcome}",
        at=reached,
        fix="raise it again" if by_name else f"except Retry: raise, before `{caught}`",
        # Whoever names Retry knows of it.
        at_most=Severity.WARNING if by_name else at_most,
    )


def _ending(body: TaskBody, reached: Reached, handler: Block) -> tuple[str, Severity | None] | None:
    """How a handler that catches a retry ends the task; None where that may be as it should."""
    if _tells_apart(handler):
        return None
    leaving = lets_through(handler, body)
    if _retries(body, handler):
        return "catches to retry once more: two retries are sent for one run, and each sends two again", None
    if leaving == "never":
        kept = _keeps(body, reached, handler)
        return None if kept else ("catches: the task reports SUCCESS while its retry is sent", None)
    if leaving == "always" and any(isinstance(node, ast.Raise) for node in ast.walk(handler.node)):
        outcome = "turns into another exception: the task reports FAILURE while its retry is sent"
        return outcome, Severity.WARNING
    return None


def _tells_apart(handler: Block) -> bool:
    """Whether a handler raises again what it caught, or looks at what it is."""
    for node in ast.walk(handler.node):
        if isinstance(node, ast.Raise):
            if node.exc is None or (isinstance(node.exc, ast.Name) and node.exc.id == handler.name):
                return True
        elif isinstance(node, ast.Name) and node.id in ("isinstance", "type"):
            return True
    return False


def _handler_of(block: Block, exception: str, project: Project) -> Block | None:
    """The handler that an exception raised in a `try` block meets; None where that is none, or not sure."""
    for handler in block.handlers:
        if is_broad(handler) or any(catches_it(chain, exception, project) for chain in handler.chains):
            return handler
        if None in handler.chains:
            return None
    return None


def _retries(body: TaskBody, handler: Block) -> bool:
    """Whether a handler asks for a retry itself."""
    return any(handler in reached.blocks and throws(reached) for reached in retry_calls(body, DEPTH))


def _keeps(body: TaskBody, reached: Reached, handler: Block) -> bool:
    """Whether what was caught may be raised later, behind the `try`."""
    functions = [reached.function, *(function for _, function in reached.way)]
    return any(raises_later(handler, f.code) for f in functions if handler in f.code.blocks) or (
        handler in body.code.blocks and raises_later(handler, body.code)
    )


def _ends_with_return(statement: object) -> bool:
    """Whether the `finally` of a `try` returns in any case."""
    last = getattr(statement, "finalbody", ())
    return any(isinstance(node, ast.Return) for node in last)


def _written(handler: Block) -> str:
    """`except Exception`, as it stands there."""
    kind = getattr(handler.node, "type", None)
    return "except:" if kind is None else f"except {ast.unparse(kind)}"


@check
def hidden_autoretry(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """The task catches what autoretry_for should retry.

    Why: Celery retries what leaves the task's function. An exception that a handler in the body keeps never
        gets there: the options promise retries, and the task reports success after the first failure.
    Fix: let the exception through (`raise` at the end of the handler), or catch fewer.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    task = body.task
    if not retries_automatically(task) or overrides_retry(task):
        return
    hidden = [(name, _hiding(body, name, depth)) for name in task.autoretry_for]
    found = [(name, *at) for name, at in hidden if at is not None]
    if not found:
        return
    name, handler, sure = found[0]
    inherited = task.explicit.get("autoretry_for") != "decorator"
    partly = len(found) < len(task.autoretry_for) or len({id(h.node) for _, h, _ in found}) > 1
    short = name.rpartition(".")[2]
    yield body.problem(
        f"autoretry_for lists {short}, but `{_written(handler)}` keeps it: what fails in its try is never"
        " retried",
        at=handler.node,
        fix="raise at the end of the handler, or catch fewer exceptions",
        at_most=Severity.WARNING
        if inherited or partly or not sure or _is_one_of_many(body, handler)
        else None,
    )


def _hiding(body: TaskBody, exception: str, depth: int) -> tuple[Block, bool] | None:
    """The handler in the body that keeps an exception from autoretry, and whether nothing else may raise it.

    None where a call that does raise it stands outside of such a handler.
    """
    ends = cache(partial(_ends, body))
    kept: dict[_May, list[Block]] = {"yes": [], "perhaps": []}
    sure = True
    for reached in body.reached(depth):
        may = _may_raise(body, reached, exception)
        if may == "no":
            continue
        handler = _keeping(body, reached, exception, ends)
        if handler is not None:
            kept[may].append(handler)
        elif may == "yes":
            return None
        elif reached.depth == 0 and reached.inside("handler") is None:
            sure = False
    if not kept["yes"] and sure and named(exception) in _EVERYTHING:
        kept["yes"] = kept["perhaps"]
    return (kept["yes"][0], sure) if kept["yes"] else None


def _keeping(body: TaskBody, reached: Reached, exception: str, ends: Callable[[Block], bool]) -> Block | None:
    """The handler of the task's own body that ends what this call raises."""
    own = reached.way[0][0].blocks if reached.way else reached.original.blocks
    for number, block in reversed([*enumerate(own)]):
        handler = _handler_of(block, exception, body.project) if block.kind == "try" else None
        if handler is not None:
            return handler if ends(handler) and not any(map(_tries_again, own[:number])) else None
    return None


def _tries_again(block: Block) -> bool:
    """Whether a block is a loop of attempts, rather than one over things to be done."""
    return block.kind == "while" or (block.kind == "loop" and block.chains == ("builtins.range()",))


def _is_one_of_many(body: TaskBody, handler: Block) -> bool:
    """Whether a handler stands in a loop, where it lets the others go on."""
    loops = (node for node in ast.walk(body.node) if isinstance(node, ast.For | ast.AsyncFor))
    return any(child is handler.node for loop in loops for child in ast.walk(loop))


def _ends(body: TaskBody, handler: Block) -> bool:
    """Whether an exception never leaves a handler, not even as a retry by other means."""
    if lets_through(handler, body) != "never" or raises_later(handler, body.code):
        return False
    return not _retries(body, handler) and not _sends_itself(body, handler)


def _sends_itself(body: TaskBody, handler: Block) -> bool:
    return any(site.name == body.name and handler in site.call.blocks for site in body.sites)


def _may_raise(body: TaskBody, reached: Reached, exception: str) -> _May:
    """Whether a call may raise an exception: `yes`, `no`, or `perhaps` where nothing is known of it."""
    call = reached.call
    chain = call.chain
    kinds = body.kinds(call)
    if not _HARMLESS.isdisjoint(kinds) or _is_plain(chain):
        return "no"
    if named(exception) in _EVERYTHING:
        return _may_fail(body, reached)
    if "network" in kinds and chain is not None:
        return "yes" if _raised_by(exception, chain) else "no"
    if body.project.function(chain) is not None:
        return _raises_itself(body, reached, exception)
    known = kinds or (chain is not None and _is_model(body, chain))
    return "no" if known or (chain is not None and not from_network(exception)) else "perhaps"


def _may_fail(body: TaskBody, reached: Reached) -> _May:
    """Whether a call is the work that `autoretry_for=(Exception,)` is about."""
    if "network" in body.kinds(reached.call):
        return "yes"
    return "perhaps" if reached.depth == 0 else "no"


def _raises_itself(body: TaskBody, reached: Reached, exception: str) -> _May:
    """Whether a function of the project raises an exception that is the project's own."""
    function = body.project.function(reached.call.chain)
    if function is None or "." not in exception or from_network(exception):
        return "no"
    for found in function.code.raises:
        raised = (found.value.chain or "").removesuffix("()") if found.value is not None else ""
        if raised and catches_it(exception, raised, body.project) and not found.blocks:
            return "yes"
    return "no"


def _raised_by(exception: str, chain: str) -> bool:
    """Whether a network call may raise an exception, by the packages both come from."""
    name = named(exception)
    package, library = name.partition(".")[0], chain.partition(".")[0]
    if name == "OSError" or package == library:
        return True
    if library in _NETWORK_OF_PYTHON:
        return name in ("ConnectionError", "TimeoutError") or package in _NETWORK_OF_PYTHON
    return library == "django" and package == "smtplib"


def _is_plain(chain: str | None) -> bool:
    """Whether a call is one of Python's own that fails for bugs only."""
    top = (chain or "").partition(".")[0]
    return top in sys.stdlib_module_names and top not in _NETWORK_OF_PYTHON


def _is_model(body: TaskBody, chain: str) -> bool:
    parts = chain.split(".")
    starts = (".".join(parts[:length]).rstrip("()[]") for length in range(1, len(parts) + 1))
    return any(map(body.project.is_model, starts))
