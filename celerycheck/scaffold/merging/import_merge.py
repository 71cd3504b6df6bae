"""Imports added to a module: into the statement that is there, or where a sorted block has them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import libcst as cst

from celerycheck.scaffold.merging.editable import Editable
from celerycheck.scaffold.merging.import_order import Import, Key, Section, member_key, section
from celerycheck.scaffold.merging.imports import Line, commented_apart, grouped, line_key, lines_of, read
from celerycheck.scaffold.merging.names import Binding, bindings
from celerycheck.scaffold.merging.placing import first_definition, padded
from celerycheck.scaffold.merging.tree import Block, Tree, is_docstring, is_import, lines


@dataclass(frozen=True)
class Manner:
    """How a module's imports are read and written.

    - `module`: its own dotted name, `billing.__init__` for a package; empty where it is not known.
    - `early`: whether new statements go to the first block of imports rather than to the last one above
      definitions, which may follow what has to run before it (`django.setup()`).
    """

    module: str = ""
    first_party: frozenset[str] = frozenset()
    line_length: int = 88
    early: bool = False

    def absolute(self, one: Import) -> Import:
        """The same import without leading dots, where the module's own name tells what they mean."""
        name = one.module.lstrip(".")
        dots = len(one.module) - len(name)
        package = self.module.split(".")[:-dots] if dots else []
        return replace(one, module=".".join([*package, *([name] if name else [])])) if package else one


@dataclass(frozen=True)
class Imported:
    """A tree with imports added: names that came in, and names that mean something else there."""

    tree: Tree
    added: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


def with_imports(tree: Tree, wanted: Iterable[Import], manner: Manner) -> Imported:
    """Add the imports that a module lacks; one whose name is bound otherwise is a conflict and left out."""
    existing = bindings(tree)
    missing = [one for one in dict.fromkeys(wanted) if not present(one, existing, manner)]
    conflicts = [one for one in missing if taken(one, existing, manner)]
    added = [one for one in missing if one not in conflicts]
    for names in grouped(added).values():
        tree = with_names(tree, names, manner)
    return Imported(tree, tuple(one.statement for one in added), tuple(one.bound for one in conflicts))


def target(one: Import) -> str:
    """What the bound name stands for: a dotted name."""
    if one.name is not None:
        return f"{one.module}.{one.name}"
    return one.module if one.asname else one.bound


def present(wanted: Import, existing: Sequence[Binding], manner: Manner) -> bool:
    """Whether the module imports the same under the same name."""
    wanted = manner.absolute(wanted)
    for binding in existing:
        if binding.imported is None:
            continue
        one = manner.absolute(binding.imported)
        if one.bound != wanted.bound or target(one) != target(wanted):
            continue
        loads = wanted.name is not None or wanted.asname or f"{one.module}.".startswith(f"{wanted.module}.")
        if loads:
            return True
    return False


def taken(wanted: Import, existing: Sequence[Binding], manner: Manner) -> bool:
    """Whether the module gives the name to something else."""
    meant = target(manner.absolute(wanted))
    return any(
        binding.imported is None or target(manner.absolute(binding.imported)) != meant
        for binding in existing
        if binding.name == wanted.bound and wanted.name != "*"
    )


def with_names(tree: Tree, names: Sequence[Import], manner: Manner) -> Tree:
    """The tree with names of one statement imported."""
    for index, block in enumerate(tree.blocks[: first_definition(tree)]):
        if takes(block, names[0], manner):
            extended = longer(tree.module, block, names, manner.line_length)
            return tree.with_blocks((*tree.blocks[:index], extended, *tree.blocks[index + 1 :]))
    text = Line(tuple(sorted(names, key=name_key))).text(
        manner.line_length, tree.newline, tree.module.default_indent
    )
    node = cst.parse_statement(text, tree.module.config_for_parsing)
    assert isinstance(node, cst.SimpleStatementLine)
    return with_statement(tree, Block(node, "", text), manner)


def takes(block: Block, wanted: Import, manner: Manner) -> bool:
    """Whether a statement is `from module import names` of the same module, so that a name can go into it."""
    if not isinstance(block.node, cst.SimpleStatementLine) or len(block.node.body) != 1:
        return False
    found = read(block.node.body[0])
    plain = all(one.name not in {None, "*"} and not one.asname for one in (*found, wanted))
    return bool(found) and plain and manner.absolute(found[0]).module == manner.absolute(wanted).module


