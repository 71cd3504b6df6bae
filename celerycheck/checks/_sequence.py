"""What comes after what when a task runs, helpers included."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from celerycheck.source.code import Block, Call
from celerycheck.source.evidence import Reached
from celerycheck.source.modules import Function

_ROUNDS = ("loop", "while")


def position(at: Reached) -> tuple[int, ...]:
    """Sorts the calls of one task in the order that Python comes to them."""
    return (*(call.order for call, _ in at.way), at.original.order)


def functions(at: Reached) -> tuple[Function, ...]:
    """The functions that are running when the call is made, the task's own first."""
    return (*(function for _, function in at.way), at.function)


def frames(at: Reached) -> tuple[tuple[Call, Function], ...]:
    """The calls that lead there and the call itself, as they stand, each with the function it stands in."""
    return (*at.way, (at.original, at.function))


def meeting(one: Reached, other: Reached) -> tuple[Call, Call, Function]:
    """The two calls through which a function they share comes to one and to the other."""
    pairs = zip(frames(one), frames(other), strict=False)
    for (first, function), (second, _) in pairs:
        if first is not second:
            return first, second, function
    # One of them is on the way to the other.
    last, function = min(frames(one), frames(other), key=len)[-1]
    return last, last, function


def can_follow(one: Reached, other: Reached) -> bool:
    """Whether `other` may run after `one` in one run of the task, in a later round of a loop too."""
    first, second, _ = meeting(one, other)
    return first is not second and follows(first, second)


def follows(first: Call, second: Call) -> bool:
    """Whether `second` may run after `first`, both calls of one function."""
    shared = _shared(first.blocks, second.blocks)
    if any(block.kind in _ROUNDS for block in first.blocks[:shared]):
        return True
    ahead, behind = first.blocks[shared:], second.blocks[shared:]
    return first.order < second.order and not _exclude(ahead, behind) and not any(map(_ends, ahead))


def _shared(one: Sequence[Block], other: Sequence[Block]) -> int:
    """How many blocks, from the outermost on, two calls stand in together."""
    count = 0
    for block, twin in zip(one, other, strict=False):
        if block is not twin:
            break
        count += 1
    return count


def _exclude(one: Sequence[Block], other: Sequence[Block]) -> bool:
    """Whether two calls stand in branches of one statement of which only one is taken."""
    if not one or not other or one[0].group is not other[0].group:
        return False
    return "try" not in (one[0].kind, other[0].kind) and "finally" not in (one[0].kind, other[0].kind)


def _ends(block: Block) -> bool:
    """Whether the function is left at the end of a block."""
    body = branch(block)
    return bool(body) and _leaves(body[-1], (ast.Return, ast.Raise))


def branch(block: Block) -> Sequence[ast.stmt]:
    """The statements of a block; empty for a comprehension."""
    name = {"else": "orelse", "try-else": "orelse", "finally": "finalbody"}.get(block.kind, "body")
    body = getattr(block.node, name, ())
    return body if isinstance(body, list) else ()


def jumps(block: Block) -> bool:
    """Whether control never gets past a block's end: it returns, raises, or goes on with the loop."""
    body = branch(block)
    return bool(body) and _leaves(body[-1], (ast.Return, ast.Raise, ast.Continue, ast.Break))


def _leaves(statement: ast.stmt, kinds: tuple[type[ast.stmt], ...]) -> bool:
    if isinstance(statement, ast.If):
        return bool(statement.orelse) and all(
            _leaves(b[-1], kinds) for b in (statement.body, statement.orelse)
        )
    if isinstance(statement, (ast.With, ast.AsyncWith)):
        return _leaves(statement.body[-1], kinds)
    return isinstance(statement, kinds)


__all__ = ["branch", "can_follow", "follows", "frames", "functions", "jumps", "meeting", "position"]
