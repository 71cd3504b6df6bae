"""Crontabs read as Celery reads them."""

from __future__ import annotations

import pytest

from celerycheck.checks._crontab_times import apart, expand

RANGES = {
    "minute": (60, 0),
    "hour": (24, 0),
    "day_of_week": (7, 0),
    "day_of_month": (31, 1),
    "month": (12, 1),
}


@pytest.mark.parametrize(("size", "first"), RANGES.values(), ids=RANGES)
def test_fields_are_read_as_celery_reads_them(size, first):
    from celery.schedules import crontab_parser

    last = first + size - 1
    texts = [
        "*",
        f"{first}",
        f"{last}",
        f"{first},{last}",
        f"{last}-{first}",
        f"{last - 2}-{first + 2}/2",
        "*,1",
    ]
    texts += [f"*/{step}" for step in range(1, 100)]
    texts += [f"{a}-{b}/{step}" for a in (first, 3, last) for b in (first, 5, last) for step in (1, 2, 3, 40)]
    parser = crontab_parser(size, first)
    assert {text: expand(text, size, first) for text in texts} == {text: parser.parse(text) for text in texts}


@pytest.mark.parametrize("text", ["sun", "Monday", "mon-fri", "fri-mon", "mon,wed", "sun-sat/2"])
def test_days_are_read_as_celery_reads_them(text):
    from celery.schedules import crontab_parser

    assert expand(text, 7) == crontab_parser(7).parse(text)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("[1, 2]", {1, 2}),
        ("{3}", {3}),
        ("(4,)", {4}),
        ("set()", set()),
        ("[]", set()),
        ("1, 2", {1, 2}),
        ("jan", None),
        ("60", None),
        ("*/0", None),
        ("5/40", None),
        ("x-y", None),
        ("-1", None),
    ],
)
def test_fields_are_read_from_lists_and_not_guessed(text, numbers):
    assert expand(text, 60) == numbers


@pytest.mark.parametrize(
    ("text", "size", "expected"),
    [
        ("3", 24, True),
        ("23", 24, True),
        ("*/2", 24, True),
        ("0,23", 24, False),
        ("*", 24, False),
        ("9-17", 24, False),
        ("31", 31, True),
        ("1,31", 31, False),
        ("dec", 12, True),
        ("dec,jan", 12, False),
        ("?", 24, False),
        ("", 24, False),
    ],
)
def test_apart(text, size, expected):
    assert apart(text, size) is expected
