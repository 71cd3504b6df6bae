"""The command line as a whole, `explain` and `checklist`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import LIMIT, ROOT, environment

import celerycheck as package
from celerycheck.cli import run_plain_audit
from celerycheck.cli.commands import application
from celerycheck.cli.early import plain_audit

HEAVY = ("celery", "kombu", "yaml", "jinja2", "questionary", "rich")


def test_help_imports_nothing_heavy():
    script = (
        "import sys, typer.main\ntypers_own = set(sys.modules)  # older Typers import rich\n"
        "import celerycheck.cli, celerycheck.cli.early, celerycheck.picture\n"
        "from celerycheck.cli.commands import application\n"
        "typer.main.get_command(application())\n"
        f"print(sorted((set(sys.modules) - typers_own) & set({HEAVY!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=True,
        env=environment(),
    )
    assert done.stdout == "[]\n"


def test_version(celerycheck, tmp_path):
    assert celerycheck("--version", cwd=tmp_path).check(0).out == f"celerycheck {package.__version__}\n"


def test_entry_point():
    from importlib.metadata import entry_points

    (entry,) = entry_points(group="console_scripts", name="celerycheck")
    assert entry.value == "celerycheck.cli:main"


@pytest.mark.parametrize(
    "command", [(), ("audit",), ("explain",), ("checklist",), ("new-task",)], ids=" ".join
)
def test_help_at_80_columns(here, tmp_path, command):
    out = here(*command, "--help", cwd=tmp_path, env={"COLUMNS": "80"}).check(0).out
    assert max(map(len, out.splitlines())) <= 80
    assert "..." not in out.replace("[ARGS]...", "")
    assert "<list" not in out
    assert "[[" not in out
    assert here(*command, "-h", cwd=tmp_path, env={"COLUMNS": "80"}).out == out


def test_no_command_is_help(here, tmp_path):
    assert "Commands:" in here(cwd=tmp_path).check(2).err


def test_explain(here, tmp_path):
    out = here("explain", "unbounded-retries", cwd=tmp_path).check(0).out
    assert out.startswith("unbounded-retries\n")
    assert "\nWhy" in out
    assert "\nFix" in out


@pytest.mark.parametrize(
    ("name", "needles"),
    [
        ("unbounded-retry", ("there is no check called 'unbounded-retry'", "Did you mean unbounded-retries")),
        ("zzz", ("there is no check called 'zzz'", "`celerycheck checklist` lists them all")),
        ("\x1b[31m", ("there is no check called",)),
    ],
)
def test_explain_what_is_not_there(here, tmp_path, name, needles):
    run = here("explain", name, cwd=tmp_path).check(2, *needles, never=("Traceback", "\x1b"))
    suggestions = run.err.rpartition("Did you mean ")[2].strip(" ?\n").split(" or ")
    assert len(suggestions) == len(set(suggestions))


def test_every_item_can_be_explained(here, tmp_path):
    from celerycheck import checklist

    for item in checklist.load(None).items:
        assert item.id in here("explain", item.id, cwd=tmp_path).check(0).out


def test_checklist(here, tmp_path):
    out = here("checklist", cwd=tmp_path).check(0).out
    assert "as shipped" in out
    assert "unbounded-retries" in out
    run = here("checklist", "--validate", cwd=tmp_path).check(0)
    assert run.out.startswith("the shipped checklist is in order: ")


def test_starter_is_in_order(here, tmp_path):
    starter = here("checklist", "--starter", cwd=tmp_path).check(0).out
    (tmp_path / "celerycheck.yaml").write_text(starter, encoding="utf-8")
    run = here("checklist", "--validate", cwd=tmp_path).check(0)
    assert "celerycheck.yaml is in order" in run.out
    assert "celerycheck.yaml" in "".join(here("checklist", cwd=tmp_path).check(0).out.split())


def test_schema_is_printed_as_it_is(here, tmp_path):
    schema = here("checklist", "--schema", cwd=tmp_path).check(0).out
    assert schema == (ROOT / "celerycheck" / "schemas" / "celerycheck.schema.json").read_text(
        encoding="utf-8"
    )
    assert json.loads(schema)["title"] == "celerycheck.yaml"


@pytest.mark.parametrize("arguments", [("--starter",), ("--schema",), ("--validate",), ()], ids=" ".join)
def test_checklist_in_ascii(celerycheck, tmp_path, arguments):
    celerycheck("checklist", *arguments, cwd=tmp_path, env={"PYTHONIOENCODING": "ascii"}).check(0)


@pytest.mark.parametrize("command", ["checklist", "explain unbounded-retries", "checklist --schema"])
def test_a_reader_that_stops_is_no_mistake(tmp_path, command):
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -m celerycheck {command} | true; exit "${{PIPESTATUS[0]}}"'],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_closed_standard_output(tmp_path):
    done = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m celerycheck checklist >&-"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


EXTENDS = "version: 1\nextends: default\n"
CHECKLISTS = [
    pytest.param("", ["celerycheck.yaml: the file is empty", "extends: default"], id="empty"),
    pytest.param("# only a comment\n", ["the file is empty"], id="only a comment"),
    pytest.param("version: [1\n", ["celerycheck.yaml:"], id="no YAML"),
    pytest.param(
        "- check: unbounded-retries\n", ["celerycheck.yaml:1: a checklist must be a mapping"], id="list"
    ),
    pytest.param("nothing but text\n", ["must be a mapping"], id="text"),
    pytest.param("version: 1\n\tsections: []\n", ["celerycheck.yaml:2", "tab"], id="tabs"),
    pytest.param("version: 99\nextends: default\n", ["version 1 of the format"], id="newer version"),
    pytest.param(
        EXTENDS + "items:\n  - check: unbounded-retrys\n",
        ["celerycheck.yaml:4", "did you mean 'unbounded-retries'?"],
        id="unknown id",
    ),
    pytest.param(
        EXTENDS + "items:\n  - check: single-queue\n    with: {tasks: many}\n",
        ["celerycheck.yaml:5", "tasks", "whole number"],
        id="option of the wrong type",
    ),
    pytest.param(
        EXTENDS + "items:\n  - check: single-queue\n    with: {taks: 3}\n",
        ["celerycheck.yaml:5", "did you mean 'tasks'?"],
        id="unknown option",
    ),
    pytest.param(
        EXTENDS + "items:\n  - check: async-task\n  - check: async-task\n",
        ["celerycheck.yaml:5", "'async-task' is listed twice", "line 4"],
        id="listed twice",
    ),
    pytest.param(
        EXTENDS + "items:\n  - check: async-task\n    except: {'*': ''}\n",
        ["celerycheck.yaml:5"],
        id="no reason",
    ),
    pytest.param(
        EXTENDS + "items:\n  - check: nope-1\n  - check: nope-2\n    severity: bad\n",
        ["celerycheck.yaml:4", "celerycheck.yaml:5", "celerycheck.yaml:6"],
        id="all at once",
    ),
    pytest.param(
        EXTENDS + "items:\n" + "".join(f"  - check: nope-{n}\n" for n in range(10_000)),
        ["celerycheck.yaml:4", "more"],
        id="10,000 mistakes",
    ),
    pytest.param(b"version: 1 # \xff\n", ["celerycheck.yaml", "UTF-8"], id="not UTF-8"),
    pytest.param(b"\x89PNG\r\n\x1a\n\0\0", ["celerycheck.yaml"], id="binary"),
    pytest.param("a: &a [*a]\n", ["celerycheck.yaml"], id="recursive"),
    pytest.param("[" * 5000, ["celerycheck.yaml"], id="nested too deep"),
]


@pytest.mark.parametrize(("text", "needles"), CHECKLISTS)
def test_checklists_with_mistakes(here, clean_picture, project, text, needles):
    folder = project({"celerycheck.yaml": text})
    for command in (("checklist", "--validate"), ("audit", "--picture", clean_picture)):
        run = here(*command, cwd=folder).check(2, *needles)
        assert run.out == ""
        assert len(run.err.splitlines()) < 120


def test_checklist_that_is_a_folder(here, tmp_path):
    here("checklist", "--checklist", ".", cwd=tmp_path).check(2, "s a ")
    here("checklist", "--checklist", "gone.yaml", cwd=tmp_path).check(2, "gone.yaml")


def test_checklist_of_10000_items(here, clean_picture, project):
    rule = "  - {{require: {{setting: worker_concurrency, at_most: {0}}}, id: rule-{0}, severity: info}}\n"
    folder = project({"celerycheck.yaml": EXTENDS + "items:\n" + "".join(map(rule.format, range(1, 10_001)))})
    run = here("audit", "--picture", clean_picture, "--format", "json", cwd=folder).check(0)
    assert len([item for item in run.report["items"] if item["id"].startswith("rule-")]) == 10_000


def test_a_mistake_in_the_checklist_does_not_wait_for_the_app(celerycheck, project):
    folder = project({"celerycheck.yaml": "", "proj.py": "import time\ntime.sleep(60)\n"})
    celerycheck("audit", "proj", cwd=folder).check(2, "the file is empty")


def test_a_bug_of_ours_is_said_to_be_one(capsys):

    from celerycheck.cli.explained import explained

    for debug in (False, True):
        with pytest.raises(SystemExit) as ended, explained(debug):
            raise ValueError("odd")
        err = capsys.readouterr().err
        assert ended.value.code == 3
        assert err.startswith("celerycheck: a mistake of celerycheck's own: ValueError: odd\n")
        assert ("Traceback" in err) == debug


@pytest.mark.parametrize(
    ("arguments", "target"),
    [
        (["audit", "proj"], "proj"),
        (["audit", "proj.celery:app"], "proj.celery:app"),
        (["audit"], None),
        (["audit", ""], None),
        (["audit", "--help"], None),
        (["audit", "-h"], None),
        (["audit", "proj", "--debug"], None),
        (["explain", "proj"], None),
        ([], None),
    ],
)
def test_a_plain_audit_needs_no_parser(arguments, target):
    assert plain_audit(arguments) == target


def test_options_left_out_are_the_same_with_and_without_the_parser(monkeypatch):
    seen = []
    monkeypatch.setattr("celerycheck.cli.audit.run", lambda options, _: seen.append(options) or 0)
    with pytest.raises(SystemExit) as ended:
        application()(["audit", "proj"])
    assert run_plain_audit("proj", None) == ended.value.code == 0
    assert seen[0] == seen[1]
