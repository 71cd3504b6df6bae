"""Imports of a module: read, written, and put in the order that ruff wants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import libcst as cst
from libcst.helpers import get_full_name_for_node

from celerycheck.scaffold.merging.import_order import Import, Section, import_key, member_key, section
from celerycheck.scaffold.merging.tree import (
    Block,
    Tree,
    is_definition,
    is_docstring,
    is_import,
    lines,
    parsed,
)


@dataclass(frozen=True)
class Line:
    """One statement of a sorted block: the imports of one form from one module.

    `above` are its comments, `trailing` the one at its end, `exploded` whether it must take a line a name;
    `verbatim` is its text where comments inside keep it from being written anew.
    """

    imports: tuple[Import, ...]
    above: str = ""
    trailing: str = ""
    exploded: bool = False
    verbatim: str = ""

    def text(self, line_length: int, newline: str, indent: str = "    ") -> str:
        if self.verbatim:
            return self.verbatim
        first = self.imports[0]
        if first.name is None:
            return f"{first.statement}{self.trailing}{newline}"
        names = [one.statement.partition(" import ")[2] for one in self.imports]
        flat = f"from {first.module} import {', '.join(names)}"
        if first.name == "*" or (len(flat) <= line_length and not self.exploded):
            return f"{flat}{self.trailing}{newline}"
        inner = "".join(f"{indent}{name},{newline}" for name in names)
        return f"from {first.module} import ({self.trailing}{newline}{inner}){newline}"


def organised(text: str, first_party: frozenset[str], line_length: int = 88) -> str:
    """The text of a module with its first block of imports sorted, grouped and merged, as ruff does it."""
    tree = parsed(text, "the rendered module")
    start, end = first_run(tree)
    if start == end:
        return text
    run, rest = tree.blocks[start:end], tree.blocks[end:]
    made = [
        replace(run[0], above=above, text=line)
        for above, line in arranged(merged_lines(run), first_party, line_length, tree.newline)
    ]
    head = tree.blocks[:start]
    if head:
        made[0] = replace(made[0], above=tree.newline + made[0].above)
    if rest:
        wanted = 2 if is_definition(rest[0].node) and not commented_apart(rest[0]) else 1
        rest = (rest[0].after_blank_lines(wanted, tree.newline), *rest[1:])
    return tree.with_blocks((*head, *made, *rest)).text


def commented_apart(block: Block) -> bool:
    """Whether blank lines part a block from a comment above it."""
    above = lines(block.comments)
    return bool(above) and not above[-1].strip()


def first_run(tree: Tree) -> tuple[int, int]:
    """Where the first block of imports starts and ends; both are the same where there is none."""
    start = 1 if tree.blocks and is_docstring(tree.blocks[0].node) else 0
    end = start
    while end < len(tree.blocks) and is_import(tree.blocks[end].node):
        end += 1
    return start, end


def merged_lines(run: Sequence[Block]) -> list[Line]:
    """The statements of a block of imports, one for each module and form, without repetitions."""
    found: dict[tuple[object, ...], Line] = {}
    for block in run:
        for line in lines_of(block):
            key = (line.verbatim,) if line.verbatim else merge_key(line.imports[0])
            found[key] = joined(found[key], line) if key in found else line
    return list(found.values())


def merge_key(one: Import) -> tuple[object, ...]:
    """Equal for names that stand in one statement: plain ones from one module."""
    if one.name is None or one.asname or one.name == "*":
        return (one,)
    return (one.module,)


def joined(one: Line, other: Line) -> Line:
    names = dict.fromkeys((*one.imports, *other.imports))
    return Line(
        tuple(sorted(names, key=lambda each: member_key(each.name or ""))),
        one.above + other.above,
        one.trailing or other.trailing,
        one.exploded or other.exploded,
    )


def lines_of(block: Block) -> Iterator[Line]:
    """The imports of a line of code, those that stand in one statement together."""
    assert isinstance(block.node, cst.SimpleStatementLine)
    above, trailing = block.comments, trailing_comment(block.node)
    if "#" in block.text.rstrip().removesuffix(trailing.strip()):
        yield Line(tuple(read(block.node.body[0])), above, verbatim=block.text)
        return
    for small in block.node.body:
        exploded = isinstance(small, cst.ImportFrom) and ends_with_comma(small)
        for key, group in grouped(read(small)).items():
            names = sorted(group, key=lambda each: member_key(each.name or ""))
            yield Line(
                tuple(names), above, trailing, exploded and len(key) == 1 and key[0] == names[0].module
            )
            above, trailing = "", ""


def trailing_comment(node: cst.SimpleStatementLine) -> str:
    comment = node.trailing_whitespace.comment
    return f"  {comment.value}" if comment else ""


def grouped(imports: Iterable[Import]) -> dict[tuple[object, ...], list[Import]]:
    groups: dict[tuple[object, ...], list[Import]] = {}
    for one in imports:
        groups.setdefault(merge_key(one), []).append(one)
    return groups


def ends_with_comma(node: cst.ImportFrom) -> bool:
    """Whether a comma after the last name asks for a line a name."""
    return not isinstance(node.names, cst.ImportStar) and isinstance(node.names[-1].comma, cst.Comma)


def read(node: cst.BaseSmallStatement) -> list[Import]:
    """What an import statement imports; nothing for another statement."""
    if isinstance(node, cst.Import):
        return [Import(alias.evaluated_name, None, alias.evaluated_alias) for alias in node.names]
    if not isinstance(node, cst.ImportFrom):
        return []
    module = "." * len(node.relative) + (get_full_name_for_node(node.module) or "" if node.module else "")
    if isinstance(node.names, cst.ImportStar):
        return [Import(module, "*")]
    return [Import(module, alias.evaluated_name, alias.evaluated_alias) for alias in node.names]


def arranged(
    found: Iterable[Line], first_party: frozenset[str], line_length: int, newline: str
) -> Iterator[tuple[str, str]]:
    """Each statement in order, after what stands above it: a blank line between groups and above comments."""
    previous: Section | None = None
    for line in sorted(found, key=lambda each: line_key(each.imports[0], first_party)):
        group = section(line.imports[0].module, first_party)
        apart = previous is not None and (group != previous or line.above)
        gap = newline if apart else ""
        yield gap + line.above, line.text(line_length, newline)
        previous = group


def line_key(one: Import, first_party: frozenset[str]) -> tuple[object, ...]:
    return (section(one.module, first_party), import_key(one))
