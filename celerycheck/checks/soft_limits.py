"""The soft time limit: whether it gets through, and what it leaves behind."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celerycheck.checks._handlers import SOFT_LIMIT, catcher, is_broad, lets_through, raises_later
from celerycheck.checks._handling import answer_of, as_written, head, is_main_work, loop_around
from celerycheck.checks._limits import limit_of
from celerycheck.checks._pools import pool_of
from celerycheck.checks._wording import number
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block, Value, Write, last, segments
from celerycheck.source.evidence import TaskBody
from celerycheck.subjects import NotEvaluated

_BEGUN = frozenset({"running", "processing", "in_progress", "in progress", "started", "working"})
_LEFT_BEHIND = {"tempfile.mkdtemp": "a temporary folder", "tempfile.mkstemp": "a temporary file"}
_REMOVES = frozenset({"shutil.rmtree", "os.remove", "os.unlink", "os.rmdir"})


@check
def swallowed_soft_limit(body: TaskBody) -> Iterator[Problem]:
    """A broad handler catches the soft time limit as well.

    Why: SoftTimeLimitExceeded is an Exception like others and is raised once: a loop whose `except Exception`
        catches it goes on until the hard limit kills the process, and elsewhere a task that was stopped
        counts as a success.
    Fix: put `except SoftTimeLimitExceeded: raise` before the broad handler.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    limit = _soft_limit(body)
    if limit is None:
        return
    for block in body.code.blocks:
        handler = catcher(block, SOFT_LIMIT) if block.kind == "try" else None
        if handler is None or not is_broad(handler) or _catches_limit(handler):
            continue
        if not is_main_work(body, block):
            continue
        if lets_through(handler, body) == "never" and not raises_later(handler, body.code):
            yield from _swallows_limit(body, block, handler, limit)


def _swallows_limit(body: TaskBody, block: Block, handler: Block, limit: float) -> Iterator[Problem]:
    text = f"{as_written(handler)} catches SoftTimeLimitExceeded too (soft limit: {number(limit)} s)"
    fix = "put `except SoftTimeLimitExceeded: raise` before it"
    if loop_around(body, block) is not None and not _jumps_out(handler):
        hard = limit_of(body.app.settings, body.task, "time_limit")
        end = (
            f"until the hard limit of {number(hard)} s kills the process"
            if hard
            else "with no limit any more"
        )
        yield body.problem(f"{text}, and the loop goes on, {end}", head(handler), fix)
        return
    answer = answer_of(body, handler)
    if answer != "handled":
        shown = answer == "logs"
        yield body.problem(
            f"{text}: a task that was stopped counts as a success",
            head(handler),
            fix,
            at_most=Severity.INFO if shown else None,
        )


def _jumps_out(handler: Block) -> bool:
    """Whether a handler ends with leaving the loop around it."""
    node = handler.node
    return isinstance(node, ast.ExceptHandler) and isinstance(
        node.body[-1], (ast.Return, ast.Break, ast.Raise)
    )


def _soft_limit(body: TaskBody) -> float | None:
    """The soft limit in seconds, None where none applies. Raises NotEvaluated where nobody can tell."""
    pool = pool_of(body.app.settings)
    if pool is not None and not pool.soft:
        raise NotEvaluated(f"the {pool.name} pool enforces no soft time limits")
    return limit_of(body.app.settings, body.task, "soft_time_limit")


@check
def unhandled_soft_limit(body: TaskBody) -> Iterator[Problem]:
    """The soft time limit leaves work half done, and nothing tidies up.

    Why: the exception comes in the midst of the work: a row keeps saying that it is being worked on, a
        temporary file stays, unless something catches the exception or a `finally` follows.
    Fix: catch `SoftTimeLimitExceeded`, put things right and raise it again; or tidy up in a `finally`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/workers.html#time-limits
    """
    limit = _soft_limit(body)
    if limit is None or _tidies_up(body):
        return
    for node, left in (*_begun(body), *_temporary(body)):
        yield body.problem(
            f"{left} when the soft limit of {number(limit)} s interrupts the work",
            node,
            fix="put the work in a try, and put this right in `except SoftTimeLimitExceeded:` or `finally:`",
        )


def _tidies_up(body: TaskBody) -> bool:
    """Whether a handler, a `finally` or a hook of the task's class may put things right."""
    if any("on_failure" in cls.defines for cls in body.task.classes):
        return True
    return any(
        block.kind == "finally" or (block.kind == "handler" and (is_broad(block) or _catches_limit(block)))
        for block in body.code.blocks
    )


def _catches_limit(handler: Block) -> bool:
    return not SOFT_LIMIT.isdisjoint(handler.chains)


def _begun(body: TaskBody) -> Iterator[tuple[ast.AST, str]]:
    """Attributes set to say that work has begun, and set again once it is done."""
    for write in body.code.writes:
        word = _word(write.value)
        if word not in _BEGUN or last(write.target) not in ("status", "state"):
            continue
        again = [w for w in body.code.writes if w.target == write.target and w.order > write.order]
        if again and _works_between(body, write, again[-1]):
            yield write.node, f"{_target(write)} keeps saying {word!r}"


def _works_between(body: TaskBody, first: Write, second: Write) -> bool:
    """Whether more is called between two writes than what saves the first."""
    between = [call for call in body.code.calls if first.order < call.order < second.order]
    return any(call.method not in ("save", "commit", "flush", "now", "utcnow", "add") for call in between)


def _word(value: Value) -> str:
    """The word a status is set to: a literal's, or the last name of `Status.RUNNING`."""
    text = value.string if value.string is not None else last(value.chain)
    return text.lower()


def _target(write: Write) -> str:
    node = write.node
    targets = node.targets if isinstance(node, ast.Assign) else ()
    return ast.unparse(targets[0]) if targets else ".".join(segments(write.target or "")[-2:])


def _temporary(body: TaskBody) -> Iterator[tuple[ast.AST, str]]:
    """Temporary files and folders that are removed at the end of the work."""
    removes = any(call.chain in _REMOVES for call in body.code.calls)
    for call in body.code.calls:
        if removes and call.chain in _LEFT_BEHIND:
            yield call.node, f"{_LEFT_BEHIND[call.chain]} stays behind"


__all__ = ["swallowed_soft_limit", "unhandled_soft_limit"]
