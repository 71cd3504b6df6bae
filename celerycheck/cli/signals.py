"""Ctrl-C and requests to end: in order, so that the child, in a session of its own, ends too."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

NAMES = ("SIGINT", "SIGTERM", "SIGHUP")


def end_on_signals() -> None:
    """End as after Ctrl-C when told to by SIGTERM or SIGHUP, unless somebody chose otherwise."""
    for number in numbers():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  # what signal handlers are handed
    raise SystemExit(128 + number)


def numbers() -> list[signal.Signals]:
    """Those of the signals that this system has."""
    return [getattr(signal, name) for name in NAMES if hasattr(signal, name)]


@contextmanager
def held() -> Iterator[None]:
    """Put signals off while modules are imported, and act on them afterwards.

    What a handler raises in the middle of an import can land in a callback that drops it, or make
    CPython end by the signal itself; either way nobody would be told in order.
    """
    waiting: list[int] = []
    handlers = {number: signal.getsignal(number) for number in numbers()}
    for number, handler in handlers.items():
        if callable(handler):
            signal.signal(number, lambda got, _: waiting.append(got))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if callable(handler):
                signal.signal(number, handler)
    for got in waiting:
        handler = handlers[signal.Signals(got)]
        if callable(handler):
            handler(got, None)
