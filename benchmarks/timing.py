"""How long commands take, measured so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import subprocess
import time
from pathlib import Path


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
