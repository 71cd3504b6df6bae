"""New statements put between those of a file, with the blank lines that formatters want."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import libcst as cst
import libcst.matchers as m

from celerycheck.scaffold.merging.tree import Block, Tree, is_definition, is_main, lines


def last_place(tree: Tree) -> int:
    """Where new statements go at the end: before `if __name__ == "__main__":` where that is last."""
    count = len(tree.blocks)
    return count - 1 if count and is_main(tree.blocks[-1].node) else count


def first_definition(tree: Tree) -> int:
    """The place of the first function or class; the end where there is none."""
    found = (index for index, block in enumerate(tree.blocks) if is_definition(block.node))
    return min(next(found, len(tree.blocks)), last_place(tree))


def placed(tree: Tree, new: Mapping[int, Sequence[Block]]) -> Tree:
    """The tree with new blocks before the statements at given places; `len(tree.blocks)` is the end.

    New blocks that follow each other keep the blank lines that they come with.
    """
    if new.get(len(tree.blocks)):
        tree = prepared_for_end(tree)
    result: list[Block] = []
    for index in range(len(tree.blocks) + 1):
        arriving = new.get(index, ())
        for number, block in enumerate(arriving):
            kept = number > 0 and not needs_gap(result[-1]) and not is_definition(block.node)
            lines_above = block.blank_lines if kept else gap(result, block, tree)
            result.append(block.after_blank_lines(lines_above, tree.newline))
        if index < len(tree.blocks):
            block = tree.blocks[index]
            result.append(padded(result, block, tree) if arriving else block)
        elif arriving:
            tree = replace(tree, footer=footer_after(result[-1], tree))
    return tree.with_blocks(result)


def gap(before: Sequence[Block], block: Block, tree: Tree) -> int:
    """How many blank lines a new block has above it."""
    if not before:
        return 0 if not tree.header or not lines(tree.header)[-1].strip() else 1 + is_definition(block.node)
    return 2 if needs_gap(before[-1]) or is_definition(block.node) else 1


def padded(before: Sequence[Block], block: Block, tree: Tree) -> Block:
    """A block that follows a new one, with at least the blank lines that it needs then."""
    apart = not (lines(block.comments) or ["."])[-1].strip()
    needed = 2 if needs_gap(before[-1]) or (is_definition(block.node) and not apart) else 1
    return block if block.blank_lines >= needed else block.after_blank_lines(needed, tree.newline)


def needs_gap(block: Block) -> bool:
    """Whether two blank lines follow: after a definition, guarded or not."""
    if is_definition(block.node):
        return True
    return isinstance(block.node, cst.BaseCompoundStatement) and bool(
        m.findall(block.node, m.FunctionDef() | m.ClassDef())
    )


def prepared_for_end(tree: Tree) -> Tree:
    """What stands below the last statement and touches it, or follows no definition, stays above new ones.

    The rest, notes at the end of a file, stays at the end.
    """
    if not tree.blocks:
        return tree
    footer = lines(tree.footer)
    if needs_gap(tree.blocks[-1]):
        cut = next((number for number, line in enumerate(footer) if not line.strip()), len(footer))
    else:
        cut = max((number + 1 for number, line in enumerate(footer) if line.strip()), default=0)
    last = tree.blocks[-1]
    kept = replace(last, text=last.text + "".join(footer[:cut]))
    rest = "".join(footer[cut:])
    return replace(tree, blocks=(*tree.blocks[:-1], kept), footer=rest if rest.strip() else "")


def footer_after(block: Block, tree: Tree) -> str:
    """The notes at the end of a file, parted from the new block above them."""
    footer = lines(tree.footer)
    while footer and not footer[0].strip():
        footer.pop(0)
    return tree.newline * (2 if needs_gap(block) else 1) + "".join(footer) if footer else ""
