"""What tests leave out: projects with tests of several kinds."""

from __future__ import annotations

import pytest

from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.subjects import Location, NotEvaluated
from celerycheck.testing import app, flagged, found, problems, settings, source, task

TASKS = """
from celery import shared_task

@shared_task
def send_receipt(pk): ...

@shared_task(name="mails.notify")
def notify(pk): ...
"""


def with_test(text, path="tests/test_tasks.py"):
    return source({"proj/tasks.py": TASKS, path: text})


def untested(code):
    return [problem.about.name for problem in found("untested-task", code)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("from proj.mails import deliver", ["proj.tasks.send_receipt", "mails.notify"]),
        ("from proj.models import send_receipt", ["mails.notify"]),
        ("def test_it():\n    tasks.notify(1)", ["proj.tasks.send_receipt"]),
        ("def test_it(send):\n    send('mails.notify')", ["proj.tasks.send_receipt"]),
        ("def test_it(mocker):\n    mocker.patch('proj.other.send_receipt')", ["mails.notify"]),
        (
            "def test_it():\n    send_receipts(1)\n    notify_all()",
            ["proj.tasks.send_receipt", "mails.notify"],
        ),
    ],
)
def test_tasks_that_no_test_names(text, names):
    assert untested(with_test(text)) == names


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("import proj.tasks", "tests/test_tasks.py"),
        ("from proj.tasks import *", "tests/test_tasks.py"),
        ("patch('proj.tasks.logger')", "tests/test_tasks.py"),
        ("from proj.tasks import send_receipt, notify", "tests/test_tasks.py"),
        ("from ..tasks import send_receipt, notify", "proj/tests/test_tasks.py"),
        ("tasks.send_receipt(1); tasks.notify(2)", "proj/tests.py"),
        ("send_receipt(1); notify(2)", "tests/conftest.py"),
        ("send_receipt(1); notify(2)", "tests/unit/deep/mails_test.py"),
        ("send_receipt(1); notify(2)", "testing/flows.py"),
        ("def test_send_receipt(): send_receipt.delay(1)\nnames = ['mails.notify']", "test_tasks.py"),
    ],
)
def test_tasks_that_a_test_names(text, path):
    assert untested(with_test(text, path)) == []


def test_what_it_says_of_one():
    [problem] = found("untested-task", with_test("send_receipt(1)"))
    assert problem.message == "no test names it or the module proj.tasks"
    assert problem.fix == "call notify(...) in a test, as a plain function, and look at what it leaves behind"


def test_a_task_class_is_named_by_its_class():
    text = "from celery import Task\n\nclass Report(Task):\n    def run(self):\n        ...\n"
    files = {"proj/tasks.py": text, "tests/test_a.py": "run(1)"}
    [problem] = found("untested-task", source(files))
    assert problem.fix.startswith("call Report().run(...)")
    assert found("untested-task", source({**files, "tests/test_b.py": "Report().run()"})) == []


def named(count):
    return "".join(f"@shared_task\ndef work_{n}(): ...\n\n" for n in range(count))


@pytest.mark.parametrize(
    ("tasks", "tested_ones", "told"),
    [(2, 0, 2), (3, 0, "once"), (4, 2, 2), (6, 2, "once"), (20, 10, 10), (30, 19, "once")],
)
def test_many_are_told_of_the_app(tasks, tested_ones, told):
    names = " ".join(f"work_{n}" for n in range(tested_ones))
    found_ = found("untested-task", source({"proj/tasks.py": named(tasks), "tests/test_a.py": f"'{names}'"}))
    assert len(found_) == (1 if told == "once" else told)


def test_what_it_says_of_many():
    code = source({"proj/tasks.py": named(4), "tests/test_a.py": "", "tests/test_b.py": ""})
    assert problems("untested-task", code) == [
        (
            "no test names 4 of 4 tasks, nor their modules (files of tests: 2): proj.tasks.work_0,"
            " proj.tasks.work_1, proj.tasks.work_2 and 1 more"
        )
    ]


def test_tasks_of_the_tests_themselves_need_none():
    assert untested(source({"tests/tasks.py": TASKS, "tests/test_a.py": ""})) == []


@pytest.mark.parametrize("check", ["untested-task", "eager-only-tests"])
@pytest.mark.parametrize("subject", [app(task()), source(TASKS)], ids=["no source", "no tests"])
def test_nothing_is_said_without_tests(check, subject):
    with pytest.raises(NotEvaluated, match="no tests are at hand"):
        problems(check, subject)


