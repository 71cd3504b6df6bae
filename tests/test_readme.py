"""README and CHANGELOG say what the code does; `UPDATE=1` rewrites what is generated in them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from celerycheck import __version__, checklist
from celerycheck.checks import shipped

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
SHOWN = ("short-visibility-timeout", "every-minute-crontab", "unknown-task-option")
"""The findings of examples/shop that the README's first screen shows."""


def generated(name: str) -> str:
    """The text between the two markers of that name."""
    found = re.search(
        rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README.read_text(encoding="utf-8"), re.DOTALL
    )
    assert found
    return found[1]


def hold(name: str, text: str) -> None:
    """Compare a generated part with what the code gives, or rewrite it."""
    if os.environ.get("UPDATE"):
        whole = README.read_text(encoding="utf-8")
        whole = whole.replace(f"{generated(name)}<!-- /{name} -->", f"{text}<!-- /{name} -->")
        README.write_text(whole, encoding="utf-8")
    assert generated(name) == text, "run the tests once with UPDATE=1"


def table() -> str:
    """Every check by section: id, severity, title."""
    lines = []
    policy = checklist.load(None)
    for section in policy.sections:
        items = [item for item in policy.items if item.section == section and item.kind == "check"]
        if items:
            lines += ["", f"**{section}**", "", "| check | severity | flags |", "|---|---|---|"]
            lines += [f"| `{item.id}` | {item.severity.label} | {item.title} |" for item in items]
    return "\n".join(lines[1:]) + "\n"


def test_the_table_of_checks():
    hold("checks", table())


@pytest.fixture(scope="module")
def report() -> list[str]:
    """The blocks of the console report of examples/shop."""
    done = subprocess.run(
        [sys.executable, "-m", "celerycheck", "audit", "shop", "--workdir", str(ROOT / "examples/shop")],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR", "SHOP_BROKER_URL")},
        cwd=ROOT,
    )
    assert done.returncode == 1, done.stderr
    return done.stdout.split("\n\n")


def test_the_report_on_the_first_screen(report):
    blocks = [next(block for block in report if re.search(rf"[×!] {check} ", block)) for check in SHOWN]
    counts = re.search(r"^\d+ errors · \d+ warnings", "\n".join(report), re.MULTILINE)
    assert counts
    shown = "\n\n".join([report[0].split("\n")[0], *blocks, "...", counts[0]])
    hold("report", f"```\n$ celerycheck audit shop\n{shown}\n```\n")


COMMAND = "new-task orders.charge_order --param order_id:int --queue orders --app config"


def test_the_transcript_of_new_task(tmp_path):
    folder = shutil.copytree(ROOT / "examples/django_shop", tmp_path / "shop")
    done = subprocess.run(
        [sys.executable, "-m", "celerycheck", *COMMAND.split()],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={k: v for k, v in os.environ.items() if k not in ("COLUMNS", "FORCE_COLOR")},
    )
    assert done.returncode == 0, done.stderr
    hold("new-task", f"```\n$ celerycheck {COMMAND}\n{done.stdout}```\n")
    made = (folder / "orders/services.py").read_text(encoding="utf-8")
    service = made[made.index("def charge_order") : made.index("def post_charge_order")].strip()
    hold("service", f"```python\n{service}\n```\n")


def test_every_command_and_option_named_in_the_readme_exists():
    text = README.read_text(encoding="utf-8")
    helps = "".join(
        subprocess.run(
            [sys.executable, "-m", "celerycheck", *command, "--help"],
            capture_output=True,
            encoding="utf-8",
            timeout=60,
            check=True,
        ).stdout
        for command in ((), ("audit",), ("checklist",), ("explain",), ("new-task",))
    )
    for option in set(re.findall(r"`?(--[a-z][a-z-]+)", text)) - {"--strict"}:
        assert option in helps, option
    for command in set(re.findall(r"celerycheck (audit|explain|checklist|init|new-task)\b", text)):
        assert re.search(rf"^  {command}\b", helps, re.MULTILINE), command


def test_the_makefile_has_every_target_named_in_the_readme():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", README.read_text(encoding="utf-8"), re.MULTILINE)):
        assert f"\n{target}:" in makefile, target


def test_the_example_checklist_is_valid(tmp_path):
    text = README.read_text(encoding="utf-8")
    example = next(block for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "extends" in block)
    path = tmp_path / "celerycheck.yaml"
    path.write_text(example, encoding="utf-8")
    policy = checklist.load(path)
    assert policy.item("known-queues")


def test_the_changelog_knows_this_version_and_the_number_of_checks():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {__version__}" in text
    assert f"- {len(shipped())} checks:" in text


def test_the_libraries_of_the_readme_are_in_order(tmp_path):
    text = README.read_text(encoding="utf-8")
    block = next(b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if b.startswith("libraries"))
    path = tmp_path / "celerycheck.yaml"
    path.write_text(f"version: 1\nextends: default\n{block}", encoding="utf-8")
    assert set(checklist.load(path).libraries) == {"network", "atomic", "after_commit", "nothing"}
