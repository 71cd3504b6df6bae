"""Answers people gave: read, written in one step, and what each mistake says."""

from __future__ import annotations

import errno
import os
import stat
from datetime import date
from pathlib import Path

import pytest

from celerycheck import answers
from celerycheck.answers import Answer
from celerycheck.errors import ChecklistError, UsageError

TODAY = date(2026, 8, 1)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Path(answers.FILE_NAME)


def load(path: Path, text: str) -> dict[str, Answer]:
    path.write_text(text, encoding="utf-8")
    return answers.load(path, TODAY)


def test_no_file_no_answers(path):
    assert answers.load(path, TODAY) == {}


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "version: 1\n", "version: 1\nanswers:\n", "answers: {}\n"]
)
def test_a_file_without_answers(path, text):
    assert load(path, text) == {}


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("true", "yes"),
        ("'yes'", "yes"),
        ("'no'", "no"),
        ("not applicable", "not applicable"),
    ],
)
def test_replies(path, reply, expected):
    read = load(path, f"answers:\n  alerts:\n    answer: {reply}\n    date: 2026-07-31\n")
    assert (read["alerts"].reply, read["alerts"].given_on) == (expected, date(2026, 7, 31))
    assert read["alerts"].location.line == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{}", "2: the answer to 'x' needs answer:"),
        ("{answer: yes}", "2: the answer to 'x' needs date:"),
        ("{date: 2026-01-01}", "2: the answer to 'x' needs answer:"),
        ("yes", "2: the answer to 'x' must be a mapping (`key: value`), not yes"),
        (
            "{answer: maybe, date: 2026-01-01}",
            "2: the answer to 'x' must be yes, no or not applicable, not 'maybe'",
        ),
        (
            "{answer: not aplicable, date: 2026-01-01}",
            "2: the answer to 'x' must be yes, no or not applicable, not 'not aplicable'; did you mean 'not ",
        ),
        ("{answer: 1, date: 2026-01-01}", "2: the answer to 'x' must be text, not the number 1"),
        ("{answer: yes, date: today}", "2: date must be a date such as 2026-01-31, not the text 'today'"),
        (
            "{answer: yes, date: 2026-02-30}",
            "2: date must be a date such as 2026-01-31, not the date 2026-02-30",
        ),
        ("{answer: yes, date: 2062-08-01}", "2: the date 2062-08-01 lies in the future"),
        ("{answer: yes, date: 2026-01-01, note: [a]}", "2: note must be text, not a list"),
        (
            "{answer: yes, date: 2026-01-01, notes: a}",
            "2: unknown key 'notes' in the answer to 'x'; did you mean 'note'?",
        ),
    ],
)
def test_each_mistake_says_what_and_where(path, body, expected):
    with pytest.raises(ChecklistError) as caught:
        load(path, f"answers:\n  x: {body}\n")
    assert caught.value.message.startswith(f"{answers.FILE_NAME}:{expected}")


@pytest.mark.parametrize(
    "text",
    [
        "- a\n",
        "answers: [a]\n",
        "answer: {}\n",
        "version: 2\n",
        "answers: {a: \n",
        "answers:\n\tx: 1\n",
        "answers: {x: {answer: yes, date: 2026-01-01}, x: {answer: no, date: 2026-01-01}}\n",
    ],
)
def test_a_file_of_the_wrong_shape(path, text):
    with pytest.raises(ChecklistError):
        load(path, text)


def test_a_directory_in_its_place(path):
    path.mkdir()
    with pytest.raises(ChecklistError, match="this is a directory"):
        answers.load(path, TODAY)
    with pytest.raises(UsageError, match="the answers cannot be written"):
        answers.save(path, {})


GIVEN = {
    "b": Answer("b", "no", date(2026, 7, 2), "nobody: 'yet' — #1\nsecond line"),
    "a": Answer("a", "yes", date(2026, 7, 1)),
    "c": Answer("c", "not applicable", date(2026, 7, 3), "yes"),
}


def test_what_is_saved_is_read_again(path):
    answers.save(path, GIVEN)
    read = answers.load(path, TODAY)
    assert list(read) == ["a", "b", "c"]
    assert {id_: (a.reply, a.given_on, a.note) for id_, a in read.items()} == {
        id_: (a.reply, a.given_on, a.note) for id_, a in GIVEN.items()
    }
    assert path.read_text(encoding="utf-8").startswith("# What people answered")


def test_saving_twice_gives_the_same_file(path):
    answers.save(path, GIVEN)
    first = path.read_bytes()
    answers.save(path, answers.load(path, TODAY))
    assert path.read_bytes() == first


def test_saving_keeps_the_mode_and_follows_links(path):
    real = path.with_name("real.yaml")
    real.write_text("", encoding="utf-8")
    real.chmod(0o640)
    path.symlink_to(real)
    answers.save(path, GIVEN)
    assert path.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert "not applicable" in real.read_text(encoding="utf-8")


def test_a_new_file_can_be_read_by_others_as_the_umask_says(path):
    answers.save(path, GIVEN)
    plain = path.with_name("plain")
    plain.touch()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_the_old_file_survives_a_full_disk(path, monkeypatch):
    answers.save(path, GIVEN)
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=r"the answers cannot be written to .*: No space left on device"):
        answers.save(path, {})
    assert path.read_bytes() == before
    assert [entry.name for entry in path.absolute().parent.iterdir()] == [path.name]


def test_a_folder_that_is_not_there(path):
    with pytest.raises(
        UsageError, match=r"the answers cannot be written to nowhere/celerycheck\.answers\.yaml"
    ):
        answers.save(Path("nowhere") / path, GIVEN)


@pytest.mark.parametrize(
    ("day", "stale"), [(TODAY, False), (date(2026, 2, 2), False), (date(2026, 2, 1), True)]
)
def test_answers_go_stale(day, stale):
    assert Answer("x", "yes", day).stale(TODAY, 180) is stale


def test_answers_lie_beside_the_checklist():
    assert answers.path_for(Path("a/celerycheck.yaml"), Path("b")) == Path("a/celerycheck.answers.yaml")
    assert answers.path_for(None, Path("b")) == Path("b/celerycheck.answers.yaml")
