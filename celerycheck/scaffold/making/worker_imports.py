"""What makes workers import a module of tasks that they do not import yet."""

from __future__ import annotations

from celerycheck.scaffold.pieces import Loaded
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.app_object import app_object
from celerycheck.scaffold.reading.settings_places import is_loaded

LISTS = ("include", "imports")


def loaded(project: Project, module: str) -> Loaded | None:
    """What to add, beside the project's own lists of modules; None where workers import the module already.

    None as well where the app is made in a function: nothing can be added there without being in the way.
    """
    if is_loaded(project, module):
        return None
    thing = app_object(project.app, project.modules)
    path = thing.path
    for name in LISTS:
        setting = project.app.settings.values.get(name)
        if setting is not None and setting.origin in ("code", "source") and setting.location is not None:
            path = setting.location.path
    if not path:
        return None
    package, _, last = module.rpartition(".")
    return Loaded(path, thing.attribute or "app", module, package, last)
