"""Takes the picture: starts the child in the project's interpreter, bounds it, and reads back an App."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from celerycheck.errors import CelerycheckError, LoadError, UsageError

if TYPE_CHECKING:
    from celerycheck.subjects import App  # the child starts before what it answers must be understood

TOO_OLD = 97
"""The exit status of an interpreter that is too old for `celerycheck.inspection`."""

BOOTSTRAP = (
    "import sys\n"
    f"if sys.version_info < (3, 9): sys.exit({TOO_OLD})\n"
    "import faulthandler, types\n"
    "package = types.ModuleType('celerycheck')\n"
    "package.__path__ = [sys.argv.pop(1)]\n"
    "sys.modules['celerycheck'] = package\n"
    "crash = open(sys.argv.pop(1), 'w')\n"
    "faulthandler.enable(crash)\n"
    "if sys.path[:1] == ['']: del sys.path[0]\n"
    "from celerycheck.inspection.__main__ import main\n"
    "main()\n"
)
"""Makes `celerycheck.inspection` importable in a foreign interpreter and nothing else of ours: neither our
site-packages nor a folder with modules called `settings` or `tasks` comes onto its path. The file it opens
tells that this is a Python, and where it was when it crashed."""

STACK_GRACE = 1.5
"""Seconds that a child which hangs is given beyond its time to say where."""

OUTPUT_GRACE = 0.3
"""Seconds to wait for the end of the output of a process that left the child's group with its pipe."""

Relay = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to look at. `python` is an interpreter's path, `timeout` the seconds loading may take."""

    target: str
    workdir: Path
    python: str = sys.executable
    timeout: float = 60.0


