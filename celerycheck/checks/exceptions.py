"""Handlers in tasks that hide what went wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celerycheck.checks._handlers import is_broad, lets_through, raises_later, suppresses
from celerycheck.checks._handling import Answer, answer_of, as_written, head, is_main_work, loop_around
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block
from celerycheck.source.evidence import TaskBody


@check
def swallowed_exception(body: TaskBody) -> Iterator[Problem]:
    """A task hides whatever goes wrong in it.

    Why: the task counts as a success, is not retried, reaches no error tracker, and nobody can tell from the
        log what happened and where.
    Fix: catch what you can do something about, and let the rest fail the task; where it must go on, call
        `logger.exception(...)`, which keeps the traceback.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#built-in-states
    """
    for block in body.code.blocks:
        broad = [handler for handler in block.handlers if is_broad(handler)]
        if not (broad or block.kind == "with") or not is_main_work(body, block):
            continue
        if suppresses(block, body.code.calls):
            yield _swallowed(body, block.node, "contextlib.suppress(Exception)", "silent", block)
        for handler in broad:
            if raises_later(handler, body.code):
                continue
            answer = answer_of(body, handler)
            if answer in ("silent", "logs a line") and lets_through(handler, body) == "never":
                yield _swallowed(body, head(handler), as_written(handler), answer, block)


def _swallowed(body: TaskBody, at: ast.AST, text: str, answer: Answer, around: Block) -> Problem:
    each = "each item's work" if loop_around(body, around) else "the work"
    if answer == "logs a line":
        return body.problem(
            f"{text} around {each} logs a line without the traceback, and the task counts as a success",
            at,
            fix="call logger.exception(...) in place of it, and raise where the task has failed",
            at_most=Severity.INFO if loop_around(body, around) else None,
        )
    return body.problem(
        f"{text} around {each} drops what went wrong: nothing is logged, and the task counts as a success",
        at,
        fix="catch only what is expected here, or call logger.exception(...) and raise",
        at_most=Severity.INFO if loop_around(body, around) else None,
    )


__all__ = ["swallowed_exception"]
