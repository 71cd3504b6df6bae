"""What would be written where, before anything is.

pieces = [
    Module("billing/services.py", services_text),
    NewFile("billing/__init__.py", "", keep=True),
]
planned = plan(root, pieces, on_conflict="abort")
for change in planned.changes:
    print(change.status, change.path, *change.conflicts)
print(diff.unified(planned))
if not planned.conflicts:
    write.write(root, planned)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging import entries, loaded_by, merge
from celerycheck.scaffold.merging.encoding import decoded, encoded
from celerycheck.scaffold.merging.entries import CannotExtend
from celerycheck.scaffold.pieces import Entry, Loaded, Module, NewFile, Piece

OnConflict = Literal["abort", "skip", "overwrite"]
Status = Literal["create", "append", "identical", "conflict", "overwrite", "skip"]


@dataclass(frozen=True)
class Change:
    """One file of a plan.

    - `path`: relative to the root, with `/`, symbolic links followed. `before` is None for a new file.
    - `after`: with status `conflict`, what overwriting would make of it.
    - `added`, `replaced`: names of definitions, imports and entries. `conflicts`: those that stand there
      otherwise; with status `skip` and `append` they are left as they are.
    """

    path: str
    before: bytes | None
    after: bytes
    status: Status
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All changes, in the order of their pieces; `conflicts` must be empty before it can be written."""

    changes: tuple[Change, ...]

    @property
    def conflicts(self) -> tuple[Change, ...]:
        return tuple(change for change in self.changes if change.status == "conflict")


@dataclass(frozen=True)
class Rules:
    """How files are extended: what happens on a conflict, and how the project formats its code."""

    on_conflict: OnConflict
    first_party: frozenset[str]
    line_length: int


@dataclass(frozen=True)
class Draft:
    """A file while pieces are put into it; `text` is None as long as it is what it was."""

    path: str
    before: bytes | None
    text: str | None = None
    codec: str = "utf-8"
    added: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    module: str = ""

    @property
    def exists(self) -> bool:
        return self.before is not None or self.text is not None

    def read(self) -> Draft:
        """The same with its text, as Python's. Raises UsageError where that cannot be read."""
        if self.text is not None or self.before is None:
            return self
        text, codec = decoded(self.before, self.path)
        return replace(self, text=text, codec=codec)

    def holds(self, text: str) -> bool:
        """Whether this is the whole text, line endings aside."""
        data = self.before or b"" if self.text is None else self.text.encode("utf-8")
        return data.replace(b"\r\n", b"\n") == text.encode("utf-8")


def plan(
    root: Path,
    pieces: Sequence[Piece],
    *,
    on_conflict: OnConflict,
    first_party: frozenset[str] = frozenset(),
    line_length: int = 88,
) -> Plan:
    """Put every piece where it belongs, in order; nothing is written.

    Raises UsageError where a file cannot be read, is no Python or lies outside `root`; CannotExtend, with the
    piece, where a setting is written in a way that cannot be extended.
    """
    rules = Rules(on_conflict, first_party or top_level_names(root), line_length)
    drafts: dict[str, Draft] = {}
    for piece in pieces:
        path = inside(root, piece.path)
        draft = drafts.get(path) or opened(root, path)
        try:
            drafts[path] = applied(draft, piece, rules)
        except CannotExtend as error:
            raise CannotExtend(f"{path}: {error.reason}", piece) from None
    return Plan(tuple(change(draft, on_conflict) for draft in drafts.values()))


def top_level_names(root: Path) -> frozenset[str]:
    """The project's own names, as ruff finds them: packages and modules in its folder and in its `src`."""
    folders = [folder for folder in (root, root / "src") if folder.is_dir()]
    return frozenset(
        found.stem
        for folder in folders
        for found in folder.iterdir()
        if found.is_dir() or found.suffix == ".py"
    )


def inside(root: Path, path: str) -> str:
    """The file that a path leads to, relative to the root. Raises UsageError where it leaves the root."""
    try:
        target = (root / path).resolve()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{path} leads nowhere: {error}", "Mend the link.") from None
    if not target.is_relative_to(root.resolve()):
        raise UsageError(f"{path} lies outside {root}", "Only files of the project are written.")
    return target.relative_to(root.resolve()).as_posix()


