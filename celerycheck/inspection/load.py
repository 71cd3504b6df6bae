"""Finds the Celery app a user names: what `celery -A` accepts, factories, and Flask's extensions.

The order of the search is that of `celery.app.utils.find_app`, which this module does not call: it
returns whatever it meets, and its messages name the wrong thing.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, Optional, Tuple

from celerycheck.errors import LoadError
from celerycheck.inspection.candidates import (
    apps_in,
    as_app,
    extension,
    is_a,
    is_task,
    is_task_proxy,
    kind_of,
)
from celerycheck.inspection.failures import ImportFailure, cause_of, import_failure
from celerycheck.inspection.places import Places
from celerycheck.subjects import Note


@dataclass(frozen=True)
class Found:
    """The app, and where it was found: `module:attribute`. `notes` say what was chosen, and why."""

    app: Any
    module: str
    attribute: str
    notes: Tuple[Note, ...] = ()


def find(target: str, places: Places) -> Found:
    """The Celery app that `target` names.

    `target` is `package`, `package.module`, `module:attribute`, `module.attribute`, a factory function,
    or a Flask-like object with `extensions["celery"]`. Raises LoadError with the way out.
    """
    refuse_paths(target)
    name, colon, attribute = target.partition(":")
    if colon and attribute:
        module = load_module(name, target, places)
        thing = attribute_of(module, attribute)
        return settle(thing, module, attribute, places)
    parent, dot, last = name.rpartition(".")
    if dot:
        package = load_module(parent, target, places)
        thing = getattr(package, last, None)
        if thing is not None and not is_a(thing, ModuleType):
            return settle(thing, package, last, places)
    return search(load_module(name, target, places), places)


def refuse_paths(target: str) -> None:
    """Refuse a file name where a module's name belongs. Raises LoadError."""
    if not target.strip(" .:"):
        raise LoadError("no app was named", "Name it as for `celery -A`: a package, or module:attribute.")
    path, colon, attribute = target.partition(":")
    if path.endswith(".py") or "/" in path or os.sep in path:
        dotted = path.removesuffix(".py")
        dotted = ".".join(part for part in dotted.replace(os.sep, "/").split("/") if part not in ("", "."))
        raise LoadError(
            f"{target!r} is a path; the app is named like a module",
            f"Did you mean {dotted}{colon}{attribute}?",
        )


