"""A disk that fails in the middle leaves the project as it was: no half of a task, nothing lying about."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from proof_projects import apps_folder
from proof_steps import written

pytestmark = pytest.mark.proof

COMMAND = ("new-task", "charge_invoice", "--param", "invoice_id:int", "--package", "apps.billing")
OPTIONS = ("--queue", "mail", "--app", "config", "--no-input")


@pytest.mark.parametrize("good", [0, 1, 5])
@pytest.mark.parametrize("operation", ["replace", "fsync"])
def test_all_files_are_written_or_none(
    operation: str, good: int, tmp_path: Path, here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    subject = written(apps_folder(), tmp_path)
    calls, real = [], getattr(os, operation)

    def failing_once(*arguments: object) -> object:
        calls.append(arguments)
        if len(calls) == good + 1:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, operation, failing_once)
        here(*COMMAND, *OPTIONS, cwd=subject.root).check(2, "cannot be written: No space left on device")
    assert len(calls) > good
    assert subject.held() == subject.before
    here(*COMMAND, *OPTIONS, cwd=subject.root).check(0)
    assert subject.made()
