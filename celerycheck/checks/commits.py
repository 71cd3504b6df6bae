"""Commits: tasks sent for rows that no worker can see yet."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from celerycheck.checks._sequence import follows
from celerycheck.checks._transactions import innermost, is_atomic
from celerycheck.findings import Severity, Step
from celerycheck.registry import Problem, check
from celerycheck.source.calls import CallSite, Workflow
from celerycheck.source.code import Block, Call, last, written
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import is_test_file
from celerycheck.source.modules import Function
from celerycheck.source.project import Project

_ON_COMMIT = ("delay_on_commit", "apply_async_on_commit")
_DELAYED = ("countdown", "eta")
_OWN_SENDING = frozenset({"delay", "apply_async", "apply_async_on_commit", "send_task"})
_VIEW_METHODS = frozenset(
    {"get", "post", "put", "patch", "delete", "form_valid", "create", "update", "destroy", "perform_create",
     "perform_update", "dispatch"}
)  # fmt: skip
_CREATES = frozenset({"create", "acreate", "get_or_create", "update_or_create"})
_SAVES = frozenset({"save", "asave"})
_RECEIVER = "django.dispatch.receiver()"
_AFTER_SAVE = "post_save"
_IN_SIGNAL = "a post_save handler, within whatever transaction saves"
_ACTION = "rest_framework.decorators.action"
_NON_ATOMIC = "django.db.transaction.non_atomic_requests"


@check
def call_before_commit(source: SourceCode, *, depth: int = 2) -> Iterator[Problem]:
    """A task is sent for a row that is not committed yet.

    Why: a worker may start before the transaction ends, and then finds no row, or the old one; and when the
        transaction is rolled back, the task runs for something that never happened.
    Fix: `transaction.on_commit(lambda: task.delay(row.pk))`, or `task.delay_on_commit(row.pk)` (Celery 5.4).
    Reference: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html#trigger-tasks-at-the-end-of-the-database-transaction
    """
    source.require()
    if source.app.settings.flag("task_always_eager"):
        return
    sends = _Sends(source)
    seen: set[int] = set()
    for function in _functions(source):
        for found in _Reader(source, sends, depth).read(function):
            if id(found.site) not in seen:
                seen.add(id(found.site))
                yield _problem(source, found)


def _functions(source: SourceCode) -> Iterator[Function]:
    """The project's functions that may hold a transaction, and all in modules that send tasks."""
    words = {pattern.rpartition(".")[2].encode() for pattern in source.libraries.patterns.get("atomic", ())}
    sending = {site.module.path for site in source.sites}
    wanted = {*sending, *source.holding(*sorted(words))} if sending else ()
    for path in source.project.own_files():
        if path in wanted and not is_test_file(path) and "/migrations/" not in path:
            module = source.project.module_at(path)
            if module is not None:
                yield from module.every_function()


@dataclass(frozen=True, eq=False)
class _Row:
    """A row written in a transaction that is still open.

    `new`: it is not there at all before the commit. `call`: what wrote it; None where a caller did.
    `known`: whether it is surely a row, rather than anything with a `save()`.
    """

    name: str
    new: bool
    call: Call | None = None
    chain: str | None = None
    known: bool = True


@dataclass(frozen=True, eq=False)
class _Found:
    """A task sent too early, with what it is sent for and the calls that lead there."""

    site: CallSite
    row: _Row
    where: str
    way: tuple[tuple[Call, Function], ...] = ()
    sure: bool = True


class _Sends:
    """The calls that send tasks, by the function they stand in, and what is given values there."""

    def __init__(self, source: SourceCode) -> None:
        self._bindings: dict[Function, Mapping[str, tuple[int, ...]]] = {}
        self.by_function: dict[int, list[tuple[Call, CallSite]]] = {}
        for site in source.sites:
            for launch in _launches(site):
                self.by_function.setdefault(id(site.function), []).append((launch, site))

    def of(self, function: Function) -> Iterable[tuple[Call, CallSite]]:
        return self.by_function.get(id(function), ())

    def bindings(self, function: Function) -> Mapping[str, tuple[int, ...]]:
        """The lines on which a function gives each of its variables another value."""
        if function not in self._bindings:
            self._bindings[function] = _bindings(function.node)
        return self._bindings[function]


