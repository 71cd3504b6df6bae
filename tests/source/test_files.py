"""Which files are looked at, on disk and in memory alike."""

from __future__ import annotations

import pytest

from celerycheck.source.files import DiskFiles, MemoryFiles, is_test_file

PATHS = [
    "app.py",
    "build/lib/proj/tasks.py",
    "env/lib/python3/site.py",
    "notes.txt",
    "proj/__init__.py",
    "proj/build/__init__.py",
    "proj/build/tasks.py",
    "proj/deep/er/still.py",
    "proj/node_modules/x.py",
    "proj/.hidden/x.py",
    "other/pyvenv.cfg",
    "other/lib/x.py",
    "venv/lib/x.py",
]
SEEN = [
    "app.py",
    "proj/__init__.py",
    "proj/build/__init__.py",
    "proj/build/tasks.py",
    "proj/deep/er/still.py",
]


@pytest.fixture
def disk(tmp_path):
    for path in PATHS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"# {path}\n")
    return DiskFiles(tmp_path)


def test_what_tools_made_is_left_out(disk):
    assert list(disk.walk("")) == SEEN
    assert list(disk.walk("proj")) == SEEN[1:]
    assert list(disk.walk("nowhere")) == []


@pytest.mark.parametrize("depth", [0, 1, 2, 3, None])
def test_no_further_down_than_asked(disk, depth):
    near = [path for path in SEEN if depth is None or path.count("/") <= depth]
    assert list(disk.walk("", depth)) == near
    assert list(MemoryFiles(dict.fromkeys(SEEN, "")).walk("", depth)) == near


def test_content(disk):
    assert disk.read("app.py") == b"# app.py\n"
    assert disk.read("gone.py") is None
    assert disk.read("proj") is None
    assert MemoryFiles({"a.py": "ä"}).read("a.py") == "ä".encode()
    assert MemoryFiles({}).read("a.py") is None


@pytest.mark.parametrize(
    ("path", "is_test"),
    [
        ("tests/test_api.py", True),
        ("proj/tests/helpers.py", True),
        ("proj/test_api.py", True),
        ("proj/api_test.py", True),
        ("proj/tests.py", True),
        ("conftest.py", True),
        ("proj/testing_tools.py", False),
        ("proj/contest.py", False),
        ("proj/latest/api.py", False),
        ("proj/attest.py", False),
    ],
)
def test_what_is_a_test(path, is_test):
    assert is_test_file(path) is is_test
