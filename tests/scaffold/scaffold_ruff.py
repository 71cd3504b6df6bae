"""What ruff says of a text: the judge of everything that is laid out or sorted here."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

needs_ruff = pytest.mark.skipif(find_spec("ruff") is None, reason="ruff is not installed here")


def said(arguments, text):
    command = [sys.executable, "-m", "ruff", *arguments, "--isolated", "--stdin-filename", "one.py", "-"]
    done = subprocess.run(
        command, input=text.encode(), capture_output=True, check=False, cwd=Path(__file__).parent
    )
    assert not done.stderr or b"All checks passed" in done.stderr, done.stderr.decode()
    return done.stdout.decode()


def formatted(text, width=88):
    """The text as `ruff format` writes it."""
    return said(["format", "--line-length", str(width)], text)


def sorted_imports(text, first_party=(), width=88):
    """The text as ruff's import sorting leaves it."""
    names = ", ".join(f'"{name}"' for name in first_party)
    options = ["--config", f"lint.isort.known-first-party = [{names}]", "--line-length", str(width)]
    return said(["check", "--quiet", "--select", "I", "--fix", *options], text)