def _launches(site: CallSite) -> tuple[Call, ...]:
    """The calls that send a site's task, the workflow around it included."""
    if site.sent or site.launches:
        return site.launches
    flow: Workflow | None = site.workflow
    while flow is not None:
        if flow.launches:
            return flow.launches
        flow = flow.parent
    return ()


@dataclass(eq=False)
class _Reader:
    """Reads one function for tasks sent inside an open transaction."""

    source: SourceCode
    sends: _Sends
    depth: int
    seen: set[int] = field(default_factory=set)

    def read(self, function: Function) -> Iterator[_Found]:
        if is_atomic(self.source, function):
            yield from self._inside(function, None, "a function under atomic", (), self._rows(function))
        elif _is_signal_handler(function):
            row = _Row("instance", new=True)
            yield from self._sent(function, None, [row], _IN_SIGNAL, (), sure=False)
        else:
            yield from self._in_blocks(function)
            yield from self._in_view(function)
            yield from self._before_commit(function)

    def _in_blocks(self, function: Function) -> Iterator[_Found]:
        blocks = {id(b): b for c in function.code.calls if (b := innermost(self.source, c)) is not None}
        for block in blocks.values():
            rows = self._rows(function, block)
            yield from self._inside(function, block, _opening(block), (), rows)

    def _in_view(self, function: Function) -> Iterator[_Found]:
        django = self.source.app.django
        if django is None or not django.atomic_requests or not _is_view(self.source.project, function):
            return
        rows = self._rows(function)
        yield from self._sent(function, None, rows, "a view under ATOMIC_REQUESTS", (), sure=True)

    def _before_commit(self, function: Function) -> Iterator[_Found]:
        """Rows added to a session of SQLAlchemy, and the task sent before the session's commit."""
        commits = [c.order for c in function.code.calls if "commit" in self.source.kinds(c)]
        if not commits:
            return
        for launch, site in self.sends.of(function):
            if not any(order > launch.order for order in commits):
                continue
            since = max((order for order in commits if order < launch.order), default=0)
            rows = [row for row in self._pending(function) if row.call is not None and row.call.order > since]
            row = _handed_over(site, [row for row in rows if self._is_open(function, row, launch)])
            if row is not None:
                yield _Found(site, row, "a session")

    # what is written

    def _rows(self, function: Function, block: Block | None = None) -> list[_Row]:
        calls = [c for c in function.code.calls if block is None or any(b is block for b in c.blocks)]
        rows = [row for call in calls if (row := self._row(function, call)) is not None]
        return [*rows, *self._pending(function, block)]

    def _row(self, function: Function, call: Call) -> _Row | None:
        kinds = self.source.kinds(call)
        if call.method in _SAVES:
            name = _root(call.node.func)
            if call.use != "statement":
                # A form or a serializer: a model's save() gives nothing back.
                target = _assigned_to(function, call.node)
                return None if target is None else _Row(target, True, call)
            if not name or not ("write" in kinds or isinstance(_receiver(call), ast.Name)):
                return None
            return _Row(name, "doubling_if_new" in kinds, call, known="write" in kinds)
        if "write" not in kinds or call.method not in _CREATES:
            return None
        target = _assigned_to(function, call.node)
        return _Row(target or "", True, call, f"{call.chain}()")

    def _pending(self, function: Function, block: Block | None = None) -> Iterator[_Row]:
        for call in function.code.calls:
            inside = block is None or any(b is block for b in call.blocks)
            if inside and call.method == "add" and call.args and "pending" in self.source.kinds(call):
                name = _root(call.node.args[0])
                if name:
                    yield _Row(name, True, call)

    # what is sent

    def _inside(
        self,
        function: Function,
        block: Block | None,
        where: str,
        way: tuple[tuple[Call, Function], ...],
        rows: list[_Row],
    ) -> Iterator[_Found]:
        yield from self._sent(function, block, rows, where, way, sure=True)
        if len(way) >= self.depth or id(function) in self.seen:
            return
        self.seen.add(id(function))
        for call in function.code.calls:
            if block is not None and not any(b is block for b in call.blocks):
                continue
            helper = call.function or self.source.project.function(call.chain)
            if helper is None or helper is function or self.source.kinds(call):
                continue
            handed = _handed(helper, call, [row for row in rows if self._is_open(function, row, call)])
            more = [*handed, *self._rows(helper)]
            yield from self._inside(helper, None, where, (*way, (call, function)), more)

    def _is_open(self, function: Function, row: _Row, call: Call) -> bool:
        """Whether a row is written before a call, and its variable still holds it there."""
        if row.call is None:
            return True
        if row.call.order >= call.order or not follows(row.call, call):
            return False
        lines = self.sends.bindings(function).get(row.name, ())
        return not any(row.call.node.lineno < line <= call.node.lineno for line in lines)

    def _sent(
        self,
        function: Function,
        block: Block | None,
        rows: list[_Row],
        where: str,
        way: tuple[tuple[Call, Function], ...],
        *,
        sure: bool,
    ) -> Iterator[_Found]:
        for launch, site in self.sends.of(function):
            if block is not None and not any(b is block for b in launch.blocks):
                continue
            row = _handed_over(site, [row for row in rows if self._is_open(function, row, launch)])
            # A handler of post_save runs for old rows too: only new ones cannot be found.
            if row is not None and not _waits(site) and (sure or _if_created(launch)):
                yield _Found(site, row, where, way, sure)


