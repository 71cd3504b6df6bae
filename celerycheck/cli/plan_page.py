"""What `new-task` prints: the plan, its diff, and what to do next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from celerycheck.reporters.harmless import carried, visible

if TYPE_CHECKING:
    from celerycheck.reporters.page import Look
    from celerycheck.scaffold.plan import Change, Plan

_STYLES = {
    "create": "32",
    "append": "32",
    "overwrite": "33",
    "skip": "33",
    "conflict": "31",
    "identical": "2",
}
_DIFF_STYLES = (("+++", "1"), ("---", "1"), ("diff ", "1"), ("@@", "36"), ("+", "32"), ("-", "31"))
_WIDEST = max(map(len, _STYLES))
_MOST_NAMES = 4


class PlanPage:
    """Writes to one stream, in colour where its look says so."""

    def __init__(self, out: TextIO, look: Look) -> None:
        self._out = out
        self._look = look

    def plan(self, plan: Plan) -> None:
        """One line for each file: what happens to it, and to which names in it."""
        width = max((len(visible(change.path)) for change in plan.changes), default=0)
        for change in plan.changes:
            path = visible(change.path)
            status = self._styled(f"{change.status:{_WIDEST}}", _STYLES[change.status])
            names = ", ".join(_names(change))
            self._line(f"  {status}  {f'{path:{width}}  {names}' if names else path}")

    def diff(self, text: str) -> None:
        """A unified diff; on a terminal harmless and in colour, elsewhere byte for byte."""
        self._out.write("\n")
        if self._look.colour:
            for line in text.split("\n"):
                style = next((style for start, style in _DIFF_STYLES if line.startswith(start)), "")
                self._line(self._styled(visible(line.replace("\t", "    ")), style))
            return
        data = text.encode("utf-8", "surrogateescape")
        buffer = getattr(self._out, "buffer", None)
        if buffer is None:
            self._out.write(data.decode("utf-8", "replace"))
            return
        self._out.flush()
        buffer.write(data)
        buffer.flush()

    def steps(self, steps: Iterable[tuple[str, str]]) -> None:
        """What to do next, in two columns."""
        rows = list(steps)
        width = max(len(what) for what, _ in rows)
        self._line("")
        self._line(self._styled("Next", "1"))
        for what, how in rows:
            self._line(f"  {what:{width}}  {self._styled(visible(how), '36')}")

    def say(self, text: str) -> None:
        self._line(text)

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._look.colour and style and text.strip() else text

    def _line(self, text: str) -> None:
        self._out.write(carried(text.rstrip(), getattr(self._out, "encoding", None)) + "\n")


def _names(change: Change) -> Iterator[str]:
    """What happens in a file that is there already, by name: the first few, imports only if alone."""
    if change.status in ("create", "identical"):
        return
    names = change.conflicts if change.status in ("conflict", "skip") else (*change.added, *change.replaced)
    telling = [name for name in names if not name.startswith(("import ", "from "))] or list(names)
    yield from map(visible, telling[:_MOST_NAMES])
    if len(telling) > _MOST_NAMES:
        yield f"{len(telling) - _MOST_NAMES} more"
