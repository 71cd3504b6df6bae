"""What the compiled code of a task tells: the names it mentions, and whether it hands its task on."""

from __future__ import annotations

import dis
import sys
from types import CodeType
from typing import FrozenSet, Iterator, Tuple

SHORT = 40
_LOADS = frozenset(
    number
    for number, operation in enumerate(dis.opname)
    if operation.startswith(("LOAD_FAST", "LOAD_DEREF", "STORE_FAST_LOAD_FAST"))
)
_SKIPPED = frozenset({dis.EXTENDED_ARG, *(n for n, name in enumerate(dis.opname) if name == "CACHE")})
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
    steps = list(_steps(code))
    for (number, argument), (following, _) in zip(steps, [*steps[1:], steps[-1]]):
        if number not in _LOADS:
            continue
        operation = dis.opname[number]
        if name in code.co_cellvars and "DEREF" not in operation:
            continue  # the cell of a closure, not the value in it
        loaded = _loaded(code, operation, argument)
        if name in loaded and (loaded[-1] != name or dis.opname[following] not in _STAYS):
            return True
    return False


def _steps(code: CodeType) -> Iterator[Tuple[int, int]]:
    """Operations with their arguments; `dis.get_instructions` tells much more, at ten times the cost."""
    raw, extended = code.co_code, 0
    for number, argument in zip(raw[::2], raw[1::2]):
        if number not in _SKIPPED:
            yield number, argument | extended
            extended = 0
        elif number == dis.EXTENDED_ARG:
            extended = (argument | extended) << 8


def _loaded(code: CodeType, operation: str, argument: int) -> Tuple[str, ...]:
    """The variables an instruction puts on the stack; Python 3.13 and later load two at once."""
    if operation.startswith("STORE"):
        return (_variable(code, operation, argument & 15),)
    if operation.count("LOAD_FAST") == 2:
        return _variable(code, operation, argument >> 4), _variable(code, operation, argument & 15)
    return (_variable(code, operation, argument),)


def _variable(code: CodeType, operation: str, index: int) -> str:
    if sys.version_info >= (3, 11):
        return str(code._varname_from_oparg(index))  # type: ignore[attr-defined]  # what dis itself asks
    names = (*code.co_cellvars, *code.co_freevars) if "DEREF" in operation else code.co_varnames
    return names[index]
