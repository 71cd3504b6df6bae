"""`celerycheck new-task`: what it writes and prints, and what it refuses, leaving every file alone."""

from __future__ import annotations

import hashlib
import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest
from conftest import LIMIT, command, environment, write_files

from celerycheck.cli import new_task

PROJ = """\
from celery import Celery

app = Celery("proj", broker="redis://localhost/0", include=["billing.tasks"])
"""
TASKS = '''\
"""Tasks of billing."""

from proj import app


@app.task
def remind(customer_id: int) -> None:
    """Remind a customer."""
'''
FILES = {"proj.py": PROJ, "billing/__init__.py": "", "billing/tasks.py": TASKS, "shop/__init__.py": ""}
CHARGE = ("charge_invoice", "--param", "invoice_id:int")
APP = ("--app", "proj")


def hashes(folder: Path) -> dict[str, str]:
    """Every file of the tree and its contents, bytecode aside."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.fixture(scope="session")
def pictured(tmp_path_factory):
    """The picture of the app in FILES, taken once."""
    folder = write_files(tmp_path_factory.mktemp("pictured"), FILES)
    return new_task.look(new_task.Options(app="proj", workdir=folder), None)


@pytest.fixture
def run(here, project, monkeypatch, pictured):
    """`run(arguments, files)`: the command in this process, on a project with these files beside FILES.

    The app is not loaded again: what is refused is refused before anything of it changes.
    """
    monkeypatch.setattr(new_task, "look", lambda options, child: pictured)

    def run(arguments, files=None):
        folder = project({**FILES, **(files or {})})
        before = hashes(folder)
        done = here("new-task", *arguments, cwd=folder)
        assert hashes(folder) == before
        return done

    return run


BAD_INPUT = [
    pytest.param(
        [*CHARGE, "--package", "biling"], ["no package 'biling'", "Did you mean billing?"], id="package"
    ),
    pytest.param(["nowhere.charge", "--param", "a:int"], ["no package 'nowhere'"], id="dotted package"),
    pytest.param(
        ["shop.charge", "--package", "billing"], ["NAME says shop, and --package billing"], id="two packages"
    ),
    pytest.param(
        ["remind", "--param", "a:int"], ["other code is in the way", "billing/tasks.py (remind)"], id="in use"
    ),
    pytest.param(["import", "--param", "a:int"], ["a word of Python's own"], id="keyword"),
    pytest.param(["print", "--param", "a:int"], ["built into Python"], id="builtin"),
    pytest.param(["email", "--param", "a:int"], ["standard library"], id="standard library"),
    pytest.param(["charge-invoice", "--param", "a:int"], ["Did you mean charge_invoice?"], id="dash"),
    pytest.param(
        ["charge", "--param", "due:datetime"], ["JSON has no dates", "due:str"], id="not serializable"
    ),
    pytest.param(["charge", "--param", "invoice:Invoice"], ["is a class", "invoice_id:int"], id="a model"),
    pytest.param(
        [*CHARGE, "--kind", "periodical"], ["--kind: 'periodical'", "Did you mean periodic?"], id="kind"
    ),
    pytest.param(
        ["x", "--kind", "periodic", "--every", "0s"], ["--every: '0s' is less than a second"], id="every"
    ),
    pytest.param(["x", "--kind", "periodic", "--cron", "0 0 31 2 *"], ["never occurs"], id="cron"),
    pytest.param(
        ["x", "--kind", "periodic", "--cron", "0 0 1 1 *", "--every", "5m"],
        ["--cron was given too"],
        id="both",
    ),
    pytest.param([*CHARGE, "--every", "5m"], ["only a periodic task has a schedule"], id="every of a task"),
    pytest.param(
        [*CHARGE, "--soft-time-limit", "2m", "--time-limit", "1m"], ["does not come before"], id="limits"
    ),
    pytest.param(
        [*CHARGE, "--rate-limit", "10/m"], ["--queue charge_invoice"], id="rate limit without queue"
    ),
    pytest.param([*CHARGE, "--django"], ["the app does not use Django"], id="django"),
    pytest.param([*CHARGE, "--templates", "nowhere"], ["nowhere is no folder"], id="templates"),
    pytest.param([*CHARGE, "--load-timeout", "nan"], ["--load-timeout"], id="timeout"),
    pytest.param([*CHARGE, "--on-conflict", "merge"], ["--on-conflict", "merge"], id="on conflict"),
    pytest.param([], ["2 answers", "NAME is missing", "--param is missing"], id="nothing"),
    pytest.param(
        ["--kind", "workflow"], ["NAME is missing", "--param is missing", "--steps is missing"], id="workflow"
    ),
    pytest.param(["--kind", "periodic"], ["NAME is missing", "--cron is missing"], id="periodic"),
    pytest.param(
        ["a-b", "--param", "x:set[int]", "--max-retries", "no"],
        ["3 answers are missing or wrong", "NAME: 'a-b'", "--param: x: set", "--max-retries: 'no'"],
        id="all at once",
    ),
]


@pytest.mark.parametrize(("arguments", "needles"), BAD_INPUT)
@pytest.mark.parametrize("dry", [(), ("--dry-run",)], ids=["", "dry"])
def test_bad_input(run, arguments, needles, dry):
    run([*arguments, *APP, *dry]).check(2, *needles)


NEW_TASK = "[tool.celerycheck.new-task]\n"
BAD_FILES = [
    pytest.param(
        {"billing/tasks.py": "def broken(:\n"}, ["billing/tasks.py"], id="tasks with a syntax error"
    ),
    pytest.param({"billing/tasks.py": b"\xff\xfe\x00"}, ["billing/tasks.py"], id="tasks that are no text"),
    pytest.param({"tests": ""}, ["tests", "is a file, not a folder"], id="a file in place of a folder"),
    pytest.param(
        {"billing/services.py": "def charge_invoice(): ...\n"},
        ["other code is in the way", "billing/services.py (charge_invoice)", "--on-conflict skip"],
        id="another function of that name",
    ),
    pytest.param({"pyproject.toml": NEW_TASK + "quue = 'x'\n"}, ["Did you mean queue?"], id="unknown key"),
    pytest.param(
        {"pyproject.toml": NEW_TASK + "quue = 'x'\nreliable = 'yes'\nname = 'x'\n"},
        ["pyproject.toml", "3 mistakes", "quue:", "reliable: 'yes' is not true or false", "name:"],
        id="all mistakes of the file",
    ),
    pytest.param(
        {"pyproject.toml": NEW_TASK + "max-retries = 'often'\n"},
        ["max-retries under [tool.celerycheck.new-task] in pyproject.toml: 'often'"],
        id="wrong value in the file",
    ),
    pytest.param(
        {"pyproject.toml": "[tool.celerycheck]\nnew-task = 3\n"}, ["new-task must be a table"], id="no table"
    ),
    pytest.param(
        {"pyproject.toml": "[tool.celerycheck]\nnew_task = {}\n"}, ["Did you mean 'new-task'?"], id="misspelt"
    ),
    pytest.param({"pyproject.toml": "[tool.celerycheck\n"}, ["not valid TOML"], id="no TOML"),
]


@pytest.mark.parametrize(("files", "needles"), BAD_FILES)
def test_bad_files(run, files, needles):
    run([*CHARGE, "--package", "billing", *APP], files).check(2, *needles)


def test_a_disk_that_takes_no_more(run, monkeypatch):
    """As root, no folder is read-only: the move of the third file fails instead."""
    moves = []
    real = Path.replace

    def move(self, target):
        if self.name.startswith(".celerycheck") and "-old" not in self.name:
            moves.append(target)
            if len(moves) == 3:
                raise OSError(30, "Read-only file system")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", move)
    run([*CHARGE, "--package", "billing", *APP]).check(2, "cannot be written: Read-only file system")
    assert len(moves) == 3


def test_without_an_app_all_that_is_missing_is_told(here, project):
    folder = project(FILES)
    here("new-task", cwd=folder).check(2, "--app is missing", "NAME is missing", "--param is missing")
    run = here("new-task", *CHARGE, cwd=folder).check(2, "--app is missing", 'app = "proj"')
    assert "NAME" not in run.err


def test_an_app_that_cannot_be_loaded(here, project):
    folder = project({**FILES, "proj.py": "import nowhere\n"})
    before = hashes(folder)
    here("new-task", *CHARGE, *APP, cwd=folder).check(3, "nowhere")
    assert hashes(folder) == before


@pytest.fixture
def make(celerycheck, project):
    """`make(*arguments)`: the real command on the project, with FILES unless it has files already."""
    folders = []

    def make(*arguments, files=None):
        if not folders:
            folders.append(project({**FILES, **(files or {})}))
        return celerycheck("new-task", *arguments, "--package", "billing", *APP, cwd=folders[0])

    return make


def test_what_it_writes_and_says(make, tmp_path):
    run = make(*CHARGE, "--queue", "mail").check(0)
    assert run.err == ""
    plan, registered, steps = (part.splitlines() for part in run.out.split("\n\n"))
    assert [line.split() for line in plan] == [
        ["create", "tests/__init__.py"],
        ["create", "billing/services.py"],
        ["append", "billing/tasks.py", "logger,", "charge_invoice"],
        ["create", "billing/completed_work.py"],
        ["append", "proj.py", 'task_routes["billing.tasks.charge_invoice"]'],
        ["create", "tests/conftest.py"],
        ["create", "tests/test_charge_invoice.py"],
    ]
    assert registered == ["Registered as billing.tasks.charge_invoice."]
    assert steps[0] == "Next"
    for needle in (
        "python -m pytest tests/test_charge_invoice.py",
        "CHARGE_INVOICE_URL=https://...",
        "charge_invoice.delay(7)",
        "celery -A proj worker --queues mail",
        "celerycheck audit proj --task billing.tasks.charge_invoice",
    ):
        assert needle in "\n".join(steps)
    assert (tmp_path / "billing" / "tasks.py").read_text().startswith('"""Tasks of billing."""\n')
    assert "def remind(customer_id: int)" in (tmp_path / "billing" / "tasks.py").read_text()


def test_a_route_that_was_written_need_not_be_written_by_hand(make):
    settings = 'task_routes = {\n    "billing.tasks.remind": {"queue": "mail"},\n}\n'
    files = {"proj.py": f'{PROJ}app.config_from_object("settings")\n', "settings.py": settings}
    clock = ("expire_carts", "--kind", "periodic", "--every", "15m", "--queue", "mail")
    run = make(*clock, files=files).check(0)
    assert 'task_routes["billing.tasks.expire_carts"]' in run.out
    assert "route it" not in run.out


def test_whoever_reads_the_diff_may_stop(project):
    folder = project(FILES)
    reader, writer = os.pipe()
    os.close(reader)
    arguments = (*CHARGE, "--package", "billing", *APP, "--dry-run")
    done = subprocess.run(
        command("new-task", *arguments),
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=LIMIT,
        check=False,
    )
    os.close(writer)
    assert done.stderr == b""
    assert done.returncode == 1


BASED = TASKS.replace("\n\n@app.task", "\n\nclass Base(app.Task):\n    pass\n\n\n@app.task(base=Base)")


def test_the_base_class_may_stand_beside_the_tasks(make, tmp_path):
    make(*CHARGE, files={"billing/tasks.py": BASED}).check(0)
    text = (tmp_path / "billing" / "tasks.py").read_text()
    assert "import Base" not in text
    assert text.count("base=Base,") == 1
    make("refund", "--param", "invoice_id:int", "--report-failures").check(
        2, "--report-failures", "reports would extend Base", "Move Base to a module of its own"
    )


def test_what_tasks_share_may_be_changed_between_two_of_them(make, tmp_path):
    make(*CHARGE).check(0)
    shared = [tmp_path / "tests" / "conftest.py", tmp_path / "billing" / "completed_work.py"]
    for path in shared:
        text = path.read_text()
        assert "patch.setenv(" in text or "return session.get(" in text
        changed = text.replace("patch.setenv(", "print();patch.setenv(").replace(
            "return session", "return not session"
        )
        path.write_text(changed)
    before = [path.read_text() for path in shared]
    make("refund_invoice", "--param", "invoice_id:int").check(0)
    assert [path.read_text() for path in shared] == before


def test_a_second_run_changes_nothing(make, tmp_path):
    make(*CHARGE, "--queue", "mail", "--rate-limit", "10/m").check(0)
    before = hashes(tmp_path)
    run = make(*CHARGE, "--queue", "mail", "--rate-limit", "10/m").check(0)
    assert {line.split()[0] for line in run.out.splitlines()[:-1]} == {"identical"}
    assert run.out.splitlines()[-1] == "Nothing to do: all of it is there."
    assert hashes(tmp_path) == before


def test_a_dry_run_writes_nothing_and_prints_what_git_applies(make, tmp_path):
    files = {"billing/tasks.py": TASKS.replace("Remind", "Erinnert Größe an").rstrip("\n")}
    run = make(*CHARGE, "--dry-run", files=files).check(0)
    assert hashes(tmp_path) == hashes(
        write_files(tmp_path / ".." / f"{tmp_path.name}-same", {**FILES, **files})
    )
    patch = run.out[run.out.index("diff --git") :]
    subprocess.run(["git", "apply", "-"], input=patch.encode(), cwd=tmp_path, check=True)
    patched = hashes(tmp_path)
    assert "Nothing to do" in make(*CHARGE).check(0).out
    assert hashes(tmp_path) == patched


@pytest.mark.parametrize(
    ("choice", "status", "kept"), [("skip", "append", True), ("overwrite", "overwrite", False)]
)
def test_on_conflict(make, tmp_path, choice, status, kept):
    mine = "def charge_invoice(invoice_id: int) -> bool:\n    return mine\n"
    run = make(*CHARGE, "--on-conflict", choice, files={"billing/services.py": mine}).check(0)
    assert status in run.out.split("billing/services.py")[0].splitlines()[-1]
    assert ("return mine" in (tmp_path / "billing" / "services.py").read_text()) == kept


def test_a_conflict_is_shown(make):
    run = make(*CHARGE, files={"billing/services.py": "def charge_invoice() -> None: ...\n"}).check(2)
    assert "  conflict   billing/services.py" in run.out
    assert "-def charge_invoice() -> None: ...\n" in run.out
    assert "+def charge_invoice(invoice_id: int) -> bool:\n" in run.out
    assert "tests/test_charge_invoice.py b/" not in run.out


@pytest.mark.parametrize("newline", ["\r\n", "\n"], ids=["windows", "unix"])
def test_files_keep_their_ways(make, tmp_path, newline):
    """Windows line endings, no newline at the end, and text that is not ASCII."""
    old = TASKS.replace("Remind a customer.", "Erinnert: Größe, 数.").rstrip().replace("\n", newline).encode()
    run = make(*CHARGE, files={"billing/tasks.py": old}).check(0)
    assert "Registered as billing.tasks.charge_invoice." in run.out
    new = (tmp_path / "billing" / "tasks.py").read_bytes()
    assert new.count(b"\n") == new.count(newline.encode())
    assert "Größe, 数".encode() in new
    assert b"def charge_invoice" in new


def test_a_task_that_no_worker_will_know(make, tmp_path):
    """The module cannot be imported once it is written: the files stay, and everybody is told."""
    unready = {"billing/errors.py": "raise RuntimeError('there are no settings')\n"}
    run = make(*CHARGE, "--retry-on", "billing.errors.Nope", files=unready).check(
        0, "the files are written, but billing.tasks cannot be imported: RuntimeError", never=("Traceback",)
    )
    assert "Registered" not in run.out
    assert (tmp_path / "tests" / "test_charge_invoice.py").exists()


def test_an_exception_that_is_not_there_is_refused_before_anything_is_written(make, tmp_path):
    make(*CHARGE, "--retry-on", "requests.RequestExeption").check(
        2, "did you mean requests.RequestException?"
    )
    assert not (tmp_path / "tests").exists()


def test_the_file_says_what_is_usual(make, tmp_path):
    toml = '[tool.celerycheck]\napp = "proj"\n[tool.celerycheck.new-task]\nmax-retries = 7\nreliable = true\n'
    make(*CHARGE, "--no-reliable", files={"pyproject.toml": toml}).check(0)
    text = (tmp_path / "billing" / "tasks.py").read_text()
    assert "max_retries=7" in text
    assert "acks_late" not in text


def test_audit_accepts_the_table_of_new_task(celerycheck, project):
    toml = '[tool.celerycheck]\napp = "proj"\n[tool.celerycheck.new-task]\nqueue = "mail"\n'
    folder = project({**FILES, "pyproject.toml": toml})
    assert celerycheck("audit", "--fail-on", "never", cwd=folder).check(0).out


def test_pieces_may_be_anybodys(project, monkeypatch, pictured, capsys):
    """The templates are one way to make pieces: what `run` does with them is the same."""
    from celerycheck.scaffold.pieces import NewFile

    folder = project(FILES)
    monkeypatch.setattr(new_task, "look", lambda options, child: pictured)
    given = {"name": "billing.charge", "param": ("a:int",)}
    made = []

    def make(spec, project, layout, templates):
        made.append(spec.name)
        return [NewFile("billing/notes.py", "NOTES = ()\n")]

    options = new_task.Options(given, "proj", folder, no_input=True)
    assert new_task.run(options, None, make) == 0
    assert made == ["charge"]
    assert (folder / "billing" / "notes.py").read_text() == "NOTES = ()\n"
    said = capsys.readouterr()
    assert "create     billing/notes.py" in said.out
    assert "no worker knows billing.tasks.charge" in said.err


def test_help_at_80_columns(here, tmp_path):
    out = here("new-task", "--help", cwd=tmp_path, env={"COLUMNS": "80"}).check(0).out
    assert "[[" not in out
    assert here("new-task", "-h", cwd=tmp_path, env={"COLUMNS": "80"}).out == out


DOWN, ENTER, CTRL_C, CTRL_D = "\x1b[B", "\r", "\x03", "\x04"


class Terminal:
    """`new-task` on a terminal of its own, and the keys that are typed there."""

    def __init__(self, folder, *arguments):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            command("new-task", *arguments),
            cwd=folder,
            env=environment({"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "COLUMNS": "100"}),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = ""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()
        os.close(self.master)

    def answer(self, prompt, keys):
        """Wait for a prompt and type."""
        deadline = time.monotonic() + LIMIT
        while prompt not in self.seen:
            assert time.monotonic() < deadline, self.seen
            assert self._read(), self.seen
        self.seen = self.seen.partition(prompt)[2]
        time.sleep(0.1)  # the prompt is drawn before it listens
        os.write(self.master, keys.encode())

    def finish(self):
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline and self._read():
            pass
        return self.process.wait(LIMIT), self.seen

    def _read(self):
        if not select.select([self.master], [], [], LIMIT)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:  # the other side is closed
            return False
        self.seen += data.decode("utf-8", "replace")
        return bool(data)


def test_in_a_terminal_it_asks(project):
    folder = project(FILES)
    with Terminal(folder) as terminal:
        terminal.answer("The Celery app", "proj" + ENTER)
        terminal.answer("Name of the task", "class" + ENTER)
        terminal.answer("a word of Python's own", "\x15charge_invoice" + ENTER)  # the line is emptied
        terminal.answer("Kind", ENTER)
        terminal.answer("Package", ENTER)
        terminal.answer("Parameters", "invoice_id:int" + ENTER)
        terminal.answer("Calls another system", ENTER)
        terminal.answer("survive", "y")
        terminal.answer("Change the details", "n")
        code, said = terminal.finish()
    assert code == 0, said
    assert "Registered as billing.tasks.charge_invoice." in said
    assert "\x1b[32mcreate" in said
    assert "acks_late=True" in (folder / "billing" / "tasks.py").read_text()


@pytest.mark.parametrize("key", [CTRL_C, CTRL_D], ids=["Ctrl-C", "Ctrl-D"])
@pytest.mark.parametrize(
    ("arguments", "prompt"),
    [
        ((), "Name of the task"),
        (("charge",), "Kind"),
        (
            ("charge", "--kind", "task", "--package", "shop", "--param", "a:int", "--outside", "none"),
            "survive",
        ),
    ],
    ids=["text", "choice", "yes or no"],
)
def test_stopping_writes_nothing(project, key, arguments, prompt):
    folder = project(FILES)
    before = hashes(folder)
    with Terminal(folder, *arguments, *APP) as terminal:
        terminal.answer(prompt, key)
        code, said = terminal.finish()
    assert code == 130, said
    assert "celerycheck: stopped" in said
    assert "Traceback" not in said
    assert hashes(folder) == before


def test_in_a_terminal_wrong_flags_are_refused_before_anything_is_asked(project):
    with Terminal(project(FILES), "charge", "--max-retries", "many", *APP) as terminal:
        code, said = terminal.finish()
    assert code == 2, said
    assert "--max-retries: 'many'" in said


def test_in_a_terminal_no_input_asks_nothing(project):
    with Terminal(project(FILES), "--no-input", *APP) as terminal:
        code, said = terminal.finish()
    assert code == 2, said
    assert "NAME is missing" in said
