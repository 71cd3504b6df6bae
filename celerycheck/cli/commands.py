"""The commands' names, arguments and help; each body imports what it needs when it runs."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from celerycheck.cli import EPILOG

AppArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="APP",
        help="The app as for `celery -A`: a package, module or module:attribute; a factory function or a "
        "Flask app works too. Left out: the variables APP and CELERY_APP, then [tool.celerycheck] app "
        "in pyproject.toml.",
        show_default=False,
    ),
]
ChecklistOption = Annotated[
    Path | None,
    typer.Option(
        "--checklist", metavar="FILE", help="The checklist; else celerycheck.yaml, else the shipped one."
    ),
]
WorkdirOption = Annotated[
    Path,
    typer.Option(
        "--workdir",
        metavar="DIR",
        help="The folder the app is run from; else this one.",
        show_default=False,
        exists=True,
        file_okay=False,
    ),
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        "--python", metavar="FILE", help="The project's interpreter; celerycheck need not be in it."
    ),
]
LoadTimeoutOption = Annotated[
    float,
    typer.Option(
        "--load-timeout",
        metavar="SECONDS",
        min=0.1,
        max=86_400,
        help="How long loading the app may take (60).",
        show_default=False,
    ),
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]


class FailOn(str, Enum):
    """The severity from which findings fail the audit."""

    error = "error"
    warning = "warning"
    info = "info"
    never = "never"


class Format(str, Enum):
    """The formats of the report."""

    console = "console"
    json = "json"


class OnConflict(str, Enum):
    """What happens to other code that is in the way."""

    abort = "abort"
    skip = "skip"
    overwrite = "overwrite"


class Show(str, Enum):
    """What the console report lists beyond errors and warnings."""

    info = "info"
    waived = "waived"
    all = "all"


def application() -> typer.Typer:
    """The command line, ready to be called."""
    app = typer.Typer(
        name="celerycheck",
        help="Audits a live Celery app against a checklist, before you ship it.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(root)
    app.command("audit", epilog=EPILOG, short_help="Audit an app: settings, tasks, routes, schedule.")(audit)
    app.command("new-task", short_help="Write a task, its service and its tests.")(new_task)
    app.command("explain", short_help="Say why a check matters and how to mend it.")(explain)
    app.command("checklist", short_help="Print the checklist that audits go by.")(checklist)
    return app


def show_version(wanted: bool) -> None:
    if wanted:
        from celerycheck import __version__

        typer.echo(f"celerycheck {__version__}")
        raise typer.Exit


def root(
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version and exit.", callback=show_version, is_eager=True),
    ] = False,
) -> None:
    """Audits a live Celery app against a checklist, before you ship it."""


def audit(
    context: typer.Context,
    target: AppArgument = None,
    workdir: WorkdirOption = Path(),
    python: PythonOption = None,
    load_timeout: LoadTimeoutOption = 60.0,
    third_party: Annotated[
        bool, typer.Option("--third-party", help="Audit the tasks of installed packages too.")
    ] = False,
    save_picture: Annotated[
        Path | None,
        typer.Option("--save-picture", metavar="FILE", help="Keep what was seen, to audit it elsewhere."),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", help="Audit what --save-picture kept, instead of an app."),
    ] = None,
    checklist: ChecklistOption = None,
    interactive: Annotated[
        bool, typer.Option("--interactive", help="Ask what only a person can answer, and keep the answers.")
    ] = False,
    select: Annotated[
        list[str] | None,
        typer.Option("--select", metavar="WHAT", help="Only these: ids, sections or globs; may be repeated."),
    ] = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option("--ignore", metavar="WHAT", help="Not these: ids, sections or globs; may be repeated."),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option("--task", metavar="GLOB", help="Only findings about tasks of these names."),
    ] = None,
    show: Annotated[
        list[Show] | None,
        typer.Option(
            "--show", metavar="WHAT", help="List more: info (notes), waived, or all; may be repeated."
        ),
    ] = None,
    fail_on: Annotated[
        FailOn,
        typer.Option(
            "--fail-on",
            metavar="SEVERITY",
            help="From which severity on findings make the exit code 1: error (if left out), warning, info "
            "or never.",
            show_default=False,
        ),
    ] = FailOn.error,
    format_: Annotated[
        Format,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="The report's format: console (if left out) or json.",
            show_default=False,
        ),
    ] = Format.console,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the report there, not to stdout."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Audit a live Celery app: its settings, tasks, routes and schedule.

    The app is imported in a process of its own, as a worker would; nothing connects to the broker.

    \b
    celerycheck audit proj
    celerycheck audit proj.celery:app --format json --output report.json
    celerycheck audit proj --python .venv/bin/python --fail-on warning
    """
    from celerycheck.cli.audit import Options, run
    from celerycheck.cli.explained import explained

    options = Options(
        target=target,
        workdir=workdir,
        python=python,
        load_timeout=load_timeout,
        third_party=third_party,
        save_picture=save_picture,
        picture=picture,
        checklist=checklist,
        interactive=interactive,
        select=tuple(select or ()),
        ignore=tuple(ignore or ()),
        task=task,
        show=frozenset(choice.value for choice in show or ()),
        fail_on=fail_on.value,
        format=format_.value,
        output=output,
        debug=debug,
    )
    with explained(debug):
        code = run(options, context.obj)
    raise typer.Exit(code)


