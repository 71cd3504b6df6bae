"""What of a checklist is judged, and how one item is: its check or rule is handed every subject."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import partial
from typing import Any

from celerycheck.checklist import Checklist, Item
from celerycheck.checks import shipped
from celerycheck.errors import UsageError
from celerycheck.findings import IGNORED, NOT_SELECTED, OFF, Finding, Problem, describe
from celerycheck.nearest import nearest
from celerycheck.registry import FROM_SOURCE
from celerycheck.source.evidence import CallSite, SourceCode, TaskBody
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import (
    App,
    NotEvaluated,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Settings,
    TaskInfo,
)

NOT_ABOUT_TASKS = "not about single tasks"

Judge = Callable[[Any], Iterable[Problem]]
"""A check or rule with its options bound: from one subject, of the type it declares, to problems."""


@dataclass
class Judgement:
    """What became of one item: findings, why subjects could not be judged, and the first crash."""

    findings: list[Finding] = field(default_factory=list)
    subjects: int = 0
    unjudged: list[str] = field(default_factory=list)
    crashes: int = 0
    crash: str = ""
    traceback: str | None = None

    @property
    def skipped(self) -> str | None:
        """Why the item counts as skipped: nothing was found, and no subject could be judged."""
        if self.findings or not self.unjudged or len(self.unjudged) < self.subjects:
            return None
        first = self.unjudged[0]
        others = len(set(self.unjudged)) - 1
        return f"{first} (and {others} more reasons)" if others else first

    @property
    def complete(self) -> bool:
        return not self.unjudged and not self.crashes


def subject_of(item: Item) -> type:
    """The type of what an item looks at. Raises TypeError where its check is no proper one."""
    if item.check is not None:
        return item.check.subject
    return TaskInfo if item.requirement is not None and item.requirement.of_tasks else Settings


def reads_source(item: Item) -> bool:
    """Whether judging an item needs the project's source parsed."""
    if item.check is None:
        return False
    try:
        return item.check.subject in FROM_SOURCE
    except (TypeError, NameError):
        return False  # a broken check: judging it says so


def judge(item: Item, app: App, tasks: Sequence[TaskInfo], source: SourceCode | None = None) -> Judgement:
    """Judge a check or a rule on this picture, of whose tasks only `tasks` are looked at one by one.

    `source` is the project's source, None where it is not at hand.
    """
    result = Judgement()
    try:
        call, subjects = _bind(item, app, tasks, source)
    except NotEvaluated as reason:
        result.subjects = 1
        result.unjudged.append(str(reason))
        return result
    except Exception as error:  # noqa: BLE001  # whatever a check does wrong stays its own fault
        _crash(result, error, None)
        return result
    result.subjects = len(subjects)
    for subject in subjects:
        _judge_one(result, call, item, subject, app)
    return result


def _judge_one(result: Judgement, call: Judge, item: Item, subject: object, app: App) -> None:
    try:
        for problem in call(subject):
            result.findings.append(_finding(item, problem, subject, app))
    except NotEvaluated as reason:
        result.unjudged.append(str(reason))
    except Exception as error:  # noqa: BLE001  # the other subjects and items are judged all the same
        _crash(result, error, subject)


def _bind(
    item: Item, app: App, tasks: Sequence[TaskInfo], source: SourceCode | None
) -> tuple[Judge, Sequence[object]]:
    """The item as a function of one subject, and the subjects to hand it."""
    rule = item.requirement
    if rule is not None and rule.of_tasks:
        names = rule.applies_to([task.name for task in tasks])
        if tasks and not names:
            raise NotEvaluated(f"no task matches {', '.join(rule.tasks)}")
        return rule.task_judge(app), [task for task in tasks if task.name in names]
    if rule is not None:
        return rule.judge_settings, [app.settings]
    if item.check is None:
        raise TypeError(f"{item.id} is neither a check nor a rule")
    function = item.check.function
    call = partial(function, **item.options) if item.options else function
    kind = item.check.subject
    if kind not in FROM_SOURCE:
        return call, _subjects(kind, app, tasks)
    if kind is SourceCode:
        # Such a check may have something to say without: it looks at `at_hand` itself.
        return call, (source or SourceCode(app, MemoryFiles({})),)
    if source is None or not source.at_hand:
        raise NotEvaluated("the source is not at hand")
    if kind is TaskBody and tasks is app.tasks and len(source.bodies) == len(tasks):
        return call, source.bodies
    if kind is TaskBody:
        return partial(_on_body, call, source), tasks
    return call, _places(kind, source)


def _on_body(call: Judge, source: SourceCode, task: TaskInfo) -> Iterable[Problem]:
    return call(source.body(task))


