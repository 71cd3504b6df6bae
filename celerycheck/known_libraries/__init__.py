"""What well-known libraries do: which calls wait for the network, write, send, lock, and so on.

The knowledge is data (`calls`, `timeouts`, `values`, and the words of `kinds`); a project adds its own
wrappers under `libraries:` of its checklist. Calls are named by chains: the absolute dotted name of where
a value comes from, with `()` for the result of a call and `[]` for an element.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from celerycheck.known_libraries.calls import ATTRIBUTES, CALLS, flat
from celerycheck.known_libraries.kinds import DESCRIPTIONS, GIVING, KINDS, Kind
from celerycheck.known_libraries.models import Role, tokens, walked
from celerycheck.known_libraries.timeouts import TIMEOUTS, Timeout
from celerycheck.known_libraries.values import GIVEN, ROLES, VALUES

IsModel = Callable[[str], bool]

PATTERN = r"^(?=.*[A-Za-z])(?:[A-Za-z_*][\w*]*(?:\(\)|\[\])*\.)+[A-Za-z_*][\w*]*$"
"""What names calls in a checklist: `proj.http.call`, `proj.clients.*`, `proj.db.Client().*`, `**.retried`.

`*` stands for any part of one segment, `**` for any number of segments.
"""

_ROLE = re.compile(r"\{(\w+)\}\.(\w+)")
_STARTS: Mapping[Kind, Role] = {
    "model_class": "model",
    "model_instance": "fetched",
    "queryset": "queryset",
    "session": "session",
}
_NOTHING: frozenset[Kind] = frozenset({"nothing"})
_NONE: frozenset[Kind] = frozenset()
_MOST_CACHED = 65_536


@dataclass(frozen=True, eq=False)
class Libraries:
    """What is known about calls: patterns of chains by what they do (`KINDS`)."""

    patterns: Mapping[Kind, tuple[str, ...]]

    def kinds(self, chain: str, is_model: IsModel) -> frozenset[Kind]:
        """What calling `chain` does; empty where nothing is known.

        `chain` names what is called, without the brackets of the call itself; `is_model` tells of a dotted
        name whether it is a model class. Something that is said to do nothing is of that kind only.
        """
        found = self._named(chain)
        receiver, _, name = chain.rpartition(".")
        by_role = self._methods.get(name)
        if by_role and receiver:
            role = self._role(receiver, is_model)
            found |= by_role.get(role, _NONE) if role else _NONE
        return _NOTHING if "nothing" in found else found

    def timeout(self, chain: str) -> Timeout | None:
        """How to tell this network call to give up; None where it does by itself, or is none."""
        return _TIMEOUTS.get(chain)

    def result(self, chain: str, is_model: IsModel) -> str | None:
        """What the value `chain` is, in words, where it is one that no JSON serializer carries."""
        if chain in _VALUES:
            return _VALUES[chain]
        for kind in self._given(chain):
            if kind in GIVEN:
                return GIVEN[kind]
        role = self._role(chain, is_model)
        return ROLES.get(role) if role else None

    def extended(self, more: Mapping[Kind, Sequence[str]]) -> Libraries:
        """The same with further patterns: names of calls, as a checklist gives them."""
        merged = {**self.patterns, **{kind: (*self.patterns.get(kind, ()), *more[kind]) for kind in more}}
        return Libraries(merged)

    def names(self, chain: str) -> bool:
        """Whether somebody says by name what calling `chain` does, so that its own code need not be asked."""
        return bool(self._named(chain))

    @cached_property
    def _named(self) -> Callable[[str], frozenset[Kind]]:
        """The kinds of a chain by its name alone, remembered."""
        doing = [(kind, p) for kind, ps in self.patterns.items() if kind not in GIVING for p in ps]
        return lru_cache(_MOST_CACHED)(_Index((p, kind) for kind, p in doing if not _ROLE.fullmatch(p)).kinds)

    @cached_property
    def _given(self) -> Callable[[str], frozenset[Kind]]:
        """The kinds of the value that a chain is, remembered."""
        called = [(f"{p}()", kind) for kind in GIVING for p in self.patterns.get(kind, ())]
        attributes = [(p, kind) for kind, ps in ATTRIBUTES.items() for p in ps]
        return lru_cache(_MOST_CACHED)(_Index([*called, *attributes]).kinds)

    @cached_property
    def _methods(self) -> Mapping[str, Mapping[str, frozenset[Kind]]]:
        """Name of a method -> role of what it is called on -> kinds."""
        found: dict[str, dict[str, frozenset[Kind]]] = defaultdict(dict)
        for kind, patterns in self.patterns.items():
            for match in filter(None, map(_ROLE.fullmatch, patterns)):
                role, name = match.groups()
                found[name][role] = found[name].get(role, _NONE) | {kind}
        return found

    def _role(self, chain: str, is_model: IsModel) -> Role | None:
        """What is at the end of a chain that starts at a model, or at something that gives one."""
        steps = tokens(chain)
        so_far, plain = "", True
        role: Role | None = None
        for position, step in enumerate(steps):
            so_far += step if step in ("()", "[]") or not so_far else f".{step}"
            plain = plain and step not in ("()", "[]")
            here: Role | None = "model" if plain and is_model(so_far) else None
            for kind in self._given(so_far) if here is None else ():
                here = _STARTS.get(kind)
            if here is not None:
                role = walked(here, steps[position + 1 :])
                if role is not None:
                    return role
        return role


class _Index:
    """Patterns found by the first or the last segment of a chain, so that few are tried."""

    def __init__(self, patterns: Iterable[tuple[str, Kind]]) -> None:
        self._exact: dict[str, frozenset[Kind]] = {}
        self._first: dict[str, list[tuple[re.Pattern[str], Kind]]] = defaultdict(list)
        self._last: dict[str, list[tuple[re.Pattern[str], Kind]]] = defaultdict(list)
        self._anywhere: list[tuple[re.Pattern[str], Kind]] = []
        for pattern, kind in patterns:
            first, last = pattern.split(".", 1)[0], pattern.rpartition(".")[2]
            if "*" not in pattern:
                self._exact[pattern] = self._exact.get(pattern, _NONE) | {kind}
            elif "*" not in first:
                self._first[first].append((_compiled(pattern), kind))
            elif "*" not in last:
                self._last[last].append((_compiled(pattern), kind))
            else:
                self._anywhere.append((_compiled(pattern), kind))

    def kinds(self, chain: str) -> frozenset[Kind]:
        first, last = chain.split(".", 1)[0], chain.rpartition(".")[2]
        tried = (*self._first.get(first, ()), *self._last.get(last, ()), *self._anywhere)
        return self._exact.get(chain, _NONE) | {kind for pattern, kind in tried if pattern.fullmatch(chain)}


def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` within a segment is any text without a dot, `**` as a segment is any number of segments."""
    text = ""
    for segment in pattern.split("."):
        if segment == "**":
            text += r"(?:[^.]+\.)*"
        else:
            text += re.escape(segment).replace(r"\*", "[^.]*") + r"\."
    # The last segment has no dot behind it; a `**` there takes any rest.
    return re.compile(text.removesuffix(r"\.") if not pattern.endswith("**") else text + "[^.]*")


_TIMEOUTS: Mapping[str, Timeout] = {
    chain: timeout for timeout, rows in TIMEOUTS.items() for chain in flat(rows)
}
_VALUES: Mapping[str, str] = {chain: words for words, rows in VALUES.items() for chain in flat(rows)}

SHIPPED = Libraries({kind: tuple(flat(CALLS.get(kind, ()))) for kind in KINDS})
"""What celerycheck knows by itself."""

__all__ = ["DESCRIPTIONS", "KINDS", "PATTERN", "SHIPPED", "IsModel", "Kind", "Libraries", "Timeout"]
