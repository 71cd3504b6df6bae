"""`celerycheck audit`: the picture, the checklist, the report."""

from __future__ import annotations

import io
import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from celerycheck import files
from celerycheck.cli import signals
from celerycheck.errors import LoadError, UsageError

if TYPE_CHECKING:
    from celerycheck.answers import Answer
    from celerycheck.checklist import Checklist
    from celerycheck.cli.target import Target
    from celerycheck.findings import Report
    from celerycheck.picture import Child, Taking
    from celerycheck.source.ahead import Ahead
    from celerycheck.source.evidence import SourceCode
    from celerycheck.subjects import App


@dataclass(frozen=True)
class Options:
    """The command line of `audit`; the values here are those of options left out."""

    target: str | None
    workdir: Path = Path()
    python: str | None = None
    load_timeout: float = 60.0
    third_party: bool = False
    save_picture: Path | None = None
    picture: Path | None = None
    checklist: Path | None = None
    interactive: bool = False
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    task: str | None = None
    show: frozenset[str] = frozenset()
    fail_on: str = "error"
    format: str = "console"
    output: Path | None = None
    debug: bool = False


def run(options: Options, child: Child | None) -> int:
    """Audit, write the report, and return the exit code. Raises CelerycheckError."""
    refuse_contradictions(options)
    today = datetime.now().astimezone().date()
    with looking(options, child) as picture:
        # The child loads the app on the other core meanwhile.
        with signals.held():
            from celerycheck import answers, checklist
            from celerycheck.judging import reads_source
            from celerycheck.known_libraries import SHIPPED
            from celerycheck.source.ahead import Ahead
            from celerycheck.source.evidence import SourceCode
            from celerycheck.source.files import DiskFiles

            prepare(options)
        path = options.checklist or checklist.find(options.workdir)
        policy = checklist.load(path)
        answers_path = answers.path_for(path, options.workdir)
        given = answers.load(answers_path, today)
        ahead = Ahead(DiskFiles(options.workdir))
        if any(reads_source(item) for item in policy.items if item.enabled):
            read_ahead(ahead, picture, options)
        app = picture.app()
    if options.third_party:
        app = app.with_third_party()
    if options.interactive:
        given = ask(policy, given, answers_path, today)
    source = SourceCode(app, ahead.files, SHIPPED.extended(policy.libraries), ahead)
    report = judge(app, source, policy, given, today, options)
    publish(report, options)
    return report.exit_code


def refuse_contradictions(options: Options) -> None:
    """Raise UsageError for options that do not fit together."""
    if options.picture is not None:
        for name, value in (
            ("an app", options.target),
            ("--python", options.python),
            ("--save-picture", options.save_picture),
        ):
            if value:
                raise UsageError(
                    f"--picture and {name} were both given",
                    "A saved picture is audited without loading an app.",
                )
    if not math.isfinite(options.load_timeout):
        raise UsageError(f"--load-timeout {options.load_timeout} is no number of seconds", "Give it 60.")


@dataclass(frozen=True)
class Looking:
    """A picture being taken: `there()` tells whether it is; `app()` waits. Raises UsageError, LoadError.

    `target` is the app as it was named.
    """

    app: Callable[[], App]
    there: Callable[[], bool]
    target: str = ""


@contextmanager
def looking(options: Options, child: Child | None) -> Iterator[Looking]:
    """Begin to take the picture, or to open a saved one."""
    if options.picture is not None:
        saved = options.picture
        yield Looking(lambda: opened(saved), lambda: True)
        return
    from celerycheck.cli.progress import Progress
    from celerycheck.cli.target import target
    from celerycheck.picture import Child, Request, Taking

    named = target(options.target, options.workdir)
    python = options.python or sys.executable
    running = child or Child(python)
    try:
        with Progress(f"loading {named.name}") as progress:
            request = Request(named.name, options.workdir, python, options.load_timeout)
            taking = Taking(request, progress.relay, running)
            yield Looking(lambda: taken(taking, named, options), taking.done, named.name)
    finally:
        running.kill()


