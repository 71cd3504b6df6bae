"""What the project's tests tell: which files they are, what they name, and how they run tasks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from celerycheck.source.files import Files, is_test_file
from celerycheck.source.modules import Unreadable, parse
from celerycheck.subjects import Location, TaskInfo

EAGER = frozenset({"task_always_eager", "celery_task_always_eager", "celery_always_eager"})
"""The setting in lower case, under Celery's name, Django's usual one and the one from before Celery 4."""

_WORDS = re.compile(rb"[A-Za-z_][\w.]*")
_EAGER = re.compile(rb"(?i)always_eager")
_SETTINGS_FILE = re.compile(r"settings|config|celery")
_FOR_ALL = re.compile(r"settings|conftest\.py$")
_CONFIGURATION = ("pyproject.toml", "pytest.ini", "setup.cfg", "tox.ini")
_SWITCHED_ON = re.compile(r"(?i)\b(?:celery_)?(?:task_)?always_eager\b[\"']?\s*[=:]\s*[\"']?(?:true|1)\b")
_WORKERS = frozenset(
    {
        "celery.contrib.testing",
        "celery_session_worker",
        "celery_setup",
        "celery_worker",
        "pytest_celery",
        "start_worker",
        "worker_main",
    }
)
"""What tests name that have a worker run tasks: Celery's fixtures, pytest-celery, a worker of their own."""


@dataclass(eq=False)
class Suite:
    """The tests below the working directory. Nothing is read before it is asked for."""

    files: Files

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """The files that are tests, conftest.py and what lies in folders of tests included."""
        return tuple(path for path in self._every_path if is_test_file(path))

    @cached_property
    def _every_path(self) -> tuple[str, ...]:
        return tuple(self.files.walk(""))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every name in them, dotted ones also by their beginnings and their parts; comments count."""
        found: set[bytes] = set()
        for path in self.paths:
            found.update(_WORDS.findall(self.files.read(path) or b""))
        return frozenset(name for word in found for name in _names(word.decode("ascii", "replace")))

    def name(self, task: TaskInfo) -> bool:
        """Whether a test names the task, its function or its class, or the module that it lies in."""
        names = {task.name, task.function, *(alias.rpartition(".")[2] for alias in task.aliases)}
        if task.class_based:
            names = {task.name, *(cls.name.rpartition(".")[2] for cls in task.classes[:1])}
        return not self.words.isdisjoint(filter(None, (*names, task.module)))

    @cached_property
    def eager(self) -> Location | None:
        """Where tests, or settings made for them, have tasks run at once; None where they do not."""
        return next(self._eager_places(), None)

    def _eager_places(self) -> Iterator[Location]:
        # What holds for all tests comes before what one of them does.
        for path in sorted(self._every_path, key=lambda path: not _FOR_ALL.search(path)):
            for_tests = "test" in path
            if for_tests or _SETTINGS_FILE.search(path):
                yield from _switched_on(path, self.files.read(path) or b"", always=for_tests)
        for path in _CONFIGURATION:
            text = (self.files.read(path) or b"").decode("utf-8", "replace")
            for number, line in enumerate(text.splitlines(), start=1):
                if _SWITCHED_ON.search(line):
                    yield Location(path, number)

    @property
    def has_worker(self) -> bool:
        """Whether a test names something that runs tasks on a worker."""
        return not self.words.isdisjoint(_WORKERS)


def _names(word: str) -> Iterator[str]:
    """`proj.tasks.send` as itself, `proj.tasks`, `proj`, `tasks` and `send`."""
    yield word
    parts = word.split(".")
    if len(parts) > 1:
        yield from parts
        yield from (".".join(parts[:length]) for length in range(1, len(parts)))


def _switched_on(path: str, data: bytes, *, always: bool) -> Iterator[Location]:
    """The places where a file gives the setting the value True; unless `always`, only where a test runs."""
    if not _EAGER.search(data):
        return
    try:
        tree = parse(path, data)
    except Unreadable:
        return
    roots = [tree] if always else list(_for_tests(tree))
    for node in (node for root in roots for node in ast.walk(root)):
        if isinstance(node, (ast.stmt, ast.expr, ast.keyword)) and _switches_on(node, mentioning=not always):
            yield Location(path, node.lineno)


def _for_tests(tree: ast.Module) -> Iterator[ast.AST]:
    """What holds only while tests run: the body of `if TESTING:`, and `X = "test" in sys.argv`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and _mentions_tests(node.test):
            yield from node.body
        elif isinstance(node, ast.Assign) and _mentions_tests(node.value):
            yield node


def _mentions_tests(node: ast.expr) -> bool:
    return "test" in ast.unparse(node).lower()


def _switches_on(node: ast.AST, *, mentioning: bool) -> bool:
    """Whether it is `X = True`, `conf.X = True`, `conf["X"] = True`, `f(X=True)`, `{"X": True}` or
    `setattr(conf, "X", True)`; `mentioning`: or gives it anything that speaks of tests.
    """
    match node:
        case (
            ast.Assign(targets=[target], value=value)
            | ast.AnnAssign(target=target, value=ast.expr() as value)
        ):
            return _is_eager(target) and (_is_true(value) or (mentioning and _mentions_tests(value)))
        case ast.keyword(arg=str(name), value=value):
            return name.lower() in EAGER and _is_true(value)
        case ast.Dict(keys=keys, values=values):
            pairs = zip(keys, values, strict=True)
            return any(key is not None and _is_eager(key) and _is_true(value) for key, value in pairs)
        case ast.Call(args=[*_, name, value]):
            return _is_eager(name) and _is_true(value)
    return False


def _is_eager(node: ast.expr) -> bool:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.Constant(value=str(name)):
            return name.lower() in EAGER
        case ast.Subscript(slice=key):
            return _is_eager(key)
    return False


def _is_true(node: ast.expr) -> bool:
    """Whether it is True, or what stands for it in the environment."""
    return isinstance(node, ast.Constant) and str(node.value).lower() in ("true", "1")
