"""What fits a project: its packages, the stores and locks it can have, the libraries it can call with."""

from __future__ import annotations

from celerycheck.errors import UsageError
from celerycheck.nearest import nearest
from celerycheck.scaffold.asking import retried
from celerycheck.scaffold.asking.retried import LIBRARIES
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.project import Framework, Project
from celerycheck.scaffold.spec import Kind, Lock, Outside, Store

KINDS: tuple[Kind, ...] = ("task", "workflow", "periodic")
STORES: tuple[Store, ...] = ("django", "sqlalchemy", "redis")
LOCKS: tuple[Lock, ...] = ("cache", "django", "sqlalchemy", "redis")
OUTSIDE: tuple[Outside, ...] = ("requests", "httpx", "urllib", "none")
TOP = "."
"""How the project's top level is named on the command line, where it is one of its packages."""


def one_of(text: str, known: tuple[str, ...]) -> None:
    """Raise UsageError for what is none of these."""
    if text not in known:
        near = nearest(text, known)
        hint = f"Did you mean {near}?" if near else f"Choose one of {', '.join(known)}."
        raise UsageError(f"{text!r} is none of {', '.join(known)}", hint)


def kind(text: str) -> Kind:
    one_of(text, KINDS)
    return next(known for known in KINDS if known == text)


def packages(project: Project) -> tuple[str, ...]:
    """As they are named on the command line."""
    return tuple(package or TOP for package in project.packages)


def package(text: str, situation: Situation) -> str:
    """One of the project's packages. Raises UsageError."""
    known = packages(situation.project)
    wanted = text.replace("/", ".").strip(".") or TOP
    if wanted in known:
        return "" if wanted == TOP else wanted
    near = nearest(wanted, known)
    if near:
        hint = f"Did you mean {near}?"
    elif known:
        hint = f"It has {', '.join(known[:10])}{' ...' if len(known) > 10 else ''}; make a new one first."
    else:
        hint = "Make the folder first, with an __init__.py in it."
    raise UsageError(f"the project has no package {wanted!r}", hint)


def usual_package(situation: Situation) -> str | None:
    """The only package, or the only one that holds tasks; None where people have to choose."""
    known = packages(situation.project)
    holding = {_holder(task.module, known) for task in situation.project.app.tasks} - {None}
    if len(holding) == 1:
        return holding.pop()
    proper = [name for name in known if name != TOP] or known
    return proper[0] if len(proper) == 1 and not holding else None


def _holder(module: str, known: tuple[str, ...]) -> str | None:
    inside = [name for name in known if name == module or module.startswith(f"{name}.")]
    return max(inside, key=len, default=TOP if TOP in known else None)


def frameworks(situation: Situation) -> tuple[str, ...]:
    """What tasks can be written for here: the framework found, Django where it is there, or none."""
    found = situation.found
    django = ("django",) if found.app.django is not None else ()
    return tuple(dict.fromkeys((*django, found.framework, "plain")))


def framework(text: str, situation: Situation) -> Framework:
    """A framework that the project has. Raises UsageError."""
    if text not in frameworks(situation):
        raise UsageError(f"the app does not use {text.capitalize()}", "Leave it out, or say --plain.")
    return "django" if text == "django" else "flask" if text == "flask" else "plain"


def missing(library: str) -> UsageError:
    return UsageError(f"{library} is not installed", f"pip install {LIBRARIES[library]}")


def stores(situation: Situation) -> tuple[str, ...]:
    project = situation.project
    if project.framework == "django":
        return ("django",)
    return tuple(name for name in ("sqlalchemy", "redis") if name in project.installed)


def usual_store(situation: Situation) -> str | None:
    """The one that earlier tasks of the project use, else the first there is."""
    possible, modules = stores(situation), situation.project.modules
    kept = [
        store
        for path in modules.files("completed_work.py")
        for store in possible
        if modules.imports(path, store)
    ]
    return next(iter([*kept, *possible]), None)


def store(text: str, situation: Situation) -> Store:
    """Where this project can keep what is done. Raises UsageError."""
    one_of(text, STORES)
    _fit_to_framework(text, situation.project, "what is done is kept in its database: leave --store out")
    return next(known for known in STORES if known == text)


def _fit_to_framework(text: str, project: Project, instead: str) -> None:
    if text in ("django", "cache") and project.framework != "django":
        raise UsageError(f"{text} is Django's, and the app does not use it", "Choose sqlalchemy or redis.")
    if text in LIBRARIES and text not in project.installed:
        raise missing(text)
    if project.framework == "django" and text not in ("django", "cache") and instead:
        raise UsageError(f"{text} does not fit a Django project", f"There, {instead}.")


def locks(situation: Situation) -> tuple[str, ...]:
    project = situation.project
    if project.framework != "django":
        return stores(situation)
    redis = ("redis",) if "redis" in project.installed else ()
    return (*(("cache",) if project.shared_cache else ()), "django", *redis)


def usual_lock(situation: Situation) -> str | None:
    """Django's cache or database; elsewhere, what keeps the store too."""
    chosen = situation.answers.text("store")
    fitting = locks(situation)
    same = chosen in fitting and situation.project.framework != "django"
    return chosen if same else next(iter(fitting), None)


def lock(text: str, situation: Situation) -> Lock:
    """What can keep two runs apart in this project. Raises UsageError."""
    one_of(text, LOCKS)
    project = situation.project
    instead = "use cache, django or redis" if text == "sqlalchemy" else ""
    _fit_to_framework(text, project, instead)
    if text == "cache" and not project.shared_cache:
        raise UsageError(
            "the default cache is each process's own: a lock in it keeps nothing apart",
            "Use --lock django, or set CACHES to one that all processes share (Redis, Memcached).",
        )
    return next(known for known in LOCKS if known == text)


def outsides(situation: Situation) -> tuple[str, ...]:
    installed = situation.project.installed
    return tuple(name for name in OUTSIDE if name not in LIBRARIES or name in installed)


def usual_outside(situation: Situation) -> str:
    """The library whose exceptions are named, else the first one there is."""
    named = {name.strip().partition(".")[0] for name in situation.answers.texts("retry_on")}
    if situation.answers.source("retry_on") != "default":
        for library in outsides(situation):
            if library in named:
                return library
    return outsides(situation)[0]


def outside(text: str, situation: Situation) -> Outside:
    """How this project can call another system. Raises UsageError."""
    one_of(text, OUTSIDE)
    if text in LIBRARIES and text not in situation.project.installed:
        raise missing(text)
    return next(known for known in OUTSIDE if known == text)


def exception(text: str, situation: Situation) -> str:
    """The dotted name of an exception that the project has. Raises UsageError."""
    name = retried.exception(text)
    library = name.partition(".")[0]
    if library in LIBRARIES and library not in situation.project.installed | situation.project.first_party:
        raise missing(library)
    return name


def usual_retry_on(situation: Situation) -> tuple[str, ...]:
    """What fails now and then: the call of the other system, or the store where there is no such call."""
    answers = situation.answers
    chosen = answers.text("outside") or usual_outside(situation)
    kept = answers.text("store") or usual_store(situation)
    by_store = {
        "django": "django.db.OperationalError",
        "sqlalchemy": "sqlalchemy.exc.OperationalError",
        "redis": "redis.exceptions.ConnectionError",
    }
    by_library = {"requests": "requests.RequestException", "httpx": "httpx.HTTPError"}
    if chosen == "none":
        return (by_store.get(kept or "", "OSError"),)
    return (by_library.get(chosen, "OSError"),)
