"""What is said about the whole: versions, apps that lend tasks, what stands for no project."""

import pytest

from celerycheck.inspection.snapshot import NEWEST, OLDEST, version_notes
from celerycheck.subjects import Location

UNKNOWN = "is not among the versions celerycheck knows (5.3 to 5.7): some of this may not apply"


@pytest.mark.parametrize(
    ("version", "known"),
    [
        ("5.3.0", True),
        ("5.5.3", True),
        ("5.7.1", True),
        ("5.6.0b1", True),
        ("4.4.1", False),
        ("5.2.7", False),
        ("5.8.0", False),
        ("5.8.0rc1", False),
        ("5.10.0", False),
        ("6.0rc1", False),
        ("odd", False),
    ],
)
def test_versions(version, known):
    notes = [note.text for note in version_notes(version)]
    assert notes == ([] if known else [f"Celery {version} {UNKNOWN}"])


def test_the_versions_are_those_it_is_tested_with():
    import celery

    assert OLDEST <= celery.VERSION[:2] <= NEWEST


LENT = {
    "proj/celery.py": """
        from celery import Celery
        app = Celery('proj', include=['jobs.tasks', 'proj.tasks'])
        """,
    "proj/tasks.py": """
        from celery import shared_task
        from proj.celery import app
        @app.task
        def own(): pass
        @shared_task
        def shared(): pass
        """,
    "jobs/tasks.py": """
        from celery import Celery

        jobs = Celery('jobs')
        more = Celery('more')
        @jobs.task
        def one(): pass
        @jobs.task
        def two(): pass
        @more.task(name='three')
        def three(): pass
        """,
}


def test_tasks_that_another_app_makes(take):
    said = "delay() and apply_async() use its settings, not those of this app"
    app = take(LENT).app
    assert [(note.text, note.location) for note in app.notes] == [
        (f"2 tasks are made by jobs.tasks:jobs: {said}", Location("jobs/tasks.py", 4)),
        (f"1 task is made by jobs.tasks:more: {said}", Location("jobs/tasks.py", 5)),
    ]


JOBS = {
    "celeryconfig.py": "task_time_limit = 60\nimports = ['jobs']\n",
    "jobs.py": "from celery import shared_task\n@shared_task\ndef work(): pass\n",
}


def test_celerys_default_app_is_no_project(take):
    app = take(JOBS, "celery:current_app").app
    assert [task.name for task in app.tasks] == ["jobs.work"]
    assert app.location is None
    assert app.settings["task_time_limit"].value == 60
