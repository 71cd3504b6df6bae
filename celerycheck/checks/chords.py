"""Chords and results that are waited for, on result backends that cannot serve them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.calls import Node
from celerycheck.source.code import Code
from celerycheck.source.evidence import CallSite, SourceCode, Workflow, is_test_file
from celerycheck.source.modules import Function, Module
from celerycheck.subjects import App, Called, Location, Setting

_READS = frozenset(
    {"get", "wait", "collect", "get_leaf", "join", "join_native", "iterate", "iter_native", "ready",
     "successful", "failed", "completed_count"}
)  # fmt: skip
_ASYNC_RESULTS = frozenset(
    {"celery.result.AsyncResult()", "celery.Celery().AsyncResult()", "celery.current_app.AsyncResult()"}
)
_STALLING = frozenset({"db", "database", "sqla", "sqlalchemy", "file", "filesystem"})
_FAILING = frozenset({"cache", "memcache", "memcached", "pymemcache"})


@check
def missing_result_backend(source: SourceCode) -> Iterator[Problem]:
    """A result is waited for, and none is kept.

    Why: without a result backend `get()`, `ready()` and their like raise, and so does every chord, a group
        followed by another task included, when it is sent.
    Fix: set `result_backend`, or do without the result: let the task itself do, or call, what comes next.
    Reference: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chords
    """
    app = _at_hand(source)
    if app.backend.scheme is not None or app.backend.error or app.settings.flag("task_always_eager"):
        return
    setting = app.settings["result_backend"]
    # It is then set, and perhaps empty only where the audit runs.
    at_most = Severity.WARNING if setting.origin != "default" else None
    fix = f"set {app.settings.spelled('result_backend')}, for instance to redis://"
    for chord in _chords(source):
        message = (
            f"{chord.words} needs a result backend, and none is set: sending it raises NotImplementedError"
        )
        yield Problem(message, fix, _about(chord, setting), chord.location, at_most)
    for read in _reads(source):
        whose = read.name.rpartition(".")[2] if read.name else "a task"
        about = Called(read.name, read.location) if read.name else setting
        message = f"{read.method}() reads the result of {whose}, which fails: no result backend is set"
        yield Problem(message, f"{fix}, or do without the result", about, read.location, at_most)


@check
def chord_on_rpc(source: SourceCode) -> Iterator[Problem]:
    """A chord is made, and the result backend is rpc://.

    Why: `rpc://` sends each result to the one who asked for it, so nobody can tell when a group is done:
        sending a chord, or a group followed by another task, raises NotImplementedError.
    Fix: use a result backend that supports chords, `redis://` for instance.
    Reference: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chords
    """
    app = _at_hand(source)
    if app.backend.scheme != "rpc" or app.settings.flag("task_always_eager"):
        return
    setting = app.settings["result_backend"]
    for chord in _chords(source):
        message = f"{chord.words} does not work on rpc://: sending it raises NotImplementedError"
        yield Problem(message, about=_about(chord, setting), location=chord.location)


@check
def chord_of_ignored_results(source: SourceCode) -> Iterator[Problem]:
    """A chord waits for tasks that keep no result.

    Why: on a database, on files and on a cache the chord learns from their results that its tasks are
        done: its body never runs, or fails.
    Fix: leave `ignore_result` off for tasks of a chord's header, or keep results in Redis, which counts them.
    Reference: https://docs.celeryq.dev/en/stable/userguide/canvas.html#chord-important-notes
    """
    app = _at_hand(source)
    kind = (app.backend.scheme or "").partition("+")[0].lower()
    if kind not in _STALLING | _FAILING or app.settings.flag("task_always_eager"):
        return
    end = "its body never runs" if kind in _STALLING else "its body fails with a ChordError"
    for chord in _chords(source):
        for site in chord.header:
            if site.task is not None and _ignores(app, site):
                name = site.task.name.rpartition(".")[2]
                yield Problem(
                    f"{name} keeps no result (ignore_result) and {chord.words} waits for it: {end} on {kind}",
                    fix=f"set ignore_result=False on {name}, or keep results in Redis",
                    about=site.task,
                    location=site.location,
                )


def _ignores(app: App, site: CallSite) -> bool:
    """Whether the task keeps no result when it is sent from there."""
    given = site.options.get("ignore_result")
    if given is None:
        return site.task is not None and site.task.ignore_result
    return given.constant is True and app.version >= (5, 7)


def _at_hand(source: SourceCode) -> App:
    source.require()
    return source.app


@dataclass(frozen=True)
class _Chord:
    """A chord, or a group followed by another task.

    - `words`: which of both. `header`: the call sites whose results it waits for, as far as they are known.
    - `name`: the task that comes next, or else one of the header; None where neither is known.
    """

    words: str
    header: tuple[CallSite, ...]
    name: str | None
    location: Location


def _about(chord: _Chord, setting: Setting) -> Called | Setting:
    return setting if chord.name is None else Called(chord.name, chord.location)


def _chords(source: SourceCode) -> Iterator[_Chord]:
    for flow in source.workflows:
        if flow.kind == "chord" and _has_body(flow):
            yield _chord(flow, "a chord", flow.body)
        elif flow.kind == "group" and (after := _next(flow)) is not None:
            yield _chord(flow, "a group followed by another task", after[0])


def _chord(flow: Workflow, words: str, after: Node | None) -> _Chord:
    header = tuple(site for step in flow.steps for site in _ends(step))
    known = [*_first(after), *header]
    return _Chord(words, header, known[0].name if known else None, flow.location)


def _has_body(flow: Workflow) -> bool:
    """Whether it is complete, though what its body is may not be known."""
    node = flow.node
    written = len(getattr(node, "args", ())) + len(getattr(node, "keywords", ()))
    return flow.body is not None or bool(flow.launches) or written > 1


def _next(flow: Workflow) -> tuple[Node | None] | None:
    """The step that follows a workflow in the chains around it; None where nothing does."""
    parent, index = flow.parent, flow.index
    while parent is not None and parent.kind == "chain":
        if index + 1 < len(parent.steps):
            return (parent.steps[index + 1],)
        index, parent = parent.index, parent.parent
    return None


def _first(node: Node | None) -> list[CallSite]:
    """One call site of a step."""
    if isinstance(node, Workflow):
        return list(node.sites())[:1]
    return [] if node is None else [node]


def _ends(node: Node | None) -> Iterator[CallSite]:
    """The call sites whose results are a step's result."""
    if isinstance(node, CallSite):
        yield node
    elif node is not None and node.kind == "group":
        for step in node.steps:
            yield from _ends(step)
    elif node is not None and not node.open and (node.body is not None or node.steps):
        yield from _ends(node.body if node.body is not None else node.steps[-1])


