"""`celerycheck explain`."""

from __future__ import annotations

import difflib
import os
import sys
from pathlib import Path

from celerycheck.errors import UsageError


def run(name: str, checklist_file: Path | None, workdir: Path) -> None:
    """Print what is known of one item of the effective checklist. Raises UsageError for an unknown one."""
    from celerycheck import checklist
    from celerycheck.checks import shipped
    from celerycheck.reporters import explain
    from celerycheck.reporters.page import Look

    policy = checklist.load(checklist_file or checklist.find(workdir))
    item = policy.item(name)
    check = shipped().get(name)
    if item is None and check is None:
        known = list(dict.fromkeys([*(entry.id for entry in policy.items), *shipped()]))
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        hint = f"Did you mean {' or '.join(close)}?" if close else "`celerycheck checklist` lists them all."
        raise UsageError(f"there is no check called {name!r}", hint)
    about = item or check
    assert about is not None
    explain.write(about, sys.stdout, Look.for_stream(sys.stdout, os.environ))
