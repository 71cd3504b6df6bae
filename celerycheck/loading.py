"""What is asked of the child, and why it gave no answer: it hung, was killed or died, or is no fit Python."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from celerycheck.errors import LoadError, UsageError


@dataclass(frozen=True)
class Request:
    """What to look at. `python` is an interpreter's path, `timeout` the seconds loading may take."""

    target: str
    workdir: Path
    python: str = sys.executable
    timeout: float = 60.0


class TracedLoadError(LoadError):
    """A LoadError with the traceback from the child, for `--debug`."""

    def __init__(self, message: str, hint: str, trace: str) -> None:
        super().__init__(message, hint)
        self.trace = trace


def hang(request: Request, stack: str) -> LoadError:
    """The message for a load that did not end, with the line of the project's it stood at."""
    return TracedLoadError(
        f"{request.target} was still loading after {request.timeout:g} s{standing(stack, request.workdir)}",
        "Code that waits for a network or a lock at import keeps every worker from starting too: "
        "move it into a function, or give it more time with --load-timeout.",
        stack,
    )


def died(status: int, request: Request, stack: str, last: str) -> LoadError:
    """The message for a child that ended without an answer. `stack` is what faulthandler wrote."""
    at = standing(stack, request.workdir)
    trace = stack or last
    if status >= 0:
        return TracedLoadError(
            f"the process that loads {request.target} ended with status {status} before the app was loaded",
            "Something in the project ends it, such as os._exit(); the last it printed stands above.",
            trace,
        )
    name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
    hint = f"Something stopped it with {name}; nothing is known of why."
    if name == "SIGKILL":
        hint = "The kernel does that when memory runs out: give it more, or take the picture elsewhere."
    elif stack:
        hint = "A library written in C crashed there; the workers would crash as well."
    return TracedLoadError(f"loading {request.target} was ended by {name}{at}", hint, trace)


def no_python(python: str, last_words: str) -> UsageError:
    """The message for a program that does not run our code."""
    last = last_words.strip().rpartition("\n")[2]
    said = f"; it said: {last[:200]}" if last else ""
    return UsageError(f"--python {python} does not run Python code{said}", python_hint(python))


def python_hint(python: str) -> str:
    """Which interpreter may have been meant."""
    for inner in ("bin/python", "Scripts/python.exe"):
        if Path(python, inner).exists():
            return f"That is a virtual environment; its interpreter is {Path(python, inner)}."
    return "It takes the path of the project's own Python, such as .venv/bin/python."


def standing(stack: str, workdir: Path) -> str:
    """` at shop/app.py:3, in create_connection()`: where a stack of faulthandler's stands."""
    place, call = innermost(stack, workdir)
    if not place and not call:
        return ""
    inside = f", in {call}()" if call else ""
    return (f", at {place}" if place else "") + inside


def innermost(stack: str, workdir: Path) -> tuple[str, str]:
    """The innermost line of the project's in a stack of faulthandler's, and the call it waits for."""
    frames = re.findall(r'File "(.+)", line (\d+) in (.+)', _main_thread(stack))
    root = str(workdir.resolve()) + os.sep
    for number, (filename, line, _) in enumerate(frames):
        path = os.path.realpath(filename)
        if path.startswith(root) and "site-packages" not in path:
            place = f"{os.path.relpath(path, root).replace(os.sep, '/')}:{line}"
            return place, frames[0][2] if number else ""
    return "", next((name for _, _, name in frames if name.isidentifier()), "")


def _main_thread(stack: str) -> str:
    """The part about the thread that crashed, else about the main one, which stands last."""
    parts = list(_threads(stack))
    current = [text for head, text in parts if head.startswith("Current")]
    return current[0] if current else parts[-1][1] if parts else ""


def _threads(stack: str) -> Iterator[tuple[str, str]]:
    split = re.split(r"^((?:Current thread|Thread) .*)$", stack, flags=re.MULTILINE)
    yield from zip(split[1::2], split[2::2], strict=True)