@dataclass(frozen=True)
class _Read:
    """A call that reads a result: of a task, or of a workflow that begins with it; None where unknown."""

    name: str | None
    method: str
    location: Location


def _reads(source: SourceCode) -> Iterator[_Read]:
    """Where results are read: the first place for each that is read where its task is sent."""
    sent: dict[int, str] = {}
    scopes: dict[int, tuple[Module, Function | None]] = {}
    nodes: list[Node] = [*source.sites, *source.workflows]
    for node in nodes:
        for launch in node.launches:
            for first in _first(node):
                sent[id(launch)] = first.name
                scopes[id(_code(node))] = (node.module, node.function)
    for module, function in scopes.values():
        code = module.code if function is None else function.code
        for call in code.calls:
            result = None if call.receiver is None else call.receiver.call
            if call.method in _READS and result is not None and result.method != "apply":
                name = sent.pop(id(result), None)
                if name is not None:
                    yield _Read(name, call.method, module.location(call.node))
    yield from _later_reads(source)


def _code(node: Node) -> Code:
    return node.module.code if node.function is None else node.function.code


def _later_reads(source: SourceCode) -> Iterator[_Read]:
    """`AsyncResult(id).get()` and its like, anywhere in the project's own code, tests apart."""
    for path in source.holding(b"AsyncResult"):
        module = None if is_test_file(path) else source.project.module_at(path)
        if module is None:
            continue
        for code in (module.code, *(function.code for function in module.every_function())):
            for call in code.calls:
                if call.method in _READS and (call.chain or "").rpartition(".")[0] in _ASYNC_RESULTS:
                    yield _Read(None, call.method, module.location(call.node))
