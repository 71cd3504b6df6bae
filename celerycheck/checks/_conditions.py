"""Conditions around code that say when it is meant to run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from celerycheck.source.code import Block, Value


def while_debugging(blocks: Iterable[Block]) -> bool:
    """Whether one of these blocks is an `if` that asks for a debug mode: `if settings.DEBUG:`."""
    tests = (block.test for block in blocks if block.kind == "if")
    return any("debug" in (value.chain or "").lower() for test in tests for value in parts(test))


def parts(value: Value) -> Iterator[Value]:
    """A value and everything that it is made of."""
    yield value
    for item in value.items:
        yield from parts(item)
