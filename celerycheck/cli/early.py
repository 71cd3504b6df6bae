"""Starts the child process before anything else is imported, where it is certain to be wanted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would keep the child waiting
    from celerycheck.child import Child

OTHER_INTERPRETER_OR_NONE = ("--python", "--picture", "--help", "-h")


def start(arguments: Sequence[str]) -> Child | None:
    """The child for `audit` in this interpreter; None for every other command line.

    It imports Celery and waits for its request; without one it ends with its standard input.
    """
    if not arguments or arguments[0] != "audit":
        return None
    if any(argument.partition("=")[0] in OTHER_INTERPRETER_OR_NONE for argument in arguments):
        return None
    from celerycheck.child import Child
    from celerycheck.errors import UsageError

    try:
        return Child(sys.executable)
    except UsageError:
        return None  # the command starts it again, and explains why it cannot
