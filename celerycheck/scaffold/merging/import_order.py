"""The order that ruff's isort rule wants imports in, with its default settings."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from enum import IntEnum

Key = tuple[object, ...]


class Section(IntEnum):
    """The groups of imports, in order."""

    FUTURE = 0
    STDLIB = 1
    THIRD_PARTY = 2
    FIRST_PARTY = 3
    LOCAL = 4


@dataclass(frozen=True)
class Import:
    """One imported name: `import module as asname`, or `from module import name as asname`.

    `module` is as written, with its leading dots; `name` is None for the first form.
    """

    module: str
    name: str | None = None
    asname: str | None = None

    @property
    def statement(self) -> str:
        alias = f" as {self.asname}" if self.asname else ""
        if self.name is None:
            return f"import {self.module}{alias}"
        return f"from {self.module} import {self.name}{alias}"

    @property
    def bound(self) -> str:
        """The name it gives the module that imports."""
        return self.asname or self.name or self.module.partition(".")[0]


def section(module: str, first_party: frozenset[str]) -> Section:
    """The group that an import of a module belongs to."""
    top = module.partition(".")[0]
    if not top:
        return Section.LOCAL
    if top == "__future__":
        return Section.FUTURE
    if top in sys.stdlib_module_names:
        return Section.STDLIB
    return Section.FIRST_PARTY if top in first_party else Section.THIRD_PARTY


def import_key(one: Import) -> Key:
    """Orders the imports of one group: `import x` first, then `from x import`, both by module."""
    name = one.module.lstrip(".")
    dots = len(one.module) - len(name)
    member = () if one.name is None else member_key(one.name)
    return (
        one.name is not None,
        -dots,
        natural(name.lower()),
        natural(name),
        member,
        natural(one.asname or ""),
    )


def member_key(name: str) -> Key:
    """Orders the names of one from-import: star, constants, classes, then the rest."""
    constant = len(name) > 1 and name.isupper()
    kind = (not constant, not constant and not name[:1].isupper())
    return (name != "*", kind, natural(name.lower()), natural(name))


def natural(text: str) -> Key:
    """Orders text by letters, and numbers in it by their value."""
    return tuple(
        (ord("0"), len(part), part) if part.isdigit() else (ord(part), 0, "")
        for part in re.findall(r"[0-9]+|[^0-9]", text)
    )
