"""What is known while questions are answered: the project, and the answers given so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from celerycheck.scaffold.asking.answers import Answers
from celerycheck.scaffold.project import Project

FRAMEWORKS: tuple[Literal["django", "flask", "plain"], ...] = ("django", "flask", "plain")


@dataclass(frozen=True)
class Situation:
    """The project, seen as the framework that the answers choose, and the answers."""

    found: Project
    answers: Answers

    @property
    def project(self) -> Project:
        chosen = self.answers.text("framework")
        framework = next((known for known in FRAMEWORKS if known == chosen), self.found.framework)
        return replace(self.found, framework=framework)

    @property
    def kind(self) -> str:
        return self.answers.text("kind") or "task"
