"""What an audit costs beside importing the app, on projects of three sizes."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import celery

from benchmarks import projects
from benchmarks.timing import Usage, medians, usages

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
    print("| tasks | audit | (a) import and finalize | (b) celery report | audit / a | audit / b | CPU / a |")
    print("|---|---|---|---|---|---|---|")
    held = {}
    with tempfile.TemporaryDirectory() as root:
        for size in SIZES:
            folder = Path(root, str(size))
            projects.make(folder, size)
            commands = [
                [*CELERYCHECK, "audit", "big"],
                [sys.executable, "-c", REGISTER],
                [*CELERY, "-A", "big", "report"],
            ]
            audit, register, report = usages(commands, folder, 11 if size < 10_000 else 3)
            held[size] = audit.megabytes, register.megabytes
            print("|", " | ".join(_row(size, audit, register, report)), "|", flush=True)
        ours, theirs = medians([[*CELERYCHECK, "--help"], [*CELERY, "--help"]], Path(root), 11)
    print()
    _print_memory(held)
    print(f"celerycheck --help {ours:.2f} s, celery --help {theirs:.2f} s: {ours / theirs:.2f}")


def _row(size: int, audit: Usage, register: Usage, report: Usage) -> tuple[str, ...]:
    times = (f"{one.seconds:.2f} s" for one in (audit, register, report))
    ratios = (audit.seconds / one.seconds for one in (register, report))
    cpu = f"{audit.cpu / register.cpu:.2f}" if register.cpu else "-"
    return (f"{size:,}", *times, *(f"{ratio:.2f}" for ratio in ratios), cpu)


def _print_memory(held: Mapping[int, tuple[float, float]]) -> None:
    """What the largest process of an audit and of (a) hold, and what each thousand tasks add to it."""
    least, most = min(held), max(held)
    thousands = (most - least) / 1_000
    for index, name in enumerate(("audit", "(a)")):
        sizes = ", ".join(f"{row[index]:.0f} MB at {size:,}" for size, row in held.items())
        more = (held[most][index] - held[least][index]) / thousands
        print(f"Memory of {name}: {sizes}; {more:.0f} MB for each 1,000 tasks")
