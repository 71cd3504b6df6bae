"""How long commands take, measured so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Container, Sequence
from pathlib import Path

USUAL = range(2)
"""Exit codes of a program that did its work, whether or not it found something."""


def seconds(command: list[str], folder: Path, codes: Container[int] = USUAL) -> float:
    """How long one run takes, its output thrown away. Raises RuntimeError for another exit code: failing is quick."""
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    )
    taken = time.perf_counter() - started
    if done.returncode not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}")
    return taken


def medians(
    commands: list[list[str]], folder: Path, rounds: int, codes: Sequence[Container[int]] = ()
) -> list[float]:
    """The median time of each command, taken in turn after one round to warm up.

    `codes` holds the exit codes that each may end with, where those are not the usual ones. Raises RuntimeError for
    any other.
    """
    codes = codes or [USUAL] * len(commands)
    times: list[list[float]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for index, command in enumerate(commands):
            taken = seconds(command, folder, codes[index])
            if number:
                times[index].append(taken)
    return [statistics.median(column) for column in times]
