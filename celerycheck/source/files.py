"""The project's source files, wherever they are: on disk, or in a mapping for tests."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

NO_FOLDERS_OF_CODE = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__", "venv"})
PERHAPS_BUILT = frozenset({"env", "build", "dist"})
"""Made by tools, unless they are packages."""

_TEST_FILE = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*_tests?|tests?|conftest)\.py$")


def is_test_file(path: str) -> bool:
    """Whether a path, relative to the working directory, looks like a test's."""
    return _TEST_FILE.search(path) is not None


class Files(Protocol):
    """Files by path relative to the working directory, with `/`."""

    def read(self, path: str) -> bytes | None:
        """The content of a file; None where there is none that can be read."""

    def walk(self, folder: str, depth: int | None = None) -> Iterator[str]:
        """The Python files below a folder (`` for all), environments and hidden folders left out, sorted.

        `depth` is how many folders further down they may be, None for any number.
        """


@dataclass(frozen=True)
class DiskFiles:
    """The files below `root`."""

    root: Path

    def read(self, path: str) -> bytes | None:
        try:
            with open(f"{self.root}/{path}", "rb") as file:  # noqa: PTH123  # thousands of files: twice as fast
                return file.read()
        except (OSError, ValueError):
            return None

    def walk(self, folder: str, depth: int | None = None) -> Iterator[str]:
        top = self.root / folder
        for here, folders, names in os.walk(top):
            below = len(Path(here).relative_to(top).parts)
            folders[:] = sorted(name for name in folders if below != depth and self._wanted(here, name))
            relative = os.path.relpath(here, self.root).replace(os.sep, "/")
            for name in sorted(names):
                if name.endswith(".py"):
                    yield name if relative == "." else f"{relative}/{name}"

    def _wanted(self, here: str, name: str) -> bool:
        if name.startswith(".") or name in NO_FOLDERS_OF_CODE:
            return False
        if name in PERHAPS_BUILT and not Path(here, name, "__init__.py").exists():
            return False
        return not Path(here, name, "pyvenv.cfg").exists()


@dataclass(frozen=True)
class MemoryFiles:
    """Files that are nowhere but in a mapping from path to text."""

    texts: Mapping[str, str]

    def read(self, path: str) -> bytes | None:
        text = self.texts.get(path)
        return None if text is None else text.encode("utf-8", "surrogatepass")

    def walk(self, folder: str, depth: int | None = None) -> Iterator[str]:
        prefix = f"{folder}/" if folder else ""
        for path in sorted(self.texts):
            near = depth is None or path.removeprefix(prefix).count("/") <= depth
            if near and path.startswith(prefix) and path.endswith(".py"):
                yield path
