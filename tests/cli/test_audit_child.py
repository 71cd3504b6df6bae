"""What the user's code may do to the process that loads it, and to ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from conftest import LIMIT, command, environment

APP = 'from celery import Celery\n\napp = Celery("proj", broker="amqp://")\n'
NOISE = (
    "import os, subprocess, sys, warnings\n\n"
    "print('from print')\nos.write(1, b'from os.write\\n')\nsubprocess.run(['echo', 'from a subprocess'])\n"
    "sys.stdout.write('without an end')\nwarnings.warn('from a warning')\n"
)
ENDS = [
    pytest.param("import time\n\n\ntime.sleep(60)\n", ["after 0.8 s, at proj.py:4"], id="hang"),
    pytest.param(
        "import queue\n\n\ndef wait():\n    queue.Queue().get()\n\n\nwait()\n",
        ["at proj.py:5, in wait()", "--load-timeout"],
        id="hang in a library",
    ),
    pytest.param(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\ntime.sleep(60)\n",
        ["at proj.py:3"],
        id="hang beside a thread",
    ),
    pytest.param(
        "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n",
        ["was ended by SIGKILL", "memory"],
        id="SIGKILL",
    ),
    pytest.param(
        "import ctypes\n\nctypes.string_at(0)\n", ["was ended by SIGSEGV, at proj.py:3", "in C"], id="SIGSEGV"
    ),
    pytest.param("import os\n\nos.abort()\n", ["was ended by SIGABRT, at proj.py:3"], id="SIGABRT"),
    pytest.param(
        "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)\n", ["was ended by SIGTERM"], id="SIGTERM"
    ),
    pytest.param(
        "import os\nprint('last words')\nos._exit(0)\n",
        ["last words", "status 0", "os._exit()"],
        id="os._exit(0)",
    ),
    pytest.param("import os\nos._exit(7)\n", ["status 7"], id="os._exit(7)"),
    pytest.param("import os\nos._exit(3)\n", ["status 3"], id="os._exit(3)"),
    pytest.param(
        "import resource as r\nr.setrlimit(r.RLIMIT_AS, (1 << 29, 1 << 29))\nx = bytearray(1 << 30)\n",
        ["proj.py:3", "MemoryError"],
        id="MemoryError",
    ),
]


@pytest.mark.parametrize(("source", "needles"), ENDS)
def test_the_child_ends_badly(here, project, source, needles):
    timeout = "0.8" if "wait()" in source or "time.sleep" in source else "30"
    run = here("audit", "proj", "--load-timeout", timeout, cwd=project({"proj.py": source}))
    run.check(3, *needles, never=("Traceback", "Fatal Python error", "most recent call"))
    assert run.out == ""


def test_debug_shows_where_a_crash_stood(here, project):
    folder = project({"proj.py": "import ctypes\n\nctypes.string_at(0)\n"})
    run = here("audit", "proj", "--debug", cwd=folder)
    run.check(3, "Fatal Python error: Segmentation fault", "string_at")


@pytest.mark.parametrize(
    "source",
    [
        pytest.param(
            "import threading, time\nthreading.Thread(target=time.sleep, args=(60,)).start()\n", id="thread"
        ),
        pytest.param("import subprocess\nchild = subprocess.Popen(['sleep', '60'])\n", id="process"),
        pytest.param(
            "import subprocess\nchild = subprocess.Popen(['sleep', '3'], start_new_session=True)\n",
            id="process in a session of its own",
        ),
        pytest.param("import atexit, time\natexit.register(time.sleep, 60)\n", id="atexit"),
        pytest.param("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n", id="deaf to SIGTERM"),
        pytest.param("import os\nos.closerange(3, 64)\n", id="closes what it inherits"),
        pytest.param("print('x' * 1_000_000)\n", id="prints a lot"),
        pytest.param("import sys\nsys.stdout = sys.stderr = None\n", id="no streams"),
    ],
)
def test_what_is_left_behind_does_not_hold_us(here, project, source):
    started = time.monotonic()
    run = here("audit", "proj", "--format", "json", cwd=project({"proj.py": source + APP}))
    assert run.check(0).report["target"] == "proj"
    assert time.monotonic() - started < 15


def test_prints_go_to_stderr(celerycheck, project, report_schema):
    folder = project({"proj.py": NOISE + APP})
    run = celerycheck("audit", "proj", "--format", "json", cwd=folder)
    needles = (
        "from print",
        "from os.write",
        "from a subprocess",
        "without an end",
        "UserWarning: from a warning",
    )
    run.check(0, *needles)
    report_schema.validate(run.report)
    assert "from" not in run.out.split('"items"')[0]


def test_standard_input_is_left_alone(project):
    folder = project({"proj.py": "import sys\nsys.stdin.read()\n" + APP})
    script = f"{sys.executable} -m celerycheck audit proj >/dev/null 2>&1; cat"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env=environment(),
        input=b"still here",
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.stdout == b"still here"


def test_the_child_imports_nothing_of_ours(here, project):
    source = (
        "import sys\n\nours = {'typer', 'rich', 'questionary', 'jinja2'} & set(sys.modules)\n"
        "assert not ours, ours\nassert sys.argv[0] == 'celery', sys.argv\n"
        "assert __import__('settings').MINE\n"
    )
    here("audit", "proj", cwd=project({"proj.py": source + APP, "settings.py": "MINE = True\n"})).check(0)


def test_python_names_the_interpreter(here, project, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nMARK=yes exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    folder = project({"proj.py": "import os\n\nassert os.environ['MARK']\n" + APP})
    here("audit", "proj", "--python", python, cwd=folder).check(0)


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def in_group(group: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with suppress(OSError):
                if os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
    return found


def eventually(condition, seconds: float = 30.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


HEEDING = (
    "import os, signal, sys\n"
    "for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP): signal.signal(number, signal.SIG_DFL)\n"
    "os.execv(sys.argv[1], sys.argv[1:])\n"
)
"""Undoes what `nohup` and a shell's `&` leave to what they start: some signals ignored, on purpose."""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=str
)
def test_signals_stop_both(project, number, code):
    source = (
        "import os, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "with open('pids.draft', 'w') as file:\n    file.write(f'{os.getpid()} {child.pid}')\n"
        "os.rename('pids.draft', 'pids')\n"
        "time.sleep(60)\n"
    )
    folder = project({"proj.py": source})
    with subprocess.Popen(
        [sys.executable, "-c", HEEDING, *command("audit", "proj")],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            assert eventually((folder / "pids").exists)
            process.send_signal(number)
            out, err = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    # Where Ctrl-C falls into an `eval` of a string, CPython ends by the signal itself however it was
    # handled; shells show both as 130.
    assert process.returncode in (code, -number)
    assert out == b""
    assert b"Traceback" not in err
    assert err == (b"celerycheck: stopped\n" if number == signal.SIGINT else b"")
    pids = [int(pid) for pid in (folder / "pids").read_text().split()]
    assert eventually(lambda: not any(map(alive, pids)), 5)
    assert [pid for pid in in_group(pids[0]) if alive(pid)] == []
