"""From answers to a Spec: every question that applies is read, and all mistakes are told at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import parameters
from celerycheck.scaffold.asking import questions as q
from celerycheck.scaffold.asking.answers import Answers, Raw
from celerycheck.scaffold.asking.contradictions import contradictions
from celerycheck.scaffold.asking.questions import QUESTIONS, Question
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Spec
from celerycheck.subjects import App

T = TypeVar("T")

MISSING = "is missing"


@dataclass(frozen=True)
class Mistake:
    """One line of what is wrong: where it was said, what is wrong with it, and the way out.

    `number` is the question's, in the order in which questions are asked.
    """

    where: str
    message: str
    hint: str = ""
    number: int = 0

    @property
    def text(self) -> str:
        return f"{self.where} {MISSING}" if self.message == MISSING else f"{self.where}: {self.message}"

    def __str__(self) -> str:
        stop = "" if self.text.endswith((".", "?")) else "."
        return f"{self.text}{stop} {self.hint}".rstrip()


@dataclass
class Reading:
    """Reads the answers one by one, and keeps what is missing or wrong."""

    situation: Situation
    mistakes: list[Mistake] = field(default_factory=list)

    def one(self, question: Question[T]) -> T | None:
        """What the answer means; None where there is none, or none that can be read."""
        answer = self.situation.answers.get(question.key)
        if not self._counts(question) or not isinstance(answer, str) or not answer.strip():
            return None
        return next(iter(self._read(question, [answer.strip()])), None)

    def several(self, question: Question[T]) -> tuple[T, ...]:
        """What the answers of a list mean, without those that cannot be read."""
        answers = self.situation.answers
        parts = [part for text in answers.texts(question.key) for part in parameters.split(text)]
        return self._read(question, parts) if self._counts(question) else ()

    def yes(self, question: Question[bool]) -> bool:
        answer = self.situation.answers.get(question.key)
        return self._counts(question) and answer is True

    def _counts(self, question: Question[object]) -> bool:
        """Whether an answer is to be read; keeps the mistake where there is one too few or too many."""
        given = self.situation.answers.given(question.key)
        if not question.applies(self.situation):
            if given:
                self.add(question, question.otherwise, "Leave it out.")
            return False
        self.require(question)
        return True

    def require(self, question: Question[object]) -> None:
        """Keep the mistake where there must be an answer and is none."""
        answer = self.situation.answers.get(question.key)
        if answer in (None, "", ()) and question.needed(self.situation):
            choices = ", ".join(question.choices(self.situation)[:10])
            there = f" There is {choices}." if choices else ""
            self.add(question, MISSING, f"Say {question.example}.{there}")

    def _read(self, question: Question[T], texts: Sequence[str]) -> tuple[T, ...]:
        found = []
        for text in texts:
            try:
                found.append(question.parse(text, self.situation))
            except UsageError as error:  # noqa: PERF203  # all mistakes are told
                self.add(question, error.message, error.hint)
        return tuple(found)

    def add(self, question: Question[object], message: str, hint: str = "") -> None:
        place = where(question, self.situation.answers)
        mistake = Mistake(place, message, hint, QUESTIONS.index(question))
        if mistake not in self.mistakes:
            self.mistakes.append(mistake)

    def raise_if_wrong(self) -> None:
        """Raise UsageError that tells every mistake, if there is any."""
        if len(self.mistakes) == 1:
            raise UsageError(self.mistakes[0].text, self.mistakes[0].hint)
        if self.mistakes:
            lines = "".join(f"\n{mistake}" for mistake in sorted(self.mistakes, key=lambda one: one.number))
            raise UsageError(f"{len(self.mistakes)} answers are missing or wrong:{lines}")


def where(question: Question[object], answers: Answers) -> str:
    """How an answer is named to whoever gave it."""
    if answers.source(question.key) == "file":
        return f"{question.key.replace('_', '-')} under [tool.celerycheck.new-task] in pyproject.toml"
    return question.flag


def completed(project: Project, answers: Answers) -> Answers:
    """The answers with the usual one to each question that applies and that nobody answered."""
    for question in QUESTIONS:
        if answers.source(question.key) is None:
            situation = Situation(project, answers)
            usual = question.default(situation) if question.applies(situation) else None
            if usual is not None:
                answers = answers.adding("default", question.key, usual)
    return answers


def split_name(given: Mapping[str, Raw]) -> Mapping[str, Raw]:
    """NAME as `package.name` taken apart. Raises UsageError where another package was named as well."""
    name = given.get("name")
    if not isinstance(name, str) or "." not in name:
        return given
    package, _, last = name.strip().rpartition(".")
    if given.get("package", package) != package:
        raise UsageError(f"NAME says {package}, and --package {given['package']}", "Name the package once.")
    return {**given, "name": last, "package": package}


def unanswered(answers: Answers) -> tuple[Mistake, ...]:
    """What is still to be said of the task, of all that no project can answer."""
    nowhere = Project(Path(), App(), "plain", "", "")
    reading = Reading(Situation(nowhere, answers))
    for question in QUESTIONS:
        if question.once and question.applies(reading.situation):
            reading.require(question)
    return tuple(reading.mistakes)


def check_given(project: Project, answers: Answers) -> None:
    """Raise UsageError for flags that are wrong whatever else will be answered: before anything is asked."""
    reading = Reading(Situation(project, answers))
    for question in QUESTIONS:
        if answers.given(question.key) and question.applies(reading.situation):
            _read_any(question, reading)
    reading.raise_if_wrong()


def _read_any(question: Question[object], reading: Reading) -> None:
    if question.form == "list":
        reading.several(question)
    elif question.form != "yes/no":
        reading.one(question)


def spec(project: Project, answers: Answers) -> Spec:
    """What is to be made. Raises UsageError that tells everything that is missing or wrong."""
    answers = completed(project, answers)
    situation = Situation(project, answers)
    reading = Reading(situation)
    soft, hard = reading.one(q.SOFT_TIME_LIMIT), reading.one(q.TIME_LIMIT)
    every, cron = reading.one(q.EVERY), reading.one(q.CRON)
    reading.one(q.FRAMEWORK)
    made = Spec(
        name=reading.one(q.NAME) or "",
        package=reading.one(q.PACKAGE) or "",
        kind=reading.one(q.KIND) or "task",
        params=reading.several(q.PARAM),
        store=reading.one(q.STORE) or "django",
        outside=reading.one(q.OUTSIDE) or "none",
        retry_on=tuple(dict.fromkeys(reading.several(q.RETRY_ON))),
        max_retries=reading.one(q.MAX_RETRIES) or 1,
        queue=reading.one(q.QUEUE),
        reliable=reading.yes(q.RELIABLE),
        keep_result=reading.yes(q.KEEP_RESULT),
        soft_time_limit=soft or 0,
        time_limit=hard or 0,
        rate_limit=reading.one(q.RATE_LIMIT),
        bind=reading.yes(q.BIND),
        steps=reading.several(q.STEPS),
        schedule=every or cron,
        lock=reading.one(q.LOCK) or "django",
        report_failures=reading.yes(q.REPORT_FAILURES),
    )
    for question, message, hint in contradictions(made, situation):
        reading.add(question, message, hint)
    reading.raise_if_wrong()
    return made
