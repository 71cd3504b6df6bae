"""`[tool.celerycheck.new-task]` of pyproject.toml: what is usual in one project."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from celerycheck.errors import UsageError
from celerycheck.nearest import nearest
from celerycheck.scaffold.asking.answers import Raw
from celerycheck.scaffold.asking.questions import QUESTIONS, Question

TABLE = "[tool.celerycheck.new-task]"
TEMPLATES = "templates"


@dataclass(frozen=True)
class Usual:
    """What a project has set for all its new tasks: answers by key, and the folder with its own templates."""

    answers: Mapping[str, Raw] = field(default_factory=dict)
    templates: Path | None = None


def usual(table: Mapping[str, object], path: Path) -> Usual:
    """Read the table of the file at `path`. Raises UsageError that tells all mistakes in it."""
    known = {question.key.replace("_", "-"): question for question in QUESTIONS}
    mistakes: list[str] = []
    answers: dict[str, Raw] = {}
    for key, value in table.items():
        question = known.get(key)
        if key == TEMPLATES and isinstance(value, str) and value:
            continue
        answer = None if question is None or question.once else _answer(question, value)
        if question is None or answer is None:
            mistakes += _faults(key, value, known)
        else:
            answers[question.key] = answer
    if mistakes:
        lines = "".join(f"\n{mistake}" for mistake in mistakes)
        raise UsageError(f"{path}: {TABLE} has {_counted(len(mistakes))}:{lines}")
    folder = table.get(TEMPLATES)
    return Usual(answers, path.parent / folder if isinstance(folder, str) else None)


def _counted(number: int) -> str:
    return "a mistake" if number == 1 else f"{number} mistakes"


def _answer(question: Question[object], value: object) -> Raw | None:
    """A value of the table as an answer; None where it is of the wrong type."""
    if question.form == "yes/no":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool):
        return None
    if question.form == "list" and isinstance(value, list):
        texts = tuple(text for text in value if isinstance(text, str))
        return texts if texts and len(texts) == len(value) else None
    if isinstance(value, int) and question.form == "text":
        return str(value)
    return value if isinstance(value, str) and value.strip() else None


def _faults(key: str, value: object, known: Mapping[str, Question[object]]) -> Iterator[str]:
    """What is wrong with one entry of the table."""
    question = known.get(key)
    if question is not None and question.once:
        yield f"{key}: it is said of each task anew: {question.flag} on the command line."
    elif question is not None or key == TEMPLATES:
        yield f"{key}: {_shown(value)} is not {_wanted(question)}."
    else:
        allowed = [name for name, one in known.items() if not one.once] + [TEMPLATES]
        near = nearest(key, allowed)
        yield f"{key}: there is no such key. " + (
            f"Did you mean {near}?" if near else f"It takes {', '.join(allowed)}."
        )


def _shown(value: object) -> str:
    if isinstance(value, list | dict):
        return "a table" if isinstance(value, dict) else "such a list"
    return repr(value)[:60]


def _wanted(question: Question[object] | None) -> str:
    if question is None:
        return "the path of a folder"
    if question.form == "yes/no":
        return "true or false"
    return "a text or a list of texts" if question.form == "list" else "a text"
