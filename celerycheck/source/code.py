"""What a function does, as far as its source tells: the calls it makes, what it returns, raises and writes.

A *chain* says where a value comes from. It is a dotted name with imports and aliases resolved
(`requests.post`, `builtins.print`), `()` for the result of a call, `[]` for an element:

    order = Order.objects.get(pk=1)
    order.save()                        # calls proj.models.Order.objects.get().save

An instance of a class is `proj.models.Order()`, however it came about. A parameter nobody told more
about is `?name`; a task itself (`self` of a bound one) is `<task>`. None is what the source does not tell.

These classes are made by the hundred thousand, hence not frozen; nobody changes them once made.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from celerycheck.source.modules import Function

Constant: TypeAlias = bool | int | float | complex | str | bytes | None
ValueKind = Literal[
    "constant", "chain", "call", "list", "tuple", "set", "dict", "generator", "lambda", "text",
    "operation", "either", "starred", "unknown",
]  # fmt: skip
BlockKind = Literal["if", "else", "loop", "while", "try", "handler", "try-else", "finally", "with", "case"]
Use = Literal["statement", "value", "returned", "raised"]

TASK = "<task>"
"""The chain of the task itself, inside its own body."""


@dataclass(slots=True, eq=False, repr=False)
class Value:
    """What an expression is.

    - `chain`: where it comes from, or None.
    - `constant`: of a literal or of arithmetic with literals (`60 * 60`); `kind` is `constant` then.
    - `items`: of a display, of an operation or of alternatives (`a or b`, `a if c else b`). `keys`: of a
      dict. `many`: the one item is repeated, in a comprehension.
    - `call`: the call whose result it is, through a variable too.
    - `function`: of a lambda or a function defined inside another.
    - `operator`: of an operation (`BitOr`, `Add`).
    """

    kind: ValueKind
    chain: str | None = None
    constant: Constant = None
    items: tuple[Value, ...] = ()
    keys: tuple[Value | None, ...] = ()
    many: bool = False
    call: Call | None = None
    function: Function | None = None
    operator: str = ""

    @property
    def is_constant(self) -> bool:
        return self.kind == "constant"

    @property
    def number(self) -> float | None:
        """The number of a literal; None for anything else, True and False included."""
        value = self.constant
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    @property
    def string(self) -> str | None:
        """The text of a literal; None for anything else."""
        return self.constant if isinstance(self.constant, str) else None

    def named(self) -> dict[str, Value] | None:
        """A dict display with literal string keys as a mapping; None for anything else."""
        if self.kind != "dict":
            return None
        names = [key.string if key is not None else None for key in self.keys]
        if None in names:
            return None
        return {name: item for name, item in zip(names, self.items, strict=True) if name is not None}


UNKNOWN = Value("unknown")


@dataclass(slots=True, eq=False, repr=False)
class Block:
    """A block statement around code. Two pieces of code share one where they hold the same object.

    - `chains`: of `with`, the context managers (`django.db.transaction.atomic()`); of `loop`, what is
      iterated; of `handler`, the exceptions caught (empty for a bare `except:`).
    - `test`: of `if`, `else` and `while`, the condition; of `loop`, the value iterated.
    - `group`: the statement all of whose blocks share it (`try` with its handlers, `if` with its `else`).
    - `handlers`: of `try`, its handlers in order. `name`: of `handler`, the variable it binds.
    - `comprehension`: whether the loop is one inside an expression.
    """

    kind: BlockKind
    node: ast.AST
    chains: tuple[str | None, ...] = ()
    test: Value = UNKNOWN
    group: object = None
    handlers: tuple[Block, ...] = ()
    name: str | None = None
    comprehension: bool = False


@dataclass(slots=True, eq=False, repr=False)
class Call:
    """One call.

    - `chain`: what is called; None where the source does not tell.
    - `args`, `keywords`: what is passed; `open_args` and `open_keywords` tell that `*args` or `**kwargs`
      pass more.
    - `receiver`: the value whose method is called, or that is called itself (`chord(header)(body)`); None
      for a plain name. `function`: the callee, where it is defined inside the same function.
    - `blocks`: the blocks around it, outermost first. `order`: its place in order of evaluation, within the
      function. `use`: what becomes of its result at once.
    - `awaited`: whether it stands under `await`.
    """

    chain: str | None
    node: ast.Call
    args: tuple[Value, ...] = ()
    keywords: Mapping[str, Value] = field(default_factory=dict)
    open_args: bool = False
    open_keywords: bool = False
    receiver: Value | None = None
    blocks: tuple[Block, ...] = ()
    order: int = 0
    function: Function | None = None
    use: Use = "value"
    awaited: bool = False

    @property
    def text(self) -> str:
        """What is called, as written (`requests.post`)."""
        return written(self.node.func)

    @property
    def method(self) -> str:
        """The last name of what is called (`post` of `requests.post`); empty where there is none."""
        function = self.node.func
        if isinstance(function, ast.Attribute):
            return function.attr
        return function.id if isinstance(function, ast.Name) else ""

    def argument(self, name: str, position: int | None = None) -> Value | None:
        """What is passed under that name or at that position (from 0); None where nothing is."""
        if name in self.keywords:
            return self.keywords[name]
        if position is None or position >= len(self.args):
            return None
        if any(arg.kind == "starred" for arg in self.args[: position + 1]):
            return UNKNOWN
        return self.args[position]

    def inside(self, *kinds: BlockKind) -> Block | None:
        """The innermost block of one of these kinds around it."""
        return next((block for block in reversed(self.blocks) if block.kind in kinds), None)


@dataclass(slots=True, eq=False, repr=False)
class Return:
    """A `return`. `value` is None for a bare one."""

    value: Value | None
    node: ast.Return
    blocks: tuple[Block, ...]
    order: int


@dataclass(slots=True, eq=False, repr=False)
class Raise:
    """A `raise`. `value` is None for a bare one, which raises again what was caught."""

    value: Value | None
    node: ast.Raise
    blocks: tuple[Block, ...]
    order: int


@dataclass(slots=True, eq=False, repr=False)
class Write:
    """An assignment to an attribute or an element (`order.paid = True`, `totals[key] += 1`).

    `target` is its chain (`proj.models.Order.objects.get().paid`), `owner` the chain without its last part.
    """

    target: str | None
    owner: str | None
    value: Value
    augmented: bool
    node: ast.stmt
    blocks: tuple[Block, ...]
    order: int


@dataclass(slots=True, eq=False, repr=False)
class Code:
    """Everything one function does, in order of evaluation; functions inside it apart (`nested`)."""

    calls: list[Call] = field(default_factory=list)
    returns: list[Return] = field(default_factory=list)
    raises: list[Raise] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    nested: list[Function] = field(default_factory=list)
    operations: list[tuple[Value, ast.expr, tuple[Block, ...]]] = field(default_factory=list)
    """Operations with `|` that are no part of a larger one, with what surrounds them: workflows, perhaps."""
    undefined: set[str] = field(default_factory=set)
    """Plain names that it reads and nobody gives a value, as far as the source tells."""
    yields: bool = False
    """Whether it is a generator's."""


def written(node: ast.expr) -> str:
    """An expression as written, arguments and elements left out: `Session().post`, `clients[].get`."""
    match node:
        case ast.Name():
            return node.id
        case ast.Attribute():
            return f"{written(node.value)}.{node.attr}"
        case ast.Call():
            return f"{written(node.func)}()"
        case ast.Subscript():
            return f"{written(node.value)}[]"
        case ast.Await():
            return written(node.value)
        case _:
            return "(...)"


def segments(chain: str) -> list[str]:
    """A chain's parts: `['proj', 'models', 'Order()', 'items']`."""
    return chain.split(".")


def last(chain: str | None) -> str:
    """The last part of a chain without its brackets; empty for None."""
    if chain is None:
        return ""
    return chain.rpartition(".")[2].rstrip("()[]")


def owner(chain: str | None) -> str | None:
    """The chain without its last part: whose method or attribute it is; None where there is none."""
    if chain is None:
        return None
    return chain.rpartition(".")[0] or None