def load_module(name: str, target: str, places: Places) -> ModuleType:
    """Import a module; explain what is missing or what failed. Raises LoadError."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(error.name + ".")):
            raise missing_module(error.name, target, places) from None
        raise import_failure(name, error, places) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # sys.exit at import, and whatever users raise
        raise import_failure(name, error, places) from None


def missing_module(missing: str, target: str, places: Places) -> LoadError:
    """The message for a module that is not there, with what there is."""
    parent, _, last = missing.rpartition(".")
    if parent and parent in sys.modules:
        apps = ", ".join(f"{parent}:{name}" for name, _ in apps_in(sys.modules[parent]))
        hint = f"There is {apps}." if apps else near(last, submodules(sys.modules[parent]), parent + ".")
        return LoadError(f"{parent} has neither a module nor an attribute {last!r}", hint)
    here = [
        path.stem if path.suffix == ".py" else path.name
        for path in sorted(Path.cwd().iterdir())
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    ]
    hint = near(missing, here) or "Run it from the project's folder, or name that with --workdir."
    if missing == target.partition(".")[0].partition(":")[0]:
        hint += f" It was looked for in {places.root} and among the packages of {sys.executable}; "
        hint += "--python names another interpreter."
    return LoadError(f"there is no module named {missing!r}", hint.strip())


def near(name: str, names: List[str], prefix: str = "") -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"Did you mean {prefix}{close[0]}?" if close else ""


def submodules(module: ModuleType) -> List[str]:
    return sorted(
        path.stem for folder in getattr(module, "__path__", ()) for path in Path(folder).glob("*.py")
    )


def attribute_of(module: ModuleType, path: str) -> Any:
    """`module.path`, dots followed. Raises LoadError naming what is there instead."""
    thing: Any = module
    walked = module.__name__
    for part in path.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            raise LoadError(f"{walked} has no attribute {part!r}", attribute_hint(module, part)) from None
        walked += f".{part}"
    return thing


def attribute_hint(module: ModuleType, missing: str) -> str:
    """What may have been meant by an attribute that is not there."""
    names = [name for name in vars(module) if not name.startswith("_")]
    return apps_hint(module) or near(missing, names, f"{module.__name__}:")


def apps_hint(module: ModuleType) -> str:
    """The Celery apps of a module, or of the `celery` beside it."""
    here = [f"{module.__name__}:{name}" for name, _ in apps_in(module)]
    try:
        inner = submodule(module, "celery")
    except (Exception, SystemExit):  # noqa: BLE001  # only a hint: what it raises is not the user's question
        inner = None
    if inner is not None:
        here += [f"{inner.__name__}:{name}" for name, _ in apps_in(inner)]
    return f"Did you mean {' or '.join(here)}?" if here else ""


def settle(thing: Any, module: ModuleType, attribute: str, places: Places) -> Found:
    """The app behind a named object: itself, a module's, a factory's product, an extension."""
    where = f"{module.__name__}:{attribute}"
    if is_task(thing):
        hint = apps_hint(module) or "Name the Celery object that makes it, or that the worker runs."
        raise LoadError(f"{where} is a task, not a Celery app", hint)
    app = as_app(thing)
    if app is not None:
        return Found(app, module.__name__, attribute)
    if is_a(thing, ModuleType):
        return search(thing, places)
    app = extension(thing)
    if app is not None:
        return Found(app, module.__name__, f'{attribute}.extensions["celery"]')
    if callable(thing) and not is_a(thing, type):
        product = call_factory(thing, where, places)
        note = Note(f"{where} is a factory: the app is what calling it without arguments returns")
        for made, way in ((as_app(product), ""), (extension(product), '.extensions["celery"]')):
            if made is not None:
                return Found(made, module.__name__, f"{attribute}(){way}", (note,))
        raise LoadError(
            f"{where}() returned {kind_of(product)}, which is no Celery app and has none in its extensions",
            "Name the Celery object itself, or a function that returns it.",
        )
    hint = apps_hint(module)
    if thing is None:
        hint = "Whatever assigns it comes later, if at all: name the function that makes the app."
    raise LoadError(f"{where} is {kind_of(thing)}, not a Celery app", hint)


def call_factory(factory: Any, where: str, places: Places) -> Any:
    """Call a factory without arguments. Raises LoadError where it needs some, or raises itself."""
    try:
        return factory()
    except TypeError as error:
        if error.__traceback__ is not None and error.__traceback__.tb_next is None:
            raise LoadError(
                f"{where} cannot be called without arguments: {cause_of(error)}",
                "Write a module that calls it and assigns the Celery app to a name, and audit that.",
            ) from None
        raise import_failure(f"{where}()", error, places) from None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # whatever the user's factory raises
        raise import_failure(f"{where}()", error, places) from None


def submodule(module: ModuleType, name: str) -> Optional[ModuleType]:
    """`module.name` if there is such a module, imported; None otherwise. Import errors propagate."""
    if not hasattr(module, "__path__"):
        return None
    full = f"{module.__name__}.{name}"
    return importlib.import_module(full) if importlib.util.find_spec(full) is not None else None


def search(module: ModuleType, places: Places) -> Found:
    """The app of a module or package, in Celery's order: `app`, `celery`, `MODULE.celery`, any other."""
    named = search_names(module)
    if named is not None:
        return with_choice(named, module)
    try:
        inner = submodule(module, "celery")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  # sys.exit at import, and whatever users raise
        raise import_failure(f"{module.__name__}.celery", error, places) from None
    elsewhere: Optional[LoadError] = None
    if inner is not None:
        try:
            return search(inner, places)
        except ImportFailure:
            raise
        except LoadError as error:
            elsewhere = error
    for name, app in apps_in(module):
        return with_choice(Found(app, module.__name__, name), module)
    if elsewhere is not None:
        raise elsewhere
    return search_package(module, places)


