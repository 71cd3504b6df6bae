"""The names under which the project's own modules hold its tasks."""

from __future__ import annotations

from types import FunctionType
from typing import Any, Dict, List, Mapping, Optional, Tuple

from celerycheck.inspection.modules import Namespace
from celerycheck.inspection.plain import guarded
from celerycheck.inspection.watch import Definition

_MISSING = object()


class AliasReader:
    """Looks through the project's modules for the tasks of one app, once its registry is complete.

    Objects are told apart by their real type, and of the user's own no attribute is looked up: what is
    lazy stays unevaluated. `definitions` are the runs of this app's task decorators.
    """

    def __init__(self, app: Any, definitions: List[Definition]) -> None:
        from celery.app.task import Task
        from celery.local import PromiseProxy, Proxy

        self._app = app
        self._roles = (
            (Task, self._of_task),
            (PromiseProxy, self._of_promise),
            (Proxy, self._of_shared),
            (staticmethod, self._of_static),
        )
        self._registered = {id(task): str(name) for name, task in list(app._tasks.items())}
        self._defined: Dict[int, Dict[str, None]] = {}
        for definition in definitions:
            if definition.error is None:
                self._defined.setdefault(id(definition.function), {})[definition.name] = None
        # By id, as a metaclass may refuse to be hashed; the type is kept so that no other gets its id.
        self._readers: Dict[int, Tuple[type, Any]] = {}
        self._classes: Dict[int, Tuple[type, List[Tuple[str, str]]]] = {}

    def read(self, modules: Mapping[str, Namespace]) -> Dict[str, Tuple[str, ...]]:
        """The dotted names of each task by its registered name, in the order of the modules."""
        found: Dict[str, List[str]] = {}
        readers = self._readers
        for module, namespace in modules.items():
            for attribute, value in list(namespace.items()):
                kind = type(value)
                _, reader = readers.get(id(kind)) or self._learn(kind)
                if reader is type:
                    for inner, task in self._in_class(value, modules):
                        found.setdefault(task, []).append(f"{module}.{attribute}.{inner}")
                elif reader is not None:
                    task = reader(value)
                    if task is not None:
                        found.setdefault(task, []).append(f"{module}.{attribute}")
        return {task: tuple(names) for task, names in found.items()}

    def _learn(self, kind: type) -> Tuple[type, Any]:
        """How to read objects of a type: a function, `type` for classes, None for what holds no task."""
        functions = (function for base, function in self._roles if issubclass(kind, base))
        reader = next(functions, type if issubclass(kind, type) else None)
        self._readers[id(kind)] = kind, reader
        return kind, reader

    def _task_in(self, thing: Any) -> Optional[str]:
        """The task that an object is or stands for, by its registered name; None for classes too."""
        _, reader = self._readers.get(id(type(thing))) or self._learn(type(thing))
        return None if reader in (None, type) else reader(thing)

    def _in_class(self, cls: type, modules: Mapping[str, Namespace]) -> List[Tuple[str, str]]:
        """The tasks in the body of a class of the project's, with their attributes."""
        known = self._classes.get(id(cls))
        if known is None:
            known = self._classes[id(cls)] = cls, []
            body = type.__getattribute__(cls, "__dict__")
            if body.get("__module__") in modules:
                tasks = [(attribute, self._task_in(value)) for attribute, value in list(body.items())]
                known[1].extend((attribute, task) for attribute, task in tasks if task is not None)
        return known[1]

    def _of_task(self, task: Any) -> Optional[str]:
        name = self._registered.get(id(task))
        if name is not None:
            return name
        # Another app's instance: this app's is a copy made from the same function.
        run = vars(type(task)).get("run")
        function = run.__func__ if isinstance(run, staticmethod) else run
        if id(function) not in self._defined and type(function) is FunctionType:
            function = function.__dict__.get("__wrapped__")  # Celery's own around it, for pydantic
        return self._by_function(function)

    def _of_promise(self, proxy: Any) -> Optional[str]:
        thing = stored(proxy, "__thing")
        if thing is not _MISSING:
            return self._registered.get(id(thing)) or self._task_in(thing)
        arguments, options = stored(proxy, "_Proxy__args"), stored(proxy, "_Proxy__kwargs")
        if isinstance(arguments, tuple) and len(arguments) == 1 and isinstance(options, dict):
            return self._by_function(arguments[0], options.get("name"))
        return None

    def _of_shared(self, proxy: Any) -> Optional[str]:
        """The task behind what `shared_task` returns, which asks whatever app is current when it is used."""
        local = stored(proxy, "_Proxy__local")
        if type(local) is not FunctionType or not local.__qualname__.startswith("shared_task."):
            return None
        cells = dict(zip(local.__code__.co_freevars, local.__closure__ or ()))
        if "fun" not in cells or "name" not in cells:
            return None
        return self._by_function(cells["fun"].cell_contents, cells["name"].cell_contents)

    def _of_static(self, method: Any) -> Optional[str]:
        return self._task_in(method.__func__)

    def _by_function(self, function: Any, name: Any = None) -> Optional[str]:
        """The task that this app made from a function, under that name where one was given."""
        names = self._defined.get(id(function), {})
        if not name and len(names) == 1:
            [name] = names
        elif not name:
            # Made under several names; the decorator without one takes what Celery generates.
            name = guarded(lambda: self._app.gen_task_name(function.__name__, function.__module__))
        return name if name in names else None


def stored(proxy: Any, name: str) -> Any:
    """What one of Celery's proxies keeps under a name, without a look at what it stands for."""
    try:
        return object.__getattribute__(proxy, name)
    except AttributeError:
        return _MISSING
