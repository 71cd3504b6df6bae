"""Lines are broken as Ruff breaks them."""

from __future__ import annotations

import subprocess
import sys

import pytest
from scaffold_ruff import needs_ruff

from celerycheck.scaffold.making.fitting import fitting

CASES = [
    ("def f(", ["a: int"], ") -> None:", 0, 0),
    ("def f(", [], ") -> None:", 0, 0),
    ("def charge_the_invoice_of_a_customer(", ["invoice_id: int", "note: str | None"], ") -> bool:", 0, 0),
    ("def f(", [f"parameter_{n}: int" for n in range(9)], ") -> None:", 0, 0),
    ("call(", [f"argument_{n}" for n in range(4)], ")", 4, 0),
    ("call(", [f"argument_{n}" for n in range(9)], ")", 8, 7),
    ("value = {", ['"key": 1'], "}", 0, 0),
]


@pytest.mark.parametrize("width", [79, 88, 110])
@pytest.mark.parametrize(("head", "items", "tail", "indent", "before"), CASES)
def test_no_line_is_longer_than_it_need_be(width, head, items, tail, indent, before):
    lines = fitting(width)(head, items, tail, indent, before).splitlines()
    first = indent + before + len(lines[0])
    assert max(first, *(len(line) for line in [*lines[1:], ""])) <= width or len(lines) == 1


@needs_ruff
@pytest.mark.parametrize("width", [60, 79, 88, 110])
@pytest.mark.parametrize(("head", "items", "tail", "indent", "before"), [c for c in CASES if not c[4]])
def test_ruff_leaves_it_alone(width, head, items, tail, indent, before):
    text = " " * indent + fitting(width)(head, items, tail, indent)
    body = " " * (indent + 4) + "pass\n" if head.startswith("def") else ""
    opened = "".join(" " * step + "if x:\n" for step in range(0, indent, 4))
    code = f"{opened}{text}\n{body}"
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", str(width), "-"],
        input=code,
        text=True,
        capture_output=True,
        check=True,
        timeout=30,
    )
    assert done.stdout == code
