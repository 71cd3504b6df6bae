"""Whatever compiles can be read: real modules with lines cut, doubled and mixed, and made-up statements."""

from __future__ import annotations

import re
import sysconfig
import warnings
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from celerycheck.checks import shipped
from celerycheck.registry import FROM_SOURCE
from celerycheck.subjects import NotEvaluated
from celerycheck.testing import found, source

STDLIB = Path(sysconfig.get_paths()["stdlib"])
MODULES = [
    (STDLIB / name).read_text(encoding="utf-8")
    for name in ("ftplib.py", "queue.py", "asyncio/locks.py", "dataclasses.py", "contextlib.py", "sched.py")
]
"""Real code of many styles; every function at the top becomes a task."""

NAMES = st.sampled_from(["self", "x", "work", "requests", "Order", "group", "chain", "time", "logger"])
ATTRIBUTES = st.sampled_from(["delay", "s", "si", "apply_async", "get", "retry", "save", "objects", "sleep"])
HEAD = """
import time, requests
from celery import chain, chord, group, signature
from django.db import models, transaction

class Order(models.Model): ...

@app.task(bind=True, acks_late=True, autoretry_for=(OSError,), soft_time_limit=5)
def work(self, x, *rest, **options):
"""


def compiles(text: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "tasks.py", "exec")
        except (SyntaxError, ValueError):
            return False
    return True


def read_everything(text: str) -> None:
    """Every task's calls, every call site, and every check that reads source."""
    code = source(text)
    for body in code.bodies:
        list(body.reached())
    assert code.sites is not None
    assert code.unresolved >= 0
    for check in shipped().values():
        if check.subject in FROM_SOURCE:
            try:
                found(check, code)
            except NotEvaluated:
                continue


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A real module with some of its lines cut, doubled or swapped, that still compiles."""
    text = draw(st.sampled_from(MODULES))
    lines = re.sub(r"^((?:async )?def )", r"@app.task(bind=True)\n\1", text, flags=re.MULTILINE).splitlines()
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(lines) - 1))
        end = draw(st.integers(start, min(start + 3, len(lines))))
        match draw(st.sampled_from(["cut", "double", "swap"])):
            case "cut":
                changed = [*lines[:start], *lines[end:]]
            case "double":
                changed = [*lines[:end], *lines[start:]]
            case _:
                changed = [*lines[:start], *reversed(lines[start:end]), *lines[end:]]
        if changed and compiles("\n".join(changed)):
            lines = changed
    return "\n".join(lines)


def expressions() -> st.SearchStrategy[str]:
    """Expressions of Celery's words, however little sense they make."""
    leaves = NAMES | st.sampled_from(["1", "'text'", "None", "...", "60 * 60", "b''", "1j", "{}", "()"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(inner, ATTRIBUTES).map(lambda p: f"({p[0]}).{p[1]}"),
            st.tuples(inner, st.lists(inner, max_size=3)).map(lambda p: f"({p[0]})({', '.join(p[1])})"),
            st.tuples(inner, inner).map(lambda p: f"({p[0]})(*({p[1]}), **({p[1]}), key=({p[0]}))"),
            st.tuples(inner, inner).map(lambda p: f"(({p[0]}) | ({p[1]}))"),
            st.tuples(inner, inner).map(lambda p: f"[({p[0]}) for x in ({p[1]})]"),
            st.tuples(inner, inner).map(lambda p: f"{{({p[0]}): ({p[1]})}}"),
            st.tuples(inner, inner).map(lambda p: f"(({p[0]}) if ({p[1]}) else ({p[0]}))"),
            st.tuples(inner, inner).map(lambda p: f"({p[0]})[({p[1]}):]"),
            inner.map(lambda e: f"(lambda x, y=1: ({e}))"),
            inner.map(lambda e: f"(x := ({e}))"),
            inner.map(lambda e: f"[*({e})]"),
        ),
        max_leaves=8,
    )


def statements() -> st.SearchStrategy[str]:
    """Statements, one per line, indented below the head."""
    simple = st.one_of(
        expressions().map(lambda e: f"x = {e}"),
        expressions().map(lambda e: f"{e}"),
        expressions().map(lambda e: f"return {e}"),
        expressions().map(lambda e: f"raise ({e})"),
        expressions().map(lambda e: f"x.y += ({e})"),
        expressions().map(lambda e: f"x[0], *y = ({e})"),
        st.sampled_from(
            ["pass", "del x", "from proj.tasks import *", "import proj.tasks as x", "nonlocal_ = x"]
        ),
    )
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.tuples(inner, inner).map("\n".join),
            st.tuples(expressions(), inner).map(lambda p: f"if {p[0]}:\n{_in(p[1])}\nelse:\n{_in(p[1])}"),
            st.tuples(expressions(), inner).map(lambda p: f"for x in {p[0]}:\n{_in(p[1])}"),
            st.tuples(expressions(), inner).map(lambda p: f"while {p[0]}:\n{_in(p[1])}"),
            st.tuples(expressions(), inner).map(lambda p: f"with {p[0]} as x:\n{_in(p[1])}"),
            st.tuples(expressions(), inner).map(
                lambda p: f"try:\n{_in(p[1])}\nexcept ({p[0]}) as x:\n{_in(p[1])}\nfinally:\n    pass"
            ),
            inner.map(lambda s: f"def inner(x, *y):\n{_in(s)}\ninner(x)"),
            inner.map(lambda s: f"class Inner(x):\n{_in(s)}"),
            st.tuples(expressions(), inner).map(
                lambda p: f"match {p[0]}:\n    case [x, *y]:\n{_in(_in(p[1]))}"
            ),
        ),
        max_leaves=6,
    )


def _in(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


QUICKLY = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICKLY
@given(mutated())
def test_real_modules_can_be_read(text: str) -> None:
    read_everything(text)


@QUICKLY
@given(statements())
def test_made_up_statements_can_be_read(text: str) -> None:
    text = HEAD + _in(text)
    if compiles(text):
        read_everything(text)
