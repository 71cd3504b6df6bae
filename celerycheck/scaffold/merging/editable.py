"""A text changed where its syntax tree says: brackets extended, expressions replaced; the rest stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import libcst as cst
import libcst.matchers as m
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

from celerycheck.scaffold.merging.formatting import Style, flat, laid_out, laid_out_statement
from celerycheck.scaffold.merging.tree import lines

FILLING = re.compile(r"(?:[\s,\\]|#[^\r\n]*)*")
"""What may stand between the last element and the closing bracket."""

NEWLINE = re.compile(r"[\r\n]")

Bracket = cst.Dict | cst.List | cst.Tuple | cst.ImportFrom


class Editable:
    """A parsed text that knows where each node of `module` stands. Raises ParserSyntaxError for no Python."""

    def __init__(self, text: str, width: int = 88) -> None:
        wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
        self.text = text
        self.module = wrapper.module
        self.style = Style(width, self.module.default_indent, self.module.default_newline)
        self._positions = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        self._starts = [0]
        for line in lines(text):
            self._starts.append(self._starts[-1] + len(line))

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        return self._parents.get(node)

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Where a node starts and ends in the text."""
        where = self._positions[node]
        start = self._starts[where.start.line - 1] + where.start.column
        return start, self._starts[where.end.line - 1] + where.end.column

    def indent(self, offset: int) -> str:
        """The indentation of the line that holds an offset."""
        line = self.text[self.line_start(offset) :]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def line_start(self, offset: int) -> int:
        return max(start for start in self._starts if start <= offset)

    def statement(self, node: cst.CSTNode) -> cst.SimpleStatementLine | None:
        """The line of code that an expression stands in; None in the head of a compound statement."""
        parent: cst.CSTNode | None = node
        while parent is not None and not isinstance(parent, cst.SimpleStatementLine):
            parent = self.parent(parent)
        return parent

    def replaced(self, node: cst.BaseExpression, value: cst.BaseExpression) -> str:
        """The text with another expression in the place of one."""
        start, end = self.span(node)
        behind = lines(self.text[end:] or "\n")[0].partition("#")[0].rstrip()
        new = laid_out(value, self.style, self.indent(start), start - self.line_start(start), len(behind))
        return self.text[:start] + new + self.text[end:]

    def with_line_after(self, node: cst.CSTNode, written: Callable[[str], str]) -> str:
        """The text with a statement below another; `written` makes it for an indentation."""
        start, end = self.span(node)
        end += len(lines(self.text[end:] or self.style.newline)[0])
        indent = self.indent(start)
        new = indent + written(indent)
        above = self.text[:end]
        if not above.endswith(("\n", "\r")):
            return above + self.style.newline + new
        return above + new + self.style.newline + self.text[end:]

    def appended(self, node: Bracket, new: cst.CSTNode) -> str:
        """The text with one more element at the end of a bracket, laid out as the others are."""
        opening, elements = self.opening(node), inside(node)
        last = self.span(elements[-1])[1] if elements else opening + 1
        if isinstance(node, cst.Tuple) and not node.lpar:
            return f"{self.text[:last]}, {flat(new)}{self.text[last:]}"
        match = FILLING.match(self.text, last)
        assert match is not None
        filling, close = match.group(), match.end()
        if not NEWLINE.search(self.text, opening, close):
            return self.on_one_line(node, new, last, filling)
        if not NEWLINE.search(filling):
            before = self.separator(elements)
            return self.text[:last] + before + flat(new) + self.text[last:]
        comma = "" if not elements or filling.lstrip().startswith(",") else ","
        place = self.line_start(close)
        inner = self.indent(self.span(elements[-1])[0]) if elements else self.indent(close) + self.style.step
        row = inner + laid_out(new, self.style, inner, len(inner), 1) + "," + self.style.newline
        return self.text[:last] + comma + self.text[last:place] + row + self.text[place:]

    def opening(self, node: Bracket) -> int:
        """Where a bracket opens; a tuple's own span leaves its parentheses out."""
        start = self.span(node)[0]
        if isinstance(node, cst.Tuple):
            return self.text.rfind("(", 0, start)
        return self.text.find("(", start) if isinstance(node, cst.ImportFrom) else start

    def separator(self, elements: Sequence[cst.CSTNode]) -> str:
        """What stands between two elements of a bracket that closes on its last element's line."""
        if len(elements) > 1:
            between = self.text[self.span(elements[-2])[1] : self.span(elements[-1])[0]]
            if "#" not in between:
                return between
        return ", "

    def on_one_line(self, node: Bracket, new: cst.CSTNode, last: int, filling: str) -> str:
        """The text with an element added to a bracket on one line; laid out anew where that is too long."""
        if isinstance(node, cst.Tuple) and len(inside(node)) < 2:
            comma = "" if inside(node) else ","  # only a lone element needs one
        else:
            comma = "," if "," in filling else ""
        before = ", " if inside(node) else ""
        text = self.text[:last] + before + flat(new) + comma + self.text[last + len(filling) :]
        statement = self.statement(node)
        if statement is None:
            return text
        start, end = self.span(statement)
        return fitted(text, start, self.style.width, whole=not NEWLINE.search(self.text, start, end), at=last)


def inside(node: Bracket) -> Sequence[cst.CSTNode]:
    """The elements of a bracket."""
    if isinstance(node, cst.ImportFrom):
        return () if isinstance(node.names, cst.ImportStar) else node.names
    return node.elements


def fitted(text: str, start: int, width: int, *, whole: bool, at: int) -> str:
    """The text with its line at `at` in the columns that there are.

    Where that line is a statement of its own (`whole`, at `start`), that is laid out anew, else its innermost
    bracket around `at`.
    """
    editable = Editable(text, width)
    line = lines(text[editable.line_start(at) :])[0].partition("#")[0].rstrip()
    if len(line) <= width:
        return text
    if whole:
        statement = next(each for each in statements(editable.module) if editable.span(each)[0] == start)
        made = laid_out_statement(statement, editable.style, editable.indent(start))
        return text[:start] + made + text[editable.span(statement)[1] :] if made else text
    around = [node for node in displays(editable.module) if within(at, editable.span(node))]
    return editable.replaced(around[-1], around[-1]) if around else text


def statements(module: cst.Module) -> list[cst.SimpleStatementLine]:
    """Every line of code, wherever it stands."""
    return [
        cst.ensure_type(node, cst.SimpleStatementLine) for node in m.findall(module, m.SimpleStatementLine())
    ]


def displays(module: cst.Module) -> list[cst.BaseExpression]:
    """Every dict and list, outer ones first."""
    return [node for node in m.findall(module, m.Dict() | m.List()) if isinstance(node, cst.BaseExpression)]


def within(offset: int, span: tuple[int, int]) -> bool:
    return span[0] < offset < span[1]
