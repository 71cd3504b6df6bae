"""Conditions around code that say when it is meant to run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from celerycheck.source.code import Block, Value


def while_debugging(blocks: Iterable[Block]) -> bool:
    """Whether one of these blocks is an `if` that asks for a debug mode: `if settings.DEBUG:`."""
    tests = (block.node.test for block in blocks if block.kind == "if" and isinstance(block.node, ast.If))
    return any("debug" in _name(node).lower() for test in tests for node in ast.walk(test))


def _name(node: ast.AST) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def parts(value: Value) -> Iterator[Value]:
    """A value and everything that it is made of."""
    yield value
    for item in value.items:
        yield from parts(item)
