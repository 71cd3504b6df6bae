"""Real projects, written to a folder and pictured in a child process that cannot connect to anything."""

import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from celerycheck import picture
from celerycheck.subjects import App

NO_NETWORK = """
import os, socket, sys
record = open(os.environ["CONNECTIONS"], "a", buffering=1)
def refuse(sock, address):
    sys.audit("socket.connect", sock, address)
    print(address, file=record)
    raise ConnectionRefusedError("no connection is made in tests")
socket.socket.connect = socket.socket.connect_ex = refuse
"""


@dataclass
class Pictured:
    """A picture, its JSON, what the user's code printed, and what it tried to connect to."""

    app: App
    text: str
    output: list[str] = field(default_factory=list)
    connections: str = ""


UNSET = ("DJANGO_SETTINGS_MODULE", "CELERY_CONFIG_MODULE", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")


@pytest.fixture(scope="session")
def take(tmp_path_factory):
    """`take(files, target)`: writes the files, takes the picture; fails if anything tries to connect."""
    hook = tmp_path_factory.mktemp("hook") / "site-packages"  # no file of the project's
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(NO_NETWORK)

    def take_picture(files, target="proj", *, connects=False, env=(), **request):
        folder = tmp_path_factory.mktemp("project")
        record = folder / "connections"
        root = write(folder / "shop", files)
        output = []
        asked = picture.Request(target, root, **{"timeout": 30.0, **request})
        with pytest.MonkeyPatch.context() as patch:
            for name in UNSET:
                patch.delenv(name, raising=False)
            for name, value in {"PYTHONPATH": str(hook), "CONNECTIONS": str(record), **dict(env)}.items():
                patch.setenv(name, value)
            child = picture.Child(asked.python)
        app, text = picture.take(asked, output.append, child)
        connections = record.read_text() if record.exists() else ""
        assert connects or not connections
        return Pictured(app, text, output, connections)

    return take_picture


def write(root: Path, files: dict[str, str]) -> Path:
    """A project's files, dedented, every package with its `__init__.py`."""
    root.mkdir(exist_ok=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        for folder in path.relative_to(root).parents:
            marker = root / folder / "__init__.py"
            if str(folder) != "." and f"{folder.as_posix()}/__init__.py" not in files:
                marker.touch()
    return root