def longer(module: cst.Module, block: Block, names: Sequence[Import], line_length: int) -> Block:
    """A from-import with more names, sorted in where the others are sorted."""
    assert isinstance(block.node, cst.SimpleStatementLine)
    node = block.node.body[0]
    assert isinstance(node, cst.ImportFrom)
    line = next(lines_of(block))
    if line.verbatim:
        text = block.text
        for one in names:
            text = with_alias(text, one)
    else:
        together = [*read(node), *(replace(one, module=read(node)[0].module) for one in names)]
        ordered = read(node) == sorted(read(node), key=name_key)
        made = Line(
            tuple(sorted(together, key=name_key) if ordered else together),
            trailing=line.trailing,
            exploded=line.exploded or (len(lines(block.text)) > 1 and "(" in block.text),
        )
        text = made.text(line_length, module.default_newline, module.default_indent)
    parsed = cst.parse_statement(text, module.config_for_parsing)
    assert isinstance(parsed, cst.SimpleStatementLine)
    return replace(block, node=parsed, text=text)


def with_alias(text: str, one: Import) -> str:
    """The text of a from-import that has comments in it, with one more name: sorted in, else at its end."""
    editable = Editable(text)
    node = cst.ensure_type(
        cst.ensure_type(editable.module.body[0], cst.SimpleStatementLine).body[0], cst.ImportFrom
    )
    names = [name_key(each) for each in read(node)]
    place = next((number for number, key in enumerate(names) if key > name_key(one)), len(names))
    aliases = [] if isinstance(node.names, cst.ImportStar) else list(node.names)
    rows = [editable.line_start(editable.span(alias)[0]) for alias in aliases]
    if names == sorted(names) and place < len(names) and rows[0] > 0 and len(set(rows)) == len(rows):
        above = rows[place - 1] if place else 0
        row = f"{editable.indent(rows[place])}{one.name},{editable.style.newline}"
        below = above + len(lines(text[above:])[0])
        return text[:below] + row + text[below:]
    return editable.appended(node, cst.Name(one.name or ""))


def name_key(one: Import) -> Key:
    return member_key(one.name or "")


def with_statement(tree: Tree, new: Block, manner: Manner) -> Tree:
    """The tree with a new import statement in its block of imports, or below the docstring."""
    assert isinstance(new.node, cst.SimpleStatementLine)
    one = read(new.node.body[0])[0]
    group = section(one.module, manner.first_party)
    start, end = run(tree, early=manner.early or group is Section.FUTURE)
    if start == end:
        return started(tree, new, start)
    groups, keys = [], []
    for block in tree.blocks[start:end]:
        assert isinstance(block.node, cst.SimpleStatementLine)
        first = read(block.node.body[0])[0]
        groups.append(section(first.module, manner.first_party))
        keys.append(line_key(first, manner.first_party))
    key = line_key(one, manner.first_party)
    for number, block in enumerate(tree.blocks[start:end]):
        same = groups[number] == group
        if (same and keys[number] > key) or (group not in groups and groups[number] > group):
            if number and groups[number - 1] == group and block.comments:
                return spliced(tree, start + number, new, block)
            return spliced(tree, start + number, *before(block, new, tree.newline, apart=not same))
    if group in groups:
        place = end - groups[::-1].index(group)
        return spliced(tree, place, replace(new, above=""), *tree.blocks[place : place + 1])
    return started(tree, new, end)


def before(block: Block, new: Block, newline: str, *, apart: bool) -> tuple[Block, Block]:
    """A new import and the one it stands before; comments stay above both where a blank line parts them."""
    if commented_apart(block):
        return replace(new, above=block.above), replace(block, above=newline if apart else "")
    below = block.after_blank_lines(1 if apart or block.comments else 0, newline)
    return replace(new, above=newline * block.blank_lines), below


def spliced(tree: Tree, place: int, *blocks: Block) -> Tree:
    """The tree with blocks in the place of one."""
    return tree.with_blocks((*tree.blocks[:place], *blocks, *tree.blocks[place + 1 :]))


def started(tree: Tree, new: Block, place: int) -> Tree:
    """The tree with an import statement apart from what stands before and after it."""
    apart = place > 0
    new = replace(new, above=tree.newline if apart else "")
    below = [padded([new], block, tree) for block in tree.blocks[place : place + 1]]
    return spliced(tree, place, new, *below)


def run(tree: Tree, *, early: bool) -> tuple[int, int]:
    """Where the block of imports starts and ends that new ones go to."""
    after_docstring = 1 if tree.blocks and is_docstring(tree.blocks[0].node) else 0
    limit = first_definition(tree)
    places = [index for index in range(after_docstring, limit) if is_import(tree.blocks[index].node)]
    if not places:
        return after_docstring, after_docstring
    start = end = places[0] if early else places[-1]
    while start - 1 in places:
        start -= 1
    while end in places:
        end += 1
    return start, end
