"""Files the user names: read whole, or written whole so that the old one survives a failure."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from celerycheck.errors import UsageError


def read(path: Path, what: str) -> str:
    """The text of a file; `what` is what messages call it. Raises UsageError."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{what} {path} is not UTF-8 text", "Is it the file you mean?") from None
    except OSError as error:
        raise UsageError(
            f"{what} {path} cannot be read: {error.strerror or error}", "Name a file that can be."
        ) from None


def write(path: Path, text: str, what: str) -> None:
    """Write a file in one step; devices and pipes are written to directly. Raises UsageError."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            path.write_text(text, encoding="utf-8", errors="backslashreplace")
            return
        replace(path, text)
    except OSError as error:
        raise UsageError(
            f"{what} cannot be written to {path}: {error.strerror or error}",
            "Name a file in a folder you may write to.",
        ) from None


def replace(path: Path, text: str) -> None:
    """Write beside `path` and move over it. Raises OSError; nothing is left behind then."""
    if path.is_dir():
        raise IsADirectoryError(21, "it is a folder")
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    target = path.resolve()
    draft = target.with_name(f".celerycheck-{secrets.token_hex(6)}")
    try:
        with draft.open("x", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if target.exists():
            draft.chmod(target.stat().st_mode & 0o777)
        draft.replace(target)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
