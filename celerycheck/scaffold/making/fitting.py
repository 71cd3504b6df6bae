"""Breaks what is put in brackets as Black and Ruff do: on one line where it fits, else one item to a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

Fit = Callable[..., str]


def fitting(line_length: int) -> Fit:
    """`fit("def f(", ["a: int"], "):", indent)`: the call or definition as it has to be broken.

    The text is for a place that is already indented by `indent`; `before` counts the characters that stand
    between there and the text (`sent = `). `comma`: whether items end with one where each has a line; the
    index of a subscript must not.
    """

    def fit(
        head: str, items: Sequence[str], tail: str, indent: int = 0, before: int = 0, *, comma: bool = True
    ) -> str:
        line = head + ", ".join(items) + tail
        if indent + before + len(line) <= line_length or not items:
            return line
        inner = " " * (indent + 4)
        return "\n".join([head, *(f"{inner}{item}{',' * comma}" for item in items), " " * indent + tail])

    return fit
