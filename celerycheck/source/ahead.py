"""Parses files that will be wanted, while the child is still loading the app on another core."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from celerycheck.source.files import Files, is_test_file
from celerycheck.source.modules import Unreadable, parse

_WANTED = re.compile(rb"@[\w.]*task\b|\.delay\(|\.apply_async\(")
"""What a file holds that defines tasks or calls them."""

_MOST = 4000
"""How many trees are kept at most; a file of ten tasks makes one of about 200 KiB."""


@dataclass(eq=False)
class Ahead:
    """Syntax trees of the project's files by path, each given away once."""

    files: Files
    _trees: dict[str, tuple[bytes, ast.Module]] = field(default_factory=dict)

    def parse_until(self, wanted: Callable[[], bool]) -> None:
        """Parse files that define or call tasks, until somebody wants to go on or there are no more."""
        for path in self.files.walk(""):
            if wanted() or len(self._trees) >= _MOST:
                return
            if not is_test_file(path):
                self._parse(path)

    def _parse(self, path: str) -> None:
        data = self.files.read(path)
        if data is None or not _WANTED.search(data):
            return
        try:
            self._trees[path] = data, parse(path, data)
        except Unreadable:
            return  # whoever asks for the file finds out, and reports it

    def take(self, path: str) -> tuple[bytes, ast.Module] | None:
        """A file's content and its tree, which is forgotten here; None where it was not parsed."""
        return self._trees.pop(path, None)
