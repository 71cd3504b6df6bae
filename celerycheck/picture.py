"""Takes the picture: hands the child what to look at, and reads back an App."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from celerycheck.child import Child, Relay
from celerycheck.errors import CelerycheckError, LoadError, UsageError
from celerycheck.loading import Request, TracedLoadError

if TYPE_CHECKING:
    from celerycheck.subjects import App  # the child starts before what it answers must be understood


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

    def done(self) -> bool:
        """Whether `result()` would answer at once."""
        return self._done.is_set()

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


__all__ = ["Child", "Request", "Taking", "failure_in", "take"]
