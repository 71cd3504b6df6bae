"""Where tasks are called: `delay`, `apply_async`, signatures, `send_task`, and the workflows they make."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from celerycheck.source.code import Block, Call, Code, Value
from celerycheck.source.files import is_test_file
from celerycheck.source.modules import Function, Module
from celerycheck.source.project import Project
from celerycheck.subjects import Called, Location, TaskInfo

DIRECT = frozenset({"delay", "delay_on_commit"})
"""Methods that pass every argument on to the task."""

OPTIONED = frozenset({"apply_async", "apply_async_on_commit", "apply"})
"""Methods that take the task's arguments as `args` and `kwargs`, and execution options."""

SIGNATURES = frozenset({"s", "si", "signature", "subtask", "subtask_from_request"})
MANY = frozenset({"map", "starmap", "chunks"})
SENDING = frozenset({"delay", "apply_async", "delay_on_commit", "apply_async_on_commit", "apply"})
_KEEPS_SIGNATURE = frozenset({"set", "on_error", "clone"})
"""Methods that give the signature again; `link` gives the callback, `replace` one with other arguments."""
_CELERY_APP = "celery.Celery()"
_APPS = (f"{_CELERY_APP}", "celery.app.base.Celery()", "celery.current_app", "celery.app.current_app()")

_SENDS = re.compile(
    rb"\.delay\b|apply_async|send_task|delay_on_commit|\.si?\(|signature\(|subtask\("
    rb"|\bchord\(|\bgroup\(|\bchain\(|\.starmap\(|\.chunks\(|\.map\("
)

WorkflowKind = Literal["chain", "group", "chord"]
Node: TypeAlias = "CallSite | Workflow"

_KINDS: tuple[WorkflowKind, ...] = ("chain", "group", "chord")
_CANVAS: Mapping[str, WorkflowKind] = {
    f"{module}.{name}": name for module in ("celery", "celery.canvas") for name in _KINDS
}
_SIGNATURE_FUNCTIONS = frozenset(
    {"celery.signature", "celery.canvas.signature", "celery.subtask", "celery.canvas.maybe_signature",
     "celery.Signature", "celery.canvas.Signature"}
)  # fmt: skip


@dataclass(eq=False, repr=False)
class CallSite:
    """One place that sends a task or makes a signature of it.

    - `name`: the task's registered name, or the name asked for; `task`: the registered task, None for a
      name nobody registers.
    - `method`: `delay`, `apply_async`, `s`, `si`, `signature`, `map`, `chunks`, `send_task` ...
    - `args`, `kwargs`: what the task is given here; None where that cannot be told (`*args`, a variable).
    - `options`: execution options given here (`countdown`, `queue`).
    - `function`: the function around it, None at module level.
    - `workflow`: what a signature is a step of, `index` its place there (that of a chord's body is the
      number of steps); `launches`: the calls that send it. `ambiguous`: it is a step of several workflows.
    """

    name: str
    task: TaskInfo | None
    method: str
    call: Call
    module: Module
    function: Function | None
    args: tuple[Value, ...] | None
    kwargs: Mapping[str, Value] | None
    options: Mapping[str, Value] = field(default_factory=dict)
    open_options: bool = False
    workflow: Workflow | None = None
    index: int = 0
    launches: tuple[Call, ...] = ()
    ambiguous: bool = False

    @property
    def prepended(self) -> int | None:
        """How many arguments come in front of `args` when it runs, such as the result of the previous step.

        None where nobody can tell, as for a signature that goes elsewhere.
        """
        if self.sent or self.immutable:
            return 0
        if self.ambiguous or self.method in MANY:
            return None
        if self.workflow is not None:
            return self.workflow.received(self.index)
        return _given(self.launches)

    @property
    def location(self) -> Location:
        return self.module.location(self.call.node)

    @property
    def about(self) -> Called:
        """The called task, as the subject of a finding."""
        return Called(self.name, self.location)

    @property
    def is_signature(self) -> bool:
        return self.method in SIGNATURES or self.method == "named signature"

    @property
    def immutable(self) -> bool:
        """Whether the result of the previous step is not prepended."""
        given = self.options.get("immutable")
        return self.method == "si" or bool(given is not None and given.constant)

    @property
    def sent(self) -> bool:
        """Whether it sends the task at once, as opposed to making a signature."""
        return self.method in SENDING or self.method == "send_task"

    @property
    def blocks(self) -> tuple[Block, ...]:
        return self.call.blocks

    @property
    def inside(self) -> str:
        """The qualname of the function around it, for messages; `module level` where there is none."""
        return self.function.qualname if self.function is not None else "module level"