def opened(root: Path, path: str) -> Draft:
    """The draft of a file as it is. Raises UsageError where it is a folder, or cannot be read."""
    target = root / path
    blocked = next((parent for parent in target.parents if parent.exists() and not parent.is_dir()), None)
    if blocked is not None:
        raise UsageError(f"{path} cannot be written: {blocked.name} is a file, not a folder", "Move it away.")
    try:
        before = target.read_bytes()
    except FileNotFoundError:
        before = None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}", "Mend that first.") from None
    return Draft(path, before, module=dotted(root, path))


def dotted(root: Path, path: str) -> str:
    """The name that a file is imported by: of the folders above it those that are packages, else all.

    A package's own file ends in `.__init__`.
    """
    file = root / path
    folders = list(Path(path).parts[:-1])
    count = 0
    while count < len(folders) and (file.parents[count] / "__init__.py").exists():
        count += 1
    kept = folders[len(folders) - count :] if count else folders
    return ".".join([*kept, file.stem])


def applied(draft: Draft, piece: Piece, rules: Rules) -> Draft:
    """The draft with a piece put into it."""
    if isinstance(piece, NewFile):
        return whole(draft, piece, rules)
    read = draft.read()
    result = extended(read, piece, rules, overwrite=rules.on_conflict == "overwrite")
    conflicts = result.conflicts
    if conflicts and rules.on_conflict == "abort":
        result = extended(read, piece, rules, overwrite=True)
    return replace(
        read,
        text=draft.text if result.text == read.text else result.text,
        added=draft.added + result.added,
        replaced=draft.replaced + (result.replaced if rules.on_conflict == "overwrite" else ()),
        conflicts=draft.conflicts + conflicts,
    )


def whole(draft: Draft, piece: NewFile, rules: Rules) -> Draft:
    """The draft of a file that is written whole; other line endings make no other file."""
    if not draft.exists:
        return replace(draft, text=piece.text)
    if piece.keep or draft.holds(piece.text):
        return draft
    if rules.on_conflict == "skip":
        return replace(draft, conflicts=(*draft.conflicts, draft.path))
    over = replace(draft, text=piece.text, codec="utf-8")
    if rules.on_conflict == "overwrite":
        return replace(over, replaced=(*draft.replaced, draft.path))
    return replace(over, conflicts=(*draft.conflicts, draft.path))


def extended(draft: Draft, piece: Module | Entry | Loaded, rules: Rules, *, overwrite: bool) -> merge.Merged:
    """The draft's text with a piece in it."""
    if isinstance(piece, Module):
        return merge.merged(
            draft.text or "",
            piece.text,
            overwrite=overwrite,
            module=draft.module,
            path=draft.path,
            first_party=rules.first_party,
            line_length=rules.line_length,
        )
    if not draft.exists:
        raise CannotExtend("there is no such file", piece)
    text = draft.text or ""
    if isinstance(piece, Loaded):
        return loaded_by.added(text, piece, module=draft.module, line_length=rules.line_length)
    return entries.added(
        text,
        piece,
        overwrite=overwrite,
        first_party=rules.first_party,
        line_length=rules.line_length,
    )


def change(draft: Draft, on_conflict: OnConflict) -> Change:
    """What becomes of a file once all its pieces are in."""
    after = draft.before or b"" if draft.text is None else encoded(draft.text, draft.codec, draft.path)
    return Change(
        path=draft.path,
        before=draft.before,
        after=after,
        status=status(draft, after, on_conflict),
        added=draft.added,
        replaced=draft.replaced,
        conflicts=draft.conflicts,
    )


def status(draft: Draft, after: bytes, on_conflict: OnConflict) -> Status:
    """The word for what happens to a file."""
    if draft.conflicts and on_conflict != "skip":
        return "conflict"
    if draft.before is None:
        return "create"
    if after == draft.before:
        return "skip" if draft.conflicts else "identical"
    return "overwrite" if draft.replaced else "append"
