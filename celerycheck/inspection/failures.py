"""Turns an exception out of the user's code into one sentence with its own file and line."""

from __future__ import annotations

import linecache
import os
import sys
import traceback
from types import TracebackType
from typing import Optional

from celerycheck.credentials import masked_text
from celerycheck.errors import LoadError
from celerycheck.inspection.places import Places
from celerycheck.subjects import Location

LONGEST = 120
"""Characters of a quoted line of code."""


def cause_of(error: BaseException) -> str:
    """`ImportError: cannot import name 'x'`, on one line, credentials masked."""
    chained = error.__cause__
    if type(error).__name__ == "ModuleNotFoundError" and isinstance(chained, AttributeError):
        # Celery reports an AttributeError inside a configuration module as a missing module.
        error = chained
    # Masked before it is cut: half a URL would not be recognized as one.
    text = masked_text(" ".join(text_of(error).split()))
    if len(text) > 400:
        text = text[:400] + " …"
    if isinstance(error, SystemExit):
        return f"it called sys.exit({text})"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def text_of(error: BaseException) -> str:
    """What an exception says for itself; empty where not even that can be had."""
    if isinstance(error, SystemExit):
        return repr(error.code) if isinstance(error.code, (int, str)) else ""
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # an exception of the user's own class
        return ""


def place_of(error: BaseException, places: Places) -> Optional[Location]:
    """The innermost line of the project's own code that led to it; None where there is none."""
    reasons = [error] if isinstance(error, SyntaxError) else [error.__cause__, error]
    for reason in reasons:
        if isinstance(reason, SyntaxError) and reason.filename:
            return places.location(reason.filename, reason.lineno)
        own = innermost(reason.__traceback__, places) if reason is not None else None
        if own is not None:
            return own
    return None


def line_at(location: Optional[Location], places: Places) -> str:
    """What is written there, credentials masked, never more than one short line; empty where nothing is."""
    if location is None or location.line is None:
        return ""
    line = linecache.getline(os.path.join(places.root, location.path), location.line)
    text = masked_text(line.strip())
    return text if len(text) <= LONGEST else text[: LONGEST - 2].rstrip() + " …"


def innermost(trace: Optional[TracebackType], places: Places) -> Optional[Location]:
    """The last frame of the project's own files in a traceback."""
    found = None
    while trace is not None:
        filename = trace.tb_frame.f_code.co_filename
        if places.own(filename):
            found = places.location(filename, trace.tb_lineno)
        trace = trace.tb_next
    return found


def trace_of(error: BaseException) -> str:
    """The whole traceback as text, credentials masked, for `--debug`."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return masked_text("".join(lines))


class ImportFailure(LoadError):
    """A module of the user's raised while it was imported."""

    def __init__(self, message: str, hint: str, trace: str, location: Optional[Location]) -> None:
        super().__init__(message, hint)
        self.trace = trace
        self.location = location


def import_failure(name: str, error: BaseException, places: Places) -> ImportFailure:
    """The message for a module of the user's that raised while it was imported."""
    location = place_of(error, places)
    where = f" at {location.path}:{location.line}" if location and location.line else ""
    line = line_at(location, places)
    quoted = f"\n    {line}" if line else ""
    message = f"importing {name} failed{where}: {cause_of(error)}{quoted}"
    return ImportFailure(message, way_out(error, places), trace_of(error), location)


def way_out(error: BaseException, places: Places) -> str:
    """What helps against an error of a module's at import."""
    if isinstance(error, ImportError):
        name = str(error.name or "")
        if name.partition(".")[0] == "celery" and not places.own(error.path):
            return (
                f"It is written for another Celery than {celery_version()}; --python names one that has that."
            )
        if isinstance(error, ModuleNotFoundError):
            return f"Install it for {sys.executable}, or name the project's own interpreter with --python."
    if isinstance(error, (ImportError, SyntaxError)):
        return "The app must be importable where celerycheck runs it."
    key = error.args[0] if isinstance(error, KeyError) and error.args else None
    if isinstance(key, str) and key.isupper():
        return f"Set the environment variable {key}, as the worker's environment does."
    return "Give it the environment and configuration files that the worker has."


def celery_version() -> str:
    import celery

    return str(celery.__version__)
