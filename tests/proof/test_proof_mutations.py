"""The generated tests are worth their while: they fail when what they hold is taken away."""

from __future__ import annotations

import ast
import re
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from proof_projects import EMPTY, FLASK, Base, django
from proof_steps import Step, Subject, written

pytestmark = pytest.mark.proof

AT_ONCE = 4
"""Projects tried at the same time: most of the time each of them waits for its worker to end."""


@dataclass(frozen=True)
class Mutation:
    """What is done to a module: every match of `pattern` gives way to `instead`."""

    module: str
    pattern: str
    instead: str

    def apply(self, root: Path) -> None:
        """Change the module. Raises AssertionError where there is nothing to change, or no Python is left."""
        (path,) = root.rglob(self.module)
        before = path.read_text(encoding="utf-8")
        after = re.sub(self.pattern, self.instead, before, flags=re.MULTILINE)
        assert before != after, f"nothing matches {self.pattern} in\n{before}"
        ast.parse(after)
        path.write_text(after, encoding="utf-8")


SERVICE = {
    "the guard is gone": Mutation(
        "services.py",
        r"^( +)if (CompletedWork\.objects\.filter\(key=key\)\.exists|is_completed)\(.*\):\n +return False$",
        r"\1pass",
    ),
    "the key is not kept": Mutation(
        "services.py",
        r"_, (first = )CompletedWork\.objects\.get_or_create\(key=key\)|\bcomplete\((?:writing, )?key\)",
        r"\1True",
    ),
    "the key tells nothing apart": Mutation("services.py", r'^( +)key = f"(\w+).*"$', r'\1key = "\2"'),
    "the other system gets another key each time": Mutation(
        "services.py", "idempotency_key=key", "idempotency_key=os.urandom(8).hex()"
    ),
    "the other system is never asked": Mutation("services.py", r"^( +)post_\w+\([^)]*\)$", r"\1pass"),
}
TASK = {
    "no retries": Mutation("tasks.py", r'^ +("autoretry_for": |autoretry_for=)\([^)]*\),\n', ""),
    "no retry out of time": Mutation("tasks.py", r", SoftTimeLimitExceeded\)", ",)"),
    "silent when out of time": Mutation("tasks.py", r"logger\.warning\(", "logger.debug("),
    "gives up when out of time": Mutation("tasks.py", r"^( +)raise$", r"\1first = False"),
    "one retry more": Mutation("tasks.py", r'(max_retries"?[=:] ?)5', r"\g<1>6"),
    "does nothing": Mutation("tasks.py", r"first = \w+\.\w+\([^)]*\)", "first = True"),
}
WORKFLOW = {
    "two steps are swapped": Mutation("tasks.py", r"(return chain\(\n)( +.*\n)( +.*\n)", r"\1\3\2"),
    "the first step is left out": Mutation("tasks.py", r"(return chain\(\n)( +.*\n)", r"\1"),
    "steps hand their results on": Mutation("tasks.py", r"\.si\(", ".s("),
    "nobody is told of a failure": Mutation("tasks.py", r"\.on_error\(\w+\)", ""),
}
PERIODIC = {
    "the lock is always free": Mutation("locks.py", r"^( +)mine = claim\(.*\)$", r"\1mine = True"),
    "the lock is never given back": Mutation("locks.py", r"^( +)release\(name, owner\)$", r"\1pass"),
    "the lock is not asked for": Mutation("tasks.py", r"if not mine:", "if False:"),
}
REPORTS = {
    "a failure is not reported": Mutation(
        "reporting.py", r"(def on_failure\([^)]*\)[^:]*:\n)((?: {8}.*\n|\n(?= {8}))+)", r"\1        pass\n"
    ),
    "a success is not reported": Mutation(
        "reporting.py", r"(def on_success\([^)]*\)[^:]*:\n)((?: {8}.*\n|\n(?= {8}))+)", r"\1        pass\n"
    ),
}


@dataclass(frozen=True)
class Made:
    """A project, the command that makes something in it, and what may then be done to that."""

    base: Callable[[], Base]
    flags: str
    mutations: Mapping[str, Mutation]


FRAMEWORKS: dict[str, tuple[Callable[[], Base], str]] = {
    "django": (django, "--package billing"),
    "plain": (lambda: EMPTY, "--package shop --store sqlalchemy"),
    "flask": (lambda: FLASK, "--package web --store redis"),
}
KINDS: dict[str, tuple[str, Mapping[str, Mutation]]] = {
    "task": ("charge_invoice --param invoice_id:int", {**SERVICE, **TASK}),
    "workflow": (
        "import_orders --kind workflow --param shop_id:int --steps fetch,store",
        {**SERVICE, **TASK, **WORKFLOW},
    ),
    "periodic": ("close_books --kind periodic --every 15m", {**SERVICE, **TASK, **PERIODIC}),
    "reports": ("charge_invoice --param invoice_id:int --report-failures", {**TASK, **REPORTS}),
}
MADE = {
    f"{framework}-{kind}": Made(base, f"{flags} {options}", mutations)
    for framework, (base, options) in FRAMEWORKS.items()
    for kind, (flags, mutations) in KINDS.items()
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE.keys())
def test_no_mutation_survives_the_generated_tests(made: Made, tmp_path: Path) -> None:
    subject = written(made.base(), tmp_path / "made")
    command = subject.new_task(made.flags)
    assert command.code == 0, command.complaint()
    passed = subject.tests()
    assert passed.code == 0, passed.complaint()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        tried = pool.map(lambda name: mutated(subject, name, made.mutations[name]), made.mutations)
        wrong = [f"{name}: {why}" for name, why in zip(made.mutations, tried, strict=True) if why]
    assert not wrong, "\n\n".join(wrong)


def mutated(subject: Subject, name: str, mutation: Mutation) -> str:
    """Why a mutation counts as not noticed; empty where the tests fail as they should."""
    root = subject.root.with_name(name.replace(" ", "-"))
    shutil.copytree(subject.root, root)
    mutation.apply(root)
    quick = "--failfast" if "manage.py" in subject.base.tests else "-x"
    step = replace(subject, root=root).run(*subject.base.tests, quick)
    return "" if failed(step) else f"exit code {step.code}\n{step.said}"


def failed(step: Step) -> bool:
    """Whether tests failed: not that they could not be imported, or that none was found."""
    return step.code == 1 and "Failed to import test module" not in step.said
