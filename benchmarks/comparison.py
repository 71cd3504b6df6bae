"""What other tools find of the mistakes in `planted/`, and what they take for it, in one run beside celerycheck.

Each tool is installed into an environment of its own under `.venv-bench/`, as new as the package index has it, with
the libraries that the project imports beside it. What cannot be had is said in the table and fails nothing.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

import celery

from benchmarks import planting
from benchmarks.planting import Message, Planted
from benchmarks.timing import USUAL, medians

ENVIRONMENTS = Path(__file__).resolve().parent.parent / ".venv-bench"
LIBRARIES = ("celery", "requests", "sqlalchemy")
REGISTRY = "p/python"
RULES = ENVIRONMENTS / "semgrep-rules" / "python"
"""Where a checkout of Semgrep's public rules is looked for when its registry does not answer."""
LIMIT = 300
"""Seconds after which a tool counts as hanging."""
PATIENCE = 60
"""Seconds that the registry has to answer."""
ROUNDS = 7
SLOW = 5
"""Seconds from which one run is enough to tell how long a tool takes."""
PROBE = """\
import os
from celery.schedules import crontab

nightly = crontab(hour=3)


def wait(names=[]):
    names.append(1)
"""


@dataclass(frozen=True)
class Tool:
    """A tool: how to install and run it, and how to read what it says.

    `command` takes the folder of the tool's programs and what to look at. `probe` is a rule that must speak on
    `PROBE`, or the tool is not alive. `codes` are the exit codes of a run that did its work.
    """

    name: str
    packages: tuple[str, ...]
    command: Callable[[Path, str], list[str]]
    messages: Callable[[str], list[Message]]
    probe: str
    codes: range = USUAL


@dataclass(frozen=True)
class Ready:
    """A tool that can be run, or why it cannot."""

    tool: Tool
    programs: Path
    missing: str | None = None
    remarks: tuple[str, ...] = ()


