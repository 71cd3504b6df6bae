"""What checks of source are handed: a task's body, a call site, or the whole source of an app."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from typing import TypeVar

from celerycheck.findings import Problem, Severity, Step
from celerycheck.known_libraries import SHIPPED, Kind, Libraries
from celerycheck.source.ahead import Ahead
from celerycheck.source.calls import Calls, CallSite, Workflow, calls_in, may_call
from celerycheck.source.code import TASK, Call, Code, written
from celerycheck.source.files import Files, is_test_file
from celerycheck.source.following import DEPTH, Reached, reach
from celerycheck.source.modules import Function, Module
from celerycheck.source.project import Project
from celerycheck.source.reading import parameter_chain
from celerycheck.source.testsuite import Suite
from celerycheck.subjects import App, Location, NotEvaluated, TaskInfo


@dataclass(frozen=True, eq=False, repr=False)
class TaskBody:
    """One task together with the source of the function it runs."""

    task: TaskInfo
    function: Function
    source: SourceCode

    @property
    def name(self) -> str:
        return self.task.name

    @property
    def app(self) -> App:
        return self.source.app

    @property
    def project(self) -> Project:
        return self.source.project

    @property
    def node(self) -> ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda:
        """The function's node in the syntax tree."""
        return self.function.node

    @property
    def code(self) -> Code:
        """What its own body does, as it stands there: the task's `self` is `self_chain` in it."""
        return self.function.code

    @cached_property
    def self_chain(self) -> str | None:
        """The chain of the task itself inside `code`: a bound task's first parameter, or a class's `self`."""
        if self.function.cls is not None:
            return f"{self.function.cls.chain}()"
        if self.task.bound and self.function.parameters:
            return parameter_chain(self.function, self.function.parameters[0])
        return None

    @cached_property
    def _renames(self) -> Mapping[str, str]:
        names = {} if self.self_chain is None else {self.self_chain: TASK}
        if self.task.bound and self.function.node.args.vararg is not None and not self.function.parameters:
            names[f"?{self.function.node.args.vararg.arg}[]"] = TASK
        for alias in (*self.task.aliases, self.function.chain):
            names[f"{alias}.request"] = f"{TASK}.request"
            names[f"{alias}.retry"] = f"{TASK}.retry"
        names["celery.current_task"] = TASK
        return names

    @cached_property
    def calls(self) -> tuple[Call, ...]:
        """The calls in its own body, in order, the task itself named `<task>`."""
        return tuple(found.call for found in self.reached(0))

    @cached_property
    def _reached(self) -> tuple[Reached, ...]:
        # Whoever names a function in the checklist has said all there is to say about it.
        return reach(
            self.project,
            self.function,
            self._renames,
            lambda call: call.chain is not None and self.source.libraries.names(call.chain),
            self._class,
        )

    @property
    def _class(self) -> str | None:
        """The project's own class whose methods the task has."""
        if self.function.cls is not None:
            return self.function.cls.chain
        return self.task.classes[0].name if self.task.classes else None

    def reached(self, depth: int = DEPTH) -> Iterator[Reached]:
        """Every call it may come to, in its own body first, then in helpers up to `depth` calls deep."""
        if depth >= DEPTH:
            return iter(self._reached)
        return takewhile(lambda found: len(found.way) <= depth, self._reached)

    def kinds(self, call: Call | Reached) -> frozenset[Kind]:
        """What calling this does, as far as libraries are known: `network`, `write`, `send` ..."""
        return self.source.kinds(call.call if isinstance(call, Reached) else call)

    @cached_property
    def kinds_reached(self) -> frozenset[Kind]:
        """Everything that the calls it may come to do, however deep: most checks need not look closer."""
        return frozenset().union(*(self.source.kinds(found.call) for found in self._reached))

    @cached_property
    def sites(self) -> Sequence[CallSite]:
        """The call sites in its own body and in functions inside it."""
        return self.source.sites_in(self.function)

    @cached_property
    def workflows(self) -> Sequence[Workflow]:
        """The workflows made in its own body and in functions inside it."""
        return self.source.workflows_in(self.function)

    @property
    def callers(self) -> Sequence[CallSite]:
        """Every place in the project that sends it or makes a signature of it."""
        return self.source.sites_of(self.task.name)

    def problem(
        self,
        message: str,
        at: Reached | Call | ast.AST,
        fix: str | None = None,
        at_most: Severity | None = None,
    ) -> Problem:
        """A problem at a place in its body, or in a helper with the way there."""
        if isinstance(at, Reached):
            place = at.function.location(at.original.node)
            return Problem(message, fix, location=place, at_most=at_most, trace=self._trace(at))
        node = at.node if isinstance(at, Call) else at
        return Problem(message, fix, location=self.function.location(node), at_most=at_most)

    def _trace(self, reached: Reached) -> tuple[Step, ...]:
        return tuple(
            Step(f"{function.name} calls {written(call.node.func)}", function.location(call.node))
            for call, function in reached.way
        )


