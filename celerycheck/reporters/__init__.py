"""One module per format, each with `write(report, out)`; none is imported before it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import ModuleType

FORMATS: Mapping[str, str] = {
    "console": "celerycheck.reporters.console",
    "json": "celerycheck.reporters.json_report",
}
"""Name of a format -> the module that writes it."""


def reporter(name: str) -> ModuleType:
    """The module that writes this format. Raises KeyError for a name that is not in `FORMATS`."""
    return import_module(FORMATS[name])
