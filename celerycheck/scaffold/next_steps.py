"""What to do once the files are written: each step as people say it, and as they type it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from celerycheck.scaffold.layout import Layout
from celerycheck.scaffold.making.registered import task_names
from celerycheck.scaffold.making.routes import route
from celerycheck.scaffold.making.samples import sample
from celerycheck.scaffold.pieces import Module, Piece
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Spec

_VARIABLE = re.compile(r'os\.environ\["(\w+)"\]')
_KNOWN = {"DATABASE_URL": "postgresql://localhost/shop", "REDIS_URL": "redis://localhost:6379/0"}


def next_steps(
    spec: Spec, project: Project, layout: Layout, pieces: Sequence[Piece], target: str
) -> Iterator[tuple[str, str]]:
    """(What, how), in order; `target` is the app as it was named."""
    yield "run the tests", tests(spec, project, layout)
    if any(piece.path.startswith(f"{layout.migrations}/") for piece in pieces if isinstance(piece, Module)):
        yield "make its table", f"{manage(project)} migrate {label(spec, project)}"
    needed = [f"{name}={_KNOWN.get(name, 'https://...')}" for name in variables(pieces, layout)]
    if needed:
        yield "set what it reads", f"export {' '.join(needed)}"
    tables = knowing_all_tables(spec, layout)
    if tables:
        made = "Base.metadata.create_all(engine())"
        yield "make its table", f'python -c "from {tables} import Base, engine; {made}"'
    if spec.kind == "periodic":
        yield "start beat, once", f"celery -A {target} beat"
    else:
        yield "send it", sending(spec)
    by_hand = route(spec.queue, task_names(spec, layout.tasks.module), project).by_hand
    for name in by_hand:
        yield "route it", f'add "{name}": {{"queue": "{spec.queue}"}} to task_routes'
    if spec.queue and all(task.queue != spec.queue for task in project.app.tasks):
        yield "read its queue", f"celery -A {target} worker --queues {spec.queue}"
    names = task_names(spec, layout.tasks.module)
    glob = names[0] if len(names) == 1 else f"'{layout.tasks.module}.*{spec.name}*'"
    yield "see it in the audit", f"celerycheck audit {target} --task {glob}"


def knowing_all_tables(spec: Spec, layout: Layout) -> str:
    """The module that SQLAlchemy knows every table by once it is imported; empty where there are none."""
    if spec.kind == "periodic" and spec.lock == "sqlalchemy":
        return layout.locks.module
    return layout.completed.module if spec.store == "sqlalchemy" else ""


def label(spec: Spec, project: Project) -> str:
    """What Django's commands call the app."""
    apps = project.app.django.apps if project.app.django is not None else ()
    return next((app.label for app in apps if app.name == spec.package), spec.package.rpartition(".")[2])


def manage(project: Project) -> str:
    return "python manage.py" if (project.root / "manage.py").is_file() else "python -m django"


def tests(spec: Spec, project: Project, layout: Layout) -> str:
    """The command that runs the generated tests."""
    endings = ("", "_reports") if spec.report_failures else ("",)
    if project.framework == "django":
        return f"{manage(project)} test {' '.join(layout.tests.module + ending for ending in endings)}"
    stem = layout.tests.path.removesuffix(".py")
    return f"python -m pytest {' '.join(f'{stem}{ending}.py' for ending in endings)}"


def variables(pieces: Sequence[Piece], layout: Layout) -> list[str]:
    """The environment variables that the generated code cannot do without."""
    aside = (layout.tests.path, layout.worker.path, layout.conftest.path)
    texts = (piece.text for piece in pieces if isinstance(piece, Module) and piece.path not in aside)
    return list(dict.fromkeys(name for text in texts for name in _VARIABLE.findall(text)))


def sending(spec: Spec) -> str:
    """How the task is sent from other code."""
    values = ", ".join(sample(param.type, 0) for param in spec.params)
    if spec.report_failures:
        return f"start_{spec.name}({values})"
    if spec.kind == "workflow":
        return f"{spec.name}({values}).delay()"
    return f"{spec.name}.delay({values})"
