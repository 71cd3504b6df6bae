"""Loops around a call: over what, and whether each element is dealt with on its own."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from celerycheck.checks._handlers import lets_through
from celerycheck.checks._sequence import branch
from celerycheck.source.code import Block, Value, written
from celerycheck.source.evidence import Reached, TaskBody

_PARTS = re.compile(r"chunk|batch|page|slice|bulk|group", re.IGNORECASE)
_FEW = re.compile(
    r"attempt|retr|tries|backend|server|host|channel|provider|admin|manager|settings|config", re.IGNORECASE
)
_MANAGED = re.compile(r"^\w+(?:\.\w+)*\.objects\.(?:all|filter|exclude)\(\)")
_SLICES = frozenset({"builtins.range()", "itertools.batched()", "more_itertools.chunked()"})


@dataclass(frozen=True)
class Round:
    """A loop over elements: its block, and in words what it goes over. `many`: surely rows of a table."""

    block: Block
    words: str
    many: bool


def round_of(body: TaskBody, at: Reached) -> Round | None:
    """The innermost loop around a call that goes over elements of which there may be many."""
    for number in range(len(at.blocks) - 1, -1, -1):
        block = at.blocks[number]
        if block.kind == "loop":
            words = _over(block)
            if words is None or _on_its_own(body, at, number) or _stops(block):
                return None
            return Round(block, words, _is_query(body, block.test) or _MANAGED.search(words) is not None)
    return None


def _over(block: Block) -> str | None:
    """What a loop goes over, as written; None where there are few, or each is many at once."""
    nodes = [block.node, *getattr(block.node, "generators", ())]
    targets = [node.target for node in nodes if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension))]
    iterated = [node.iter for node in nodes if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension))]
    if not iterated or any(_PARTS.search(written(target)) for target in targets):
        return None
    text = written(iterated[-1])
    value = block.test
    literal = value.kind in ("list", "tuple", "set", "dict", "constant", "text") and not value.many
    if literal or (value.chain or "") in _SLICES or _PARTS.search(text) or _FEW.search(text):
        return None
    if (value.chain or "").startswith("django.conf.settings"):
        return None
    return text if text != "(...)" else "many"


def _is_query(body: TaskBody, value: Value) -> bool:
    """Whether a value is what a query of a whole table gives, as opposed to what belongs to one row."""
    chain = value.chain or ""
    names = chain.replace("()", "").replace("[]", "").split(".")
    for count in range(2, len(names)):
        if body.project.is_model(".".join(names[:count])):
            fetched = (".get().", ".first().", ".last().", "[].", ".create().")
            return not any(step in f"{chain}." for step in fetched) and f"{names[count - 1]}()" not in chain
    return any(part in chain for part in (".scalars()", ".query()", ".execute()"))


def _on_its_own(body: TaskBody, at: Reached, number: int) -> bool:
    """Whether the failure of one element is caught inside of the loop."""
    for block in at.blocks[number + 1 :]:
        if block.kind == "try" and any(lets_through(handler, body) == "never" for handler in block.handlers):
            return True
        if block.kind == "with" and "contextlib.suppress()" in block.chains:
            return True
    return False


def _stops(block: Block) -> bool:
    """Whether a loop ends before its last element: it looks for one that works."""
    return any(isinstance(node, (ast.Break, ast.Return)) for node in _within(block))


def _within(block: Block) -> Iterator[ast.AST]:
    for statement in branch(block):
        yield from ast.walk(statement)


__all__ = ["Round", "round_of"]
