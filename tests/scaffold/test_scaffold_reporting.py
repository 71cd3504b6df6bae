"""`--report-failures`: what it adds to a project, and that the generated tests hold it to its word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import environment, write_files

from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.making.reporting import action, base_option, has_page, lacking, report_values
from celerycheck.scaffold.pieces import Module
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Parameter, Spec
from celerycheck.subjects import App, DjangoApp, DjangoInfo

LIMIT = 120
NAME = Parameter("invoice_id", "int")
SETTINGS = """\
SECRET_KEY = "x"
INSTALLED_APPS = (
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "billing",
)
MIDDLEWARE = (
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
)
TEMPLATES = (
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": (
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            )
        },
    },
)
DATABASES = {
    "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "db.sqlite3"},
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
CELERY_BROKER_URL = "redis://localhost"
"""
DJANGO = {
    "manage.py": """\
import os
import sys

from django.core.management import execute_from_command_line

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
execute_from_command_line(sys.argv)
""",
    "config/__init__.py": 'from config.celery import app as celery_app\n\n__all__ = ("celery_app",)\n',
    "config/celery.py": """\
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
""",
    "config/settings.py": SETTINGS,
    "billing/__init__.py": "",
    "billing/admin.py": 'from django.contrib import admin\n\nadmin.site.site_header = "Billing"\n',
}
PLAIN = {
    "shop/__init__.py": "",
    "shop/celery.py": """\
from celery import Celery

app = Celery("shop", broker="redis://localhost", include=["shop.tasks"])
""",
    "shop/base.py": '''\
from celery import Task

ENDED: list[str] = []


class Counted(Task):
    """Tasks of this project count their ends."""

    def on_success(self, retval, task_id, args, kwargs):
        ENDED.append("ok")

    def on_failure(self, exc, task_id, args, kwargs, einfo):
        ENDED.append("failed")
''',
    "shop/tasks.py": '''\
from shop.base import Counted
from shop.celery import app


@app.task(base=Counted, ignore_result=True, soft_time_limit=10, time_limit=20)
def sweep(folder: str) -> None:
    """Say which folder is to be swept."""
    print(folder)  # by hand, for now
''',
}


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A module of Python's, run as somebody in the project's folder would."""
    return subprocess.run(
        [sys.executable, "-B", *arguments],
        cwd=root,
        env=environment({"PYTHONPATH": str(root)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def succeeds(root: Path, *arguments: str) -> str:
    done = run(root, *arguments)
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def new_task(root: Path, app: str, *arguments: str) -> str:
    command = ("-m", "celerycheck", "new-task", *arguments, "--app", app, "--no-input", "--report-failures")
    return succeeds(root, *command)


def hold(root: Path, app: str, *packages: str) -> None:
    """Ruff, mypy and the audit have nothing to say of what was made."""
    succeeds(root, "-m", "ruff", "check", "--isolated", *packages)
    succeeds(root, "-m", "ruff", "format", "--check", "--isolated", *made(root, packages))
    succeeds(root, "-m", "mypy", "--ignore-missing-imports", "--cache-dir", ".cache", *packages)
    audit = ("-m", "celerycheck", "audit", app, "--format", "json", "--fail-on", "never")
    found = json.loads(succeeds(root, *audit))["findings"]
    assert [finding for finding in found if "charge" in finding["subject"]] == []


def made(root: Path, packages: tuple[str, ...]) -> list[str]:
    """The files that have to do with reports."""
    paths = (path for package in packages for path in (root / package).rglob("*.py"))
    return [str(path) for path in paths if re.search(r"report|tasks|admin|models|migrations", str(path))]


def mutants(root: Path, table, tests):
    """The generated tests, with each line of the code changed in turn: those mutants that survive."""
    assert run(root, *tests).returncode == 0
    survivors = []
    for path, old, new in table:
        file = root / path
        text = file.read_text()
        assert re.search(old, text), old
        file.write_text(re.sub(old, new, text, count=1))
        if run(root, *tests).returncode == 0:
            survivors.append(old)
        file.write_text(text)
    return survivors


@pytest.mark.proof
def test_django(tmp_path):
    root = write_files(tmp_path, DJANGO)
    new_task(root, "config", "billing.charge_invoice", "--param", "invoice_id:int")
    hold(root, "config", "billing")
    succeeds(root, "manage.py", "makemigrations", "--check", "--dry-run")
    succeeds(root, "manage.py", "test")
    assert [path.name for path in (root / "billing/migrations").glob("0*.py")] == ["0001_completedwork.py"]
    assert 'site_header = "Billing"' in (root / "billing/admin.py").read_text()
    before = {path: path.read_text() for path in root.rglob("*.py")}
    assert "Nothing to do" in new_task(root, "config", "charge_invoice", "--param", "invoice_id:int")
    assert {path: path.read_text() for path in root.rglob("*.py")} == before


@pytest.mark.proof
def test_the_tests_of_django_notice_what_is_wrong(tmp_path):
    root = write_files(tmp_path, DJANGO)
    new_task(root, "config", "billing.charge_invoice", "--param", "invoice_id:int")
    table = (
        (
            "billing/reporting.py",
            r"(?s)(einfo: object,\n    \) -> None:\n).*?(?=\n\ndef end_report)",
            r"\1        pass\n",
        ),
        ("billing/reporting.py", r"end_report\(report_id, ActionReport.Status.OK\)", "pass"),
        ("billing/reporting.py", r"\.exclude\(status=ActionReport.Status.OK\)", ".exclude(pk=None)"),
        ("billing/reporting.py", r"except Exception:", "except ArithmeticError:"),
        ("billing/reporting.py", r"@task_failure.connect\n", ""),
        ("billing/reporting.py", r'errors="replace"', 'errors="surrogatepass"'),
        ("billing/reporting.py", r"if report_id:", "if True:"),
        ("billing/tasks.py", r"transaction.on_commit\(send\)", "send()"),
        ("billing/admin.py", r"(has_change_permission[^:]*:[^:]*:[^:]*:\n +return) False", r"\1 True"),
        ("billing/admin.py", r"(has_add_permission[^:]*:[^:]*:\n +return) False", r"\1 True"),
    )
    assert mutants(root, table, ("manage.py", "test", "billing.tests.test_charge_invoice_reports")) == []


@pytest.mark.proof
def test_where_work_was_kept_before_only_the_reports_are_new(tmp_path):
    """An earlier task brought the model of what is done; a later one of another kind needs another base."""
    root = write_files(tmp_path, DJANGO)
    first = ("-m", "celerycheck", "new-task", "billing.charge", "--param", "invoice_id:int", "--no-input")
    succeeds(root, *first, "--app", "config")
    workflow = ("--kind", "workflow", "--steps", "fetch,store")
    new_task(root, "config", "billing.charge_again", "--param", "invoice_id:int")
    edited = root / "billing/reporting.py"
    edited.write_text(edited.read_text().replace("LONGEST = 20_000", "LONGEST = 10_000"))
    new_task(root, "config", "billing.charge_all", "--param", "invoice_id:int", *workflow)
    names = sorted(path.name for path in (root / "billing/migrations").glob("0*.py"))
    assert names == ["0001_completedwork.py", "0002_actionreport.py"]
    assert '"CompletedWork"' not in (root / "billing/migrations/0002_actionreport.py").read_text()
    text = edited.read_text()
    assert "LONGEST = 10_000" in text
    assert text.count("class ReportedTask(") == text.count("class ReportedStep(") == 1
    succeeds(root, "manage.py", "makemigrations", "--check", "--dry-run")
    succeeds(root, "manage.py", "test")
    hold(root, "config", "billing")


@pytest.mark.proof
@pytest.mark.parametrize("store", ["sqlalchemy", "redis"])
def test_plain(tmp_path, store):
    root = write_files(tmp_path, PLAIN)
    arguments = ("shop.charge_invoice", "--param", "invoice_id:int", "--store", store)
    new_task(root, "shop", *arguments)
    text = (root / "shop/reporting.py").read_text()
    assert "class ReportedTask(Counted):" in text
    assert "super().on_success(" in text
    assert "super().on_failure(" in text
    hold(root, "shop", "shop", "tests")
    succeeds(root, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests")
    assert "Nothing to do" in new_task(root, "shop", *arguments)
    table = [
        ("shop/reporting.py", r"reports\(\)\.failed\(report_id, exc, str\(einfo\)\)", "pass"),
        ("shop/reporting.py", r"reports\(\)\.succeeded\(report_id\)", "pass"),
        ("shop/reporting.py", r"except Exception:", "except ArithmeticError:"),
        ("shop/reporting.py", r"@task_failure.connect\n", ""),
    ]
    if store == "sqlalchemy":
        table += [
            ("shop/reporting.py", r'\.where\(ActionReport\.status != "ok"\)', ""),
            ("shop/reporting.py", r'errors="replace"', 'errors="surrogatepass"'),
        ]
    else:
        table.append(("shop/reporting.py", r"if report_id:", "if True:"))
    tests = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_charge_invoice_reports.py")
    assert mutants(root, table, tests) == []


def project(root, base=None, apps=()):
    write_files(root, {"shop/__init__.py": "", "shop/celery.py": ""})
    app = App(module="shop.celery", django=DjangoInfo(apps=apps) if apps else None)
    return Project(
        root, app, "django" if apps else "plain", "shop.celery", "app", base=base, packages=("shop",)
    )


@pytest.mark.parametrize(
    ("kind", "reports", "base", "option"),
    [
        ("task", False, None, ""),
        ("task", False, "shop.base.Counted", "Counted"),
        ("task", True, None, "ReportedTask"),
        ("task", True, "shop.base.Counted", "ReportedTask"),
        ("periodic", True, None, "ReportedRun"),
        ("workflow", True, "shop.base.Counted", ""),
        ("workflow", False, "shop.base.Counted", "Counted"),
    ],
)
def test_what_tasks_name_as_their_base(tmp_path, kind, reports, base, option):
    spec = Spec("charge", "shop", kind=kind, report_failures=reports)
    assert base_option(spec, project(tmp_path, base)) == option


@pytest.mark.parametrize(
    ("base", "inherited"),
    [
        (None, ""),
        ("shop.base.Counted", "Counted"),
        # Else each report would be told twice, to two tables.
        ("billing.reporting.ReportedTask", ""),
        ("billing.reporting.ReportedRun", ""),
    ],
)
def test_what_the_base_class_inherits(tmp_path, base, inherited):
    found = project(tmp_path, base)
    spec = Spec("charge", "shop", params=(NAME,), store="redis", report_failures=True)
    assert report_values(spec, found, layout(found, "shop", "charge"))["reports_base"] == inherited


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ((NAME,), 'f"charge(invoice_id={invoice_id})"'),
        ((Parameter("card", "str"), NAME), 'f"charge(invoice_id={invoice_id})"'),
        ((Parameter("card", "str"),), '"charge"'),
        ((), '"charge"'),
    ],
)
def test_a_report_shows_no_argument_that_could_be_private(params, text):
    assert action(Spec("charge", "shop", params=params)) == text


@pytest.mark.parametrize(
    ("apps", "reports", "page"),
    [
        (("django.contrib.admin", "shop"), True, True),
        (("django.contrib.admin", "shop"), False, False),
        (("shop",), True, False),
        ((), True, False),
    ],
)
def test_reports_have_a_page_where_there_is_an_admin_site(tmp_path, apps, reports, page):
    found = project(tmp_path, apps=tuple(DjangoApp(name, name) for name in apps))
    spec = Spec("charge", "shop", store="django" if apps else "redis", report_failures=reports)
    assert has_page(spec, found) is page


RENDERED = """\
import os

LONGEST = 3

class ReportedTask:
    pass


@connect
def lost():
    pass


class ReportedStep(ReportedTask):
    pass
"""


@pytest.mark.parametrize(
    ("there", "left"),
    [
        (set(), ["LONGEST", "ReportedTask", "@connect", "lost", "ReportedStep"]),
        ({"LONGEST", "ReportedTask"}, ["@connect", "lost", "ReportedStep"]),
        ({"LONGEST", "ReportedTask", "lost"}, ["ReportedStep"]),
    ],
)
def test_what_is_there_is_not_written_again(there, left):
    text = lacking(Module("shop/reporting.py", RENDERED), frozenset(there)).text
    assert re.findall(r"(?m)^(?:class |def )?(@?\w+)(?=[(: \n])", text.replace("import os", "")) == left
