"""Arguments: whether what a call gives a task fits the task's signature."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from celerycheck.checks._base_classes import may_change_arguments
from celerycheck.checks._wording import listed
from celerycheck.findings import Severity
from celerycheck.nearest import nearest
from celerycheck.registry import Problem, check
from celerycheck.source.calls import DIRECT, MANY
from celerycheck.source.code import Value, last, written
from celerycheck.source.evidence import CallSite
from celerycheck.source.modules import Function
from celerycheck.subjects import Parameter, TaskInfo

_CALLED_WITH_ARGUMENTS = DIRECT | {"s", "si"}
_SENT_WITH_ARGS = {"apply_async": 0, "apply_async_on_commit": 0, "send_task": 1}
"""Methods that pass `args` on as it is, and its position."""

_OPTIONS = frozenset(
    {"countdown", "eta", "expires", "queue", "exchange", "routing_key", "priority", "retry", "retry_policy",
     "link", "link_error", "serializer", "compression", "ignore_result", "shadow", "time_limit",
     "soft_time_limit", "task_id", "headers", "delivery_mode", "add_to_parent", "producer"}
)  # fmt: skip
_UNMISTAKABLE = frozenset(
    {"countdown", "eta", "routing_key", "retry_policy", "link_error", "ignore_result", "soft_time_limit"}
)
"""Options that hardly any function has a use for, which takes what comes (`**kwargs`)."""

_TASK_DECORATORS = frozenset({"task", "shared_task"})
_TRANSPARENT = frozenset({"django.db.transaction.atomic", "django.db.transaction.non_atomic_requests"})


@check
def wrong_arity(site: CallSite) -> Iterator[Problem]:
    """Arguments do not fit the task's signature.

    Why: the call raises TypeError, or sends a message that every worker fails with TypeError.
    Fix: give the task exactly the parameters it has. A step of a chain is handed the result of the step
        before it in front of its own arguments, unless its signature is immutable (`.si()`).
    Reference: https://docs.celeryq.dev/en/stable/userguide/canvas.html#immutability
    """
    if site.method in _SENT_WITH_ARGS:
        yield from _no_sequence(site, site.call.argument("args", _SENT_WITH_ARGS[site.method]))
    task = site.task
    parameters = _parameters(site)
    if task is None or parameters is None:
        return
    misfits = (_misfit(parameters, given) for given in _given(site))
    for fault, fix in filter(None, misfits):
        yield Problem(f"{_name(task)}() {fault}", fix=fix and fix.replace("{task}", _name(task)))
        return


def _no_sequence(site: CallSite, args: Value | None) -> Iterator[Problem]:
    if args is None or (not args.constant and args.kind not in ("set", "dict", "generator", "text")):
        return
    if args.is_constant:
        kind = {str: "a string", bytes: "a string", bool: "a flag"}.get(type(args.constant), "a number")
    else:
        kind = "a string" if args.kind == "text" else f"a {args.kind}"
    yield Problem(
        f"args is {kind}, and no list or tuple: {site.method}() raises TypeError",
        fix="write a list, args=[...], or a tuple with its comma, args=(value,)",
    )


def _name(task: TaskInfo) -> str:
    return task.name.rpartition(".")[2]


def _parameters(site: CallSite) -> tuple[Parameter, ...] | None:
    """The parameters that callers have to fit; None where something may come between."""
    task = site.task
    if task is None or task.parameters is None or not task.flag("typing") or task.wrapper_names:
        return None
    if may_change_arguments(task, site.module.project):
        return None
    if not task.bound and not task.class_based and task.first_parameter == "self":
        return None
    function = site.module.project.function_of(task)
    return task.parameters if function is None or _keeps_signature(function) else None


def _keeps_signature(function: Function) -> bool:
    """Whether nothing but the task's decorator, and what is known to pass on all it gets, decorates it."""
    nodes = getattr(function.node, "decorator_list", [])
    for value, node in zip(function.decorators, nodes, strict=True):
        chain = (value.chain or written(node)).removesuffix("()")
        if last(chain) not in _TASK_DECORATORS and chain not in _TRANSPARENT:
            return False
    return True


@dataclass(frozen=True)
class _Given:
    """What a task is given: how many arguments by position, and which by name.

    `handed` of those by position come from what runs before. `complete` tells that it is given nothing else.
    """

    positional: int
    named: tuple[str, ...] = ()
    complete: bool = True
    handed: int = 0


