"""What the top level of a module binds, and what a piece of it means."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

import libcst as cst
import libcst.matchers as m

from celerycheck.scaffold.merging.import_order import Import
from celerycheck.scaffold.merging.imports import read
from celerycheck.scaffold.merging.tree import Statement, Tree, is_definition

Statements = (
    cst.BaseCompoundStatement,
    cst.BaseSmallStatement,
    cst.BaseSuite,
    cst.Else,
    cst.ExceptHandler,
    cst.ExceptStarHandler,
    cst.Finally,
    cst.MatchCase,
    cst.SimpleStatementLine,
)
"""The nodes that statements stand in."""


@dataclass(frozen=True)
class Binding:
    """A name that a top-level statement binds.

    `index` is the statement's place; `node` what binds it: the definition, or the line. `guarded` tells that
    it stands in an `if`, a `try` or the like; `imported` what an import gives it.
    """

    name: str
    index: int
    node: Statement
    guarded: bool = False
    imported: Import | None = None

    @property
    def replaceable(self) -> bool:
        """Whether another definition can take its place: it stands alone, and nothing else stands with it."""
        if self.guarded or self.imported:
            return False
        return is_definition(self.node) or only_binds(self.node, self.name)


def only_binds(node: Statement, name: str) -> bool:
    """Whether a line does nothing but give one name a value."""
    if not isinstance(node, cst.SimpleStatementLine) or len(node.body) != 1:
        return False
    small = node.body[0]
    if isinstance(small, cst.Assign):
        return len(small.targets) == 1 and list(names_in(small.targets[0].target)) == [name]
    return isinstance(small, cst.AnnAssign)


def bindings(tree: Tree) -> list[Binding]:
    """Everything that the top level of a module binds, in order, guarded or not."""
    return [binding for index, block in enumerate(tree.blocks) for binding in bound_by(block.node, index)]


def bound_by(node: Statement, index: int = 0) -> list[Binding]:
    """What one top-level statement binds. What it imports for type checkers alone does not count."""
    return list(found(node, Binding("", index, node)))


def found(node: cst.CSTNode, here: Binding) -> Iterator[Binding]:
    """Bindings of a statement and those inside it; functions and classes are not looked into.

    `here` tells what they have in common.
    """
    if isinstance(node, cst.FunctionDef | cst.ClassDef):
        yield replace(here, name=node.name.value, node=node)
        return
    if isinstance(node, cst.If) and for_type_checkers(node):
        if node.orelse is not None:
            yield from found(node.orelse, replace(here, guarded=True))
        return
    if isinstance(node, cst.Import | cst.ImportFrom):
        yield from (replace(here, name=one.bound, imported=one) for one in read(node))
        return
    if isinstance(node, Statement):
        here = replace(here, node=node)
    for target in targets(node):
        yield from (replace(here, name=name) for name in names_in(target))
    if isinstance(node, cst.BaseSuite):
        here = replace(here, guarded=True)
    for child in node.children:
        if isinstance(child, Statements):
            yield from found(child, here)


def targets(node: cst.CSTNode) -> list[cst.CSTNode]:
    """What a statement gives values to."""
    if isinstance(node, cst.Assign):
        return [each.target for each in node.targets]
    if isinstance(node, cst.AnnAssign | cst.AugAssign | cst.For):
        return [node.target]
    if isinstance(node, cst.With):
        return [item.asname.name for item in node.items if item.asname is not None]
    return [node.name] if isinstance(node, cst.TypeAlias) else []


def for_type_checkers(node: cst.If) -> bool:
    """Whether a condition is TYPE_CHECKING."""
    test = node.test.attr if isinstance(node.test, cst.Attribute) else node.test
    return isinstance(test, cst.Name) and test.value == "TYPE_CHECKING"


def names_in(target: cst.CSTNode) -> Iterator[str]:
    """The names that an assignment to a target binds."""
    if isinstance(target, cst.Name):
        yield target.value
    elif isinstance(target, cst.Tuple | cst.List):
        for element in target.elements:
            yield from names_in(element.value)


def mentioned(node: cst.CSTNode) -> frozenset[str]:
    """Every name that stands anywhere in a piece of code."""
    return frozenset(cst.ensure_type(name, cst.Name).value for name in m.findall(node, m.Name()))


def meaning(module: cst.Module, node: cst.CSTNode) -> str:
    """Equal for two pieces of code that do the same: comments, layout and docstrings do not count."""
    if isinstance(node, cst.FunctionDef | cst.ClassDef | cst.BaseCompoundStatement | cst.SimpleStatementLine):
        node = node.with_changes(leading_lines=())
    text = module.code_for_node(node).strip()
    try:
        parsed = ast.parse(text)
    except (SyntaxError, ValueError):  # newer than the Python that runs this
        return " ".join(text.split())
    for inner in ast.walk(parsed):
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and ast.get_docstring(
            inner
        ):
            del inner.body[0]
    return ast.dump(parsed)
