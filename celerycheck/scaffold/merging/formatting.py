"""Expressions laid out as ruff's formatter does it: on one line where they fit, else one for each element."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m

BLANK = cst.Module(body=())


@dataclass(frozen=True)
class Style:
    """How a file is laid out: columns of a line, one step of indentation, its line ending."""

    width: int = 88
    step: str = "    "
    newline: str = "\n"


def flat(node: cst.CSTNode) -> str:
    """The code of an expression on one line, brackets without blanks and trailing commas."""
    if isinstance(node, cst.Dict):
        return "{" + ", ".join(flat(element) for element in node.elements) + "}"
    if isinstance(node, cst.DictElement):
        return f"{flat(node.key)}: {flat(node.value)}"
    if isinstance(node, cst.List):
        return "[" + ", ".join(flat(element) for element in node.elements) + "]"
    if isinstance(node, cst.Set):
        return "{" + ", ".join(flat(element) for element in node.elements) + "}"
    if isinstance(node, cst.Tuple):
        end = "," if len(node.elements) == 1 else ""
        return "(" + ", ".join(flat(element) for element in node.elements) + end + ")"
    if isinstance(node, cst.Call) and not node.lpar:
        return flat(node.func) + "(" + ", ".join(flat(argument) for argument in node.args) + ")"
    if isinstance(node, cst.Element):
        return flat(node.value)
    if isinstance(node, cst.Arg) and not node.star:
        return (f"{flat(node.keyword)}=" if node.keyword else "") + flat(node.value)
    if isinstance(node, cst.Arg | cst.StarredElement | cst.StarredDictElement):
        node = node.with_changes(comma=cst.MaybeSentinel.DEFAULT)
    return BLANK.code_for_node(node).strip()


def laid_out(node: cst.CSTNode, style: Style, indent: str = "", before: int = 0, after: int = 0) -> str:
    """The code of an expression that starts at column `before`, with `after` columns needed behind it."""
    line = flat(node)
    if before + len(line) + after <= style.width and not asks_for_lines(node):
        return line
    inner = indent + style.step
    if isinstance(node, cst.Element):
        return laid_out(node.value, style, indent, before, after)
    if isinstance(node, cst.DictElement):
        key = f"{flat(node.key)}: "
        return key + laid_out(node.value, style, indent, before + len(key), after)
    if isinstance(node, cst.Arg) and not node.star:
        name = f"{flat(node.keyword)}=" if node.keyword else ""
        return name + laid_out(node.value, style, indent, before + len(name), after)
    if isinstance(node, cst.Call) and node.args and not node.lpar:
        head, together = f"{flat(node.func)}(", ", ".join(flat(argument) for argument in node.args)
        apart = asks_for_lines(node) or len(inner) + len(together) > style.width
        if not apart:
            return f"{head}{style.newline}{inner}{together}{style.newline}{indent})"
        return head + one_a_line(node.args, style, indent, comma=keeps_comma(node)) + ")"
    if isinstance(node, cst.Dict | cst.List | cst.Set | cst.Tuple) and node.elements:
        return line[0] + one_a_line(node.elements, style, indent, comma=keeps_comma(node)) + line[-1]
    return line


def one_a_line(nodes: Sequence[cst.CSTNode], style: Style, indent: str, *, comma: bool) -> str:
    """The inside of a bracket; `comma`: whether there is one behind the last element."""
    inner = indent + style.step
    rows = (inner + laid_out(node, style, inner, len(inner), 1) for node in nodes)
    return style.newline + f",{style.newline}".join(rows) + ("," if comma else "") + style.newline + indent


def keeps_comma(node: cst.CSTNode) -> bool:
    """Whether a bracket over several lines ends with a comma: always but for a lone element that had none."""
    return len(elements_of(node)) > 1 or has_trailing_comma(node) or isinstance(node, cst.Tuple)


def asks_for_lines(node: cst.CSTNode) -> bool:
    """Whether a trailing comma somewhere in an expression asks for a line an element."""
    found = m.findall(node, m.Dict() | m.List() | m.Set() | m.Tuple() | m.Call())
    return any(has_trailing_comma(each) for each in found)


def has_trailing_comma(node: cst.CSTNode) -> bool:
    """Whether a bracket ends with a comma that it could do without."""
    elements = elements_of(node)
    if isinstance(node, cst.Tuple) and len(elements) == 1:
        return False
    return bool(elements) and isinstance(elements[-1].comma, cst.Comma)


def elements_of(node: cst.CSTNode) -> Sequence[cst.BaseElement | cst.BaseDictElement | cst.Arg]:
    """What stands in a bracket."""
    if isinstance(node, cst.Dict | cst.List | cst.Set | cst.Tuple):
        return node.elements
    return node.args if isinstance(node, cst.Call) else ()


def laid_out_statement(node: cst.SimpleStatementLine, style: Style, indent: str = "") -> str:
    """The code of an assignment or a call laid out anew, without its line's end; empty for anything else."""
    small = node.body[0]
    if isinstance(small, cst.Assign) and len(small.targets) == 1:
        head, value = f"{flat(small.targets[0].target)} = ", small.value
    elif isinstance(small, cst.AnnAssign) and small.value is not None:
        head, value = f"{flat(small.target)}: {flat(small.annotation.annotation)} = ", small.value
    elif isinstance(small, cst.Expr):
        head, value = "", small.value
    else:
        return ""
    return head + laid_out(value, style, indent, len(indent) + len(head))
