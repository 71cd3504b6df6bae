"""Base classes with a `__call__` of their own, and whether they may change what a task is given."""

from __future__ import annotations

from dataclasses import replace

import pytest

from celerycheck.checks._base_classes import may_change_arguments
from celerycheck.subjects import TaskClass, TaskInfo
from celerycheck.testing import source


@pytest.mark.parametrize(
    ("body", "changes"),
    [
        ("def __call__(self, *args, **kwargs):\n        return super().__call__(*args, **kwargs)", False),
        ("def __call__(self, *a, **k):\n        with app():\n            return self.run(*a, **k)", False),
        (
            "def __call__(self, *args, **kwargs):\n        log()\n        return self.run(*args, **kwargs)",
            False,
        ),
        ("def __call__(self, *args, **kwargs):\n        return self.run(load(args[0]), **kwargs)", True),
        (
            "def __call__(self, *a, **k):\n        k['a'] = 1\n        return self.run(*a, **k)",
            True,
        ),
        ("def __call__(self, first, *a, **k):\n        return self.run(*a, **k)", True),
        ("def __call__(self, *args):\n        return self.run(*args)", True),
    ],
)
def test_call(body, changes):
    code = source(f"class Base(celery.Task):\n    {body}\n")
    task = TaskInfo("t", classes=(TaskClass("proj.tasks.Base", defines=("__call__",)),))
    assert may_change_arguments(task, code.project) is changes
    elsewhere = replace(task, classes=(TaskClass("other.Base", defines=("__call__",)),))
    assert may_change_arguments(elsewhere, code.project)


@pytest.mark.parametrize(
    ("defines", "changes"),
    [
        ((), False),
        (("on_failure", "max_retries"), False),
        (("apply_async",), True),
        (("on_failure", "delay"), True),
    ],
)
def test_other_methods(defines, changes):
    task = TaskInfo("t", classes=(TaskClass("proj.tasks.Base", defines=defines),))
    assert may_change_arguments(task, source("x = 1").project) is changes
