"""A plan as a unified diff that `git apply` takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from celerycheck.scaffold.plan import Change, Plan

NO_NEWLINE = "\\ No newline at end of file\n"


def unified(plan: Plan) -> str:
    """The diff of everything that would change, conflicts as if they were overwritten.

    Bytes that are not UTF-8 stand in it as surrogates: encode it with `errors="surrogateescape"`.
    """
    return "".join(line for change in plan.changes for line in of_file(change))


def of_file(change: Change) -> Iterator[str]:
    """The lines of one file's diff; none where nothing changes."""
    if change.before == change.after:
        return
    old, new = quoted(f"a/{change.path}"), quoted(f"b/{change.path}")
    yield f"diff --git {old} {new}\n"
    if change.before is None:
        yield "new file mode 100644\n"
        old = "/dev/null"
    hunks = difflib.unified_diff(lines(change.before or b""), lines(change.after), old, new)
    for number, line in enumerate(hunks):
        if number < 2:  # git takes a name with a space to end at a tab
            yield line.rstrip("\n") + ("\t\n" if " " in line[4:] else "\n")
        else:
            yield line if line.endswith("\n") else f"{line}\n{NO_NEWLINE}"


def lines(data: bytes) -> list[str]:
    """Lines with their ends, divided at line feeds alone, as git divides them."""
    text = data.decode("utf-8", errors="surrogateescape")
    return [line for line in text.replace("\n", "\n\0").split("\0") if line]


def quoted(path: str) -> str:
    """A path as git writes it."""
    if any(letter in '"\\' or ord(letter) < 32 for letter in path):
        escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\n", "\\n")
        return f'"{escaped}"'
    return path
