"""Conditions around code that say when it is meant to run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from celerycheck.source.code import Block, Value
from celerycheck.source.evidence import Reached

_PARAMETER = re.compile(r"\?\w+")


def while_debugging(blocks: Iterable[Block]) -> bool:
    """Whether one of these blocks is an `if` that asks for a debug mode: `if settings.DEBUG:`."""
    tests = (block.node.test for block in blocks if block.kind == "if" and isinstance(block.node, ast.If))
    return any("debug" in _name(node).lower() for test in tests for node in ast.walk(test))


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def on_request(reached: Reached) -> bool:
    """Whether helpers come to a call only where one of their parameters says so: `if wait: result.get()`."""
    if not reached.depth:
        return False
    own = len(reached.way[0][0].blocks)
    return any(
        _PARAMETER.fullmatch(value.chain or "")
        for block in reached.blocks[own:]
        if block.kind in ("if", "else")
        for value in parts(block.test)
    )


def parts(value: Value) -> Iterator[Value]:
    """A value and everything that it is made of."""
    yield value
    for item in value.items:
        yield from parts(item)
