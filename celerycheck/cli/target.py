"""Which app to audit where none is named: Celery's own variables, then pyproject.toml."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from celerycheck.errors import UsageError


def target(named: str | None, workdir: Path) -> str:
    """The app's name. Raises UsageError where nobody names one."""
    for candidate in (named, os.environ.get("CELERY_APP"), os.environ.get("APP"), from_pyproject(workdir)):
        if candidate:
            return candidate
    raise UsageError(
        "no app was named",
        "Name it as for `celery -A` (celerycheck audit proj), or once and for all in pyproject.toml: "
        'app = "proj" under [tool.celerycheck].',
    )


def from_pyproject(workdir: Path) -> str | None:
    """`app` under `[tool.celerycheck]`; None where there is none. Raises UsageError for a broken file."""
    path = workdir / "pyproject.toml"
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", "Name the app.") from None
    if "celerycheck" not in text:
        return None
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        table = tomllib.loads(text).get("tool", {}).get("celerycheck", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from None
    app = table.get("app") if isinstance(table, dict) else None
    if app is not None and not isinstance(app, str):
        raise UsageError(f"{path}: [tool.celerycheck] app must be a string", 'For example app = "proj".')
    return app
