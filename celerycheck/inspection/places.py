"""Where code lives: the project's own files, installed packages, and frames in between."""

from __future__ import annotations

import os
import sys
import sysconfig
from types import FrameType, ModuleType
from typing import Dict, List, Optional, Tuple

from celerycheck.subjects import Location

_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Places:
    """Tells the project's files from everybody else's, and writes places relative to the working directory.

    A file is the project's own unless it lies in the standard library, in a `site-packages` or
    `dist-packages` folder, or in celerycheck itself; below the working directory, only such folders
    count that lie below it too. `adopt()` makes an installed package the project, for audits of apps
    that are installed themselves.
    """

    def __init__(self, workdir: str) -> None:
        self.root = os.path.realpath(workdir)
        paths = sysconfig.get_paths()
        self._library = tuple(
            os.path.realpath(paths[key]) + os.sep for key in ("stdlib", "platstdlib") if key in paths
        )
        self._adopted: List[str] = []
        self._own: Dict[str, bool] = {}
        self._relative: Dict[str, str] = {}
        self._folders: Dict[str, str] = {}

    def adopt(self, module: ModuleType) -> None:
        """Count the top-level package of `module` as the project, wherever it is installed."""
        top = sys.modules.get(module.__name__.partition(".")[0], module)
        for folder in list(getattr(top, "__path__", ())):
            self._adopted.append(os.path.realpath(folder) + os.sep)
        self._own.clear()

    def own(self, filename: Optional[str]) -> bool:
        """Whether a file is the project's own. False for `<string>` and other names that are no files."""
        if not filename or filename.startswith("<"):
            return False
        known = self._own.get(filename)
        if known is None:
            known = self._own[filename] = self._decide(self._real(filename))
        return known

    def _real(self, filename: str) -> str:
        """`os.path.realpath`, each folder resolved once: there are a thousand modules in a few of them."""
        folder, name = os.path.split(filename)
        if name in ("", ".", "..") or not os.path.isabs(filename) or os.path.islink(filename):
            return os.path.realpath(filename)
        known = self._folders.get(folder)
        if known is None:
            known = self._folders[folder] = os.path.realpath(folder)
        return os.path.join(known, name)

    def _decide(self, path: str) -> bool:
        if any(path.startswith(folder) for folder in self._adopted):
            return True
        below = self.root if self.root.endswith(os.sep) else self.root + os.sep
        inside = path.startswith(below)
        parts = (path[len(below) :] if inside else path).split(os.sep)
        if "site-packages" in parts or "dist-packages" in parts or path.startswith(_HERE + os.sep):
            return False
        libraries = [folder for folder in self._library if not inside or folder.startswith(below)]
        return not any(path.startswith(folder) for folder in libraries)

    def import_root(self, folder: str) -> Optional[str]:
        """A folder that modules are imported from, relative and with `/`.

        None outside the working directory, for installed packages, and where there is no such folder.
        """
        path = os.path.realpath(folder)
        below = path == self.root or path.startswith(os.path.join(self.root, ""))
        if not below or not self._decide(os.path.join(path, "")) or not os.path.isdir(path):
            return None
        return self.relative(path)

    def relative(self, filename: str) -> str:
        """The path from the working directory, with `/`; a path on another drive stays whole."""
        known = self._relative.get(filename)
        if known is None:
            try:
                known = os.path.relpath(self._real(filename), self.root)
            except ValueError:
                known = filename
            known = self._relative[filename] = known.replace(os.sep, "/")
        return known

    def location(self, filename: Optional[str], line: Optional[int] = None) -> Optional[Location]:
        """A place for the report, or None where there is no file."""
        if not filename or filename.startswith("<"):
            return None
        return Location(self.relative(filename), line)


def caller(skip: Tuple[str, ...] = ("celery", "kombu", "celerycheck")) -> Optional[Tuple[str, int]]:
    """File and line of the nearest frame outside these packages; None where there is none."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        top = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        # A project's own module may be called `celery` in a package, never at the top level.
        if top not in skip and not frame.f_code.co_filename.startswith("<"):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None


def own_caller(places: Places) -> Optional[Tuple[str, int]]:
    """File and line of the nearest frame of the project's own code; None where there is none."""
    frame: Optional[FrameType] = sys._getframe(1)
    while frame is not None:
        if places.own(frame.f_code.co_filename):
            return frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back
    return None
