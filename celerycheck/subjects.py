"""What a check may look at: a Celery app as a frozen picture made of plain data.

Nothing here imports Celery. The module also runs inside the audited project's own interpreter, so it
keeps to the standard library and to Python 3.9.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Dict, List, Mapping, Optional, Tuple, Union

PICTURE_FORMAT = 1


class NotEvaluated(Exception):
    """Raised while a check reads evidence that this picture does not hold; the text is the reason.

    The runner turns it into "skipped, because ...": what is not known is never guessed.
    """


@dataclass(frozen=True)
class Opaque:
    """A value that is not plain data: its type, never its contents.

    `kind` is the qualified type name (`datetime.timedelta`), `text` a harmless description (a
    function's dotted name, or empty), `seconds` the duration where the value is one.
    """

    kind: str
    text: str = ""
    seconds: Optional[float] = None


Plain = Union[None, bool, int, float, str, Opaque, List["Plain"], Dict[str, "Plain"]]


@dataclass(frozen=True)
class Location:
    """A place in a file: `path` relative to the working directory, with `/`; lines and columns from 1.

    `end_line` and `end_column` (the column after the last character) are set where a piece of code is
    meant rather than a definition: reports show those lines and underline it. Columns count characters.
    """

    path: str
    line: Optional[int] = None
    column: Optional[int] = None
    end_line: Optional[int] = None
    end_column: Optional[int] = None


@dataclass(frozen=True)
class Setting:
    """One setting: its effective value and who set it.

    `name` is Celery's current name (`task_time_limit`), `key` what the project wrote
    (`CELERY_TASK_TIME_LIMIT`, `CELERYD_TASK_TIME_LIMIT`). `origin` is `code` (changed on `app.conf`
    or in the constructor), `source` (the configuration module, class, dict or Django settings),
    `environment` or `default`. A setting Celery does not know has its value withheld. A default's place
    is the first line of the configuration module, where people would write it.
    """

    name: str
    value: Plain
    origin: str = "default"
    key: str = ""
    location: Optional[Location] = None


class Settings:
    """Every setting Celery knows, effective values included, and the keys it does not know.

    - `unknown`: keys that look like Celery's and are not, in the order found.
    - `old_style`: settings given under their names from before Celery 4, whether honoured or not.
    - `namespace`: the prefix passed to `config_from_object`, without its underscore, or None.
    - `source`: what was passed to `config_from_object`, as text, or None.
    """

    def __init__(
        self,
        values: Mapping[str, Setting],
        *,
        unknown: Tuple[Setting, ...] = (),
        old_style: Tuple[Setting, ...] = (),
        namespace: Optional[str] = None,
        source: Optional[str] = None,
    ) -> None:
        self.values = dict(values)
        self.unknown = unknown
        self.old_style = old_style
        self.namespace = namespace
        self.source = source

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def spelled(self, name: str) -> str:
        """A setting's name as this project must write it: `CELERY_TASK_TIME_LIMIT` under a namespace."""
        known = self.values.get(name)
        if known is not None and known.origin in ("code", "source") and known.key:
            return known.key
        return f"{self.namespace}_{name}".upper() if self.namespace else name

    def __getitem__(self, name: str) -> Setting:
        """The setting; `NotEvaluated` where the installed Celery has none of that name."""
        try:
            return self.values[name]
        except KeyError:
            raise NotEvaluated(f"the installed Celery has no setting {name}") from None

    def value(self, name: str) -> Plain:
        """The effective value of a setting the installed Celery knows."""
        return self[name].value

    def explicit(self, name: str) -> bool:
        """Whether somebody set it, rather than Celery's default applying. False for unknown names."""
        return name in self.values and self.values[name].origin != "default"

    def flag(self, name: str) -> bool:
        """The setting's truth, as Celery reads it (`bool(value)`). Absent settings are False."""
        return name in self.values and bool(self.values[name].value)

    def number(self, name: str) -> Optional[float]:
        """A number, or seconds where a duration is given; None where unset (None) or absent.

        Raises `NotEvaluated` for a value that is no number.
        """
        return number_of(name, self.values[name].value) if name in self.values else None

    def text(self, name: str) -> Optional[str]:
        """A string, or None where unset or absent. Raises `NotEvaluated` for anything else."""
        value = self.values[name].value if name in self.values else None
        if value is None or isinstance(value, str):
            return value
        raise NotEvaluated(f"{name} is computed")

    def mapping(self, name: str) -> Dict[str, Plain]:
        """A dict setting (`broker_transport_options`); empty where unset, absent or not a dict."""
        value = self.values[name].value if name in self.values else None
        return value if isinstance(value, dict) else {}

    def names(self, name: str) -> Tuple[str, ...]:
        """The strings of a list setting (`accept_content`); a lone string counts as one."""
        value = self.values[name].value if name in self.values else None
        if isinstance(value, str):
            return (value,)
        return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def number_of(name: str, value: Plain) -> Optional[float]:
    """`value` as a number or as seconds; None stays None; anything else raises `NotEvaluated`."""
    if value is None:
        return None
    if isinstance(value, Opaque) and value.seconds is not None:
        return value.seconds
    if isinstance(value, (int, float)):
        return value
    raise NotEvaluated(f"{name} is computed or no number")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a task's function, without the task itself of a bound task.

    `kind` is `positional` (positional only), `any`, `args` (`*args`), `keyword` (keyword only) or
    `kwargs` (`**kwargs`). `annotation` is its source text. `complex` names what it is where the
    annotation resolves to something that does not belong in a message (`a Django model instance`).
    """

    name: str
    kind: str = "any"
    has_default: bool = False
    annotation: Optional[str] = None
    complex: Optional[str] = None


@dataclass(frozen=True)
class TaskClass:
    """A project's own class in a task's inheritance, nearest first.

    `name` is its dotted name, `defines` what its body defines (options and methods, `__call__` the only
    special one), `reads` the attribute names its methods mention.
    """

    name: str
    defines: Tuple[str, ...] = ()
    reads: Tuple[str, ...] = ()
    location: Optional[Location] = None


@dataclass(frozen=True)
class TaskInfo:
    """One registered task, as a worker would run it.

    - `options`: effective values that differ from `defaults`; read them with `option()`.
    - `explicit`: option -> where it was written: `decorator`, `class NAME` or `task_annotations`.
    - `names_read`: names and attributes its function's code mentions (`retry`, `request`), nested
      functions included; enough to say "never calls retry", never enough to say that it does.
    - `self_escapes`: whether a bound task hands itself on (`helper(self)`), so that other code may read
      its options; `wrapper_names`: names and short strings in the code of the project's own decorators
      around the function.
    - `made_by`: the other Celery app whose decorator made it (`jobs.tasks:app`); None for this app's own
      and for shared tasks.
    - `queue`: where an ordinary `delay()` sends it; None where routing failed (`route_error`) or names an
      exchange, whose queues only the broker knows.
    - `location`: the decorator's or the class's first line.
    - `source`: path and first line (decorators included) of the function that the user wrote, below all
      wrappers; `run` for a task class. None outside the project and for code without a file. Two tasks
      may share one.
    - `aliases`: dotted names under which the project's own modules hold the task (`proj.api.send`,
      `proj.tasks.Mailer.send`), in the order of the modules' names.
    """

    name: str
    module: str = ""
    function: Optional[str] = None
    location: Optional[Location] = None
    doc: Optional[str] = None
    bound: bool = False
    class_based: bool = False
    shared: Optional[bool] = None
    pydantic: bool = False
    is_async: bool = False
    is_generator: bool = False
    parameters: Optional[Tuple[Parameter, ...]] = ()
    first_parameter: Optional[str] = None
    options: Mapping[str, Plain] = field(default_factory=dict)
    explicit: Mapping[str, str] = field(default_factory=dict)
    classes: Tuple[TaskClass, ...] = ()
    names_read: Tuple[str, ...] = ()
    wrapper_names: Tuple[str, ...] = ()
    self_escapes: bool = False
    made_by: Optional[str] = None
    queue: Optional[str] = None
    priority: Plain = None
    route_error: Optional[str] = None
    third_party: bool = False
    source: Optional[Location] = None
    aliases: Tuple[str, ...] = ()
    defaults: Mapping[str, Plain] = field(default_factory=dict, repr=False, compare=False)

    def option(self, name: str) -> Plain:
        """The effective value: the task's own, else its classes', else the setting's, else Celery's default.

        None for an option nobody set and Celery has no default for.
        """
        return self.options[name] if name in self.options else self.defaults.get(name)

    def flag(self, name: str) -> bool:
        """The truth of an option, as Celery reads it."""
        return bool(self.option(name))

    def number(self, name: str) -> Optional[float]:
        """An option as a number or seconds; None where unset. Raises `NotEvaluated` for anything else."""
        value = self.option(name)
        if value is None or isinstance(value, (int, float)):
            return value
        return number_of(f"{name} of {self.name}", value)

    @property
    def max_retries(self) -> Optional[float]:
        """None means for ever."""
        return self.number("max_retries")

    @property
    def time_limit(self) -> Optional[float]:
        """The effective hard limit in seconds (a global one counts); None where there is none. 0 is none."""
        return self.number("time_limit") or None

    @property
    def soft_time_limit(self) -> Optional[float]:
        """The effective soft limit in seconds (a global one counts); None where there is none. 0 is none."""
        return self.number("soft_time_limit") or None

    @property
    def acks_late(self) -> bool:
        return self.flag("acks_late")

    @property
    def ignore_result(self) -> bool:
        return self.flag("ignore_result")

    @cached_property
    def autoretry_for(self) -> Tuple[str, ...]:
        """Dotted names of the exceptions that are retried automatically (`requests.exceptions.Timeout`)."""
        return self._names("autoretry_for")

    @cached_property
    def dont_autoretry_for(self) -> Tuple[str, ...]:
        return self._names("dont_autoretry_for")

    @cached_property
    def may_retry(self) -> bool:
        """Whether it retries automatically, or its code or a class of its own mentions `retry`."""
        return bool(
            self.autoretry_for
            or "retry" in self.names_read
            or any("retry" in c.reads or "retry" in c.defines for c in self.classes)
        )

    def _names(self, option: str) -> Tuple[str, ...]:
        value = self.option(option)
        if not value:
            return ()
        items = value if isinstance(value, list) else [value]
        return tuple(i.text for i in items if isinstance(i, Opaque) and i.kind == "type")


@dataclass(frozen=True)
class Called:
    """A task as the subject of a finding about a place that calls it. `name` need not be registered."""

    name: str
    location: Optional[Location] = None


@dataclass(frozen=True)
class QueueInfo:
    """A queue: declared in `task_queues`, or made by Celery because something is routed to it.

    `type` is RabbitMQ's (`classic`, `quorum`, `stream`) where it is given, `max_priority` its
    `x-max-priority`, `arguments` its `queue_arguments`.
    """

    name: str
    declared: bool = True
    exchange: str = ""
    exchange_type: str = "direct"
    routing_key: str = ""
    type: Optional[str] = None
    max_priority: Optional[int] = None
    durable: bool = True
    arguments: Mapping[str, Plain] = field(default_factory=dict)
    location: Optional[Location] = None


@dataclass(frozen=True)
class RouteInfo:
    """One rule of `task_routes`. `kind`: `exact`, `glob`, `regex` or `function` (a router, not evaluated).

    `matches` counts the registered tasks it matches (every package's); None for a function.
    """

    pattern: str
    kind: str = "exact"
    queue: Optional[str] = None
    matches: Optional[int] = None
    location: Optional[Location] = None


@dataclass(frozen=True)
class CrontabFields:
    """A crontab as written: `*/15`, `0`, `mon-fri`."""

    minute: str = "*"
    hour: str = "*"
    day_of_week: str = "*"
    day_of_month: str = "*"
    month_of_year: str = "*"


@dataclass(frozen=True)
class ScheduleEntry:
    """One entry of `beat_schedule`.

    - `kind`: `interval` (`seconds` holds it), `crontab` (`crontab` holds it), `solar`, `custom` (a
      schedule class of the project's) or `malformed` (`error` says why beat cannot use it).
    - `text`: the schedule for people (`every 30 s`, `30 3 * * *`).
    - `registered`: whether its task is registered; None where that is not known (a partial load).
    - `arity_error`: why the arguments do not fit the task's function; None where they fit.
    - `arguments`: how many positional arguments; `digest` identifies positional and keyword
      arguments together without showing them.
    - `expires`: seconds, `set` where it is no duration, None where unset on entry and task.
    - `next_run`: ISO 8601 with offset; `due`: whether beat would send it right away on its first start.
    """

    name: str
    task: Optional[str] = None
    kind: str = "interval"
    text: str = ""
    seconds: Optional[float] = None
    crontab: Optional[CrontabFields] = None
    expires: Union[float, str, None] = None
    registered: Optional[bool] = True
    arity_error: Optional[str] = None
    arguments: int = 0
    digest: str = ""
    options: Mapping[str, Plain] = field(default_factory=dict)
    unknown_keys: Tuple[str, ...] = ()
    error: Optional[str] = None
    next_run: Optional[str] = None
    due: Optional[bool] = None
    location: Optional[Location] = None


@dataclass(frozen=True)
class BrokerInfo:
    """The broker URL, read and never connected to.

    - `transport`: the URL's scheme as Kombu resolves it (`redis`, `amqp`, `sqs`, `sqla`); aliases like
      `pyamqp` or `rediss` are kept in `scheme`.
    - `fanout`: whether the transport implements fanout exchanges, which remote control and events
      need; None where the transport could not be loaded (`transport_error`).
    - `tls`: whether TLS is switched on; `hosts`: host names without ports.
    - `visibility_timeout`: the effective one in seconds, for transports that have one; else None.
    - `password_at`: where a password stands as a literal in the project's configuration.
    """

    transport: str = "amqp"
    scheme: str = "amqp"
    hosts: Tuple[str, ...] = ()
    tls: bool = False
    fanout: Optional[bool] = None
    transport_error: Optional[str] = None
    visibility_timeout: Optional[float] = None
    password_at: Optional[Location] = None


@dataclass(frozen=True)
class BackendInfo:
    """The result backend, read and never connected to. `scheme` is None where results are disabled.

    `expires_by_itself` tells whether the store drops old results without `celery.backend_cleanup`;
    None where the backend could not be loaded (`error`).
    """

    scheme: Optional[str] = None
    class_name: Optional[str] = None
    expires_by_itself: Optional[bool] = None
    error: Optional[str] = None
    password_at: Optional[Location] = None


@dataclass(frozen=True)
class BrokenModule:
    """A module that a worker would import and that cannot be. `cause` is `ImportError: ...`."""

    module: str
    cause: str
    location: Optional[Location] = None
    imported_by: str = ""


@dataclass(frozen=True)
class BrokenTask:
    """A task definition that Celery raises on when the app is finalized."""

    name: str
    cause: str
    options: Tuple[str, ...] = ()
    location: Optional[Location] = None


@dataclass(frozen=True)
class DuplicateTask:
    """Several functions registered under one name, in the order seen; one of them wins."""

    name: str
    locations: Tuple[Location, ...]


@dataclass(frozen=True)
class SilentAutodiscovery:
    """A package named in `autodiscover_tasks` that brought no module of its own.

    `loaded` is the parent's module that was imported instead (a dotted typo), or None where there is
    no such module at all. `exists` tells whether the package itself is there.
    """

    package: str
    related_name: str
    loaded: Optional[str] = None
    exists: bool = True
    location: Optional[Location] = None


@dataclass(frozen=True)
class DjangoApp:
    """One installed Django app.

    - `name`: its package (`shop.orders`), `label`: what migrations call it (`orders`).
    - `auto_field`: the dotted class of the primary keys that its models do not define.
    - `migrations`: the package of its migrations; None where MIGRATION_MODULES switches them off.
    - `models`: the names of its model classes, without abstract ones.
    """

    name: str
    label: str
    auto_field: str = ""
    migrations: Optional[str] = None
    models: Tuple[str, ...] = ()


@dataclass(frozen=True)
class DjangoInfo:
    """The Django side of the project.

    - `fixup`: whether Celery installed its Django fixup, which needs DJANGO_SETTINGS_MODULE to be set
      before `Celery()` is called.
    - `models`: dotted names of all model classes, abstract ones and those of installed packages included
      (`django.contrib.auth.models.User`), sorted; `user_model`: the one that AUTH_USER_MODEL names.
    - `atomic_requests`: the aliases in DATABASES that wrap each request in a transaction.
    - `email_backend`: the class that EMAIL_BACKEND names.
    - `apps`: the installed apps as Django's registry has them, other people's included.
    - `shared_cache`: whether the default cache is one that several processes share.
    """

    version: str = ""
    settings_module: Optional[str] = None
    fixup: bool = True
    installed_apps: Tuple[str, ...] = ()
    models: Tuple[str, ...] = ()
    user_model: Optional[str] = None
    atomic_requests: Tuple[str, ...] = ()
    email_backend: Optional[str] = None
    apps: Tuple[DjangoApp, ...] = ()
    shared_cache: bool = False


@dataclass(frozen=True)
class Note:
    """Something worth knowing about how the picture was taken (`3 Celery apps; took shop.celery:app`)."""

    text: str
    location: Optional[Location] = None


@dataclass(frozen=True)
class App:
    """The whole picture of one Celery app.

    - `target`: what the user named; `module` and `attribute`: where the app was found.
    - `celery`: its version as text; `python`: the interpreter's version.
    - `tasks`: the project's own tasks, which are audited; `third_party`: those of installed packages.
    - `names`: every registered name, Celery's built-ins included; read it through `registry`, which
      refuses after a partial load.
    - `partial`: why the registry is incomplete, or None.
    - `task_attributes`: what a task class of the installed Celery has; `task_methods`: the callable ones.
    - `error_reporters`: what would tell a person about a failed task (`sentry_sdk`, a receiver's name).
    - `modules_available`: optional packages that are installed (`setproctitle`).
    - `files`: the project's files that tasks and settings come from, relative to the working directory.
    - `packages`: the top-level names that the project's own loaded modules belong to (`shop`), sorted.
    - `import_roots`: the folders of the child's `sys.path` at or below the working directory, relative to
      it with `/` (`.`, `src`), in order.
    - `mapped_classes`: dotted names of the classes that SQLAlchemy maps, sorted.
    - `autodiscovered`: the modules that autodiscovery looks for, there or not (`billing.tasks`), sorted;
      `included`: those that the `include` and `imports` settings name, in their order.
    """

    target: str = ""
    name: str = ""
    module: str = ""
    attribute: str = ""
    celery: str = "5.7.0"
    python: str = ""
    location: Optional[Location] = None
    settings: Settings = field(default_factory=lambda: Settings({}))
    broker: BrokerInfo = field(default_factory=BrokerInfo)
    backend: BackendInfo = field(default_factory=BackendInfo)
    tasks: Tuple[TaskInfo, ...] = ()
    third_party: Tuple[TaskInfo, ...] = ()
    names: Tuple[str, ...] = ()
    partial: Optional[str] = None
    queues: Tuple[QueueInfo, ...] = ()
    routes: Tuple[RouteInfo, ...] = ()
    routes_error: Optional[str] = None
    schedule: Tuple[ScheduleEntry, ...] = ()
    scheduler: str = "celery.beat:PersistentScheduler"
    broken_modules: Tuple[BrokenModule, ...] = ()
    broken_tasks: Tuple[BrokenTask, ...] = ()
    duplicates: Tuple[DuplicateTask, ...] = ()
    silent_autodiscovery: Tuple[SilentAutodiscovery, ...] = ()
    serializers: Mapping[str, str] = field(default_factory=dict)
    task_attributes: Tuple[str, ...] = ()
    task_methods: Tuple[str, ...] = ()
    task_defaults: Mapping[str, Plain] = field(default_factory=dict)
    django: Optional[DjangoInfo] = None
    error_reporters: Tuple[str, ...] = ()
    modules_available: Tuple[str, ...] = ()
    notes: Tuple[Note, ...] = ()
    files: Tuple[str, ...] = ()
    packages: Tuple[str, ...] = ()
    import_roots: Tuple[str, ...] = ()
    mapped_classes: Tuple[str, ...] = ()
    autodiscovered: Tuple[str, ...] = ()
    included: Tuple[str, ...] = ()

    @cached_property
    def registry(self) -> frozenset[str]:
        """Every registered task name. Raises `NotEvaluated` after a partial load."""
        if self.partial:
            raise NotEvaluated(f"only part of the tasks could be loaded: {self.partial}")
        return frozenset(self.names)

    @cached_property
    def version(self) -> Tuple[int, int]:
        """Celery's major and minor version, (5, 7)."""
        major, minor = self.celery.split(".")[:2]
        return int(major), int(minor)

    def needs_celery(self, major: int, minor: int) -> None:
        """Raise `NotEvaluated` where the installed Celery is older than that."""
        if self.version < (major, minor):
            raise NotEvaluated(f"Celery {major}.{minor} or newer")

    def task(self, name: str) -> Optional[TaskInfo]:
        """The registered task of that name, whoever's it is; None for built-ins and unknown names."""
        return self._by_name.get(name)

    @cached_property
    def _by_name(self) -> Dict[str, TaskInfo]:
        return {task.name: task for task in (*self.tasks, *self.third_party)}

    def with_third_party(self) -> App:
        """The same picture with the tasks of installed packages among the audited ones."""
        return replace(self, tasks=(*self.tasks, *self.third_party), third_party=())


Subject = Union[App, Setting, TaskInfo, ScheduleEntry, RouteInfo, QueueInfo]
