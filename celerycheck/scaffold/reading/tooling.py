"""What the project's own tools are told: the length of its lines, and whether pytest runs its tests."""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_LENGTH = 88
"""Black's and Ruff's own."""

INI_FILES = ("setup.cfg", "tox.ini", ".flake8")


def line_length(root: Path) -> int:
    """The length that Ruff, Black or Flake8 is told, in this order; in `root` or the repository around it."""
    for folder in upward(root):
        for name in (".ruff.toml", "ruff.toml"):
            found = number(toml(folder / name).get("line-length"))
            if found:
                return found
        tool = table(toml(folder / "pyproject.toml").get("tool"))
        for name in ("ruff", "black"):
            found = number(table(tool.get(name)).get("line-length"))
            if found:
                return found
        for name in INI_FILES:
            found = number(ini(folder / name, "flake8").get("max-line-length"))
            if found:
                return found
    return DEFAULT_LENGTH


def configured(root: Path, tool: str) -> bool:
    """Whether the project configures a tool (`ruff`, `black`)."""
    for folder in upward(root):
        if tool in table(toml(folder / "pyproject.toml").get("tool")):
            return True
        if any((folder / name).is_file() for name in (f"{tool}.toml", f".{tool}.toml")):
            return True
    return False


def runs_pytest(root: Path) -> bool:
    """Whether pytest is configured: it then runs the tests, installed or not where this was asked."""
    for folder in upward(root):
        tool = table(toml(folder / "pyproject.toml").get("tool"))
        files = any((folder / name).is_file() for name in ("pytest.ini", ".pytest.ini", "conftest.py"))
        if (
            files
            or "pytest" in tool
            or ini(folder / "setup.cfg", "tool:pytest")
            or ini(folder / "tox.ini", "pytest")
        ):
            return True
    return False


def collected_folders(root: Path) -> tuple[str, ...]:
    """The folders that pytest is told to collect, relative to `root`."""
    tool = table(toml(root / "pyproject.toml").get("tool"))
    options = table(table(tool.get("pytest")).get("ini_options"))
    told: object = options.get("testpaths")
    for name, section in (("pytest.ini", "pytest"), ("setup.cfg", "tool:pytest"), ("tox.ini", "pytest")):
        told = told or ini(root / name, section).get("testpaths")
    paths = told.split() if isinstance(told, str) else told if isinstance(told, list) else []
    return tuple(path.strip("/") for path in paths if isinstance(path, str))


def upward(root: Path) -> Iterator[Path]:
    """The folder and those around it, up to the repository's; only the folder outside of one."""
    folders = [root, *root.resolve().parents]
    top = next((number for number, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    yield from folders[: top + 1]


def toml(path: Path) -> Mapping[str, object]:
    """A TOML file; empty where there is none or it cannot be read."""
    try:
        return table(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def ini(path: Path, section: str) -> Mapping[str, str]:
    """A section of an INI file; empty where there is none or it cannot be read."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, configparser.Error):
        return {}
    return dict(parser[section]) if parser.has_section(section) else {}


def table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def number(value: object) -> int | None:
    """A length that makes sense: from 40 to 320 characters."""
    text = str(value)
    return int(text) if text.isdecimal() and 40 <= int(text) <= 320 else None
