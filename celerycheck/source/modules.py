"""A module of the project: parsed once, its names resolved, its functions and classes found."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

from celerycheck.source.code import Code, Value
from celerycheck.subjects import Location

if TYPE_CHECKING:
    from celerycheck.source.project import Project

FunctionNode: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda


class Unreadable(Exception):
    """A file that is no Python this interpreter can parse; the text says why."""


@dataclass(eq=False, repr=False)
class Function:
    """A function, method or lambda of the project.

    - `qualname`: within its module: `pay`, `Client.send`, `pay.<locals>.retry`.
    - `cls`: the class it is a method of. `closure`: names of the functions around it.
    - `decorators`: what decorates it, resolved, outermost first.
    """

    module: Module
    qualname: str
    node: FunctionNode
    cls: Class | None = None
    closure: Mapping[str, Value] = field(default_factory=dict)
    decorators: tuple[Value, ...] = ()

    @property
    def name(self) -> str:
        return self.qualname.rpartition(".")[2]

    @property
    def chain(self) -> str:
        """Its absolute dotted name: `proj.services.Client.send`."""
        return f"{self.module.name}.{self.qualname}"

    @property
    def first_line(self) -> int:
        """The line it begins on, decorators included, as its code object tells (`co_firstlineno`)."""
        decorators = [] if isinstance(self.node, ast.Lambda) else self.node.decorator_list
        return min([self.node.lineno, *(decorator.lineno for decorator in decorators)])

    @cached_property
    def code(self) -> Code:
        """What it does. Read on first use."""
        from celerycheck.source.reading import read_function  # noqa: PLC0415  # reading builds these classes

        return read_function(self)

    @cached_property
    def parameters(self) -> tuple[str, ...]:
        """The names of its positional parameters, in order, `self` of a method included."""
        arguments = self.node.args
        return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args))

    @property
    def named_parameters(self) -> tuple[str, ...]:
        """The names of all parameters that may be passed by name, `self` of a method included."""
        arguments = self.node.args
        return tuple(a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs))

    @cached_property
    def is_generator(self) -> bool:
        read = self.__dict__.get("code")  # it may be asked while that is being read
        if read is not None:
            return bool(read.yields)
        return any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in own_nodes(self.node))

    @property
    def is_async(self) -> bool:
        return isinstance(self.node, ast.AsyncFunctionDef)

    @property
    def body(self) -> list[ast.stmt]:
        """Its statements; a lambda's expression as one `return`."""
        if isinstance(self.node, ast.Lambda):
            return [ast.copy_location(ast.Return(self.node.body), self.node.body)]
        return self.node.body

    def decorated_with(self, *chains: str) -> bool:
        """Whether one of its decorators is one of these, called or not (`django.db.transaction.atomic`)."""
        names = {(value.chain or "").removesuffix("()") for value in self.decorators}
        return not names.isdisjoint(chains)

    def location(self, node: ast.AST) -> Location:
        """The place of a node inside it."""
        return self.module.location(node)


@dataclass(eq=False, repr=False)
class Class:
    """A class of the project: its bases' chains, its methods, and the values its body assigns."""

    module: Module
    qualname: str
    node: ast.ClassDef
    bases: tuple[str | None, ...] = ()
    methods: dict[str, Function] = field(default_factory=dict)
    attributes: dict[str, Value] = field(default_factory=dict)

    @property
    def chain(self) -> str:
        return f"{self.module.name}.{self.qualname}"

    def instance_attribute(self, name: str) -> Value | None:
        """What `__init__` assigns to that attribute of `self`; None where it does not, or more than once."""
        from celerycheck.source.reading import read_expression  # noqa: PLC0415  # reading builds these classes

        init = self.methods.get("__init__")
        expressions = self._assigned.get(name, ())
        if init is None or len(expressions) != 1:
            return None
        return read_expression(init, expressions[0])

    @cached_property
    def _assigned(self) -> Mapping[str, list[ast.expr]]:
        """The expressions that `__init__` assigns to each attribute of `self`."""
        init = self.methods.get("__init__")
        found: dict[str, list[ast.expr]] = {}
        if init is None:
            return found
        for node in own_nodes(init.node):
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    if isinstance(target, ast.Attribute) and _is_name(target.value, init.parameters[:1]):
                        found.setdefault(target.attr, []).append(node.value)
        return found


@dataclass(eq=False, repr=False)
class Module:
    """One file of the project.

    - `path`: relative to the working directory, with `/`; `name`: dotted.
    - `names`: what each name at module level is, imports included; `code`: what its top level does.
    - `functions`: by qualname, methods included; `classes`: by qualname.
    - `stars`: modules imported with `*`. `wide`: lines that hold more than ASCII, for columns.
    """

    project: Project
    path: str
    name: str
    is_package: bool = False
    names: dict[str, Value] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    code: Code = field(default_factory=Code)
    wide: dict[int, bytes] = field(default_factory=dict)

    def location(self, node: ast.AST) -> Location:
        """The place of a node, columns counted in characters."""
        line = getattr(node, "lineno", 1)
        column = getattr(node, "col_offset", 0)
        end_line = getattr(node, "end_lineno", None) or line
        end_column = getattr(node, "end_col_offset", None)
        if end_column is None:
            return Location(self.path, line, self._characters(line, column) + 1)
        return Location(
            self.path,
            line,
            self._characters(line, column) + 1,
            end_line,
            self._characters(end_line, end_column) + 1,
        )

    def _characters(self, line: int, column: int) -> int:
        """A column counted in UTF-8 bytes, counted in characters."""
        data = self.wide.get(line)
        return column if data is None else len(data[:column].decode("utf-8", "replace"))

    def absolute(self, module: str | None, level: int) -> str | None:
        """The absolute name of what a `from` statement imports from; None above the top."""
        if not level:
            return module or ""
        parts = self.name.split(".")
        keep = len(parts) - level + (1 if self.is_package else 0)
        if keep <= 0:
            return None
        return ".".join([*parts[:keep], *([module] if module else [])])

    def every_function(self) -> Iterator[Function]:
        """Its functions and methods, those inside others included."""
        waiting = [*self.functions.values(), *self.code.nested]
        while waiting:
            function = waiting.pop()
            yield function
            waiting += function.code.nested


def _is_name(node: ast.expr, names: Sequence[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def parse(path: str, data: bytes) -> ast.Module:
    """The syntax tree of a file. Raises Unreadable."""
    try:
        with warnings.catch_warnings():
            # What Python warns of while it parses is for the project's own test runs.
            warnings.simplefilter("ignore")
            return ast.parse(data, filename=path)
    except SyntaxError as error:
        raise Unreadable(f"line {error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise Unreadable(str(error) or type(error).__name__) from None


def wide_lines(data: bytes) -> dict[int, bytes]:
    """The lines, by number, that hold more than ASCII, as UTF-8."""
    if data.isascii():
        return {}
    lines = enumerate(data.splitlines(), start=1)
    return {number: line for number, line in lines if not line.isascii()}


def own_nodes(function: FunctionNode) -> Iterator[ast.AST]:
    """The nodes of a function's own body, functions and classes inside it left out."""
    body = function.body
    waiting: list[ast.AST] = list(body) if isinstance(body, list) else [body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            waiting.extend(ast.iter_child_nodes(node))
