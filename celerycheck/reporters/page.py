"""Lines on a page of a given width: what every report for people is written with.

Text is wrapped here and never cut, so that nothing depends on what a terminal does with a long line.
Styles are rich's; without colour, rich is not even imported and plain lines are written.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from celerycheck.reporters.harmless import carried

if TYPE_CHECKING:
    from rich.console import Console
    from typing_extensions import Self

Piece = str | tuple[str, str]
"""Text, or text and its style (`bold`, `dim`, `red`)."""

NARROWEST = 60
MEASURE = 100
"""Sentences are not set wider than this, however wide the terminal: long lines are hard to read."""

HANG = 4
"""How far the rest of a line of code is indented that has to go on in a further one."""

_CODE_BREAK = re.compile(r"(?=(?<=\S) )|[(\[]")
BREAK_AFTER = "./\\_-:,;=([{"


@dataclass(frozen=True)
class Signs:
    """The few marks a report uses beyond letters."""

    error: str = "×"
    warning: str = "!"
    info: str = "·"
    fix: str = "→"
    dot: str = "·"
    more: str = "…"
    none: str = "·"
    bar: str = "│"
    call: str = "↳"
    under: str = "▔"


ASCII = Signs(error="x", info="-", fix=">", dot="-", more="...", none="-", bar="|", call="-", under="^")
SPECIAL = "×→…·│↳▔"


@dataclass(frozen=True)
class Look:
    """How a page looks. Without `unicode` it is ASCII, whatever the stream's encoding could carry."""

    width: int = 80
    colour: bool = False
    unicode: bool = True

    @classmethod
    def for_stream(cls, out: TextIO, environ: Mapping[str, str]) -> Self:
        """What suits this stream: a terminal's width and colours; 80 columns and none for a log.

        `COLUMNS`, `NO_COLOR` and `FORCE_COLOR` have their usual meaning.
        """
        terminal = out.isatty()
        width = 80
        if environ.get("COLUMNS", "").isdecimal():
            width = int(environ["COLUMNS"])
        elif terminal:
            width = _terminal_width(out)
        if environ.get("NO_COLOR"):
            colour = False
        else:
            colour = bool(environ.get("FORCE_COLOR")) or (terminal and environ.get("TERM") != "dumb")
        return cls(width=width, colour=colour)


