"""Follows a task's calls into the project's own functions, with the way there and what surrounds it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import is_

from celerycheck.source.code import TASK, Block, Call, Value
from celerycheck.source.modules import Function
from celerycheck.source.project import Project
from celerycheck.source.reading import parameter_chain

DEPTH = 4
"""How many calls deep helpers are followed at most."""

_MOST = 4000
"""How many calls are looked at for one task before its helpers are left alone."""


@dataclass(frozen=True, slots=True)
class Reached:
    """A call that running a task comes to, in its own body or in a helper.

    - `call`: with parameters replaced by what the helper is handed; `original`: as it stands in the source.
    - `function`: the one it stands in. `way`: the calls that lead there, each with the function it stands in;
      empty in the task's own body.
    - `blocks`: everything around it, from the task's own body on: a loop around the helper's call counts.
    """

    call: Call
    function: Function
    way: tuple[tuple[Call, Function], ...]
    blocks: tuple[Block, ...]
    original: Call

    @property
    def depth(self) -> int:
        """0 in the task's own body."""
        return len(self.way)

    def inside(self, *kinds: str) -> Block | None:
        """The innermost block of one of these kinds around it, helpers' callers included."""
        return next((block for block in reversed(self.blocks) if block.kind in kinds), None)


def reach(
    project: Project,
    start: Function,
    renames: Mapping[str, str],
    known: Callable[[Call], bool],
    task_class: str | None = None,
) -> tuple[Reached, ...]:
    """Every call that running `start` may come to, nearest first; each helper is entered once.

    `renames` says what chains are in the start's own code (`?self` is `<task>`); calls that are `known` are
    not looked into; `task_class` is the class whose methods `<task>` has. Functions defined inside
    another are entered where they are called there, not where they are handed on.
    """
    found: list[Reached] = []
    seen = {id(start)}
    waiting = deque([(start, renames, (), ())])  # type: deque[_Visit]
    while waiting and len(found) < _MOST:
        function, names, way, blocks = waiting.popleft()
        for original in function.code.calls:
            call = renamed(project, original, names)
            here = (*blocks, *original.blocks)
            found.append(Reached(call, function, way, here, original))
            inherited = _of_super(project, function, original)
            helper = inherited or call.function or project.function(_callee(call.chain, task_class))
            if helper is None or known(call) or id(helper) in seen or len(way) >= DEPTH:
                continue
            seen.add(id(helper))
            if inherited is not None:
                own = _of_base(function, helper, names)
            else:
                own = _called_on(project, helper, call.chain)
            handed = {**_shared(function, helper, names), **own, **_handed(project, helper, call)}
            waiting.append((helper, handed, (*way, (original, function)), here))
    return tuple(found)


_Visit = tuple[Function, Mapping[str, str], tuple[tuple[Call, Function], ...], tuple[Block, ...]]


def _callee(chain: str | None, task_class: str | None) -> str | None:
    if chain is None or task_class is None or not chain.startswith(f"{TASK}."):
        return chain
    return f"{task_class}(){chain[len(TASK) :]}"


def _of_super(project: Project, function: Function, call: Call) -> Function | None:
    """The method that `super().method()` calls, where it is the project's own."""
    receiver = call.receiver.call if call.receiver is not None else None
    if receiver is None or receiver.chain != "builtins.super" or receiver.args:
        return None
    return project.overridden(function, call.method)


def _of_base(function: Function, helper: Function, names: Mapping[str, str]) -> dict[str, str]:
    """What `self` or `cls` is in the method of a base class that `super()` leads to: what it was before."""
    if function.cls is None or helper.cls is None:
        return {}
    end = "" if helper.decorated_with("builtins.classmethod") else "()"
    own = f"{function.cls.chain}{end}"
    return {f"{helper.cls.chain}{end}": names.get(own, own)}


