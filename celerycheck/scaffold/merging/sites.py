"""The places in a module that set a dict setting, or entries of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import libcst as cst
import libcst.matchers as m
from libcst.helpers import get_full_name_for_node

from celerycheck.scaffold.merging.extending import literal_text
from celerycheck.scaffold.merging.names import Statements
from celerycheck.scaffold.pieces import Entry

CHANGES = {"update", "setdefault", "pop", "popitem", "clear"}


@dataclass(frozen=True)
class Site:
    """`value` is what is given to the setting, or to one `key` of it; `guarded`: only on some condition."""

    value: cst.BaseExpression
    key: str | None
    guarded: bool


@dataclass(frozen=True)
class Line:
    """A small statement, and what it stands in."""

    node: cst.BaseSmallStatement
    guarded: bool = False
    local: bool = False


def sites(module: cst.Module, entry: Entry) -> list[Site]:
    """All places that set the setting or an entry of it, in order."""
    return [
        site
        for line in code_lines(module)
        if entry.how == "app" or not line.local
        for site in (*assigned(line, entry), *updated(line, entry))
    ]


def code_lines(node: cst.CSTNode, *, guarded: bool = False, local: bool = False) -> Iterator[Line]:
    """Every small statement of a module; those in a class count as guarded, as the class keeps them."""
    if isinstance(node, cst.BaseSmallStatement):
        yield Line(node, guarded, local)
        return
    if isinstance(node, cst.FunctionDef):
        local = True
    elif isinstance(node, cst.BaseCompoundStatement):
        guarded = True
    for child in node.children:
        if isinstance(child, Statements):
            yield from code_lines(child, guarded=guarded, local=local)


def assigned(line: Line, entry: Entry) -> Iterator[Site]:
    """What `SETTING = value` and `SETTING["key"] = value` set."""
    node = line.node
    if isinstance(node, cst.Assign):
        targets = [each.target for each in node.targets]
    else:
        targets = [node.target] if isinstance(node, cst.AnnAssign) else []
    value = node.value if isinstance(node, cst.Assign | cst.AnnAssign) else None
    if value is None:
        return
    for target in targets:
        if refers(target, entry):
            yield Site(value, None, line.guarded)
        elif isinstance(target, cst.Subscript) and refers(target.value, entry):
            key = subscript(target)
            if key is not None:
                yield Site(value, key, line.guarded)


def updated(line: Line, entry: Entry) -> Iterator[Site]:
    """What `app.conf.update(SETTING=value)` and `app.conf.update({"SETTING": value})` set."""
    call = line.node.value if isinstance(line.node, cst.Expr) else None
    if entry.how != "app" or not isinstance(call, cst.Call):
        return
    if get_full_name_for_node(call.func) != f"{entry.owner}.conf.update":
        return
    for argument in call.args:
        if argument.keyword is not None and argument.keyword.value == entry.spelled:
            yield Site(argument.value, None, line.guarded)
        if argument.keyword is None and not argument.star and isinstance(argument.value, cst.Dict):
            for key, value in pairs(argument.value):
                if key == entry.spelled:
                    yield Site(value, None, line.guarded)


def pairs(node: cst.Dict) -> Iterator[tuple[str, cst.BaseExpression]]:
    """The entries of a dict whose keys are plain strings."""
    for element in node.elements:
        key = literal_text(element.key) if isinstance(element, cst.DictElement) else None
        if key is not None:
            yield key, element.value


def refers(node: cst.CSTNode, entry: Entry) -> bool:
    """Whether an expression is the setting itself."""
    if entry.how == "module":
        return isinstance(node, cst.Name) and node.value == entry.spelled
    conf = f"{entry.owner}.conf"
    if isinstance(node, cst.Subscript):
        return get_full_name_for_node(node.value) == conf and subscript(node) == entry.spelled
    return isinstance(node, cst.Attribute) and get_full_name_for_node(node) == f"{conf}.{entry.spelled}"


def subscript(node: cst.Subscript) -> str | None:
    """The key of `thing["key"]`; None for anything else in the brackets."""
    inner = node.slice[0].slice
    return literal_text(inner.value) if len(node.slice) == 1 and isinstance(inner, cst.Index) else None


def changed_elsewhere(module: cst.Module, entry: Entry) -> bool:
    """Whether the setting is changed in ways that are not followed: `.update(...)`, `|=`, `del`."""
    for call in m.findall(module, m.Call(func=m.Attribute())):
        function = cst.ensure_type(cst.ensure_type(call, cst.Call).func, cst.Attribute)
        if function.attr.value in CHANGES and refers(function.value, entry):
            return True
    grown = m.findall(module, m.AugAssign() | m.Del())
    return any(refers(target, entry) for node in grown for target in inner_targets(node))


def inner_targets(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    if isinstance(node, cst.AugAssign):
        yield node.target
    if isinstance(node, cst.Del):
        yield node.target.value if isinstance(node.target, cst.Subscript) else node.target


def spoken_of(module: cst.Module, spelled: str) -> bool:
    """Whether a name stands anywhere in the code, be it as a string."""
    if any(cst.ensure_type(name, cst.Name).value == spelled for name in m.findall(module, m.Name())):
        return True
    strings = m.findall(module, m.SimpleString())
    return any(isinstance(each, cst.SimpleString) and literal_text(each) == spelled for each in strings)


def star_imported(module: cst.Module) -> str:
    """The first `from module import *`, as written; empty where there is none."""
    for node in m.findall(module, m.ImportFrom(names=m.ImportStar())):
        return module.code_for_node(node)
    return ""
