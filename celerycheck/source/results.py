"""What calling a function of the project gives, where its annotation or its few `return`s tell."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from celerycheck.source.code import UNKNOWN, Code, Value
from celerycheck.source.modules import Function, own_nodes
from celerycheck.source.reading import Reader, parsed

PROPERTIES = frozenset(
    {"builtins.property", "functools.cached_property", "django.utils.functional.cached_property"}
)
_SAME_RESULT = frozenset(
    {"functools.cache", "functools.lru_cache", "builtins.staticmethod", "builtins.classmethod"}
)
_MOST_RETURNS = 4


def annotated(function: Function) -> str | None:
    """The chain of what a function returns, where its annotation names a class; else None."""
    returns = getattr(function.node, "returns", None)
    if returns is None or function.is_generator:
        return None
    reader = Reader(function.module, Code(), dict(function.closure), prefix="")
    instance = reader.instance(returns)
    return instance.chain if instance is not None else None


def returned(function: Function) -> str | None:
    """The chain of what a function without annotation returns, where that is plain; else None.

    All that it returns must be the same: made at once, or held by a variable that is given a value once.
    """
    names = {(value.chain or "").removesuffix("()") for value in function.decorators}
    if names - _SAME_RESULT - PROPERTIES or function.is_generator:
        return None
    nodes = [node.value for node in own_nodes(function.node) if isinstance(node, ast.Return)]
    found = [node for node in nodes if node is not None and not _is_none(node)]
    return _agreed(function, found)


def yielded(function: Function) -> str | None:
    """The chain of what a context manager gives that a decorator makes of a function; else None."""
    if not function.decorated_with("contextlib.contextmanager", "contextlib.asynccontextmanager"):
        return None
    annotation = getattr(function.node, "returns", None)
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        annotation = parsed(annotation.value)
    if isinstance(annotation, ast.Subscript):
        inner = annotation.slice
        annotation = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
    if annotation is not None:
        reader = Reader(function.module, Code(), dict(function.closure), prefix="")
        instance = reader.instance(annotation)
        return instance.chain if instance is not None else None
    nodes = [node.value for node in own_nodes(function.node) if isinstance(node, ast.Yield)]
    return _agreed(function, [node for node in nodes if node is not None])


def _agreed(function: Function, nodes: Sequence[ast.expr]) -> str | None:
    """The chain of expressions that are all the same; None for those made of parameters, and for copies."""
    if not nodes or len(nodes) > _MOST_RETURNS:
        return None
    given = _given(function)
    values = [_plainly(function, node, given) for node in nodes]
    chains = {value.chain for value in values}
    chain = chains.pop() if len(chains) == 1 else None
    if chain is None or "?" in chain or chain.startswith("builtins."):
        return None
    copies = (value.call.chain for value in values if value.call is not None and value.call.chain)
    return None if any(copy.startswith("builtins.") for copy in copies) else chain


def _plainly(
    function: Function, node: ast.expr, given: Mapping[str, Sequence[_Given]], seen: tuple[str, ...] = ()
) -> Value:
    """An expression, the variable it begins with resolved where the function gives it a value once."""
    reader = Reader(function.module, Code(), dict(function.closure), prefix="", function=function)
    reader.bind_parameters(function)
    name = _first_name(node)
    bound = given.get(name, ())
    if bound:
        value = UNKNOWN
        if len(bound) == 1 and len(seen) < _MOST_RETURNS and name not in (*seen, *function.named_parameters):
            value = _plainly(function, bound[0].node, given, (*seen, name))
            value = reader.entered(value) if bound[0].entered else value
        reader.names[name] = value
    return reader.value(node)


def _first_name(node: ast.expr) -> str:
    """`session` of `session.query(Order).first()`; empty where an expression begins otherwise."""
    while isinstance(node, (ast.Attribute, ast.Subscript, ast.Await, ast.Call)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


class _Given(NamedTuple):
    """An expression that a variable is given; `entered`: as a context manager."""

    node: ast.expr
    entered: bool = False


def _given(function: Function) -> Mapping[str, list[_Given]]:
    """What a function gives its variables; what is bound otherwise counts as given twice."""
    found: dict[str, list[_Given]] = {}
    plain: set[int] = set()
    for node in own_nodes(function.node):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            target, given = node.targets[0], _Given(node.value)
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            target, given = node.optional_vars, _Given(node.context_expr, entered=True)
        else:
            continue
        plain.add(id(target))
        found.setdefault(target.id, []).append(given)
    for node in own_nodes(function.node):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load) and id(node) not in plain:
            found.setdefault(node.id, []).extend([_Given(node), _Given(node)])
    return found


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
