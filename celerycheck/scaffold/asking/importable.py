"""Whether exceptions named by people exist, asked of the project's own interpreter."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from celerycheck.errors import UsageError
from celerycheck.nearest import nearest

LIMIT = 20.0
"""Seconds after which an import is given up: nothing is held against the name then."""

_ASK = """
import importlib, json, sys
sys.path.insert(0, "")
answers = {}
for name in json.loads(sys.argv[1]):
    module, _, short = name.rpartition(".")
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if module == missing or module.startswith(missing + "."):
            answers[name] = ["module", missing]
        continue
    except BaseException:
        continue
    thing = getattr(found, short, None)
    if not isinstance(thing, type) or not issubclass(thing, BaseException):
        near = [n for n, v in vars(found).items() if isinstance(v, type) and issubclass(v, BaseException)]
        answers[name] = ["none" if thing is None else "other", *near]
print("\\n" + json.dumps(answers))
"""


def check_exceptions(names: Sequence[str], python: str, root: Path) -> None:
    """Raise UsageError for dotted names that the project, run in `root`, could not import or not raise.

    A module that cannot be imported for reasons of its own (settings that are not there) is let pass.
    """
    dotted = [name for name in names if "." in name]
    answers = _answers(dotted, python, root) if dotted else {}
    mistakes = [_mistake(name, answer) for name, answer in answers.items()]
    if mistakes:
        raise UsageError("\n".join(mistakes), "Write its dotted name, as in requests.RequestException.")


def _answers(names: Sequence[str], python: str, root: Path) -> dict[str, list[str]]:
    try:
        done = subprocess.run(  # noqa: S603  # the interpreter is the project's, and so is what it imports
            [python, "-c", _ASK, json.dumps(names)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=LIMIT,
            check=True,
            encoding="utf-8",
        )
        found = json.loads(done.stdout.rpartition("\n\n")[2].strip().rpartition("\n")[2])
    except (OSError, subprocess.SubprocessError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _mistake(name: str, answer: list[str]) -> str:
    what, *others = answer
    module, _, short = name.rpartition(".")
    if what == "module":
        return f"--retry-on {name}: the project has no module {others[0]}"
    near = nearest(short, others)
    meant = f"; did you mean {module}.{near}?" if near else ""
    if what == "other":
        return f"--retry-on {name}: that is no exception{meant}"
    return f"--retry-on {name}: {module} has no {short}{meant}"
