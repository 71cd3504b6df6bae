"""Serialization: what is put into messages, and what workers accept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from celerycheck.checks._base_classes import may_change_arguments
from celerycheck.checks._unfit import instead_of, unfit
from celerycheck.checks._wording import assignment
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Value
from celerycheck.source.evidence import CallSite, SourceCode
from celerycheck.subjects import App, NotEvaluated, Parameter, Setting, Settings, TaskInfo

PICKLE = ("pickle", "application/x-python-serialize")
YAML = ("yaml", "application/x-yaml")
ACCEPTED = ("accept_content", "result_accept_content")
SERIALIZERS = ("task_serializer", "result_serializer", "event_serializer")
ALWAYS_TRUSTED = ("application/data", "application/text")
"""Kombu takes these whatever `accept_content` says; the `auth` serializer is one of them."""
PLAIN_ONLY = ("json", "msgpack", "yaml")
"""Serializers that carry values only: no objects, sets or files."""
COPIED = ("a model instance", "model instances", "a queryset")
"""What pickle carries, as old as the message by the time it is read."""


@check
def pickle_accepted(settings: Settings) -> Iterator[Problem]:
    """Pickle or YAML is accepted.

    Why: whoever can write to the broker or the result store can run any code in every worker; and a
        message pickled before a deploy may not load after it.
    Fix: `accept_content = ["json"]` and `task_serializer = "json"`; pass ids and plain values.
    Reference: https://docs.celeryq.dev/en/stable/userguide/security.html#serializers
    """
    for name in (*ACCEPTED, *SERIALIZERS):
        names = settings.names(name)
        verb, value = ("accepted", '["json"]') if name in ACCEPTED else ("used", '"json"')
        fix = assignment(settings, name, value)
        if any(each in PICKLE for each in names):
            message = f"pickle is {verb}: loading such a message can run any code"
            yield Problem(message, fix=fix, about=settings[name])
        elif any(each in YAML for each in names):
            # Kombu reads it with safe_load: no code runs, so this is no pickle.
            message = f"yaml is {verb}: it loads slowly, and Kombu counts it among the untrusted formats"
            yield Problem(message, fix=fix, about=settings[name], at_most=Severity.WARNING)


@check
def serializer_not_accepted(app: App) -> Iterator[Problem]:
    """Messages are written with a serializer that is not accepted.

    Why: the worker throws such a message away with an error in its log (ContentDisallowed), or `delay()`
        fails already; a result in such a format cannot be read.
    Fix: set the serializer to one of `accept_content`, or add it there.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#accept-content
    """
    if not app.serializers:
        raise NotEvaluated("the registered serializers are not known")
    settings = app.settings
    accepted = _accepted(app, settings["accept_content"])
    default = settings.text("task_serializer")
    reason = _refusal(app, default, accepted, "accept_content")
    if reason:
        yield Problem(reason, about=settings["task_serializer"])
    yield from _refused_results(app, accepted)
    for task in app.tasks:
        name = task.option("serializer")
        if isinstance(name, str) and name != default:
            reason = _refusal(app, name, accepted, "accept_content")
            if reason:
                yield Problem(reason, about=task)


@check
def complex_argument(source: SourceCode) -> Iterator[Problem]:
    """A task takes an object that does not belong in a message.

    Why: `delay()` cannot serialize it; and where it can, the worker gets a copy as old as the message
        instead of the current row.
    Fix: pass an id or plain values, and load the object in the task. Told of calls where the source is at
        hand, and of parameters annotated with such a class that no call shows.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    shown = set()
    for site in source.sites:
        for problem in _unfit_arguments(source, site):
            shown.add(site.name)
            yield problem
    for task in source.app.tasks:
        if task.name not in shown:
            yield from _unfit_parameters(source, task)


def _unfit_arguments(source: SourceCode, site: CallSite) -> Iterator[Problem]:
    """What is said of the values that a call gives a task."""
    task = site.task
    if site.method == "apply" or (
        task is not None and (task.pydantic or may_change_arguments(task, source.project))
    ):
        return
    serializer = _serializer(source.app, site)
    given: list[tuple[int | str, Value]] = [*enumerate(site.args or ()), *(site.kwargs or {}).items()]
    for place, value in given if serializer in PLAIN_ONLY or serializer in PICKLE else ():
        kind = unfit(source, site, value)
        if kind is None or (serializer in PICKLE and kind not in COPIED):
            continue
        end = "does not fit into" if serializer in PLAIN_ONLY else "goes as a copy into"
        yield Problem(
            f"{_parameter(site, place)} is given {kind}, which {end} a {serializer} message",
            fix=instead_of(kind),
            about=site.about,
            at_most=None if serializer in PLAIN_ONLY and _is_sent(site) else Severity.WARNING,
        )


