"""The lines of source that locations point at, made fit to be shown: short, and without credentials."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from celerycheck.findings import Excerpt, Line
from celerycheck.source.masking import Edit, masks
from celerycheck.subjects import Location

MOST = 4
"""How many lines of one piece of code are shown."""

LONGEST = 120
"""How many characters of a line are shown."""

GENERATED = 1000
"""Longer lines no person wrote, and none reads: they are not shown at all."""

BEFORE = 24
"""How much of a line that is too long is kept in front of what is marked."""

TAB = " " * 4

Mark = tuple[int, int]
"""From which character of a line to before which one."""


def read(root: Path, locations: Iterable[Location]) -> dict[Location, Excerpt]:
    """What stands at these places, paths being relative to `root`; each file is read once.

    Only places that end somewhere have an excerpt, and only where the file is there, is text, and has
    code at those columns: one that was changed since gives none.
    """
    by_path: dict[str, list[Location]] = {}
    for location in dict.fromkeys(locations):
        if location.line is not None and location.end_line is not None:
            by_path.setdefault(location.path, []).append(location)
    found = {}
    for path, places in by_path.items():
        lines = _lines(root / path)
        for place in places:
            excerpt = _excerpt(lines, place)
            if excerpt is not None:
                found[place] = excerpt
    return found


def _lines(path: Path) -> Sequence[str]:
    """The lines as Python counts them; none where the file cannot be read as source."""
    try:
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        text = data.decode(encoding)
    except (OSError, ValueError, SyntaxError, LookupError):
        return ()
    return () if "\0" in text else re.split(r"\r\n|\r|\n", text)


def _excerpt(lines: Sequence[str], place: Location) -> Excerpt | None:
    first, last = place.line or 0, place.end_line or 0
    if not 1 <= first <= last <= len(lines):
        return None
    begin = _indentation(lines[first - 1]) if place.column is None else place.column - 1
    end = len(lines[last - 1].rstrip()) if place.end_column is None else place.end_column - 1
    if not _is_code(lines[first - 1], begin, begin) or not _is_code(lines[last - 1], end, end - 1):
        return None
    if first == last and begin >= end:
        return None
    shown = lines[first - 1 : last if last < first + MOST else first + MOST - 2]
    if any(len(line) > GENERATED for line in shown):
        return None
    marks = [
        (begin if number == first else 0, end if number == last else len(line))
        for number, line in enumerate(shown, first)
    ]
    return Excerpt(tuple(_fitted(shown, marks, first)), last - first + 1 - len(shown))


def _is_code(line: str, border: int, inner: int) -> bool:
    """Whether something begins or ends at `border`, which is in no word, beside the character at `inner`."""
    if not 0 <= inner < len(line) or line[inner].isspace():
        return False
    beside = line[max(border - 1, 0) : border + 1]
    return len(beside) < 2 or not all(character == "_" or character.isalnum() for character in beside)


def _fitted(texts: Sequence[str], marks: Sequence[Mark], first: int) -> Iterator[Line]:
    """The lines with credentials masked, without tabs and common indentation, and not too long."""
    edits = list(masks("\n".join(texts)))
    offset, clean = 0, []
    for text, mark in zip(texts, marks, strict=True):
        end = offset + len(text)
        own = [(a - offset, b - offset, new) for a, b, new in edits if offset <= a and b <= end]
        masked = _edited(text, mark, own)
        tabs = [(tab.start(), tab.end(), TAB) for tab in re.finditer("\t", masked[0])]
        clean.append(_edited(*masked, tabs))
        offset = end + 1
    indentation = min((_indentation(text) for text, _ in clean if text.strip()), default=0)
    for number, (text, mark) in enumerate(clean, first):
        yield _line(number, *_edited(text, mark, [(0, min(indentation, len(text)), "")]))


def _line(number: int, text: str, mark: Mark) -> Line:
    """One line, `LONGEST` characters of it at most, with the beginning of what is marked among them."""
    text = text.rstrip()
    begin, end = max(mark[0], _indentation(text)), min(mark[1], len(text))
    left = 0
    if len(text) > LONGEST and end > LONGEST:
        left = max(min(begin - BEFORE, len(text) - LONGEST), 0)
    shown = text[left : left + LONGEST]
    place = (max(begin - left, 0), max(min(end - left, len(shown)), 0))
    return Line(number, shown, place, (left > 0, left + LONGEST < len(text)))


def _edited(text: str, mark: Mark, edits: Iterable[Edit]) -> tuple[str, Mark]:
    """`text` with these replacements, and where what was marked stands then."""
    parts, end = [], 0
    positions = list(mark)
    for start, stop, new in edits:
        parts += [text[end:start], new]
        end = stop
        for index, position in enumerate(mark):
            if position >= stop:
                positions[index] += len(new) - (stop - start)
            elif position > start:
                positions[index] += start - position
    return "".join([*parts, text[end:]]), (positions[0], positions[1])


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())
