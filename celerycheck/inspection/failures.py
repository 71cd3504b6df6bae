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
        return repr(error.code) if isinstance(error.code, (int, str, type(None))) else ""
    if isinstance(error, SyntaxError):
        return str(error.msg)
    try:
        return str(error)
    except Exception:  # noqa: BLE001  # an exception of the user's own class
        return ""


def place_of(error: BaseException, places: Places) -> Optional[Location]:
    """The innermost line of the project's own code that led to it; None where there is none."""
    if isinstance(error, SyntaxError) and error.filename:
        return places.location(error.filename, error.lineno)
    for reason in (error.__cause__, error):
        if isinstance(reason, SyntaxError):
            return place_of(reason, places)
        own = innermost(reason.__traceback__, places) if reason is not None else None
        if own is not None:
            return own
    return None


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
