"""Mistakes that are explained to the user in one paragraph instead of a traceback.

Also runs inside the audited project's interpreter: standard library only, Python 3.9.
"""

from __future__ import annotations


class CelerycheckError(Exception):
    """Something the user can mend: `message` names the cause, `hint` the way out.

    `exit_code` is the process's: 2 for wrong usage and mistakes in configuration files, 3 where the
    app could not be loaded.
    """

    exit_code = 2

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(CelerycheckError):
    """Options or files that do not fit together, or that cannot be read or written."""


class ChecklistError(CelerycheckError):
    """One or more mistakes in a checklist or answers file; `message` lists them all, a line each."""


class LoadError(CelerycheckError):
    """The app could not be loaded, or the picture of it could not be taken."""

    exit_code = 3
