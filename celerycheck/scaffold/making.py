"""From what is to be made to its pieces: which templates go where, and what has to be set."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.scaffold.context import context
from celerycheck.scaffold.layout import Layout
from celerycheck.scaffold.pieces import Module, NewFile, Piece
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.render import Templates
from celerycheck.scaffold.spec import Spec


def pieces(spec: Spec, project: Project, layout: Layout, templates: Templates) -> list[Piece]:
    """Everything that the spec needs, in the order in which reports list it. Raises UsageError."""
    making = _Making(spec, project, layout, templates)
    return [*making.code(), *making.store(), *making.tests(), *making.markers()]


class _Making:
    """The pieces of one spec; `values` is what its templates may use."""

    def __init__(self, spec: Spec, project: Project, layout: Layout, templates: Templates) -> None:
        self.spec, self.project, self.layout, self.templates = spec, project, layout, templates
        self.values = context(spec, project, layout)

    def module(self, template: str, path: str) -> Module:
        return Module(path, self.templates.module(template, self.values, self.project))

    def code(self) -> Iterator[Piece]:
        yield self.module("services.py.j2", self.layout.services.path)
        yield self.module("tasks.py.j2", self.layout.tasks.path)

    def store(self) -> Iterator[Piece]:
        if self.spec.store == "django":
            yield self.module("models.py.j2", self.layout.models.path)
        else:
            yield self.module(f"completed_{self.spec.store}.py.j2", self.layout.completed.path)

    def tests(self) -> Iterator[Piece]:
        if self.spec.store == "django":
            yield self.module("in_process_worker.py.j2", self.layout.worker.path)
            yield self.module("test_django.py.j2", self.layout.tests.path)
        else:
            yield self.module("conftest.py.j2", self.layout.conftest.path)
            yield self.module("test_pytest.py.j2", self.layout.tests.path)

    def markers(self) -> Iterator[Piece]:
        for path in self.layout.markers:
            yield NewFile(path, "", keep=True)
