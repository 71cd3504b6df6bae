"""The soft time limit: whether it gets through, and what it leaves behind."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated
from celerycheck.testing import found, problems, source

HEAD = """
import logging, os, shutil, tempfile
from celery import Task, shared_task
from celery.exceptions import SoftTimeLimitExceeded
from proj.models import Job
logger = logging.getLogger(__name__)
"""
MODELS = "from django.db import models\nclass Job(models.Model): ...\n"


def project(does, options="soft_time_limit=30, time_limit=60", **fields):
    work = f"@shared_task({options})\ndef work(order, items=()):\n" + textwrap.indent(does, "    ")
    files = {"proj/tasks.py": f"{HEAD}\n{work}\n", "proj/models.py": MODELS}
    return source(files, **fields)


def guarded(handler, work="order.pay()\norder.ship()"):
    return f"try:\n{textwrap.indent(work, '    ')}\n{handler}"


def looped(handler, work="item.pay()", loop="for item in items:"):
    return f"{loop}\n" + textwrap.indent(guarded(handler, work), "    ")


GOES_ON = {
    "continue": looped("except Exception:\n    continue"),
    "a line": looped("except Exception as e:\n    logger.error(e)"),
    "a traceback": looped("except Exception:\n    logger.exception('failed')"),
    "a row": looped("except Exception:\n    item.status = 'failed'\n    item.save()"),
    "a bare except": looped("except:\n    pass"),
    "while": looped("except Exception:\n    pass", loop="while order.next():"),
    "attempts": looped("except Exception:\n    logger.warning('again')", loop="for attempt in range(5):"),
    "behind a narrow one": looped("except ValueError:\n    pass\nexcept Exception:\n    pass"),
}


@pytest.mark.parametrize("does", GOES_ON.values(), ids=GOES_ON)
def test_a_loop_that_goes_on(does):
    (problem,) = found("swallowed-soft-limit", project(does))
    assert problem.message.endswith(
        "catches SoftTimeLimitExceeded too (soft limit: 30 s), and the loop goes on, until the hard limit of"
        " 60 s kills the process"
    )
    assert problem.at_most is None


def test_a_loop_that_goes_on_for_ever():
    (message,) = problems("swallowed-soft-limit", project(GOES_ON["continue"], "soft_time_limit=30"))
    assert message.endswith("the loop goes on, with no limit any more")


@pytest.mark.parametrize(
    ("does", "at_most"),
    [
        (guarded("except Exception:\n    pass"), None),
        (guarded("except Exception as e:\n    logger.error(e)"), None),
        (guarded("except Exception:\n    logger.exception('failed')"), Severity.INFO),
        (looped("except Exception:\n    break"), None),
        (looped("except Exception:\n    return"), None),
    ],
)
def test_a_task_that_was_stopped_counts_as_a_success(does, at_most):
    (problem,) = found("swallowed-soft-limit", project(does))
    assert problem.message.endswith("a task that was stopped counts as a success")
    assert problem.at_most is at_most


def test_the_limit_of_a_setting_counts():
    code = project(GOES_ON["continue"], "", values={"task_soft_time_limit": 45})
    assert "(soft limit: 45 s)" in problems("swallowed-soft-limit", code)[0]


GETS_THROUGH = {
    "raised first": looped("except SoftTimeLimitExceeded:\n    raise\nexcept Exception:\n    pass"),
    "handled first": looped("except SoftTimeLimitExceeded:\n    return\nexcept Exception:\n    pass"),
    "handled with others": looped(
        "except (OSError, SoftTimeLimitExceeded):\n    return\nexcept Exception:\n    pass"
    ),
    "handled together": looped("except (SoftTimeLimitExceeded, Exception):\n    pass"),
    "narrow": looped("except ValueError:\n    pass"),
    "raised again": looped("except Exception:\n    logger.exception('x')\n    raise"),
    "raised where it is that": looped(
        "except Exception as e:\n    if isinstance(e, SoftTimeLimitExceeded):\n        raise"
    ),
    "raised as another": guarded("except Exception as e:\n    raise RuntimeError from e"),
    "raised later": "kept = None\n"
    + looped("except Exception as e:\n    kept = e")
    + "\nif kept:\n    raise kept",
    "a row, and done": guarded("except Exception:\n    order.status = 'failed'\n    order.save()"),
    "an answer": guarded("except Exception as e:\n    return str(e)"),
    "one step of each item": "for item in items:\n    item.load()\n    item.check()\n    item.pay()\n"
    + textwrap.indent(guarded("except Exception:\n    pass", "item.notify()"), "    "),
    "one step of many": "order.load()\norder.check()\norder.pay()\norder.ship()\n"
    + guarded("except Exception:\n    pass", "order.notify()"),
    "nothing that takes time": looped("except Exception:\n    pass", "total = item") + "\norder.pay()",
    "no handler": "for item in items: item.pay()",
    "finally": guarded("finally:\n    order.close()"),
}


@pytest.mark.parametrize("does", GETS_THROUGH.values(), ids=GETS_THROUGH)
def test_a_soft_limit_that_gets_through(does):
    assert problems("swallowed-soft-limit", project(does)) == []


@pytest.mark.parametrize("options", ["", "time_limit=60", "soft_time_limit=None", "soft_time_limit=0"])
def test_no_soft_limit_applies(options):
    assert problems("swallowed-soft-limit", project(GOES_ON["continue"], options)) == []
    assert problems("unhandled-soft-limit", project(LEFT["a row"][0], options)) == []


@pytest.mark.parametrize("check", ["swallowed-soft-limit", "unhandled-soft-limit"])
def test_a_pool_without_soft_limits(check):
    with pytest.raises(NotEvaluated, match="threads pool"):
        problems(check, project("order.pay()", values={"worker_pool": "threads"}))


def test_a_soft_limit_is_an_exception_like_others():
    from celery.exceptions import SoftTimeLimitExceeded  # only this test needs it

    assert issubclass(SoftTimeLimitExceeded, Exception)


LEFT = {
    "a row": (
        (
            "job = Job.objects.get(pk=order)\njob.status = 'running'\njob.save()\n"
            "order.pay()\njob.status = 'done'\njob.save()"
        ),
        "job.status keeps saying 'running' when the soft limit of 30 s interrupts the work",
    ),
    "a row, by a constant": (
        (
            "job = Job.objects.get()\njob.state = Job.State.PROCESSING\njob.save()\n"
            "order.pay()\njob.state = Job.State.DONE"
        ),
        "job.state keeps saying 'processing' when the soft limit of 30 s interrupts the work",
    ),
    "a folder": (
        "folder = tempfile.mkdtemp()\norder.export(folder)\nshutil.rmtree(folder)",
        "a temporary folder stays behind when the soft limit of 30 s interrupts the work",
    ),
    "a file": (
        "_, path = tempfile.mkstemp()\norder.export(path)\nos.remove(path)",
        "a temporary file stays behind when the soft limit of 30 s interrupts the work",
    ),
}


@pytest.mark.parametrize(("does", "message"), LEFT.values(), ids=LEFT)
def test_unhandled_soft_limit(does, message):
    assert problems("unhandled-soft-limit", project(does)) == [message]


TIDY = {
    "caught": guarded("except SoftTimeLimitExceeded:\n    order.undo()\n    raise", LEFT["a row"][0]),
    "caught by a broad one": guarded("except Exception:\n    order.undo()\n    raise", LEFT["a row"][0]),
    "finally": "folder = tempfile.mkdtemp()\n" + guarded("finally:\n    shutil.rmtree(folder)"),
    "a folder that goes by itself": "with tempfile.TemporaryDirectory() as folder:\n    order.export(folder)",
    "a folder nobody removes": "folder = tempfile.mkdtemp()\norder.export(folder)",
    "a row set once": "job = Job.objects.get()\njob.status = 'running'\njob.save()",
    "a row set to the end": "job = Job.objects.get()\norder.pay()\njob.status = 'done'\njob.save()",
    "no work between": "job = Job.objects.get()\njob.status = 'running'\njob.save()\njob.status = 'done'",
    "another word": "job = Job.objects.get()\njob.status = 'new'\norder.pay()\njob.status = 'done'",
    "another attribute": "job = Job.objects.get()\njob.name = 'running'\norder.pay()\njob.name = 'done'",
    "two rows": "a = Job.objects.get()\na.status = 'running'\norder.pay()\norder.status = 'done'",
    "nothing": "order.pay()",
    "a lock": "with order.lock():\n    order.pay()",
}


@pytest.mark.parametrize("does", TIDY.values(), ids=TIDY)
def test_what_leaves_nothing_behind(does):
    assert problems("unhandled-soft-limit", project(does)) == []


def test_a_class_that_answers_failures():
    text = f"{HEAD}\nclass Work(Task):\n    soft_time_limit = 30\n    def run(self, order):\n"
    text += textwrap.indent(LEFT["a folder"][0], "        ")
    assert len(problems("unhandled-soft-limit", source(text))) == 1
    text += "\n    def on_failure(self, *args): ...\n"
    assert problems("unhandled-soft-limit", source(text)) == []
