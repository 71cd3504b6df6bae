"""What the options of `audit` do."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from conftest import LIMIT, ROOT, command, environment

APP = (
    'from celery import Celery\n\napp = Celery("{0}", broker="amqp://")\n\n\n'
    '@app.task\ndef add(x):\n    """Add."""\n'
)


@pytest.fixture(scope="session")
def severities(shop_picture, celerycheck):
    """Check ids of the shop's findings by severity."""
    run = celerycheck("audit", "--picture", shop_picture, "--format", "json", cwd=ROOT)
    found: dict[str, list[str]] = {"error": [], "warning": [], "info": []}
    for finding in run.report["findings"]:
        found[finding["severity"]].append(finding["check"])
    assert all(found.values())
    return found


@pytest.mark.parametrize("format_", ["json", "console"])
@pytest.mark.parametrize(("severity", "rank"), [("error", 3), ("warning", 2), ("info", 1), ("none", 0)])
@pytest.mark.parametrize(("fail_on", "from_"), [("error", 3), ("warning", 2), ("info", 1), ("never", 4)])
def test_exit_codes(here, shop_picture, severities, severity, rank, fail_on, from_, format_):
    others = {check for name, checks in severities.items() if name != severity for check in checks}
    check = next(check for check in severities.get(severity, ["database-as-broker"]) if check not in others)
    arguments = ("--select", check, "--fail-on", fail_on, "--format", format_)
    run = here("audit", "--picture", shop_picture, *arguments, cwd=ROOT)
    run.check(1 if rank >= from_ else 0)
    if format_ == "json":
        assert run.report["exit_code"] == run.code
        assert {finding["check"] for finding in run.report["findings"]} == ({check} if rank else set())


def checks(run):
    return {finding["check"] for finding in run.report["findings"]}


def test_select_and_ignore(here, shop_picture):
    def audit(*arguments):
        return here("audit", "--picture", shop_picture, "--format", "json", *arguments, cwd=ROOT)

    everything = checks(audit())
    assert {"async-task", "unbound-self", "pickle-accepted"} <= everything
    assert checks(audit("--select", "async-task", "--select", "unbound-self")) == {
        "async-task",
        "unbound-self",
    }
    assert "async-task" in checks(audit("--select", "Task definitions")) < everything
    assert checks(audit("--select", "*-self")) == {"unbound-self"}
    assert checks(audit("--ignore", "async-task")) == everything - {"async-task"}
    assert "async-task" not in checks(audit("--ignore", "task definitions"))
    assert checks(audit("--select", "*-task", "--ignore", "async-task")).isdisjoint({"async-task"})
    skipped = {item["id"]: item["reason"] for item in audit("--ignore", "async-task").report["items"]}
    assert skipped["async-task"] == "ignored"


def test_task(here, shop_picture):
    arguments = ("--picture", shop_picture, "--format", "json", "--task", "shop.orders.*")
    run = here("audit", *arguments, cwd=ROOT).check(1)
    subjects = {finding["subject"] for finding in run.report["findings"]}
    assert "shop.orders.notify_courier" in subjects
    assert all(subject.startswith("shop.orders.") for subject in subjects)


def test_show(here, shop_picture, tmp_path):
    policy = tmp_path / "celerycheck.yaml"
    policy.write_text(
        "version: 1\nextends: default\nitems:\n"
        "  - check: async-task\n    except: {shop.orders.*: a reason to be shown}\n"
    )

    def audit(*arguments):
        return here("audit", "--picture", shop_picture, "--checklist", policy, *arguments, cwd=ROOT).out

    plain, notes, waived, everything = (
        audit(),
        audit("--show", "info"),
        audit("--show", "waived"),
        audit("--show", "all"),
    )
    assert "a reason to be shown" not in plain
    assert "a reason to be shown" not in notes
    assert "a reason to be shown" in waived
    assert "a reason to be shown" in everything
    assert len(plain) < len(notes) <= len(everything)


def test_a_saved_picture_gives_the_same_report(here, tmp_path):
    def stable(run):
        report = run.report
        for entry in report["schedule"]:
            del entry["next_run"], entry["due"]
        return report

    arguments = ("--workdir", "examples/shop", "--format", "json")
    file = tmp_path / "shop.json"
    taken = here("audit", "shop", *arguments, "--save-picture", file, cwd=ROOT).check(1)
    again = here("audit", "--picture", file, *arguments, cwd=ROOT).check(1)
    assert stable(again) == stable(taken)
    assert "hunter2" not in file.read_text()


def test_credentials_are_neither_saved_nor_reported(here, project):
    source = APP.format("proj").replace("amqp://", "amqp://user:hunter2@host//?password=swordfish")
    folder = project({"proj.py": source})
    run = here("audit", "proj", "--save-picture", "picture.json", "--show", "all", cwd=folder)
    for text in (run.out, run.err, (folder / "picture.json").read_text()):
        assert "hunter2" not in text
        assert "swordfish" not in text


def test_third_party(here, project):
    folder = project(
        {
            "env/site-packages/library.py": "from celery import shared_task\n\n\n@shared_task\n"
            "def theirs():\n    pass\n",
            "proj.py": "import library\n" + APP.format("proj"),
        }
    )
    env = {"PYTHONPATH": str(folder / "env" / "site-packages")}
    run = here("audit", "proj", "--format", "json", cwd=folder, env=env)
    assert (run.report["app"]["tasks"], run.report["app"]["third_party_tasks"]) == (1, 1)
    run = here("audit", "proj", "--format", "json", "--third-party", cwd=folder, env=env)
    assert run.report["app"]["tasks"] == 2
    here("audit", "proj", "--task", "library.theirs", cwd=folder, env=env).check(2, "--third-party")


