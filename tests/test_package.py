"""The wheel holds all that a checkout does, and works from wherever it is unpacked."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from celerycheck.resources import resource

ROOT = Path(__file__).resolve().parent.parent
FILES = (
    "checklist.yaml",
    "templates/celerycheck.yaml",
    *(f"templates/new-task/{path.name}" for path in sorted((ROOT / "templates/new-task").iterdir())),
    "schemas/celerycheck.schema.json",
    "schemas/report.schema.json",
    "py.typed",
)

SHOP = ("--workdir", str(ROOT / "examples/django_shop"))


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory) -> Path:
    """The wheel's contents, in a folder far from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_python_is_there(unpacked, name):
    assert (unpacked / "celerycheck" / name).read_bytes() == resource(name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("checklist", "--validate"), 0, "the shipped checklist is in order"),
        (("checklist", "--starter"), 0, "extends: default"),
        (("audit", "shop", "--workdir", str(ROOT / "examples/shop")), 1, "short-visibility-timeout"),
        (
            ("new-task", "orders.charge", "--param", "order_id:int", "--app", "config", "--dry-run", *SHOP),
            0,
            "+def charge(order_id: int) -> bool:",
        ),
    ],
)
def test_it_runs(unpacked, tmp_path, arguments, code, says):
    done = subprocess.run(
        [sys.executable, "-m", "celerycheck", *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert says in done.stdout


def test_a_missing_file_is_named():
    with pytest.raises(FileNotFoundError, match=r"without nosuch\.yaml"):
        resource("nosuch.yaml")
