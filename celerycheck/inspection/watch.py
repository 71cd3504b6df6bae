"""Watches what happens while the user's modules are imported: who sets what, and where.

Celery keeps neither the line that set a setting nor the functions that lost a race for a name. Its
classes are therefore wrapped before the first import of user code; every wrapper calls the original and
changes nothing.
"""

from __future__ import annotations

import functools
import os
import warnings
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Tuple

from celerycheck.inspection.effects import Effects
from celerycheck.inspection.places import Places, caller

Place = Tuple[str, int]
CONSTRUCTOR_NAMES = {"broker": "broker_url", "backend": "result_backend"}


@dataclass
class Definition:
    """One run of a task decorator: the name it asked for, its function, and what Celery raised if it did."""

    name: str
    function: Any
    options: Dict[str, Any]
    error: Optional[BaseException] = None


@dataclass
class Lookup:
    """One package looked through by autodiscovery."""

    package: str
    related_name: str
    loaded: Optional[str] = None
    error: Optional[BaseException] = None
    place: Optional[Place] = None
    app: Optional[int] = None


@dataclass
class Construction:
    """One call of `Celery()`: where, and whether DJANGO_SETTINGS_MODULE was set by then."""

    place: Optional[Place]
    django_settings: bool


@dataclass
class Watch:
    """What was seen, by the app's id where it belongs to one.

    Places are absolute file names with lines; settings are keyed as they were spelled. `apps` keeps
    every app alive, so that no two share an id.
    """

    places: Places
    apps: List[Any] = field(default_factory=list)
    settings: Dict[int, Dict[str, Place]] = field(default_factory=dict)
    makers: Dict[int, Any] = field(default_factory=dict)
    functions: List[Any] = field(default_factory=list)
    sources: Dict[int, Place] = field(default_factory=dict)
    constructions: Dict[int, Construction] = field(default_factory=dict)
    definitions: Dict[int, List[Definition]] = field(default_factory=dict)
    lookups: List[Lookup] = field(default_factory=list)
    periodic: Dict[str, Place] = field(default_factory=dict)
    explicit_packages: Dict[Tuple[Optional[int], str, str], Place] = field(default_factory=dict)
    discovering: Optional[int] = None

    def __post_init__(self) -> None:
        self.effects = Effects(self.places)

    def install(self) -> None:
        """Wrap Celery's classes and hear of effects on the world outside, for the life of this process."""
        from celery import exceptions
        from celery.app import base
        from celery.loaders import base as loaders
        from celery.utils import collections

        duplicate = getattr(exceptions, "DuplicateTaskNameWarning", None)
        if duplicate is not None:  # Celery 5.7; the picture holds the duplicates with their places
            warnings.simplefilter("ignore", duplicate)
        self._watch_app(base.Celery)
        self._watch_settings(collections)
        self._watch_autodiscovery(base.Celery, loaders)
        self.effects.install()

    def _watch_app(self, celery: Any) -> None:
        watch = self
        init, from_fun, from_object = celery.__init__, celery._task_from_fun, celery.config_from_object

        @functools.wraps(init)
        def construct(app: Any, *args: Any, **kwargs: Any) -> None:
            place = caller()
            django = bool(os.environ.get("DJANGO_SETTINGS_MODULE"))
            watch.constructions[id(app)] = Construction(place, django)
            watch.apps.append(app)
            if place:
                keys = [CONSTRUCTOR_NAMES.get(key, key) for key in (*kwargs, *(kwargs.get("changes") or ()))]
                watch.settings.setdefault(id(app), {}).update(dict.fromkeys(keys, place))
            init(app, *args, **kwargs)

        @functools.wraps(from_fun)
        def _task_from_fun(app: Any, fun: Any, name: Any = None, *args: Any, **options: Any) -> Any:
            seen = watch.definitions.setdefault(id(app), [])
            definition = Definition(name or "", fun, options)
            try:
                definition.name = name or app.gen_task_name(fun.__name__, fun.__module__)
                seen.append(definition)
                return from_fun(app, fun, name, *args, **options)
            except BaseException as error:
                definition.error = error
                raise

        @functools.wraps(from_object)
        def config_from_object(app: Any, *args: Any, **kwargs: Any) -> Any:
            place = caller()
            if place:
                watch.sources[id(app)] = place
            return from_object(app, *args, **kwargs)

        celery.task = self._watched_decorator(celery.task)
        celery.__init__ = construct
        celery._task_from_fun = _task_from_fun
        celery.config_from_object = config_from_object
        self._watch_periodic(celery)

    def _watched_decorator(self, task: Any) -> Any:
        """`Celery.task`, noting which app's decorator stands above which function."""
        watch = self

        def note(app: Any, function: Any) -> None:
            watch.functions.append(function)  # kept alive, so that no two share an id
            watch.makers[id(function)] = app

        @functools.wraps(task)
        def decorator(app: Any, *args: Any, **options: Any) -> Any:
            made = task(app, *args, **options)
            if args:
                note(app, args[0])
                return made

            def decorate(function: Any) -> Any:
                note(app, function)
                return made(function)

            return decorate

        return decorator

    def _watch_periodic(self, celery: Any) -> None:
        watch = self
        add = celery.add_periodic_task

        @functools.wraps(add)
        def add_periodic_task(app: Any, *args: Any, **kwargs: Any) -> Any:
            place = caller()
            key = add(app, *args, **kwargs)
            if place and isinstance(key, str):
                watch.periodic[key] = place
            return key

        celery.add_periodic_task = add_periodic_task

    def _watch_settings(self, collections: Any) -> None:
        watch = self
        set_item, update = collections.ConfigurationView.__setitem__, collections.ChainMap.update

        def record(conf: Any, keys: Any) -> None:
            place = caller()
            owner = next((app for app in reversed(watch.apps) if vars(app).get("_conf") is conf), None)
            if place and owner is not None:
                watch.settings.setdefault(id(owner), {}).update(dict.fromkeys(keys, place))

        @functools.wraps(set_item)
        def assign(conf: Any, key: Any, value: Any) -> None:
            record(conf, (key,))
            set_item(conf, key, value)

        @functools.wraps(update)
        def updated(conf: Any, *args: Any, **kwargs: Any) -> Any:
            record(conf, [*kwargs, *(key for arg in args if isinstance(arg, dict) for key in arg)])
            return update(conf, *args, **kwargs)

        collections.ConfigurationView.__setitem__ = assign
        collections.ChainMap.update = updated

    def _watch_autodiscovery(self, celery: Any, loaders: Any) -> None:
        watch = self
        find = loaders.find_related_module
        autodiscover = celery.autodiscover_tasks

        @functools.wraps(autodiscover)
        def autodiscover_tasks(
            app: Any, packages: Any = None, related_name: Any = "tasks", *args: Any, **kwargs: Any
        ) -> Any:
            place = caller()
            if place and isinstance(packages, (list, tuple, set, frozenset)):
                named = [package for package in packages if isinstance(package, str)]
                watch.explicit_packages.update({(id(app), name, related_name): place for name in named})
            return autodiscover(app, packages, related_name, *args, **kwargs)

        discover = celery._autodiscover_tasks

        @functools.wraps(discover)
        def _autodiscover_tasks(app: Any, *args: Any, **kwargs: Any) -> Any:
            outer, watch.discovering = watch.discovering, id(app)
            try:
                return discover(app, *args, **kwargs)
            finally:
                watch.discovering = outer

        @functools.wraps(find)
        def find_related_module(package: Any, related_name: Any) -> Any:
            place = watch.explicit_packages.get((watch.discovering, package, related_name))
            lookup = Lookup(str(package), str(related_name or ""), place=place, app=watch.discovering)
            watch.lookups.append(lookup)
            try:
                module = find(package, related_name)
            except (Exception, SystemExit) as error:  # noqa: BLE001  # one package must not hide others
                lookup.error = error
                return None
            lookup.loaded = getattr(module, "__name__", None)
            return module

        celery.autodiscover_tasks = autodiscover_tasks
        celery._autodiscover_tasks = _autodiscover_tasks
        loaders.find_related_module = find_related_module
