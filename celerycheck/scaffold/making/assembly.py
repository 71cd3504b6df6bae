"""From what is to be made to its pieces: which templates go where, and what has to be set."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.scaffold.layout import Layout
from celerycheck.scaffold.making import periodic, reporting
from celerycheck.scaffold.making.context import context
from celerycheck.scaffold.making.registered import task_names
from celerycheck.scaffold.making.render import Templates
from celerycheck.scaffold.making.routes import route
from celerycheck.scaffold.making.shared import standing, standing_models
from celerycheck.scaffold.making.worker_imports import loaded
from celerycheck.scaffold.pieces import Module, NewFile, Piece
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.reading.migrations import auto_field, upcoming_of
from celerycheck.scaffold.spec import Spec


def pieces(spec: Spec, project: Project, layout: Layout, templates: Templates) -> list[Piece]:
    """Everything that the spec needs, in the order in which reports list it. Raises UsageError."""
    making = _Making(spec, project, layout, templates)
    return [
        *making.markers(),
        *making.code(),
        *making.store(),
        *making.settings(),
        *making.loading(),
        *making.tests(),
    ]


class _Making:
    """The pieces of one spec; `values` is what its templates may use."""

    def __init__(self, spec: Spec, project: Project, layout: Layout, templates: Templates) -> None:
        self.spec, self.project, self.layout, self.templates = spec, project, layout, templates
        self.route = route(spec.queue, task_names(spec, layout.tasks.module), project)
        self.values = context(spec, project, layout)
        self.prefix = "" if spec.kind == "task" else f"{spec.kind}_"

    def module(self, template: str, path: str, **more: object) -> Module:
        return Module(path, self.templates.module(template, {**self.values, **more}, self.project, path))

    def shared(self, template: str, path: str) -> Module:
        return standing(self.module(template, path), self.project)

    def code(self) -> Iterator[Piece]:
        services = "workflow_services.py.j2" if self.spec.kind == "workflow" else "services.py.j2"
        yield self.module(services, self.layout.services.path)
        yield self.module(f"{self.prefix}tasks.py.j2", self.layout.tasks.path)

    def store(self) -> Iterator[Piece]:
        if self.spec.store == "django":
            models = [*periodic.models(self.spec), *reporting.models(self.spec)]
            yield from self.records(["CompletedWork", *models])
        else:
            yield self.shared(f"completed_{self.spec.store}.py.j2", self.layout.completed.path)
        if self.spec.kind == "periodic":
            yield self.shared(f"lock_{self.spec.lock}.py.j2", self.layout.locks.path)
        yield from reporting.code(self.spec, self.project, self.layout, self.module)

    def records(self, models: list[str]) -> Iterator[Piece]:
        """The models that are needed, and one migration for those that no migration makes yet."""
        records = self.module("models.py.j2", self.layout.models.path, models=models)
        yield standing_models(records, self.project)
        if self.layout.model_exports:
            yield Module(self.layout.model_exports, reexported(self.layout.models.module, models))
        package, folder = self.spec.package, self.layout.migrations
        coming = {model: upcoming_of(self.project, package, folder, model) for model in models}
        new = [model for model in models if not coming[model].made]
        if not new:
            return
        first = coming[new[0]]
        for marker in first.markers:
            yield NewFile(marker, "", keep=True)
        field = auto_field(self.project, package)
        made = {"migrated": new, "upcoming": first, "auto_field": field.removeprefix("django.db.")}
        yield self.module("migration.py.j2", first.path, **made)

    def settings(self) -> Iterator[Piece]:
        yield from self.route.entries
        yield from periodic.entries(self.spec, self.project, self.layout)

    def loading(self) -> Iterator[Piece]:
        """What it takes for workers to import the task."""
        tasks, spec = self.layout.tasks, self.spec
        if self.layout.exports:
            yield Module(self.layout.exports, reexported(tasks.module, [spec.name]))
        more = loaded(self.project, tasks.module)
        if more is not None:
            yield more

    def tests(self) -> Iterator[Piece]:
        if self.spec.store == "django":
            yield self.shared("in_process_worker.py.j2", self.layout.worker.path)
            yield self.module(f"test_{self.prefix}django.py.j2", self.layout.tests.path)
        else:
            yield self.shared("conftest.py.j2", self.layout.conftest.path)
            yield self.module(f"test_{self.prefix}pytest.py.j2", self.layout.tests.path)
        yield from reporting.tests(self.spec, self.layout, self.module)

    def markers(self) -> Iterator[Piece]:
        for path in self.layout.markers:
            yield NewFile(path, "", keep=True)


def reexported(module: str, names: list[str]) -> str:
    """The import with which a package hands on what one of its modules defines."""
    return "".join(f"from {module} import {name} as {name}\n" for name in names)
