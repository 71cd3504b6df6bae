"""For whom: what `new-task` must know of the project, read from the picture of its app and from its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from celerycheck.subjects import App

Framework = Literal["django", "flask", "plain"]


@dataclass(frozen=True)
class Project:
    """A project as its app and its files show it.

    - `root`: the folder it is run from; every path of a plan is relative to it, with `/`.
    - `app_module`, `app_attribute`: where the app object is imported from (`config.celery`, `app`);
      `app_attribute` is empty where only a factory gives it (`app_factory`: `shop.make_celery` or the like).
    - `shared`: whether tasks are made with `shared_task` rather than with the app's own decorator.
    - `base`: the dotted name of the base class that its tasks name (`base=`), where most do.
    - `packages`: dotted packages of its own that a task may live in, those with tasks first.
    - `installed`: of `celerycheck.inspection.reporters.OPTIONAL_MODULES`, what its interpreter has.
    - `first_party`: its own top-level names. `line_length`: its formatter's.
    - `python`, `celery`: versions of its interpreter, as (3, 11) and (5, 7).
    - `shared_cache`: whether Django's default cache is one that several processes share.
    """

    root: Path
    app: App
    framework: Framework
    app_module: str
    app_attribute: str
    app_factory: str = ""
    shared: bool = True
    base: str | None = None
    packages: tuple[str, ...] = ()
    installed: frozenset[str] = frozenset()
    first_party: frozenset[str] = frozenset()
    line_length: int = 88
    python: tuple[int, int] = (3, 10)
    celery: tuple[int, int] = (5, 7)
    shared_cache: bool = False
    pytest: bool = True
    app_factory_location: str = field(default="", compare=False)
