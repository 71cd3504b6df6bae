"""For whoever writes a check: builders of subjects, and `problems()` to see what a check says of one.

    assert problems("unbounded-retries", task(max_retries=None, autoretry_for=[error("OSError")])) == [...]

Every builder fills in what Celery 5.7 would, so that a test names only what matters to it.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from celerycheck.checks import shipped
from celerycheck.findings import Problem, describe
from celerycheck.known_libraries import SHIPPED, Libraries
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.registry import Check
from celerycheck.source.code import written
from celerycheck.source.evidence import CallSite, SourceCode, TaskBody, Workflow
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import (
    App,
    Location,
    Opaque,
    Parameter,
    Plain,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Setting,
    Settings,
    TaskClass,
    TaskInfo,
)

TASK_DEFAULTS: Mapping[str, Plain] = {
    "max_retries": 3,
    "default_retry_delay": 180,
    "acks_late": False,
    "acks_on_failure_or_timeout": True,
    "ignore_result": False,
    "store_errors_even_if_ignored": False,
    "store_eager_result": False,
    "serializer": "json",
    "track_started": False,
    "reject_on_worker_lost": None,
    "retry_on_worker_lost": False,
    "rate_limit": None,
    "priority": None,
    "time_limit": None,
    "soft_time_limit": None,
    "send_events": True,
    "trail": True,
    "typing": True,
    "throws": [],
}
"""What every task has in Celery 5.7 where nobody set anything."""


def setting(name: str, value: Plain, origin: str = "source", line: int | None = 1) -> Setting:
    """One setting as the project wrote it, at `proj/settings.py`."""
    return Setting(name, value, origin, name, Location("proj/settings.py", line))


def settings(
    values: Mapping[str, Plain] | None = None,
    *,
    celery: str = "5.7",
    unknown: tuple[Setting, ...] = (),
    old_style: tuple[Setting, ...] = (),
    namespace: str | None = None,
    source: str | None = None,
) -> Settings:
    """Celery's defaults with `values` set on top; settings newer than `celery` are left out."""
    version = tuple(int(part) for part in celery.split(".")[:2])
    table = {
        name: Setting(name, known.default, "default", name)
        for name, known in KNOWN_SETTINGS.items()
        if tuple(int(part) for part in known.since.split(".")) <= version
    }
    table |= {name: setting(name, value) for name, value in (values or {}).items()}
    return Settings(table, unknown=unknown, old_style=old_style, namespace=namespace, source=source)


def error(name: str) -> Opaque:
    """An exception class, as `autoretry_for` lists it: `error("requests.exceptions.Timeout")`."""
    return Opaque("type", name)


def task(
    name: str = "proj.tasks.work",
    *,
    info: TaskInfo | None = None,
    inherited: Mapping[str, Plain] | None = None,
    **options: Plain,
) -> TaskInfo:
    """A task with these options on its decorator; `inherited` ones come from settings.

    `info` gives everything that is no option, the name included:
    `task(info=TaskInfo("proj.tasks.work", bound=True), acks_late=True)`.
    """
    base = info or TaskInfo(name, module="proj.tasks", location=Location("proj/tasks.py", 10), doc="Works.")
    return replace(
        base,
        function=base.function or base.name.rpartition(".")[2],
        options={**base.options, **(inherited or {}), **options},
        explicit={**base.explicit, **dict.fromkeys(options, "decorator")},
        defaults=TASK_DEFAULTS,
        queue=base.queue or "celery",
    )


def parameter(name: str, **fields: str | bool | None) -> Parameter:
    """One parameter: `parameter("user", annotation="User", complex="a Django model instance")`."""
    return replace(Parameter(name), **fields)  # type: ignore[arg-type]  # checked by the dataclass's users


def app(*tasks: TaskInfo, values: Mapping[str, Plain] | None = None, **fields: object) -> App:
    """A picture of these tasks, with `values` as settings; `fields` are any of `App`'s.

    The registry holds the tasks' names and `App.names` given.
    """
    celery = fields.get("celery", "5.7.0")
    base = App(
        target="proj",
        name="proj",
        module="proj.celery",
        attribute="app",
        location=Location("proj/celery.py", 5),
        settings=settings(values, celery=str(celery)),
        tasks=tuple(tasks),
        names=tuple(t.name for t in tasks),
        task_defaults=TASK_DEFAULTS,
    )
    return replace(base, **fields)  # type: ignore[arg-type]  # names and types are the caller's business


