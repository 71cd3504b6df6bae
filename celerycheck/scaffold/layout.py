"""Where things go: the modules of one package, as this project splits them."""

from __future__ import annotations

from dataclasses import dataclass
from posixpath import dirname

from celerycheck.errors import UsageError
from celerycheck.nearest import nearest
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.module_files import below
from celerycheck.scaffold.reading.places import Place
from celerycheck.scaffold.reading.suite import module_name, suite
from celerycheck.scaffold.reading.task_modules import imports_its_modules, tasks_name

__all__ = ["Layout", "Place", "layout"]


@dataclass(frozen=True)
class Layout:
    """The places of one task in one package.

    - `services`, `tasks`: `billing/services.py`, or `billing/services/NAME.py` where the package is split so.
    - `models`, `admin`, `migrations` (a folder): Django's. `completed`: the module that keeps what is done
      (`billing/completed_work.py`), for the other stores; `locks`, `reporting`: see their templates.
    - `tests`: the module with the tests; `worker`: the one with the in-process worker (of unittest),
      `conftest` the one with its fixture (of pytest).
    - `markers`: paths of `__init__.py` files that have to be made so that all this can be imported.
    - `exports`: for a split package, the `__init__.py` that must import the new task module; empty otherwise.
    - `model_exports`, `admin_exports`: the same for models and admin pages that are split into packages.
    """

    services: Place
    tasks: Place
    models: Place
    admin: Place
    migrations: str
    completed: Place
    locks: Place
    reporting: Place
    tests: Place
    worker: Place
    conftest: Place
    markers: tuple[str, ...] = ()
    exports: str = ""
    model_exports: str = ""
    admin_exports: str = ""

    @property
    def tops(self) -> frozenset[str]:
        """The top-level names of the modules: the project's own as soon as they are made."""
        places = (self.services, self.tasks, self.models, self.completed, self.locks, self.reporting)
        return frozenset(place.module.partition(".")[0] for place in places)


def layout(project: Project, package: str, name: str) -> Layout:
    """The places for a task of that name in a package of the project's. Raises UsageError for others."""
    folder = _folder(project, package)
    modules = project.modules
    tests = suite(project, package, folder)
    tasks = _Split(project, package, folder, tasks_name(project, package))
    return Layout(
        services=_Split(project, package, folder, "services").place(name),
        tasks=tasks.place(name),
        models=_Split(project, package, folder, "models").place("task_records"),
        admin=_Split(project, package, folder, "admin").place("task_records"),
        migrations=_migrations(project, package, folder),
        completed=_beside(package, folder, "completed_work"),
        locks=_beside(package, folder, "locks"),
        reporting=_beside(package, folder, "reporting"),
        tests=tests.place(module_name(modules, tests, name)),
        worker=tests.place("in_process_worker"),
        conftest=tests.place("conftest"),
        markers=(tests.marker,) if tests.marker else (),
        exports=tasks.exports,
        model_exports=_Split(project, package, folder, "models").exports,
        admin_exports=_Split(project, package, folder, "admin").exports,
    )


def _folder(project: Project, package: str) -> str:
    """The folder of a package that is the project's. Raises UsageError."""
    modules = project.modules
    folder = modules.folder(package) if package else dirname(modules.file(project.app_module) or "")
    if package in project.packages and folder is not None:
        return folder
    known = [other for other in project.packages if other]
    if package and project.django_apps and folder is not None:
        raise UsageError(
            f"{package} is no installed Django app: it can have no models, and its tasks are not looked for",
            f"Add it to INSTALLED_APPS, or choose one of {', '.join(known[:20])}.",
        )
    near = nearest(package, known)
    meant = f"Did you mean {near}? " if near else ""
    listed = (
        f"There is {', '.join(known[:20])}." if known else "Make a folder with an __init__.py for it first."
    )
    raise UsageError(f"there is no package {package!r} in this project", f"{meant}{listed}")


def _migrations(project: Project, package: str, folder: str) -> str:
    """The folder of the migrations: the package's own, or what MIGRATION_MODULES names."""
    django = project.app.django
    named = next((app.migrations for app in django.apps if app.name == package), None) if django else None
    moved = project.modules.folder(named) if named else None
    return moved or below(folder, "migrations")


def _beside(package: str, folder: str, name: str) -> Place:
    return Place(f"{package}.{name}" if package else name, below(folder, f"{name}.py"))


@dataclass(frozen=True)
class _Split:
    """A module of a package that may be split into a package of its own: `tasks.py` or `tasks/NAME.py`."""

    project: Project
    package: str
    folder: str
    base: str

    @property
    def _whole(self) -> Place:
        return _beside(self.package, self.folder, self.base)

    @property
    def _inner(self) -> str:
        return below(self.folder, self.base)

    def _is_split(self) -> bool:
        """Python imports a package before a module of the same name, and a bare folder after it."""
        modules = self.project.modules
        bare = not modules.exists(self._whole.path) and modules.holds_code(self._inner)
        return modules.is_package(self._inner) or bare

    def place(self, name: str) -> Place:
        return _beside(self._whole.module, self._inner, name) if self._is_split() else self._whole

    @property
    def exports(self) -> str:
        """The `__init__.py` that has to import what is in the package; empty where none does."""
        path, modules = f"{self._inner}/__init__.py", self.project.modules
        return path if modules.exists(path) and not imports_its_modules(modules.tree(path)) else ""