def _given(site: CallSite) -> Iterator[_Given]:
    if site.method in MANY:
        yield from _each_of_many(site)
        return
    handed = site.prepended
    known = handed is not None and site.args is not None and site.kwargs is not None
    # An option in place of an argument is what options-given-to-delay is about.
    by_option = _OPTIONS if site.method in _CALLED_WITH_ARGUMENTS else frozenset()
    yield _Given(
        len(site.args or ()) + (handed or 0),
        tuple(name for name in site.kwargs or () if name not in by_option),
        known and not by_option.intersection(site.kwargs or ()),
        handed or 0,
    )


def _each_of_many(site: CallSite) -> Iterator[_Given]:
    """What `map`, `starmap` and `chunks` give each run, as far as literals tell."""
    if site.method == "map":
        yield _Given(1)
        return
    given = site.call.argument("it", 0)
    if given is None:
        return
    if given.call is not None and given.call.chain == "builtins.zip" and not given.call.open_args:
        yield _Given(len(given.call.args))
    elif given.kind in ("list", "tuple", "generator"):
        for item in given.items:
            if (
                item.kind in ("list", "tuple")
                and not item.many
                and all(i.kind != "starred" for i in item.items)
            ):
                yield _Given(len(item.items))


def _misfit(parameters: tuple[Parameter, ...], given: _Given) -> tuple[str, str | None] | None:
    """Why that cannot be bound to these parameters, and how to mend it; None where it can."""
    taken = [p for p in parameters if p.kind in ("positional", "any")]
    if given.positional > len(taken) and not _has(parameters, "args"):
        return _too_many(taken, given)
    by_name = {p.name for p in parameters if p.kind in ("any", "keyword")}
    twice = [p.name for p in taken[: given.positional] if p.name in by_name and p.name in given.named]
    if twice:
        return f"is given {twice[0]} twice: by position and by name", _unless_handed(given)
    unknown = [name for name in given.named if name not in by_name]
    if unknown and not _has(parameters, "kwargs"):
        near = nearest(unknown[0], by_name)
        fix = f"write {near}=" if near else f"remove {listed(unknown)}, or give {{task}} such a parameter"
        return f"has no parameter {listed(unknown)}", fix
    required = [*taken[given.positional :], *(p for p in parameters if p.kind == "keyword")]
    missing = [p.name for p in required if not p.has_default and p.name not in given.named]
    if missing and given.complete:
        return f"needs {listed(missing)}, which this call does not give", f"pass {listed(missing)} as well"
    return None


def _has(parameters: tuple[Parameter, ...], kind: str) -> bool:
    return any(parameter.kind == kind for parameter in parameters)


def _too_many(taken: Collection[Parameter], given: _Given) -> tuple[str, str | None]:
    at_most = f"takes {len(taken)} positional arguments" if len(taken) != 1 else "takes 1 positional argument"
    at_most = at_most if taken else "takes no positional arguments"
    handed = ", the result of what runs before it included" if given.handed else ""
    return f"{at_most} and is given {given.positional}{handed}", _unless_handed(given)


def _unless_handed(given: _Given) -> str | None:
    if not given.handed:
        return None
    return "write .si(...), which ignores the result of what runs before, or give {task} a parameter for it"


@check
def options_given_to_delay(site: CallSite) -> Iterator[Problem]:
    """Execution options are given to the task as its arguments.

    Why: `delay()`, `s()` and `si()` pass all they get on to the task: it fails with TypeError, or takes
        the option for data and runs at once, in the ordinary queue.
    Fix: `task.apply_async(args, countdown=60)`, or `task.s(...).set(countdown=60)`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/calling.html#basics
    """
    task = site.task
    if task is None or site.method not in _CALLED_WITH_ARGUMENTS:
        return
    parameters = _parameters(site)
    if parameters is None:
        return
    own = {p.name for p in parameters if p.kind in ("any", "keyword")}
    takes_any = _has(parameters, "kwargs")
    meant = _UNMISTAKABLE if takes_any else _OPTIONS
    options = [name for name in site.call.keywords if name in meant and name not in own]
    if not options:
        return
    becomes = "becomes an argument" if len(options) == 1 else "become arguments"
    consequence = "which takes it for data" if takes_any else "which has no such parameter"
    yield Problem(
        f"{listed(options)} {becomes} of {_name(task)}(), {consequence}",
        fix=_as_options(site, options),
        at_most=Severity.WARNING if takes_any else None,
    )


def _as_options(site: CallSite, options: Collection[str]) -> str:
    given = ", ".join(f"{name}=..." for name in options)
    task = written(site.call.node.func).rpartition(".")[0]
    others = len(site.call.args) + len(site.call.keywords) > len(options)
    if site.method in ("s", "si"):
        return f"{task}.{site.method}({'...' if others else ''}).set({given})"
    method = "apply_async_on_commit" if site.method == "delay_on_commit" else "apply_async"
    return f"{task}.{method}({'args=[...], ' if others else ''}{given})"
