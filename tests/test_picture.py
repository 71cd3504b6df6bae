"""The parent's side of the child process: what it makes of stacks, ends and answers."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest

from celerycheck.errors import LoadError, UsageError
from celerycheck.loading import died, innermost
from celerycheck.picture import Child, Request, Taking, failure_in, take

APP = 'from celery import Celery\n\napp = Celery("proj", broker="amqp://")\n'
WORKDIR = Path("/srv/proj")
SITE = "/srv/proj/.venv/lib/python3.11/site-packages/lib.py"


def stack(*frames, head="Thread 0x00007f01 (most recent call first):"):
    lines = [f'  File "{file}", line {line} in {name}' for file, line, name in frames]
    return "\n".join([head, *lines, ""])


OURS = ("/srv/proj/tasks.py", 7, "<module>")
STACKS = [
    pytest.param("", ("", ""), id="nothing was written"),
    pytest.param(stack(OURS), ("tasks.py:7", ""), id="in the project itself"),
    pytest.param(stack(("/lib/socket.py", 1, "connect"), OURS), ("tasks.py:7", "connect"), id="in a library"),
    pytest.param(
        stack((SITE, 3, "wait"), OURS), ("tasks.py:7", "wait"), id="in the project's own environment"
    ),
    pytest.param(stack(("/lib/socket.py", 1, "connect")), ("", "connect"), id="nothing of the project's"),
    pytest.param(stack(("/srv/project/a.py", 1, "f")), ("", "f"), id="a folder whose name begins alike"),
    pytest.param(
        "Timeout (0:00:01)!\n" + stack(("/srv/proj/other.py", 1, "run")) + "\n" + stack(OURS),
        ("tasks.py:7", ""),
        id="the main thread stands last",
    ),
    pytest.param(
        "Fatal Python error: Segmentation fault\n\n"
        + stack(OURS, head="Current thread 0x00007f02 (most recent call first):")
        + "\n"
        + stack(("/srv/proj/other.py", 1, "run")),
        ("tasks.py:7", ""),
        id="the thread that crashed stands first",
    ),
    pytest.param(
        stack(('/srv/proj/größe mit " quote.py', 1, "f")), ('größe mit " quote.py:1', ""), id="odd names"
    ),
]


@pytest.mark.parametrize(("text", "expected"), STACKS)
def test_innermost(text, expected):
    assert innermost(text, WORKDIR) == expected


ENDS = [
    (0, "", "ended with status 0 before"),
    (1, "", "ended with status 1 before"),
    (-signal.SIGKILL, "", "was ended by SIGKILL"),
    (-signal.SIGSEGV, stack(OURS), "was ended by SIGSEGV, at tasks.py:7"),
    (-signal.SIGSEGV, stack(("/lib/c.py", 1, "f"), OURS), "was ended by SIGSEGV, at tasks.py:7, in f()"),
    (-64, "", "was ended by "),
    (-250, "", "was ended by signal 250"),
]


@pytest.mark.parametrize(("status", "text", "message"), ENDS)
def test_died(status, text, message):
    error = died(status, Request("proj", WORKDIR), text, "last words")
    assert message in error.message
    assert error.hint
    assert error.trace == (text or "last words")


def test_failure_in():
    assert failure_in('{"picture": 1}') is None
    failure = failure_in('{"failure": "it is broken", "hint": "mend it", "trace": "here", "location": null}')
    assert (failure.message, failure.hint, failure.trace) == ("it is broken", "mend it", "here")


@pytest.fixture
def child():
    made = Child(sys.executable)
    yield made
    made.kill()
    assert not Path(made.folder).exists()
    assert made.process.poll() is not None
    assert made.process.stdin.closed
    assert made.process.stdout.closed


def test_take(child, project):
    app, text = take(Request("proj", project({"proj.py": APP})), print, child)
    assert (app.target, app.name) == ("proj", "proj")
    assert text.startswith("{")


def test_taking_hands_over_what_is_raised(child, tmp_path):
    with pytest.raises(LoadError, match="no module named 'gone'"):
        Taking(Request("gone", tmp_path), print, child).result()


def test_output_is_relayed_in_order(child, project):
    source = "import os, sys\nprint('one')\nos.write(1, b'two\\n')\nprint('three', file=sys.stderr)\n"
    lines = []
    take(Request("proj", project({"proj.py": source + APP})), lines.append, child)
    assert lines == ["one", "two", "three"]


def test_a_relay_that_fails_does_not_block_the_child(child, project):
    def relay(line):
        raise BrokenPipeError

    take(Request("proj", project({"proj.py": "print('x\\n' * 200_000)\n" + APP}), timeout=30), relay, child)


def test_killing_twice_is_killing_once(child):
    child.kill()
    child.kill()


def test_a_folder_that_is_none(child, tmp_path):
    with pytest.raises(UsageError, match="is no folder"):
        take(Request("proj", tmp_path / "gone"), print, child)


def test_an_interpreter_that_is_none(tmp_path):
    with pytest.raises(UsageError, match="cannot be run"):
        Child(str(tmp_path / "gone"))


def test_an_interpreter_that_is_too_old(project, tmp_path):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 97\n")
    python.chmod(0o755)
    child = Child(str(python))
    try:
        with pytest.raises(UsageError, match="is a Python older than"):
            take(Request("proj", project({"proj.py": APP})), print, child)
    finally:
        child.kill()


def test_safe_path_keeps_the_standard_library(project, monkeypatch):
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    child = Child(sys.executable)
    try:
        app, _ = take(Request("proj", project({"proj.py": APP})), print, child)
    finally:
        child.kill()
    assert app.name == "proj"
