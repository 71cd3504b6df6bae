"""Hints: which known name a misspelt one was meant to be."""

from __future__ import annotations

import pytest

from celerycheck.nearest import MOST_HINTS, TaskNames, nearest


@pytest.mark.parametrize(
    ("word", "choices", "near"),
    [
        ("max_retrys", ["max_retries", "time_limit"], "max_retries"),
        (" Broker ", ["broker", "tasks"], "broker"),
        ("colour", ["max_retries", "time_limit"], None),
        ("", ["a"], None),
        (None, ["a"], None),
        ("a", [], None),
    ],
)
def test_nearest(word, choices, near):
    assert nearest(word, choices) == near


def test_how_alike_they_have_to_be_can_be_said():
    assert nearest("task_time", ["task_time_limit"]) == "task_time_limit"
    assert nearest("task_time", ["task_time_limit"], cutoff=0.92) is None


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("proj.task.work", "proj.tasks.work"),
        ("proj.tasks.wrok", "proj.tasks.work"),
        ("work", "proj.tasks.work"),
        ("proj.tasks.delete", None),
        ("shop.mail.send", None),
        ("shop.mail.work", None),
        ("other", None),
        ("", None),
    ],
)
def test_the_task_that_was_meant(name, near):
    assert TaskNames({"proj.tasks.work", "proj.tasks.play", "celery.chord", "plain"}).nearest(name) == near


def test_a_name_without_a_module_is_not_guessed_among_several():
    assert TaskNames({"a.work", "b.work"}).nearest("work") is None


def test_only_so_many_names_get_a_hint():
    names = TaskNames({f"proj.tasks.work{n}" for n in range(10_000)})
    hints = [names.nearest(f"proj.tasks.wrok{n}") for n in range(1_000)]
    assert [hint is not None for hint in hints] == [True] * MOST_HINTS + [False] * (1_000 - MOST_HINTS)
