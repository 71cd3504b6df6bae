"""Bad input: one clear message with cause, place and way out, the right exit code, no traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import venv
from pathlib import Path

import pytest
from conftest import LIMIT, command, environment

APP = 'from celery import Celery\n\napp = Celery("proj", broker="amqp://")\n'
TASK = APP + "\n\n@app.task\ndef add(x, y):\n    return x + y\n"

LOADING = [
    pytest.param({}, "nope", ["there is no module named 'nope'", "--workdir"], id="missing module"),
    pytest.param({"proj.py": APP}, "porj", ["'porj'", "Did you mean proj?"], id="misspelt module"),
    pytest.param({"proj.py": APP}, "proj.py", ["is a path", "Did you mean proj?"], id="file name"),
    pytest.param({"proj.py": APP}, "", ["no app was named", "celery -A"], id="empty name"),
    pytest.param({"proj.py": APP}, ":app", ["celerycheck: "], id="no module before the colon"),
    pytest.param({"proj.py": "x = 1\n"}, "proj", ["proj holds no Celery app", "proj:ATTRIBUTE"], id="no app"),
    pytest.param({"proj.py": APP}, "proj:ap", ["no attribute 'ap'", "proj:app"], id="missing attribute"),
    pytest.param(
        {"proj.py": APP + "x = 3\n"}, "proj:x", ["proj:x is an int, not a Celery app", "proj:app"], id="int"
    ),
    pytest.param(
        {"proj.py": "def make(name):\n    pass\n"},
        "proj:make",
        ["proj:make cannot be called without arguments", "name"],
        id="factory that needs arguments",
    ),
    pytest.param(
        {"proj.py": "\nimport no_such_library\n"},
        "proj",
        ["proj.py:2", "No module named 'no_such_library'", "--python"],
        id="missing library",
    ),
    pytest.param(
        {"proj.py": "from inner import x\n", "inner.py": "\n\nfrom os import nothing\n"},
        "proj",
        ["inner.py:3", "ImportError: cannot import name 'nothing'"],
        id="import error in a module of a module",
    ),
    pytest.param({"proj.py": "x = 1\nx = = 2\n"}, "proj", ["proj.py:2", "SyntaxError"], id="syntax error"),
    pytest.param({"proj.py": b"x = '\xff'\n"}, "proj", ["proj.py", "SyntaxError"], id="source not in UTF-8"),
    pytest.param({"proj.py": b"x = 1\0\n"}, "proj", ["celerycheck: importing proj failed"], id="null bytes"),
    pytest.param(
        {"proj.py": "import sys\n\nsys.exit('no configuration')\n"},
        "proj",
        ["proj.py:3", "it called sys.exit('no configuration')"],
        id="sys.exit",
    ),
    pytest.param(
        {"proj.py": "import os\nkey = os.environ['SHOP_KEY']\n"},
        "proj",
        ["proj.py:2", "Set the environment variable SHOP_KEY"],
        id="missing environment variable",
    ),
    pytest.param(
        {"proj.py": "name = input('which? ')\n"}, "proj", ["proj.py:1", "EOFError"], id="asks at import"
    ),
    pytest.param(
        {"proj.py": "raise RuntimeError('database\\ndown')\n"},
        "proj",
        ["proj.py:1", "RuntimeError: database down"],
        id="exception of several lines",
    ),
    pytest.param(
        {"proj.py": "class Odd(BaseException):\n    pass\n\n\nraise Odd\n"},
        "proj",
        ["proj.py:5", "Odd"],
        id="no Exception at all",
    ),
    pytest.param(
        {"proj.py": "raise RuntimeError('amqp://guest:hunter2@host//')\n"},
        "proj",
        ["proj.py:1"],
        id="credentials in a message",
    ),
    pytest.param(
        {"proj.py": "def deep(n):\n    return deep(n + 1)\n\n\ndeep(0)\n"},
        "proj",
        ["RecursionError", "proj.py:"],
        id="recursion",
    ),
]


@pytest.mark.parametrize(("files", "target", "needles"), LOADING)
def test_loading_fails(here, project, files, target, needles):
    run = here("audit", target, "--format", "json", cwd=project(files))
    run.check(3, *needles, never=("Traceback", "hunter2"))
    assert run.out == ""


def test_debug_shows_the_traceback_of_the_project(celerycheck, project):
    folder = project({"proj.py": "from inner import x\n", "inner.py": "\n1 / 0\n"})
    run = celerycheck("audit", "proj", "--debug", cwd=folder)
    run.check(3, "inner.py:2", "Traceback (most recent call last)", "ZeroDivisionError", never=())


def test_debug_masks_credentials(here, project):
    folder = project({"proj.py": "raise RuntimeError('amqp://guest:hunter2@host//')\n"})
    run = here("audit", "proj", "--debug", cwd=folder)
    run.check(3, "Traceback", never=("RuntimeError: amqp://guest:hunter2",))


FINDINGS = [
    pytest.param(
        {
            "proj.py": APP
            + "from celery import Task\n\n\nclass Base(Task):\n    pass\n\n\n"
            + "@app.task(task=Base)\ndef add(x, y):\n    return x + y\n"
        },
        "broken-task-definition",
        ["base="],
        id="task=Base",
    ),
    pytest.param(
        {"proj.py": TASK + 'app.conf.include = ["gone"]\n'},
        "broken-task-module",
        ["gone"],
        id="include that is not there",
    ),
    pytest.param(
        {"proj.py": TASK + 'app.conf.include = ["bad"]\n', "bad.py": "\n\n1 / 0\n"},
        "broken-task-module",
        ["bad.py:3", "ZeroDivisionError"],
        id="include that raises",
    ),
    pytest.param(
        {"proj.py": TASK + 'app.conf.imports = ["bad"]\n', "bad.py": "import sys\nsys.exit(1)\n"},
        "broken-task-module",
        ["bad.py:2", "sys.exit"],
        id="import that exits",
    ),
]


@pytest.mark.parametrize(("files", "check", "needles"), FINDINGS)
def test_part_of_the_app_is_broken(here, project, files, check, needles):
    run = here("audit", "proj", "--format", "json", cwd=project(files)).check(1)
    found = [finding for finding in run.report["findings"] if finding["check"] == check]
    assert [finding["severity"] for finding in found] == ["error"]
    (finding,) = found
    text = f"{finding['path']}:{finding['line']} {finding['message']} {finding['fix']}"
    for needle in needles:
        assert needle in text


def test_the_rest_of_a_broken_app_is_audited(here, project):
    folder = project({"proj.py": TASK + 'app.conf.include = ["gone", "good"]\n', "good.py": GOOD})
    run = here("audit", "proj", "--format", "json", cwd=folder).check(1)
    assert run.report["app"]["tasks"] == 2
    assert "gone" in run.report["app"]["partial"]


GOOD = "from proj import app\n\n\n@app.task\ndef extra():\n    pass\n"

ODD = [
    pytest.param(APP, 0, id="no tasks"),
    pytest.param(
        APP + "exec('@app.task\\ndef made(x):\\n    return x\\n', {'app': app, '__name__': 'proj'})\n",
        1,
        id="task without source",
    ),
    pytest.param(
        APP + "def outer(n):\n    @app.task(name=f'inner.{n}')\n    def inner(x):\n        return x + n\n\n\n"
        "for n in range(3):\n    outer(n)\n",
        3,
        id="closures",
    ),
    pytest.param(
        APP + "import celery\n\n\nclass Add(celery.Task):\n    name = 'add'\n\n    def run(self, x):\n"
        "        return x\n\n\napp.register_task(Add())\n",
        1,
        id="class-based task",
    ),
    pytest.param(
        APP + "@app.task(name='größe.berechnen')\ndef größe():\n    pass\n\n\n"
        "@app.task(name='作業\\u202e\\x1b[31m')\ndef job():\n    pass\n",
        2,
        id="names in unicode",
    ),
    pytest.param(APP + "@app.task(name='lone\\udcff')\ndef job():\n    pass\n", 1, id="lone surrogate"),
    pytest.param(
        TASK + "app.conf.update(task_routes=object(), beat_schedule=7, task_queues='x', result_expires={1},\n"
        "    task_time_limit='soon', worker_concurrency=lambda: 3, broker_transport_options=[1])\n",
        1,
        id="settings of every wrong type",
    ),
]


@pytest.mark.parametrize(("source", "tasks"), ODD)
def test_odd_apps_are_audited(here, project, source, tasks):
    folder = project({"proj.py": source})
    arguments = ("--fail-on", "never", "--format", "json", "--save-picture", "picture.json")
    run = here("audit", "proj", *arguments, cwd=folder).check(0)
    assert run.report["app"]["tasks"] == tasks
    assert run.report["summary"]["crashed"] == 0
    run = here("audit", "--picture", "picture.json", "--fail-on", "never", "--show", "all", cwd=folder).check(
        0
    )
    assert "\x1b" not in run.out
    assert "\u202e" not in run.out


PICTURES = [
    pytest.param(b"", ["is no picture"], id="empty"),
    pytest.param(b"{", ["is no picture"], id="cut short"),
    pytest.param(b"[]", ["is no picture of this version"], id="a list"),
    pytest.param(b"\x89PNG\r\n\xff\xfe", ["is not UTF-8 text"], id="binary"),
    pytest.param(b'{"picture": 99, "app": {}}', ["is no picture of this version"], id="newer version"),
    pytest.param(b'{"picture": 1, "app": {}}', ["is damaged"], id="parts missing"),
    pytest.param(b'{"picture": 1, "app": {"name": 3}}', ["is damaged"], id="wrong type"),
    pytest.param(b"[" * 100_000, ["is damaged"], id="nested too deep"),
    pytest.param(None, ["cannot be read", "No such file"], id="missing"),
]


@pytest.mark.parametrize(("content", "needles"), PICTURES)
def test_pictures_that_are_none(here, project, content, needles):
    folder = project({} if content is None else {"picture.json": content})
    run = here("audit", "--picture", "picture.json", cwd=folder)
    run.check(2, "celerycheck: the picture picture.json", *needles)
    assert run.out == ""


def test_picture_that_is_a_folder(here, tmp_path):
    here("audit", "--picture", ".", cwd=tmp_path).check(2, "cannot be read: Is a directory")


@pytest.mark.parametrize(
    ("arguments", "needle"),
    [
        (("proj",), "--picture and an app were both given"),
        (("--python", "python3"), "--picture and --python were both given"),
        (("--save-picture", "copy.json"), "--picture and --save-picture were both given"),
    ],
)
def test_picture_excludes(here, tmp_path, arguments, needle):
    here("audit", "--picture", "p.json", *arguments, cwd=tmp_path).check(2, needle)


WRONG_USAGE = [
    (("audit", "proj", "--fail-on", "errors"), "errors"),
    (("audit", "proj", "--format", "xml"), "xml"),
    (("audit", "proj", "--show", "everything"), "everything"),
    (("audit", "proj", "--load-timeout", "0"), "--load-timeout"),
    (("audit", "proj", "--load-timeout", "inf"), "--load-timeout"),
    (("audit", "proj", "--load-timeout", "nan"), "--load-timeout"),
    (("audit", "proj", "--workdir", "gone"), "--workdir"),
    (("audit", "proj", "--workdir", "proj.py"), "--workdir"),
    (("audit", "proj", "other"), "other"),
    (("audit", "proj", "--selct", "x"), "--selct"),
    (("audit",), "no app was named"),
    (("audit", "proj", "--select", "unbounded-retrys"), "Did you mean 'unbounded-retries'?"),
    (("audit", "proj", "--ignore", "no such thing at all"), "--ignore no such thing at all"),
    (("audit", "proj", "--task", "proj.ad"), "--task proj.ad: the app has no such task"),
    (("adit", "proj"), "adit"),
    (("explain",), "CHECK"),
]


@pytest.mark.parametrize(("arguments", "needle"), WRONG_USAGE, ids=lambda value: " ".join(value) or None)
def test_wrong_usage(here, project, arguments, needle):
    run = here(*arguments, cwd=project({"proj.py": TASK}))
    run.check(2, needle)
    assert run.out == ""


def test_python_that_is_none(here, project):
    folder = project({"proj.py": TASK, "script": "#!/bin/sh\necho some other program >&2\nexit 1\n"})
    (folder / "script").chmod(0o755)
    (folder / "env" / "bin").mkdir(parents=True)
    (folder / "env" / "bin" / "python").touch()
    for python, *needles in (
        ("gone", "--python gone cannot be run: No such file or directory", ".venv/bin/python"),
        ("proj.py", "--python proj.py cannot be run: "),
        (".", "--python . cannot be run: Permission denied"),
        ("env", "its interpreter is env/bin/python"),
        ("true", "--python true does not run Python code"),
        ("./script", "does not run Python code; it said: some other program"),
    ):
        run = here("audit", "proj", "--python", python, cwd=folder).check(2, *needles)
        assert run.out == ""


def test_python_without_celery(here, project, tmp_path):
    folder = project({"proj.py": TASK})
    venv.create(tmp_path / "env", symlinks=True, with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    run = here("audit", "proj", "--python", python, cwd=folder)
    run.check(3, "Celery cannot be imported by", "No module named 'celery'", "--python")


UNWRITABLE = [
    pytest.param("gone/report.json", "No such file or directory", id="no such folder"),
    pytest.param("folder", "it is a folder", id="a folder"),
    pytest.param("proj.py/report.json", "Not a directory", id="below a file"),
    pytest.param("/dev/full", "No space left on device", id="full device"),
    pytest.param("x" * 300, "File name too long", id="name too long"),
]


@pytest.mark.parametrize("option", ["--output", "--save-picture"])
@pytest.mark.parametrize(("path", "needle"), UNWRITABLE)
def test_output_that_cannot_be_written(here, project, option, path, needle):
    folder = project({"proj.py": APP, "folder/kept": ""})
    run = here("audit", "proj", option, path, cwd=folder)
    run.check(2, "cannot be written", needle, "Name a file in a folder you may write to.")
    left = sorted(item.name for item in folder.iterdir() if item.name != "__pycache__")
    assert left == ["folder", "proj.py"]


def test_the_old_report_survives(clean_picture, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("the old one")
    audit = command("audit", "--picture", clean_picture, "--format", "json", "--output", report)
    done = subprocess.run(
        ["sh", "-c", f"ulimit -f 1; {shlex.join(audit)}"],
        cwd=tmp_path,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 2
    assert b"the report cannot be written" in done.stderr
    assert b"File too large" in done.stderr
    assert report.read_text() == "the old one"
    assert list(tmp_path.iterdir()) == [report]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_protected_report_survives(celerycheck, clean_picture, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("the old one")
    report.chmod(0o444)
    run = celerycheck("audit", "--picture", clean_picture, "--output", report, cwd=tmp_path)
    run.check(2, "Permission denied")
    assert report.read_text() == "the old one"


def test_standard_output_that_is_full(celerycheck, clean_picture, tmp_path):
    for arguments in (("audit", "--picture", clean_picture), ("checklist",)):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                command(*arguments),
                cwd=tmp_path,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=LIMIT,
                check=False,
            )
        assert done.returncode == 2
        assert b"standard output cannot be written: No space left on device" in done.stderr
        assert b"Exception ignored" not in done.stderr
