"""What is done before anything else is imported: the child starts where it is certain to be wanted."""

from __future__ import annotations

import sys
from collections.abc import Sequence

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing `typing` would keep the child waiting
    from celerycheck.child import Child

OTHER_INTERPRETER_OR_NONE = ("--python", "--picture", "--help", "-h")


def start(arguments: Sequence[str]) -> Child | None:
    """The child for `audit` and `new-task` in this interpreter; None for every other command line.

    It imports Celery and waits for its request; without one it ends with its standard input.
    """
    if not arguments or arguments[0] not in ("audit", "new-task"):
        return None
    if any(argument.partition("=")[0] in OTHER_INTERPRETER_OR_NONE for argument in arguments):
        return None
    from celerycheck.child import Child
    from celerycheck.errors import UsageError

    try:
        return Child(sys.executable)
    except UsageError:
        return None  # the command starts it again, and explains why it cannot


def plain_audit(arguments: Sequence[str]) -> str | None:
    """The app's name where the command line is `audit APP` and nothing else; None for every other one.

    It needs no parser, and reading it with one takes as long as all of Celery's imports do in the child.
    """
    if len(arguments) != 2 or arguments[0] != "audit" or not arguments[1] or arguments[1].startswith("-"):
        return None
    return arguments[1]
