"""A module made known to the workers: autodiscovered, or included."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst
from libcst.helpers import get_full_name_for_node

from celerycheck.scaffold.merging.editable import Editable
from celerycheck.scaffold.merging.extending import Written, after_owner, literal_text
from celerycheck.scaffold.merging.formatting import laid_out
from celerycheck.scaffold.merging.import_merge import Manner, target
from celerycheck.scaffold.merging.import_order import Import
from celerycheck.scaffold.merging.merge import Merged
from celerycheck.scaffold.merging.names import bindings
from celerycheck.scaffold.merging.sites import code_lines
from celerycheck.scaffold.merging.tree import Tree, parsed
from celerycheck.scaffold.pieces import Loaded

Items = cst.List | cst.Tuple
SETTINGS = ("include", "imports")
MODULE_SETTINGS = (*SETTINGS, "CELERY_INCLUDE", "CELERY_IMPORTS")


def added(existing: str, loaded: Loaded, *, module: str = "", line_length: int = 88) -> Merged:
    """The module with what makes workers import `loaded.module`: one more item where there is a list of them.

    `module` is its own dotted name, which tells what its relative imports mean. Raises UsageError where the
    module is no Python, CannotExtend where it does not make the app.
    """
    tree = parsed(existing, loaded.path)
    editable = Editable(existing, line_length)
    packages = list(discovered(editable.module, loaded))
    modules = list(included(editable.module, loaded))
    if imported(tree, loaded, module) or holds(packages, loaded.package) or holds(modules, loaded.module):
        return Merged(existing)
    if packages:
        text = editable.appended(packages[0], item(loaded.package))
    elif modules:
        text = editable.appended(modules[0], item(loaded.module))
    else:
        text = after_owner(existing, loaded.path, loaded.owner, call(loaded), line_length)
    return Merged(text, (loaded.module,))


def discovered(module: cst.Module, loaded: Loaded) -> Iterator[Items]:
    """The lists of packages that `autodiscover_tasks` is called with for modules of the same name."""
    for line in code_lines(module):
        call = line.node.value if isinstance(line.node, cst.Expr) else None
        if line.guarded or not isinstance(call, cst.Call):
            continue
        if full_name(call.func) != f"{loaded.owner}.autodiscover_tasks":
            continue
        packages = argument(call, 0, "packages")
        name = argument(call, 1, "related_name")
        related = "tasks" if name is None else literal_text(name)
        if isinstance(packages, Items) and related == loaded.related_name:
            yield packages


def argument(call: cst.Call, place: int, name: str) -> cst.BaseExpression | None:
    """The value of an argument given by place or by name; None where it is not given."""
    for number, each in enumerate(call.args):
        if each.keyword.value == name if each.keyword else number == place and not each.star:
            return each.value
    return None


def included(module: cst.Module, loaded: Loaded) -> Iterator[Items]:
    """The lists of modules that workers import: the app's `include`, and the settings."""
    for line in code_lines(module):
        if line.guarded:
            continue
        for value in (
            *constructed(line.node, loaded.owner),
            *configured(line.node, loaded.owner, line.local),
        ):
            if isinstance(value, Items):
                yield value


def constructed(node: cst.BaseSmallStatement, owner: str) -> Iterator[cst.BaseExpression]:
    """`include` in `owner = Celery(..., include=[...])`, and in `owner.conf.update(include=[...])`."""
    value = node.value if isinstance(node, cst.Assign | cst.AnnAssign | cst.Expr) else None
    if not isinstance(value, cst.Call):
        return
    if isinstance(node, cst.Expr):
        names: tuple[str, ...] = SETTINGS if full_name(value.func) == f"{owner}.conf.update" else ()
    else:
        names = ("include",) if owner in targets(node) and full_name(value.func).endswith("Celery") else ()
    for each in value.args:
        if each.keyword is not None and each.keyword.value in names:
            yield each.value


def configured(node: cst.BaseSmallStatement, owner: str, local: bool) -> Iterator[cst.BaseExpression]:
    """What `owner.conf.imports = [...]` sets, and `imports = [...]` at the top of a module of settings."""
    names = {f"{owner}.conf.{setting}" for setting in SETTINGS}
    names.update(() if local else MODULE_SETTINGS)
    if isinstance(node, cst.Assign | cst.AnnAssign) and node.value is not None and names & set(targets(node)):
        yield node.value


def targets(node: cst.BaseSmallStatement) -> list[str]:
    """The names that an assignment gives its value to."""
    if isinstance(node, cst.Assign):
        return [full_name(each.target) for each in node.targets]
    return [full_name(node.target)] if isinstance(node, cst.AnnAssign) else []


def full_name(node: cst.CSTNode) -> str:
    return get_full_name_for_node(node) or ""


def holds(found: list[Items], name: str) -> bool:
    return any(literal_text(element.value) == name for node in found for element in node.elements)


def imported(tree: Tree, loaded: Loaded, module: str) -> bool:
    """Whether the module itself imports the other one."""
    return any(
        loads(Manner(module).absolute(binding.imported), loaded.module)
        for binding in bindings(tree)
        if binding.imported is not None
    )


def loads(one: Import, module: str) -> bool:
    return target(one) == module if one.name else f"{one.module}.".startswith(f"{module}.")


def item(text: str) -> cst.Element:
    return cst.Element(cst.SimpleString(f'"{text}"'))


def call(loaded: Loaded) -> Written:
    """`owner.autodiscover_tasks(["package"])`."""
    name = "" if loaded.related_name == "tasks" else f', related_name="{loaded.related_name}"'
    code = cst.parse_expression(f'{loaded.owner}.autodiscover_tasks(["{loaded.package}"]{name})')
    return lambda style, indent: laid_out(code, style, indent, len(indent))