def found(check: str | Check[object], subject: object, **options: object) -> list[Problem]:
    """The problems a check finds in one subject; in every one it looks at, where that is a `SourceCode`.

    A check that looks at the source as a whole is handed an app, or an app of one task, without any. What is
    found at a call site is about that call, as in a report.
    """
    chosen = shipped()[check] if isinstance(check, str) else check
    if chosen.subject is SourceCode and isinstance(subject, App | TaskInfo):
        subject = SourceCode(subject if isinstance(subject, App) else app(subject), MemoryFiles({}))
    subjects = [subject] if not isinstance(subject, SourceCode) else _subjects(chosen.subject, subject)
    for each in subjects:
        if not isinstance(each, chosen.subject):
            raise TypeError(f"{chosen.id} looks at {chosen.subject.__name__}, not {type(each).__name__}")
    return [_told(problem, each) for each in subjects for problem in chosen(each, **options)]


def _told(problem: Problem, subject: object) -> Problem:
    if problem.about is None and isinstance(subject, CallSite):
        return replace(problem, about=subject.about)
    return problem


def _subjects(kind: type, code: SourceCode) -> Sequence[object]:
    if kind is TaskBody:
        return [code.body(each) for each in code.app.tasks]
    if kind is CallSite:
        return code.sites
    if kind is Workflow:
        return code.workflows
    if kind is TaskInfo:
        return code.app.tasks
    return [code.app if kind is App else code]


def problems(check: str | Check[object], subject: object, **options: object) -> list[str]:
    """The messages of the problems a check finds in one subject."""
    return [problem.message for problem in found(check, subject, **options)]


def source(
    code: str | Mapping[str, str],
    *,
    values: Mapping[str, Plain] | None = None,
    inherited: Mapping[str, Plain] | None = None,
    libraries: Libraries = SHIPPED,
    **fields: object,
) -> SourceCode:
    """The source of a project: one module's text (`proj/tasks.py`), or texts by path.

    Every function under a decorator called `task` or `shared_task`, and every class that inherits from
    `Task`, is a registered task with the options written there (`app.task(bind=True, max_retries=3)`).
    `values` are settings, `inherited` options that all tasks get from settings, `fields` any of `App`'s.
    """
    files = {"proj/tasks.py": code} if isinstance(code, str) else dict(code)
    files = {path: textwrap.dedent(text) for path, text in files.items()}
    tasks = [
        task("", info=info, inherited=inherited, **options)
        for path, text in files.items()
        if path.endswith(".py")
        for info, options in _tasks_in(path, text)
    ]
    tops = tuple(sorted({path.partition("/")[0].removesuffix(".py") for path in files}))
    picture = app(*tasks, values=values, **{"packages": tops, "import_roots": (".",), **fields})
    return SourceCode(picture, MemoryFiles(files), libraries)


def body(code: str | Mapping[str, str], name: str | None = None, **fields: object) -> TaskBody:
    """The body of the first task in that source, or of the one whose function has that name."""
    code_ = source(code, **fields)  # type: ignore[arg-type]  # names and types are the caller's business
    chosen = next(t for t in code_.app.tasks if name in (None, t.function))
    return code_.body(chosen)


def flagged(check: str | Check[object], code: SourceCode, **options: object) -> list[str]:
    """The lines of source, without indentation, that a check finds problems at, in the order found."""
    lines = []
    for problem in found(check, code, **options):
        place = problem.location
        if place is None and problem.about is not None:
            place = describe(problem.about)[2]
        if place is None or place.line is None:
            lines.append("")
            continue
        text = (code.files.read(place.path) or b"").decode()
        lines.append(text.splitlines()[place.line - 1].strip())
    return lines


