"""The shape of a task's own code: defaults that it changes, and how much it does itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from celerycheck.registry import Problem, check
from celerycheck.source.code import Call
from celerycheck.source.evidence import TaskBody
from celerycheck.source.modules import FunctionNode

_ADDS = frozenset(
    {"add", "append", "appendleft", "extend", "extendleft", "insert", "setdefault", "subtract", "update"}
)
_TAKES = frozenset(
    {"clear", "difference_update", "discard", "intersection_update", "pop", "popitem", "popleft", "remove"}
)
_ORDERS = frozenset({"reverse", "rotate", "sort", "symmetric_difference_update"})
_CONTAINERS = frozenset(
    f"{module}{name}"
    for module in ("", "collections.")
    for name in ("list", "dict", "set", "bytearray", "defaultdict", "deque", "Counter", "OrderedDict")
)
_ORDER = {"value": 0, "iter": 0, "target": 1, "targets": 1}
"""Which parts of a node are evaluated before the others."""
_LOGS = frozenset({"critical", "debug", "error", "exception", "info", "log", "warn", "warning"})
_PLAIN = (ast.Pass, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal)
_BRANCHES = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.ExceptHandler, ast.match_case)
_DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


@check
def mutable_default(body: TaskBody) -> Iterator[Problem]:
    """A task changes the default value of a parameter.

    Why: Python makes the default once, so every run in that worker process that is not given the argument
        starts with what earlier ones left in it: one customer's rows in another's report.
    Fix: `None` as the default, and a new list or dict in the body: `rows = [] if rows is None else rows`.
    Reference: https://docs.python.org/3/tutorial/controlflow.html#default-argument-values
    """
    for name, default in _mutable_defaults(body.node).items():
        change = next(_changes(body.node.body, name, empty=_is_empty(default)), None)
        if change is None:
            continue
        written = ast.unparse(default)
        fresh = written if len(written) <= 20 else "..."
        yield body.problem(
            f"{_written(change)} changes the default {name}={fresh}: the next run in this worker process that"
            f" is not given {name} starts with what this one leaves",
            at=change,
            fix=f"{name}=None, and {name} = {fresh} if {name} is None else {name} in the body",
        )


def _mutable_defaults(function: FunctionNode) -> Mapping[str, ast.expr]:
    arguments = function.args
    plain = [*arguments.posonlyargs, *arguments.args]
    defaults: list[tuple[ast.arg, ast.expr | None]] = [
        *zip(plain[len(plain) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return {a.arg: default for a, default in defaults if default is not None and _is_mutable(default)}


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return ast.unparse(node.func) in _CONTAINERS
    return isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def _is_empty(node: ast.expr) -> bool:
    match node:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(args=[], keywords=[]):
            return True
        case ast.Call(func=ast.Name(id="defaultdict") | ast.Attribute(attr="defaultdict"), args=[_]):
            return True
    return False


def _changes(body: object, name: str, *, empty: bool) -> Iterator[ast.AST]:
    """The nodes that change the value of a parameter, in order, up to where the name is given another.

    What only runs where an empty default is not empty is left out, and functions inside the task are.
    """
    for node in _in_order(body, name, empty=empty):
        if _rebinds(node, name):
            return
        if _is_change(node, name, empty=empty):
            yield node


def _in_order(tree: object, name: str, *, empty: bool) -> Iterator[ast.AST]:
    """The nodes of some code as they are evaluated, values before the targets they are given to."""
    if isinstance(tree, list):
        for item in tree:
            yield from _in_order(item, name, empty=empty)
    if not isinstance(tree, ast.AST) or isinstance(tree, _DEFINES):
        return
    fields = dict(ast.iter_fields(tree))
    if isinstance(tree, ast.AugAssign):
        # rows += [..] changes a list in place: its target is no other value.
        fields["target"] = getattr(tree.target, "value", None)
    if empty and isinstance(tree, (ast.If, ast.While)) and _needs_content(tree.test, name):
        del fields["body"]
    if empty and isinstance(tree, ast.For) and _is_of(tree.iter, name):
        del fields["body"]
    for field in sorted(fields, key=lambda field: _ORDER.get(field, 2)):
        yield from _in_order(fields[field], name, empty=empty)
    yield tree


def _needs_content(test: ast.expr, name: str) -> bool:
    """Whether a condition holds only where the value has something in it."""
    match test:
        case ast.Name(id=found):
            return found == name
        case ast.BoolOp(op=ast.And(), values=values):
            return any(_needs_content(value, name) for value in values)
        case ast.Compare(ops=[ast.In()], comparators=[ast.Name(id=found)]):
            return found == name
    return False


def _is_of(node: ast.expr, name: str) -> bool:
    """Whether it is the parameter's value or something it holds (`options.items()`)."""
    while isinstance(node, (ast.Call, ast.Attribute, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return isinstance(node, ast.Name) and node.id == name


def _rebinds(node: ast.AST, name: str) -> bool:
    """Whether the name is given another value, or none."""
    return isinstance(node, ast.Name) and node.id == name and not isinstance(node.ctx, ast.Load)


def _is_change(node: ast.AST, name: str, *, empty: bool) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=found), attr=method)) if found == name:
            return method in _ADDS or (not empty and method in _TAKES | _ORDERS)
        case ast.Subscript(value=ast.Name(id=found), ctx=ast.Store()):
            return found == name
        case ast.Subscript(value=ast.Name(id=found), ctx=ast.Del()):
            return found == name and not empty
        case ast.AugAssign(target=ast.Name(id=found) | ast.Subscript(value=ast.Name(id=found))):
            return found == name
    return False


