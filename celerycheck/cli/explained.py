"""Mistakes on standard error: one paragraph with the cause and the way out, never a traceback unasked."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import textwrap
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from celerycheck.cli import INTERRUPTED
from celerycheck.errors import CelerycheckError, UsageError

BUG = 3
FULL = (errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT)
"""What a stream says that takes no more."""


@contextmanager
def explained(debug: bool) -> Iterator[None]:
    """Turn what a command raises into a message and an exit code.

    2 and 3 as the errors say, 3 for a bug of ours, 130 for Ctrl-C; `debug` adds the traceback. Whoever
    reads only the beginning of what a command prints (`| head`) has made no mistake: 0.
    """
    try:
        yield
        sys.stdout.flush()
    except CelerycheckError as error:
        complain(error.message, error.hint)
        if debug:
            sys.stderr.write(getattr(error, "trace", "") or traceback.format_exc())
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        sys.stderr.write("celerycheck: stopped\n")
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        discard()
    except Exception as error:  # noqa: BLE001  # the last resort: a bug must not look like a finding
        if isinstance(error, OSError) and error.errno in FULL and error.filename is None:
            discard()
            complain(f"standard output cannot be written: {error.strerror}", "Send it elsewhere.")
            raise SystemExit(UsageError.exit_code) from None
        complain(
            f"a mistake of celerycheck's own: {type(error).__name__}: {error}",
            "Please report it, with the output of the same command and --debug.",
        )
        if debug:
            sys.stderr.write(traceback.format_exc())
        raise SystemExit(BUG) from None


def discard() -> None:
    """Drop what is still to be written to a standard output that takes no more, also at exit."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str, hint: str) -> None:
    """Write a paragraph to standard error, wrapped to the terminal; lists keep their lines."""
    from celerycheck.reporters.harmless import visible

    width = min(max(shutil.get_terminal_size((100, 24)).columns, 40), 100)
    for indent, text in (("celerycheck: ", message), ("  ", hint)):
        for number, line in enumerate(visible(text, lines=True).splitlines()):
            first = indent if number == 0 else "  "
            lines = textwrap.wrap(
                line,
                width,
                initial_indent=first,
                subsequent_indent="  ",
                break_long_words=False,
                break_on_hyphens=False,
            )
            sys.stderr.write("\n".join(lines) + "\n")
    sys.stderr.flush()
