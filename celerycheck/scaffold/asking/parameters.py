"""Parameters as they are typed: `invoice_id:int`, `tags:list[str]`, `note:str | None`."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Collection, Iterator

from celerycheck.errors import UsageError
from celerycheck.nearest import nearest
from celerycheck.scaffold.spec import Parameter

PLAIN = ("int", "str", "float", "bool")
EXAMPLE = "invoice_id:int"
_LONGEST = 200
"""Characters of a type; nobody reads a longer one."""

TAKEN = {
    "self": "a bound task is handed itself under that name",
    "cls": "it is Python's name for a class",
    "services": "the task calls its service through that module",
    "logger": "the task logs through it",
    "key": "the service keeps the key of the work in it",
    "first": "it tells whether the work was done for the first time",
    "report_id": "--report-failures adds a parameter of that name",
    "run_id": "a periodic task tells its runs apart by it",
    "idempotency_key": "the call of the other system has a parameter of that name",
}
"""Names that the generated code uses beside the parameters, and what for."""

_TEMPLATE_NAMES = frozenset(
    {
        *("CompletedWork", "TIMEOUT", "body", "complete", "hashlib", "httpx", "is_completed", "json", "os"),
        *("reading", "request", "requests", "response", "session", "transaction", "urllib", "writing"),
        *("chain", "functools", "lock", "reports", "Signature", "start_report", "workflow"),
    }
)

_MISNAMED = {
    "integer": "int",
    "number": "int",
    "long": "int",
    "string": "str",
    "text": "str",
    "char": "str",
    "double": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict[str, str]",
    "mapping": "dict[str, str]",
}

_INSTEAD = {
    "tuple": (
        "JSON makes it a list on its way",
        "a list, or a parameter for each of its values",
        "list[int]",
    ),
    "set": ("JSON has no sets", "a list", "list[int]"),
    "frozenset": ("JSON has no sets", "a list", "list[int]"),
    "datetime": ("JSON has no dates", "its isoformat() as text", "str"),
    "date": ("JSON has no dates", "its isoformat() as text", "str"),
    "time": ("JSON has no times", "its isoformat() as text", "str"),
    "timedelta": ("JSON has no durations", "the number of seconds", "int"),
    "Decimal": ("JSON has no decimals", "it as text, or the amount in cents as int", "str"),
    "Fraction": ("JSON has no fractions", "it as text", "str"),
    "UUID": ("JSON has no UUIDs", "it as text", "str"),
    "bytes": ("JSON carries text only", "where they are kept (a path, a key), or their base64", "str"),
    "bytearray": ("JSON carries text only", "where they are kept (a path, a key), or their base64", "str"),
    "Path": ("JSON has no paths", "it as text", "str"),
    "complex": ("JSON has no complex numbers", "two parameters", "float"),
    "range": ("JSON has no ranges", "its ends as two parameters", "int"),
    "Any": ("it says nothing of what the message holds", "what it is", "str"),
    "object": ("it says nothing of what the message holds", "what it is", "str"),
    "Literal": ("a message may hold any text", "the text, and check it in the service", "str"),
    "Enum": ("JSON has no Enums", "the value", "str"),
    "None": ("it would always be None", "what it may be besides", "str | None"),
}
"""Types that JSON does not carry as they are: why, what to pass instead, and the type of that.

Kombu's JSON does bring dates, decimals, UUIDs and bytes across, wrapped in a form that only Kombu reads: not
another consumer, and not a person who looks at the queue.
"""


def parameter(text: str, models: Collection[str] = ()) -> Parameter:
    """One parameter; `models` are dotted names of the project's model classes. Raises UsageError."""
    name, colon, type_ = (part.strip() for part in text.partition(":"))
    refuse_name(name, text)
    if not type_:
        if name.endswith("_id") and not colon:
            return Parameter(name, "int")
        raise UsageError(f"{name} has no type", f"Give it one: {name}:int, {name}:str or the like.")
    return Parameter(name, plain_type(name, type_, models))


def refuse_name(name: str, text: str) -> None:
    """Raise UsageError for a name that no parameter may have."""
    if not name.isidentifier():
        raise UsageError(f"{text!r} names no parameter", f"Write NAME:TYPE, as in {EXAMPLE}.")
    if keyword.iskeyword(name):
        raise UsageError(
            f"{name} is a word of Python's own", f"Call it {name}_ or, better, what it stands for."
        )
    if name in TAKEN:
        raise UsageError(f"{name} is taken: {TAKEN[name]}", "Call it something else.")
    if name in _TEMPLATE_NAMES:
        raise UsageError(
            f"{name} is taken: the generated code uses that name itself", "Call it something else."
        )
    if hasattr(builtins, name):
        raise UsageError(
            f"{name} is taken: it is built into Python", f"Say of what it is, as in invoice_{name}."
        )
    if name.startswith("__"):
        raise UsageError(f"{name} is no name for a parameter", "Leave the underscores out.")