def _places(kind: type, source: SourceCode) -> Sequence[object]:
    """What checks that look beyond single tasks are handed."""
    return source.sites if kind is CallSite else source.workflows


def _subjects(kind: type, app: App, tasks: Sequence[TaskInfo]) -> Sequence[object]:
    if kind is App:
        return (app,)
    if kind is Settings:
        return (app.settings,)
    if kind is TaskInfo:
        return tasks
    if kind is ScheduleEntry:
        return app.schedule
    if kind is RouteInfo:
        return app.routes
    if kind is QueueInfo:
        return app.queues
    raise NotEvaluated(f"nothing in this picture is a {kind.__name__}")


def _finding(item: Item, problem: Problem, subject: object, app: App) -> Finding:
    if not isinstance(problem, Problem):
        raise TypeError(f"{item.id} yielded {type(problem).__name__}, not a Problem")
    about = problem.about
    if about is None and isinstance(subject, CallSite):
        about = subject.about
    if isinstance(subject, TaskBody):
        subject = subject.task
    if about is None:
        about = subject if isinstance(subject, TaskInfo | ScheduleEntry | RouteInfo | QueueInfo) else app
    kind, name, place = describe(about)
    location = problem.location or place
    if location is None and kind in ("app", "setting"):
        location = app.location
    bound = problem.at_most
    return Finding(
        check=item.id,
        title=item.title,
        section=item.section,
        severity=item.severity if bound is None else min(item.severity, bound),
        subject=name,
        subject_kind=kind,
        message=problem.message,
        fix=problem.fix or item.fix,
        location=location,
        trace=problem.trace,
    )


def _crash(result: Judgement, error: Exception, subject: object) -> None:
    result.crashes += 1
    if result.traceback is None:
        name = getattr(subject, "name", None)
        place = f", looking at {name}" if isinstance(name, str) and name else ""
        text = str(error).partition("\n")[0][:200]
        result.crash = f"{type(error).__name__}: {text}{place}" if text else f"{type(error).__name__}{place}"
        result.traceback = "".join(traceback.format_exception(error))


@dataclass(frozen=True)
class Narrowing:
    """What of the checklist and of the app is asked for; empty and None mean everything."""

    select: Sequence[str]
    ignore: Sequence[str]
    task: str | None

    def left_out(self, item: Item) -> str | None:
        """Why this item is not to be judged, or None."""
        if not item.enabled:
            return OFF
        if any(_names(token, item) for token in self.ignore):
            return IGNORED
        if self.select and not any(_names(token, item) for token in self.select):
            return NOT_SELECTED
        if self.task is not None and not _may_speak_of_tasks(item):
            return NOT_ABOUT_TASKS
        return None

    def tasks(self, app: App) -> Sequence[TaskInfo]:
        return app.tasks if self.task is None else [t for t in app.tasks if self.wants(t.name)]

    def wants(self, name: str) -> bool:
        return self.task is None or name == self.task or fnmatchcase(name, self.task)

    def refuse_unmatched(self, checklist: Checklist, app: App) -> None:
        for option, tokens in (("select", self.select), ("ignore", self.ignore)):
            for token in tokens:
                known_elsewhere = option == "ignore" and token in shipped()
                if not known_elsewhere and not any(_names(token, item) for item in checklist.items):
                    choices = [*(item.id for item in checklist.items), *checklist.sections]
                    message = f"--{option} {token}: the checklist has no such check, section or topic"
                    raise UsageError(message, did_you_mean(token, choices))
        if self.task is None:
            return
        names = [task.name for task in app.tasks]
        names += [task.name for task in app.broken_tasks]
        names += [task.name for task in app.duplicates]
        if not any(self.wants(name) for name in names):
            hint = did_you_mean(self.task, names)
            if any(self.wants(task.name) for task in app.third_party):
                hint = "Tasks of installed packages are audited with --third-party."
            raise UsageError(f"--task {self.task}: the app has no such task", hint)


def did_you_mean(word: str, choices: Sequence[str]) -> str:
    """A question with the nearest of `choices`, or nothing."""
    near = nearest(word, choices)
    return f"Did you mean {near!r}?" if near else ""


def _names(token: str, item: Item) -> bool:
    """Whether an argument of --select or --ignore means this item."""
    wanted = token.strip().casefold()
    topic = item.check.topic if item.check else ""
    names = (item.id, item.section.casefold(), topic, topic.replace("_", "-"))
    return any(name and (name == wanted or fnmatchcase(name, wanted)) for name in names)


def _may_speak_of_tasks(item: Item) -> bool:
    if item.kind == "ask":
        return False
    try:
        return subject_of(item) in (TaskInfo, App, *FROM_SOURCE)
    except TypeError:
        return True  # a broken check: judging it says so
