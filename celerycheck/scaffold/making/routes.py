"""How a task comes to its queue: by a route that is there, or by a new one."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging.encoding import decoded
from celerycheck.scaffold.merging.entries import CannotExtend, added
from celerycheck.scaffold.pieces import Entry
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.settings_places import place
from celerycheck.subjects import RouteInfo

SETTING = "task_routes"


@dataclass(frozen=True)
class Route:
    """The `entries` to be added to task_routes; for the tasks `by_hand` none can be, and `why` not.

    A task could name its queue itself, but Celery 5.7 deprecates that.
    """

    entries: tuple[Entry, ...] = ()
    by_hand: tuple[str, ...] = ()
    why: str = ""


def route(queue: str | None, tasks: list[str], project: Project) -> Route:
    """What sends the tasks of these names to a queue; nothing where they go there already, or to no queue."""
    if queue is None:
        return Route()
    strays = [task for task in tasks if not goes_to(project.app.routes, task, queue)]
    try:
        entries = tuple(_entry(project, task, queue) for task in strays)
        for entry in entries:
            added(_text(project, entry.path), entry)
    except (CannotExtend, NoPlace) as error:
        there = {rule.pattern for rule in project.app.routes if rule.kind == "exact" and rule.queue == queue}
        return Route(by_hand=tuple(task for task in strays if task not in there), why=error.message)
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


def goes_to(routes: tuple[RouteInfo, ...], task: str, queue: str) -> bool:
    """Whether the routes with patterns send a task to a queue. Celery looks at exact names first.

    A route of the very name does not count: it is what `new-task` adds, and finds again.
    """
    if any(rule.kind == "exact" and rule.pattern == task for rule in routes):
        return False
    for rule in routes:
        if rule.kind == "glob" and fnmatch.fnmatchcase(task, rule.pattern):
            return rule.queue == queue
        if rule.kind == "regex" and re.match(rule.pattern, task):
            return rule.queue == queue
    return False
