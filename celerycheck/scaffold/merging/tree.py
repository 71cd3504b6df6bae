"""A Python file as a row of top-level statements, each with its own text: together they are the file."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import libcst as cst

from celerycheck.scaffold.merging.encoding import unreadable

Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement

LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+\Z")
ABOUT_FILE = re.compile(r"#!|#.*coding[:=]")
"""Comments of the first two lines that must stay there, with what is said below them."""


def lines(text: str) -> list[str]:
    """Lines with their ends, divided where Python divides them."""
    return LINE.findall(text)


@dataclass(frozen=True)
class Block:
    """A top-level statement: `above` are the blank lines and comments before it, `text` its own lines."""

    node: Statement
    above: str
    text: str

    @property
    def blank_lines(self) -> int:
        """How many blank lines stand directly after what is before it."""
        above = lines(self.above)
        return next((number for number, line in enumerate(above) if line.strip()), len(above))

    @property
    def comments(self) -> str:
        """What stands above it without those blank lines."""
        return "".join(lines(self.above)[self.blank_lines :])

    def after_blank_lines(self, count: int, newline: str) -> Block:
        return replace(self, above=newline * count + self.comments)


@dataclass(frozen=True)
class Tree:
    """A parsed file. `header` and `footer` are comments and blank lines above and below all statements."""

    module: cst.Module
    header: str
    blocks: tuple[Block, ...]
    footer: str

    @property
    def newline(self) -> str:
        return self.module.default_newline

    @property
    def text(self) -> str:
        """The file; its last line has a newline where it had one when it was read, or where it was empty."""
        whole = self.header + "".join(block.above + block.text for block in self.blocks) + self.footer
        empty = not self.module.body and not self.module.header
        return whole if empty or self.module.has_trailing_newline else whole.removesuffix(self.newline)

    def with_blocks(self, blocks: Iterable[Block]) -> Tree:
        return replace(self, blocks=tuple(blocks))


def parsed(text: str, path: str) -> Tree:
    """Parse a file. Raises UsageError naming `path` and the line where it is no Python."""
    if "\0" in text:
        raise unreadable(path, f"line {text[: text.index(chr(0))].count(chr(10)) + 1}: it holds a null byte")
    try:
        module = cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise unreadable(path, complaint(text, error)) from None
    tree = adopted(
        Tree(
            module,
            header=code(module, module.header),
            blocks=tuple(block(module, node) for node in module.body),
            footer=code(module, module.footer),
        )
    )
    if tree.text != text or tree.newline == "\r":
        raise unreadable(path, "line 1: its lines do not end as Unix or Windows end them")
    return tree


def complaint(text: str, error: cst.ParserSyntaxError) -> str:
    """What is wrong with a file, and in which line: in Python's words where it has some."""
    try:
        ast.parse(text)
    except SyntaxError as own:
        return f"line {own.lineno or error.raw_line}: {own.msg}"
    except ValueError as own:
        return f"line {error.raw_line}: {own}"
    return f"line {error.raw_line}: {error.message.partition(', expected')[0]}"


def code(module: cst.Module, nodes: Iterable[cst.CSTNode]) -> str:
    """The text of nodes as it stands in the module."""
    return "".join(module.code_for_node(node) for node in nodes)


def block(module: cst.Module, node: Statement) -> Block:
    """A statement of a module, parted from what stands above it."""
    own = node.with_changes(leading_lines=())
    return Block(node, code(module, node.leading_lines), module.code_for_node(own))


def adopted(tree: Tree) -> Tree:
    """A comment that touches the first statement belongs to that, unless it is an import's or a docstring's.

    LibCST takes all that stands before the first statement for the file's.
    """
    header = lines(tree.header)
    if not tree.blocks or is_import(tree.blocks[0].node) or is_docstring(tree.blocks[0].node):
        return tree
    start = len(header)
    while start and header[start - 1].strip():
        start -= 1
    if any(ABOUT_FILE.match(line) for line in header[start:2]):
        return tree
    first = replace(tree.blocks[0], above="".join(header[start:]))
    return replace(tree, header="".join(header[:start]), blocks=(first, *tree.blocks[1:]))


def is_import(node: Statement) -> bool:
    """Whether a line does nothing but import."""
    return isinstance(node, cst.SimpleStatementLine) and all(
        isinstance(small, cst.Import | cst.ImportFrom) for small in node.body
    )


def is_docstring(node: Statement) -> bool:
    """Whether a line is a lone string; at the top of a module that is its docstring."""
    return (
        isinstance(node, cst.SimpleStatementLine)
        and len(node.body) == 1
        and isinstance(node.body[0], cst.Expr)
        and isinstance(node.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )


def is_definition(node: Statement) -> bool:
    """Whether a statement is a function or a class."""
    return isinstance(node, cst.FunctionDef | cst.ClassDef)


def is_main(node: Statement) -> bool:
    """Whether a statement is `if __name__ == "__main__":`."""
    return (
        isinstance(node, cst.If)
        and isinstance(node.test, cst.Comparison)
        and isinstance(node.test.left, cst.Name)
        and node.test.left.value == "__name__"
    )
