"""Pieces of code in the console report: their lines, what is meant in them, and the calls that lead there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from celerycheck.findings import Excerpt, Line, Severity, Step
from celerycheck.reporters.console_words import COLOURS, place
from celerycheck.reporters.harmless import carried, visible
from celerycheck.reporters.page import Page, Piece, split

SYNTAX = {
    ("Comment",): "dim",
    ("Keyword",): "magenta",
    ("Operator", "Word"): "magenta",
    ("Literal", "String"): "green",
}
"""Styles by kind of token. Red, yellow and cyan are the severities'."""


def write_trace(page: Page, trace: Sequence[Step], indent: int) -> None:
    """The calls that lead from the task to the place of the finding, one below the other."""
    rows = [(_step(step), place(step.location)) for step in trace]
    page.rows(rows, indent, [(f"{page.signs.call} ", "dim")] * len(rows))


def _step(step: Step) -> list[Piece]:
    return [visible(step.text)]


def write_excerpt(page: Page, excerpt: Excerpt, severity: Severity, indent: int) -> None:
    """The lines with their numbers; what is meant is underlined in the first of them."""
    first = excerpt.lines[0]
    size = max(len(str(line.number)) for line in excerpt.lines)
    size = max(size, len(page.signs.more)) if excerpt.more else size
    bar = f" {page.signs.bar} "
    margin: Piece = (" " * size + bar, "dim")
    for line, pieces in zip(excerpt.lines, _styled(page, excerpt.lines), strict=True):
        lead: Piece = (f"{line.number:>{size}}{bar}", "dim")
        mark = _mark(page, line) if line is first else (0, 0)
        page.code(pieces, indent, lead, margin, mark, f"bold {COLOURS[severity]}")
    if excerpt.more:
        page.paragraph([(f"{page.signs.more:>{size}}{bar}".rstrip(), "dim")], indent)


def _shown(page: Page, text: str) -> str:
    return carried(visible(text), page.encoding)


def _mark(page: Page, line: Line) -> tuple[int, int]:
    """Where in the line as it is shown the piece begins and ends."""
    begin, end = line.mark
    more = len(page.signs.more) if line.clipped[0] else 0
    start = more + len(_shown(page, line.text[:begin]))
    return start, start + len(_shown(page, line.text[begin:end]))


def _styled(page: Page, lines: Sequence[Line]) -> Iterator[list[Piece]]:
    """The lines as they are shown, coloured where the page is."""
    texts = [_shown(page, line.text) for line in lines]
    plain: list[list[Piece]] = [[text] for text in texts]
    for line, pieces in zip(lines, _coloured(texts) if page.coloured else plain, strict=True):
        left, right = ((page.signs.more if clipped else "", "dim") for clipped in line.clipped)
        yield [left, *pieces, right]


def _coloured(texts: Sequence[str]) -> list[list[Piece]]:
    """Each line in pieces of one style, as rich reads the Python in them."""
    from rich.style import Style  # noqa: PLC0415  # only pages with colour need it
    from rich.syntax import ANSISyntaxTheme, Syntax  # noqa: PLC0415

    theme = ANSISyntaxTheme({token: Style.parse(style) for token, style in SYNTAX.items()})
    code = "\n".join(texts)
    text = Syntax("", "python", theme=theme).highlight(code)
    if text.plain.rstrip("\n") != code.rstrip("\n"):
        return [[text] for text in texts]
    pieces: list[Piece] = []
    position = 0
    for span in text.spans:
        pieces += [code[position : span.start], (code[span.start : span.end], str(span.style))]
        position = span.end
    return list(split([*pieces, code[position:]]))