EAGER = [
    ("tests/conftest.py", "app.conf.task_always_eager = True"),
    ("tests/conftest.py", "app.conf.update(task_always_eager=True)"),
    ("tests/conftest.py", "app.conf['task_always_eager'] = True"),
    ("tests/conftest.py", "monkeypatch.setattr(app.conf, 'task_always_eager', True)"),
    ("tests/conftest.py", "os.environ['CELERY_TASK_ALWAYS_EAGER'] = 'True'"),
    ("tests/test_a.py", "@override_settings(CELERY_TASK_ALWAYS_EAGER=True)\ndef test_it(): ..."),
    ("tests/test_a.py", "def test_it(settings):\n    settings.CELERY_TASK_ALWAYS_EAGER = True"),
    ("tests/test_a.py", "Celery(changes={'task_always_eager': True})"),
    ("tests/test_a.py", "CELERY_ALWAYS_EAGER = True"),
    ("proj/settings/test.py", "CELERY_TASK_ALWAYS_EAGER = True"),
    ("proj/settings/testing.py", "CELERY_TASK_ALWAYS_EAGER: bool = True"),
    ("proj/settings.py", "if 'test' in sys.argv:\n    CELERY_TASK_ALWAYS_EAGER = True"),
    ("proj/settings.py", "CELERY_TASK_ALWAYS_EAGER = TESTING"),
    ("pyproject.toml", '[tool.pytest_env]\nCELERY_TASK_ALWAYS_EAGER = "true"'),
    ("pytest.ini", "[pytest]\nenv =\n    CELERY_TASK_ALWAYS_EAGER=True"),
]


@pytest.mark.parametrize(("path", "text"), EAGER)
def test_tests_that_only_know_eager_mode(path, text):
    code = source({"proj/tasks.py": TASKS, "tests/test_b.py": "notify.delay(1)", path: text})
    [problem] = found("eager-only-tests", code)
    assert problem.location.path == path
    assert "always_eager" in flagged("eager-only-tests", code)[0].lower()
    assert problem.message == f"tests switch on eager mode ({path}) and nowhere start a worker"


@pytest.mark.parametrize(
    "worker",
    [
        "from celery.contrib.testing.worker import start_worker",
        "def test_it(celery_worker): ...",
        "@pytest.mark.usefixtures('celery_session_worker')\ndef test_it(): ...",
        "pytest_plugins = ['pytest_celery']",
        "import celery.contrib.testing.tasks",
        "app.worker_main(['worker'])",
    ],
)
@pytest.mark.parametrize(("path", "text"), EAGER[:2])
def test_tests_that_also_start_a_worker(path, text, worker):
    code = source({"proj/tasks.py": TASKS, "tests/test_b.py": worker, path: text})
    assert problems("eager-only-tests", code) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tests/conftest.py", "app.conf.task_always_eager = False"),
        ("tests/conftest.py", "assert app.conf.task_always_eager"),
        ("tests/conftest.py", "# task_always_eager = True"),
        ("tests/conftest.py", "def test_it():\n    notify(1)"),
        ("tests/conftest.py", "always_eager = True"),
        ("tests/conftest.py", "settings.CELERY_TASK_EAGER_PROPAGATES = True"),
        ("proj/settings.py", "CELERY_TASK_ALWAYS_EAGER = True"),
        ("proj/settings.py", "CELERY_TASK_ALWAYS_EAGER = DEBUG"),
        ("proj/settings/local.py", "CELERY_TASK_ALWAYS_EAGER = True"),
        ("proj/tests_and_more.md", "CELERY_TASK_ALWAYS_EAGER = True"),
        ("pyproject.toml", "CELERY_TASK_ALWAYS_EAGER = 'false'"),
    ],
)
def test_tests_that_do_not_switch_it_on(path, text):
    code = source({"proj/tasks.py": TASKS, "tests/test_b.py": "notify.delay(1)", path: text})
    assert problems("eager-only-tests", code) == []


def test_the_place_and_what_to_write():
    code = source(
        {"proj/tasks.py": TASKS, "tests/test_b.py": "\nx.task_always_eager = True"},
        settings=settings(namespace="CELERY"),
    )
    [problem] = found("eager-only-tests", code)
    assert problem.location == Location("tests/test_b.py", 2)
    assert "CELERY_TASK_ALWAYS_EAGER = False" in problem.fix


def test_a_file_that_cannot_be_read_switches_nothing_on():
    files = MemoryFiles({"tests/test_a.py": "task_always_eager = True :"})
    assert problems("eager-only-tests", SourceCode(app(task()), files)) == []
