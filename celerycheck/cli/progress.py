"""A line on the terminal while loading takes long, out of the way of what the user's code prints."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING

from celerycheck.reporters.harmless import visible

if TYPE_CHECKING:
    from typing_extensions import Self

PATIENCE = 1.0
"""Seconds without a word."""


class Progress:
    """`with Progress("loading shop") as progress`: relays lines to stderr, and tells time on a terminal."""

    def __init__(self, what: str) -> None:
        self.what = visible(what)[:60]
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._shown = 0
        self._thread = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Self:
        if sys.stderr.isatty():
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        if self._thread.is_alive():
            self._thread.join()
        self._clear()

    def relay(self, line: str) -> None:
        """One line that the user's code printed."""
        with self._lock:
            self._clear()
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    def _tick(self) -> None:
        started = time.monotonic()
        while not self._done.wait(PATIENCE):
            with self._lock:
                line = f"{self.what} ({time.monotonic() - started:.0f} s)"
                sys.stderr.write(f"\r{line}")
                sys.stderr.flush()
                self._shown = len(line)

    def _clear(self) -> None:
        if self._shown:
            # Blanks, because a dumb terminal knows no sequence that erases.
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0
