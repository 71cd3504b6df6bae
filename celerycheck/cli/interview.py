"""Asks a person what no program can decide, and keeps each answer as soon as it is given."""

from __future__ import annotations

import shutil
import textwrap
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from celerycheck.answers import REPLIES, Answer, Reply, save

if TYPE_CHECKING:
    from celerycheck.checklist_items import Item

SKIP = "skip for now"


def interview(questions: list[Item], given: dict[str, Answer], path: Path, today: date) -> dict[str, Answer]:
    """The answers with the new ones; Ctrl-C or Ctrl-D ends the questions and keeps what was said.

    Raises UsageError where the answers cannot be written.
    """
    answers = dict(given)
    for number, item in enumerate(questions, 1):
        try:
            answer = one_answer(item, f"{number} of {len(questions)} · {item.section}", today)
        except (EOFError, KeyboardInterrupt):
            break
        if answer is not None:
            answers[item.id] = answer
            save(path, answers)
    return answers


def one_answer(item: Item, heading: str, today: date) -> Answer | None:
    """What a person answers to one question; None to skip it. Raises EOFError, KeyboardInterrupt."""
    import questionary

    width = min(shutil.get_terminal_size((80, 24)).columns, 100)
    questionary.print(f"\n{heading}", style="bold")
    questionary.print(textwrap.fill(item.why, width))
    reply = questionary.select(item.title, choices=[*REPLIES, SKIP], default=SKIP).unsafe_ask()
    if reply == SKIP:
        return None
    note = questionary.text("A note for whoever reads this later (may be empty):").unsafe_ask()
    return Answer(item.id, as_reply(reply), today, note.strip())


def as_reply(text: str) -> Reply:
    return next(reply for reply in REPLIES if reply == text)
