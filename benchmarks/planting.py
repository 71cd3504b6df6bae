"""Reads PLANTED.yaml: the mistakes in `planted/`, what only resembles them, and the lines each of them covers."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent / "planted"
OURS = "celerycheck"


@dataclass(frozen=True)
class Message:
    """What a tool said: its rule, and where; `path` is relative to the project's folder, with `/`."""

    rule: str
    path: str
    line: int
    serious: bool = True


@dataclass(frozen=True)
class Place:
    """A stretch of a file in which a message counts; lines from 1, both included."""

    path: str
    first: int
    last: int

    def __contains__(self, message: Message) -> bool:
        return message.path == self.path and self.first <= message.line <= self.last


@dataclass(frozen=True)
class Mistake:
    """A planted mistake: where it stands, and the rules of each tool that are about it."""

    id: str
    area: str
    says: str
    places: tuple[Place, ...]
    checks: tuple[str, ...]
    subject: str | None = None
    hint: bool = False
    others: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def rules(self, tool: str) -> Sequence[str]:
        return self.checks if tool == OURS else self.others.get(tool, ())

    def found_by(self, tool: str, messages: Sequence[Message]) -> bool:
        """Whether a message of that tool stands in the right place and is about the mistake."""
        return any(
            message.rule in self.rules(tool) and any(message in place for place in self.places)
            for message in messages
        )


@dataclass(frozen=True)
class Sound:
    """Code that is right and resembles a mistake."""

    resembles: str
    says: str
    place: Place


@dataclass(frozen=True)
class Planted:
    """All of PLANTED.yaml. `consequences` are pairs of a check and its subject."""

    app: str
    mistakes: tuple[Mistake, ...]
    sound: tuple[Sound, ...]
    consequences: tuple[tuple[str, str], ...]

    def alarms(self, tool: str, messages: Sequence[Message]) -> list[tuple[Message, Sound]]:
        """What a tool says of sound code, as far as it speaks of the kinds of mistakes that are planted.

        Of celerycheck's findings every error and warning counts, whatever it is about.
        """
        rules = {rule for mistake in self.mistakes for rule in mistake.rules(tool)}
        return [
            (message, sound)
            for sound in self.sound
            for message in messages
            if message in sound.place and (message.rule in rules or (tool == OURS and message.serious))
        ]


def read(folder: Path = FOLDER) -> Planted:
    """The list in that folder. Raises ValueError where a marker does not stand exactly once in its file."""
    data = yaml.safe_load((folder / "PLANTED.yaml").read_text(encoding="utf-8"))
    return Planted(
        app=data["app"],
        mistakes=tuple(_mistake(folder, entry) for entry in data["mistakes"]),
        sound=tuple(
            Sound(entry["resembles"], entry["says"], locate(folder, entry)) for entry in data["sound"]
        ),
        consequences=tuple((entry["check"], entry["subject"]) for entry in data["consequences"]),
    )


def _mistake(folder: Path, entry: Mapping[str, Any]) -> Mistake:
    return Mistake(
        id=entry["id"],
        area=entry["area"],
        says=entry["says"],
        places=tuple(locate(folder, place) for place in (entry, *entry.get("also_at", ()))),
        checks=tuple(entry["checks"]),
        subject=entry.get("subject"),
        hint=entry.get("hint", False),
        others=entry.get("others", {}),
    )


def locate(folder: Path, entry: Mapping[str, str]) -> Place:
    """The stretch around a marker: the outermost function, else the entry of a dict, else the statement."""
    text = (folder / entry["file"]).read_text(encoding="utf-8")
    if text.count(entry["line"]) != 1:
        raise ValueError(f"{entry['line']!r} stands {text.count(entry['line'])} times in {entry['file']}")
    line = text[: text.index(entry["line"])].count("\n") + 1
    found = [span for span in _stretches(ast.parse(text)) if span[0] <= line <= span[1]]
    first, last = found[0] if found else (line, line)
    return Place(entry["file"], first, last)


def _stretches(tree: ast.Module) -> Iterator[tuple[int, int]]:
    """First and last lines: of functions first, then of entries of dicts, then of statements."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield min([node.lineno, *(one.lineno for one in node.decorator_list)]), node.end_lineno or 0
    for node in nodes:
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None:
                    yield key.lineno, value.end_lineno or 0
    for node in tree.body:
        yield node.lineno, node.end_lineno or 0
