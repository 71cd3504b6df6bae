"""What is tried where `new-task` has been: the project's tests, ruff, mypy, the audit, and the same again."""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from proof_projects import LIMIT, Base

PASSED_ON = ("HOME", "LANG", "LC_ALL", "PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR", "VIRTUAL_ENV")
"""Variables that a project's commands need; all others could change what they do."""

LEFT_BEHIND = ("__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache")
FEWEST_TESTS = 3

OLD_TASKS = ("sweep", "remind")
"""What the projects have already: that a new task has limits and tests shows that these have none."""

OF_TASKS = ("task", "call", "schedule", "route", "queue")
"""Kinds of subjects that come with a task; a finding about the settings is the project's own."""

Finding = tuple[str, str, str]
"""The check, the subject, the message."""


@dataclass(frozen=True)
class Step:
    """One command run in a project, and all that it said."""

    command: Sequence[str]
    code: int
    said: str

    def complaint(self, code: int = 0) -> str:
        """What it said, if it ended otherwise than it should; else empty."""
        if self.code == code:
            return ""
        return f"$ {shlex.join(self.command)}\nexit code {self.code}\n{self.said}"


@dataclass(frozen=True)
class Subject:
    """A project in a folder of its own; `before` is what its files held when it was written."""

    root: Path
    base: Base
    before: Mapping[str, bytes] = field(default_factory=dict)

    def run(self, *arguments: str, **extra: str) -> Step:
        """Run Python with these arguments, as somebody in the project's folder would."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment(**extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=LIMIT,
            check=False,
        )
        return Step(arguments, done.returncode, done.stdout.decode(errors="replace"))

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        path = os.pathsep.join([str(self.root / self.base.path), str(self.root)])
        return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": path, **extra}

    def new_task(self, flags: str) -> Step:
        return self.run(
            "-m", "celerycheck", "new-task", *shlex.split(flags), "--app", self.base.app, "--no-input"
        )

    def tests(self) -> Step:
        return self.run(*self.base.tests)

    def held(self) -> dict[str, bytes]:
        """What the project's files hold, by path."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.suffix != ".sqlite3" and not set(LEFT_BEHIND).intersection(path.parts)
        }

    def made(self) -> list[str]:
        """The modules that were not there before."""
        return [path for path in self.held() if path.endswith(".py") and path not in self.before]


def written(base: Base, folder: Path) -> Subject:
    folder.mkdir(parents=True, exist_ok=True)
    root = base.write(folder)
    return Subject(root, base, Subject(root, base).held())


def everything_wrong(subject: Subject, commands: Sequence[str]) -> list[str]:
    """What is wrong with what the commands have made; one text for each complaint."""
    after = subject.held()
    trials = [
        lambda: complaints_of_tests(subject.tests()),
        lambda: complaints_of_types(subject),
        lambda: complaints_of_audit(subject),
        lambda: complaints_of_style(subject),
        lambda: complaints_of_again(subject, commands),
    ]
    if "manage.py" in subject.base.files:
        trials.append(lambda: complaints_of_migrations(subject))
    # Most of the time is spent waiting: for one another's processes, and for workers to end.
    with ThreadPoolExecutor(len(trials)) as pool:
        found = [wrong for wrongs in pool.map(lambda trial: list(trial()), trials) for wrong in wrongs]
    changed = sorted(name for name, data in subject.held().items() if after.get(name) != data)
    return [*found, *(f"changed by a second run, or by the tests: {name}" for name in changed)]


def complaints_of_tests(step: Step) -> Iterator[str]:
    count = re.search(r"^Ran (\d+) tests?|(\d+) passed", step.said, re.MULTILINE)
    if step.code:
        yield step.complaint()
    elif count is None or int(count[1] or count[2]) < FEWEST_TESTS:
        yield f"hardly any tests:\n{step.said}"


