"""Where statements about the app go: after the last one, in the module or the function that makes it."""

from __future__ import annotations

from collections.abc import Callable

import libcst as cst
import libcst.matchers as m
from libcst.helpers import get_full_name_for_node

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging.editable import Editable
from celerycheck.scaffold.merging.formatting import Style
from celerycheck.scaffold.merging.names import bound_by
from celerycheck.scaffold.merging.placing import last_place, placed
from celerycheck.scaffold.merging.tree import Block, Statement, Tree, is_definition, parsed
from celerycheck.scaffold.pieces import Piece

Written = Callable[[Style, str], str]
"""Makes a statement's code, without its line's end, for a style and an indentation."""

ABOUT = ("conf", "config_from_object", "config_from_envvar", "autodiscover_tasks", "set_default")


class CannotExtend(UsageError):
    """A file that is not written so that it could be extended; `reason` says why, `piece` what was wanted."""

    def __init__(self, reason: str, piece: Piece | None = None) -> None:
        super().__init__(reason, "Add it by hand.")
        self.reason = reason
        self.piece = piece


def literal_text(node: cst.BaseExpression) -> str | None:
    """The value of a string; None for anything else."""
    value = node.evaluated_value if isinstance(node, cst.SimpleString | cst.ConcatenatedString) else None
    return value if isinstance(value, str) else None


def at_the_end(text: str, path: str, written: Written, width: int) -> str:
    """The module with a statement at its end."""
    tree = parsed(text, path)
    return placed(tree, {last_place(tree): [new_block(tree, written, width)]}).text


def after_owner(text: str, path: str, owner: str, written: Written, width: int) -> str:
    """The module with a statement after the last one about the app called `owner`.

    Raises CannotExtend where the module does not make or import it.
    """
    tree = parsed(text, path)
    places = [
        index
        for index, block in enumerate(tree.blocks[: last_place(tree)])
        if not is_definition(block.node) and is_about(block.node, owner)
    ]
    if any(binding.name == owner for index in places for binding in bound_by(tree.blocks[index].node)):
        return placed(tree, {places[-1] + 1: [new_block(tree, written, width)]}).text
    return in_function(text, owner, written, width)


def new_block(tree: Tree, written: Written, width: int) -> Block:
    style = Style(width, tree.module.default_indent, tree.newline)
    text = written(style, "") + tree.newline
    node = cst.ensure_type(cst.parse_statement(text, tree.module.config_for_parsing), cst.SimpleStatementLine)
    return Block(node, "", text)


def is_about(node: cst.CSTNode, owner: str) -> bool:
    """Whether a statement makes, imports or configures the app."""
    if binds(node, owner):
        return True
    names = {f"{owner}.{name}" for name in ABOUT}
    return any(get_full_name_for_node(found) in names for found in m.findall(node, m.Attribute()))


def binds(node: cst.CSTNode, name: str) -> bool:
    """Whether a statement gives a name a value."""
    return isinstance(node, Statement) and any(binding.name == name for binding in bound_by(node))


def makes(node: cst.CSTNode, owner: str) -> bool:
    """Whether a function makes the app, or is given it and configures it."""
    if not isinstance(node, cst.FunctionDef) or not isinstance(node.body, cst.IndentedBlock):
        return False
    given = {parameter.name.value for parameter in node.params.params}
    return any(binds(each, owner) or (owner in given and is_about(each, owner)) for each in node.body.body)


def in_function(text: str, owner: str, written: Written, width: int) -> str:
    """The module with a statement in the function that makes the app, after the last one about it."""
    editable = Editable(text, width)
    makers = [node for node in editable.module.body if makes(node, owner)]
    if len(makers) != 1:
        raise CannotExtend(f"`{owner}` is not made at one place there")
    body = cst.ensure_type(makers[0], cst.FunctionDef).body.body
    about = [each for each in body if is_about(each, owner) and not m.findall(each, m.Return())]
    if not about:
        raise CannotExtend(f"`{owner}` is returned where it is made")
    return editable.with_line_after(about[-1], lambda indent: written(editable.style, indent))