def search_names(module: ModuleType) -> Optional[Found]:
    flask: Dict[str, Any] = {}
    for name in ("app", "celery"):
        thing = getattr(module, name, None)
        app = as_app(thing)
        if app is not None:
            return Found(app, module.__name__, name)
        product = extension(thing)
        if product is not None:
            flask[f'{name}.extensions["celery"]'] = product
    for attribute, app in flask.items():
        return Found(app, module.__name__, attribute)
    return None


def with_choice(found: Found, module: ModuleType) -> Found:
    """The same, with a note where the module holds other apps."""
    others = [name for name, app in apps_in(module) if app is not found.app]
    if not others:
        return found
    listed = ", ".join(others)
    text = (
        f"{module.__name__} holds {len(others) + 1} Celery apps; this is {found.attribute}. "
        f"Name another as {module.__name__}:NAME ({listed})"
    )
    return replace(found, notes=(*found.notes, Note(text)))


def search_package(module: ModuleType, places: Places) -> Found:
    """The app of a package that neither exports it nor keeps it in `celery.py`.

    A module of it whose text calls `Celery(` is taken where there is just one. A Django project may be
    named by the package of its settings: these are then announced as a worker's would be.
    """
    if module.__name__ == "celery":
        raise LoadError(
            "celery holds no Celery app",
            "That is Celery itself. A project's own celery.py must lie in a package, or have another name.",
        )
    folders = [Path(folder) for folder in getattr(module, "__path__", ())]
    if any(
        (folder / name).is_file() for folder in folders for name in ("settings.py", "settings/__init__.py")
    ):
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", f"{module.__name__}.settings")
    files = [path for folder in folders for path in sorted(folder.glob("*.py"))]
    makers = [path.stem for path in files if path.stem != "__init__" and b"Celery(" in content_of(path)]
    if len(makers) == 1:
        maker = load_module(f"{module.__name__}.{makers[0]}", module.__name__, places)
        for name, app in apps_in(maker):
            note = Note(f"{module.__name__} exports no Celery app; this is {maker.__name__}:{name}")
            return Found(app, maker.__name__, name, (note,))
    shared = not makers and holds_tasks(module, files)
    what = "shared tasks, but no" if shared else "no"
    raise LoadError(f"{module.__name__} holds {what} Celery app", package_hint(module, makers, shared))


def holds_tasks(module: ModuleType, files: List[Path]) -> bool:
    """Whether tasks are made in a module or package, as far as that is to be seen without importing more."""
    made = any(is_task_proxy(value) for value in list(vars(module).values()))
    return made or any(b"shared_task" in content_of(path) for path in files)


def content_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def package_hint(module: ModuleType, makers: List[str], shared: bool) -> str:
    name = module.__name__
    if makers:
        return (
            "Celery apps seem to be made in "
            + ", ".join(f"{name}.{m}" for m in makers)
            + "; name one of them."
        )
    factories = [
        attribute
        for attribute, value in vars(module).items()
        if callable(value)
        and getattr(value, "__module__", None) == name
        and ("celery" in attribute.lower() or attribute in ("create_app", "make_app"))
    ]
    if factories:
        return f"If {factories[0]} makes it: {name}:{factories[0]}."
    if shared:
        return (
            "Name the app of a project that uses them; celery:current_app is Celery's default app, "
            "with the tasks that a celeryconfig.py imports."
        )
    return f"Name the attribute that holds it ({name}:ATTRIBUTE) or the module it lies in."