@dataclass(eq=False, repr=False)
class Workflow:
    """A chain, group or chord.

    - `steps`: of a chain in order, of a group or of a chord's header in any; a step that cannot be told is
      None. `many`: the one step is repeated (`group(add.s(i) for i in items)`); `open`: there are others
      nobody can tell.
    - `body`: of a chord. A group followed by something in a chain is a chord too, and stays a step here.
    - `launches`: the calls that send it; `parent`: the workflow it is a step of, at `index`; `ambiguous`: it
      is a step of several.
    """

    kind: WorkflowKind
    steps: tuple[Node | None, ...]
    node: ast.expr
    module: Module
    function: Function | None
    blocks: tuple[Block, ...] = ()
    body: Node | None = None
    many: bool = False
    open: bool = False
    launches: tuple[Call, ...] = ()
    parent: Workflow | None = None
    index: int = 0
    ambiguous: bool = False

    def received(self, index: int) -> int | None:
        """How many results of earlier steps the one at that place is handed; None where nobody can tell."""
        if self.ambiguous:
            return None
        if self.kind == "chord" and index == len(self.steps) and self.body is not None:
            return 1
        if self.kind == "chain" and (index > 0 or self.many):
            return None if self.open or self.many else 1
        if self.parent is not None:
            return self.parent.received(self.index)
        launches = self.launches
        if self.kind == "chord":
            # chord(header)(body): the body is no argument of the header's tasks.
            launches = tuple(call for call in launches if call.method or not call.args)
            if len(launches) < len(self.launches):
                return 0
        return _given(launches)

    @property
    def location(self) -> Location:
        return self.module.location(self.node)

    def followed(self, index: int) -> bool:
        """Whether something follows the step at that place of a chain, here or in the workflow around it."""
        if self.kind == "chain" and index < len(self.steps) - 1:
            return True
        if self.kind == "chord" and self.body is not None and index < len(self.steps):
            return True
        return self.parent is not None and self.parent.followed(self.index)

    def sites(self) -> Iterator[CallSite]:
        """Every call site in it, those of workflows inside it included."""
        for step in (*self.steps, self.body):
            if isinstance(step, CallSite):
                yield step
            elif step is not None:
                yield from step.sites()


@dataclass(eq=False)
class Calls:
    """What was found in some code. `unresolved`: calls that look like a task's, of a task nobody knows."""

    sites: list[CallSite] = field(default_factory=list)
    workflows: list[Workflow] = field(default_factory=list)
    unresolved: list[Call] = field(default_factory=list)


def may_call(path: str, data: bytes) -> bool:
    """Whether a file of the project may call tasks; tests and migrations are left out."""
    return _SENDS.search(data) is not None and not is_test_file(path) and "/migrations/" not in path


def calls_in(project: Project, module: Module, function: Function | None, code: Code) -> Calls:
    """The call sites and workflows in one function, or in the top level of a module."""
    reader = _Reader(project, module, function)
    for call in code.calls:
        reader.read(call)
    for value, _, _ in code.operations:
        reader.node(value)
    for call in code.calls:
        reader.launch(call)
    return reader.found


