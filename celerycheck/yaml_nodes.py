"""YAML files read with places: every mistake in one is collected, and knows its file and line."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import NoReturn

import yaml
from yaml.constructor import SafeConstructor
from yaml.events import CollectionEndEvent, CollectionStartEvent
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from celerycheck.errors import ChecklistError
from celerycheck.nearest import nearest
from celerycheck.subjects import Location, Plain

MOST_SHOWN = 50
"""How many mistakes one message lists; the rest are counted."""

MOST_DEEP = 100
"""How many levels of lists and mappings a file may have."""

_DEEP_LINE = re.compile(rf"^[ ?-]{{{MOST_DEEP // 2}}}", re.MULTILINE)
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in a file. `word` is what was written where one of `choices` was expected."""

    location: Location
    message: str
    word: str | None = None
    choices: Collection[str] = ()

    def __str__(self) -> str:
        near = nearest(self.word, self.choices)
        place = (
            self.location.path if self.location.line is None else f"{self.location.path}:{self.location.line}"
        )
        return f"{place}: {self.message}" + (f"; did you mean {near!r}?" if near else "")


def shown(path: Path) -> str:
    """`path` relative to the working directory where it lies inside, with `/`."""
    try:
        return path.absolute().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return path.as_posix()


@dataclass
class Document:
    """One YAML file. Its readers return None for a value that is a mistake, which they record."""

    path: str
    root: Node | None = None
    mistakes: list[Mistake] = field(default_factory=list)

    def at(self, node: Node) -> Location:
        return Location(self.path, node.start_mark.line + 1, node.start_mark.column + 1)

    def mistake(
        self, node: Node, message: str, word: str | None = None, choices: Collection[str] = ()
    ) -> None:
        self.mistakes.append(Mistake(self.at(node), message, word, choices))

    def pairs(self, node: Node, what: str) -> Iterator[tuple[str, Node, Node]]:
        """The keys of a mapping as text, with the nodes of key and value; repeated keys are mistakes."""
        if not isinstance(node, MappingNode):
            self.mistake(node, f"{what} must be a mapping (`key: value`), not {_describe(node)}")
            return
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, ScalarNode) or key.tag != f"{_TAG}str":
                self.mistake(key, f"a key of {what} must be text, not {_describe(key)}")
            elif key.value in seen:
                self.mistake(key, f"{key.value!r} is given twice in {what}")
            else:
                seen.add(key.value)
                yield key.value, key, value

    def fields(self, node: Node, what: str, allowed: Collection[str]) -> dict[str, Node]:
        """A mapping of which only `allowed` keys may be given; others are mistakes."""
        found = {}
        for name, key, value in self.pairs(node, what):
            if name in allowed:
                found[name] = value
            else:
                self.mistake(key, f"unknown key {name!r} in {what}", name, allowed)
        return found

    def sequence(self, node: Node, what: str) -> list[Node]:
        if isinstance(node, SequenceNode):
            return list(node.value)
        self.mistake(node, f"{what} must be a list (lines starting with `- `), not {_describe(node)}")
        return []

    def text(self, node: Node, what: str) -> str | None:
        """Text that is not blank, stripped."""
        if not isinstance(node, ScalarNode) or node.tag != f"{_TAG}str":
            quoted = isinstance(node, ScalarNode) and node.value and not node.tag.endswith("null")
            hint = f'; put it in quotes: "{node.value}"' if quoted else ""
            self.mistake(node, f"{what} must be text, not {_describe(node)}{hint}")
        elif not node.value.strip():
            self.mistake(node, f"{what} is empty")
        else:
            return str(node.value).strip()
        return None

    def choice(self, node: Node, what: str, choices: Collection[str]) -> str | None:
        text = self.text(node, what)
        if text is None or text in choices:
            return text
        self.mistake(node, f"{what} must be {_either(choices)}, not {text!r}", text, choices)
        return None

    def flag(self, node: Node, what: str) -> bool | None:
        value = self.scalar(node)
        if isinstance(value, bool):
            return value
        self.mistake(node, f"{what} must be true or false, not {_describe(node)}")
        return None

    def integer(self, node: Node, what: str) -> int | None:
        value = self.scalar(node)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        self.mistake(node, f"{what} must be a whole number, not {_describe(node)}")
        return None

    def number(self, node: Node, what: str) -> float | None:
        value = self.scalar(node)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return value
        self.mistake(node, f"{what} must be a number, not {_describe(node)}")
        return None

    def texts(self, node: Node, what: str) -> tuple[str, ...] | None:
        if not isinstance(node, SequenceNode):
            self.mistake(node, f"{what} must be a list of texts, such as [a, b], not {_describe(node)}")
            return None
        items = [self.text(item, f"each entry of {what}") for item in node.value]
        return tuple(item for item in items if item is not None)

    def day(self, node: Node, what: str) -> date | None:
        value = self.scalar(node)
        if isinstance(value, datetime):
            return value.date()
        if isinstance(value, date):
            return value
        if isinstance(value, str):
            try:
                return date.fromisoformat(value.strip())
            except ValueError:
                pass
        self.mistake(node, f"{what} must be a date such as 2026-01-31, not {_describe(node)}")
        return None

    def scalar(self, node: Node) -> object:
        """The value of a scalar as YAML reads it; the node itself for anything else."""
        if not isinstance(node, ScalarNode):
            return node
        try:
            return SafeConstructor().construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            return node

    def plain(self, node: Node, what: str) -> Plain:
        """A scalar, or a list or mapping of them; None where it is a mistake, and where it is null."""
        if isinstance(node, SequenceNode):
            return [self._leaf(item, what) for item in node.value]
        if isinstance(node, MappingNode):
            return {key: self._leaf(value, what) for key, _, value in self.pairs(node, what)}
        return self._leaf(node, what)

    def _leaf(self, node: Node, what: str) -> Plain:
        value = self.scalar(node)
        if value is None or isinstance(value, bool | int | float | str):
            return value
        self.mistake(node, f"{what} must be text, a number, true or false, not {_describe(node)}")
        return None


