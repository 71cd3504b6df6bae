"""What end-to-end tests share: projects written to a folder, and the real command run on them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("APP", "COLUMNS", "DJANGO_SETTINGS_MODULE", "FORCE_COLOR", "NO_COLOR", "TERM", "VIRTUAL_ENV")
LIMIT = 60
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Run:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> Any:
        return json.loads(self.out)

    def check(self, code: int, *needles: str, never: Sequence[str] = ("Traceback",)) -> Run:
        """Hold the exit code, and what standard error (its line breaks aside) must and must not say."""
        said = " ".join(self.err.split())
        assert self.code == code, f"exit code {self.code}\n{self.out}\n{self.err}"
        for needle in needles:
            assert needle in said, self.err
        for needle in never:
            assert needle not in self.err
        return self


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change a report."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OURS and not name.startswith(("CELERY", "PYTEST", "COV"))
    }
    return {**kept, **(extra or {})}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "celerycheck", *map(str, arguments)]


def run_command(
    *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None, **options: Any
) -> Run:
    """Run `celerycheck`; bounded, with an empty standard input unless `options` say otherwise."""
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run(
        command(*arguments),
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        timeout=LIMIT,
        check=False,
        **options,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


@dataclass(frozen=True)
class Here:
    """The command in this process: as good as a process of its own where no app is loaded, and quicker."""

    capsys: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def __call__(self, *arguments: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Run:
        from celerycheck.cli.commands import application

        with self.monkeypatch.context() as patch:
            patch.chdir(cwd)
            for name in set(os.environ) - set(environment()):
                patch.delenv(name)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            with pytest.raises(SystemExit) as ended:
                application()(list(map(str, arguments)), obj=None, prog_name="celerycheck")
        code = ended.value.code
        assert isinstance(code, int)
        return Run(code, *self.capsys.readouterr())


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


@pytest.fixture(scope="session")
def celerycheck() -> Callable[..., Run]:
    """`celerycheck("audit", "proj", cwd=folder, env={...})`."""
    return run_command


@pytest.fixture
def here(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    """Like `celerycheck`, in this process: for command lines that load no app."""
    return Here(capsys, monkeypatch)


@pytest.fixture
def project(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """`project({"proj.py": "..."})` writes the files and returns their folder."""
    return lambda files: write_files(tmp_path, files)


@pytest.fixture(scope="session")
def shop_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved picture of examples/shop."""
    file = tmp_path_factory.mktemp("shop") / "shop.json"
    arguments = ("audit", "shop", "--workdir", "examples/shop", "--save-picture", file, "--format", "json")
    run_command(*arguments, cwd=ROOT).check(1)
    return file


@pytest.fixture(scope="session")
def clean_picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The saved picture of an app without tasks, which no error is found in."""
    folder = write_files(
        tmp_path_factory.mktemp("clean"),
        {"clean.py": 'from celery import Celery\napp = Celery("clean", broker="amqp://")\n'},
    )
    run_command("audit", "clean", "--save-picture", "clean.json", cwd=folder).check(0)
    return folder / "clean.json"


@pytest.fixture(scope="session")
def report_schema() -> Any:
    """A validator of JSON reports."""
    import jsonschema

    schema = json.loads((ROOT / "celerycheck" / "schemas" / "report.schema.json").read_text())
    return jsonschema.validators.validator_for(schema)(schema)


@pytest.fixture(autouse=True)
def _no_worker_here() -> None:
    """A pool made or a worker run in this process leaves Celery in the belief that waiting is forbidden."""
    state = sys.modules.get("celery._state")
    if state is not None:
        state._set_task_join_will_block(False)  # type: ignore[attr-defined]