def _serializer(app: App, site: CallSite) -> str | None:
    """The name of what writes the message; None where it is computed."""
    given = site.options.get("serializer")
    if given is not None:
        return given.string
    task = site.task
    value = app.settings["task_serializer"].value if task is None else task.option("serializer")
    return value if isinstance(value, str) else None


def _parameter(site: CallSite, place: int | str) -> str:
    """The parameter that an argument is for, in words."""
    name = site.name.rpartition(".")[2]
    if isinstance(place, str):
        return f"{place} of {name}"
    taken = site.task.parameters if site.task is not None and site.prepended == 0 else None
    names = [p.name for p in taken or () if p.kind in ("positional", "any")]
    return f"{names[place]} of {name}" if place < len(names) else name


def _is_sent(site: CallSite) -> bool:
    """Whether it goes out at once, by itself or within a workflow."""
    if site.sent or site.launches:
        return True
    flow = site.workflow
    while flow is not None and not flow.launches:
        flow = flow.parent
    return flow is not None


def _unfit_parameters(source: SourceCode, task: TaskInfo) -> Iterator[Problem]:
    """What is said of a task's annotations."""
    if (
        task.pydantic
        or task.option("serializer") not in PLAIN_ONLY
        or may_change_arguments(task, source.project)
    ):
        return
    for parameter in task.parameters or ():
        if parameter.complex and not _is_rebuilt(task, parameter):
            yield Problem(
                f"parameter {parameter.name} is annotated {parameter.annotation}: {parameter.complex}"
                f" does not fit into a {task.option('serializer')} message",
                about=task,
                at_most=Severity.WARNING,
            )


def _is_rebuilt(task: TaskInfo, parameter: Parameter) -> bool:
    """Whether a decorator of the project's mentions it: it may make the object of what the message holds."""
    words = [word for word in re.findall(r"\w+", parameter.annotation or "") if word != "None"]
    return any(name in task.wrapper_names for name in (parameter.name, *words[-1:]))


def _refused_results(app: App, accepted: frozenset[str]) -> Iterator[Problem]:
    scheme = (app.backend.scheme or "").partition("+")[0]
    name = app.settings.text("result_serializer")
    if not scheme or (scheme == "mongodb" and name == "bson"):
        return
    if scheme in ("db", "database") and app.version < (5, 7):
        return  # Its columns were pickled whatever the serializer was.
    where = "accept_content"
    if app.settings["result_accept_content"].value is not None:
        where = "result_accept_content"
        accepted = _accepted(app, app.settings[where])
    reason = _refusal(app, name, accepted, where)
    if reason:
        yield Problem(reason, about=app.settings["result_serializer"])


def _accepted(app: App, setting: Setting) -> frozenset[str]:
    """The mime types that a setting admits, names being resolved as Kombu does."""
    if setting.value is None:
        distrusted = {*PICKLE, *YAML, "application/x-msgpack"}
        return frozenset(mime for mime in app.serializers.values() if mime not in distrusted)
    if not isinstance(setting.value, list | str):
        raise NotEvaluated(f"{setting.name} is computed")
    names = [setting.value] if isinstance(setting.value, str) else setting.value
    if not all(isinstance(name, str) for name in names):
        raise NotEvaluated(f"{setting.name} is computed")
    return frozenset(_mime(app.serializers, str(name)) for name in names)


def _mime(serializers: Mapping[str, str], name: str) -> str:
    return name if "/" in name else serializers.get(name, name)


def _refusal(app: App, name: str | None, accepted: frozenset[str], where: str) -> str | None:
    """Why a serializer cannot do; None where it can."""
    if name is None or name == "raw":
        return None
    mime = app.serializers.get(name)
    if mime is None:
        # A module that failed to load may be the one that registers it.
        return None if app.partial else f"Kombu has no serializer {name}"
    if mime in accepted or mime in ALWAYS_TRUSTED:
        return None
    return f"the serializer is {name} ({mime}), which {where} does not list"
