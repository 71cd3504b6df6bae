"""An entry added to a dict setting, in the way that the module sets it."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from celerycheck.scaffold.merging.editable import Editable
from celerycheck.scaffold.merging.extending import CannotExtend, after_owner, at_the_end
from celerycheck.scaffold.merging.formatting import Style, laid_out
from celerycheck.scaffold.merging.import_merge import Manner, with_imports
from celerycheck.scaffold.merging.import_order import Import
from celerycheck.scaffold.merging.imports import read
from celerycheck.scaffold.merging.merge import Merged
from celerycheck.scaffold.merging.names import meaning
from celerycheck.scaffold.merging.sites import Site, changed_elsewhere, pairs, sites, spoken_of, star_imported
from celerycheck.scaffold.merging.tree import parsed
from celerycheck.scaffold.pieces import Entry

__all__ = ["CannotExtend", "added"]


def added(
    existing: str,
    entry: Entry,
    *,
    overwrite: bool = False,
    first_party: frozenset[str] = frozenset(),
    line_length: int = 88,
) -> Merged:
    """The module with the entry in its setting; set anew where the module does not set it.

    An entry of the same key with another value is a conflict, or replaced with `overwrite`. Raises UsageError
    where the module is no Python, CannotExtend where it sets the setting in a way that cannot be extended.
    """
    label = f"{entry.spelled}[{quoted(entry.key)}]"
    parsed(existing, entry.path)
    editable = Editable(existing, line_length)
    found = sites(editable.module, entry)
    check(editable.module, entry, found)
    there = values(entry.key, found)
    value = cst.parse_expression(entry.value)
    if there and meaning(editable.module, there[-1]) == meaning(editable.module, value):
        return Merged(existing)
    if there and not overwrite:
        return Merged(existing, conflicts=(label,))
    text = editable.replaced(there[-1], value) if there else extended(editable, entry, found)
    tree = parsed(text, entry.path)
    manner = Manner("", first_party, line_length, early=True)
    result = with_imports(tree, [one for line in entry.imports for one in imports_of(line)], manner)
    if result.conflicts:
        return Merged(existing, conflicts=result.conflicts)
    if there:
        return Merged(result.tree.text, result.added, replaced=(label,))
    return Merged(result.tree.text, (*result.added, label))


def check(module: cst.Module, entry: Entry, found: Sequence[Site]) -> None:
    """Raise CannotExtend where the setting is not set plainly, once, as a literal."""
    name = entry.spelled
    whole = [site for site in found if site.key is None]
    if len(whole) > 1:
        raise CannotExtend(f"{name} is set more than once", entry)
    if any(site.guarded for site in whole):
        raise CannotExtend(f"{name} is set in a class or under a condition", entry)
    if changed_elsewhere(module, entry):
        raise CannotExtend(f"{name} is changed after it is set", entry)
    if whole and not isinstance(whole[0].value, cst.Dict):
        raise CannotExtend(f"{name} is not a dict that is written out", entry)
    if not found and spoken_of(module, name):
        raise CannotExtend(f"{name} is spoken of, but not set in a way that can be extended", entry)
    if not found and entry.how == "module" and star_imported(module):
        raise CannotExtend(f"{name} may come with `{star_imported(module)}`", entry)


def values(key: str, found: Sequence[Site]) -> list[cst.BaseExpression]:
    """What the key is given, in order."""
    result = []
    for site in found:
        if site.key == key:
            result.append(site.value)
        elif site.key is None and isinstance(site.value, cst.Dict):
            result.extend(value for each, value in pairs(site.value) if each == key)
    return result


def extended(editable: Editable, entry: Entry, found: Sequence[Site]) -> str:
    """The text with the entry in the dict, or in a line of its own where only single entries are set."""
    whole = [site.value for site in found if site.key is None]
    if whole and isinstance(whole[0], cst.Dict):
        return editable.appended(whole[0], element(entry))
    target = entry.spelled if entry.how == "module" else f"{entry.owner}.conf.{entry.spelled}"
    if found:
        head, value = f"{target}[{quoted(entry.key)}] = ", cst.parse_expression(entry.value)
        line = editable.statement(found[-1].value) or found[-1].value
        return editable.with_line_after(
            line, lambda indent: head + laid_out(value, editable.style, indent, len(indent) + len(head))
        )

    def written(style: Style, indent: str) -> str:
        exploded = cst.Dict([element(entry).with_changes(comma=cst.Comma())])
        return f"{target} = " + laid_out(exploded, style, indent)

    if entry.how == "module":
        return at_the_end(editable.text, entry.path, written, editable.style.width)
    return after_owner(editable.text, entry.path, entry.owner, written, editable.style.width)


def element(entry: Entry) -> cst.DictElement:
    return cst.DictElement(cst.SimpleString(quoted(entry.key)), cst.parse_expression(entry.value))


def quoted(text: str) -> str:
    """A string as formatters write it."""
    return repr(text) if '"' in text or "\\" in text else f'"{text}"'


def imports_of(line: str) -> list[Import]:
    """What a line of code imports."""
    node = cst.ensure_type(cst.parse_statement(line), cst.SimpleStatementLine)
    return [one for small in node.body for one in read(small)]