def _called_on(project: Project, helper: Function, chain: str | None) -> dict[str, str]:
    """What `self` or `cls` is in a method: what it is called on, an instance of a subclass, or a queryset."""
    receiver = project.receiver(chain) if helper.cls is not None and chain is not None else None
    if receiver is None or helper.cls is None or chain is None:
        return {}
    own, holder = helper.cls.chain, chain.rpartition(".")[0]
    if helper.cls not in project.lineage(receiver):
        return {f"{own}().model": receiver.chain, f"{own}()": holder}
    if holder == receiver.chain:
        return {own: holder} if own != holder else {}
    return {f"{own}()": holder} if holder != f"{own}()" else {}


def _shared(outer: Function, helper: Function, names: Mapping[str, str]) -> dict[str, str]:
    """What a function defined inside another takes over from it: all that its own parameters do not hide."""
    if not helper.qualname.startswith(f"{outer.qualname}.<locals>."):
        return {}
    return {old: new for old, new in names.items() if old.removeprefix("?") not in helper.parameters}


def _handed(project: Project, helper: Function, call: Call) -> dict[str, str]:
    """What the helper's parameters are, as chains, where the caller's source tells."""
    names = list(helper.parameters)
    is_method = helper.cls is not None and not helper.decorated_with("builtins.staticmethod")
    # A bound task that is called as a function gives itself as `self`: the arguments come behind it.
    if names and (is_method or any(task.bound for task in project.tasks_of(helper))):
        names = names[1:]
    handed = {}
    if helper.cls is not None and call.chain is not None and call.chain.startswith(f"{TASK}."):
        handed[f"{helper.cls.chain}()"] = TASK
    for name, value in zip(names, call.args, strict=False):
        if value.kind == "starred":
            break
        if value.chain is not None:
            handed[_parameter(helper, name, value.chain)] = value.chain
    for name, value in call.keywords.items():
        if value.chain is not None:
            handed[_parameter(helper, name, value.chain)] = value.chain
    return handed


def _parameter(helper: Function, name: str, handed: str) -> str:
    """What a helper's code calls a parameter; the task is itself, whatever class the annotation names."""
    known = parameter_chain(helper, name) if handed == TASK and name in helper.named_parameters else None
    return known or f"?{name}"


def renamed(project: Project, call: Call, names: Mapping[str, str]) -> Call:
    """A call with the beginnings of its chains replaced; the same call where nothing changes."""
    if not names:
        return call
    starts = tuple(names)
    args = _renamed_all(call.args, names, starts)
    keywords = call.keywords
    if keywords:
        values = tuple(keywords.values())
        others = _renamed_all(values, names, starts)
        keywords = keywords if others is values else dict(zip(keywords, others, strict=True))
    receiver = None if call.receiver is None else _renamed(call.receiver, names, starts)
    chain = call.chain
    if chain is not None and chain.startswith(starts):
        chain = rename(chain, names)
    if chain == call.chain:
        if args is call.args and keywords is call.keywords and receiver is call.receiver:
            return call
    else:
        chain = project.resolve(Value("chain", chain)).chain or chain
    return replace(call, chain=chain, args=args, keywords=keywords, receiver=receiver)


def rename(chain: str, names: Mapping[str, str]) -> str:
    """A chain with its beginning replaced, where `names` has one for it."""
    for old, new in names.items():
        if chain.startswith(old) and chain[len(old) : len(old) + 1] in ("", ".", "(", "["):
            return new + chain[len(old) :]
    return chain


def _renamed_all(
    values: tuple[Value, ...], names: Mapping[str, str], starts: tuple[str, ...]
) -> tuple[Value, ...]:
    """The values renamed; the same tuple where nothing changes."""
    others = [_renamed(value, names, starts) for value in values]
    return values if all(map(is_, others, values)) else tuple(others)


def _renamed(value: Value, names: Mapping[str, str], starts: tuple[str, ...]) -> Value:
    chain = value.chain
    if chain is not None and chain.startswith(starts):
        chain = rename(chain, names)
    items = _renamed_all(value.items, names, starts) if value.items else value.items
    if chain == value.chain and items is value.items:
        return value
    return replace(value, chain=chain, items=items)
