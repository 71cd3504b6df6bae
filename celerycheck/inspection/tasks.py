"""Every registered task: its effective and explicit options, its function and its signature."""

from __future__ import annotations

import inspect
import linecache
import re
import sys
from types import CodeType, FunctionType
from typing import Any, Dict, FrozenSet, List, Mapping, Optional, Tuple

from celerycheck.inspection.bytecode import hands_on, names_in, words_in
from celerycheck.inspection.functions import (
    called_code,
    defined,
    first_line,
    flags_of,
    innermost,
    layers,
    outermost,
    parameters_of,
    written_code,
)
from celerycheck.inspection.places import Places
from celerycheck.inspection.plain import attribute, dotted, plain
from celerycheck.inspection.routes import Routing
from celerycheck.inspection.task_options import (
    annotated_options,
    before_binding,
    explicit_options,
    own_classes,
)
from celerycheck.inspection.watch import Definition, Watch
from celerycheck.subjects import DuplicateTask, Location, Plain, TaskClass, TaskInfo

LIMITS = ("time_limit", "soft_time_limit")


class TaskReader:
    """Reads the tasks of one app, once its registry is complete."""

    def __init__(
        self,
        app: Any,
        watch: Watch,
        places: Places,
        routing: Routing,
        defaults: Mapping[str, Plain],
        aliases: Mapping[str, Tuple[str, ...]],
    ) -> None:
        self.app = app
        self.places = places
        self.routing = routing
        self.defaults = defaults
        self.aliases = aliases
        self.definitions = {d.name: d for d in reversed(watch.definitions.get(id(app), []))}
        self.watch = watch
        self._apps: Dict[int, str] = {}
        self._classes: Dict[type, TaskClass] = {}
        # By id, as to hash code takes longer than to read it; the code is kept so that no other gets its id.
        self._code_names: Dict[int, Tuple[CodeType, FrozenSet[str]]] = {}
        # A `task_annotations` of the user's may be a list, a dict or an object with annotate().
        self.annotated = bool(getattr(app, "annotations", None))

    def read(self, name: str, task: Any) -> TaskInfo:
        """One task as plain data."""
        outer = outermost(task)
        wrapping = list(layers(outer))
        function = wrapping[-1]
        code = written_code(function) or self._called_code(function)
        class_based = not getattr(type(task), "_decorated", False)
        bound = class_based or not isinstance(defined(type(task), "run"), staticmethod)
        location, own = self._place(task, code, class_based)
        flags = flags_of(outer)
        parameters, first = parameters_of(function, bound)
        classes = own_classes(type(task))
        options, explicit = self._options(task, classes)
        queue, priority, route_error = self.routing.route(task, name)
        definition = self.definitions.get(name)
        return TaskInfo(
            name=name,
            module=str(getattr(task, "__module__", "")),
            function=str(attribute(function, "__qualname__") or "") or None,
            location=location,
            doc=first_line(task, function),
            bound=bound,
            class_based=class_based,
            shared=None if class_based else self._shared(definition),
            pydantic=bool(definition and definition.options.get("pydantic")),
            is_async=bool(flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)),
            is_generator=bool(flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)),
            parameters=parameters,
            first_parameter=first,
            options=options,
            explicit=explicit,
            classes=tuple(self._task_class(cls) for cls in classes),
            names_read=self._names_read(wrapping),
            wrapper_names=self._wrapper_names(wrapping[:-1]),
            self_escapes=bool(bound and code and first and hands_on(code, first)),
            made_by=self._made_by(definition),
            queue=queue,
            priority=priority,
            route_error=route_error,
            third_party=not own,
            source=self._source(code) if class_based or not own else location,
            aliases=self.aliases.get(name, ()),
            defaults=self.defaults,
        )

    def _called_code(self, function: Any) -> Optional[CodeType]:
        """The project's own code that a callable object runs, as far as that can be told."""
        code = called_code(function)
        return code if code is not None and self.places.own(code.co_filename) else None

    def _place(
        self, task: Any, code: Optional[CodeType], class_based: bool
    ) -> Tuple[Optional[Location], bool]:
        """Where it is written, and whether that is the project's own code."""
        if code is None or code.co_filename.startswith("<"):
            module = sys.modules.get(str(getattr(task, "__module__", "")))
            file = getattr(module, "__file__", None)
            return None, file is None or self.places.own(file)
        line = code.co_firstlineno
        filename = code.co_filename
        if class_based:
            filename = file_of(type(task)) or filename
            line = line_of(type(task)) or (line if filename == code.co_filename else 1)
        return self.places.location(filename, line), self.places.own(filename)

    def _source(self, code: Optional[CodeType]) -> Optional[Location]:
        """Where the function itself begins, its decorators included; None outside the project's files."""
        if code is None or not self.places.own(code.co_filename):
            return None
        return self.places.location(code.co_filename, code.co_firstlineno)

    def _options(self, task: Any, classes: List[type]) -> Tuple[Dict[str, Plain], Dict[str, str]]:
        """Options that differ from the defaults, and who wrote which."""
        explicit = explicit_options(type(task), classes)
        if self.annotated:
            for name in annotated_options(self.app, task):
                explicit[name] = "task_annotations"
        options: Dict[str, Plain] = {}
        for name in self.defaults if classes else self._stored(task):
            value, default = attribute(task, name), self.defaults[name]
            if value is default or (not value and name in LIMITS):
                continue  # a limit of 0 is no limit of the task's own: the setting applies
            given = plain(value, name)
            if given != default:
                options[name] = given
        for name in explicit:
            if name not in self.defaults:
                options[name] = plain(attribute(task, name), name)
        return options, explicit

    def _stored(self, task: Any) -> List[str]:
        """The options of a task without a class of the project's that may differ from Celery's defaults."""
        defaults = self.defaults
        names = [name for name in vars(task) if name in defaults]
        return names + [
            name
            for name, value in vars(type(task)).items()
            if name in defaults and value is not defaults[name] and name not in names
        ]

    def _task_class(self, cls: type) -> TaskClass:
        known = self._classes.get(cls)
        if known is None:
            own = before_binding(cls)
            defines = tuple(name for name in own if name == "__call__" or not name.startswith("__"))
            reads: set[str] = set()
            for value in vars(cls).values():
                function = value.fget if isinstance(value, property) else getattr(value, "__func__", value)
                if isinstance(function, FunctionType):
                    reads |= self._names_of(innermost(function).__code__)
            known = self._classes[cls] = TaskClass(
                dotted(cls), defines, tuple(sorted(reads)), self._class_place(cls)
            )
        return known

    def _class_place(self, cls: type) -> Optional[Location]:
        return self.places.location(file_of(cls), line_of(cls))

    def _shared(self, definition: Optional[Definition]) -> Optional[bool]:
        """Whether `@shared_task` made it rather than an app's own decorator; None for anything else."""
        if definition is None:
            return None
        return id(definition.function) not in self.watch.makers

    def _names_read(self, wrapping: List[Any]) -> Tuple[str, ...]:
        """The names in the code of a function and of the project's wrappers around it."""
        names: FrozenSet[str] = frozenset()
        for layer in wrapping:
            code = written_code(layer)
            if code is not None and not str(attribute(layer, "__module__")).startswith("celery."):
                names |= self._names_of(code)
        return tuple(sorted(names))

    def _names_of(self, code: CodeType) -> FrozenSet[str]:
        known = self._code_names.get(id(code))
        if known is None:
            known = self._code_names[id(code)] = code, names_in(code)
        return known[1]

    def _wrapper_names(self, wrappers: List[Any]) -> Tuple[str, ...]:
        """The words in the code of the project's own decorators around a function."""
        if not wrappers:
            return ()
        codes = [written_code(layer) for layer in wrappers]
        own = [code for code in codes if code is not None and self.places.own(code.co_filename)]
        return tuple(sorted({word for code in own for word in words_in(code)}))

    def _made_by(self, definition: Optional[Definition]) -> Optional[str]:
        """The other app whose decorator made it, as `module:attribute`; None for this app's own."""
        maker = self.watch.makers.get(id(definition.function)) if definition is not None else None
        if maker is None or maker is self.app:
            return None
        if id(maker) not in self._apps:
            self._apps[id(maker)] = name_of(maker, self.places)
        return self._apps[id(maker)]


