"""Exception handlers: which catch everything, and whether an exception leaves them again."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

from celerycheck.source.code import Block, Call, Code
from celerycheck.source.evidence import TaskBody
from celerycheck.source.modules import Function

Leaving = Literal["always", "sometimes", "never"]

BROAD = frozenset({"builtins.Exception", "builtins.BaseException"})
SOFT_LIMIT = frozenset(
    {"celery.exceptions.SoftTimeLimitExceeded", "billiard.exceptions.SoftTimeLimitExceeded"}
)
"""What the soft time limit raises, an Exception by inheritance (billiard 3.6 to 4.3)."""

_RAISE_AGAIN = frozenset({"six.reraise", "future.utils.raise_", "future.utils.raise_with_traceback"})
_DEEP = 3
"""How many calls deep what a handler calls is asked whether it raises."""


def is_broad(handler: Block) -> bool:
    """Whether a `handler` block catches every exception: bare, `Exception` or `BaseException`."""
    return not handler.chains or any(chain in BROAD for chain in handler.chains)


def catches(handler: Block, names: Iterable[str]) -> bool:
    """Whether a `handler` block names one of these exceptions, by their chains; broad ones are not asked."""
    return not set(names).isdisjoint(handler.chains)


def catcher(block: Block, names: Iterable[str]) -> Block | None:
    """The handler of a `try` block that an exception of one of these names meets: named so, or broad."""
    wanted = frozenset(names)
    return next((h for h in block.handlers if catches(h, wanted) or is_broad(h)), None)


def suppresses(block: Block, calls: Iterable[Call]) -> bool:
    """Whether it is a `with contextlib.suppress(Exception)`; `calls`: those of the function around it."""
    if block.kind != "with" or "contextlib.suppress()" not in block.chains:
        return False
    nodes = {id(item.context_expr) for item in getattr(block.node, "items", ())}
    return any(
        arg.chain in BROAD
        for call in calls
        if call.chain == "contextlib.suppress" and id(call.node) in nodes
        for arg in call.args
    )


def lets_through(handler: Block, body: TaskBody) -> Leaving:
    """Whether an exception leaves a `handler` block: by `raise`, `self.retry()`, `sys.exit()`, or a helper's.

    The handler may stand in the task's body or in a helper it reaches. `sometimes` is a branch that raises
    beside one that does not.
    """
    node = handler.node
    return _leaving(_Ends(body).of(node.body)) if isinstance(node, ast.ExceptHandler) else "never"


def raises_later(handler: Block, code: Code) -> bool:
    """Whether something is raised behind the `try` of a handler, which may have kept the exception."""
    end = getattr(handler.group, "end_lineno", None) or 0
    return any(found.node.lineno > end for found in code.raises)


_Way = Literal["raise", "leave", "fall"]
_Ways: TypeAlias = frozenset[_Way]
_RAISE: _Ways = frozenset({"raise"})
_LEAVE: _Ways = frozenset({"leave"})
_FALL: _Ways = frozenset({"fall"})


def _leaving(ways: _Ways) -> Leaving:
    if "raise" not in ways:
        return "never"
    return "always" if ways == _RAISE else "sometimes"


class _Ends:
    """How control may leave statements: with an exception, by return or a loop's jump, or past their end."""

    def __init__(self, body: TaskBody) -> None:
        self.body = body
        self.calls = {id(reached.original.node): reached.call for reached in body.reached()}
        self.asked: list[Function] = []

    def of(self, statements: Sequence[ast.stmt]) -> _Ways:
        ways: _Ways = _FALL
        for statement in statements:
            ways = (ways - _FALL) | self._statement(statement)
            if "fall" not in ways:
                break
        return ways

    def _statement(self, node: ast.stmt) -> _Ways:
        match node:
            case ast.Raise():
                return _RAISE
            case ast.Continue() | ast.Break():
                return _LEAVE
            case ast.If():
                return self._called(node.test) | self.of(node.body) | self.of(node.orelse)
            case ast.For() | ast.AsyncFor() | ast.While():
                # A jump inside the loop stays inside it.
                return (self.of(node.body) - _LEAVE) | _FALL | self.of(node.orelse)
            case ast.With() | ast.AsyncWith():
                return self.of(node.body)
            case ast.Try():
                return self._try(node)
            case ast.Match():
                return _FALL.union(*(self.of(case.body) for case in node.cases))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return _FALL
            case ast.Return():
                return self._simple(node, _LEAVE)
            case _:
                return self._simple(node, _FALL)

    def _simple(self, node: ast.stmt, otherwise: _Ways) -> _Ways:
        """A statement without statements inside: what the call it is made of does."""
        value = getattr(node, "value", None)
        value = value.value if isinstance(value, ast.Await) else value
        if isinstance(value, ast.Call) and self._raises(value) == "always":
            return _RAISE
        return otherwise | (self._called(node) - _FALL)

    def _called(self, node: ast.AST) -> _Ways:
        calls = (child for child in ast.walk(node) if isinstance(child, ast.Call))
        return _RAISE if any(self._raises(call) != "never" for call in calls) else frozenset()

    def _try(self, node: ast.Try) -> _Ways:
        ways = self.of(node.body)
        if "fall" in ways and node.orelse:
            ways = (ways - _FALL) | self.of(node.orelse)
        if any(_catches_all(handler) for handler in node.handlers):
            ways -= _RAISE
        ways = ways.union(*(self.of(handler.body) for handler in node.handlers))
        last = self.of(node.finalbody)
        return ways | (last - _FALL) if "fall" in last else last

    def _raises(self, node: ast.Call) -> Leaving:
        call = self.calls.get(id(node))
        if call is None:
            return "never"
        if call.method == "retry" and (call.chain == "<task>.retry" or "exc" in call.keywords):
            throw = call.keywords.get("throw")
            return "never" if throw is not None and throw.constant is False else "always"
        if call.chain in _RAISE_AGAIN or "exit" in self.body.kinds(call):
            return "always"
        function = call.function or self.body.project.function(call.chain)
        return "never" if function is None else self._function(function)

    def _function(self, function: Function) -> Leaving:
        if function in self.asked or len(self.asked) >= _DEEP or function.is_generator:
            return "never"
        self.asked.append(function)
        leaving = _leaving(self.of(function.body))
        self.asked.pop()
        return leaving


def _catches_all(handler: ast.ExceptHandler) -> bool:
    """Whether a handler inside another catches everything, by its names as written."""
    named = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(
        name is None or (isinstance(name, ast.Name) and name.id in ("Exception", "BaseException"))
        for name in named
    )


__all__ = [
    "BROAD",
    "SOFT_LIMIT",
    "Leaving",
    "catcher",
    "catches",
    "is_broad",
    "lets_through",
    "raises_later",
    "suppresses",
]
