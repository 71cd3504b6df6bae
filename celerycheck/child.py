"""The child process in the project's interpreter: started, asked, bounded and ended.

It imports Celery while the parent imports everything else, so this module must not keep it waiting: it
imports little, and what explains failures only where there is one.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from celerycheck.errors import CelerycheckError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:  # `typing` would cost as much as starting the child
    from typing import IO

    from celerycheck.loading import Request

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


class Child:
    """The child process. Started early it imports nothing of the user's until it is handed a request.

    Whoever makes one must `ask()` or `kill()` it. Raises UsageError where `python` cannot be run.
    """

    def __init__(self, python: str) -> None:
        self.python = python
        self._stopped = False
        self._output: _Output | None = None
        try:
            self.folder = tempfile.mkdtemp(prefix="celerycheck-")
        except OSError as error:
            raise UsageError(
                f"no temporary folder can be made: {error.strerror or error}",
                "Set TMPDIR to a folder that can be written to.",
            ) from None
        self.crash = os.path.join(self.folder, "crash.txt")
        package = os.path.dirname(os.path.realpath(__file__))
        # Unbuffered, so that what was printed before a crash or os._exit() is not lost.
        command = [python, "-u", "-c", BOOTSTRAP, package, self.crash]
        try:
            self.process = subprocess.Popen(  # noqa: S603  # the interpreter the user named
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=os.name == "posix",
            )
        except (OSError, ValueError) as error:
            self._remove_folder()
            from celerycheck.loading import python_hint

            cause = getattr(error, "strerror", None) or error
            raise UsageError(f"--python {python} cannot be run: {cause}", python_hint(python)) from None

    @property
    def booted(self) -> bool:
        """Whether the interpreter has begun to run our code: it is a Python that is new enough."""
        return os.path.exists(self.crash)

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
        answer, stacks = (os.path.join(self.folder, name) for name in ("answer.json", "stacks.txt"))
        output = self._output = _Output(self.process.stdout, relay, lambda: self.booted)
        try:
            self._send(request, answer, stacks)
            ended = self._wait(request.timeout, stacks)
        finally:
            # What user code left running may hold the pipe, so it ends first.
            self.stop()
            output.finish()
        text = _text(answer) if ended else ""
        if text.endswith("}"):
            return text  # whole, whatever became of the process afterwards
        raise self._failure(request, ended, _text(stacks), output.last_lines())

    def _failure(self, request: Request, ended: bool, stacks: str, last_lines: str) -> CelerycheckError:
        """Why there is no answer."""
        from celerycheck.loading import died, hang, no_python

        status = self.process.returncode
        if not ended:
            return hang(request, stacks) if self.booted else no_python(self.python, last_lines)
        if status == TOO_OLD and not self.booted:
            return UsageError(
                f"{self.python} is a Python older than 3.9, which celerycheck cannot look into",
                "Name a newer interpreter of the project's with --python.",
            )
        if status >= 0 and not self.booted:
            return no_python(self.python, last_lines)
        return died(status, request, _text(self.crash), last_lines)

    def _send(self, request: Request, answer: str, stacks: str) -> None:
        import json

        body = {
            "target": request.target,
            "workdir": str(request.workdir.resolve()),
            "answer": answer,
            "stacks": stacks,
            "timeout": request.timeout,
            "argv": ["celery", "-A", request.target, "report"],
        }
        assert self.process.stdin is not None
        # Where it died before it read, its status and last words tell why.
        with suppress(OSError):
            self.process.stdin.write(json.dumps(body).encode() + b"\n")
        with suppress(OSError):
            self.process.stdin.close()

    def _wait(self, timeout: float, stacks: str) -> bool:
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
        self._remove_folder()

    def _remove_folder(self) -> None:
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


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
