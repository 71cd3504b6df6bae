"""What tasks return: values that cannot be stored as JSON, nor handed to the next step of a chain."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celerycheck.checks._task_results import result_of
from celerycheck.registry import Problem, check
from celerycheck.source.calls import CallSite
from celerycheck.source.code import Return, Value
from celerycheck.source.evidence import TaskBody
from celerycheck.source.modules import Class

_LISTING = frozenset({f"builtins.{name}" for name in ("list", "tuple", "sorted", "reversed", "iter")})
_ITERATED = frozenset(
    {"a queryset", "a set", "an iterator", "a range", "a deque", "a query", "model instances"}
)
"""Values that a chain does not tell from a list of their elements."""
_VIEWS = frozenset({"keys", "values", "items"})
_DICTS = frozenset(
    {"builtins.dict()", "collections.Counter()", "collections.OrderedDict()", "collections.defaultdict()"}
)
_PLAIN_CLASSES = frozenset({"builtins.object", "abc.ABC"})
_DATABASES = ("db", "database", "sqla", "sqlalchemy")
_WORK_DONE = "the task fails with EncodeError after its work is done, and automatic retries do not see it"


@check
def unserializable_result(body: TaskBody) -> Iterator[Problem]:
    """A task returns a value that JSON does not carry.

    Why: the worker encodes the result when the function has returned. Where that fails the task is marked as
        failed with EncodeError, although its work is done, and no retry policy applies. Tests that call the
        function or run it eagerly do not notice.
    Fix: return ids and plain values: `order.pk` for `order`, `sorted(ids)` for a set, `list(...)` for an
        iterator; or nothing, where nobody reads it.
    Reference: celery.app.trace.build_tracer and kombu.utils.json
    """
    if not _is_encoded(body) or _is_transformed(body):
        return
    for returned in body.code.returns:
        if returned.value is None:
            continue
        words = "an exception" if _is_caught(returned) else _unserializable(body, returned.value)
        if words is not None:
            yield body.problem(
                f"it returns {words}: {_WORK_DONE}", returned.node, _fix(body, returned, words)
            )


def _is_encoded(body: TaskBody) -> bool:
    """Whether what it returns is written as JSON: into the backend, or into the next step's message."""
    task, app = body.task, body.app
    kind = (app.backend.scheme or "").partition("+")[0]
    stored = app.backend.scheme is not None and not task.ignore_result
    if stored and app.settings.text("result_serializer") == "json":
        # Up to 5.6 the column of the database backend was a pickle.
        return kind not in _DATABASES or app.version >= (5, 7)
    return any(_is_passed_on(site) for site in body.callers)


def _is_passed_on(site: CallSite) -> bool:
    """Whether the next step of a chain is sent the result, in a message of JSON."""
    flow = site.workflow
    if flow is None or flow.kind != "chain" or flow.open or flow.many or site.index + 1 >= len(flow.steps):
        return False
    following = flow.steps[site.index + 1]
    if not isinstance(following, CallSite) or following.immutable or following.task is None:
        return False
    return following.task.option("serializer") == "json"


def _is_transformed(body: TaskBody) -> bool:
    """Whether something of the project's own stands between the function and Celery."""
    return bool(body.task.wrapper_names) or any("__call__" in cls.defines for cls in body.task.classes)


def _unserializable(body: TaskBody, value: Value) -> str | None:
    """What a value is, in words, where JSON does not carry it; None where it does, or nobody knows."""
    match value.kind:
        case "either":
            words = [_unserializable(body, item) for item in value.items]
            return words[0] if None not in words else None
        case "set":
            return "a set"
        case "generator":
            return "a generator"
        case "lambda":
            return "a lambda"
        case "list" | "tuple" | "dict":
            return _inside(body, value)
        case "call" | "chain":
            return _known(body, value)
    return None


