"""Names that people choose: the task's and its steps'."""

from __future__ import annotations

import builtins
import keyword

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import fits
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.reading.naming import IN_USE, clashes

TAKEN = IN_USE | {
    "completed_work",
    "current_app",
    "database",
    "done",
    "deliver",
    "in_process_worker",
    "lines",
    "lock",
    "locks",
    "post",
    "redis",
    "reporting",
    "reports",
    "requests",
    "run",
    "run_task",
    "run_workflow",
    "session",
    "shared_task",
    "start",
    "state",
    "stored",
    "transaction",
}
"""What the generated modules call something else by."""


def public(text: str, situation: Situation) -> str:
    """The task's name, without the package that may stand before it. Raises UsageError."""
    package, _, name = text.rpartition(".")
    refuse(name)
    if name.startswith("_"):
        raise UsageError(f"{name} is named as if it were private", "Leave the leading underscore out.")
    if name.startswith("test_"):
        raise UsageError(f"{name} is named as if it were a test, and pytest would run it", "Rename it.")
    _refuse_clash(name, package, situation)
    return name


def _refuse_clash(name: str, package: str, situation: Situation) -> None:
    """Raise UsageError for a name in use in the package, or where that is none of the project's."""
    if package:
        inside = fits.package(package, situation)
    else:
        known = situation.answers.text("package") or fits.usual_package(situation)
        if known not in fits.packages(situation.project):
            return  # it is asked for, or refused, by itself
        inside = fits.package(known or "", situation)
    clash = clashes(situation.project, name, inside)
    if clash:
        raise UsageError(clash, "Call it something else.")


def step(text: str, situation: Situation) -> str:  # noqa: ARG001
    """A step's name. Raises UsageError."""
    refuse(text)
    if text.startswith("_"):
        raise UsageError(f"the step {text} has an underscore in front", "Leave it out: steps get theirs.")
    return text


def refuse(text: str) -> None:
    """Raise UsageError for what can be no function's name here."""
    if not text.isidentifier() or not text.isascii():
        near = "_".join(
            "".join(c if c.isascii() and (c.isalnum() or c == "_") else " " for c in text).split()
        ).lower()
        hint = (
            f"Did you mean {near}?"
            if near.isidentifier()
            else "Letters, digits and underscores: charge_invoice."
        )
        raise UsageError(f"{text!r} is no name for a function", hint)
    if keyword.iskeyword(text):
        raise UsageError(f"{text} is a word of Python's own", "Say what it does: charge_invoice.")
    if hasattr(builtins, text):
        raise UsageError(f"{text} is built into Python", f"Say of what it is: {text}_invoice.")
    if text in TAKEN:
        raise UsageError(f"{text} is what the generated code calls something else", "Say what it does.")