def _terminal_width(out: TextIO) -> int:
    try:
        return os.get_terminal_size(out.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def cells(text: str) -> int:
    """How many columns a terminal gives `text`: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415  # most text is ASCII and needs no tables

    return cell_len(text)


def wrap(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Where to break one line of `text`: (start, end) of each part, none wider than `width`.

    Breaks between words; a longer word is broken after one of its separators where there is one in
    its second half, else anywhere.
    """
    start = end = 0
    for word in re.finditer(r" *[^ ]+", text):
        stop = word.end()
        if cells(text[start:stop]) > width:
            if end > start:
                yield start, end
            start = stop - len(word.group().lstrip(" "))
            while cells(text[start:stop]) > width:
                cut = _cut(text, start, width)
                yield start, cut
                start = cut
        end = stop
    if end > start:
        yield start, end


def wrap_code(text: str, width: int, hang: int) -> Iterator[tuple[int, int]]:
    """Where to break one line of code: (start, end) of each part, the further ones narrower by `hang`.

    Breaks at a blank or after an opening bracket, where that does not leave most of a line empty.
    """
    start = 0
    while cells(text[start:]) > width:
        end = _fit(text, start, width)
        breaks = [match.end() for match in _CODE_BREAK.finditer(text, start, end + 1)]
        far = [position for position in breaks if start + width // 3 < position <= end]
        cut = far[-1] if far else _cut(text, start, width)
        yield start, cut
        start = len(text) - len(text[cut:].lstrip(" "))
        width -= hang
        hang = 0
    yield start, len(text)


def _cut(text: str, start: int, width: int) -> int:
    """Where to break a long word: behind a separator in its second half, if there is one."""
    end = _fit(text, start, width)
    separators = [i + 1 for i in range(start + (end - start) // 2, end) if text[i] in BREAK_AFTER]
    return separators[-1] if separators else end


def _fit(text: str, start: int, width: int) -> int:
    """How far `text` goes on one line of this width, one character at least."""
    end = start + 1
    while end < len(text) and cells(text[start : end + 1]) <= width:
        end += 1
    return end


def plain(pieces: Sequence[Piece]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] for piece in pieces)


def split(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces of each line, where they hold line breaks."""
    line: list[Piece] = []
    for piece in pieces:
        for number, part in enumerate(plain([piece]).split("\n")):
            if number:
                yield line
                line = []
            line.append((part, _style(piece)))
    yield line


def _style(piece: Piece) -> str:
    return "" if isinstance(piece, str) else piece[1]


class Page:
    """Writes paragraphs, rows and tables to a stream; nothing but an address is wider than the page."""

    def __init__(self, out: TextIO, look: Look) -> None:
        self.out = out
        self.encoding: str | None = getattr(out, "encoding", None) if look.unicode else "ascii"
        self.width = max(look.width, NARROWEST)
        self.measure = min(self.width, MEASURE)
        self.signs = Signs() if carried(SPECIAL, self.encoding) == SPECIAL else ASCII
        self._console = _console(out, self.width) if look.colour else None

    @property
    def coloured(self) -> bool:
        return self._console is not None

    def blank(self) -> None:
        self.out.write("\n")

    def heading(self, text: str, aside: str = "") -> None:
        """A title with a blank line above it."""
        self.blank()
        self.paragraph([(text, "bold"), (f"  {aside}" if aside else "", "dim")])

    def paragraph(
        self,
        pieces: Sequence[Piece],
        indent: int = 0,
        lead: Sequence[Piece] = (),
        *,
        hang: int = 0,
        wide: bool = False,
    ) -> None:
        """Flowing text; its further lines stand under its first character, right of the `lead`.

        They are indented by another `hang`. `wide` lets the text run over the whole page, for names
        and paths rather than sentences.
        """
        hang += indent + cells(self._carried(plain(lead)))
        width = max((self.width if wide else self.measure) - hang, NARROWEST // 6)
        start: list[Piece] = [" " * indent, *lead]
        for line in self._lines(pieces):
            text = plain(line)
            for begin, end in wrap(text, width) if text.strip() else [(0, 0)]:
                self._write([*start, *_slice(line, begin, end)])
                start = [" " * hang]

    def verbatim(self, text: str, indent: int = 0) -> None:
        """One line that is not wrapped, because it is copied or clicked: an address."""
        self._write([" " * indent, self._carried(text)])

    def code(
        self,
        pieces: Sequence[Piece],
        indent: int,
        lead: Piece,
        margin: Piece,
        mark: tuple[int, int],
        style: str,
    ) -> None:
        """One line of code right of `lead`, what is marked in it (start, end) underlined in this style.

        `margin` stands before what has to go on in a further line, and before the underline.
        """
        text = plain(pieces)
        room = max(self.width - indent - cells(plain([lead])), NARROWEST // 6)
        start, hang = lead, ""
        for begin, end in wrap_code(text, room, HANG):
            self._write([" " * indent, start, hang, *_slice(pieces, begin, end)])
            left, right = max(mark[0], begin), min(mark[1], end)
            if left < right:
                gap = " " * cells(text[begin:left])
                under = self.signs.under * cells(text[left:right])
                self._write([" " * indent, margin, hang, gap, (under, style)])
            start, hang = margin, " " * HANG

    def rows(
        self,
        rows: Sequence[tuple[Sequence[Piece], Sequence[Piece]]],
        indent: int = 0,
        leads: Sequence[Piece] = (),
    ) -> None:
        """Pairs in two columns; a pair too long for that gets its second part on a line of its own.

        `leads` are marks of equal width that stand before the rows.
        """
        leads = leads or [""] * len(rows)
        room = self.width - indent - 2 - max((cells(plain([lead])) for lead in leads), default=0)
        sizes = [(cells(self._carried(plain(a))), cells(self._carried(plain(b)))) for a, b in rows]
        column = max(
            (left for left, _ in sizes),
            key=lambda c: (sum(left <= c and c + right <= room for left, right in sizes), -c),
            default=0,
        )
        for (left, right), (size, other), lead in zip(rows, sizes, leads, strict=True):
            if size <= column and column + other <= room:
                gap = " " * (column - size + 2)
                self.paragraph([*left, gap, *right], indent, [lead], wide=True)
            else:
                self.paragraph(left, indent, [lead], hang=2, wide=True)
                if other:
                    self.paragraph(right, indent + 2 + cells(plain([lead])), wide=True)

    def table(self, rows: Sequence[tuple[Sequence[Piece], Sequence[Piece]]], indent: int = 0) -> None:
        """Rows of a name and equally many short cells, which are set flush right."""
        texts = [[self._carried(plain([cell])) for cell in row] for _, row in rows]
        widths = [max(map(cells, column)) for column in zip(*texts, strict=True)]
        longest = max((cells(self._carried(plain(name))) for name, _ in rows), default=0)
        size = max(min(longest, self.measure - indent - sum(widths) - 2 * len(widths)), NARROWEST // 6)
        for (name, row), text in zip(rows, texts, strict=True):
            (line,) = self._lines(name)
            *above, last = list(wrap(plain(line), size)) or [(0, 0)]
            for begin, end in above:
                self._write([" " * indent, *_slice(line, begin, end)])
            pieces: list[Piece] = [" " * indent, *_slice(line, *last)]
            pieces.append(" " * (size - cells(plain(line)[slice(*last)])))
            for cell, shown, width in zip(row, text, widths, strict=True):
                pieces += [" " * (width - cells(shown) + 2), cell]
            self._write(pieces)

    def _carried(self, text: str) -> str:
        return carried(text, self.encoding)

    def _lines(self, pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
        """The pieces as this stream can carry them, split where they hold line breaks."""
        carried = [(self._carried(plain([piece])), _style(piece)) for piece in pieces]
        yield from split(carried)

    def _write(self, pieces: Sequence[Piece]) -> None:
        if self._console is None:
            self.out.write(f"{plain(pieces).rstrip()}\n")
            return
        from rich.text import Text  # noqa: PLC0415  # only pages with colour need it

        text = Text.assemble(*pieces)
        text.rstrip()
        self._console.print(text, soft_wrap=True)


def _slice(line: Sequence[Piece], begin: int, end: int) -> Iterator[Piece]:
    position = 0
    for piece in line:
        text, style = (piece, "") if isinstance(piece, str) else piece
        part = text[max(begin - position, 0) : max(end - position, 0)]
        if part:
            yield part, style
        position += len(text)


def _console(out: TextIO, width: int) -> Console:
    from rich.console import Console  # noqa: PLC0415  # only pages with colour need it

    return Console(
        file=out,
        width=width,
        force_terminal=True,
        color_system="standard",
        no_color=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
