"""Reads a picture back from JSON, as `inspection` writes it and `--save-picture` keeps it.

Every field is checked against the annotations in `subjects`, because a saved picture is somebody's file.
"""

from __future__ import annotations

import json
import re
import types
import typing
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import MISSING, fields, is_dataclass
from functools import cache

from celerycheck.errors import UsageError
from celerycheck.subjects import PICTURE_FORMAT, App, Opaque, Plain, Setting, Settings, TaskInfo

Decode = Callable[[object], object]

SCALARS: frozenset[object] = frozenset({str, int, float, bool, type(None)})
"""What JSON and the picture write alike."""


class _Malformed(Exception):
    """A value that is not of its field's type; the text names the field."""


def decode(text: str, name: str) -> App:
    """The picture in `text`; `name` is what messages call it. Raises UsageError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} is no picture: {error}", "Take a new one with --save-picture.") from None
    except RecursionError:
        raise UsageError(
            f"{name} is damaged: it nests too deeply", "Take a new one with --save-picture."
        ) from None
    if not isinstance(data, dict) or data.get("picture") != PICTURE_FORMAT or "app" not in data:
        raise UsageError(
            f"{name} is no picture of this version of celerycheck", "Take a new one with --save-picture."
        )
    try:
        app = _app(data["app"])
    except (_Malformed, TypeError, KeyError, RecursionError) as error:
        raise UsageError(f"{name} is damaged: {error}", "Take a new one with --save-picture.") from None
    return with_defaults(app)


def _app(data: object) -> App:
    app = _DECODE_APP(data)
    assert isinstance(app, App)
    if not re.match(r"\d+\.\d+", app.celery):
        raise _Malformed(f"App.celery: {app.celery!r:.60} is no version")
    return app


def with_defaults(app: App) -> App:
    """The same picture with each task knowing what applies where nobody set an option."""
    for task in (*app.tasks, *app.third_party):
        vars(task)["defaults"] = app.task_defaults  # the object is ours and new
    return app


def plain_value(value: object) -> Plain:
    """Plain data, tagged values restored."""
    if isinstance(value, dict):
        tagged = value.get("__opaque__")
        if isinstance(tagged, list) and len(tagged) == 3:
            kind, text, seconds = tagged
            return Opaque(str(kind), str(text), seconds if isinstance(seconds, (int, float)) else None)
        return {key: plain_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain_value(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise _Malformed(type(value).__name__)


@cache
def _decoder(annotation: object) -> Decode:
    """How to read a value of this type."""
    if annotation is Settings:
        return _settings
    if isinstance(annotation, type) and is_dataclass(annotation):
        return _record(annotation)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is tuple:
        return _sequence(arguments[0])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(arguments[1])
    if origin in (typing.Union, types.UnionType):
        # `Plain` is the one union with Opaque in it.
        return plain_value if Opaque in arguments else _optional(arguments)
    assert isinstance(annotation, type)
    return _scalar(annotation)


def _scalar(expected: type) -> Decode:
    accepted = (int, float) if expected is float else (expected,)

    def decode_scalar(value: object) -> object:
        if type(value) not in accepted:
            raise _Malformed(f"{value!r:.60} is no {expected.__name__}")
        return value

    return decode_scalar


def _optional(arguments: tuple[object, ...]) -> Decode:
    inner = [_decoder(argument) for argument in arguments if argument is not type(None)]

    def decode_optional(value: object) -> object:
        if value is None:
            return None
        for attempt in inner[:-1]:
            with suppress(_Malformed):
                return attempt(value)
        return inner[-1](value)

    return decode_optional


def _sequence(annotation: object) -> Decode:
    item, as_is = _decoder(annotation), _as_is(annotation)

    def decode_sequence(value: object) -> object:
        if not isinstance(value, list):
            raise _Malformed(f"{value!r:.60} is no list")
        if as_is.issuperset(map(type, value)):
            return tuple(value)
        return tuple([item(element) for element in value])

    return decode_sequence


def _mapping(annotation: object) -> Decode:
    item, as_is = _decoder(annotation), _as_is(annotation)

    def decode_mapping(value: object) -> object:
        if not isinstance(value, dict):
            raise _Malformed(f"{value!r:.60} is no mapping")
        if as_is.issuperset(map(type, value.values())):
            return value
        return {key: item(element) for key, element in value.items()}

    return decode_mapping


def _record(cls: type) -> Decode:
    hints = typing.get_type_hints(cls)
    taken = [field for field in fields(cls) if (cls, field.name) != (TaskInfo, "defaults")]
    known = {f.name: (f.name, _as_is(hints[f.name]), _decoder(hints[f.name])) for f in taken}
    required = [f.name for f in taken if f.default is MISSING and f.default_factory is MISSING]
    made = [(f.name, f.default_factory) for f in taken if f.default_factory is not MISSING]

    def decode_record(value: object) -> object:
        if not isinstance(value, dict):
            raise _Malformed(f"{value!r:.60} is no {cls.__name__}")
        # The constructor of a frozen class sets each field through object.__setattr__, which takes longer
        # than all the rest. Fields left out are read from the class, where dataclasses keep the defaults.
        record: object = object.__new__(cls)
        attributes = vars(record)
        for key, item in value.items():
            if key not in known:
                raise _Malformed(f"{cls.__name__} has no {key!r:.60}")
            name, as_is, decoder = known[key]
            try:
                attributes[name] = item if type(item) in as_is else decoder(item)
            except _Malformed as error:
                raise _Malformed(f"{cls.__name__}.{name}: {error}") from None
        for name in required:
            if name not in attributes:
                raise _Malformed(f"{cls.__name__} lacks {name}")
        for name, make in made:
            if name not in attributes:
                attributes[name] = make()
        return record

    return decode_record


def _as_is(annotation: object) -> frozenset[object]:
    """The types whose values need no decoding for a field of this type: a look instead of a call for most."""
    arguments = typing.get_args(annotation) or (annotation,)
    if typing.get_origin(annotation) not in (None, typing.Union, types.UnionType):
        return frozenset()
    accepted = SCALARS.intersection(arguments)
    return accepted | {int} if float in accepted else accepted


def _settings(value: object) -> Settings:
    if not isinstance(value, dict):
        raise _Malformed("settings are no mapping")
    many = _sequence(Setting)
    values = _mapping(Setting)(value.get("values", {}))
    unknown, old_style = many(value.get("unknown", [])), many(value.get("old_style", []))
    namespace, source = value.get("namespace"), value.get("source")
    return Settings(
        typing.cast("Mapping[str, Setting]", values),
        unknown=typing.cast("tuple[Setting, ...]", unknown),
        old_style=typing.cast("tuple[Setting, ...]", old_style),
        namespace=namespace if isinstance(namespace, str) else None,
        source=source if isinstance(source, str) else None,
    )


_DECODE_APP = _decoder(App)  # made on import, while the child is at work
