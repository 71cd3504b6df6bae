"""Workers are told of a new module in the way that the project tells them of others."""

import pytest
from scaffold_ruff import formatted, needs_ruff

from celerycheck.scaffold.merging import loaded_by
from celerycheck.scaffold.merging.entries import CannotExtend
from celerycheck.scaffold.pieces import Loaded

TASKS = Loaded("app.py", "app", "billing.tasks", "billing", "tasks")
JOBS = Loaded("app.py", "app", "billing.jobs", "billing", "jobs")

ADDED = {
    "discovered": ('app.autodiscover_tasks(["a"])', 'app.autodiscover_tasks(["a", "billing"])'),
    "discovered, a tuple": (
        'app.autodiscover_tasks(("a", "b"))',
        'app.autodiscover_tasks(("a", "b", "billing"))',
    ),
    "discovered, by name": (
        'app.autodiscover_tasks(packages=["a"], force=True)',
        'app.autodiscover_tasks(packages=["a", "billing"], force=True)',
    ),
    "discovered, one a line": (
        'app.autodiscover_tasks(\n    [\n        "a",\n    ]\n)',
        'app.autodiscover_tasks(\n    [\n        "a",\n        "billing",\n    ]\n)',
    ),
    "discovered, too long": (
        'app.autodiscover_tasks(["a.package.somewhere", "another.package.elsewhere", "third"])',
        (
            "app.autodiscover_tasks(\n"
            '    ["a.package.somewhere", "another.package.elsewhere", "third", "billing"]\n)'
        ),
    ),
    "rather than included": (
        'app.conf.include = ["a.tasks"]\napp.autodiscover_tasks(["a"])',
        'app.conf.include = ["a.tasks"]\napp.autodiscover_tasks(["a", "billing"])',
    ),
    "included by the app": (
        'app = Celery("x", include=["a.tasks"])',
        'app = Celery("x", include=["a.tasks", "billing.tasks"])',
    ),
    "included by a setting": ("app.conf.imports = ()", 'app.conf.imports = ("billing.tasks",)'),
    "included, one": ('app.conf.imports = ("a.tasks",)', 'app.conf.imports = ("a.tasks", "billing.tasks")'),
    "included by an update": ("app.conf.update(include=[])", 'app.conf.update(include=["billing.tasks"])'),
    "in a module of settings": ('imports = ["a.tasks"]', 'imports = ["a.tasks", "billing.tasks"]'),
    "all installed apps": (
        "app = Celery()\napp.autodiscover_tasks()",
        'app = Celery()\napp.autodiscover_tasks()\n\napp.autodiscover_tasks(["billing"])',
    ),
    "of other names": (
        'app = Celery()\napp.autodiscover_tasks(["a"], related_name="jobs")',
        (
            'app = Celery()\napp.autodiscover_tasks(["a"], related_name="jobs")\n\n'
            'app.autodiscover_tasks(["billing"])'
        ),
    ),
    "computed": (
        "app = Celery()\napp.autodiscover_tasks(PACKAGES)",
        'app = Celery()\napp.autodiscover_tasks(PACKAGES)\n\napp.autodiscover_tasks(["billing"])',
    ),
    "under a condition": (
        'app = Celery()\nif X:\n    app.autodiscover_tasks(["a"])',
        'app = Celery()\nif X:\n    app.autodiscover_tasks(["a"])\n\napp.autodiscover_tasks(["billing"])',
    ),
    "another app's": (
        'app = Celery()\nother.autodiscover_tasks(["a"])',
        'app = Celery()\n\napp.autodiscover_tasks(["billing"])\n\nother.autodiscover_tasks(["a"])',
    ),
    "made in a function": (
        "def make():\n    app = Celery()\n    return app",
        'def make():\n    app = Celery()\n    app.autodiscover_tasks(["billing"])\n    return app',
    ),
}  # fmt: skip


@needs_ruff
@pytest.mark.parametrize(("existing", "after"), ADDED.values(), ids=ADDED)
def test_added(existing, after):
    done = loaded_by.added(f"{existing}\n", TASKS)
    assert done.text == f"{after}\n"
    assert done.added == ("billing.tasks",)
    assert loaded_by.added(done.text, TASKS).text == done.text
    assert formatted(done.text) == done.text


def test_modules_of_another_name():
    done = loaded_by.added('app = Celery()\napp.autodiscover_tasks(["billing"])\n', JOBS)
    assert done.text.endswith('\napp.autodiscover_tasks(["billing"], related_name="jobs")\n')
    assert loaded_by.added(done.text, JOBS).text == done.text


@pytest.mark.parametrize(
    "existing",
    [
        'app.autodiscover_tasks(["billing"])\n',
        "app.autodiscover_tasks(['a', 'billing'], force=True)\n",
        'app.autodiscover_tasks(["a"])\napp.autodiscover_tasks(["billing"], "tasks")\n',
        'app = Celery(include=["billing.tasks"])\napp.autodiscover_tasks(["a"])\n',
        'CELERY_IMPORTS = ("billing.tasks",)\n',
        "app = Celery()\n\nfrom billing import tasks\n",
        "app = Celery()\n\nimport billing.tasks\n",
    ],
)
def test_there_already(existing):
    done = loaded_by.added(existing, TASKS)
    assert (done.text, done.added) == (existing, ())


def test_imported_by_its_own_package():
    existing = "from . import tasks\n\napp = Celery()\n"
    assert loaded_by.added(existing, TASKS, module="billing.celery").added == ()
    assert loaded_by.added(existing, TASKS, module="other.celery").added == ("billing.tasks",)


@pytest.mark.parametrize("existing", ["", "other = Celery()\n", 'imports = ("a.tasks")\n'])
def test_no_app(existing):
    with pytest.raises(CannotExtend, match="`app` is not made at one place there"):
        loaded_by.added(existing, TASKS)
