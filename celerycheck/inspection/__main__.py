"""The child process: reads a request, takes the picture, writes the answer to a file.

The request is one line of JSON on standard input: `target`, `workdir`, `answer` (a file's path),
`argv` (what user code shall see as `sys.argv`), `timeout` (seconds) and `stacks` (a file for the stack of
a hang). Whatever user code prints goes to standard error.
"""

from __future__ import annotations

import gc
import json
import os
import sys
from contextlib import suppress
from typing import Any, Dict


def main() -> None:
    """Serve one request. Never returns: threads of the user's must not keep the process alive."""
    warm_up()
    line = sys.stdin.buffer.readline()
    if not line:
        os._exit(0)
    request = json.loads(line)
    silence(request)
    status = 0
    try:
        answer = picture_of(request)
    except KeyboardInterrupt:
        status, answer = 130, ""
    except MemoryError:
        status, answer = 3, failure("the app needs more memory than there is", "", "")
    if answer:
        write(request["answer"], answer)
    flush()
    os._exit(status)


def warm_up() -> None:
    """Import what is needed anyway while the parent still reads its command line."""
    # Nothing made while importing is garbage; collecting it costs a third of the time (facts 9.3).
    gc.disable()
    try:
        from celery import Celery  # noqa: F401

        from celerycheck.inspection import snapshot  # noqa: F401
    except ImportError:
        return  # explained once there is a request


def silence(request: Dict[str, Any]) -> None:
    """Give user code an empty standard input, standard error as its output, and a plausible `sys.argv`."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # open until the process ends
    sys.argv[:] = request["argv"]
    os.chdir(request["workdir"])
    watch_for_hang(request)


def watch_for_hang(request: Dict[str, Any]) -> None:
    """Write the stack to a file shortly before the parent gives up waiting."""
    import faulthandler

    stacks = open(request["stacks"], "w")  # noqa: SIM115  # open until the process ends
    faulthandler.dump_traceback_later(max(request["timeout"] - 0.5, request["timeout"] * 0.8), file=stacks)


def picture_of(request: Dict[str, Any]) -> str:
    """The picture as JSON, or the failure as JSON."""
    from celerycheck.errors import LoadError
    from celerycheck.inspection.failures import cause_of, trace_of

    try:
        import celery  # noqa: F401

        from celerycheck.inspection.encode import encode
        from celerycheck.inspection.snapshot import take
    except ImportError as error:
        missing = "Celery" if getattr(error, "name", "") == "celery" else "Celery, or what it needs,"
        return failure(
            f"{missing} cannot be imported by {sys.executable}: {cause_of(error)}",
            "Name the interpreter of the project's own environment with --python.",
            trace_of(error),
        )
    try:
        return encode(take(request["target"], request["workdir"]))
    except LoadError as error:
        location = getattr(error, "location", None)
        return failure(error.message, error.hint, getattr(error, "trace", ""), location)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  # a mistake of celerycheck's own, or an object it did not expect
        return failure(
            f"celerycheck could not read {request['target']}: {cause_of(error)}",
            "That is a mistake in celerycheck: please report it with what --debug shows.",
            trace_of(error),
        )


def failure(message: str, hint: str, trace: str, location: Any = None) -> str:
    place = vars(location) if location is not None else None
    return json.dumps({"failure": message, "hint": hint, "trace": trace, "location": place})


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()


if __name__ == "__main__":
    main()
