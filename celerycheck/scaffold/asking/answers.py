"""Answers as they were given, in layers: a flag's goes before one typed, one set in a file, the usual one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Raw = str | bool | tuple[str, ...]
"""An answer as given: text, yes or no, or several texts. What it means is read later."""

Source = Literal["flag", "prompt", "file", "default"]
ORDER: tuple[Source, ...] = ("flag", "prompt", "file", "default")


@dataclass(frozen=True)
class Answers:
    """All answers given so far, by source and by the question's key (`max_retries`)."""

    layers: Mapping[Source, Mapping[str, Raw]] = field(default_factory=dict)

    def source(self, key: str) -> Source | None:
        """Who answers a question; None where nobody does."""
        return next((source for source in ORDER if key in self.layers.get(source, ())), None)

    def get(self, key: str) -> Raw | None:
        """The answer that counts; None where there is none."""
        source = self.source(key)
        return None if source is None else self.layers[source][key]

    def text(self, key: str) -> str:
        """The answer as one text; empty where there is none, or one of another form."""
        value = self.get(key)
        return value.strip() if isinstance(value, str) else ""

    def texts(self, key: str) -> tuple[str, ...]:
        """The answer as several texts."""
        value = self.get(key)
        if isinstance(value, str):
            return (value,)
        return value if isinstance(value, tuple) else ()

    def yes(self, key: str) -> bool:
        return self.get(key) is True

    def given(self, key: str) -> bool:
        """Whether somebody answered for this one task: by a flag, or at the prompt."""
        return self.source(key) in ("flag", "prompt")

    def adding(self, source: Source, key: str, value: Raw) -> Answers:
        """The same answers and one more."""
        layer = {**self.layers.get(source, {}), key: value}
        return Answers({**self.layers, source: layer})
