"""Which app to audit where none is named: the variables Celery reads, then pyproject.toml."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from celerycheck.errors import UsageError

VARIABLES = ("APP", "CELERY_APP")
"""In the order of Celery's own command line."""

NEW_TASK = "new-task"
KEYS = ("app", NEW_TASK)


class NoApp(UsageError):
    """Nobody names an app."""


@dataclass(frozen=True)
class Target:
    """An app's name; `origin` says who named it, empty for the command line."""

    name: str
    origin: str = ""


def target(named: str | None, workdir: Path, example: str = "celerycheck audit proj") -> Target:
    """The app, named as in `example`. Raises NoApp where nobody names one, UsageError for a broken file."""
    if named is not None:
        return Target(named)
    for variable in VARIABLES:
        if os.environ.get(variable):
            return Target(os.environ[variable], f"the environment variable {variable}")
    name = from_pyproject(workdir)
    if name is not None:
        return Target(name, f"[tool.celerycheck] in {workdir / 'pyproject.toml'}")
    raise NoApp(
        "no app was named",
        f"Name it as for `celery -A` ({example}), or once and for all in pyproject.toml: "
        'app = "proj" under [tool.celerycheck].',
    )


def from_pyproject(workdir: Path) -> str | None:
    """`app` under `[tool.celerycheck]`; None where there is none. Raises UsageError for a broken file."""
    app = table_in(workdir).get("app")
    if app is None or (isinstance(app, str) and app.strip()):
        return app
    raise UsageError(
        f"{workdir / 'pyproject.toml'}: [tool.celerycheck] app must be an app's name",
        'For example app = "proj".',
    )


def new_task_table(workdir: Path) -> Mapping[str, object]:
    """`[tool.celerycheck.new-task]` as it stands; empty where there is none. Raises UsageError."""
    table = table_in(workdir).get(NEW_TASK, {})
    if isinstance(table, dict):
        return table
    raise UsageError(
        f"{workdir / 'pyproject.toml'}: [tool.celerycheck] {NEW_TASK} must be a table",
        f"Write its entries under [tool.celerycheck.{NEW_TASK}].",
    )


def table_in(workdir: Path) -> Mapping[str, object]:
    """`[tool.celerycheck]` of pyproject.toml, its keys known; else empty. Raises UsageError."""
    path = workdir / "pyproject.toml"
    if not path.is_file():
        return {}
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8 text", "Name the app on the command line.") from None
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror or error}", "Name the app on the command line."
        ) from None
    if "celerycheck" not in text:
        return {}
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        tools = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    return checked(tools.get("celerycheck", {}) if isinstance(tools, dict) else {}, path)


def checked(table: object, path: Path) -> Mapping[str, object]:
    if not isinstance(table, dict):
        raise UsageError(
            f"{path}: tool.celerycheck must be a table", 'app = "proj" under [tool.celerycheck].'
        )
    for key in table:
        if key not in KEYS:
            close = difflib.get_close_matches(key, KEYS, n=1)
            hint = (
                f"Did you mean {close[0]!r}?"
                if close
                else f"It takes app, and the table {NEW_TASK}; the rest is in celerycheck.yaml."
            )
            raise UsageError(f"{path}: [tool.celerycheck] has no key {key!r}", hint)
    return table