def _inside(body: TaskBody, value: Value) -> str | None:
    holder = f"a {value.kind}" + (" of" if value.many else " with")
    for item in value.items:
        words = _unserializable(body, item)
        if words is None and result_of(body, item) is not None:
            words = "a result of Celery's"
        if words is not None:
            return f"{holder} {words}"
    return None


def _known(body: TaskBody, value: Value) -> str | None:
    call, chain = value.call, value.chain
    if call is not None and call.chain in _LISTING:
        return _listing(body, value)
    if call is not None and call.method in _VIEWS and not call.args and _is_dict(call.receiver):
        return f"what .{call.method}() of a dict gives"
    if chain is None or _has_json(body, chain):
        return None
    words = body.source.libraries.result(chain, body.project.is_model)
    if words is not None:
        return words if call is not None or words not in _ITERATED else None
    return _instance(body, value)


def _is_dict(value: Value | None) -> bool:
    return value is not None and (value.kind == "dict" or value.chain in _DICTS)


def _listing(body: TaskBody, value: Value) -> str | None:
    """A list made of something iterated: what counts is what it holds."""
    call = value.call
    if call is None or not call.args:
        return None
    if call.chain in ("builtins.reversed", "builtins.iter"):
        return "an iterator"
    given = call.args[0]
    if given.kind in ("list", "tuple", "set", "generator"):
        return _inside(body, Value("list", items=given.items, many=given.many))
    if given.chain is None or _has_json(body, given.chain):
        return None
    words = body.source.libraries.result(f"{given.chain}[]", body.project.is_model)
    return f"a list of {words}" if words is not None else None


def _instance(body: TaskBody, value: Value) -> str | None:
    """An object of a class of the project's own that nothing makes into JSON."""
    if value.call is None or value.call.chain is None:
        return None
    cls = body.project.cls(value.call.chain)
    if cls is None or value.chain != f"{cls.chain}()":
        return None
    if body.project.is_a(cls.chain, "pydantic.BaseModel"):
        return None if body.task.pydantic else f"a model of pydantic's, {cls.qualname}"
    return f"an object of the class {cls.qualname}" if _is_plain(body, cls) else None


def _is_plain(body: TaskBody, cls: Class) -> bool:
    """Whether all that a class inherits from is at hand, and none of it is a container, enum or the like."""
    lineage = body.project.lineage(cls)
    own = {each.chain for each in lineage}
    bases = {base for each in lineage for base in each.bases}
    if any(base is None or base not in own | _PLAIN_CLASSES for base in bases):
        return False
    return not any({"__json__", "__new__"} & each.methods.keys() or each.node.keywords for each in lineage)


def _has_json(body: TaskBody, chain: str) -> bool:
    """Whether the class a chain starts with says itself how it becomes JSON."""
    parts = chain.split(".")
    for length in range(len(parts), 0, -1):
        cls = body.project.cls(".".join(parts[:length]).removesuffix("()"))
        if cls is not None:
            return any("__json__" in each.methods for each in body.project.lineage(cls))
    return False


def _is_caught(returned: Return) -> bool:
    """Whether it returns the exception that the handler around it has caught."""
    handlers = [block for block in returned.blocks if block.kind == "handler"]
    return bool(handlers) and handlers[-1].name is not None and handlers[-1].name == _name(returned)


def _name(returned: Return) -> str | None:
    node = returned.node.value
    return node.id if isinstance(node, ast.Name) else None


def _fix(body: TaskBody, returned: Return, words: str) -> str | None:
    """What to return instead, where that is plain."""
    name = _name(returned)
    if name is None:
        return None
    if words in ("a generator", "an iterator", "a range", "a deque"):
        return f"return list({name})"
    key = "pk" if body.app.django is not None else "id"
    plain = {
        "a model instance": f"return {name}.{key}",
        "a queryset": f'return list({name}.values_list("pk", flat=True))',
        "a set": f"return sorted({name})",
        "an exception": f"raise it, or return str({name})",
    }
    return plain.get(words)


__all__ = ["unserializable_result"]
