"""The project's own modules among those that are loaded, and where they are found."""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import Any, Dict, Mapping, Optional, Tuple

from celerycheck.inspection.places import Places

Namespace = Dict[str, Any]


def own_modules(places: Places) -> Dict[str, Namespace]:
    """What the project's own modules hold, by the names they were imported under, sorted.

    No attribute is looked up on the way: a module that loads itself on first use stays as it is.
    """
    found: Dict[str, Namespace] = {}
    for name, module in list(sys.modules.items()):
        if issubclass(type(module), ModuleType) and not name.startswith("__"):
            namespace: Namespace = object.__getattribute__(module, "__dict__")
            file = namespace.get("__file__")
            if isinstance(file, str) and places.own(file):
                found[name] = namespace
    return dict(sorted(found.items()))


def packages(modules: Mapping[str, Namespace]) -> Tuple[str, ...]:
    """The top-level names that these modules belong to, sorted."""
    tops = dict.fromkeys(name.partition(".")[0] for name in modules)
    return tuple(sorted(name for name in tops if name.isidentifier()))


def import_roots(modules: Mapping[str, Namespace], places: Places) -> Tuple[str, ...]:
    """The folders at or below the working directory that modules are looked for in, relative to it.

    `sys.path` in its order, and after it what was taken off it since, or is known to an editable
    installation's finder only: the folders that these modules did come from.
    """
    folders = [path for path in sys.path if isinstance(path, str)]
    folders += filter(None, (root_of(name, namespace["__file__"]) for name, namespace in modules.items()))
    return tuple(dict.fromkeys(filter(None, map(places.import_root, dict.fromkeys(folders)))))


def root_of(name: str, file: str) -> Optional[str]:
    """The folder a module was found in under its whole dotted name; None where file and name differ."""
    path = os.path.splitext(file)[0]
    if os.path.basename(path) == "__init__":
        path = os.path.dirname(path)
    expected = os.sep + name.replace(".", os.sep)
    return path[: -len(expected)] if path.endswith(expected) else None
