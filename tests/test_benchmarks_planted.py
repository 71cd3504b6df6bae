"""The planted mistakes: the list is honest; an audit finds all it has a check for, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import planting
from celerycheck.checks import shipped

PLANTED = planting.read()
CHECKED = [mistake for mistake in PLANTED.mistakes if mistake.checks]
OPTIONS = {"ids": lambda mistake: mistake.id}


@pytest.fixture(scope="module")
def run(celerycheck, tmp_path_factory):
    """An audit of a copy, so that nothing is written beside the project."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copytree(planting.FOLDER / PLANTED.app, folder / PLANTED.app)
    return celerycheck("audit", PLANTED.app, "--format", "json", cwd=folder)


def messages(run):
    return [planting.Message(one["check"], one["path"], one["line"] or 1) for one in run.report["findings"]]


def test_there_are_enough_of_both():
    assert len(PLANTED.mistakes) >= 36
    assert len(PLANTED.sound) >= 15


def test_ids_are_unique():
    times = Counter(mistake.id for mistake in PLANTED.mistakes)
    assert [one for one, number in times.items() if number > 1] == []


def test_every_check_named_is_shipped():
    named = {check for mistake in PLANTED.mistakes for check in mistake.checks}
    named |= {sound.resembles for sound in PLANTED.sound} | {check for check, _ in PLANTED.consequences}
    assert named - set(shipped()) == set()


def test_a_marker_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="stands 0 times in boxoffice/api"):
        planting.locate(planting.FOLDER, {"file": "boxoffice/api.py", "line": "no such line"})


def test_no_sound_code_lies_where_a_mistake_does():
    places = [place for mistake in PLANTED.mistakes for place in mistake.places]
    assert [
        (sound.place, place)
        for sound in PLANTED.sound
        for place in places
        if sound.place.path == place.path
        and sound.place.first <= place.last
        and place.first <= sound.place.last
        and place.last - place.first < sound.place.last - sound.place.first
    ] == []


def test_the_project_says_nothing_about_its_mistakes():
    for path in (planting.FOLDER / PLANTED.app).rglob("*.py"):
        assert "#" not in path.read_text(encoding="utf-8"), path


def test_the_project_imports(tmp_path):
    folder = Path(shutil.copytree(planting.FOLDER / PLANTED.app, tmp_path / PLANTED.app)).parent
    modules = "api, manage, schedule"
    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "ignore",
            "-c",
            f"from {PLANTED.app} import {modules}, celery_app as a; a.finalize()",
        ],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_exactly_the_planted_mistakes_are_found(run):
    run.check(1)
    found = Counter(
        (one["check"], one["subject"]) for one in run.report["findings"] if one["severity"] != "info"
    )
    planted = Counter((mistake.checks[0], mistake.subject) for mistake in CHECKED if not mistake.hint)
    assert found == planted + Counter(PLANTED.consequences)


@pytest.mark.parametrize("mistake", [one for one in CHECKED if one.hint], **OPTIONS)
def test_hints_are_given(run, mistake):
    said = [(one["check"], one["subject"]) for one in run.report["findings"] if one["severity"] == "info"]
    assert (mistake.checks[0], mistake.subject) in said


@pytest.mark.parametrize("mistake", CHECKED, **OPTIONS)
def test_the_finding_stands_where_the_mistake_does(run, mistake):
    assert mistake.found_by(planting.OURS, messages(run))


def test_sound_code_raises_no_alarm(run):
    serious = [
        planting.Message(one["check"], one["path"], one["line"] or 1, one["severity"] != "info")
        for one in run.report["findings"]
    ]
    assert PLANTED.alarms(planting.OURS, serious) == []


def test_nothing_crashed_and_nothing_is_missing(run):
    assert run.report["app"]["partial"] is None
    assert run.report["summary"]["crashed"] == 0