def parse(path: Path) -> Document:
    """Read a file; `root` is None for an empty one. Raises ChecklistError where it is no UTF-8 YAML."""
    document = Document(shown(path))
    text = _read(path, document.path)
    loader: type = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _refuse_depth(document.path, text, loader)
        document.root = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        _refuse_syntax(document.path, error, text)
    except yaml.YAMLError as error:
        raise ChecklistError(f"{document.path}: this is not YAML: {error}") from None
    return document


def raise_mistakes(*documents: Document, hint: str = "") -> None:
    """Raise one ChecklistError that lists the mistakes of all documents; none, no error."""
    mistakes = [mistake for document in documents for mistake in document.mistakes]
    if not mistakes:
        return
    ordered = sorted(mistakes, key=lambda m: (m.location.path, m.location.line or 0, m.location.column or 0))
    lines = [str(mistake) for mistake in ordered[:MOST_SHOWN]]
    if len(ordered) > MOST_SHOWN:
        lines.append(f"and {len(ordered) - MOST_SHOWN} more mistakes")
    raise ChecklistError("\n".join(lines), hint)


def _read(path: Path, name: str) -> str:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ChecklistError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise ChecklistError(f"{name}: this is a directory, not a file") from None
    except PermissionError:
        raise ChecklistError(f"{name}: permission to read it is denied") from None
    except (OSError, ValueError) as error:
        raise ChecklistError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ChecklistError(
            f"{name}:{line}: not UTF-8 (byte 0x{data[error.start]:02x})", "Save the file as UTF-8."
        ) from None


def _refuse_depth(name: str, text: str, loader: type) -> None:
    """Refuse what nests so deeply that libyaml's recursive composer would end the process."""
    brackets = text.count("[") + text.count("{")
    if brackets < MOST_DEEP and not _DEEP_LINE.search(text):
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > MOST_DEEP:
            mark = event.start_mark
            place = f"{name}:{mark.line + 1}" if mark else name
            raise ChecklistError(f"{place}: nested more than {MOST_DEEP} levels deep")


def _refuse_syntax(name: str, error: yaml.MarkedYAMLError, text: str) -> NoReturn:
    mark = error.problem_mark or error.context_mark
    place = f"{name}:{mark.line + 1}" if mark else name
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in str(error.problem):
        raise ChecklistError(f"{place}: indented with a tab", "YAML is indented with spaces only.") from None
    problem = " ".join(part for part in (error.problem, error.context) if part)
    raise ChecklistError(f"{place}: this is not YAML: {problem}") from None


def _describe(node: Node) -> str:
    match node:
        case MappingNode():
            return "a mapping"
        case SequenceNode():
            return "a list"
    kind = node.tag.removeprefix(_TAG)
    text = node.value if len(node.value) <= 60 else node.value[:57] + "..."
    if kind == "null":
        return "nothing"
    if kind == "str":
        return f"the text {text!r}"
    names: Mapping[str, str] = {"int": "the number", "float": "the number", "timestamp": "the date"}
    return f"{names.get(kind, '')} {text}".strip()


def _either(choices: Collection[str]) -> str:
    *most, last = choices
    return f"{', '.join(most)} or {last}" if most else last
