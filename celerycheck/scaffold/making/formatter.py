"""Lays out what is made with the formatter that the project itself uses, where it has one."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from celerycheck.scaffold.reading.tooling import configured

Format = Callable[[str, str], str]
"""From a module's text and path to the text in the project's own layout."""

LIMIT = 20.0
"""Seconds after which the formatter is not waited for."""

COMMANDS = {"ruff": ("format", "--stdin-filename"), "black": ("--quiet", "--stdin-filename")}


def as_it_is(text: str, path: str) -> str:  # noqa: ARG001  # a Format
    """The layout of the templates: right for names of usual length."""
    return text


def formatter(root: Path, python: str) -> Format:
    """The formatter of a project that is run in `root` by that interpreter.

    The one that is configured, else one that is installed; without any, texts stay as templates lay them out.
    """
    tool = next((name for name in order(root) if _runs(python, name, root)), None)
    if tool is None:
        return as_it_is
    command = [python, "-m", tool, *COMMANDS[tool]]
    return lambda text, path: _formatted([*command, path, "-"], text, root)


def order(root: Path) -> list[str]:
    """The formatters, those that the project configures first."""
    return sorted(COMMANDS, key=lambda name: not configured(root, name))


def _runs(python: str, tool: str, root: Path) -> bool:
    return _answer([python, "-m", tool, "--version"], "", root) is not None


def _formatted(command: Sequence[str], text: str, root: Path) -> str:
    """The text as the formatter gives it back; as it was where the formatter fails."""
    return _answer(command, text, root) or text


def _answer(command: Sequence[str], text: str, root: Path) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  # the interpreter is the project's own
            command,
            cwd=root,
            input=text.encode(),
            capture_output=True,
            timeout=LIMIT,
            check=True,
        )
        return done.stdout.decode()
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
