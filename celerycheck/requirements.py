"""House rules without Python: what `require:` in a checklist says about a setting or a task option."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate

from yaml.nodes import Node, SequenceNode

from celerycheck import known_options
from celerycheck.findings import Problem
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.subjects import App, NotEvaluated, Opaque, Plain, Settings, TaskInfo
from celerycheck.yaml_nodes import Document

CONDITIONS = ("equals", "one_of", "matches", "at_least", "at_most", "set", "unset")
KEYS = ("setting", "task_option", "tasks", *CONDITIONS)

_UNJUDGED = frozenset(
    {
        "Request",
        "Strategy",
        "abstract",
        "backend",
        "base",
        "filter",
        "lazy",
        "pydantic_context",
        "pydantic_dump_kwargs",
        "pydantic_strict",
        "shared",
        "type",
    }
)
TASK_OPTIONS = frozenset(known_options.TASK_OPTIONS) - _UNJUDGED
"""The task options a rule may speak of: those with values that a picture shows."""

_ZERO_IS_NONE = frozenset({"time_limit", "soft_time_limit", "task_time_limit", "task_soft_time_limit"})
_NONE_IS_UNBOUNDED = frozenset({"max_retries"})


@dataclass(frozen=True)
class Requirement:
    """What the effective value of one setting, or of one option of each matching task, must be.

    `conditions` maps names of CONDITIONS to what they compare with; all must hold. `tasks` are globs
    of task names, empty for every task.
    """

    name: str
    conditions: Mapping[str, Plain]
    of_tasks: bool = False
    tasks: tuple[str, ...] = ()
    _pattern: re.Pattern[str] | None = field(default=None, repr=False, compare=False)

    @property
    def title(self) -> str:
        """The rule as one sentence, for a checklist that gives it no title of its own."""
        whose = f"of {', '.join(self.tasks)}" if self.tasks else "of every task"
        subject = f"{self.name} {whose}" if self.of_tasks else self.name
        return f"{subject} must be {self.expected}"

    @property
    def expected(self) -> str:
        return " and ".join(_phrase(name, value) for name, value in self.conditions.items())

    @property
    def fix(self) -> str:
        if "unset" in self.conditions:
            return f"leave `{self.name}` out"
        if "set" in self.conditions and len(self.conditions) == 1:
            return f"set `{self.name}`"
        return f"set `{self.name}` to {self.expected}"

    def applies_to(self, names: list[str]) -> set[str]:
        """Which of these task names the rule is about."""
        if not self.tasks:
            return set(names)
        match = re.compile("|".join(translate(glob) for glob in self.tasks)).match
        return {name for name in names if match(name) or name in self.tasks}

    def judge_settings(self, settings: Settings) -> Iterator[Problem]:
        """Problems about the setting. Raises NotEvaluated where it is absent or computed."""
        setting = settings[self.name]
        chosen = settings.explicit(self.name)
        for message in self._faults(setting.value, chosen=chosen):
            yield Problem(message, about=setting)

    def task_judge(self, app: App) -> Callable[[TaskInfo], Iterator[Problem]]:
        """A function that gives the problems of one task of `app`."""
        default_queue = app.settings.values.get("task_default_queue")
        default = default_queue.value if default_queue else "celery"

        def judge(task: TaskInfo) -> Iterator[Problem]:
            value, chosen = self._of_task(task, default)
            for message in self._faults(value, chosen=chosen):
                yield Problem(message)

        return judge

    def _of_task(self, task: TaskInfo, default_queue: Plain) -> tuple[Plain, bool]:
        name = self.name
        explicit = name in task.explicit
        match name:
            case "queue":
                if task.queue is None:
                    raise NotEvaluated(
                        f"the queue of {task.name} is not known: {task.route_error or 'no route'}"
                    )
                return task.queue, explicit or task.queue != default_queue
            case "name":
                return task.name, explicit
            case "bind":
                return task.bound, task.bound
            case "pydantic":
                return task.pydantic, task.pydantic
        return task.option(name), explicit or name in task.options

    def _faults(self, value: Plain, *, chosen: bool) -> Iterator[str]:
        plain = _reduce(self.name, value)
        said = _show(plain)
        if plain == 0 and self.name in _ZERO_IS_NONE:
            plain, said = None, "0 (no limit)"
        is_set = chosen and plain is not None
        if "set" in self.conditions and not is_set:
            yield f"{self.name} is not set"
            return
        if "unset" in self.conditions and is_set:
            yield f"{self.name} is {said}, and must not be set"
        rest = {name: want for name, want in self.conditions.items() if name not in ("set", "unset")}
        if not all(self._holds(name, want, plain) for name, want in rest.items()):
            expected = " and ".join(_phrase(name, want) for name, want in rest.items())
            yield f"{self.name} is {said}, and must be {expected}"

    def _holds(self, condition: str, want: Plain, value: Plain) -> bool:
        match condition:
            case "equals":
                return value == want
            case "one_of":
                return isinstance(want, list) and value in want
            case "matches":
                values = value if isinstance(value, list) else [value]
                pattern = self._pattern or re.compile(str(want))
                return all(v is not None and pattern.search(str(v)) is not None for v in values)
        if value is None:
            return condition == "at_least" and self.name in _NONE_IS_UNBOUNDED
        if not isinstance(value, int | float) or not isinstance(want, int | float):
            raise NotEvaluated(f"{self.name} is no number")
        return value >= want if condition == "at_least" else value <= want


def read(document: Document, node: Node) -> Requirement | None:
    """The rule written at `node`; None where there are mistakes, which are recorded."""
    before = len(document.mistakes)
    fields = document.fields(node, "require", KEYS)
    name, of_tasks = _read_name(document, node, fields)
    tasks = _read_globs(document, fields["tasks"]) if "tasks" in fields else ()
    if "tasks" in fields and "setting" in fields:
        document.mistake(fields["tasks"], "'tasks' goes with task_option; a setting is one for all tasks")
    conditions = {key: _read_condition(document, key, fields[key]) for key in CONDITIONS if key in fields}
    if not conditions:
        document.mistake(node, f"require must say what to hold: one of {', '.join(CONDITIONS)}")
    if "unset" in conditions and len(conditions) > 1:
        document.mistake(fields["unset"], "unset cannot be combined with other conditions")
    if len(document.mistakes) > before or name is None:
        return None
    pattern = re.compile(str(conditions["matches"])) if "matches" in conditions else None
    return Requirement(name, conditions, of_tasks, tasks, pattern)


def _read_name(document: Document, node: Node, fields: Mapping[str, Node]) -> tuple[str | None, bool]:
    if ("setting" in fields) == ("task_option" in fields):
        if not any(key in fields for key in ("setting", "task_option")):
            document.mistake(node, "require must name a setting or a task_option")
        else:
            document.mistake(node, "require names a setting or a task_option, not both")
        return None, False
    if "setting" in fields:
        name = document.text(fields["setting"], "setting")
        if name is not None and name not in KNOWN_SETTINGS:
            bare = re.sub(r"^celery_", "", name.casefold())
            word = bare if bare in KNOWN_SETTINGS else name
            document.mistake(fields["setting"], f"Celery has no setting {name!r}", word, KNOWN_SETTINGS)
        return name, False
    name = document.text(fields["task_option"], "task_option")
    if name is not None and name not in TASK_OPTIONS:
        word = known_options.MEANT.get(name, name)
        document.mistake(fields["task_option"], f"Celery has no task option {name!r}", word, TASK_OPTIONS)
    return name, True


def _read_globs(document: Document, node: Node) -> tuple[str, ...]:
    if isinstance(node, SequenceNode):
        return document.texts(node, "tasks") or ()
    glob = document.text(node, "tasks")
    return (glob,) if glob else ()


def _read_condition(document: Document, name: str, node: Node) -> Plain:
    match name:
        case "at_least" | "at_most":
            return document.number(node, name)
        case "one_of":
            if not isinstance(node, SequenceNode) or not node.value:
                document.mistake(node, "one_of must be a list of values, such as [a, b]")
                return None
            return document.plain(node, name)
        case "matches":
            return _read_pattern(document, node)
        case "set" | "unset":
            if document.flag(node, name) is False:
                opposite = "unset" if name == "set" else "set"
                document.mistake(node, f"{name} can only be true; for the opposite write `{opposite}: true`")
            return True
    return document.plain(node, name)


def _read_pattern(document: Document, node: Node) -> str | None:
    text = document.text(node, "matches")
    if text is None:
        return None
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        document.mistake(node, f"matches is no regular expression: {error}")
    return text


def _reduce(name: str, value: Plain) -> Plain:
    """Durations as seconds, classes and functions as their names; NotEvaluated for what is computed."""
    if isinstance(value, list):
        return [_reduce(name, item) for item in value]
    if isinstance(value, dict):
        return {key: _reduce(name, item) for key, item in value.items()}
    if isinstance(value, Opaque):
        if value.seconds is not None:
            return value.seconds
        if value.text and value.kind in ("type", "function"):
            return value.text
        raise NotEvaluated(f"{name} is computed")
    return value


def _show(value: Plain) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _phrase(condition: str, want: Plain) -> str:
    match condition:
        case "equals":
            return repr(want)
        case "one_of":
            return "one of " + ", ".join(repr(item) for item in want) if isinstance(want, list) else ""
        case "matches":
            return f"text that matches {want}"
        case "at_least":
            return f"at least {want}"
        case "at_most":
            return f"at most {want}"
    return "set" if condition == "set" else "left unset"
