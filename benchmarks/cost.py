"""What an audit costs beside importing the app, on projects of three sizes."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from pathlib import Path

import celery

from benchmarks import projects
from benchmarks.timing import medians

SIZES = (100, 1_000, 10_000)
REGISTER = "from big.celery import app; app.loader.import_default_modules(); app.finalize()"
CELERY = [sys.executable, "-m", "celery"]
CELERYCHECK = [sys.executable, "-m", "celerycheck"]


def report() -> None:
    """Run all and print the table."""
    print(
        f"Python {platform.python_version()}, Celery {celery.__version__}, {os.cpu_count()} cores, {platform.system()}"
    )
    print()
    print("| tasks | audit | (a) import and finalize | (b) celery report | audit / a | audit / b |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as root:
        for size in SIZES:
            folder = Path(root, str(size))
            projects.make(folder, size)
            commands = [
                [*CELERYCHECK, "audit", "big"],
                [sys.executable, "-c", REGISTER],
                [*CELERY, "-A", "big", "report"],
            ]
            audit, register, report = medians(commands, folder, 11 if size < 10_000 else 3)
            row = (f"{size:,}", f"{audit:.2f} s", f"{register:.2f} s", f"{report:.2f} s")
            print(
                "|", " | ".join((*row, f"{audit / register:.2f}", f"{audit / report:.2f}")), "|", flush=True
            )
        ours, theirs = medians([[*CELERYCHECK, "--help"], [*CELERY, "--help"]], Path(root), 11)
    print()
    print(f"celerycheck --help {ours:.2f} s, celery --help {theirs:.2f} s: {ours / theirs:.2f}")
