"""What handlers do about an exception, and how much of a task's work they guard."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Literal

from celerycheck.source.code import Block, Call
from celerycheck.source.evidence import TaskBody

Answer = Literal["silent", "logs a line", "logs", "handled"]
"""What a handler does about an exception: nothing; it logs it, without or with its traceback; or more."""

_QUIET = frozenset(
    {"builtins.print", "builtins.str", "builtins.repr", "builtins.format", "builtins.type", "builtins.len"}
)
_LOGGING = frozenset({"logs", "logs_with_exc_info", "error_tracker"})
_ASIDE = ("logging.getLogger", "celery.utils.log.", "traceback.", "structlog.", "django.conf.settings")
"""What a function calls that merely logs."""

_QUIET_METHODS = frozenset({"format", "sleep", "rollback", "format_map", "join"})


def answer_of(body: TaskBody, handler: Block) -> Answer:
    """What a handler of the body does about an exception, control apart."""
    node = handler.node
    if not isinstance(node, ast.ExceptHandler) or any(map(_acts, _below(node))):
        return "handled"
    own = [r.call for r in body.reached(0) if handler in r.call.blocks]
    answers = {_answer_of(body, call) for call in own}
    order: tuple[Answer, ...] = ("handled", "logs", "logs a line")
    return next((answer for answer in order if answer in answers), "silent")


def _below(handler: ast.ExceptHandler) -> Iterator[ast.AST]:
    return (node for statement in handler.body for node in ast.walk(statement))


def _acts(node: ast.AST) -> bool:
    """Whether a piece of a handler keeps something of the exception, or answers it with a value."""
    if isinstance(node, ast.Return):
        value = node.value
        return value is not None and not (
            isinstance(value, ast.Constant) and value.value in (None, False, True)
        )
    return isinstance(
        node,
        (ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr, ast.Yield, ast.Delete, ast.FunctionDef),
    )


def _answer_of(body: TaskBody, call: Call) -> Answer:
    kinds = body.kinds(call)
    if "logs" in kinds or "error_tracker" in kinds or _with_traceback(call):
        return "logs"
    if "logs_with_exc_info" in kinds or call.chain == "builtins.print" or _like_a_logger(call):
        return "logs a line"
    if call.chain in _QUIET or call.method in _QUIET_METHODS:
        return "silent"
    return _answer_of_helper(body, call)


def _answer_of_helper(body: TaskBody, call: Call) -> Answer:
    """What a project's function does that a handler calls: `logs` where it logs a traceback and no more."""
    function = body.project.function(call.chain)
    if function is None or function.code.writes or any(each.value for each in function.code.returns):
        return "handled"
    kinds = [body.kinds(each) for each in function.code.calls]
    quiet = all(
        kind & _LOGGING or (each.chain or "").startswith(_ASIDE) or each.chain in _QUIET
        for each, kind in zip(function.code.calls, kinds, strict=True)
    )
    return "logs" if quiet and any(kind & {"logs", "error_tracker"} for kind in kinds) else "handled"


def _with_traceback(call: Call) -> bool:
    given = call.keywords.get("exc_info") or call.keywords.get("exception")
    return given is not None and not (given.is_constant and not given.constant)


def _like_a_logger(call: Call) -> bool:
    """Whether it reads like `logger.error(...)`, whatever the logger is."""
    holder, _, method = call.text.rpartition(".")
    return "log" in holder.lower() and method in ("debug", "info", "warning", "warn", "error", "critical")


def head(handler: Block) -> ast.AST:
    """The line of a handler's `except`, as a place; its body is left out."""
    node = handler.node
    if not isinstance(node, ast.ExceptHandler):
        return node
    end = node.type or node
    width = len("except") if node.type is None else 0
    return ast.Pass(
        lineno=node.lineno,
        col_offset=node.col_offset,
        end_lineno=end.end_lineno if node.type is not None else node.lineno,
        end_col_offset=node.col_offset + width if node.type is None else end.end_col_offset,
    )


def as_written(handler: Block) -> str:
    node = handler.node
    caught = node.type if isinstance(node, ast.ExceptHandler) else None
    return "a bare except" if caught is None else f"except {ast.unparse(caught)}"


def is_main_work(body: TaskBody, block: Block) -> bool:
    """Whether a `try` or `with` holds at least half of the statements of the loop or body around it."""
    if block.kind not in ("try", "with") or not isinstance(block.node, (ast.Try, ast.With)):
        return False
    if not any(isinstance(node, ast.Call) for part in block.node.body for node in ast.walk(part)):
        return False
    around = loop_around(body, block)
    return 2 * _count(block.node.body) >= _count(around.body if around is not None else body.function.body)


def loop_around(body: TaskBody, block: Block) -> ast.For | ast.While | None:
    """The innermost loop of the body around a block."""
    around: ast.For | ast.While | None = None
    for other in body.code.blocks:
        loop = other.node
        if isinstance(loop, (ast.For, ast.While)) and any(node is block.node for node in ast.walk(loop)):
            around = loop
    return around


def _count(statements: Sequence[ast.stmt]) -> int:
    """How many statements there are, those inside others included, handlers and docstrings left out."""
    count = 0
    for statement in statements:
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        count += 1
        for name in ("body", "orelse", "finalbody"):
            count += _count(getattr(statement, name, ()))
    return count
