"""How long commands take, measured so that a busy machine slows all of them alike."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

USUAL = range(2)
"""Exit codes of a program that did its work, whether or not it found something."""


@dataclass(frozen=True)
class Usage:
    """What one run took.

    - `seconds`: by the clock; `cpu`: of all its processes together.
    - `megabytes`: what its largest process held at most; 0 where the system does not tell.
    """

    seconds: float
    cpu: float = 0.0
    megabytes: float = 0.0


def environment() -> Mapping[str, str]:
    """This process's environment, but for what would have Python compile every module again in every run."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def usage(command: list[str], folder: Path, codes: Container[int] = USUAL) -> Usage:
    """What one run takes, its output thrown away. Raises RuntimeError for another exit code: failing is quick."""
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=quiet, stderr=quiet)
    if hasattr(os, "wait4"):
        _, status, used = os.wait4(process.pid, 0)
        taken = time.perf_counter() - started
        code = process.returncode = os.waitstatus_to_exitcode(status)
        found = Usage(taken, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
    else:
        code = process.wait()
        found = Usage(time.perf_counter() - started)
    if code not in codes:
        raise RuntimeError(f"{' '.join(command)} ended with {code}")
    return found


def usages(
    commands: list[list[str]], folder: Path, rounds: int, codes: Sequence[Container[int]] = ()
) -> list[Usage]:
    """What each command takes at the median, taken in turn after one round to warm up.

    `codes` holds the exit codes that each may end with, where those are not the usual ones. Raises RuntimeError for
    any other.
    """
    codes = codes or [USUAL] * len(commands)
    found: list[list[Usage]] = [[] for _ in commands]
    for number in range(rounds + 1):
        for index, command in enumerate(commands):
            taken = usage(command, folder, codes[index])
            if number:
                found[index].append(taken)
    return [
        Usage(
            statistics.median(one.seconds for one in column),
            statistics.median(one.cpu for one in column),
            statistics.median(one.megabytes for one in column),
        )
        for column in found
    ]


def medians(
    commands: list[list[str]], folder: Path, rounds: int, codes: Sequence[Container[int]] = ()
) -> list[float]:
    """The median time of each command, as `usages` takes it."""
    return [one.seconds for one in usages(commands, folder, rounds, codes)]