def test_workdir(here, project, tmp_path_factory):
    source = APP.format("proj") + "    return undefined\n\n\n@app.task\nasync def later():\n    pass\n"
    folder = project({"sub/proj.py": source, "sub/inner/__init__.py": ""})
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    for cwd, workdir in ((elsewhere, folder / "sub"), (folder, "sub"), (folder / "sub" / "inner", "..")):
        run = here("audit", "proj", "--workdir", workdir, "--format", "json", cwd=cwd).check(1)
        (finding,) = [one for one in run.report["findings"] if one["check"] == "async-task"]
        assert finding["path"] == "proj.py"


PYPROJECT = '[tool.celerycheck]\napp = "from_pyproject"\n'
NAMES = [
    pytest.param(
        ["from_argument"],
        {"APP": "from_app", "CELERY_APP": "from_celery_app"},
        "from_argument",
        id="argument",
    ),
    pytest.param(
        [], {"APP": "from_app", "CELERY_APP": "from_celery_app"}, "from_app", id="APP, as Celery has it"
    ),
    pytest.param([], {"CELERY_APP": "from_celery_app"}, "from_celery_app", id="CELERY_APP"),
    pytest.param([], {"APP": ""}, "from_pyproject", id="pyproject.toml"),
]


@pytest.mark.parametrize(("arguments", "env", "target"), NAMES)
def test_who_names_the_app(here, project, arguments, env, target):
    files = {
        f"{name}.py": APP.format(name)
        for name in ("from_argument", "from_app", "from_celery_app", "from_pyproject")
    }
    folder = project({**files, "pyproject.toml": PYPROJECT})
    run = here("audit", *arguments, "--format", "json", cwd=folder, env=env).check(0)
    assert run.report["target"] == target


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("[tool.celerycheck]\napp = 3\n", "app must be an app's name"),
        ('[tool.celerycheck]\napp = ""\n', "app must be an app's name"),
        ('[tool.celerycheck]\nap = "proj"\n', "no key 'ap' Did you mean 'app'?"),
        ('[tool]\ncelerycheck = "proj"\n', "must be a table"),
        ("tool = 1  # celerycheck\n", "no app was named"),
        ("[tool.celerycheck\n", "is not valid TOML"),
        (b"# celerycheck \xff\n", "is not UTF-8 text"),
        ('[tool.other]\napp = "proj"\n', "no app was named"),
    ],
)
def test_pyproject_that_names_none(here, project, text, needle):
    folder = project({"pyproject.toml": text, "proj.py": APP.format("proj")})
    here("audit", cwd=folder).check(2, needle)
    here("audit", "proj", cwd=folder).check(0)


def test_a_misleading_variable_is_named(here, tmp_path):
    run = here("audit", cwd=tmp_path, env={"APP": "/app"})
    run.check(3, "'/app' is a path", "The app was named by the environment variable APP.")


def test_output(here, clean_picture, tmp_path):
    report = tmp_path / "report.json"
    report.write_text("the old one")
    report.chmod(0o640)
    arguments = ("--picture", clean_picture, "--format", "json", "--output", report)
    run = here("audit", *arguments, cwd=tmp_path).check(0)
    assert run.out == ""
    assert json.loads(report.read_text())["exit_code"] == 0
    assert report.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link.json"
    link.symlink_to(report)
    report.write_text("the old one")
    here("audit", *arguments[:-1], link, cwd=tmp_path).check(0)
    assert link.is_symlink()
    assert json.loads(report.read_text())["exit_code"] == 0


def test_output_to_a_device(here, clean_picture, tmp_path):
    run = here("audit", "--picture", clean_picture, "--output", "/dev/null", cwd=tmp_path)
    assert run.check(0).out == ""


def test_json_is_as_the_schema_has_it(here, shop_picture, clean_picture, report_schema):
    for picture in (shop_picture, clean_picture):
        report_schema.validate(here("audit", "--picture", picture, "--format", "json", cwd=ROOT).report)


LOOKS = [
    pytest.param({}, False, id="a pipe"),
    pytest.param({"FORCE_COLOR": "1"}, True, id="FORCE_COLOR"),
    pytest.param({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False, id="NO_COLOR"),
    pytest.param({"TERM": "dumb"}, False, id="TERM=dumb"),
]


@pytest.mark.parametrize(("env", "coloured"), LOOKS)
def test_colour(here, shop_picture, env, coloured):
    run = here("audit", "--picture", shop_picture, cwd=ROOT, env=env).check(1)
    assert ("\x1b[" in run.out) == coloured


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
@pytest.mark.parametrize("arguments", [(), ("--format", "json")], ids=["console", "json"])
def test_other_encodings(shop_picture, encoding, arguments):
    done = subprocess.run(
        command("audit", "--picture", shop_picture, "--show", "all", *arguments),
        cwd=ROOT,
        env=environment({"PYTHONIOENCODING": encoding}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b""
    assert "async-task" in done.stdout.decode(encoding)


@pytest.mark.parametrize("tail", ["head -1", "true"])
@pytest.mark.parametrize("format_", ["json", "console"])
def test_a_reader_that_stops(shop_picture, tail, format_):
    pipeline = f"{sys.executable} -m celerycheck audit --picture {shop_picture} --show all --format {format_}"
    done = subprocess.run(
        ["bash", "-c", f'{pipeline} | {tail}; exit "${{PIPESTATUS[0]}}"'],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == b""