class _Reader:
    """Makes sites of calls and workflows of values, each once."""

    def __init__(self, project: Project, module: Module, function: Function | None) -> None:
        self.project = project
        self.module = module
        self.function = function
        self.found = Calls()
        self._sites: dict[int, CallSite] = {}
        self._workflows: dict[int, Workflow | None] = {}

    def read(self, call: Call) -> None:
        site = self._site(call)
        if site is not None:
            self._sites[id(call)] = site
            self.found.sites.append(site)
        elif call.chain in _CANVAS:
            self._canvas(call)

    # sites

    def _site(self, call: Call) -> CallSite | None:
        method = call.method
        if method == "send_task" and call.chain is not None and self._is_app(call.chain.rpartition(".")[0]):
            return self._named(call, "send_task")
        if call.chain in _SIGNATURE_FUNCTIONS or (method == "signature" and self._is_app_of(call)):
            return self._named(call, "named signature")
        if method not in SENDING and method not in SIGNATURES and method not in MANY:
            return None
        receiver = call.receiver
        if receiver is None:
            return None
        task = self.project.task(receiver.chain)
        if task is not None:
            return self._of_task(call, task)
        if method in SENDING and method != "apply" and self.node(receiver) is None and not _foreign(call):
            self.found.unresolved.append(call)
        return None

    def _is_app(self, chain: str) -> bool:
        return chain in _APPS or chain == f"{self.project.app.module}.{self.project.app.attribute}"

    def _is_app_of(self, call: Call) -> bool:
        return call.chain is not None and self._is_app(call.chain.rpartition(".")[0])

    def _named(self, call: Call, method: str) -> CallSite | None:
        named = call.argument("name" if method == "send_task" else "varargs", 0) or call.argument("task")
        if named is None or named.string is None:
            self.found.unresolved.append(call)
            return None
        task = self.project.app.task(named.string)
        return self._optioned(call, named.string, task, method, first=1)

    def _of_task(self, call: Call, task: TaskInfo) -> CallSite:
        method = call.method
        if method in OPTIONED or method in ("signature", "subtask"):
            return self._optioned(call, task.name, task, method, first=0)
        if method in MANY:
            return self._made(call, task.name, task, method, None, None, {})
        args = None if call.open_args else call.args
        kwargs = None if call.open_keywords else call.keywords
        return self._made(call, task.name, task, method, args, kwargs, {})

    def _optioned(self, call: Call, name: str, task: TaskInfo | None, method: str, *, first: int) -> CallSite:
        given, named = call.argument("args", first), call.argument("kwargs", first + 1)
        args: tuple[Value, ...] | None = ()
        if given is not None and not (given.is_constant and given.constant is None):
            known = given.kind in ("list", "tuple") and not given.many
            args = given.items if known and all(i.kind != "starred" for i in given.items) else None
        kwargs: Mapping[str, Value] | None = {}
        if named is not None and not (named.is_constant and named.constant is None):
            kwargs = named.named()
        if call.open_args or (call.open_keywords and (given is None or named is None)):
            args, kwargs = (args if given is not None else None), (kwargs if named is not None else None)
        options = {n: v for n, v in call.keywords.items() if n not in ("args", "kwargs", "name", "varargs")}
        return self._made(call, name, task, method, args, kwargs, options)

    def _made(
        self,
        call: Call,
        name: str,
        task: TaskInfo | None,
        method: str,
        args: tuple[Value, ...] | None,
        kwargs: Mapping[str, Value] | None,
        options: Mapping[str, Value],
    ) -> CallSite:
        site = CallSite(name, task, method, call, self.module, self.function, args, kwargs, options)
        site.open_options = call.open_keywords and method not in DIRECT
        if site.sent:
            site.launches = (call,)
        return site

    # workflows

    def node(self, value: Value | None) -> Node | None:
        """The signature or workflow that a value is; None for anything else."""
        if value is None:
            return None
        if value.call is not None:
            return self._node_of_call(value.call)
        if value.kind == "operation" and value.operator == "BitOr":
            return self._piped(value)
        return None

    def _node_of_call(self, call: Call) -> Node | None:
        site = self._sites.get(id(call))
        if site is not None:
            return site if site.is_signature or site.method in MANY else None
        if call.chain in _CANVAS:
            return self._canvas(call)
        if call.method in _KEEPS_SIGNATURE and call.receiver is not None:
            return self._kept(call, self.node(call.receiver))
        if call.receiver is not None and not call.method:
            return self._completed(call)
        return None

    def _kept(self, call: Call, node: Node | None) -> Node | None:
        """`node` with what `set()` gives it; None where its arguments are no longer those written."""
        if call.method == "clone" and (call.args or call.keywords or call.open_args or call.open_keywords):
            return None
        if call.method == "set":
            if isinstance(node, CallSite):
                node.options = {**node.options, **call.keywords}
                node.open_options = node.open_options or call.open_keywords
            elif node is not None and (call.args or "immutable" in call.keywords or call.open_keywords):
                node.ambiguous = True
        return node

    def _canvas(self, call: Call) -> Workflow:
        known = self._workflows.get(id(call))
        if known is not None:
            return known
        kind = _CANVAS[call.chain or ""]
        given = call.argument("tasks" if kind != "chord" else "header", 0)
        flow = Workflow(kind, (), call.node, self.module, self.function, call.blocks)
        self._workflows[id(call)] = flow
        self.found.workflows.append(flow)
        single = kind == "chord" or len(call.args) == 1
        self._fill(flow, [given] if single else list(call.args))
        if kind == "chord":
            self._set_body(flow, call.argument("body", 1))
        return flow

    def _fill(self, flow: Workflow, values: list[Value | None]) -> None:
        """Give a workflow its steps: the values themselves, or what a list or generator among them holds."""
        gathered = _gathered(values[0]) if len(values) == 1 else None
        if gathered is not None:
            flow.open = flow.many = True
            flow.steps = tuple(self._step(flow, value, index) for index, value in enumerate(gathered))
            return
        if len(values) == 1 and values[0] is not None and values[0].kind in ("list", "tuple", "generator"):
            flow.many = values[0].many
            values = list(values[0].items)
        elif len(values) == 1 and self.node(values[0]) is None:
            flow.open = True
        if any(value is not None and value.kind == "starred" for value in values):
            flow.open = True
        if flow.open and len(values) == 1:
            return
        flow.steps = tuple(self._step(flow, value, index) for index, value in enumerate(values))

    def _step(self, flow: Workflow, value: Value | None, index: int) -> Node | None:
        step = self.node(value)
        if isinstance(step, Workflow):
            step.ambiguous = step.parent not in (None, flow)
            step.parent, step.index = flow, index
        elif step is not None:
            step.ambiguous = step.workflow is not None
            step.workflow, step.index = flow, index
        return step

    def _set_body(self, flow: Workflow, value: Value | None) -> None:
        flow.body = self._step(flow, value, len(flow.steps))

    def _piped(self, value: Value) -> Workflow | None:
        """`a.s() | b.s()`, however many."""
        if id(value) in self._workflows:
            return self._workflows[id(value)]
        self._workflows[id(value)] = None
        parts = list(_pipe_parts(value))
        if all(self.node(part) is None for part in parts):
            return None
        node = next((n for v, n, _ in self._operations() if v is value), None)
        expression = node or (parts[0].call and parts[0].call.node)
        if not isinstance(expression, ast.expr):
            return None
        blocks = parts[0].call.blocks if parts[0].call is not None else ()
        flow = Workflow("chain", (), expression, self.module, self.function, blocks)
        self._workflows[id(value)] = flow
        self.found.workflows.append(flow)
        flow.steps = tuple(self._step(flow, part, index) for index, part in enumerate(parts))
        return flow

    def _operations(self) -> list[tuple[Value, ast.expr, tuple[Block, ...]]]:
        code = self.function.code if self.function is not None else self.module.code
        return code.operations

    def _completed(self, call: Call) -> Node | None:
        """`chord(header)(body)`."""
        node = self.node(call.receiver)
        if isinstance(node, Workflow) and node.kind == "chord" and node.body is None and call.args:
            self._set_body(node, call.args[0])
        return None

    # launches

    def launch(self, call: Call) -> None:
        """Note a call that sends a workflow or a signature made before."""
        if call.receiver is None or id(call) in self._sites:
            return
        if call.method and call.method not in SENDING:
            return
        node = self.node(call.receiver)
        if node is None:
            return
        node.launches = (*node.launches, call)
        if not call.method:
            self._completed(call)


