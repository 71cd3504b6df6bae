"""A rendered module merged into the one that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from celerycheck.scaffold.merging.editable import Editable
from celerycheck.scaffold.merging.import_merge import Manner, with_imports
from celerycheck.scaffold.merging.import_order import Import
from celerycheck.scaffold.merging.imports import read
from celerycheck.scaffold.merging.names import Binding, bindings, bound_by, meaning, mentioned, only_binds
from celerycheck.scaffold.merging.placing import first_definition, last_place, placed
from celerycheck.scaffold.merging.tree import Block, Tree, is_definition, is_docstring, is_import, parsed


@dataclass(frozen=True)
class Merged:
    """A text after an extension.

    - `added`: what came into it; `replaced`: what was overwritten.
    - `conflicts`: what stands there otherwise and was left as it is.
    """

    text: str
    added: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """A statement that a module must hold: the names it binds, whether it stands above all definitions."""

    block: Block
    names: tuple[str, ...]
    early: bool

    @property
    def label(self) -> str:
        return ", ".join(self.names) or self.block.text.strip().splitlines()[0]


def merged(
    existing: str,
    wanted: str,
    *,
    overwrite: bool = False,
    module: str = "",
    path: str = "the module",
    first_party: frozenset[str] = frozenset(),
    line_length: int = 88,
) -> Merged:
    """The existing module extended by every import and top-level statement of the wanted one that it lacks.

    Definitions are compared by name: one that reads otherwise is a conflict, or replaced with `overwrite`
    where it stands alone at the top level (not in an `if`, not imported, not defined twice). `module` is the
    existing module's dotted name (`billing.__init__` for a package). Raises UsageError, naming `path` and
    the line, where the existing module is no Python.
    """
    target = parsed(existing, path)
    source = parsed(wanted.replace("\n", target.newline), "the rendered module")
    statements = list(wanted_of(source))
    if not target.blocks:
        return begun(target, source, statements)
    imports = [one for block in source.blocks if is_import(block.node) for one in imports_of(block)]
    manner = Manner(module, first_party, line_length)
    result = with_imports(target, imports, manner)
    joined = with_statements(result.tree, statements, overwrite=overwrite)
    return Merged(
        joined.text,
        (*result.added, *joined.added),
        (*result.conflicts, *joined.conflicts),
        joined.replaced,
    )


def begun(target: Tree, source: Tree, statements: Sequence[Wanted]) -> Merged:
    """A file that holds nothing but comments, or nothing, with the whole wanted module."""
    added = tuple(statement.label for statement in statements)
    if not target.header.strip():
        return Merged(source.text, added)
    below = placed(target, {0: source.blocks})
    return Merged(replace(below, footer=source.footer).text, added)


def imports_of(block: Block) -> Iterator[Import]:
    assert isinstance(block.node, cst.SimpleStatementLine)
    for small in block.node.body:
        yield from read(small)


def wanted_of(source: Tree) -> Iterator[Wanted]:
    """The statements of a rendered module, but for its docstring, imports and `__all__`."""
    early = True
    for number, block in enumerate(source.blocks):
        if is_import(block.node) or (number == 0 and is_docstring(block.node)):
            continue
        early = early and not is_definition(block.node)
        names = tuple(dict.fromkeys(binding.name for binding in bound_by(block.node)))
        if "__all__" not in names:
            yield Wanted(block, names, early)


def with_statements(tree: Tree, wanted: Sequence[Wanted], *, overwrite: bool) -> Merged:
    """The tree's text with every statement that it lacks."""
    existing = bindings(tree)
    meanings = {meaning(tree.module, block.node) for block in tree.blocks}
    absent: list[Wanted] = []
    replacing: dict[int, Wanted] = {}
    conflicts: list[str] = []
    for each in wanted:
        there = [binding for binding in existing if binding.name in each.names]
        if meaning(tree.module, each.block.node) in meanings or same(tree, there, each):
            continue
        if not there:
            absent.append(each)
        elif overwrite and len(there) == 1 and there[0].replaceable and len(each.names) == 1:
            replacing[there[0].index] = each
        else:
            conflicts.append(each.label)
    changed = overwritten(tree, replacing)
    exported = with_exports(changed, [each for each in absent if is_definition(each.block.node)])
    final = placed(exported, places(exported, absent, existing, replacing))
    return Merged(
        final.text,
        tuple(each.label for each in absent),
        tuple(conflicts),
        tuple(each.label for each in replacing.values()),
    )


def same(tree: Tree, there: Sequence[Binding], wanted: Wanted) -> bool:
    """Whether the last definition of the name, the one that counts, does what the wanted one does."""
    if not there or there[-1].imported is not None:
        return False
    return meaning(tree.module, there[-1].node) == meaning(tree.module, wanted.block.node)


def overwritten(tree: Tree, replacing: Mapping[int, Wanted]) -> Tree:
    """The tree with statements replaced; the comments above them stay."""
    blocks = list(tree.blocks)
    for index, wanted in replacing.items():
        blocks[index] = replace(wanted.block, above=blocks[index].above)
    return tree.with_blocks(blocks)


def places(
    tree: Tree, absent: Sequence[Wanted], existing: Sequence[Binding], replacing: Mapping[int, Wanted]
) -> dict[int, list[Block]]:
    """Where new statements go: what stands above definitions, unless it needs them; else the end.

    What a replaced definition needs goes above that.
    """
    top, end = first_definition(tree), last_place(tree)
    late = {binding.name for binding in existing if binding.index >= top}
    needed: dict[str, int] = {}
    for index in sorted(replacing, reverse=True):
        needed.update(dict.fromkeys(mentioned(tree.blocks[index].node), index))
    result: dict[int, list[Block]] = {}
    for each in reversed(absent):
        uses = mentioned(each.block.node)
        place = top if each.early and not uses & late else end
        place = min([place, *(needed[name] for name in each.names if name in needed)])
        needed.update({name: min(place, needed.get(name, place)) for name in uses})
        late.update(each.names if place == end else ())
        result.setdefault(place, []).insert(0, each.block)
    return result


def with_exports(tree: Tree, added: Sequence[Wanted]) -> Tree:
    """The tree with new public definitions in its `__all__`, where that is a list or tuple written out."""
    names = [name for each in added for name in each.names if not name.startswith("_")]
    for index, block in enumerate(tree.blocks):
        if only_binds(block.node, "__all__") and names:
            text = block.text
            for name in names:
                text = exporting(text, name)
            node = parsed(text, "__all__").blocks[0].node
            return tree.with_blocks(
                (*tree.blocks[:index], replace(block, node=node, text=text), *tree.blocks[index + 1 :])
            )
    return tree


def exporting(text: str, name: str) -> str:
    """The statement `__all__ = [...]` with one more name; as it is where it is computed."""
    editable = Editable(text)
    line = cst.ensure_type(editable.module.body[0], cst.SimpleStatementLine)
    small = line.body[0]
    if not isinstance(small, cst.Assign | cst.AnnAssign) or not isinstance(small.value, cst.List | cst.Tuple):
        return text
    quote = "'" if "'" in text else '"'
    return editable.appended(small.value, cst.Element(cst.SimpleString(f"{quote}{name}{quote}")))