def _written(node: ast.AST) -> str:
    match node:
        case ast.Call(func=function):
            return f"{ast.unparse(function)}()"
        case ast.AugAssign(target=target, op=op):
            return ast.unparse(ast.AugAssign(target, op, ast.Constant(...)))
        case ast.Subscript(value=value, ctx=ast.Del()):
            return f"del {ast.unparse(value)}[...]"
        case ast.Subscript(value=value):
            return f"{ast.unparse(value)}[...] = ..."
    return "this"


@check
def fat_task(body: TaskBody, *, statements: int = 40, branches: int = 10) -> Iterator[Problem]:
    """A task does its work in its own body.

    Why: what stands in a task can be called only as a task: views, commands and tests cannot use it without
        Celery, and what is long is hard to make safe to run twice.
    Fix: a function of a service module that does the work, and a task that calls it and decides about
        retries.
    """
    first, last = body.node.lineno, body.node.end_lineno or body.node.lineno
    if last - first <= statements and len(body.code.blocks) <= branches:
        return
    calls = {id(call.node): call for call in body.code.calls}
    own = list(_own_statements(body.node.body))
    count = sum(not _delegates(body, statement, calls) for statement in own)
    forks = sum(
        isinstance(node, _BRANCHES) for statement in own for node in (statement, *_handlers(statement))
    )
    if count <= statements and forks <= branches:
        return
    name = body.function.name.lstrip("_")
    yield Problem(
        f"its body has {count} statements and {forks} branches of its own, logging and calls of the project's"
        " functions apart",
        fix=f"move them into a function of a service module, and call that: services.{name}(...)",
        about=body.task,
    )


def _handlers(statement: ast.stmt) -> list[ast.AST]:
    match statement:
        case ast.Try(handlers=handlers):
            return [*handlers]
        case ast.Match(cases=cases):
            return [*cases]
    return []


def _own_statements(body: object) -> Iterator[ast.stmt]:
    """Every statement of a body, nested ones included; docstrings, logging and inner functions apart."""
    for node in body if isinstance(body, list) else ():
        if isinstance(node, (*_PLAIN, *_DEFINES)) or _says_only(node):
            continue
        if isinstance(node, ast.stmt):
            yield node
        for part in ("body", "orelse", "finalbody", "handlers", "cases"):
            children = getattr(node, part, None)
            if isinstance(children, list):
                yield from _own_statements(children)


def _says_only(node: ast.AST) -> bool:
    """Whether a statement is a docstring, a log line or a print."""
    if not isinstance(node, ast.Expr):
        return False
    match node.value:
        case ast.Constant():
            return True
        case ast.Call(func=ast.Attribute(value=logger, attr=method)):
            return method in _LOGS and "log" in ast.unparse(logger).lower()
        case ast.Call(func=ast.Name(id="print")):
            return True
    return False


def _delegates(body: TaskBody, statement: ast.stmt, calls: Mapping[int, Call]) -> bool:
    """Whether a simple statement calls a function or method of the project's own, or sends a task."""
    if hasattr(statement, "body") or isinstance(statement, ast.Match):
        return False
    made = (calls.get(id(node)) for node in ast.walk(statement) if isinstance(node, ast.Call))
    return any(call is not None and _is_own(body, call) for call in made)


def _is_own(body: TaskBody, call: Call) -> bool:
    if call.function is not None or body.project.function(call.chain) is not None:
        return True
    return any(site.call is call for site in body.sites)


__all__ = ["fat_task", "mutable_default"]
