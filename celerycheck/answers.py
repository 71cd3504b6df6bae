"""What people answered to the questions of a checklist: `celerycheck.answers.yaml`, meant to be committed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

import yaml
from yaml.nodes import Node

from celerycheck import files
from celerycheck.subjects import Location
from celerycheck.yaml_nodes import Document, parse, raise_mistakes

Reply = Literal["yes", "no", "not applicable"]
REPLIES: tuple[Reply, ...] = ("yes", "no", "not applicable")
FILE_NAME = "celerycheck.answers.yaml"

_KEYS = ("answer", "note", "date")
_HEADER = """\
# What people answered to the questions of the checklist. Commit this file.
# `celerycheck audit --interactive` asks what is unanswered or too old, and rewrites the file.
# answer: yes, no or not applicable
"""


@dataclass(frozen=True)
class Answer:
    """One person's answer to the question with this id."""

    id: str
    reply: Reply
    given_on: date
    note: str = ""
    location: Location | None = None

    def stale(self, today: date, valid_for_days: int) -> bool:
        return today - self.given_on > timedelta(days=valid_for_days)


def path_for(checklist: Path | None, workdir: Path) -> Path:
    """Where the answers are kept: beside the project's checklist, else in the working directory."""
    return (checklist.parent if checklist else workdir) / FILE_NAME


def load(path: Path, today: date) -> dict[str, Answer]:
    """The answers by the questions' ids; none where there is no file. Raises ChecklistError."""
    if not path.exists():
        return {}
    document = parse(path)
    if document.root is None:
        return {}
    top = document.fields(document.root, "an answers file", ("version", "answers"))
    if "version" in top and document.integer(top["version"], "version") not in (1, None):
        document.mistake(top["version"], "this celerycheck reads version 1 of the format")
    answers = dict(_read_answers(document, top["answers"], today)) if "answers" in top else {}
    raise_mistakes(document)
    return answers


def save(path: Path, answers: Mapping[str, Answer]) -> None:
    """Write the file anew, in one step: where that fails the old file stays. Raises UsageError."""
    written = {
        answer.id: {"answer": answer.reply, "note": answer.note, "date": answer.given_on}
        for answer in sorted(answers.values(), key=lambda answer: answer.id)
    }
    body = yaml.safe_dump({"version": 1, "answers": written}, sort_keys=False, allow_unicode=True, width=100)
    files.write(path, _HEADER + body, "the answers")


def _read_answers(document: Document, node: Node, today: date) -> Iterator[tuple[str, Answer]]:
    if node.tag.endswith(":null"):
        return
    for id_, key, value in document.pairs(node, "answers"):
        what = f"the answer to {id_!r}"
        before = len(document.mistakes)
        fields = document.fields(value, what, _KEYS)
        if len(document.mistakes) == before:
            for name in ("answer", "date"):
                if name not in fields:
                    document.mistake(key, f"{what} needs {name}:")
        reply = _read_reply(document, fields["answer"], what) if "answer" in fields else None
        day = _read_day(document, fields["date"], today) if "date" in fields else None
        note = _read_note(document, fields["note"]) if "note" in fields else ""
        if reply and day:
            yield id_, Answer(id_, reply, day, note, document.at(key))


def _read_reply(document: Document, node: Node, what: str) -> Reply | None:
    value = document.scalar(node)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = document.choice(node, what, REPLIES)
    return next((reply for reply in REPLIES if reply == text), None)


def _read_day(document: Document, node: Node, today: date) -> date | None:
    day = document.day(node, "date")
    if day is not None and day > today + timedelta(days=1):
        document.mistake(node, f"the date {day} lies in the future")
    return day


def _read_note(document: Document, node: Node) -> str:
    value = document.scalar(node)
    if value is None or value == "":
        return ""
    return document.text(node, "note") or ""
