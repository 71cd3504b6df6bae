"""Where tests go: the folder that this project keeps them in, or a new one."""

from __future__ import annotations

from dataclasses import dataclass

from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.module_files import Modules, below
from celerycheck.scaffold.reading.places import Place
from celerycheck.scaffold.reading.tooling import collected_folders


@dataclass(frozen=True)
class Suite:
    """A folder of tests; `package`: its dotted name, empty where modules are imported by their own names.

    `marker`: the `__init__.py` that has to be made, or empty.
    """

    path: str
    package: str
    marker: str = ""

    def place(self, name: str) -> Place:
        """A module in it."""
        module = f"{self.package}.{name}" if self.package else name
        return Place(module, below(self.path, f"{name}.py"))


def module_name(modules: Modules, folder: Suite, name: str) -> str:
    """A name for the module with a task's tests that no other module of tests goes by."""
    wanted = f"test_{name}"
    if folder.package:
        return wanted
    others = (path for path in modules.files(f"{wanted}.py") if path != below(folder.path, f"{wanted}.py"))
    alone = not any(not modules.is_package(path.rpartition("/")[0]) for path in others)
    return wanted if alone else f"{wanted}_task"


def suite(project: Project, package: str, folder: str) -> Suite:
    """The folder for the tests of a package that lies in `folder`."""
    modules = project.modules
    if project.framework == "django":
        return _django(modules, package, folder)
    return _pytest(modules, package, folder, project)


def _django(modules: Modules, package: str, folder: str) -> Suite:
    """What Django's test runner finds: packages only."""
    own = below(folder, "tests")
    above = _inner(modules, "tests", package)
    taken = modules.exists(f"{own}.py") or modules.is_package("tests")
    if modules.is_package(own) or not taken:
        return _new_or_old(modules, own, f"{package}.tests")
    if modules.is_package(above):
        return _new_or_old(modules, above, above.replace("/", "."))
    return _new_or_old(modules, below(folder, "task_tests"), f"{package}.task_tests")


def _pytest(modules: Modules, package: str, folder: str, project: Project) -> Suite:
    """What pytest collects: any folder. One with an `__init__.py` makes the root importable."""
    own = below(folder, "tests")
    if package and (modules.root / own).is_dir():
        return _old(modules, own)
    for top in (*collected_folders(project.root), "tests", "test"):
        if top and (modules.root / top).is_dir() and top != folder:
            return _old(modules, _inner(modules, top, package))
    return Suite("tests", "tests", "tests/__init__.py")


def _inner(modules: Modules, top: str, package: str) -> str:
    """The folder below `top` that is kept for a package, by its whole name or its last; else `top`."""
    for inner in (package.replace(".", "/"), package.rpartition(".")[2]):
        if inner and (modules.root / top / inner).is_dir():
            return f"{top}/{inner}"
    return top


def _new_or_old(modules: Modules, path: str, package: str) -> Suite:
    return Suite(path, package, "" if modules.is_package(path) else f"{path}/__init__.py")


def _old(modules: Modules, path: str) -> Suite:
    """An existing folder; pytest imports its modules from the innermost folder without `__init__.py`."""
    parts = path.split("/")
    start = len(parts)
    while start and modules.is_package("/".join(parts[:start])):
        start -= 1
    return Suite(path, ".".join(parts[start:]))