@dataclass(eq=False, repr=False)
class SourceCode:
    """The source of one app's project, as far as it is at hand.

    `libraries` says what calls into libraries do, the checklist's additions included; `ahead` holds files
    that were parsed while the app was being loaded.
    """

    app: App
    files: Files
    libraries: Libraries = SHIPPED
    ahead: Ahead | None = None
    project: Project = field(init=False)
    _bodies: dict[str, TaskBody | None] = field(default_factory=dict, init=False)
    _kinds: dict[str, frozenset[Kind]] = field(default_factory=dict, init=False)
    _holding: dict[tuple[bytes | re.Pattern[bytes], ...], Sequence[str]] = field(
        default_factory=dict, init=False
    )

    def __post_init__(self) -> None:
        self.project = self.ahead.project(self.app) if self.ahead else Project(self.app, self.files)

    @cached_property
    def at_hand(self) -> bool:
        """Whether there is any source to read; a picture may be audited far from it."""
        places = (task.source for task in self.app.tasks if task.source is not None)
        paths = dict.fromkeys([*(place.path for place in places), *self.app.files])
        return not paths or any(self.files.read(path) is not None for path in paths)

    def holding(self, *sought: bytes | re.Pattern[bytes]) -> Sequence[str]:
        """The project's own files, tests included, that hold one of these texts or patterns.

        The files are read once for the same question, however many tasks it is asked for.
        """
        found = self._holding.get(sought)
        if found is None:
            texts = ((path, self.files.read(path) or b"") for path in self.project.own_files())
            found = tuple(path for path, text in texts if any(_holds(text, each) for each in sought))
            self._holding[sought] = found
        return found

    def require(self) -> None:
        """Raise NotEvaluated where there is no source: a check that needs it says nothing then."""
        if not self.at_hand:
            raise NotEvaluated("the source is not at hand")

    def body(self, task: TaskInfo) -> TaskBody:
        """A task's body. Raises NotEvaluated where its source is not at hand."""
        body = self._find(task)
        if body is None:
            raise NotEvaluated(self._missing(task))
        return body

    def _missing(self, task: TaskInfo) -> str:
        place = task.source or task.location
        if place is None:
            return "its source is not known"
        reason = self.project.unreadable.get(place.path)
        return f"{place.path} cannot be read: {reason}" if reason else "its source is not at hand"

    @cached_property
    def bodies(self) -> Sequence[TaskBody]:
        """The bodies of all audited tasks whose source is at hand."""
        found = (self._find(task) for task in self.app.tasks)
        return [body for body in found if body is not None]

    def _find(self, task: TaskInfo) -> TaskBody | None:
        if task.name not in self._bodies:
            function = self.project.function_of(task)
            self._bodies[task.name] = None if function is None else TaskBody(task, function, self)
        return self._bodies[task.name]

    def kinds(self, call: Call) -> frozenset[Kind]:
        """What a call does, as far as libraries are known."""
        chain = call.chain or ""
        known = self._kinds.get(chain)
        if known is None:
            known = self._kinds_of(chain) if chain else frozenset()
            self._kinds[chain] = known
        return known

    def _kinds_of(self, chain: str) -> frozenset[Kind]:
        """The kinds of a chain, or of what its class inherits from a library's: `Receipt().send`."""
        is_model = self.project.is_model
        found = self.libraries.kinds(chain, is_model)
        if found:
            return found
        return frozenset().union(*(self.libraries.kinds(c, is_model) for c in self.project.inherited(chain)))

    @cached_property
    def _calls(self) -> Calls:
        found = Calls()
        for module in self._modules_that_call():
            self._gather(found, module, None, module.code)
            for function in module.every_function():
                self._gather(found, module, function, function.code)
        return found

    def _gather(self, found: Calls, module: Module, function: Function | None, code: Code) -> None:
        if not code.calls:
            return
        some = calls_in(self.project, module, function, code)
        found.sites += some.sites
        found.workflows += some.workflows
        found.unresolved += some.unresolved

    def _modules_that_call(self) -> Iterator[Module]:
        """The project's own modules, tests apart, that may call tasks."""
        for path in self.project.own_files():
            data = None if is_test_file(path) else self.files.read(path)
            if data is not None and may_call(path, data):
                module = self.project.module_at(path)
                if module is not None:
                    yield module

    @property
    def sites(self) -> Sequence[CallSite]:
        """Every place in the project, tests apart, that sends a task or makes a signature."""
        return self._calls.sites

    @property
    def workflows(self) -> Sequence[Workflow]:
        """Every chain, group and chord in the project, tests apart."""
        return self._calls.workflows

    @property
    def unresolved(self) -> int:
        """How many calls look like a task's, without anybody knowing of which."""
        return len(self._calls.unresolved)

    def sites_in(self, function: Function) -> Sequence[CallSite]:
        """The call sites in a function and in those inside it, in the order they were found."""
        return _inside(self._sites_by_function, function)

    def workflows_in(self, function: Function) -> Sequence[Workflow]:
        """The workflows made in a function and in those inside it, in the order they were found."""
        return _inside(self._workflows_by_function, function)

    @cached_property
    def _sites_by_function(self) -> Mapping[object, list[CallSite]]:
        return _by_function(self.sites)

    @cached_property
    def _workflows_by_function(self) -> Mapping[object, list[Workflow]]:
        return _by_function(self.workflows)

    def sites_of(self, name: str) -> Sequence[CallSite]:
        """The call sites of one task, by its registered name."""
        return self._sites_by_name.get(name, ())

    @cached_property
    def _sites_by_name(self) -> Mapping[str, Sequence[CallSite]]:
        found: dict[str, list[CallSite]] = {}
        for site in self.sites:
            found.setdefault(site.name, []).append(site)
        return found

    @cached_property
    def suite(self) -> Suite:
        """The project's tests, wherever below the working directory they lie."""
        return Suite(self.files)

    def tasks_around(self, function: Function | None) -> Sequence[TaskInfo]:
        """The registered tasks whose body holds a function (the task's own, or one inside it)."""
        while function is not None:
            tasks = self.project.tasks_of(function)
            if tasks:
                return tasks
            outer = function.qualname.rpartition(".<locals>.")[0]
            function = function.module.functions.get(outer) if outer else None
        return ()


def _holds(text: bytes, sought: bytes | re.Pattern[bytes]) -> bool:
    return sought in text if isinstance(sought, bytes) else sought.search(text) is not None


_Found = TypeVar("_Found", CallSite, Workflow)


def _by_function(found: Sequence[_Found]) -> Mapping[object, list[_Found]]:
    """Grouped by the function they stand in, and by module and name of each function around that."""
    groups: dict[object, list[_Found]] = {}
    for one in found:
        if one.function is not None:
            groups.setdefault(one.function, []).append(one)
            outer = one.function.qualname.rpartition(".<locals>.")[0]
            while outer:
                groups.setdefault((one.module, outer), []).append(one)
                outer = outer.rpartition(".<locals>.")[0]
    return groups


def _inside(groups: Mapping[object, list[_Found]], function: Function) -> list[_Found]:
    return groups.get(function, []) + groups.get((function.module, function.qualname), [])


__all__ = ["CallSite", "Location", "Reached", "SourceCode", "TaskBody", "Workflow", "is_test_file"]
