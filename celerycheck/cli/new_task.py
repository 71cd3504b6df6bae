"""`celerycheck new-task`: the picture, the answers, the plan, the files."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from celerycheck.errors import CelerycheckError, UsageError
from celerycheck.scaffold.asking.answers import Answers, Raw

if TYPE_CHECKING:
    from celerycheck.child import Child
    from celerycheck.cli import audit
    from celerycheck.cli.plan_page import PlanPage
    from celerycheck.scaffold.asking.options_file import Usual
    from celerycheck.scaffold.layout import Layout
    from celerycheck.scaffold.making.render import Templates
    from celerycheck.scaffold.pieces import Piece
    from celerycheck.scaffold.plan import OnConflict, Plan
    from celerycheck.scaffold.project import Project
    from celerycheck.scaffold.spec import Spec
    from celerycheck.subjects import App

    Make = Callable[[Spec, Project, Layout, Templates], Sequence[Piece]]


APP = "The Celery app, as for celery -A"


@dataclass(frozen=True)
class Options:
    """The command line of `new-task`; `given` are the answers on it, by the question's key."""

    given: Mapping[str, Raw] = field(default_factory=dict)
    app: str | None = None
    workdir: Path = Path()
    python: str | None = None
    load_timeout: float = 60.0
    templates: Path | None = None
    on_conflict: OnConflict = "abort"
    dry_run: bool = False
    no_input: bool = False


def answers_given(**values: str | bool | Sequence[str] | None) -> dict[str, Raw]:
    """The answers on a command line, without those left out."""
    return {
        key: value if isinstance(value, str | bool) else tuple(value)
        for key, value in values.items()
        if value is not None and value != []
    }


@dataclass(frozen=True)
class Making:
    """All that is decided before a file is touched. `target`: the app as it was named."""

    spec: Spec
    project: Project
    layout: Layout
    pieces: Sequence[Piece]
    plan: Plan
    target: str


def run(options: Options, child: Child | None, make: Make | None = None) -> int:
    """Make the task, or say what would be made; the exit code. Raises CelerycheckError, KeyboardInterrupt.

    `make` stands in for the shipped templates.
    """
    from celerycheck.cli.plan_page import PlanPage
    from celerycheck.cli.target import new_task_table
    from celerycheck.reporters.page import Look
    from celerycheck.scaffold.asking.options_file import usual

    file = usual(new_task_table(options.workdir), options.workdir / "pyproject.toml")
    making = prepared(options, file, child, make)
    page = PlanPage(sys.stdout, Look.for_stream(sys.stdout, os.environ))
    show(making, page, options)
    if options.dry_run or not pending(making.plan):
        return 0
    from celerycheck.scaffold.next_steps import next_steps
    from celerycheck.scaffold.write import write

    # Now, while the lines that are known of the project's files are still right.
    steps = list(next_steps(making.spec, making.project, making.layout, making.pieces, making.target))
    write(making.project.root, making.plan)
    confirm(making, page, options)
    page.steps(steps)
    return 0


def prepared(options: Options, file: Usual, child: Child | None, make: Make | None) -> Making:
    """Everything but the writing. Raises CelerycheckError, KeyboardInterrupt."""
    from celerycheck.scaffold.asking import validation

    as_of_audit(options)
    answers = Answers({"flag": validation.split_name(options.given), "file": file.answers})
    asks = not options.no_input and on_a_terminal()
    options = with_app(options, answers, asks=asks)
    app = look(options, child)
    warn_of_gaps(app)
    spec, project = decided(app, options.workdir, answers, asks=asks)

    from celerycheck.scaffold.asking.importable import check_exceptions
    from celerycheck.scaffold.layout import layout
    from celerycheck.scaffold.making.assembly import pieces
    from celerycheck.scaffold.making.formatter import formatter
    from celerycheck.scaffold.making.render import Templates
    from celerycheck.scaffold.plan import plan

    python = options.python or sys.executable
    if answers.source("retry_on") is not None or asks:
        check_exceptions(spec.retry_on, python, project.root)
    places = layout(project, spec.package, spec.name)
    project = replace(project, first_party=project.first_party | places.tops)
    templates = Templates(options.templates or file.templates, formatter(project.root, python))
    made = list((make or pieces)(spec, project, places, templates))
    planned = plan(
        project.root,
        made,
        on_conflict=options.on_conflict,
        first_party=project.first_party,
        line_length=project.line_length,
    )
    return Making(spec, project, places, made, planned, app.target)


def on_a_terminal() -> bool:
    return bool(sys.stdin and sys.stdin.isatty() and sys.stdout.isatty())


