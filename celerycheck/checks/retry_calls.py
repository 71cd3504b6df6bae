"""How tasks call `self.retry`: what it is handed, what follows it, and whether there is a `self`."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Mapping, Sequence

from celerycheck.checks._exceptions import ancestors
from celerycheck.checks._retrying import overrides_retry, retry_calls
from celerycheck.checks._wording import listed
from celerycheck.findings import Severity
from celerycheck.nearest import nearest
from celerycheck.registry import Problem, check
from celerycheck.source.code import Call, Value
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.source.modules import own_nodes

RETRY_PARAMETERS = ("args", "kwargs", "exc", "throw", "eta", "countdown", "max_retries")
"""The parameters of `celery.app.task.Task.retry`, in order (Celery 5.3 to 5.7)."""

_PASSED_ON = """
    add_to_parent app_id argsrepr callbacks chain chord cluster_id compression confirm_timeout
    connection content_encoding content_type correlation_id create_sent_event declare delivery_mode
    errbacks event_dispatcher exchange exchange_type expiration expires group_id group_index headers
    ignore_result immediate kwargsrepr link link_error mandatory message_id now origin parent_id
    priority producer publisher queue replaced_task_nesting reply_to result_cls retry retry_policy
    root_id route_name router routing_key serializer shadow soft_time_limit stamped_headers task_id
    task_type time_limit timeout timestamp timezone user_id
"""
SENDING_OPTIONS = frozenset(_PASSED_ON.split())
"""What `apply_async` and the message below it take, and `retry` hands on to them."""

_MEANT: Mapping[str, str] = {
    **dict.fromkeys(
        ("delay", "interval", "wait", "seconds", "retry_delay", "default_retry_delay", "after"), "countdown"
    ),
    **dict.fromkeys(("exception", "error", "err", "e", "ex", "cause", "exec", "exc_info"), "exc"),
    **dict.fromkeys(("max_retry", "retry_limit", "max_attempts", "max_tries", "retries"), "max_retries"),
    **dict.fromkeys(("limit", "hard_time_limit"), "time_limit"),
    "raise_exception": "throw",
}
"""What people write, and what it is called."""

_OFTEN_PASSED = ("expires", "queue", "priority", "time_limit", "soft_time_limit", "routing_key", "headers")
_LOGGING = frozenset({"logs", "logs_with_exc_info", "error_tracker"})
_NOT_THE_TASK = frozenset({"self", "cls"})
_OF_CELERY = frozenset({"exc", "countdown", "max_retries", "eta"})


@check
def wrong_retry_call(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """self.retry() is called with arguments that it does not take so.

    Why: an exception in the place of `args` ends the task with TypeError instead of a retry; a delay that is
        no number loses it altogether; what Celery does not know is handed to the broker, which ignores it.
    Fix: name what is passed: `raise self.retry(exc=exc, countdown=60)`.
    Reference: https://docs.celeryq.dev/en/stable/reference/celery.app.task.html#celery.app.task.Task.retry
    """
    for reached in retry_calls(body, depth):
        yield from _positional(body, reached)
        yield from _delays(body, reached)
        yield from _unknown(body, reached)


def _positional(body: TaskBody, reached: Reached) -> Iterator[Problem]:
    """What stands where the retry's `args` are expected."""
    call = reached.call
    first = call.args[0] if call.args else None
    if first is None:
        return
    written = ast.unparse(reached.original.node.args[0])
    text = reached.original.text
    if _is_exception(body, reached, first):
        yield body.problem(
            f"{text}({written}) hands the exception over as the task's arguments: it ends with TypeError,"
            " not with a retry",
            at=reached,
            fix=f"{text}(exc={written})",
        )
    elif first.number is not None:
        yield body.problem(
            f"{text}({written}) hands a number over as the task's arguments: it ends with TypeError, not"
            " with a retry",
            at=reached,
            fix=f"{text}(countdown={written})",
        )


def _is_exception(body: TaskBody, reached: Reached, value: Value) -> bool:
    """Whether a positional argument is the exception being handled, or one made on the spot."""
    node = reached.original.node.args[0]
    if isinstance(node, ast.Name):
        handlers = [block for block in reached.original.blocks if block.kind == "handler"]
        if any(block.name == node.id for block in handlers):
            return True
    if value.chain is None or not value.chain.endswith("()"):
        return False
    return "BaseException" in ancestors(value.chain.removesuffix("()"), body.project)


