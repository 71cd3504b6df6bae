"""What is read before the app is known is what would be read afterwards, or is dropped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from celerycheck import checklist
from celerycheck.picture_format import decode
from celerycheck.runner import run
from celerycheck.source.ahead import Ahead, guessed
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import DiskFiles, MemoryFiles
from celerycheck.testing import source

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PROJECT = {
    "proj/__init__.py": "",
    "proj/celery.py": "from celery import Celery\napp = Celery('proj')\n",
    "proj/services.py": """\
        import requests

        def fetch(order_id):
            return requests.get(f"https://shop.example/{order_id}")
        """,
    "proj/tasks.py": """\
        from orders.models import total
        from proj import services
        from proj.celery import app

        @app.task(bind=True)
        def pay(self, order_id):
            try:
                services.fetch(order_id)
            except OSError as exc:
                self.retry(exc=exc)
            return total(order_id)

        @app.task
        def note(order_id: int):
            print(order_id)
        """,
    "orders/__init__.py": "",
    "orders/models.py": "from datetime import datetime\n\ndef total(order_id):\n    return datetime.now()\n",
    "orders/views.py": """\
        from proj.tasks import note, pay

        def buy(request):
            pay.delay(request.order_id, 1, 2)
            (pay.s(1) | note.s()).delay()
        """,
    "tests/test_tasks.py": "from proj.tasks import pay\n\ndef test_pay():\n    pay.delay(1)\n",
}


def never():
    return False


def report(app, files, ahead=None):
    """Everything an audit says, and how much it read for it."""
    done = run(checklist.load(None), app, source=SourceCode(app, files, ahead=ahead))
    assert not [outcome for outcome in done.outcomes if outcome.status == "crashed"]
    return done.findings, done.outcomes, done.notices, done.source


def read_ahead(files, target):
    ahead = Ahead(files)
    ahead.read_until(never, target)
    return ahead


def moved(files, folder):
    return {f"{folder}/{path}": text for path, text in files.items()}


@pytest.fixture(scope="session")
def pictured(celerycheck, tmp_path_factory):
    """The picture of a real project, and its files."""

    def picture(folder, target, **options):
        path = tmp_path_factory.mktemp("picture") / "picture.json"
        arguments = ("audit", target, "--save-picture", path, "--select", "unbounded-retries")
        celerycheck(*arguments, cwd=folder, **options)
        return decode(path.read_text(), "the picture"), DiskFiles(folder)

    return picture


@pytest.mark.parametrize("name", ["shop", "django_shop"])
def test_an_example_is_reported_alike_however_far_it_was_read(pictured, name):
    target = yaml.safe_load((EXAMPLES / name / "EXPECTED.yaml").read_text())["app"]
    app, files = pictured(EXAMPLES / name, target)
    fresh = report(app, files)
    assert fresh[0]
    assert report(app, files, read_ahead(files, target)) == fresh
    assert report(app, files, parsed_ahead(files)) == fresh
    for stop in range(5):
        assert report(app, files, stopped(files, target, stop)) == fresh


def parsed_ahead(files):
    ahead = Ahead(files)
    ahead.parse_until(never)
    return ahead


def stopped(files, target, after):
    """Files read ahead by somebody who had to stop after some of them."""
    left = iter(range(after))
    ahead = Ahead(files)
    ahead.read_until(lambda: next(left, None) is None, target)
    return ahead


def test_a_project_with_src_layout_is_read_ahead(pictured, tmp_path):
    for path, text in moved(PROJECT, "src").items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(dedent(text))
    with (tmp_path / "src/proj/celery.py").open("a") as module:
        module.write("app.conf.include = ['proj.tasks', 'orders.views']\n")
    app, files = pictured(tmp_path, "proj.celery", env={"PYTHONPATH": str(tmp_path / "src")})
    ahead = read_ahead(files, "proj.celery:app")
    guess = ahead._guess
    source = SourceCode(app, files, ahead=ahead)
    assert source.project is guess
    assert len(source.sites) == 3
    assert report(app, files, read_ahead(files, "proj.celery")) == report(app, files)


def test_what_was_read_by_a_right_guess_is_kept():
    code = source(PROJECT, packages=("orders", "proj"))
    ahead = read_ahead(code.files, "proj")
    guess = ahead._guess
    assert {"orders/views.py", "proj/tasks.py"} <= set(guess.paths_read)
    assert "tests/test_tasks.py" not in set(guess.paths_read)
    assert SourceCode(code.app, code.files, ahead=ahead).project is guess
    assert ahead.take("proj/tasks.py") is None
    assert report(code.app, code.files, read_ahead(code.files, "proj")) == report(code.app, code.files)


def renamed(app):
    tasks = tuple(replace(task, module="elsewhere.tasks") for task in app.tasks)
    return replace(app, tasks=tasks, packages=(*app.packages, "elsewhere"))


WRONG = {
    "a package that it relied on is not the app's": lambda app: replace(app, packages=("proj",)),
    "the app has a package that is no folder": lambda app: replace(app, packages=(*app.packages, "made")),
    "modules are looked for elsewhere too": lambda app: replace(app, import_roots=(".", "lib")),
    "modules are looked for in another order": lambda app: replace(app, import_roots=("lib", ".")),
    "a module was imported under another name": renamed,
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG)
def test_what_was_read_by_a_wrong_guess_is_dropped(change):
    code = source({path: text for path, text in PROJECT.items() if "test" not in path})
    app = change(code.app)
    ahead = read_ahead(code.files, "proj")
    guess = ahead._guess
    assert SourceCode(app, code.files, ahead=ahead).project is not guess
    assert ahead.take("proj/tasks.py") is not None
    assert report(app, code.files, read_ahead(code.files, "proj")) == report(app, code.files)


def test_a_module_of_tasks_that_the_app_does_not_import_changes_nothing():
    code = source(PROJECT, packages=("orders", "proj"))
    files = MemoryFiles(
        {**code.files.texts, "proj/old.py": "from gone import app\n\n@app.task\ndef old(): ...\n"}
    )
    ahead = read_ahead(files, "proj")
    guess = ahead._guess
    assert SourceCode(code.app, files, ahead=ahead).project is guess
    assert report(code.app, files, read_ahead(files, "proj")) == report(code.app, files)


def test_packages_nobody_speaks_of_are_left_alone():
    files = MemoryFiles({**PROJECT, "scripts/__init__.py": "", "scripts/tasks.py": PROJECT["proj/tasks.py"]})
    paths = set(read_ahead(files, "proj")._guess.paths_read)
    assert "orders/views.py" in paths
    assert "scripts/tasks.py" not in paths


@pytest.mark.parametrize(
    ("paths", "target", "roots"),
    [
        (["proj/__init__.py"], "proj", ("",)),
        (["proj.py"], "proj", ("",)),
        (["src/proj/__init__.py"], "proj", ("", "src")),
        (["proj/__init__.py", "src/proj/__init__.py"], "proj", ("",)),
        (["lib/proj/__init__.py"], "proj", None),
        (["other/__init__.py"], "proj", None),
        ([], "proj", None),
    ],
)
def test_where_modules_lie_is_guessed_from_the_target(paths, target, roots):
    layout = guessed(MemoryFiles(dict.fromkeys(paths, "")), target)
    assert (layout and layout.roots) == roots


def test_without_a_guess_files_are_parsed_all_the_same():
    code = source({path: text for path, text in PROJECT.items() if "test" not in path})
    ahead = read_ahead(code.files, "/somewhere/else.py")
    assert ahead._guess is None
    assert ahead.take("proj/tasks.py") is not None
    assert ahead.take("proj/tasks.py") is None


def test_a_file_that_is_no_python_is_reported_all_the_same():
    code = source(PROJECT)
    files = MemoryFiles({**code.files.texts, "proj/odd.py": "def work(:\n    work.delay()\n"})
    fresh = report(code.app, files)
    assert [entry.path for entry in fresh[3].unreadable] == ["proj/odd.py"]
    assert report(code.app, files, read_ahead(files, "proj")) == fresh