def plain_type(name: str, text: str, models: Collection[str] = ()) -> str:
    """The type as it is written in code (`Optional[str]` becomes `str | None`). Raises UsageError.

    `name` is the parameter's, for what to write instead.
    """
    if "=" in text:
        raise UsageError(f"{name} has a default", "Leave it out: a message carries every argument.")
    try:
        node = ast.parse(text if len(text) <= _LONGEST else "", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise UsageError(f"{name}: {text[:60]!r} cannot be read as a type", _plain_ones(name)) from None
    if isinstance(node, ast.Constant) and node.value is None:
        raise _unfit(name, "None")
    return _Reading(name, models).written(node)


def _plain_ones(name: str) -> str:
    return f"Plain types: {', '.join(PLAIN)}, list[int], dict[str, int], int | None; as in {name}:int."


def _unfit(name: str, kind: str) -> UsageError:
    why, instead, type_ = _INSTEAD[kind]
    return UsageError(f"{name}: {kind} does not fit in a message: {why}", f"Pass {instead}: {name}:{type_}.")


class _Reading:
    """Reads the type of one parameter; every method raises UsageError for what is not plain."""

    def __init__(self, name: str, models: Collection[str]) -> None:
        self._name = name
        self._models = models

    def written(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant) and node.value is None:
            return "None"
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            return self._optional(list(_alternatives(node)))
        if isinstance(node, ast.Subscript):
            return self._generic(node)
        if isinstance(node, (ast.Name, ast.Attribute)):
            return self._named(ast.unparse(node))
        raise UsageError(f"{self._name}: {ast.unparse(node)[:60]!r} is no type", _plain_ones(self._name))

    def _optional(self, alternatives: list[ast.expr]) -> str:
        """`X | None`, None last; two other types are refused."""
        written = dict.fromkeys(self.written(node) for node in alternatives)
        rest = [type_ for type_ in written if type_ != "None"]
        if len(rest) > 1:
            raise UsageError(
                f"{self._name} is of {len(rest)} types: {', '.join(rest)}",
                "Choose one of them; only None may stand beside it.",
            )
        if not rest:
            raise _unfit(self._name, "None")
        return f"{rest[0]} | None" if "None" in written else rest[0]

    def _generic(self, node: ast.Subscript) -> str:
        outer = ast.unparse(node.value).rpartition(".")[2]
        inner = list(node.slice.elts) if isinstance(node.slice, ast.Tuple) else [node.slice]
        if outer == "Optional" and len(inner) == 1:
            return self._optional([inner[0], ast.Constant(None)])
        if outer == "Union":
            return self._optional(inner)
        if outer in ("list", "List", "Sequence", "Iterable") and len(inner) == 1:
            return f"list[{self.written(inner[0])}]"
        if outer in ("dict", "Dict", "Mapping") and len(inner) == 2:
            return self._dict(*inner)
        if outer in ("list", "List", "dict", "Dict"):
            raise UsageError(f"{self._name}: {ast.unparse(node)!r} is no type", _plain_ones(self._name))
        return self._named(ast.unparse(node.value))

    def _dict(self, key: ast.expr, value: ast.expr) -> str:
        if ast.unparse(key) != "str":
            raise UsageError(
                f"{self._name}: JSON turns the keys of a dict into text",
                f"Write {self._name}:dict[str, ...], and read the keys back in the service.",
            )
        return f"dict[str, {self.written(value)}]"

    def _named(self, dotted: str) -> str:
        short = dotted.rpartition(".")[2]
        if dotted in PLAIN:
            return dotted
        if dotted in ("list", "dict", "List", "Dict", "typing.List", "typing.Dict"):
            whole = "list[int]" if short.lower() == "list" else "dict[str, int]"
            raise UsageError(f"{self._name}: what is in the {short.lower()}?", f"Write {self._name}:{whole}.")
        if dotted in self._models or any(model.endswith(f".{dotted}") for model in self._models):
            raise UsageError(
                f"{self._name}: {dotted} is a model, and a message carries plain values",
                f"Pass its id: {self._id()}:int. The service loads it, as it is by then.",
            )
        kind = short if short in _INSTEAD else {"Tuple": "tuple", "Set": "set", "PurePath": "Path"}.get(short)
        if kind in _INSTEAD:
            raise _unfit(self._name, kind)
        meant = _MISNAMED.get(dotted.lower()) or (nearest(dotted, PLAIN, 0.7) if dotted.islower() else None)
        if meant:
            raise UsageError(f"{self._name}: {dotted} is no type of Python's", f"Did you mean {meant}?")
        raise UsageError(
            f"{self._name}: {dotted} is a class, and a message carries plain values",
            f"Pass its id ({self._id()}:int) or the values that are needed of it. {_plain_ones(self._name)}",
        )

    def _id(self) -> str:
        return self._name if self._name.endswith("_id") else f"{self._name}_id"


def _alternatives(node: ast.expr) -> Iterator[ast.expr]:
    """The types of `a | b | c`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        yield from _alternatives(node.left)
        yield from _alternatives(node.right)
    else:
        yield node


def split(text: str) -> Iterator[str]:
    """The parts of a list that somebody typed; commas in brackets part nothing: `a:dict[str, int], b:int`."""
    depth, part = 0, ""
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth <= 0:
            yield part.strip()
            part = ""
        else:
            part += character
    if part.strip():
        yield part.strip()