def complaints_of_again(subject: Subject, commands: Sequence[str]) -> Iterator[str]:
    """Running it twice changes nothing: that nothing did is seen by comparing files."""
    for flags in commands:
        step = subject.new_task(flags)
        if step.code:
            yield step.complaint()


def complaints_of_migrations(subject: Subject) -> Iterator[str]:
    step = subject.run("manage.py", "makemigrations", "--check", "--dry-run")
    if step.code:
        yield step.complaint()


def complaints_of_types(subject: Subject) -> Iterator[str]:
    if importlib.util.find_spec("mypy") is None:
        print("no mypy here: the types of what was made are not checked")
        return
    flags = ["--ignore-missing-imports", "--no-error-summary", "--cache-dir", type_cache()]
    step = subject.run("-m", "mypy", *flags, *(["src", "tests"] if subject.base.path else ["."]))
    if step.code:
        yield step.complaint()


@functools.cache
def type_cache() -> str:
    """A folder of this process's own, for two that write to one get in each other's way."""
    name = f"celerycheck-proof-mypy-{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    folder = Path(tempfile.gettempdir()) / name
    folder.mkdir(exist_ok=True)
    return str(folder)


def complaints_of_style(subject: Subject) -> Iterator[str]:
    """New modules are in order; of those that were there nothing but what was added may differ."""
    if importlib.util.find_spec("ruff") is None:
        print("no ruff here: the style of what was made is not checked")
        return
    flags = ["--isolated", "--line-length", str(subject.base.line_length), "--no-cache"]
    held = subject.held()
    changed = [name for name, data in subject.before.items() if held.get(name) != data]
    tidy = [name for name in changed if is_tidy(subject, name, flags)]
    for arguments in (
        ["check", *subject.made(), *(name for name in changed if name.endswith(".py"))],
        ["format", "--check", "--diff", *subject.made(), *tidy],
    ):
        step = subject.run("-m", "ruff", arguments[0], *flags, *arguments[1:])
        if step.code:
            yield step.complaint()
    for name in set(changed).difference(tidy):
        yield from complaints_of_lines(name, subject.before[name], held[name])


def is_tidy(subject: Subject, name: str, flags: Sequence[str]) -> bool:
    """Whether a file that has changed was formatted before."""
    if not name.endswith(".py"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "before.py"
        file.write_bytes(subject.before[name])
        return subject.run("-m", "ruff", "format", "--check", *flags, str(file)).code == 0


def complaints_of_lines(name: str, before: bytes, after: bytes) -> Iterator[str]:
    """Every line is still there, in the same order, but for imports that got another name."""
    rest = iter(after.splitlines())
    for line in before.splitlines():
        if not line.startswith((b"from ", b"import ")) and line not in rest:
            yield f"{name} lost {line.decode()!r}, or it stands elsewhere"
            return


def complaints_of_audit(subject: Subject) -> Iterator[str]:
    """Findings of any severity about tasks, schedule and routes that were not there before."""
    before = audited_before(subject.base.app, subject.base.path, tuple(subject.base.files.items()))
    for finding in sorted(audited(subject) - before):
        yield f"the audit finds {finding}"


@functools.cache
def audited_before(app: str, path: str, files: tuple[tuple[str, str], ...]) -> frozenset[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        return audited(written(Base(dict(files), app, path=path), Path(folder)))


def audited(subject: Subject) -> frozenset[Finding]:
    step = subject.run(
        "-m", "celerycheck", "audit", subject.base.app, "--format", "json", "--output", "audit.json"
    )
    report = subject.root / "audit.json"
    assert report.exists(), step.complaint()
    found = json.loads(report.read_text(encoding="utf-8"))
    report.unlink()
    assert found["summary"]["crashed"] == 0, found
    return frozenset(
        (one["check"], one["subject"], one["message"])
        for one in found["findings"]
        if one["subject_kind"] in OF_TASKS and not one["subject"].endswith(OLD_TASKS)
    )