def _delays(body: TaskBody, reached: Reached) -> Iterator[Problem]:
    """A countdown or eta of the wrong type, and both at once."""
    call, text = reached.call, reached.original.text
    countdown, eta = call.argument("countdown", 5), call.argument("eta", 4)
    if countdown is not None and (countdown.string is not None or _is_duration(countdown)):
        kind = "text" if countdown.string is not None else "a timedelta"
        yield body.problem(
            f"{text}() with a countdown that is {kind}: Celery cannot send the retry and drops the task",
            at=reached,
            fix="countdown in seconds, as a number" + ("" if kind == "text" else ": .total_seconds()"),
        )
    elif eta is not None and (eta.number is not None or eta.string is not None or _is_duration(eta)):
        yield body.problem(
            f"{text}() with an eta that is no datetime: Celery cannot send the retry and drops the task",
            at=reached,
            fix="countdown= for a delay in seconds",
        )
    elif _is_set(countdown) and _is_set(eta):
        yield body.problem(
            f"{text}() with both countdown and eta: eta is ignored",
            at=reached,
            fix="pass one of them",
            at_most=Severity.WARNING,
        )


def _is_duration(value: Value) -> bool:
    return value.kind == "call" and value.call is not None and value.call.chain == "datetime.timedelta"


def _is_set(value: Value | None) -> bool:
    """Whether an argument is given and surely not None."""
    return value is not None and value.kind in ("constant", "call", "operation") and not _is_none(value)


def _is_none(value: Value) -> bool:
    return value.is_constant and value.constant is None


def _unknown(body: TaskBody, reached: Reached) -> Iterator[Problem]:
    """Keywords that neither `retry` nor what it calls has a use for.

    Others may be a transport's own (`MessageGroupId` of SQS): only mistakes are told that people make.
    """
    given = reached.call.keywords
    text = reached.original.text
    if "retries" in given:
        yield body.problem(
            f"{text}(retries=...) ends the task with TypeError: Celery counts the retries itself",
            at=reached,
            fix="max_retries=",
        )
        return
    own = {parameter.name for parameter in body.task.parameters or ()}
    unknown = [name for name in given if name not in RETRY_PARAMETERS and name not in SENDING_OPTIONS]
    meant = {name: _meant(name) for name in unknown}
    wrong = [name for name in unknown if name in own or meant[name]]
    if wrong and not _reads_options(body):
        yield body.problem(
            f"{text}() knows no {listed([f'{name}=' for name in wrong])}: nothing reads"
            f" {'it' if len(wrong) == 1 else 'them'}",
            at=reached,
            fix=_instead([name for name in wrong if name in own], [meant[name] for name in wrong]),
            at_most=Severity.WARNING,
        )


def _meant(name: str) -> str | None:
    """The keyword that is meant by another; None where nobody can tell."""
    return _MEANT.get(name) or nearest(name, [*RETRY_PARAMETERS, *_OFTEN_PASSED], cutoff=0.8)


def _instead(own: Sequence[str], meant: Sequence[str | None]) -> str:
    if own:
        named = ", ".join(f'"{name}": {name}' for name in own)
        return f"kwargs={{{named}}}, with all other arguments of the task"
    return f"write {listed([f'{name}=' for name in meant if name])}"


def _reads_options(body: TaskBody) -> bool:
    """Whether the project has code that is handed a message's options, and may know further ones."""
    sends = any(not {"apply_async", "signature"}.isdisjoint(cls.defines) for cls in body.task.classes)
    return sends or any(route.kind == "function" for route in body.app.routes)


