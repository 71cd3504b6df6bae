"""Where the project's modules lie: dotted names and paths relative to its root."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from celerycheck.subjects import App

NO_CODE = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__", "venv", "env"})


@dataclass(frozen=True)
class Modules:
    """The modules below `root`, looked for in `roots`: folders relative to it (`.`, `src`), in order."""

    root: Path
    roots: tuple[str, ...] = (".",)

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def is_package(self, folder: str) -> bool:
        """Whether a folder has an `__init__.py`."""
        return (self.root / folder / "__init__.py").is_file()

    def holds_code(self, folder: str) -> bool:
        """Whether Python files lie in a folder."""
        return any(path.suffix == ".py" for path in self.listed(folder))

    def folder(self, package: str) -> str | None:
        """The folder of a package, one with `__init__.py` before one without; None where there is none."""
        places = [below(root, package.replace(".", "/")) for root in self.roots]
        regular = [place for place in places if self.is_package(place)]
        return next((place for place in (*regular, *places) if (self.root / place).is_dir()), None)

    def file(self, module: str) -> str | None:
        """The file that Python imports under a dotted name; None where there is none."""
        for root in self.roots:
            base = below(root, module.replace(".", "/"))
            for path in (f"{base}/__init__.py", f"{base}.py"):
                if (self.root / path).is_file():
                    return path
        return None

    def module(self, path: str) -> str | None:
        """The dotted name of a file, by the innermost root that holds it; None where no root does."""
        stem = path.removesuffix(".py").removesuffix("/__init__")
        for root in sorted(self.roots, key=lambda root: -len(root)):
            inside = stem if root == "." else stem.removeprefix(f"{root}/")
            if root == "." or inside != stem:
                return inside.replace("/", ".")
        return None

    def tree(self, path: str) -> ast.Module | None:
        """A file's syntax tree; None where it cannot be read or parsed."""
        try:
            return ast.parse((self.root / path).read_bytes())
        except (OSError, SyntaxError, ValueError):
            return None

    def imports(self, path: str, library: str) -> bool:
        """Whether a file imports a library or something of it, anywhere."""
        for node in ast.walk(self.tree(path) or ast.Module([], [])):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level and node.module:
                names = [node.module]
            if any(name.partition(".")[0] == library for name in names):
                return True
        return False

    def tops(self) -> Iterator[str]:
        """The names of the modules and packages at the roots."""
        for root in self.roots:
            for path in sorted(self.listed(root)):
                name = path.name.removesuffix(".py")
                if name.isidentifier() and (path.suffix == ".py" or (path / "__init__.py").is_file()):
                    yield name

    def packages(self) -> Iterator[str]:
        """Every package with an `__init__.py` that the roots lead to, outer ones before inner ones."""
        for root in self.roots:
            yield from self._inside(root, "")

    def _inside(self, folder: str, parent: str) -> Iterator[str]:
        for path in sorted(self.listed(folder)):
            inner = below(folder, path.name)
            if path.name.isidentifier() and inner not in self.roots and self.is_package(inner):
                yield f"{parent}{path.name}"
                yield from self._inside(inner, f"{parent}{path.name}.")

    def files(self, name: str) -> Iterator[str]:
        """Every file of that name below the root."""
        pending = ["."]
        while pending:
            folder = pending.pop()
            for path in sorted(self.listed(folder)):
                inner = below(folder, path.name)
                if path.is_dir():
                    pending.append(inner)
                elif path.name == name:
                    yield inner

    def listed(self, folder: str) -> list[Path]:
        """What lies in a folder, without hidden files, environments and other people's packages."""
        try:
            paths = list((self.root / folder).iterdir())
        except OSError:
            return []
        return [
            path
            for path in paths
            if path.name not in NO_CODE
            and not path.name.startswith(".")
            and not (path / "pyvenv.cfg").is_file()
        ]


def modules_of(app: App, root: Path) -> Modules:
    """The project's modules, looked for where its interpreter looks for them."""
    return Modules(root, app.import_roots or (".",))


def below(folder: str, path: str) -> str:
    """`folder/path`; only `path` where the folder is the root."""
    return path if folder in ("", ".") else f"{folder}/{path}" if path else folder