class Child:
    """The child process. Started early it imports nothing of the user's until it is handed a request.

    Whoever makes one must `ask()` or `kill()` it. Raises UsageError where `python` cannot be run.
    """

    def __init__(self, python: str) -> None:
        self.python = python
        self._stopped = False
        self._output: _Output | None = None
        try:
            folder = tempfile.mkdtemp(prefix="celerycheck-")
        except OSError as error:
            raise UsageError(
                f"no temporary folder can be made: {error.strerror or error}",
                "Set TMPDIR to a folder that can be written to.",
            ) from None
        self.folder = Path(folder)
        self.crash = self.folder / "crash.txt"
        # Unbuffered, so that what was printed before a crash or os._exit() is not lost.
        command = [python, "-u", "-c", BOOTSTRAP, str(Path(__file__).resolve().parent), str(self.crash)]
        try:
            self.process = subprocess.Popen(  # noqa: S603  # the interpreter the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except (OSError, ValueError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            cause = getattr(error, "strerror", None) or error
            raise UsageError(f"--python {python} cannot be run: {cause}", python_hint(python)) from None

    @property
    def booted(self) -> bool:
        """Whether the interpreter has begun to run our code: it is a Python that is new enough."""
        return self.crash.exists()

    def ask(self, request: Request, relay: Relay) -> str:
        """The child's answer as text; what user code prints goes to `relay`, line by line.

        Nothing of the child is left afterwards. Raises LoadError where it hangs, is killed or dies,
        UsageError where it is no fit Python.
        """
        try:
            return self._asked(request, relay)
        finally:
            self.kill()

    def _asked(self, request: Request, relay: Relay) -> str:
        answer, stacks = self.folder / "answer.json", self.folder / "stacks.txt"
        output = self._output = _Output(self.process.stdout, relay, lambda: self.booted)
        try:
            self._send(request, answer, stacks)
            ended = self._wait(request.timeout, stacks)
        finally:
            # What user code left running may hold the pipe, so it ends first.
            self.stop()
            output.finish()
        if not ended:
            raise hang(request, _text(stacks)) if self.booted else no_python(self.python, output)
        status = self.process.returncode
        text = _text(answer)
        if text.endswith("}"):
            return text  # whole, whatever became of the process afterwards
        if status == TOO_OLD and not self.booted:
            raise UsageError(
                f"{self.python} is a Python older than 3.9, which celerycheck cannot look into",
                "Name a newer interpreter of the project's with --python.",
            )
        if status >= 0 and not self.booted:
            raise no_python(self.python, output)
        raise died(status, request, _text(self.crash), output.last_lines())

    def _send(self, request: Request, answer: Path, stacks: Path) -> None:
        body = {
            "target": request.target,
            "workdir": str(request.workdir.resolve()),
            "answer": str(answer),
            "stacks": str(stacks),
            "timeout": request.timeout,
            "argv": ["celery", "-A", request.target, "report"],
        }
        assert self.process.stdin is not None
        # Where it died before it read, its status and last words tell why.
        with suppress(OSError):
            self.process.stdin.write(json.dumps(body).encode() + b"\n")
        with suppress(OSError):
            self.process.stdin.close()

    def _wait(self, timeout: float, stacks: Path) -> bool:
        """Whether the process ended in time.

        `Popen.wait(timeout)` would look only every 50 ms. The child's clock starts a little after ours,
        so that the place where it hangs may come late.
        """
        waiter = threading.Thread(target=self.process.wait, daemon=True)
        waiter.start()
        waiter.join(timeout)
        deadline = time.monotonic() + STACK_GRACE
        while waiter.is_alive() and self.booted and time.monotonic() < deadline and not _text(stacks):
            waiter.join(0.05)
        if waiter.is_alive():
            waiter.join(0.1)  # it may be writing
        return not waiter.is_alive()

    def stop(self) -> None:
        """Stop it and whatever it started. Does nothing the second time: its id may be somebody else's."""
        if self._stopped:
            return
        self._stopped = True
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        elif self.process.poll() is None:
            self.process.kill()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(5.0)

    def kill(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        for stream in (self.process.stdin, None if self._output else self.process.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Output:
    """Reads the child's output in a thread, so that it never blocks, and keeps the last lines.

    Nothing is relayed before `booted`: until then it is not the user's code that speaks.
    """

    def __init__(self, stream: IO[bytes] | None, relay: Relay, booted: Callable[[], bool]) -> None:
        self._lines: list[str] = []
        self._stream = stream
        self._relay = relay
        self._booted = booted
        self._finished = False
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._stream is not None
        relaying = False
        with self._stream as stream:
            while raw := stream.readline(1 << 16):
                line = raw.decode("utf-8", "replace").rstrip("\r\n")
                self._lines = [*self._lines[-19:], line]
                relaying = relaying or self._booted()
                if relaying and not self._finished:
                    # Whatever becomes of our stderr, the pipe must be emptied.
                    with suppress(OSError, ValueError):
                        self._relay(line)

    def finish(self) -> None:
        self._thread.join(OUTPUT_GRACE)
        self._finished = True

    def last_lines(self) -> str:
        return "\n".join(self._lines)


class Taking:
    """`take()` in a thread of its own, so that the caller can go on meanwhile.

    The caller kills the child when it loses interest.
    """

    def __init__(self, request: Request, relay: Relay, child: Child) -> None:
        self._done = threading.Event()
        self._taken: tuple[App, str] | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, args=(request, relay, child), daemon=True).start()

    def _run(self, request: Request, relay: Relay, child: Child) -> None:
        try:
            self._taken = take(request, relay, child)
        except BaseException as error:  # noqa: BLE001  # handed to whoever asks for the result
            self._error = error
        self._done.set()

    def result(self) -> tuple[App, str]:
        """What `take()` returns, once it does; raises what it raises."""
        self._done.wait()
        if self._error is not None:
            raise self._error
        assert self._taken is not None
        return self._taken


def take(request: Request, relay: Relay, child: Child) -> tuple[App, str]:
    """The picture and its JSON, from a child started for the request's interpreter.

    Raises LoadError where the app cannot be loaded, UsageError where the interpreter cannot be run.
    """
    if not request.workdir.is_dir():
        raise UsageError(f"{request.workdir} is no folder", "--workdir takes the folder the app is run from.")
    text = child.ask(request, relay)
    failure = failure_in(text)
    if failure is not None:
        raise failure
    from celerycheck.picture_format import decode  # noqa: PLC0415  # while the child is at work

    try:
        return decode(text, "the picture"), text
    except CelerycheckError as error:
        raise LoadError(
            f"{request.target} was loaded, but what was seen cannot be read back: {error.message}",
            "That is a mistake of celerycheck's own; please report it.",
        ) from error


def failure_in(text: str) -> LoadError | None:
    """The LoadError that the child reports, if it does."""
    if not text.startswith('{"failure"'):
        return None
    data = json.loads(text)
    return TracedLoadError(str(data["failure"]), str(data["hint"]), str(data["trace"]))


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


def no_python(python: str, output: _Output) -> UsageError:
    """The message for a program that does not run our code."""
    last = output.last_lines().strip().rpartition("\n")[2]
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


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
