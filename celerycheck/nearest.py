"""Did you mean ...? The known name that a misspelt one is nearest to."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

MOST_HINTS = 50
"""How many misspelt names of one check get a hint: comparing costs, and nobody reads the fifty-first."""

MOST_COMPARED = 100


def nearest(word: str | None, choices: Collection[str], cutoff: float = 0.6) -> str | None:
    """The one of `choices` that `word` was probably meant to be, case aside.

    `cutoff` is how alike they have to be, from 0 to 1 (the same).
    """
    if not word or not choices:
        return None
    folded = {choice.casefold(): choice for choice in choices}
    close = difflib.get_close_matches(word.strip().casefold()[:100], folded, n=1, cutoff=cutoff)
    return folded[close[0]] if close else None


class TaskNames:
    """Registered task names, to find the one that a name nobody registered was meant to be."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = names
        self._hints_left = MOST_HINTS

    def nearest(self, name: str) -> str | None:
        """The same function in a module of a similar name, or else a similar function in the same module."""
        module, dot, function = name.rpartition(".")
        modules, functions = self._related
        if not dot:
            return f"{modules[function][0]}.{function}" if len(modules.get(function, ())) == 1 else None
        if self._hints_left == 0:
            return None
        self._hints_left -= 1
        elsewhere = nearest(module, modules.get(function, [])[:MOST_COMPARED])
        if elsewhere:
            return f"{elsewhere}.{function}"
        other = nearest(function, functions.get(module, [])[:MOST_COMPARED])
        return f"{module}.{other}" if other else None

    @cached_property
    def _related(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The modules by function, and the functions by module."""
        modules, functions = defaultdict(list), defaultdict(list)
        for name in sorted(self._names):
            module, dot, function = name.rpartition(".")
            if dot:
                modules[function].append(module)
                functions[module].append(function)
        return modules, functions
