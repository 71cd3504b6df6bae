"""Calls of tasks: one by one in a loop, and by names that nobody registers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celerycheck.findings import Severity
from celerycheck.nearest import TaskNames
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block, Value, written
from celerycheck.source.evidence import CallSite, SourceCode
from celerycheck.subjects import NotEvaluated

_IN_PIECES = re.compile(r"chunk|batch|page|slice|window|partition", re.IGNORECASE)
_WAITING = re.compile(r"throttle|(?:^|[._])(?:sleep|wait)", re.IGNORECASE)
_BY_NAME = frozenset({"send_task", "named signature"})
_LONGEST = 40


@check
def call_in_loop(source: SourceCode, *, few: int = 10) -> Iterator[Problem]:
    """A task is sent once for each element of a loop.

    Why: every `delay()` asks for a connection and waits for the broker, and when the loop breaks off nobody
        knows which ones were sent; a group sends them all over one connection and has one result.
    Fix: `group(task.s(x) for x in xs).delay()`, or `task.chunks(...)` where a message for each is too many.
        Loops over at most `few` literals are left alone, and so are those that go on in pieces.
    Reference: https://docs.celeryq.dev/en/stable/userguide/canvas.html#groups
    """
    source.require()
    loops: dict[int, tuple[Block, list[CallSite]]] = {}
    for site in source.sites:
        block = site.call.inside("loop") if site.sent and site.method != "apply" else None
        if block is not None and not (_is_paced(block, site) or _leaves_after(block, site)):
            loops.setdefault(id(block.group), (block, []))[1].append(site)
    for block, sites in loops.values():
        over = _iterated(block)
        if over is None or _IN_PIECES.search(over) or _is_short(block.test, few):
            continue
        first = sites[0]
        name = first.name.rpartition(".")[2]
        yield Problem(
            f"{name} is sent once for each element of {over if len(over) <= _LONGEST else 'the loop'}",
            fix=f"group({name}.s(...) for {_target(block)} in ...).delay()",
            about=first.about,
        )


def _iterated(block: Block) -> str | None:
    """What a loop goes over, as written."""
    match block.node:
        case ast.For(iter=node) | ast.AsyncFor(iter=node):
            return ast.unparse(node)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            return ast.unparse(block.node.generators[-1].iter)
    return None


def _target(block: Block) -> str:
    match block.node:
        case ast.For(target=node) | ast.AsyncFor(target=node):
            return ast.unparse(node)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            return ast.unparse(block.node.generators[-1].target)
    return "x"


def _is_short(iterated: Value, few: int) -> bool:
    """Whether a loop is known to go round a few times only, or in steps."""
    if iterated.kind in ("list", "tuple", "set", "dict") and not iterated.many:
        return len(iterated.items) <= few and all(item.kind != "starred" for item in iterated.items)
    call = iterated.call
    if call is None or call.chain != "builtins.range":
        return False
    last = call.args[0].number if len(call.args) == 1 else None
    return len(call.args) == 3 or (last is not None and last <= few)


def _is_paced(block: Block, site: CallSite) -> bool:
    """Whether each is sent in its own time, or as one case of many, as no group can be."""
    given = (site.options.get("countdown"), site.options.get("eta"))
    if any(value is not None and not value.is_constant for value in given):
        return True
    inside = [b.kind for b in site.blocks[site.blocks.index(block) :]]
    if "case" in inside or inside.count("else") > 1:
        return True
    called = (written(node.func) for node in ast.walk(block.node) if isinstance(node, ast.Call))
    return any(_WAITING.search(name) for name in called)


def _leaves_after(block: Block, site: CallSite) -> bool:
    """Whether the loop ends behind the call, so that it happens once."""
    for suite in _suites(block.node):
        after = False
        for statement in suite:
            if after and isinstance(statement, (ast.Break, ast.Return, ast.Raise)):
                return True
            below = ast.walk(statement)
            after = after or any(node is site.call.node for node in below)
            if after and isinstance(statement, ast.Return):
                return True
    return False


def _suites(loop: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements inside a loop."""
    for node in ast.walk(loop):
        for name in ("body", "orelse", "finalbody"):
            suite = getattr(node, name, None)
            if isinstance(suite, list) and suite and isinstance(suite[0], ast.stmt):
                yield suite


@check
def unknown_task_name(source: SourceCode) -> Iterator[Problem]:
    """A task is sent by a name that nobody registers.

    Why: the message is sent all the same; the worker that takes it logs an error and throws it away.
    Fix: correct the name, or import the module that registers it. A task of another project, whose names
        cannot be known here, is a hint only.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#names
    """
    source.require()
    if not source.app.tasks:
        raise NotEvaluated("the app has no tasks of its own: what it sends is run by another one")
    registry = source.app.registry
    names = TaskNames(registry)
    for site in source.sites:
        if site.method not in _BY_NAME or site.task is not None or site.name in registry:
            continue
        if _is_made_for_another_app(site):
            continue
        near = names.nearest(site.name)
        yield Problem(
            f"{site.name} is sent by name, and no task of that name is registered",
            fix=f'write "{near}"' if near else None,
            at_most=_sureness(source, site, near),
            about=site.about,
        )


def _is_made_for_another_app(site: CallSite) -> bool:
    """Whether it goes through an app made on the spot, or named, as clients of other projects' workers do."""
    receiver = site.call.receiver
    return "app" in site.call.keywords or (receiver is not None and receiver.call is not None)


def _sureness(source: SourceCode, site: CallSite, near: str | None) -> Severity | None:
    """An upper bound for the severity: what is registered elsewhere cannot be known."""
    if site.name.partition(".")[0] not in source.project.tops or "." not in site.name:
        return Severity.WARNING if near else Severity.INFO
    return Severity.WARNING if _is_named_elsewhere(source, site) else None


def _is_named_elsewhere(source: SourceCode, site: CallSite) -> bool:
    """Whether a function of that name, or the name as text, is in the project: perhaps for another app."""
    if source.project.function(site.name) is not None:
        return True
    text = site.name.encode()
    quoted = source.holding(b'"%b"' % text, b"'%b'" % text)
    tasks = source.holding(b"task")
    return any(path in tasks for path in quoted if path != site.module.path)