def name_of(app: Any, places: Places) -> str:
    """Where one of the project's modules holds an app: `module:attribute`; else the name it was given."""
    for module_name, module in list(sys.modules.items()):
        if places.own(getattr(module, "__file__", None)):
            for name, value in list(vars(module).items()):
                if value is app:
                    return f"{module_name}:{name}"
    return str(app.main or "another app")


def file_of(cls: type) -> Optional[str]:
    return getattr(sys.modules.get(cls.__module__), "__file__", None)


def line_of(cls: type) -> Optional[int]:
    """The line of a class statement: Python 3.13 keeps it, before that its text is looked for."""
    known = vars(cls).get("__firstlineno__")
    if isinstance(known, int):
        return known
    statement = re.compile(rf"\s*class\s+{re.escape(cls.__name__)}\b")
    lines = linecache.getlines(file_of(cls) or "")
    return next((number for number, line in enumerate(lines, 1) if statement.match(line)), None)


def duplicates(app: Any, watch: Watch, places: Places) -> Tuple[DuplicateTask, ...]:
    """Names that two or more different functions asked for, with all their places."""
    seen: Dict[str, Dict[Tuple[str, int], None]] = {}
    functions: Dict[Tuple[str, int], None] = {}
    for definition in watch.definitions.get(id(app), []):
        key = (definition.name, id(definition.function))
        if key in functions:
            continue  # a shared task is defined once for each app, and again when it is first used
        functions[key] = None
        code = written_code(innermost(definition.function))
        if code is not None:
            seen.setdefault(definition.name, {})[code.co_filename, code.co_firstlineno] = None
    found = []
    for name, spots in sorted(seen.items()):
        if len(spots) > 1 and any(places.own(file) for file, _ in spots):
            locations = filter(None, (places.location(file, line) for file, line in sorted(spots)))
            found.append(DuplicateTask(name, tuple(locations)))
    return tuple(found)
