"""The command line: one module per command, and the only place that prints errors and exits."""

from __future__ import annotations

import gc
import os
import signal
import sys
from types import FrameType

EPILOG = (
    "Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or a mistake in a checklist, "
    "3 the app could not be loaded or a check crashed."
)
INTERRUPTED = 130


def main() -> None:
    """The entry point `celerycheck`."""
    from celerycheck.cli import early

    gc.disable()  # a short life that makes much and drops little
    open_streams()
    end_on_signals()
    child = None
    try:
        # The child needs longer to import Celery than we need to import Typer, so it starts first.
        child = early.start(sys.argv[1:])
        from celerycheck.cli.commands import application

        application()(obj=child, prog_name="celerycheck")
    except KeyboardInterrupt:
        sys.stderr.write("celerycheck: stopped\n")
        sys.exit(INTERRUPTED)
    finally:
        if child is not None:
            child.kill()


def open_streams() -> None:
    """Where the shell closed a stream (`>&-`), what would go there is dropped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def end_on_signals() -> None:
    """End in order when told to, so that the child, in a session of its own, ends too."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # what signal handlers are handed
    raise SystemExit(128 + number)
