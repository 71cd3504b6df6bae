"""The project's modules, read on demand, and what names mean across them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from celerycheck.source import results
from celerycheck.source.code import Call, Code, Value, last
from celerycheck.source.files import Files
from celerycheck.source.modules import Class, Function, Module, Unreadable, parse, wide_lines
from celerycheck.source.reading import read_module
from celerycheck.subjects import App, Location, TaskInfo

if TYPE_CHECKING:
    from celerycheck.source.ahead import Ahead

_LONGEST = 200
"""How long a chain is at most that a function is said to return: what leads to itself grows."""

_HOPS = 16
"""How many re-exports, variables and attributes a name is followed through."""

_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager", "query"})
_FETCHES = frozenset(
    {
        "get()",
        "first()",
        "last()",
        "create()",
        "earliest()",
        "latest()",
        "aget()",
        "afirst()",
        "acreate()",
        "one()",
    }
)
_DJANGO_MODEL = "django.db.models.Model"
_MANAGER_CLASSES = ("Manager", "QuerySet", "from_queryset")
"""How Django's managers and querysets, and those of packages built on them, are called."""


@dataclass(frozen=True)
class Layout:
    """Where a project's modules are.

    - `tops`: the top-level names that are its own: packages and flat modules.
    - `roots`: the folders that modules are looked for in, `` for the working directory.
    - `names`: modules' names by path, as the live app knows them.
    """

    tops: frozenset[str]
    roots: tuple[str, ...]
    names: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, app: App) -> Layout:
        """The layout that a picture tells of."""
        tops = {*app.packages, *(task.module.partition(".")[0] for task in app.tasks if task.module)}
        roots = tuple(dict.fromkeys(["" if root == "." else root for root in app.import_roots] or [""]))
        names: dict[str, str] = {}
        for task in app.tasks:
            if task.source is not None and task.module and not task.wrapper_names:
                names.setdefault(task.source.path, task.module)
        return cls(frozenset(tops), roots, names)