def _tasks_in(path: str, text: str) -> Iterator[tuple[TaskInfo, dict[str, Plain]]]:
    module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                called = decorator.func if isinstance(decorator, ast.Call) else decorator
                if written(called).rpartition(".")[2] in ("task", "shared_task"):
                    keywords = decorator.keywords if isinstance(decorator, ast.Call) else []
                    yield _decorated(path, module, node, {k.arg: k.value for k in keywords if k.arg})
                    break
        elif isinstance(node, ast.ClassDef) and any(written(b).endswith("Task") for b in node.bases):
            yield from _class_task(path, module, node)


def _decorated(
    path: str, module: str, node: ast.FunctionDef | ast.AsyncFunctionDef, given: Mapping[str, ast.expr]
) -> tuple[TaskInfo, dict[str, Plain]]:
    options = {name: _plain(value) for name, value in given.items()}
    bound = options.pop("bind", False) is True
    name = options.pop("name", f"{module}.{node.name}")
    first = min(node.lineno, *(d.lineno for d in node.decorator_list))
    parameters = _parameters(node.args)
    info = TaskInfo(
        str(name),
        module=module,
        function=node.name,
        location=Location(path, first),
        source=Location(path, first),
        aliases=(f"{module}.{node.name}",),
        doc=ast.get_docstring(node),
        bound=bound,
        pydantic=options.pop("pydantic", False) is True,
        is_async=isinstance(node, ast.AsyncFunctionDef),
        parameters=parameters[1:] if bound else parameters,
        first_parameter=parameters[0].name if parameters else None,
        names_read=_names_read(node),
    )
    return info, options


def _class_task(path: str, module: str, node: ast.ClassDef) -> Iterator[tuple[TaskInfo, dict[str, Plain]]]:
    methods = {m.name: m for m in node.body if isinstance(m, ast.FunctionDef)}
    if "run" not in methods:
        return
    given = {
        target.id: _plain(assign.value)
        for assign in node.body
        if isinstance(assign, ast.Assign)
        for target in assign.targets
        if isinstance(target, ast.Name)
    }
    info = TaskInfo(
        str(given.pop("name", f"{module}.{node.name}")),
        module=module,
        function="run",
        location=Location(path, node.lineno),
        source=Location(path, methods["run"].lineno),
        class_based=True,
        classes=(TaskClass(f"{module}.{node.name}", defines=tuple(methods)),),
        parameters=_parameters(methods["run"].args)[1:],
        first_parameter="self",
        names_read=_names_read(node),
    )
    yield info, given


def _parameters(arguments: ast.arguments) -> tuple[Parameter, ...]:
    plain = [*arguments.posonlyargs, *arguments.args]
    without = len(plain) - len(arguments.defaults)
    found = [
        Parameter(a.arg, "any", number >= without, ast.unparse(a.annotation) if a.annotation else None)
        for number, a in enumerate(plain)
    ]
    if arguments.vararg:
        found.append(Parameter(arguments.vararg.arg, "args"))
    for a, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        found.append(Parameter(a.arg, "keyword", default is not None))
    if arguments.kwarg:
        found.append(Parameter(arguments.kwarg.arg, "kwargs"))
    return tuple(found)


def _names_read(node: ast.AST) -> tuple[str, ...]:
    names = (n.attr if isinstance(n, ast.Attribute) else getattr(n, "id", None) for n in ast.walk(node))
    return tuple(dict.fromkeys(name for name in names if name))


def _plain(node: ast.expr) -> Plain:
    """A literal's value; exception classes as the picture describes them; anything else as opaque."""
    if isinstance(node, (ast.Name, ast.Attribute)):
        return error(ast.unparse(node))
    if isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        return [_plain(element) for element in node.elts]
    try:
        value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})  # noqa: S307  # a test's own arithmetic
    except NameError:
        return Opaque("object")
    return value if isinstance(value, (bool, int, float, str, dict)) or value is None else Opaque("object")


__all__ = [
    "TASK_DEFAULTS",
    "QueueInfo",
    "RouteInfo",
    "ScheduleEntry",
    "app",
    "body",
    "error",
    "flagged",
    "found",
    "parameter",
    "problems",
    "setting",
    "settings",
    "source",
    "task",
]