def report(*, each: bool = False) -> None:
    """Install, run and print the table; with `each`, also who found what."""
    planted = planting.read()
    print(f"Python {platform.python_version()}, Celery {celery.__version__}, {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as root:
        folder = Path(root)
        shutil.copytree(planting.FOLDER / planted.app, folder / planted.app)
        ready = [_prepared(tool, folder) for tool in (CELERYCHECK, PYLINT, FLAKE8, RUFF, SEMGREP)]
        said, once = {}, {}
        for index, one in enumerate(ready):
            if one.missing is None:
                started = time.perf_counter()
                try:
                    said[one.tool.name] = _said(one, planted.app, folder)
                except RuntimeError as error:
                    ready[index] = replace(one, missing=str(error))
                    continue
                once[one.tool.name] = time.perf_counter() - started
        imported, times = _times(planted.app, [one for one in ready if one.tool.name in once], once, folder)
        print(f"Importing and finalizing the app: {imported:.2f} s\n")
        _print_table(planted, ready, said, {name: (taken, taken / imported) for name, taken in times.items()})
    _print_remarks(ready)
    if each:
        _print_each(planted, said)


def _times(
    app: str, ready: Sequence[Ready], once: Mapping[str, float], folder: Path
) -> tuple[float, dict[str, float]]:
    """How long importing and finalizing takes, and each tool: several runs, but one of those that are slow."""
    register = f"import {app} as p; a = p.celery_app; a.loader.import_default_modules(); a.finalize()"
    quick = [one for one in ready if once[one.tool.name] < SLOW]
    commands = [[sys.executable, "-c", register], *(one.tool.command(one.programs, app) for one in quick)]
    codes = [USUAL, *(one.tool.codes for one in quick)]
    imported, *taken = medians(commands, folder, ROUNDS, codes)
    names = [one.tool.name for one in quick]
    return imported, {**once, **dict(zip(names, taken, strict=True))}


def _print_table(
    planted: Planted,
    ready: Sequence[Ready],
    said: Mapping[str, list[Message]],
    times: Mapping[str, tuple[float, float]],
) -> None:
    print(f"| tool | time | / import | found of {len(planted.mistakes)} | false alarms |")
    print("|---|---|---|---|---|")
    for one in ready:
        name = one.tool.name
        if one.missing is not None:
            print(f"| {name} | {one.missing} | | | |")
            continue
        found = sum(mistake.found_by(name, said[name]) for mistake in planted.mistakes)
        alarms = len(planted.alarms(name, said[name]))
        print(f"| {name} | {times[name][0]:.2f} s | {times[name][1]:.2f} | {found} | {alarms} |")


def _print_remarks(ready: Sequence[Ready]) -> None:
    print()
    for one in ready:
        for remark in one.remarks:
            print(f"- {one.tool.name}: {remark}")


def _print_each(planted: Planted, said: Mapping[str, list[Message]]) -> None:
    print(f"\n| mistake | {' | '.join(said)} |")
    print("|---|" + "---|" * len(said))
    for mistake in planted.mistakes:
        marks = ["x" if mistake.found_by(tool, messages) else "" for tool, messages in said.items()]
        print(f"| {mistake.id} | {' | '.join(marks)} |")
    print()
    for tool, messages in said.items():
        for message, sound in planted.alarms(tool, messages):
            print(f"- {tool}: {message.rule} at {message.path}:{message.line}, which is right: {sound.says}")


def _prepared(tool: Tool, folder: Path) -> Ready:
    """The tool installed and tried on `PROBE`, with its versions among the remarks."""
    if tool is CELERYCHECK:
        return Ready(tool, Path(sys.executable).parent, remarks=(f"celerycheck {version('celerycheck')}",))
    environment = ENVIRONMENTS / tool.name
    programs = environment / ("Scripts" if os.name == "nt" else "bin")
    failed = _install(tool, environment, programs)
    if failed:
        return Ready(tool, programs, missing=f"could not be installed: {failed}")
    remarks = [_versions(tool, programs)]
    if tool is SEMGREP:
        try:
            tool, where = _with_rules(tool, programs, folder)
        except LookupError as error:
            return Ready(tool, programs, missing=str(error), remarks=tuple(remarks))
        remarks.append(where)
    if tool is PYLINT:
        remarks.append(_plugin_of_pylint(programs))
    (folder / "probe.py").write_text(PROBE, encoding="utf-8")
    return Ready(tool, programs, _dead(tool, programs, folder), tuple(remarks))


def _dead(tool: Tool, programs: Path, folder: Path) -> str | None:
    """Why the tool is not alive; None where it speaks of what is wrong in `PROBE`."""
    try:
        said = _said(Ready(tool, programs), "probe.py", folder)
    except RuntimeError as error:
        return str(error)
    if any(message.rule == tool.probe for message in said):
        return None
    return f"says nothing of {tool.probe} on a file that has it"


def _install(tool: Tool, environment: Path, programs: Path) -> str | None:
    """Make the environment unless it is there; what pip said last if that fails."""
    if (environment / ".ready").exists():
        return None
    print(f"installing {' '.join(tool.packages)} ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(environment)], check=True)
    done = _run([str(programs / "python"), "-m", "pip", "install", "--quiet", *tool.packages], ENVIRONMENTS)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        return lines[-1] if lines else f"pip ended with {done.returncode}"
    (environment / ".ready").touch()
    return None


def _versions(tool: Tool, programs: Path) -> str:
    names = [name for name in tool.packages if name not in LIBRARIES]
    lines = "; ".join(f"print('{name}', version('{name}'))" for name in names)
    done = _run(
        [str(programs / "python"), "-c", f"from importlib.metadata import version; {lines}"], programs
    )
    return ", ".join(done.stdout.split("\n")).strip(", ")


def _said(one: Ready, target: str, folder: Path) -> list[Message]:
    """What the tool says of the target. Raises RuntimeError where it failed."""
    done = _run(one.tool.command(one.programs, target), folder)
    if done.returncode not in one.tool.codes:
        raise RuntimeError(
            " ".join([f"ended with {done.returncode}", *done.stderr.strip().splitlines()[-1:]])
        )
    return one.tool.messages(done.stdout)


def _run(command: list[str], folder: Path, limit: float = LIMIT) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", timeout=limit, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, "", f"no answer within {limit} s")


def _celerycheck(_programs: Path, target: str) -> list[str]:
    return [sys.executable, "-m", "celerycheck", "audit", target, "--format", "json"]


def _celerycheck_messages(out: str) -> list[Message]:
    return [
        Message(one["check"], one["path"], one["line"] or 1, serious=one["severity"] != "info")
        for one in json.loads(out)["findings"]
        if one["path"]
    ]


def _pylint(programs: Path, target: str) -> list[str]:
    options = ["--load-plugins=pylint_celery", "--persistent=n", "--output-format=json"]
    return [str(programs / "pylint"), *options, target]


def _pylint_messages(out: str) -> list[Message]:
    return [
        Message(one["message-id"], Path(one["path"]).as_posix(), one["line"])
        for one in json.loads(out or "[]")
    ]


def _plugin_of_pylint(programs: Path) -> str:
    """Whether pylint-celery loads in this pylint, and whether it brings any message."""
    if _run([str(programs / "python"), "-c", "import pylint_celery"], programs).returncode:
        return "pylint-celery does not load in this pylint"
    listed = [
        _run([str(programs / "pylint"), *options, "--list-msgs"], programs).stdout
        for options in ((), ("--load-plugins=pylint_celery",))
    ]
    if listed[0] == listed[1]:
        return "pylint-celery loads, and adds no message to pylint's own"
    return "pylint-celery loads, and adds messages to pylint's own"


def _flake8(programs: Path, target: str) -> list[str]:
    return [str(programs / "flake8"), "--isolated", target]


def _flake8_messages(out: str) -> list[Message]:
    found = re.findall(r"^(?:\./)?(.+?):(\d+):\d+: (\w+)", out, re.MULTILINE)
    return [Message(rule, Path(path).as_posix(), int(line)) for path, line, rule in found]


def _ruff(programs: Path, target: str) -> list[str]:
    options = ["--isolated", "--no-cache", "--select", "ALL", "--target-version", "py310"]
    return [str(programs / "ruff"), "check", *options, "--output-format", "concise", target]


def _semgrep(rules: str) -> Callable[[Path, str], list[str]]:
    options = ["--config", rules, "--json", "--metrics=off", "--disable-version-check", "--no-git-ignore"]
    return lambda programs, target: [str(programs / "semgrep"), "scan", *options, target]


def _semgrep_messages(out: str) -> list[Message]:
    return [
        Message(one["check_id"].rsplit(".", 1)[-1], Path(one["path"]).as_posix(), one["start"]["line"])
        for one in json.loads(out or '{"results": []}')["results"]
    ]


def _with_rules(tool: Tool, programs: Path, folder: Path) -> tuple[Tool, str]:
    """Semgrep with the rules that are to be had. Raises LookupError where there are none."""
    (folder / "empty.py").write_text("", encoding="utf-8")
    if _run(_semgrep(REGISTRY)(programs, "empty.py"), folder, PATIENCE).returncode == 0:
        return tool, f"rules {REGISTRY} of its registry"
    if RULES.is_dir():
        number = sum(path.read_text().count("- id:") for path in RULES.rglob("*.yaml"))
        where = f"its registry does not answer; {number} rules from a checkout of the public repository"
        return replace(tool, command=_semgrep(str(RULES))), where
    raise LookupError(f"installs, but its registry does not answer and {RULES.name}/ is not there")


CELERYCHECK = Tool(planting.OURS, (), _celerycheck, _celerycheck_messages, probe="")
PYLINT = Tool(
    "pylint",
    ("pylint", "pylint-celery", *LIBRARIES),
    _pylint,
    _pylint_messages,
    probe="W0102",
    codes=range(32),
)
FLAKE8 = Tool("flake8", ("flake8", "flake8-pie"), _flake8, _flake8_messages, probe="PIE784")
RUFF = Tool("ruff", ("ruff",), _ruff, _flake8_messages, probe="B006")
SEMGREP = Tool("semgrep", ("semgrep",), _semgrep(REGISTRY), _semgrep_messages, probe="default-mutable-list")