@dataclass(eq=False, repr=False)
class Project:
    """The source of one app's project.

    Every file is read and parsed at most once, when something in it is asked for. `unreadable` gathers the
    files that this interpreter cannot parse, with the reason. Code can be read before the app is known, by
    a layout that is a guess: `adopt()` tells whether it was a good one.
    """

    known_app: App | None
    files: Files
    ahead: Ahead | None = None
    layout: Layout = Layout(frozenset(), ())
    unreadable: dict[str, str] = field(default_factory=dict)
    _modules: dict[str, Module | None] = field(default_factory=dict)
    _by_path: dict[str, Module | None] = field(default_factory=dict)
    _resolved: dict[str, Value] = field(default_factory=dict)
    _functions: dict[str, Function | None] = field(default_factory=dict)
    _reading: set[str] = field(default_factory=set)
    _following: list[str] = field(default_factory=list)
    _inferred: dict[Function, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.known_app is not None:
            self.layout = Layout.of(self.known_app)
        self.tops, self.roots = self.layout.tops, self.layout.roots

    @property
    def app(self) -> App:
        """The live app. Whoever reads code does without: it may not be known yet."""
        assert self.known_app is not None
        return self.known_app

    def adopt(self, app: App) -> bool:
        """Go on with what was read by a guess; False where the app's layout would have it read otherwise."""
        layout = Layout.of(app)
        if layout.roots != self.roots or not layout.tops <= self.tops:
            return False
        foreign = self.tops - layout.tops
        if any(name.partition(".")[0] in foreign for name in self._modules):
            return False
        for path, module in self._by_path.items():
            if module is not None and layout.names.get(path, module.name) != module.name:
                return False
        self.known_app, self.layout = app, layout
        self.tops = layout.tops
        return True

    # files

    def module(self, name: str) -> Module | None:
        """The module of that dotted name; None where it is not the project's or cannot be read."""
        if name in self._modules:
            return self._modules[name]
        module = None
        if name.partition(".")[0] in self.tops and not self._is_inside_file(name):
            base = name.replace(".", "/")
            for root in self.roots:
                prefix = f"{root}/" if root else ""
                for path in (f"{prefix}{base}.py", f"{prefix}{base}/__init__.py"):
                    module = module or self._load(path, name)
        self._modules[name] = module
        return module

    def _is_inside_file(self, name: str) -> bool:
        """Whether the beginning of a name is a module that is one file, so that nothing below it is one."""
        while name:
            name = name.rpartition(".")[0]
            module = self._modules.get(name)
            if module is not None:
                return not module.is_package
        return False

    def module_at(self, path: str) -> Module | None:
        """The module in that file; None where it cannot be read."""
        if path in self._by_path:
            return self._by_path[path]
        name = self.layout.names.get(path) or self._name_of(path)
        known = self._modules.get(name)
        if known is not None and known.path == path:
            return known
        module = self._load(path, name)
        if module is not None:
            self._modules.setdefault(name, module)
        return module

    def _name_of(self, path: str) -> str:
        roots = [root for root in self.roots if not root or path.startswith(f"{root}/")]
        root = max(roots, key=len, default="")
        inner = path[len(root) + 1 :] if root else path
        return inner.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    def _load(self, path: str, name: str) -> Module | None:
        if path in self._by_path:
            return self._by_path[path]
        parsed = self.ahead.take(path) if self.ahead is not None else None
        data = parsed[0] if parsed is not None else self.files.read(path)
        if data is None:
            return None
        self._by_path[path] = None
        try:
            tree = parsed[1] if parsed is not None else parse(path, data)
        except Unreadable as reason:
            self.unreadable[path] = str(reason)
            return None
        module = Module(self, path, name, path.endswith("__init__.py"), wide=wide_lines(data))
        self._by_path[path] = self._modules[name] = module
        self._reading.add(name)
        try:
            read_module(module, tree)
        except RecursionError:
            self.unreadable[path] = "nested too deeply"
            module.code = Code()
        finally:
            self._reading.discard(name)
        return module

    @property
    def files_read(self) -> int:
        """How many files have been parsed so far."""
        return sum(module is not None for module in self._by_path.values())

    @property
    def paths_read(self) -> Iterator[str]:
        """The files that were read or cannot be."""
        return iter(self._by_path)

    def own_files(self) -> Iterator[str]:
        """The Python files of the app's own packages, in order of their paths."""
        return iter(self._own_files)

    @cached_property
    def _own_files(self) -> Sequence[str]:
        return tuple(own_files(self.files, self.roots, sorted(self.tops)))

    # names

    def defined(self, module: str, name: str) -> Value | None:
        """What a name at the top level of a module is; None where it has none of that name."""
        found = self.module(module)
        if found is None:
            return None
        value = found.names.get(name)
        if value is not None:
            return value
        for star in found.stars:
            if star != module and not name.startswith("_"):
                value = self.defined(star, name)
                if value is not None:
                    return value
        return None

    def resolve(self, value: Value) -> Value:
        """A value with its chain followed through the project's modules: re-exports, variables, attributes.

        A constant at the end of the way is that constant. Nothing changes where nothing is known.
        """
        chain = value.chain
        if chain is None or chain.partition(".")[0].rstrip("()[]") not in self.tops:
            return value
        known = self._resolved.get(chain)
        if known is not None or len(self._following) >= _HOPS or chain in self._following:
            return known or value
        self._following.append(chain)
        try:
            known = self._follow(chain)
        finally:
            self._following.pop()
        if not self._reading and not self._following:
            self._resolved[chain] = known
        return known

    def _follow(self, chain: str) -> Value:
        current = Value("chain", chain)
        seen = {chain}
        for _ in range(_HOPS):
            if current.chain is None or current.chain.partition(".")[0].rstrip("()[]") not in self.tops:
                return current
            following = self._hop(current.chain)
            if following is None:
                return current
            if following.chain is None or following.chain in seen:
                return following if following.is_constant else current
            seen.add(following.chain)
            current = following
        return current

    def _hop(self, chain: str) -> Value | None:
        """One step nearer to where the chain's value is defined; None where it is there."""
        module, rest = self.split(chain)
        if module is None or not rest:
            return None
        name = rest[0].rstrip("()[]")
        value = self.defined(module.name, name)
        if value is None or (value.chain is None and not value.is_constant):
            return None
        if value.is_constant:
            return value if len(rest) == 1 and rest[0] == name else None
        if value.chain != f"{module.name}.{name}":
            return Value("chain", ".".join([f"{value.chain}{rest[0][len(name) :]}", *rest[1:]]))
        return self._attribute(module, name, rest) or self._returned(module, name, rest)

    def split(self, chain: str) -> tuple[Module | None, list[str]]:
        """The module a chain begins with, the longest there is, and the rest of its parts."""
        parts = chain.split(".")
        plain = next((n for n, part in enumerate(parts) if part.endswith((")", "]"))), len(parts))
        for length in range(plain, 0, -1):
            module = self.module(".".join(parts[:length]))
            if module is not None:
                return module, parts[length:]
        return None, parts

    def _attribute(self, module: Module, name: str, rest: list[str]) -> Value | None:
        """An attribute that a class's body or `__init__` gives a value."""
        cls = module.classes.get(name)
        if cls is None or len(rest) < 2:
            return None
        attribute = rest[1].rstrip("()[]")
        for owner in self.lineage(cls):
            if attribute in owner.methods:
                return self._method_result(owner.methods[attribute], rest)
            value = owner.attributes.get(attribute)
            if value is None and rest[0].endswith("()"):
                value = owner.instance_attribute(attribute)
            if value is not None:
                if value.call is not None and self._is_of_model(value.call):
                    return None  # what a manager or a field gives is told by its model
                if value.chain is None or "?" in value.chain:
                    plain = value.is_constant and len(rest) == 2 and not _is_enum(owner)
                    return value if plain else None
                return Value("chain", ".".join([value.chain + rest[1][len(attribute) :], *rest[2:]]))
        return None

    def _is_of_model(self, call: Call) -> bool:
        """Whether a call makes a manager or a field of a Django model."""
        if (call.chain or "").startswith("django.db.models."):
            return True
        for chain in _manager_classes(call):
            resolved = self.resolve(Value("chain", chain)).chain or chain
            cls = self.cls(resolved)
            bases = [base or "" for owner in self.lineage(cls) for base in owner.bases] if cls else [resolved]
            if any(last(base.removesuffix("()")).endswith(_MANAGER_CLASSES) for base in bases):
                return True
        return False

    def _method_result(self, method: Function, rest: list[str]) -> Value | None:
        called = f"{method.name}()"
        if not rest[1].startswith(called) and not method.decorated_with(*results.PROPERTIES):
            return None
        result = self._result_chain(method)
        if result is None:
            return None
        brackets = rest[1].removeprefix(called if rest[1].startswith(called) else method.name)
        return Value("chain", ".".join([result + brackets, *rest[2:]]))

    def _returned(self, module: Module, name: str, rest: list[str]) -> Value | None:
        """What a function of the project returns, where its annotation names a class."""
        function = module.functions.get(name)
        if function is None or not rest[0].startswith(f"{name}()"):
            return None
        result = self._result_chain(function)
        if result is None:
            return None
        return Value("chain", ".".join([result + rest[0][len(name) + 2 :], *rest[1:]]))

    def yielded(self, function: Function) -> str | None:
        """What `with function() as ..` gives, where a decorator makes a context manager of it; else None."""
        return results.yielded(function)

    def _result_chain(self, function: Function) -> str | None:
        """The chain that a function's result is: of its annotation, or else of what it returns."""
        if getattr(function.node, "returns", None) is not None:
            return results.annotated(function)
        if function not in self._inferred:
            if self._reading:
                return None  # its module's names may not be there yet
            self._inferred[function] = None
            chain = results.returned(function) or ""
            again = f".{function.name}()" in chain
            self._inferred[function] = None if again or len(chain) > _LONGEST else chain or None
        return self._inferred[function]

    # definitions

    def function(self, chain: str | None) -> Function | None:
        """The project's function or method that calling this chain runs; None for everything else.

        A class is called through its `__init__`.
        """
        if chain is None or chain.partition(".")[0] not in self.tops:
            return None
        if chain in self._functions:
            return self._functions[chain]
        found = self._function(chain)
        if not self._reading:
            self._functions[chain] = found
        return found

    def _function(self, chain: str) -> Function | None:
        module, rest = self.split(chain)
        if module is None or not rest:
            return None
        rest = _of_instance(rest)
        if len(rest) > 2:
            managed = self._manager_method(module.classes.get(rest[0]), rest)
            if managed is not None:
                return managed
        if len(rest) > 3:
            return None
        qualname = ".".join(rest)
        found = module.functions.get(qualname)
        if found is not None:
            return found
        cls = module.classes.get(rest[0].removesuffix("()"))
        if cls is None:
            return None
        name = "__init__" if len(rest) == 1 else rest[1]
        for owner in self.lineage(cls):
            if name in owner.methods:
                return owner.methods[name]
        return None

    def _manager_method(self, model: Class | None, rest: list[str]) -> Function | None:
        """What the project's own manager of a model, or its querysets, have under that name."""
        if model is None or not all(part.endswith("()") for part in rest[2:-1]):
            return None
        owners = (owner for owner in self.lineage(model) if rest[1] in owner.attributes)
        manager = next((owner.attributes[rest[1]] for owner in owners), None)
        if manager is None or manager.call is None or not self.is_model(model.chain):
            return None
        for chain in _manager_classes(manager.call):
            cls = self.cls(self.resolve(Value("chain", chain)).chain)
            for owner in self.lineage(cls) if cls is not None else ():
                if rest[-1] in owner.methods:
                    return owner.methods[rest[-1]]
        return None

    def overridden(self, method: Function, name: str) -> Function | None:
        """What `super()` in a method of a class has under that name, where that is the project's own."""
        if method.cls is None:
            return None
        bases = (owner for owner in self.lineage(method.cls)[1:] if name in owner.methods)
        return next((owner.methods[name] for owner in bases), None)

    def receiver(self, chain: str) -> Class | None:
        """The project's own class that a chain of one of its methods begins with.

        `proj.Order` for `proj.Order().pay`, `proj.Order.make` and `proj.Order.objects.open().pay`.
        """
        module, rest = self.split(chain)
        return (
            module.classes.get(rest[0].removesuffix("()")) if module is not None and len(rest) > 1 else None
        )

    def cls(self, chain: str | None) -> Class | None:
        """The project's class of that dotted name."""
        if chain is None:
            return None
        module, rest = self.split(chain)
        return module.classes.get(".".join(rest)) if module is not None and rest else None

    def lineage(self, cls: Class) -> list[Class]:
        """A class and its bases as far as they are the project's own, nearest first."""
        found: list[Class] = []
        waiting = [cls]
        while waiting and len(found) < 64:
            current = waiting.pop(0)
            if current in found:
                continue
            found.append(current)
            for base in current.bases:
                parent = self.cls(self.resolve(Value("chain", base)).chain) if base else None
                if parent is not None:
                    waiting.append(parent)
        return found

    def inherited(self, chain: str) -> list[str]:
        """The methods of other people's classes that calling a method of an instance may run.

        `proj.mails.Receipt().send` is `django.core.mail.EmailMessage().send` where `Receipt` inherits from
        that and defines no `send`; empty for everything else.
        """
        holder, _, name = chain.rpartition(".")
        if not holder.endswith("()") or holder.partition(".")[0] not in self.tops:
            return []
        cls = self.cls(holder[:-2])
        if cls is None:
            return []
        lineage = self.lineage(cls)
        if any(name in each.methods for each in lineage):
            return []
        bases = (base for each in lineage for base in each.bases if base)
        return [f"{base}().{name}" for base in bases if base.partition(".")[0] not in self.tops]

    def is_a(self, chain: str, *bases: str) -> bool:
        """Whether a class, named by its chain, is one of these or inherits from one."""
        if chain in bases:
            return True
        cls = self.cls(chain)
        return cls is not None and any(
            base in bases for owner in self.lineage(cls) for base in (owner.chain, *owner.bases)
        )

    def is_model(self, chain: str) -> bool:
        """Whether a dotted name is a Django model or a class that SQLAlchemy maps."""
        known = self._models.get(chain)
        if known is None:
            known = self._models[chain] = self._looks_like_model(chain)
        return known

    def _looks_like_model(self, chain: str) -> bool:
        cls = self.cls(chain) if chain.partition(".")[0] in self.tops else None
        if cls is None:
            return False
        lineage = self.lineage(cls)
        if any(base == _DJANGO_MODEL for owner in lineage for base in owner.bases):
            return True
        return any("__tablename__" in owner.attributes for owner in lineage)

    @cached_property
    def _models(self) -> dict[str, bool]:
        django = self.app.django.models if self.app.django is not None else ()
        return dict.fromkeys((*django, *self.app.mapped_classes), True)

    # tasks

    def function_of(self, task: TaskInfo) -> Function | None:
        """The function a task runs; None where its source is not at hand."""
        place = task.source or task.location
        return None if place is None or place.line is None else self.function_at(place)

    def function_at(self, place: Location) -> Function | None:
        """The function that begins on that line, decorators included."""
        module = self.module_at(place.path)
        if module is None:
            return None
        lines = self._lines.get(place.path)
        if lines is None:
            lines = self._lines[place.path] = {f.first_line: f for f in _defined_functions(module)}
        return lines.get(place.line or 0)

    @cached_property
    def _lines(self) -> dict[str, dict[int, Function]]:
        return {}

    @cached_property
    def _tasks_by_alias(self) -> dict[str, TaskInfo]:
        found: dict[str, TaskInfo] = {}
        for task in (*self.app.third_party, *self.app.tasks):
            for alias in task.aliases:
                found[alias] = task
            for cls in task.classes[:1] if task.class_based else ():
                found[f"{cls.name}()"] = task
        return found

    @cached_property
    def _tasks_by_function(self) -> dict[tuple[str, int], Sequence[TaskInfo]]:
        found: dict[tuple[str, int], list[TaskInfo]] = {}
        for task in self.app.tasks:
            place = task.source or task.location
            if place is not None and place.line is not None:
                found.setdefault((place.path, place.line), []).append(task)
        return {place: tuple(tasks) for place, tasks in found.items()}

    def tasks_of(self, function: Function) -> Sequence[TaskInfo]:
        """The registered tasks that run a function."""
        return self._tasks_by_function.get((function.module.path, function.first_line), ())

    def task(self, chain: str | None) -> TaskInfo | None:
        """The registered task that a chain names (`proj.tasks.send`); None for everything else."""
        if chain is None:
            return None
        found = self._tasks_by_alias.get(chain)
        if found is not None:
            return found
        function = self.function(chain)
        if function is None or function.cls is not None:
            return None
        tasks = self.tasks_of(function)
        return tasks[0] if len(tasks) == 1 else None


def own_files(files: Files, roots: Sequence[str], tops: Iterable[str]) -> Iterator[str]:
    """The Python files of these packages and modules; a module may be none that exists."""
    seen: set[str] = set()
    for top in tops:
        for root in roots:
            base = f"{root}/{top}" if root else top
            for path in (f"{base}.py", *files.walk(base)):
                if path not in seen:
                    seen.add(path)
                    yield path


def _of_instance(rest: list[str]) -> list[str]:
    """`Order.objects.filter().first().pay` as what it is for whoever looks for `pay`: `Order().pay`."""
    if len(rest) > 3 and rest[1] in _MANAGERS and (rest[-2] in _FETCHES or rest[-2].endswith("[]")):
        return [f"{rest[0]}()", rest[-1]]
    return rest


def _manager_classes(call: Call) -> Iterator[str]:
    """The classes of a manager: `Own()`, `OwnQuerySet.as_manager()`, `Own.from_queryset(OwnQuerySet)()`."""
    chain = call.chain or ""
    made = call.receiver.call if call.receiver is not None else None
    if made is not None and made.method == "from_queryset":
        yield from (value.chain for value in made.args if value.chain is not None)
        chain = chain.partition(".from_queryset")[0]
    yield chain.removesuffix(".as_manager")


def _is_enum(cls: Class) -> bool:
    """Whether what its body assigns are members, which are not the values written there."""
    return any(base in ("enum.Enum", "enum.Flag") for base in cls.bases)


def _defined_functions(module: Module) -> Iterator[Function]:
    """A module's functions, those inside other functions last."""
    yield from (function for function in module.every_function() if "<locals>" in function.qualname)
    yield from module.functions.values()
