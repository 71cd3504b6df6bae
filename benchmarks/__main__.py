"""`python -m benchmarks`: prints a table of ratios; asserts nothing, because a clock is no test.

Each row takes its commands in turn, several times over, so that a busy machine slows them all; the ratio is that of
the medians.
"""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import celery

from benchmarks import projects

SIZES = (100, 1_000, 10_000)
REGISTER = "from big.celery import app; app.loader.import_default_modules(); app.finalize()"
CELERY = [sys.executable, "-m", "celery"]
CELERYCHECK = [sys.executable, "-m", "celerycheck"]


def seconds(command: list[str], folder: Path) -> float:
    """How long one run takes, its output thrown away."""
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    return time.perf_counter() - started


def medians(commands: list[list[str]], folder: Path, rounds: int) -> list[float]:
    """The median time of each command, taken in turn after one round to warm up."""
    times: list[list[float]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for index, command in enumerate(commands):
            taken = seconds(command, folder)
            if number:
                times[index].append(taken)
    return [statistics.median(column) for column in times]


def main() -> None:
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


if __name__ == "__main__":
    main()
