"""The shipped checks: one topic per module, one function per check; nothing to list, they are found."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module

from celerycheck.registry import Check, checks_in


@cache
def shipped() -> Mapping[str, Check[object]]:
    """Every shipped check by id, topic modules in alphabetical order."""
    found: dict[str, Check[object]] = {}
    for info in pkgutil.iter_modules(__path__):
        for check in checks_in(import_module(f"{__name__}.{info.name}")):
            if check.id in found:
                raise TypeError(f"two checks are called {check.id}")
            found[check.id] = check
    return found