def _bindings(node: ast.AST) -> Mapping[str, tuple[int, ...]]:
    """The lines on which each variable is given another value, one not made of its own."""
    kept: set[int] = set()
    stored: list[ast.Name] = []
    for each in ast.walk(node):
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
            stored.append(each)
        elif isinstance(each, ast.Assign):
            names = set(_names(each.value))
            targets = (target for place in each.targets for target in ast.walk(place))
            kept.update(id(t) for t in targets if isinstance(t, ast.Name) and t.id in names)
    lines: dict[str, tuple[int, ...]] = {}
    for each in stored:
        if id(each) not in kept:
            lines[each.id] = (*lines.get(each.id, ()), each.lineno)
    return lines


def _handed_over(site: CallSite, rows: list[_Row]) -> _Row | None:
    """The row that a task is told of by its arguments."""
    nodes = [*site.call.node.args, *(keyword.value for keyword in site.call.node.keywords)]
    names = {name for node in nodes for name in _names(node)}
    keys = {name for node in nodes for name in _names_of_keys(node)}
    values = [*(site.args or ()), *(site.kwargs or {}).values()]
    chains = [value.chain for value in values if value.chain]
    for row in reversed(rows):
        if row.name and row.name in (names if row.known else keys):
            return row
        if row.chain is not None and any(c == row.chain or c.startswith(f"{row.chain}.") for c in chains):
            return row
    return None


def _if_created(call: Call) -> bool:
    """Whether a call stands under `if created`, alone or with other conditions."""
    for block in call.blocks:
        test = getattr(block.node, "test", None) if block.kind == "if" else None
        parts = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
        if any(isinstance(part, ast.Name) and part.id == "created" for part in parts):
            return True
    return False


def _names(node: ast.AST) -> Iterator[str]:
    for child in ast.walk(node):
        if isinstance(child, ast.Name):
            yield child.id


def _names_of_keys(node: ast.AST) -> Iterator[str]:
    """The variables whose primary key is taken: `order` of `order.pk`."""
    for child in ast.walk(node):
        if (
            isinstance(child, ast.Attribute)
            and child.attr in ("pk", "id")
            and isinstance(child.value, ast.Name)
        ):
            yield child.value.id


def _receiver(call: Call) -> ast.expr | None:
    return call.node.func.value if isinstance(call.node.func, ast.Attribute) else None


def _waits(site: CallSite) -> bool:
    """Whether the task is only sent once the transaction is committed, by its own or its class's doing."""
    if site.method in _ON_COMMIT:
        return True
    return site.task is not None and any(_OWN_SENDING & set(cls.defines) for cls in site.task.classes)


