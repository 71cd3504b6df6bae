"""How a task comes to its queue: by a route that is there, by a new one, or by an option of its own."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from celerycheck.errors import UsageError
from celerycheck.scaffold.encoding import decoded
from celerycheck.scaffold.entries import CannotExtend, added
from celerycheck.scaffold.pieces import Entry
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.settings_places import place
from celerycheck.subjects import RouteInfo

SETTING = "task_routes"


@dataclass(frozen=True)
class Route:
    """The `entries` to be added to task_routes; `option`: whether the task names its queue itself instead."""

    entries: tuple[Entry, ...] = ()
    option: bool = False


def route(queue: str | None, tasks: list[str], project: Project) -> Route:
    """What sends the tasks of these names to a queue; nothing where they go there already, or to no queue.

    Where task_routes is computed, or stands where nothing can be added to it, the tasks name the queue.
    """
    if queue is None:
        return Route()
    strays = [task for task in tasks if routed(project.app.routes, task) != queue]
    try:
        entries = tuple(_entry(project, task, queue) for task in strays)
        for entry in entries:
            added(_text(project, entry.path), entry)
    except (CannotExtend, NoPlace):
        return Route(option=True)
    return Route(entries)


class NoPlace(UsageError):
    """There is no place where a setting of this project could be added to."""


def _text(project: Project, path: str) -> str:
    return decoded((project.root / path).read_bytes(), path)[0]


def _entry(project: Project, task: str, queue: str) -> Entry:
    try:
        where = place(project, SETTING)
    except UsageError as error:
        raise NoPlace(error.message, error.hint) from None
    value = f'{{"queue": "{queue}"}}'
    return Entry(where.path, SETTING, where.spelled, task, value, where.how, where.owner or "app")


def routed(routes: tuple[RouteInfo, ...], task: str) -> str | None:
    """The queue that the routes with patterns send a task to. Celery looks at exact names first.

    A route of the very name does not count: it is what `new-task` adds, and finds again.
    """
    for rule in routes:
        if rule.kind == "glob" and fnmatch.fnmatchcase(task, rule.pattern):
            return rule.queue
        if rule.kind == "regex" and re.match(rule.pattern, task):
            return rule.queue
    return None
