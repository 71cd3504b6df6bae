"""Values of a parameter's type for tests, and the key that tells one piece of work from another."""

from __future__ import annotations

import re
from collections.abc import Sequence

from celerycheck.scaffold.spec import Parameter

_SAMPLES = {
    "int": ("7", "8"),
    "float": ("1.5", "2.5"),
    "bool": ("True", "False"),
    "str": ('"one"', '"another"'),
    "None": ("None", "None"),
}
_TELLING = ("int", "bool")
"""Types whose text is short and holds no colon, so that a key made of it is one of a kind."""


def sample(type_: str, which: int) -> str:
    """A value of that type in source; `which` is 0 or 1, for two that differ."""
    text = type_.strip()
    if text.startswith("Optional["):
        return sample(text[len("Optional[") : -1], which)
    text = next((part for part in _alternatives(text) if part != "None"), text)
    container = re.fullmatch(r"(?:typing\.)?(list|List|dict|Dict)(?:\[(.*)\])?", text)
    if container is None:
        return _SAMPLES.get(text, ('"one"', '"another"'))[which]
    inner = container[2]
    if container[1].lower() == "list":
        return f"[{sample(inner, which)}]" if inner else f"[{7 + which}]"
    value = inner.partition(",")[2] if inner else "int"
    return f'{{"key": {sample(value, which)}}}'


def _alternatives(text: str) -> list[str]:
    """The members of a union at the outermost level."""
    parts, depth = [""], 0
    for letter in text:
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == "|" and not depth:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def may_be_logged(param: Parameter) -> bool:
    """Whether its value is short and tells nothing about a person but an id."""
    return param.type in _TELLING


def needs_digest(params: Sequence[Parameter]) -> bool:
    """Whether a key made of the arguments' text could be too long, or the same for different arguments."""
    return any(param.type not in _TELLING for param in params)


def key(name: str, params: Sequence[Parameter]) -> str:
    """The statements that set `key`, without indentation."""
    names = [param.name for param in params]
    if not needs_digest(params):
        return f'key = f"{name}:' + ":".join(f"{{{param}}}" for param in names) + '"'
    return (
        f"arguments = json.dumps([{', '.join(names)}]).encode()\n"
        f'key = f"{name}:{{hashlib.sha256(arguments).hexdigest()}}"'
    )