def _handed(helper: Function, call: Call, rows: list[_Row]) -> list[_Row]:
    """The rows that a helper is given, under its own names for them."""
    by_name = {row.name: row for row in rows if row.name}
    parameters = list(helper.parameters)
    found = []
    if helper.cls is not None and parameters and not helper.decorated_with("builtins.staticmethod"):
        own, parameters = parameters[0], parameters[1:]
        row = by_name.get(_root(call.node.func) if isinstance(call.node.func, ast.Attribute) else "")
        found += [_Row(own, row.new)] if row is not None else []
    given = dict(zip(parameters, call.node.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.node.keywords if keyword.arg}
    for name, node in given.items():
        row = next((by_name[each] for each in _names(node) if each in by_name), None)
        if row is not None:
            found.append(_Row(name, row.new))
    return found


def _root(node: ast.expr) -> str:
    """The variable at the beginning of `order.items.save`; empty where there is none."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _assigned_to(function: Function, node: ast.Call) -> str | None:
    """The variable that a call's result is given to; the first of several."""
    for statement in ast.walk(function.node):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and _unawaited(statement.value) is node:
            target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
            first = target.elts[0] if isinstance(target, ast.Tuple) and target.elts else target
            return first.id if isinstance(first, ast.Name) else None
    return None


def _unawaited(node: ast.expr | None) -> ast.expr | None:
    return node.value if isinstance(node, ast.Await) else node


def _opening(block: Block) -> str:
    """A transaction as written: `with transaction.atomic()`."""
    items: list[ast.withitem] = getattr(block.node, "items", [])
    return f"with {written(items[0].context_expr)}" if items else "a transaction"


def _is_signal_handler(function: Function) -> bool:
    """Whether Django calls a function when a row has been saved."""
    for value in function.decorators:
        if value.chain == _RECEIVER and value.call is not None and value.call.args:
            signals = (value.call.args[0], *value.call.args[0].items)
            if any(last(signal.chain) == _AFTER_SAVE for signal in signals):
                return True
    return False


def _is_view(project: Project, function: Function) -> bool:
    """Whether Django calls a function for a request."""
    if function.decorated_with(_NON_ATOMIC) or function.is_async:
        return False
    if function.cls is None:
        return function.parameters[:1] == ("request",) and "<locals>" not in function.qualname
    bases: Mapping[str, None] = dict.fromkeys(
        base or "" for owner in project.lineage(function.cls) for base in (owner.chain, *owner.bases)
    )
    is_view = any(last(base).endswith(("View", "ViewSet", "APIView")) for base in bases)
    return is_view and (function.name in _VIEW_METHODS or function.decorated_with(_ACTION))


def _problem(source: SourceCode, found: _Found) -> Problem:
    site, row = found.site, found.row
    what = row.name or "a row"
    sees = f"cannot see {what}" if row.new else f"does not see what was saved of {what}"
    delayed = [name for name in _DELAYED if name in site.options]
    hidden = f"; {delayed[0]} makes that rare, and no less possible" if delayed else ""
    text = written(site.call.node.func)
    return Problem(
        f"{text}() is sent inside {found.where}: until that is committed, a worker {sees}{hidden}",
        fix=_fix(source, found, text),
        about=site.about,
        location=site.location,
        at_most=Severity.INFO if delayed or not found.sure or _expects_it(site) else None,
        trace=tuple(
            Step(f"{function.name} calls {written(call.node.func)}", function.location(call.node))
            for call, function in found.way
        ),
    )


def _expects_it(site: CallSite) -> bool:
    """Whether the task is retried until the row is there."""
    names = site.task.autoretry_for if site.task is not None else ()
    return any(name.endswith("DoesNotExist") or name in ("Exception", "BaseException") for name in names)


def _fix(source: SourceCode, found: _Found, text: str) -> str:
    if found.where == "a session" or source.app.django is None:
        return f"call {text}() after the commit"
    if source.app.version >= (5, 4) and found.site.method == "delay" and source.app.django.fixup:
        return f"{text}_on_commit(...), with the same arguments"
    return f"transaction.on_commit(lambda: {text}(...))"


__all__ = ["call_before_commit"]
