"""Reads files that will be wanted, while the child is still loading the app on another core.

Which names are the project's own, and where its modules lie, only the live app knows; so long it is guessed
from the folders. What was read by a wrong guess is dropped, and read again from the same syntax trees.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from celerycheck.source.calls import may_call
from celerycheck.source.files import Files, is_test_file
from celerycheck.source.modules import Unreadable, parse
from celerycheck.source.project import Layout, Project, own_files
from celerycheck.subjects import App

_TASKS = re.compile(rb"^\s*@(?:\w+\.)*(?:shared_)?task\b", re.MULTILINE)
"""What a file holds that defines tasks."""

_MOST = 4000
"""How many trees are kept at most; a file of ten tasks makes one of about 200 KiB."""


@dataclass(eq=False)
class Ahead:
    """Files of the project parsed, and as far as it can be guessed how, read."""

    files: Files
    _trees: dict[str, tuple[bytes, ast.Module]] = field(default_factory=dict)
    _guess: Project | None = None

    def parse_until(self, wanted: Callable[[], bool]) -> None:
        """Parse files that define or call tasks, until somebody wants to go on or there are no more."""
        for path in self.files.walk(""):
            if wanted() or len(self._trees) >= _MOST:
                return
            data = None if is_test_file(path) else self.files.read(path)
            if data is not None and (_TASKS.search(data) or may_call(path, data)):
                self._parse(path, data)

    def read_until(self, wanted: Callable[[], bool], target: str) -> None:
        """Read what an audit by every check reads in any case, for as long as `parse_until` would parse.

        `target` is the app as it was named (`proj.celery:app`).
        """
        layout = guessed(self.files, re.split("[.:]", target)[0])
        if layout is None:
            self.parse_until(wanted)
            return
        self._guess = guess = Project(None, self.files, self, layout)
        for path, data in self._likely(layout, target):
            if wanted() or len(self._trees) >= _MOST:
                return
            self._read(guess, path, data)

    def _likely(self, layout: Layout, target: str) -> Iterator[tuple[str, bytes]]:
        """The files, tests apart, of the target's own package and of those that are spoken of there."""
        named = "|".join(sorted(layout.tops)).encode()
        mentions = re.compile(rb"(?:^\s*(?:from|import)\s+|[\"'])(" + named + rb")\b", re.MULTILINE)
        tops = [re.split("[.:]", target)[0]]
        for top in tops:
            for path in own_files(self.files, layout.roots, (top,)):
                data = None if is_test_file(path) else self.files.read(path)
                if data is not None:
                    yield path, data
                    found = {name.decode() for name in mentions.findall(data)} if len(layout.tops) > 1 else ()
                    tops += sorted(name for name in found if name not in tops)

    def _read(self, guess: Project, path: str, data: bytes) -> None:
        """Read what may call tasks. What only defines some is parsed: the app need not have imported it."""
        if may_call(path, data):
            module = guess.module_at(path)
            for function in module.every_function() if module is not None else ():
                function.code  # noqa: B018  # read on first use
        elif _TASKS.search(data) and path not in self._trees:
            self._parse(path, data)

    def _parse(self, path: str, data: bytes) -> None:
        try:
            self._trees[path] = data, parse(path, data)
        except Unreadable:
            return  # whoever asks for the file finds out, and reports it

    def take(self, path: str) -> tuple[bytes, ast.Module] | None:
        """A file's content and its tree, only once when the app is known; None where it was not parsed."""
        if self._guess is None:
            return self._trees.pop(path, None)
        data = None if path in self._trees else self.files.read(path)
        if data is not None:
            self._parse(path, data)
        return self._trees.get(path)

    def project(self, app: App) -> Project:
        """The project of an app, as far read as it could be before the app was known."""
        guess, self._guess = self._guess, None
        if guess is None or not guess.adopt(app):
            return Project(app, self.files, self)
        for path in guess.paths_read:
            self._trees.pop(path, None)
        return guess


def guessed(files: Files, top: str) -> Layout | None:
    """The layout of a project whose app is in the package or module `top`; None where it is not found.

    Modules lie in the working directory, and in `src` if that is where `top` is.
    """
    paths = list(files.walk("", depth=2))
    here, below = _tops(paths, ""), _tops(paths, "src/")
    if top in here:
        return Layout(here, ("",))
    return Layout(here | below, ("", "src")) if top in below else None


def _tops(paths: Sequence[str], root: str) -> frozenset[str]:
    """The names of the packages and modules in a folder."""
    inner = [path.removeprefix(root) for path in paths if path.startswith(root)]
    names = (path.removesuffix(".py").partition("/")[0] for path in inner if path.count("/") <= 1)
    return frozenset(filter(str.isidentifier, names))
