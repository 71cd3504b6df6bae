"""What of a checklist and of an app an audit is narrowed to: --select, --ignore and --task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from celerycheck.checklist import Checklist, Item
from celerycheck.checks import shipped
from celerycheck.errors import UsageError
from celerycheck.judging import subject_of
from celerycheck.subjects import App, TaskInfo
from celerycheck.yaml_nodes import nearest

OFF = "switched off in the checklist"
NOT_SELECTED = "not selected"
IGNORED = "ignored"
NOT_ABOUT_TASKS = "not about single tasks"


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
        return subject_of(item) in (TaskInfo, App)
    except TypeError:
        return True  # a broken check: judging it says so
