"""Comments in source that silence a check: `# celerycheck: ignore[check-id, other-id] reason`.

A comment counts for its own line, or, standing alone, for the line below it. Anywhere in the decorators
and the first lines of a definition, or above them, it counts for all of them. A piece of code that goes
over several lines is silenced by a comment that counts for any of them, or for the first or the last line
of the statement it is part of.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from celerycheck.subjects import Location

_COMMENT = re.compile(
    r"#\s*celerycheck:\s*ignore\b\s*(?:\[(?P<ids>[^\]]*)\])?(?P<reason>[^#]*)", re.IGNORECASE
)
_MARK = b"celerycheck:"
_NO_CODE = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.INDENT, tokenize.DEDENT})


@dataclass(frozen=True)
class Suppression:
    """One comment. `ids` are the checks it names, `lines` the lines it counts for (first, last).

    `statement` is the statement of several lines whose first or last line is among them.
    """

    location: Location
    ids: tuple[str, ...]
    reason: str
    lines: tuple[tuple[int, int], ...]
    statement: tuple[int, int] | None = None

    def covers(self, line: int, end_line: int | None = None) -> bool:
        """Whether it counts for a definition or a setting at `line`, or for code from there to `end_line`."""
        if end_line is None:
            return any(first <= line <= last for first, last in self.lines)
        lines = self.lines if self.statement is None else (*self.lines, self.statement)
        return any(first <= end_line and line <= last for first, last in lines)


@dataclass(frozen=True)
class Suppressions:
    """Every such comment of a project, by file."""

    by_path: Mapping[str, tuple[Suppression, ...]]

    def __iter__(self) -> Iterator[Suppression]:
        for found in self.by_path.values():
            yield from found

    def matching(self, check: str, location: Location | None) -> Iterator[Suppression]:
        """The comments that silence this check at this place."""
        if location is None or location.line is None:
            return
        for suppression in self.by_path.get(location.path, ()):
            if check in suppression.ids and suppression.covers(location.line, location.end_line):
                yield suppression


NONE = Suppressions({})


def read(root: Path, paths: Iterable[str]) -> Suppressions:
    """The comments in these files, given relative to `root`; unreadable files have none."""
    found = {}
    for path in dict.fromkeys(paths):
        try:
            data = (root / path).read_bytes()
        except (OSError, ValueError):
            continue
        if _MARK in data:
            suppressions = tuple(in_source(path, data))
            if suppressions:
                found[path] = suppressions
    return Suppressions(found)


def in_source(path: str, data: bytes) -> Iterator[Suppression]:
    """The comments in one module's source; strings that look like them do not count."""
    source = _Source(data)
    for line, column, match in source.comments:
        ids = tuple(part.strip() for part in (match["ids"] or "").split(",") if part.strip())
        reason = match["reason"].strip().lstrip(":-–—").strip()
        location = Location(path, line, column + 1)
        yield Suppression(location, ids, reason, tuple(source.covered(line)), source.statement(line))


class _Source:
    """The lines that hold code, the statements they make, and the definitions' heads."""

    def __init__(self, data: bytes) -> None:
        self.comments: list[tuple[int, int, re.Match[str]]] = []
        self._code: set[int] = set()
        self._comment_lines: set[int] = set()
        self._statements: list[tuple[int, int]] = []
        self._heads: list[tuple[int, int]] = []
        # What comes before a syntax error has been seen; such a module cannot be imported anyway.
        with suppress(tokenize.TokenError, SyntaxError, UnicodeDecodeError):
            self._scan(tokenize.tokenize(io.BytesIO(data).readline))

    def covered(self, line: int) -> Iterator[tuple[int, int]]:
        """The ranges of lines that a comment on `line` counts for."""
        target = line if line in self._code else self._next_code(line)
        if target is None:
            return
        head = _around(self._heads, target)
        if head is not None:
            yield head
            return
        yield (target, target)
        statement = _around(self._statements, target)
        if target == line and statement is not None and statement[0] < statement[1] == line:
            yield (statement[0], statement[0])

    def statement(self, line: int) -> tuple[int, int] | None:
        """The statement of several lines whose first or last line a comment on `line` counts for."""
        target = line if line in self._code else self._next_code(line)
        found = None if target is None else _around(self._statements, target)
        return found if found and found[0] < found[1] and target in found else None

    def _next_code(self, line: int) -> int | None:
        """The line of code below a comment, other comments between them allowed."""
        while line in self._comment_lines:
            line += 1
        return line if line in self._code else None

    def _scan(self, tokens: Iterable[tokenize.TokenInfo]) -> None:
        statement: list[tokenize.TokenInfo] = []
        head: int | None = None
        for token in tokens:
            if token.type == tokenize.COMMENT:
                self._comment(token)
            elif token.type == tokenize.NEWLINE and statement:
                head = self._end_statement(statement, head)
                statement = []
            elif token.type not in _NO_CODE:
                self._code.update(range(token.start[0], token.end[0] + 1))
                statement.append(token)

    def _comment(self, token: tokenize.TokenInfo) -> None:
        line, column = token.start
        if not token.line[:column].strip():
            self._comment_lines.add(line)
        match = _COMMENT.search(token.string)
        if match:
            self.comments.append((line, column + match.start(), match))

    def _end_statement(self, tokens: list[tokenize.TokenInfo], head: int | None) -> int | None:
        """Note a logical line; gives back where the head it belongs to began, while decorators last."""
        first, last = tokens[0].start[0], tokens[-1].end[0]
        self._statements.append((first, last))
        words = [token.string for token in tokens[:2]]
        start = first if head is None else head
        if words[0] == "@":
            return start
        if words[0] in ("def", "class") or words == ["async", "def"]:
            self._heads.append((start, last))
        return None


def _around(ranges: list[tuple[int, int]], line: int) -> tuple[int, int] | None:
    """The one of these ordered, disjoint ranges that holds `line`."""
    index = bisect_right(ranges, (line, sys.maxsize)) - 1
    return ranges[index] if index >= 0 and ranges[index][1] >= line else None
