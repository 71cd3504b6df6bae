"""Takes the picture: starts the child in the project's interpreter, bounds it, and reads back an App."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from celerycheck.errors import LoadError, UsageError
from celerycheck.subjects import App

BOOTSTRAP = (
    "import sys, types\n"
    "package = types.ModuleType('celerycheck')\n"
    "package.__path__ = [sys.argv.pop(1)]\n"
    "sys.modules['celerycheck'] = package\n"
    "sys.path[:1] = []\n"
    "from celerycheck.inspection.__main__ import main\n"
    "main()\n"
)
"""Makes `celerycheck.inspection` importable in a foreign interpreter and nothing else of ours: neither our
site-packages nor a folder with modules called `settings` or `tasks` comes onto its path."""

Relay = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What to look at. `python` is an interpreter's path, `timeout` the seconds loading may take."""

    target: str
    workdir: Path
    python: str = sys.executable
    timeout: float = 60.0


class Child:
    """The child process. Started early it imports nothing of the user's until it is handed a request."""

    def __init__(self, python: str) -> None:
        self.python = python
        command = [python, "-c", BOOTSTRAP, str(Path(__file__).resolve().parent)]
        try:
            self.process = subprocess.Popen(  # noqa: S603  # the interpreter the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except OSError as error:
            raise UsageError(
                f"{python} cannot be run: {error.strerror or error}",
                "--python takes the path of the project's Python, such as .venv/bin/python.",
            ) from None

    def ask(self, request: Request, relay: Relay) -> str:
        """The child's answer as text; what user code prints goes to `relay`, line by line.

        Raises LoadError where it hangs, is killed or dies; KeyboardInterrupt stops it and goes on.
        """
        with tempfile.TemporaryDirectory(prefix="celerycheck-") as folder:
            answer, stacks = Path(folder, "answer.json"), Path(folder, "stacks.txt")
            output = _Output(self.process.stdout, relay)
            try:
                self._send(request, answer, stacks)
                status = self.process.wait(request.timeout)
            except subprocess.TimeoutExpired:
                self.kill()
                raise hang(request, stacks) from None
            except BaseException:
                self.kill()
                raise
            finally:
                output.finish()
            self.kill()
            if answer.is_file():
                return answer.read_text(encoding="utf-8")
            raise died(status, request, output.last_lines())

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
        try:
            self.process.stdin.write(json.dumps(body).encode() + b"\n")
            self.process.stdin.close()
        except OSError:
            # It died before it read; its status and last words tell why.
            return

    def kill(self) -> None:
        """Stop it and whatever it started. Does nothing where all is gone already."""
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        elif self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class _Output:
    """Reads the child's output in a thread, so that it never blocks, and keeps the last lines."""

    def __init__(self, stream: IO[bytes] | None, relay: Relay) -> None:
        self._lines: list[str] = []
        self._stream = stream
        self._relay = relay
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._stream is not None
        for raw in self._stream:
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            self._lines = [*self._lines[-19:], line]
            self._relay(line)

    def finish(self) -> None:
        # A process that the user's code started may hold the pipe open for ever.
        self._thread.join(1.0)
        if not self._thread.is_alive() and self._stream is not None:
            self._stream.close()

    def last_lines(self) -> str:
        return "\n".join(self._lines)


def begin(request: Request, relay: Relay, child: Child) -> Future[tuple[App, str]]:
    """`take()` in a thread of its own, so that the caller can go on; the result raises what it raises.

    The caller kills the child when it loses interest.
    """
    future: Future[tuple[App, str]] = Future()

    def work() -> None:
        try:
            future.set_result(take(request, relay, child))
        except BaseException as error:  # noqa: BLE001  # handed to whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    return future


def take(request: Request, relay: Relay, child: Child) -> tuple[App, str]:
    """The picture and its JSON, from a child started for the request's interpreter.

    Raises LoadError where the app cannot be loaded, UsageError where the interpreter cannot be run.
    """
    if not request.workdir.is_dir():
        raise UsageError(f"{request.workdir} is no folder", "--workdir takes the folder the app is run from.")
    text = child.ask(request, relay)
    data_failure = failure_in(text)
    if data_failure is not None:
        raise data_failure
    from celerycheck.picture_format import decode  # noqa: PLC0415  # while the child is at work

    return decode(text, "the answer of the child process"), text


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


def hang(request: Request, stacks: Path) -> LoadError:
    """The message for a load that did not end, with the line of the project's it stood at."""
    text = stacks.read_text(encoding="utf-8", errors="replace") if stacks.is_file() else ""
    place, call = where_it_hung(text, request.workdir)
    at = f" at {place}" if place else ""
    inside = f" (in {call})" if call else ""
    return TracedLoadError(
        f"{request.target} was still loading after {request.timeout:g} s: it hangs{at}{inside}",
        "Code that waits for a network or a lock at import keeps every worker from starting too; "
        "move it into a function, or give it more time with --load-timeout.",
        text,
    )


def where_it_hung(stack: str, workdir: Path) -> tuple[str, str]:
    """The innermost line of the project's in a faulthandler stack, and the innermost call of all."""
    main = stack.rpartition("Current thread" if "Current thread" in stack else "Thread")[2]
    frames = re.findall(r'File "(.+)", line (\d+) in (.+)', main)
    root = str(workdir.resolve()) + os.sep
    for filename, line, _ in frames:
        path = os.path.realpath(filename)
        if path.startswith(root) and "site-packages" not in path:
            return f"{os.path.relpath(path, root).replace(os.sep, '/')}:{line}", frames[0][2]
    return "", frames[0][2] if frames else ""


def died(status: int, request: Request, last: str) -> LoadError:
    """The message for a child that ended without an answer."""
    if status < 0:
        name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
        hint = "A library of the project's crashed, or something on this machine stopped it."
        if name == "SIGKILL":
            hint = "The kernel does that when memory runs out: give it more, or take the picture elsewhere."
        return TracedLoadError(f"loading {request.target} was ended by {name}", hint, last)
    return TracedLoadError(
        f"the process that loads {request.target} ended with status {status} and no answer",
        "Something in the project ends it (os._exit?); its last output stands above.",
        last,
    )
