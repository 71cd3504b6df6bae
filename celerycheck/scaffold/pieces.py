"""What a plan is made of: rendered modules, and entries in settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Module:
    """A Python module that must hold what `text` holds.

    It is merged into the file at `path` where there is one: imports, and every definition at the top level by
    name; a definition of the same name that reads otherwise is a conflict.
    """

    path: str
    text: str


@dataclass(frozen=True)
class NewFile:
    """A file that is written whole; another in its place is a conflict, unless `keep` lets it differ."""

    path: str
    text: str
    keep: bool = False


@dataclass(frozen=True)
class Entry:
    """One entry of a dict setting: `task_routes["billing.tasks.send"] = {"queue": "mail"}`.

    `key` is the entry's string key, `value` its source, which may use what `imports` bring in. `setting` is
    Celery's name. `path` is the module that sets it; `how` how settings are written there: as names of the
    module (`module`: `CELERY_TASK_ROUTES = {...}`), or on the app (`app`: `app.conf.task_routes = {...}`).
    `spelled` is the name to write there, `owner` the app's name in that module.
    """

    path: str
    setting: str
    spelled: str
    key: str
    value: str
    how: Literal["module", "app"]
    owner: str = "app"
    imports: tuple[str, ...] = ()


@dataclass(frozen=True)
class Loaded:
    """The workers must import `module`: in `include=[...]` or `autodiscover_tasks([...])` at `path`.

    `package` and `related_name` are what autodiscovery is told (`billing`, `tasks`).
    """

    path: str
    owner: str
    module: str
    package: str
    related_name: str


Piece = Module | NewFile | Entry | Loaded