def with_app(options: Options, answers: Answers, *, asks: bool) -> Options:
    """The options with an app, which is asked for where nobody names one and there is somebody to ask.

    Raises UsageError, which tells what else is missing.
    """
    from celerycheck.cli.target import NoApp, target
    from celerycheck.scaffold.asking import validation

    try:
        target(options.app, options.workdir, "--app proj")
    except NoApp as error:
        if not asks:
            more = "".join(f"\n{mistake}" for mistake in validation.unanswered(answers))
            raise UsageError(
                f"--app is missing, and nobody names the app elsewhere{more}",
                error.hint,
            ) from None
        from celerycheck.scaffold.asking.prompts import Questionary

        with stopping():
            named = Questionary().text(
                APP, "", lambda text: "" if text.strip() else "Name it: proj, or proj.celery:app"
            )
        return replace(options, app=named.strip())
    return options


def look(options: Options, child: Child | None) -> App:
    """The app's picture. Raises LoadError, UsageError."""
    from celerycheck.cli import audit

    with audit.looking(as_of_audit(options), child) as picture:
        return picture.app()


def as_of_audit(options: Options) -> audit.Options:
    """What an audit of the same app would be told. Raises UsageError for what it would refuse."""
    from celerycheck.cli import audit

    named = audit.Options(
        options.app, workdir=options.workdir, python=options.python, load_timeout=options.load_timeout
    )
    audit.refuse_contradictions(named)
    return named


def warn_of_gaps(app: App) -> None:
    """Say that a name may be in use unseen, where not all tasks could be loaded."""
    if app.partial:
        complain(f"only part of the tasks could be loaded: {app.partial}")
    for module in app.broken_modules:
        complain(f"{module.module} cannot be imported: {module.cause}")


def complain(text: str) -> None:
    from celerycheck.reporters.harmless import visible

    sys.stderr.write(f"celerycheck: warning: {visible(text)}\n")


def decided(app: App, root: Path, answers: Answers, *, asks: bool) -> tuple[Spec, Project]:
    """What to make, and for which project. Raises UsageError, KeyboardInterrupt."""
    from celerycheck.scaffold.asking import validation

    project = read_as(app, root, answers)
    if asks:
        validation.check_given(project, answers)
        from celerycheck.scaffold.asking.prompts import Questionary, ask_all

        with stopping():
            answers = ask_all(project, answers, Questionary())
        project = read_as(app, root, answers)
    return validation.spec(project, answers), project


def read_as(app: App, root: Path, answers: Answers) -> Project:
    """The project, seen as the framework that the answers choose, where it can be."""
    from celerycheck.scaffold.asking import fits
    from celerycheck.scaffold.asking.situation import Situation
    from celerycheck.scaffold.project import read

    project = read(app, root)
    chosen = answers.text("framework")
    situation = Situation(project, answers)
    if chosen not in fits.frameworks(situation) or chosen == project.framework:
        return project
    return read(app, root, framework=fits.framework(chosen, situation))


@contextmanager
def stopping() -> Iterator[None]:
    """Ctrl-D stops as Ctrl-C does: nothing was written yet."""
    try:
        yield
    except EOFError:
        raise KeyboardInterrupt from None


def pending(plan: Plan) -> bool:
    """Whether anything would be written."""
    return any(change.before != change.after for change in plan.changes)


def show(making: Making, page: PlanPage, options: Options) -> None:
    """Print the plan; its diff where nothing is written. Raises UsageError where other code is in the way."""
    from celerycheck.scaffold import diff

    plan = making.plan
    page.plan(plan)
    if plan.conflicts:
        page.diff(diff.unified(plan if options.dry_run else replace(plan, changes=plan.conflicts)))
        places = [f"{change.path} ({', '.join(change.conflicts[:5])})" for change in plan.conflicts]
        raise UsageError(
            f"other code is in the way: {', '.join(places)}; nothing was written",
            "--on-conflict skip leaves it as it is, overwrite replaces it as the diff shows; or choose"
            " another NAME.",
        )
    if not pending(plan):
        page.say("Nothing to do: all of it is there.")
    elif options.dry_run:
        page.diff(diff.unified(plan))


def confirm(making: Making, page: PlanPage, options: Options) -> None:
    """Take the picture again, and say whether workers now know the task; the files stay in any case."""
    from celerycheck.scaffold.making.registered import task_names

    module = making.layout.tasks.module
    try:
        app = look(replace(options, app=making.target), None)
    except CelerycheckError as error:
        complain(
            f"the files are written, but the app cannot be loaded any more: {error.message} {error.hint}"
        )
        return
    missing = [name for name in task_names(making.spec, module) if not registered(app, name, module)]
    page.say("")
    if not missing:
        page.say(f"Registered as {', '.join(task_names(making.spec, module))}.")
        return
    broken = next((one for one in app.broken_modules if one.module == module), None)
    if broken is not None:
        complain(f"the files are written, but {module} cannot be imported: {broken.cause}")
    else:
        complain(
            f"the files are written, but no worker knows {', '.join(missing)}: nothing imports {module}."
            f' Add "{module}" to include=[...] of the app, or to the imports setting.'
        )


def registered(app: App, name: str, module: str) -> bool:
    """Whether a task is there, under its usual name or one that the project's own way of naming gives it."""
    function = name.rpartition(".")[2]
    return any(
        task.name == name or (task.module == module and task.function == function) for task in app.tasks
    )