def read_ahead(ahead: Ahead, picture: Looking, options: Options) -> None:
    """Make use of the time until the picture is there. How far that comes never shows in the report."""
    if options.select or options.ignore or options.task:
        ahead.parse_until(picture.there)  # who asks for little may need little of the source
    else:
        ahead.read_until(picture.there, picture.target)


def opened(path: Path) -> App:
    from celerycheck.picture_format import decode

    text = files.read(path, "the picture")
    try:
        app = decode(text, f"the picture {path}")
    except RecursionError:
        app = None
    if app is None or not app.target:
        raise UsageError(f"the picture {path} is damaged", "Take a new one with --save-picture.")
    return app


def taken(taking: Taking, named: Target, options: Options) -> App:
    """The app, its picture kept where that is wanted."""
    try:
        app, text = taking.result()
    except LoadError as error:
        if named.origin:
            error.hint = f"{error.hint} The app was named by {named.origin}.".lstrip()
        raise
    if options.save_picture is not None:
        files.write(options.save_picture, text + "\n", "the picture")
    return app


def prepare(options: Options) -> None:
    """Import what comes next while there is time."""
    import celerycheck.picture_format
    import celerycheck.runner  # noqa: F401  # imported for the import's sake
    from celerycheck.checks import shipped
    from celerycheck.reporters import reporter

    shipped()
    reporter(options.format)


def ask(policy: Checklist, given: dict[str, Answer], path: Path, today: date) -> dict[str, Answer]:
    """The answers with those a person just gave; without a terminal, those there were."""
    from celerycheck.cli.interview import interview
    from celerycheck.runner import open_questions

    questions = open_questions(policy, given, today)
    if not questions:
        return given
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        count = f"{len(questions)} questions stay" if len(questions) > 1 else "1 question stays"
        sys.stderr.write(f"celerycheck: --interactive needs a terminal; {count} open\n")
        return given
    return interview(questions, given, path, today)


def judge(
    app: App,
    source: SourceCode,
    policy: Checklist,
    given: dict[str, Answer],
    today: date,
    options: Options,
) -> Report:
    from celerycheck.findings import Severity
    from celerycheck.runner import run as run_checklist
    from celerycheck.source import suppressions

    return run_checklist(
        policy,
        app,
        answers=given,
        suppressions=suppressions.read(options.workdir, [*app.files, *source.project.own_files()]),
        source=source,
        select=options.select,
        ignore=options.ignore,
        task=options.task,
        fail_on=None if options.fail_on == "never" else Severity.parse(options.fail_on),
        today=today,
    )


def publish(report: Report, options: Options) -> None:
    """Write the report to the file named, in one step, or to stdout. Raises UsageError."""
    from celerycheck.cli.explained import discard

    if options.output is not None:
        text = io.StringIO()
        write(report, text, options)
        files.write(options.output, text.getvalue(), "the report")
        return
    try:
        write(report, sys.stdout, options)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the report has read enough of it (`| head`); what was found stays found.
        discard()


def write(report: Report, out: TextIO, options: Options) -> None:
    from celerycheck.reporters import reporter

    module = reporter(options.format)
    if options.format != "console":
        module.write(report, out)
        return
    from dataclasses import replace

    from celerycheck.findings import Severity
    from celerycheck.reporters.console_options import Options as Look
    from celerycheck.reporters.console_plan import pointed_at
    from celerycheck.source import excerpts

    notes = options.show & {"info", "all"}
    look = replace(
        Look.for_stream(out, os.environ),
        show=frozenset(Severity if notes else (Severity.ERROR, Severity.WARNING)),
        waived=bool(options.show & {"waived", "all"}),
        tracebacks=options.debug,
        fold=None if "all" in options.show else 8,
    )
    module.write(
        replace(report, excerpts=excerpts.read(options.workdir, pointed_at(report, look))), out, look
    )
