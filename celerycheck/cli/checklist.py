"""`celerycheck checklist`."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def run(file: Path | None, workdir: Path, *, validate: bool) -> None:
    """Print the effective checklist, or only that it is in order. Raises ChecklistError."""
    from celerycheck import checklist

    path = file or checklist.find(workdir)
    policy = checklist.load(path)
    if validate:
        from celerycheck.reporters.harmless import carried, visible

        enabled = sum(item.enabled for item in policy.items)
        line = f"{path or 'the shipped checklist'} is in order: {enabled} items"
        sys.stdout.write(carried(visible(line), sys.stdout.encoding) + "\n")
        return
    from celerycheck.reporters import policy as reporter
    from celerycheck.reporters.page import Look

    reporter.write(policy, sys.stdout, Look.for_stream(sys.stdout, os.environ))


def print_starter(name: str) -> None:
    """Print a file that comes with celerycheck byte by byte: it is meant to become a file again."""
    from celerycheck.resources import resource

    sys.stdout.buffer.write(resource(name).read_bytes())
