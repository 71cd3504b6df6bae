"""What importing a project does to the world outside is told, each once, and nothing of it is held back."""

import sys
from pathlib import Path

import pytest

from celerycheck.subjects import Location

HEAD = "import os, socket, subprocess, sys, tempfile, contextlib\nfrom celery import Celery\napp = Celery()\n"
CONNECT = """
def connect(address):
    with contextlib.suppress(OSError), socket.socket() as sock:
        sock.connect(address)
"""
RESOLVE = "sys.path.append('site-packages')\nimport resolver\n"
RESOLVER = """
import socket, sys
def getaddrinfo(host, port, *args, **kwargs):
    sys.audit('socket.getaddrinfo', host, port, 0, 0, 0)
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, '', ('192.0.2.1', port))]
socket.getaddrinfo = getaddrinfo
"""
OPENED = "importing the app opened {} for writing"
TOLD = {
    "a connection": (
        CONNECT + "connect(('127.0.0.1', 9))\n",
        [("importing the app opened a connection to 127.0.0.1:9", 7)],
    ),
    "the same again": (
        CONNECT + "connect(('127.0.0.1', 9))\nconnect(('127.0.0.1', 9))\n",
        [("importing the app opened a connection to 127.0.0.1:9", 7)],
    ),
    "a look-up": (
        RESOLVE + "socket.getaddrinfo('mail.example', 25)\n",
        [("importing the app looked up the address of mail.example", 6)],
    ),
    "a look-up by a library": (
        RESOLVE + "with contextlib.suppress(OSError):\n    socket.create_connection(('mail.example', 25))\n",
        [("importing the app opened a connection to mail.example:25", 7)],
    ),
    "a process": (
        "subprocess.run([sys.executable, '-c', 'secret=1'])\n",
        [(f"importing the app started the process {Path(sys.executable).name}", 4)],
    ),
    "a command": (
        "os.system('/bin/true --password=x')\n",
        [("importing the app started the process true", 4)],
    ),
    "files": (
        "open('a', 'a').close()\nopen('b', 'xb').close()\nopen('a', 'r+').close()\nos.open('c', 66)\n",
        [(OPENED.format("a"), 4), (OPENED.format("b"), 5), (OPENED.format("c"), 7)],
    ),
    "many": (
        "for i in range(9): open(f'{i}.log', 'w').close()\n",
        [*((OPENED.format(f"{i}.log"), 4) for i in range(5)), ("and 4 more files", None)],
    ),
    "just one more": (
        "for i in range(6): open(f'{i}.log', 'w').close()\n",
        [(OPENED.format(f"{i}.log"), 4) for i in range(6)],
    ),
    "of several kinds": (
        CONNECT + "open('a', 'w').close()\nconnect(('127.0.0.1', 9))\n",
        [("importing the app opened a connection to 127.0.0.1:9", 7), (OPENED.format("a"), 8)],
    ),
}
SILENT = {
    "nothing": "",
    "reading": "open(__file__).close()\nopen(__file__, 'rb').close()\n",
    "the null device": "open(os.devnull, 'w').close()\n",
    "a terminal": "with contextlib.suppress(OSError): open('/dev/tty', 'w').close()\n",
    "a descriptor": "open(os.dup(1), 'w').close()\n",
    "byte code": "sys.dont_write_bytecode = False\nimport beside\n",
    "the folder for temporary files": "tempfile.tempdir = None\ntempfile.gettempdir()\n",
    "this machine": "socket.getaddrinfo('localhost', 9)\nsocket.getaddrinfo(socket.gethostname(), 9)\n"
    "socket.getaddrinfo('127.0.0.1', 9)\nsocket.getaddrinfo('::1', 9)\nsocket.getaddrinfo(None, 9)\n",
    "other events": "compile('1', 'x', 'exec')\nos.listdir('.')\nsocket.gethostname()\n",
    "later": "@app.task\ndef t(): open('never.log', 'w')\n",
}


@pytest.mark.parametrize("kind", TOLD)
def test_effects_are_told(take, kind):
    text, expected = TOLD[kind]
    app = take(
        {"proj.py": HEAD + text, "beside.py": "", "site-packages/resolver.py": RESOLVER}, connects=True
    ).app
    assert [(note.text, note.location and note.location.line) for note in app.notes] == expected


@pytest.mark.parametrize("kind", SILENT)
def test_what_is_none_is_not_told(take, kind):
    app = take({"proj.py": HEAD + SILENT[kind], "beside.py": ""}).app
    assert app.notes == ()


def test_a_file_elsewhere_has_its_whole_name(take, tmp_path):
    name = tmp_path / "outside.log"
    app = take({"proj.py": HEAD + f"open({str(name)!r}, 'w').close()\n"}).app
    assert [note.text for note in app.notes] == [OPENED.format(name)]
    assert name.exists()


def test_nothing_stops_the_import(take):
    """Arguments of a kind that no hook expects."""
    text = "for event in ('open', 'socket.connect', 'socket.getaddrinfo', 'subprocess.Popen', 'os.system'):\n"
    text += "    sys.audit(event)\n    sys.audit(event, object(), object(), object(), object())\n"
    app = take({"proj.py": HEAD + text}).app
    assert app.notes == ()


def test_what_its_modules_do_is_told_too(take):
    app = take(
        {
            "proj.py": HEAD + "app.conf.include = ['jobs']\nimport helper\n",
            "jobs.py": "import helper\nhelper.write('jobs.log')\n",
            "helper.py": "def write(name):\n    with open(name, 'w'): pass\n",
        }
    ).app
    assert [(note.text, note.location) for note in app.notes] == [
        (OPENED.format("jobs.log"), Location("helper.py", 2))
    ]