def new_task(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="The task's name, or package.name: charge_invoice.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option("--kind", metavar="KIND", help="task (if left out), workflow or periodic."),
    ] = None,
    package: Annotated[
        str | None,
        typer.Option("--package", metavar="PACKAGE", help="The package it belongs to; else the only one."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            metavar="NAME:TYPE",
            help="A parameter: invoice_id:int; ids and plain values; may be repeated.",
        ),
    ] = None,
    steps: Annotated[
        str | None,
        typer.Option("--steps", metavar="A,B,C", help="The steps of a workflow, in order."),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", metavar="TIME", help="How often a periodic task runs: 15m, 1h30m."),
    ] = None,
    cron: Annotated[
        str | None,
        typer.Option("--cron", metavar="FIELDS", help='Or when it runs: "30 3 * * *".'),
    ] = None,
    outside: Annotated[
        str | None,
        typer.Option(
            "--outside",
            metavar="LIBRARY",
            help="How it calls another system: requests, httpx, urllib, or none; else what is installed.",
        ),
    ] = None,
    retry_on: Annotated[
        list[str] | None,
        typer.Option(
            "--retry-on", metavar="ERROR", help="An exception to retry on: requests.Timeout; may be repeated."
        ),
    ] = None,
    max_retries: Annotated[
        str | None, typer.Option("--max-retries", metavar="N", help="How often at most (5).")
    ] = None,
    reliable: Annotated[
        bool | None,
        typer.Option(
            "--reliable/--no-reliable",
            help="Whether it survives its worker's death: acks_late and what belongs to it (yes).",
        ),
    ] = None,
    soft_time_limit: Annotated[
        str | None,
        typer.Option(
            "--soft-time-limit", metavar="TIME", help="Seconds, or 10m, after which it is told (60)."
        ),
    ] = None,
    time_limit: Annotated[
        str | None,
        typer.Option("--time-limit", metavar="TIME", help="Seconds, or 15m, after which it is killed (90)."),
    ] = None,
    queue: Annotated[
        str | None,
        typer.Option("--queue", metavar="QUEUE", help="Its queue, if not the default one; adds the route."),
    ] = None,
    rate_limit: Annotated[
        str | None,
        typer.Option(
            "--rate-limit", metavar="RATE", help="At most so many: 10/m; needs a --queue of its own."
        ),
    ] = None,
    keep_result: Annotated[
        bool | None, typer.Option("--keep-result/--no-keep-result", help="Whether anybody reads its result.")
    ] = None,
    bind: Annotated[
        bool | None, typer.Option("--bind/--no-bind", help="Whether it is handed itself: self.request.")
    ] = None,
    report_failures: Annotated[
        bool | None,
        typer.Option(
            "--report-failures/--no-report-failures",
            help="Whether each call has a report that tells what became of it.",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="STORE", help="Where is kept what is done: django, sqlalchemy or redis."
        ),
    ] = None,
    lock: Annotated[
        str | None,
        typer.Option(
            "--lock",
            metavar="LOCK",
            help="What keeps periodic runs apart: cache, django, sqlalchemy or redis.",
        ),
    ] = None,
    django: Annotated[
        bool | None,
        typer.Option("--django/--plain", help="Whether it is written for Django; else what the app uses."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--app", metavar="APP", help="The app as for `celery -A`; left out, as for audit."),
    ] = None,
    templates: Annotated[
        Path | None,
        typer.Option("--templates", metavar="DIR", help="Your own templates, before the shipped ones."),
    ] = None,
    on_conflict: Annotated[
        OnConflict,
        typer.Option(
            "--on-conflict",
            metavar="WHAT",
            help="Where other code is in the way: abort (if left out), skip it or overwrite it.",
            show_default=False,
        ),
    ] = OnConflict.abort,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; print the plan and the diff.")
    ] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing, in a terminal either.")] = False,
    workdir: WorkdirOption = Path(),
    python: PythonOption = None,
    load_timeout: LoadTimeoutOption = 60.0,
    debug: DebugOption = False,
) -> None:
    """Write a task that is thin, safe to run twice, retried, limited in time, logged and tested.

    What no option says is asked in a terminal; what is usual in a project stands under
    [tool.celerycheck.new-task] in pyproject.toml. Code that is there already is extended, never replaced
    unasked; a second run changes nothing.

    \b
    celerycheck new-task billing.charge_invoice --param invoice_id:int
    celerycheck new-task expire_carts --kind periodic --every 15m --dry-run
    celerycheck new-task import_feed --kind workflow --steps fetch,store
    """
    from celerycheck.cli.explained import explained
    from celerycheck.cli.new_task import Options, answers_given, run

    given = answers_given(
        name=name,
        kind=kind,
        package=package,
        param=param,
        steps=steps,
        every=every,
        cron=cron,
        outside=outside,
        retry_on=retry_on,
        max_retries=max_retries,
        reliable=reliable,
        soft_time_limit=soft_time_limit,
        time_limit=time_limit,
        queue=queue,
        rate_limit=rate_limit,
        keep_result=keep_result,
        bind=bind,
        report_failures=report_failures,
        store=store,
        lock=lock,
        framework=None if django is None else "django" if django else "plain",
    )
    options = Options(
        given=given,
        app=target,
        workdir=workdir,
        python=python,
        load_timeout=load_timeout,
        templates=templates,
        on_conflict=on_conflict.value,
        dry_run=dry_run,
        no_input=no_input,
    )
    code = 1  # where whoever reads what is printed does not wait for its end (`| head`)
    with explained(debug):
        code = run(options, context.obj)
    raise typer.Exit(code)


