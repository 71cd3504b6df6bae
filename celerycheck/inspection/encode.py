"""The picture as JSON: fields at their defaults are left out, values that are no plain data are tagged."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from typing import Any, Dict

from celerycheck.subjects import PICTURE_FORMAT, App, Opaque, Settings, TaskInfo


def encode(app: App) -> str:
    """One line of JSON, ASCII only."""
    # A picture is a tree: looking for circles would cost a tenth.
    return json.dumps(
        {"picture": PICTURE_FORMAT, "app": app}, default=_plain, separators=(",", ":"), check_circular=False
    )


def _plain(value: Any) -> Any:
    cls: Any = type(value)
    if cls is Opaque:
        return {"__opaque__": [value.kind, value.text, value.seconds]}
    if cls is Settings:
        return {key: item for key, item in vars(value).items() if item not in ((), None)}
    defaults = _defaults(cls)
    return {
        key: item
        for key, item in vars(value).items()
        # Most are the default itself, which is quicker seen than that they equal it.
        if key in defaults and item is not defaults[key] and item != defaults[key]
    }


@cache
def _defaults(cls: Any) -> Dict[str, Any]:
    """What a field left out stands for, an object that equals nothing else for one that is required.

    Raises TypeError for what is no record.
    """
    if not dataclasses.is_dataclass(cls):
        raise TypeError(f"{cls.__name__} is no part of a picture")
    found = {}
    for field in dataclasses.fields(cls):
        if (cls, field.name) == (TaskInfo, "defaults"):
            continue  # the same for every task: the picture holds them once
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = field.default_factory()
        else:
            found[field.name] = object()
    return found
