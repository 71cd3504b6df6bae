"""The command line: one module per command, and the only place that prints errors and exits."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from celerycheck.child import Child

EPILOG = (
    "Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong usage or a mistake in a checklist, "
    "3 the app could not be loaded or a check crashed."
)
INTERRUPTED = 130


def main() -> None:
    """The entry point `celerycheck`."""
    from celerycheck.cli import early, signals

    gc.disable()  # a short life that makes much and drops little
    open_streams()
    signals.end_on_signals()
    child = None
    try:
        # The child needs longer to import Celery than we need to import Typer, so it starts first.
        child = early.start(sys.argv[1:])
        target = early.plain_audit(sys.argv[1:])
        if target is not None:
            sys.exit(run_plain_audit(target, child))
        with signals.held():
            from celerycheck.cli.commands import application

            command_line = application()
        command_line(obj=child, prog_name="celerycheck")
    except KeyboardInterrupt:
        sys.stderr.write("celerycheck: stopped\n")
        sys.exit(INTERRUPTED)
    finally:
        if child is not None:
            child.kill()
        gc.freeze()  # or Python searches all there is for garbage once more before it ends: 40 ms


def run_plain_audit(target: str, child: Child | None) -> int:
    """`celerycheck audit TARGET`, without the command line's parser; the exit code."""
    from celerycheck.cli import signals

    with signals.held():
        from celerycheck.cli.audit import Options, run
        from celerycheck.cli.explained import explained

    with explained(debug=False):
        return run(Options(target), child)
    return 0  # whoever read the report has read enough of it


def open_streams() -> None:
    """Where the shell closed a stream (`>&-`), what would go there is dropped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