def _given(launches: tuple[Call, ...]) -> int | None:
    """How many arguments the calls that send something add; None where they differ or none is known."""
    counts = {_added(call) for call in launches}
    return counts.pop() if len(counts) == 1 else None


def _added(call: Call) -> int | None:
    if call.open_args or call.open_keywords:
        return None
    if call.method in DIRECT or not call.method:
        return None if call.keywords else len(call.args)
    given = call.argument("args", 0)
    if call.argument("kwargs", 1) is not None:
        return None
    if given is None or (given.is_constant and given.constant is None):
        return 0
    return len(given.items) if given.kind in ("list", "tuple") and not given.many else None


def _gathered(value: Value | None) -> list[Value] | None:
    """What a list holds that is filled bit by bit (`steps.append(..)` in a loop); None for all else."""
    if value is None or value.kind != "either":
        return None
    found: list[Value] = []
    for alternative in value.items:
        if alternative.kind == "list":
            found += (item for item in alternative.items if item not in found)
        elif alternative.kind == "either":
            found += (item for item in _gathered(alternative) or () if item not in found)
    return found or None


def _pipe_parts(value: Value) -> Iterator[Value]:
    for item in value.items:
        if item.kind == "operation" and item.operator == "BitOr":
            yield from _pipe_parts(item)
        else:
            yield item


def _foreign(call: Call) -> bool:
    """Whether something else than Celery is known to have a method of that name."""
    chain = call.chain or ""
    return chain.startswith(("multiprocessing.", "concurrent.", "billiard.", "asyncio."))
