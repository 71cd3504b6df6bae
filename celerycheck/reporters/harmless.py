"""Text that users wrote, made fit for a terminal: nothing lost, nothing that acts on the terminal."""

from __future__ import annotations


def escaped(character: str) -> str:
    """A character as Python would write it in a literal: `\\x1b`, `\\u202e`, `\\n`."""
    short = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    if character in short:
        return short[character]
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str, *, lines: bool = False) -> str:
    """`text` with each character that is invisible or acts on a terminal written as an escape.

    That is every control character, bidirectional override, zero-width character, exotic space and
    lone surrogate. With `lines`, line breaks stay line breaks and tabs become four spaces.
    """
    if lines:
        text = text.replace("\r\n", "\n").replace("\t", "    ")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or (lines and c == "\n") else escaped(c) for c in text)


def name(text: str) -> str:
    """A name as it is shown: quoted where it is empty or where its ends are blank."""
    shown = visible(text)
    return shown if shown and shown == shown.strip() else f'"{shown}"'


def carried(text: str, encoding: str | None) -> str:
    """`text` with what `encoding` cannot carry written as escapes; None carries everything."""
    if encoding is None or text.isascii():
        return text
    return text.encode(encoding, "backslashreplace").decode(encoding)


def carries(text: str, encoding: str | None) -> bool:
    """Whether `text` is harmless and `encoding` can carry it; None carries everything."""
    return text.isprintable() and carried(text, encoding) == text