def explain(
    check: Annotated[
        str, typer.Argument(metavar="CHECK", help="The check's id, as reports show it.", show_default=False)
    ],
    checklist: ChecklistOption = None,
    workdir: WorkdirOption = Path(),
    debug: DebugOption = False,
) -> None:
    """Say what a check flags, why it matters and how to mend it."""
    from celerycheck.cli.explain import run
    from celerycheck.cli.explained import explained

    with explained(debug):
        run(check, checklist, workdir)


def checklist(
    validate: Annotated[bool, typer.Option("--validate", help="Only say whether it is in order.")] = False,
    starter: Annotated[
        bool, typer.Option("--starter", help="Print a celerycheck.yaml to start from, with comments.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON Schema of the format, for editors.")
    ] = False,
    file: ChecklistOption = None,
    workdir: WorkdirOption = Path(),
    debug: DebugOption = False,
) -> None:
    """Print the checklist that audits go by: sections, severities, options and waivers.

    That is celerycheck.yaml of the project, where there is one, on top of what is shipped.

    \b
    celerycheck checklist --starter > celerycheck.yaml
    celerycheck checklist --validate
    """
    from celerycheck.cli.checklist import print_starter, run
    from celerycheck.cli.explained import explained

    with explained(debug):
        if starter or schema:
            print_starter("templates/celerycheck.yaml" if starter else "schemas/celerycheck.schema.json")
        else:
            run(file, workdir, validate=validate)
