"""`celerycheck audit`: the picture, the checklist, the report."""

from __future__ import annotations

import gc
import io
import os
import sys
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from celerycheck.cli import files
from celerycheck.errors import UsageError

if TYPE_CHECKING:
    from celerycheck.answers import Answer
    from celerycheck.checklist import Checklist
    from celerycheck.findings import Report
    from celerycheck.picture import Child
    from celerycheck.subjects import App


@dataclass(frozen=True)
class Options:
    """The command line of `audit`."""

    target: str | None
    workdir: Path
    python: str | None
    load_timeout: float
    third_party: bool
    save_picture: Path | None
    picture: Path | None
    checklist: Path | None
    interactive: bool
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    task: str | None
    show: frozenset[str]
    fail_on: str
    format: str
    output: Path | None
    debug: bool


def run(options: Options, child: Child | None) -> int:
    """Audit, write the report, and return the exit code. Raises CelerycheckError."""
    gc.disable()  # a short life that makes much and drops little
    app = look(options, child)
    from celerycheck import answers, checklist

    path = options.checklist or checklist.find(options.workdir)
    policy = checklist.load(path)
    answers_path = answers.path_for(path, options.workdir)
    today = datetime.now().astimezone().date()
    given = answers.load(answers_path, today)
    if options.interactive:
        given = ask(policy, given, answers_path, today)
    report = judge(app, policy, given, today, options)
    publish(report, options)
    return report.exit_code


def look(options: Options, child: Child | None) -> App:
    """The picture: a saved one, or taken now. Raises UsageError, LoadError."""
    if options.picture is not None:
        if options.target:
            raise UsageError("--picture and an app were both named", "An audit looks at one or the other.")
        from celerycheck.picture_format import decode

        app = decode(files.read(options.picture, "the picture"), str(options.picture))
    else:
        app = take(options, child)
    return app.with_third_party() if options.third_party else app


def take(options: Options, child: Child | None) -> App:
    from celerycheck import picture
    from celerycheck.cli.progress import Progress
    from celerycheck.cli.target import target

    name = target(options.target, options.workdir)
    python = options.python or sys.executable
    request = picture.Request(name, options.workdir, python, options.load_timeout)
    running = child or picture.Child(python)
    try:
        with Progress(f"loading {name}") as progress:
            future = picture.begin(request, progress.relay, running)
            prepare(options)
            app, text = future.result()
    finally:
        running.kill()
    if options.save_picture is not None:
        files.write(options.save_picture, text + "\n", "the picture")
    return app


def prepare(options: Options) -> None:
    """Import what comes next while the child loads the app on the other core."""
    import celerycheck.runner  # noqa: F401  # imported for the import's sake
    from celerycheck.checks import shipped
    from celerycheck.reporters import reporter

    reporter(options.format)
    shipped()


def ask(policy: Checklist, given: dict[str, Answer], path: Path, today: date) -> dict[str, Answer]:
    """The answers with those a person just gave; without a terminal, those there were."""
    from celerycheck.cli.interview import interview
    from celerycheck.runner import open_questions

    questions = open_questions(policy, given, today)
    if not questions:
        return given
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        sys.stderr.write(
            f"celerycheck: --interactive needs a terminal; {len(questions)} questions stay open\n"
        )
        return given
    return interview(questions, given, path, today)


def judge(app: App, policy: Checklist, given: dict[str, Answer], today: date, options: Options) -> Report:
    from celerycheck.findings import Severity
    from celerycheck.runner import run as run_checklist
    from celerycheck.source import suppressions

    return run_checklist(
        policy,
        app,
        answers=given,
        suppressions=suppressions.read(options.workdir, app.files),
        select=options.select,
        ignore=options.ignore,
        task=options.task,
        fail_on=None if options.fail_on == "never" else Severity.parse(options.fail_on),
        today=today,
    )


def publish(report: Report, options: Options) -> None:
    """Write the report to the file named, in one step, or to stdout. Raises UsageError."""
    if options.output is None:
        write(report, sys.stdout, options)
        sys.stdout.flush()
        return
    text = io.StringIO()
    write(report, text, options)
    files.write(options.output, text.getvalue(), "the report")


def write(report: Report, out: TextIO, options: Options) -> None:
    from celerycheck.reporters import reporter

    module = reporter(options.format)
    if options.format != "console":
        module.write(report, out)
        return
    from dataclasses import replace

    from celerycheck.findings import Severity
    from celerycheck.reporters.console_options import Options as Look

    notes = options.show & {"info", "all"}
    look = replace(
        Look.for_stream(out, os.environ),
        show=frozenset(Severity if notes else (Severity.ERROR, Severity.WARNING)),
        waived=bool(options.show & {"waived", "all"}),
        tracebacks=options.debug,
        fold=None if "all" in options.show else 8,
    )
    module.write(report, out, look)
