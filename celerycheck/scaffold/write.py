"""A plan carried out: all its files, or none."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from celerycheck.errors import UsageError
from celerycheck.scaffold.plan import Change, Plan, inside


@dataclass(frozen=True)
class Staged:
    """A file ready to be moved to its place, and a copy of what stands there."""

    change: Change
    draft: Path
    target: Path
    backup: Path | None


def write(root: Path, plan: Plan) -> None:
    """Write every file of the plan beside its place, then move them all there.

    Raises UsageError, with the tree as it was, where a conflict is left, a file changed since it was planned,
    or one cannot be written.
    """
    if plan.conflicts:
        names = ", ".join(change.path for change in plan.conflicts)
        raise UsageError(f"other code is in the way in {names}", "Choose what to do with --on-conflict.")
    pending = [change for change in plan.changes if change.before != change.after]
    for change in pending:
        check_unchanged(root, change)
    with ExitStack() as undo:
        staged = [stage(root, change, undo) for change in pending]
        for file in staged:
            undo.callback(put_back, file)
            with blamed_on(file.change):
                file.draft.replace(file.target)
        undo.pop_all()
    for file in staged:
        if file.backup is not None:
            with suppress(OSError):
                file.backup.unlink()


def check_unchanged(root: Path, change: Change) -> None:
    """Raise UsageError where a file is no longer what the plan was made from."""
    target = root / change.path
    with blamed_on(change):
        now = target.read_bytes() if os.path.lexists(target) else None
    if inside(root, change.path) != change.path or now != change.before:
        raise UsageError(f"{change.path} changed while this was being planned", "Run it again.")


def stage(root: Path, change: Change, undo: ExitStack) -> Staged:
    """Write the new text, and a copy of the old one, beside the file; `undo` takes both back."""
    target = root / change.path
    token = secrets.token_hex(6)
    draft = target.with_name(f".celerycheck-{token}")
    backup = target.with_name(f".celerycheck-{token}-old") if change.before is not None else None
    file = Staged(change, draft, target, backup)
    with blamed_on(change):
        make_folders(target.parent, undo)
        if backup is not None:
            if not os.access(target, os.W_OK):
                raise PermissionError(13, "Permission denied")
            undo.callback(forget_copy, file)
            shutil.copy2(target, backup)
        undo.callback(forget, draft)
        with draft.open("xb") as out:
            out.write(change.after)
            out.flush()
            os.fsync(out.fileno())
        if backup is not None:
            shutil.copymode(target, draft)
    return file


def make_folders(folder: Path, undo: ExitStack) -> None:
    """Make a folder and what is missing above it; `undo` takes them away again. Raises OSError."""
    if folder.is_dir():
        return
    make_folders(folder.parent, undo)
    folder.mkdir()
    undo.callback(forget, folder)


def put_back(file: Staged) -> None:
    """Restore what stood in a place that a file was moved to. Raises UsageError where even that fails."""
    if file.draft.exists():
        return
    try:
        if file.backup is None:
            file.target.unlink()
        else:
            file.backup.replace(file.target)
    except OSError as error:
        raise UsageError(
            f"{file.change.path} could not be put back: {error.strerror or error}",
            f"What it was is in {file.backup}." if file.backup else "Remove it.",
        ) from None


def forget_copy(file: Staged) -> None:
    """Remove the copy of a file, unless the file itself could not be put back."""
    if file.backup is not None:
        with suppress(OSError):
            if file.target.read_bytes() == file.change.before:
                file.backup.unlink()


def forget(path: Path) -> None:
    """Remove a file, or an empty folder, where it still is there and can be."""
    with suppress(OSError):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()


@contextmanager
def blamed_on(change: Change) -> Iterator[None]:
    """Turn a failure into a UsageError that names the file."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{change.path} cannot be written: {error.strerror or error}",
            "Nothing was changed. Mend that, then run it again.",
        ) from None
