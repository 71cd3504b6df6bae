"""For whom: what `new-task` must know of the project, read from the picture of its app and from its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from celerycheck.errors import UsageError
from celerycheck.scaffold.reading.app_object import app_object
from celerycheck.scaffold.reading.module_files import Modules, modules_of
from celerycheck.scaffold.reading.packages import django_apps, first_party, packages
from celerycheck.scaffold.reading.style import base, shared
from celerycheck.scaffold.reading.tooling import line_length, runs_pytest
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
    - `app_import`, `app_expression`: the name to import from `app_module`, and what gives the app from there
      on (`app`; `create_app().extensions["celery"]`).
    - `django_apps`: those of `packages` that are installed Django apps; only they can have models.
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
    app_import: str = ""
    app_expression: str = ""
    django_apps: tuple[str, ...] = ()

    @property
    def modules(self) -> Modules:
        """Where its modules lie."""
        return modules_of(self.app, self.root)


def read(app: App, root: Path, *, framework: Framework | None = None) -> Project:
    """The project of an app that was pictured in `root`. Raises UsageError where `framework` is not its."""
    modules = modules_of(app, root)
    if framework == "django" and app.django is None:
        raise UsageError("this is no Django project", "Leave --django out, or set DJANGO_SETTINGS_MODULE.")
    kind = framework or _framework(app, modules)
    thing = app_object(app, modules)
    importable = bool(thing.attribute)
    found = packages(app, modules, kind == "django")
    own = first_party(app, modules, found)
    installed = frozenset(name for name in app.modules_available if name.partition(".")[0] not in own)
    return Project(
        root=root,
        app=app,
        framework=kind,
        app_module=thing.module,
        app_attribute=thing.attribute,
        app_factory=thing.factory,
        shared=shared(app, importable, kind != "plain"),
        base=base(app, modules),
        packages=found,
        installed=installed,
        first_party=own,
        line_length=line_length(root),
        python=_version(app.python),
        celery=app.version,
        shared_cache=app.django is not None and app.django.shared_cache,
        pytest="pytest" in installed or runs_pytest(root),
        app_import=thing.name,
        app_expression=thing.expression,
        django_apps=django_apps(app, modules) if kind == "django" else (),
    )


def _framework(app: App, modules: Modules) -> Framework:
    """Flask where the app hangs on a Flask object, or the code that makes or holds it imports Flask."""
    if app.django is not None:
        return "django"
    if '.extensions["celery"]' in app.attribute:
        return "flask"
    files = {modules.file(app.module), app.location.path if app.location is not None else None}
    if "flask" in app.modules_available and any(path and modules.imports(path, "flask") for path in files):
        return "flask"
    return "plain"


def _version(text: str) -> tuple[int, int]:
    """The first two numbers of a version; Python's oldest that is supported where there are none."""
    numbers = [int(part) for part in text.split(".")[:2] if part.isdecimal()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (3, 9)
