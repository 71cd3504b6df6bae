"""A task's function: what wraps it, its parameters and their annotations."""

from __future__ import annotations

import inspect
import typing
from functools import cache, partial
from types import CodeType, FunctionType
from typing import Any, Dict, Iterator, Mapping, Optional, Tuple

from celerycheck.credentials import masked_text
from celerycheck.inspection.annotations import complex_kind
from celerycheck.inspection.plain import attribute, dotted, guarded
from celerycheck.subjects import Parameter

PLAIN_TYPES = (int, str, bool, float, bytes, dict, list, type(None))

_BY_NAME = {cls.__name__: cls for cls in PLAIN_TYPES if cls is not type(None)}

_MISSING = object()

_LONG = 200

_DEEPEST = 100
"""Wrappers around one function: an object that answers to any name seems to have no end of them."""


def written_code(function: Any) -> Optional[CodeType]:
    """A function's own code; None for whatever is no Python function, or answers to any name."""
    if type(function) is FunctionType:
        return function.__code__
    code = attribute(function, "__code__")
    return code if isinstance(code, CodeType) else None


def flags_of(function: Any) -> int:
    """The flags of a function's code, below partials; 0 for whatever is no Python function."""
    while isinstance(function, partial):
        function = function.func
    code = written_code(function)
    return code.co_flags if code is not None else 0


def defined(cls: type, name: str) -> Any:
    """What a class or the nearest of its bases holds under a name, as it stands there; None for nothing."""
    return next((vars(base)[name] for base in cls.__mro__ if name in vars(base)), None)


def outermost(task: Any) -> Any:
    """The callable the decorator was given, or the class's `run`, without Celery's autoretry around it."""
    run = getattr(task, "_orig_run", None) or task.run
    return attribute(run, "__func__") or run


def layers(function: Any) -> Iterator[Any]:
    """A function and what it wraps, outermost first, as `functools.wraps` tells."""
    if type(function) is FunctionType and "__wrapped__" not in function.__dict__:
        yield function
        return
    seen: Dict[int, Any] = {}
    while function is not None and id(function) not in seen and len(seen) < _DEEPEST:
        seen[id(function)] = function
        yield attribute(function, "__func__") or function
        function = attribute(function, "__wrapped__")


def innermost(function: Any) -> Any:
    """The function at the bottom of the wrappers: the one the user wrote."""
    last = function
    for layer in layers(function):
        last = layer
    return last


def called_code(function: Any) -> Optional[CodeType]:
    """The code behind a callable that is no function: below a partial, and that of an object's `__call__`."""
    while isinstance(function, partial):
        function = innermost(function.func)
    return written_code(function) or written_code(innermost(defined(type(function), "__call__")))


def first_line(task: Any, function: Any) -> Optional[str]:
    """The first line of the task's own docstring; a class inherits none."""
    own = vars(type(task)).get("__doc__") or attribute(function, "__doc__")
    if not isinstance(own, str) or not own.strip():
        return None
    return masked_text(own.strip().splitlines()[0].strip())[:_LONG]


def parameters_of(function: Any, bound: bool) -> Tuple[Optional[Tuple[Parameter, ...]], Optional[str]]:
    """The parameters without a bound task's own, and the name of the very first one."""
    if not issubclass(type(function), FunctionType):
        return None, None
    code = function.__code__
    positional = list(code.co_varnames[: code.co_argcount])
    keyword = list(code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount])
    rest = list(code.co_varnames[code.co_argcount + code.co_kwonlyargcount :])
    defaulted = set(positional[len(positional) - len(function.__defaults__ or ()) :])
    defaulted |= set(function.__kwdefaults__ or {})
    kinds = [(n, "positional" if i < code.co_posonlyargcount else "any") for i, n in enumerate(positional)]
    first = positional[0] if positional else None
    if bound and kinds:
        kinds = kinds[1:]
    if code.co_flags & inspect.CO_VARARGS:
        kinds.append((rest.pop(0), "args"))
        first = first or f"*{kinds[-1][0]}"
    kinds += [(name, "keyword") for name in keyword]
    if code.co_flags & inspect.CO_VARKEYWORDS:
        kinds.append((rest.pop(0), "kwargs"))
    annotations = resolved(function)
    return tuple(
        [
            parameter(name, kind, name in defaulted, *described(annotations.get(name, _MISSING)))
            for name, kind in kinds
        ]
    ), first


parameter = cache(Parameter)
"""The same object for the same parameter: tasks have many in common."""


def resolved(function: FunctionType) -> Mapping[str, Any]:
    """A function's annotations, strings evaluated where that works."""
    try:
        raw: Dict[str, Any] = function.__annotations__
    except Exception:  # noqa: BLE001  # Python 3.14 evaluates them here
        return {}
    return {
        name: evaluated(value, function) if isinstance(value, str) else value for name, value in raw.items()
    }


def evaluated(annotation: str, function: FunctionType) -> Any:
    """What a string annotation stands for; the string itself where it cannot be told.

    Each on its own: a name imported under TYPE_CHECKING must not hide the others.
    """
    builtin = _BY_NAME.get(annotation)
    if builtin is not None and annotation not in function.__globals__:
        return builtin
    try:
        return eval(compiled(annotation), function.__globals__)  # noqa: S307  # as typing does
    except Exception:  # noqa: BLE001  # names that are not there at run time, and whatever else
        return annotation


@cache
def compiled(annotation: str) -> CodeType:
    """A string annotation, ready to be evaluated in any module. Raises SyntaxError."""
    return compile(annotation, "<annotation>", "eval", dont_inherit=True)


def described(annotation: Any) -> Tuple[Optional[str], Optional[str]]:
    """An annotation as text, and what it is where that does not belong in a message."""
    if annotation is _MISSING:
        return None, None
    if isinstance(annotation, str):
        return masked_text(annotation)[:_LONG], None
    if annotation in PLAIN_TYPES:
        return annotation.__name__, None
    if isinstance(annotation, type) and typing.get_origin(annotation) is None:
        text = dotted(annotation)
    else:
        text = masked_text(str(guarded(partial(str, annotation), "?")))
    return text.replace("typing.", "")[:_LONG], complex_kind(annotation)
