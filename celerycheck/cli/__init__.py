"""The command line: one module per command, and the only place that prints errors and exits."""

from __future__ import annotations

import os
import sys

EPILOG = (
    "Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or a mistake in a checklist, "
    "3 the app could not be loaded or a check crashed."
)


def main() -> None:
    """The entry point `celerycheck`."""
    from celerycheck.cli import early

    # The child needs longer to import Celery than we need to import Typer, so it starts first.
    child = early.start(sys.argv[1:])
    try:
        from celerycheck.cli.commands import application

        application()(obj=child, prog_name="celerycheck")
    except BrokenPipeError:
        # Whoever read the report has read enough of it (`| head`).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    finally:
        if child is not None:
            child.kill()
