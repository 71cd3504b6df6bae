"""`@check`: everything about a check is read from its function."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import ModuleType
from typing import Generic, ParamSpec, TypeVar

from celerycheck.findings import Problem
from celerycheck.source.evidence import CallSite, SourceCode, TaskBody, Workflow
from celerycheck.subjects import (
    App,
    NotEvaluated,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Settings,
    TaskInfo,
)

FROM_SOURCE: tuple[type, ...] = (TaskBody, CallSite, Workflow, SourceCode)
"""What is read from source: nothing is parsed where no check on these is wanted."""

SUBJECTS: tuple[type, ...] = (App, Settings, TaskInfo, ScheduleEntry, RouteInfo, QueueInfo, *FROM_SOURCE)
OPTION_TYPES: tuple[object, ...] = (bool, int, float, str, tuple[str, ...])

S = TypeVar("S")
P = ParamSpec("P")


@dataclass(frozen=True)
class Option:
    """A keyword-only parameter of a check: what `with:` may set in a checklist.

    `type` is one of `bool`, `int`, `float`, `str` and `tuple[str, ...]`.
    """

    name: str
    type: object
    default: object


@dataclass(frozen=True)
class Check(Generic[S]):
    """One check: call it with its subject and options, and it yields problems."""

    id: str
    function: Callable[..., Iterator[Problem]]
    topic: str
    doc: str = field(repr=False)

    def __call__(self, subject: S, **options: object) -> Iterator[Problem]:
        return self.function(subject, **options)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.function, eval_str=True)

    @cached_property
    def subject(self) -> type:
        """The type it looks at: the annotation of its one positional parameter."""
        first = next(iter(self._signature.parameters.values()))
        annotation = first.annotation
        if annotation not in SUBJECTS:
            raise TypeError(f"{self.id}: the first parameter must be annotated with one of {SUBJECTS}")
        return annotation  # type: ignore[no-any-return]  # inspect types annotations as Any

    @cached_property
    def options(self) -> Mapping[str, Option]:
        """Its keyword-only parameters, by name."""
        rest = list(self._signature.parameters.values())[1:]
        for parameter in rest:
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise TypeError(f"{self.id}: option {parameter.name} must be keyword-only, with a default")
            if parameter.annotation not in OPTION_TYPES:
                raise TypeError(f"{self.id}: option {parameter.name} has an unsupported type")
        return {p.name: Option(p.name, p.annotation, p.default) for p in rest}

    @cached_property
    def parts(self) -> Mapping[str, str]:
        """The docstring by part: `title`, `why`, `fix`, and where given `reference` and `since`."""
        title, _, rest = self.doc.partition("\n")
        parts = {"title": title.strip().removesuffix(".")}
        name = ""
        for line in rest.splitlines():
            head, colon, text = line.partition(":")
            if colon and head in ("Why", "Fix", "Reference", "Since"):
                name = head.lower()
                parts[name] = text.strip()
            elif name and line.strip():
                parts[name] = f"{parts[name]} {line.strip()}".strip()
        return parts

    @property
    def title(self) -> str:
        return self.parts["title"]

    @property
    def why(self) -> str:
        return self.parts.get("why", "")

    @property
    def fix(self) -> str:
        """What to write, without the full stop of the docstring, as a problem's own fix has none."""
        return self.parts.get("fix", "").removesuffix(".")

    @property
    def reference(self) -> str:
        return self.parts.get("reference", "")

    @property
    def since(self) -> str:
        """The Celery version it needs, as text, or empty."""
        return self.parts.get("since", "")


def check(function: Callable[..., Iterator[Problem]]) -> Check[object]:
    """Make a function a check, named after it (`unbounded_retries` is `unbounded-retries`).

    Its one positional parameter says by its annotation what it looks at: `App`, `Settings`,
    `TaskInfo`, `ScheduleEntry`, `RouteInfo` or `QueueInfo`, or of the source `TaskBody`, `CallSite`,
    `Workflow` or `SourceCode` as a whole. Its keyword-only parameters are its
    options. It yields a `Problem` for each fault, and raises `NotEvaluated` where the picture does
    not hold what it needs.
    """
    return Check(
        id=function.__name__.replace("_", "-"),
        function=function,
        topic=function.__module__.rpartition(".")[2],
        doc=inspect.cleandoc(function.__doc__ or ""),
    )


def checks_in(module: ModuleType) -> Iterator[Check[object]]:
    """The checks a module defines, in the order written."""
    for value in vars(module).values():
        if isinstance(value, Check) and value.function.__module__ == module.__name__:
            yield value


__all__ = ["Check", "NotEvaluated", "Option", "Problem", "check", "checks_in"]
