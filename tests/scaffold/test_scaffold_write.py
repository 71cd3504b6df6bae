"""All files of a plan are written, or none; and its diff says what is."""

import errno
import hashlib
import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold import diff
from celerycheck.scaffold.pieces import Module, NewFile
from celerycheck.scaffold.plan import plan
from celerycheck.scaffold.write import write

TASK = "def charge(invoice_id: int) -> None:\n    print(invoice_id)\n"
FILES = {
    "billing/__init__.py": b"",
    "billing/services.py": b'"""Services."""\n\n\ndef other() -> None: ...\n',
    "billing/windows.py": b'"""Services."""\r\n\r\nX = 1\r\n',
    "billing/unfinished.py": b"X = 1\n# end",
    "billing/latin.py": "# coding: latin-1\nX = 'ä'\n".encode("latin-1"),
    "billing/other.py": TASK.replace("print", "str").encode(),
    "billing/feed.py": b"X = 1\n\x0c\nY = '\xe2\x80\xa8'\n",
    "billing/two words.py": b"X = 1\n",
}
PIECES = [
    *(Module(path, TASK) for path in FILES if path != "billing/__init__.py"),
    NewFile("billing/__init__.py", "", keep=True),
    NewFile("new/__init__.py", ""),
    NewFile("new/deeper/tasks.py", TASK),
    NewFile("new/deeper/unfinished.py", "X = 1"),
    NewFile("new/deeper/größe.py", "X = 'é'\n"),
    NewFile("new/two words.py", TASK),
]


@pytest.fixture
def root(tmp_path):
    """A project with files of every kind."""
    folder = tmp_path / "project"
    for path, data in FILES.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    (folder / "billing/services.py").chmod(0o755)
    return folder


def tree(root):
    """Every file and folder below `root`, with its mode and the hash of what it holds."""
    return {
        path.relative_to(root).as_posix(): (
            stat.filemode(path.lstat().st_mode),
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in root.rglob("*")
    }


def planned(root, on_conflict="overwrite"):
    return plan(root, PIECES, on_conflict=on_conflict)


def test_written(root):
    made = planned(root)
    write(root, made)
    for change in made.changes:
        assert (root / change.path).read_bytes() == change.after
    assert not [path for path in root.rglob("*") if path.name.startswith(".")]
    assert stat.S_IMODE((root / "billing/services.py").stat().st_mode) == 0o755
    again = planned(root)
    assert {change.status for change in again.changes} == {"identical"}
    after = tree(root)
    write(root, again)
    assert tree(root) == after


def test_the_diff_is_what_is_written(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy)
    made = planned(root)
    write(root, made)
    patch = diff.unified(made).encode("utf-8", errors="surrogateescape")
    command = ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "-"]
    done = subprocess.run(command, cwd=copy, input=patch, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert tree(copy) == tree(root)


def test_the_diff_of_a_conflict(root):
    text = diff.unified(plan(root, [Module("billing/other.py", TASK)], on_conflict="abort"))
    assert text == (
        "diff --git a/billing/other.py b/billing/other.py\n"
        "--- a/billing/other.py\n+++ b/billing/other.py\n"
        "@@ -1,2 +1,2 @@\n"
        " def charge(invoice_id: int) -> None:\n-    str(invoice_id)\n+    print(invoice_id)\n"
    )


def test_nothing_to_do_is_no_diff(root):
    write(root, planned(root))
    assert diff.unified(planned(root)) == ""


def test_a_link_stays_a_link(root):
    (root / "link.py").symlink_to("billing/services.py")
    write(root, plan(root, [Module("link.py", TASK)], on_conflict="abort"))
    assert (root / "link.py").is_symlink()
    assert b"def charge" in (root / "billing/services.py").read_bytes()


# Nothing, rather than half of it.


def refused(root, made, message):
    before = tree(root)
    with pytest.raises(UsageError, match=message):
        write(root, made)
    assert tree(root) == before


def test_conflicts(root):
    refused(root, planned(root, "abort"), r"other code is in the way in billing/other\.py")


def test_a_file_changed_meanwhile(root):
    made = planned(root)
    (root / "billing/services.py").write_bytes(b"X = 2\n")
    refused(root, made, r"billing/services\.py changed while this was being planned")


def test_a_file_removed_meanwhile(root):
    made = planned(root)
    (root / "billing/services.py").unlink()
    refused(root, made, r"billing/services\.py changed while")


def test_a_file_made_meanwhile(root):
    made = planned(root)
    (root / "new").mkdir()
    (root / "new/__init__.py").write_bytes(b"")
    refused(root, made, r"new/__init__\.py changed while")


def test_a_link_made_meanwhile(root, tmp_path):
    made = planned(root)
    (root / "new").symlink_to(tmp_path)
    refused(root, made, r"(lies outside|changed while)")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["project"]


def test_a_file_in_the_place_of_a_folder(root):
    made = planned(root)
    (root / "new").write_bytes(b"")
    refused(root, made, r"new/__init__\.py ")


CALLS = {
    "making a folder": (Path, "mkdir", 2),
    "writing": (os, "fsync", 13),
    "copying": (shutil, "copy2", 7),
    "moving": (Path, "replace", 12),
}


def failing(monkeypatch, owner, name, number, error):
    """Make the `number`th call of a function fail, and no other."""
    real, calls = getattr(owner, name), []

    def call(*arguments, **options):
        calls.append(arguments)
        if len(calls) == number:
            raise error
        return real(*arguments, **options)

    monkeypatch.setattr(owner, name, call)
    return calls


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        pytest.param(owner, name, number, id=f"{what} {number}")
        for what, (owner, name, last) in CALLS.items()
        for number in range(1, last)
    ],
)
def test_a_full_disk(root, monkeypatch, owner, name, number):
    made = planned(root)
    failing(monkeypatch, owner, name, number, OSError(errno.ENOSPC, "No space left on device"))
    refused(root, made, r"cannot be written: No space left on device")


@pytest.mark.parametrize("number", [1, 5, 11])
def test_interrupted(root, monkeypatch, number):
    made, before = planned(root), tree(root)
    failing(monkeypatch, Path, "replace", number, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        write(root, made)
    assert tree(root) == before


def test_what_cannot_be_put_back_is_kept(root, monkeypatch):
    made = plan(root, PIECES[:2], on_conflict="overwrite")
    old = (root / made.changes[0].path).read_bytes()
    real, calls = Path.replace, []

    def call(*arguments):
        calls.append(arguments)
        if len(calls) > 1:
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments)

    monkeypatch.setattr(Path, "replace", call)
    with pytest.raises(UsageError, match=r"could not be put back: Input/output error") as caught:
        write(root, made)
    name = caught.value.hint.removeprefix("What it was is in ").removesuffix(".")
    assert Path(name).read_bytes() == old


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("path", ["billing", "billing/services.py", "."])
def test_read_only(root, path):
    made = planned(root)
    mode = (root / path).stat().st_mode
    (root / path).chmod(mode & ~0o222)
    try:
        refused(root, made, "cannot be written: Permission denied")
    finally:
        (root / path).chmod(mode)