@check
def retry_without_raise(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """self.retry() without raise, or with throw=False and work behind it.

    Why: `self.retry()` raises by itself, yet readers and linters do not know that what follows never runs.
        With `throw=False` it does run, though the whole task will run again.
    Fix: `raise self.retry(...)`, and with `throw=False` a `return` right behind it.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#retrying
    """
    for reached in retry_calls(body, depth):
        if reached.original.use != "statement":
            continue
        text, throw = reached.original.text, reached.call.keywords.get("throw")
        if throw is None:
            if not reached.call.open_keywords:
                yield body.problem(
                    f"{text}() raises, which only `raise {text}()` shows",
                    at=reached,
                    fix=f"raise {text}(...)",
                    at_most=Severity.INFO,
                )
        elif throw.is_constant and not throw.constant:
            work = _work_behind(body, reached)
            if work is not None:
                yield body.problem(
                    f"{text}(throw=False) goes on to {work}(), and the retry will run the whole task again",
                    at=reached,
                    fix=f"raise {text}(...), or return behind it",
                )


def _work_behind(body: TaskBody, reached: Reached) -> str | None:
    """The first call, logging apart, that runs behind a call in the same function, as written."""
    function = reached.function
    calls = {id(call.node): call for call in function.code.calls}
    for statement in _behind(function.body, reached.original.node):
        if isinstance(statement, (ast.Raise, ast.Continue, ast.Break)):
            return None
        for node in ast.walk(statement):
            call = calls.get(id(node))
            if call is not None and _LOGGING.isdisjoint(body.kinds(call)) and not _is_builtin(call):
                return call.text
        if isinstance(statement, ast.Return):
            return None
    return None


def _is_builtin(call: Call) -> bool:
    return call.chain is not None and call.chain.startswith("builtins.")


def _behind(statements: Sequence[ast.stmt], node: ast.AST) -> Iterator[ast.stmt]:
    """The statements that run behind the one that holds a node, inner blocks first."""
    for number, statement in enumerate(statements):
        if not any(child is node for child in ast.walk(statement)):
            continue
        for field in ("body", "orelse", "finalbody", "handlers", "cases"):
            for inner in _blocks(getattr(statement, field, None)):
                yield from _behind(inner, node)
        yield from statements[number + 1 :]
        return


def _blocks(value: object) -> Iterator[list[ast.stmt]]:
    if isinstance(value, list) and value:
        if isinstance(value[0], ast.stmt):
            yield value
        else:
            yield from (item.body for item in value if isinstance(item, ast.ExceptHandler | ast.match_case))


@check
def retry_on_unbound_task(body: TaskBody) -> Iterator[Problem]:
    """A task uses self without being bound.

    Why: without `bind=True` there is no `self`: the line raises NameError, most often in the very moment the
        task should retry.
    Fix: `bind=True` on the decorator, and `self` as the first parameter.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#bound-tasks
    """
    task = body.task
    # unbound-self speaks of those that have the parameter.
    if task.bound or task.class_based or task.first_parameter in _NOT_THE_TASK or overrides_retry(task):
        return
    node = _undefined_self(body)
    if node is not None:
        yield body.problem(
            f"self.{node.attr} in a task that is not bound: there is no self, and NameError is raised",
            at=node,
            fix=f"bind=True, and def {body.function.name}(self, ...)",
        )
        return
    yield from _parameter_that_retries(body)


def _undefined_self(body: TaskBody) -> ast.Attribute | None:
    """The first attribute of a `self` that nothing defines."""
    function = body.function
    module = function.module
    if "self" not in body.code.undefined:
        return None
    names = {a.arg for a in ast.walk(function.node.args) if isinstance(a, ast.arg)}
    known = {*names, *function.closure, *module.names}
    if (
        "self" in known
        or hasattr(builtins, "self")
        or module.project.defined(module.name, "self") is not None
    ):
        return None
    found = [
        node
        for node in own_nodes(function.node)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "self"
    ]
    stored = any(
        isinstance(node, ast.Name) and node.id == "self" and not isinstance(node.ctx, ast.Load)
        for node in own_nodes(function.node)
    )
    return None if stored or not found else min(found, key=lambda node: (node.lineno, node.col_offset))


def _parameter_that_retries(body: TaskBody) -> Iterator[Problem]:
    """`task.retry(exc=exc)` where `task` is the first parameter of a task that is not bound."""
    first = body.task.first_parameter
    if first is None or len(body.function.decorators) != 1 or body.task.wrapper_names:
        return
    for call in body.calls:
        if call.chain == f"?{first}.retry" and not _OF_CELERY.isdisjoint(call.keywords):
            yield body.problem(
                f"{first}.retry() in a task that is not bound: {first} is the first argument of each call",
                at=call,
                fix="add bind=True to the decorator",
            )
            return
