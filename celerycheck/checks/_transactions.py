"""Database transactions: which code runs inside one."""

from __future__ import annotations

from celerycheck.checks._sequence import functions
from celerycheck.source.code import Block, Call, Value
from celerycheck.source.evidence import Reached, SourceCode
from celerycheck.source.modules import Function

_METHOD_DECORATOR = "django.utils.decorators.method_decorator()"


def opens(source: SourceCode, block: Block) -> bool:
    """Whether a `with` block is a transaction."""
    return block.kind == "with" and any(_is_atomic(source, chain) for chain in block.chains)


def _is_atomic(source: SourceCode, chain: str | None) -> bool:
    if chain is None:
        return False
    return "atomic" in source.libraries.kinds(chain.removesuffix("()"), source.project.is_model)


def is_atomic(source: SourceCode, function: Function) -> bool:
    """Whether a decorator runs the whole function in a transaction."""
    return any(_decorates(source, value) for value in function.decorators)


def _decorates(source: SourceCode, value: Value) -> bool:
    if value.chain == _METHOD_DECORATOR and value.call is not None:
        return any(_is_atomic(source, argument.chain) for argument in value.call.args[:1])
    return _is_atomic(source, value.chain)


def innermost(source: SourceCode, call: Call) -> Block | None:
    """The innermost transaction that a call stands in, as its own function shows it."""
    return next((block for block in reversed(call.blocks) if opens(source, block)), None)


def share_one(source: SourceCode, one: Reached, other: Reached) -> bool:
    """Whether a transaction holds both calls, so that what one wrote is undone when the other fails."""
    if any(opens(source, block) and any(block is twin for twin in other.blocks) for block in one.blocks):
        return True
    both = zip(functions(one), functions(other), strict=False)
    return any(function is twin and is_atomic(source, function) for function, twin in both)


def is_in_one(source: SourceCode, at: Reached) -> bool:
    """Whether a call runs in a transaction, that of a helper's caller included."""
    return any(opens(source, block) for block in at.blocks) or any(
        is_atomic(source, function) for function in functions(at)
    )


__all__ = ["innermost", "is_atomic", "is_in_one", "opens", "share_one"]
