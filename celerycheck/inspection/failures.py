"""Turns an exception out of the user's code into one sentence with its own file and line."""

from __future__ import annotations

import traceback
from types import TracebackType
from typing import Optional

from celerycheck.inspection.places import Places
from celerycheck.inspection.plain import masked_text
from celerycheck.subjects import Location


def cause_of(error: BaseException) -> str:
    """`ImportError: cannot import name 'x'`, on one line, credentials masked."""
    chained = error.__cause__
    if type(error).__name__ == "ModuleNotFoundError" and isinstance(chained, AttributeError):
        # Celery reports an AttributeError inside a configuration module as a missing module.
        error = chained
    if isinstance(error, SystemExit):
        return f"it called sys.exit({error.code!r})"
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        text = error.msg
    if len(text) > 400:
        text = text[:400] + " …"
    return masked_text(f"{type(error).__name__}: {text}" if text else type(error).__name__)


def place_of(error: BaseException, places: Places) -> Optional[Location]:
    """The innermost line of the project's own code that led to it; else the innermost one of anybody's."""
    if isinstance(error, SyntaxError) and error.filename:
        return places.location(error.filename, error.lineno)
    own = innermost(error.__traceback__, places)
    if own is None and error.__cause__ is not None:
        own = innermost(error.__cause__.__traceback__, places)
    return own


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
