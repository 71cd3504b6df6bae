"""What the compiled code of a task tells: the names it mentions, and whether it hands its task on."""

from __future__ import annotations

import dis
from types import CodeType
from typing import FrozenSet, Iterator, Tuple

SHORT = 40
_STAYS = ("LOAD_ATTR", "LOAD_METHOD", "STORE_ATTR", "DELETE_ATTR", "LOAD_SUPER_ATTR", "COPY", "DUP_TOP")
"""What may follow a loaded name while the object itself goes nowhere: only its attributes are used."""


def nested(code: CodeType) -> Iterator[CodeType]:
    """A code object and those of the functions within it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from nested(constant)


def names_in(code: CodeType) -> FrozenSet[str]:
    """The global names and attributes that code mentions, nested functions included."""
    return frozenset(name for inner in nested(code) for name in inner.co_names)


def words_in(code: CodeType) -> FrozenSet[str]:
    """The same, and the short strings in it."""
    strings = (c for inner in nested(code) for c in inner.co_consts if isinstance(c, str) and len(c) <= SHORT)
    return names_in(code).union(strings)


def hands_on(code: CodeType, name: str) -> bool:
    """Whether the variable `name` is used for anything but its attributes: passed, stored, or returned."""
    return any(_hands_on(inner, name) for inner in nested(code) if inner is code or name in inner.co_freevars)


def _hands_on(code: CodeType, name: str) -> bool:
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "CACHE")]
    for step, following in zip(steps, [*steps[1:], steps[-1]]):
        if not step.opname.startswith(("LOAD_FAST", "LOAD_DEREF", "STORE_FAST_LOAD_FAST")):
            continue
        if name in code.co_cellvars and "DEREF" not in step.opname:
            continue  # the cell of a closure, not the value in it
        loaded = _loaded(step)
        if name in loaded and (loaded[-1] != name or following.opname not in _STAYS):
            return True
    return False


def _loaded(step: dis.Instruction) -> Tuple[object, ...]:
    """The variables an instruction puts on the stack; Python 3.13 and later load two at once."""
    if not isinstance(step.argval, tuple):
        return (step.argval,)
    return step.argval[1:] if step.opname.startswith("STORE") else step.argval
