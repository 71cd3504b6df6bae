"""Bytes of a Python file as text and back: byte order mark, cookie and line endings stay."""

from __future__ import annotations

import io
import tokenize

from celerycheck.errors import UsageError


def decoded(data: bytes, path: str) -> tuple[str, str]:
    """The text of a Python file, line endings kept, and the codec to write it with. Raises UsageError."""
    try:
        codec, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return data.decode(codec), codec
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise unreadable(path, f"line {line}: it is not {error.encoding}") from None
    except (SyntaxError, LookupError) as error:
        raise unreadable(path, f"line 1: {error}") from None


def encoded(text: str, codec: str, path: str) -> bytes:
    """The bytes of a file that was read with `codec`. Raises UsageError where it cannot hold the text."""
    try:
        return text.encode(codec)
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{path} is kept in {codec}, which has no {text[error.start]!r}",
            "Turn the file into UTF-8 first.",
        ) from None


def unreadable(path: str, why: str) -> UsageError:
    """What is raised about a file that cannot be read as Python."""
    return UsageError(f"{path} cannot be read as Python: {why}, mend it first", "Nothing was written.")
