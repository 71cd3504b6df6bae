"""Asks a person what no program can decide, and keeps each answer as soon as it is given."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from celerycheck.answers import REPLIES, Answer, Reply, save

if TYPE_CHECKING:
    from celerycheck.checklist_items import Item

SKIP = "skip"


def interview(questions: list[Item], given: dict[str, Answer], path: Path, today: date) -> dict[str, Answer]:
    """The answers with the new ones; Ctrl-C ends the questions and keeps what was said. Raises UsageError."""
    import questionary

    answers = dict(given)
    for number, item in enumerate(questions, 1):
        questionary.print(f"\n{number} of {len(questions)} · {item.section}", style="bold")
        questionary.print(item.why)
        reply = questionary.select(item.title, choices=[*REPLIES, SKIP], default=SKIP).ask()
        if reply is None:
            break
        if reply == SKIP:
            continue
        note = questionary.text("A note for whoever reads this later (may be empty):").ask()
        if note is None:
            break
        answers[item.id] = Answer(item.id, as_reply(reply), today, note.strip())
        save(path, answers)
    return answers


def as_reply(text: str) -> Reply:
    return next(reply for reply in REPLIES if reply == text)
