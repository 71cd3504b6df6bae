"""Delays that the source gives to tasks: `countdown` and `eta` where they are sent, and where they retry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from celerycheck.source.code import TASK, Value, last
from celerycheck.source.evidence import CallSite, SourceCode, Workflow
from celerycheck.subjects import Called, Location, TaskInfo

_UNITS: Mapping[str, float] = {
    "days": 86_400,
    "seconds": 1,
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "minutes": 60,
    "hours": 3600,
    "weeks": 604_800,
}
"""The parameters of `timedelta`, in their order, in seconds."""
_NOW = frozenset({"now", "utcnow", "today", "localtime"})


@dataclass(frozen=True)
class Delay:
    """A task that is sent, or retries, with a delay.

    - `option`: `countdown` or `eta`. `seconds`: the longest it may be; None where it is computed.
    - `task`: None for a name nobody registers. `queue`: where this call sends it, if it says so.
    - `about`, `location`: what a problem with it is about, and where.
    """

    option: str
    seconds: float | None
    task: TaskInfo | None
    about: TaskInfo | Called
    location: Location
    queue: str | None = None

    @property
    def is_retry(self) -> bool:
        return isinstance(self.about, TaskInfo)


def delays(source: SourceCode) -> Iterator[Delay]:
    """Every delay in the project's source; none where it is not at hand."""
    for site in source.sites:
        if site.method != "apply":
            yield from _of_site(site)
    for flow in source.workflows:
        yield from _of_workflow(flow)
    for body in source.bodies:
        for call in body.calls:
            if call.chain == f"{TASK}.retry":
                place = body.function.location(call.node)
                for option, seconds in _given(call.keywords):
                    yield Delay(option, seconds, body.task, body.task, place)


def _of_site(site: CallSite) -> Iterator[Delay]:
    given = dict(site.options)
    for launch in site.launches:
        if launch is not site.call and launch.method != "apply":
            given |= launch.keywords
    queue = given["queue"].string if "queue" in given else None
    for option, seconds in _given(given):
        yield Delay(option, seconds, site.task, site.about, site.location, queue)


def _of_workflow(flow: Workflow) -> Iterator[Delay]:
    first = next(flow.sites(), None)
    for launch in flow.launches:
        if first is None or launch.method != "apply_async":
            continue
        place = flow.module.location(launch.node)
        for option, seconds in _given(launch.keywords):
            yield Delay(option, seconds, first.task, Called(first.name, place), place)


def _given(options: Mapping[str, Value]) -> Iterator[tuple[str, float | None]]:
    for option in ("countdown", "eta"):
        value = options.get(option)
        if value is None or (value.is_constant and not value.constant):
            continue
        seconds = seconds_of(value) if option == "countdown" else _until(value)
        if seconds is None or seconds > 0:
            yield option, seconds


def seconds_of(value: Value) -> float | None:
    """A duration written with literals, in seconds; None where it is computed."""
    if value.number is not None:
        return value.number
    if value.kind == "either":
        return max((s for s in map(seconds_of, value.items) if s is not None), default=None)
    call = value.call
    if call is None:
        return None
    if call.chain == "datetime.timedelta().total_seconds" and call.receiver is not None:
        return seconds_of(call.receiver)
    if call.chain != "datetime.timedelta" or call.open_args or call.open_keywords:
        return None
    parts = {**dict(zip(_UNITS, call.args, strict=False)), **call.keywords}
    numbers = [(_UNITS.get(name), part.number) for name, part in parts.items()]
    if any(unit is None or number is None for unit, number in numbers):
        return None
    return sum((unit or 0) * (number or 0) for unit, number in numbers)


def _until(value: Value) -> float | None:
    """How far off a moment is, given as now and a duration (`timezone.now() + timedelta(hours=2)`)."""
    if value.kind == "either":
        return max((s for s in map(_until, value.items) if s is not None), default=None)
    if value.operator != "Add" or len(value.items) != 2:
        return None
    left, right = value.items
    for moment, duration in ((left, right), (right, left)):
        if moment.call is not None and last(moment.call.chain) in _NOW:
            return seconds_of(duration)
    return None
