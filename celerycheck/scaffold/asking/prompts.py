"""Asks the questions in a terminal; the only importer of questionary here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import questionary
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings

from celerycheck.scaffold.asking import parameters
from celerycheck.scaffold.asking.answers import Answers, Raw
from celerycheck.scaffold.asking.questions import QUESTIONS, Question
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.asking.validation import split_name
from celerycheck.scaffold.project import Project

DETAILS = "Change the details (limits, retries, queue ...)?"


class Terminal(Protocol):
    """Who answers: a person, or a test. All methods raise EOFError or KeyboardInterrupt to stop."""

    def text(self, prompt: str, default: str, refusal: Callable[[str], str]) -> str:
        """One line; `refusal` tells why a text is none, empty where it is fine."""

    def choice(self, prompt: str, choices: tuple[str, ...], default: str | None) -> str: ...

    def confirm(self, prompt: str, default: bool) -> bool: ...


def ask_all(project: Project, answers: Answers, terminal: Terminal) -> Answers:
    """The answers with what the terminal says to all that no flag has said.

    Raises EOFError, KeyboardInterrupt where the person stops; UsageError for a name in two packages.
    """
    for question in QUESTIONS:
        if not question.detail:
            answers = _asked(question, project, answers, terminal)
    if not terminal.confirm(DETAILS, False):
        return answers
    for question in QUESTIONS:
        if question.detail:
            answers = _asked(question, project, answers, terminal)
    return answers


def _asked(question: Question[object], project: Project, answers: Answers, terminal: Terminal) -> Answers:
    situation = Situation(project, answers)
    if answers.given(question.key) or not question.applies(situation) or not question.asked(situation):
        return answers
    answer = ask(question, situation, terminal)
    # What is usual can be emptied; where there was nothing, the question stays open.
    if answer is None or (not answer and answer is not False and answers.source(question.key) is None):
        return answers
    return _with(question, answer, answers)


def _with(question: Question[object], answer: Raw, answers: Answers) -> Answers:
    """The answers and this one; a name may bring its package with it."""
    if question.key != "name":
        return answers.adding("prompt", question.key, answer)
    package = {"package": answers.text("package")} if answers.given("package") else {}
    for key, value in split_name({"name": answer, **package}).items():
        answers = answers.adding("prompt", key, value)
    return answers


def ask(question: Question[object], situation: Situation, terminal: Terminal) -> Raw | None:
    """One answer, checked while it is typed; None where there is nothing to choose from."""
    usual = situation.answers.get(question.key)
    if usual is None:
        usual = question.default(situation)
    if question.form == "yes/no":
        return terminal.confirm(question.prompt, usual is True)
    if question.form == "choice":
        choices = question.choices(situation)
        if len(choices) < 2:
            return choices[0] if choices and usual is None else usual
        return terminal.choice(question.prompt, choices, usual if usual in choices else None)
    shown = ", ".join(usual) if isinstance(usual, tuple) else str(usual or "")
    typed = terminal.text(question.prompt, shown, lambda text: question.refusal(text, situation))
    return tuple(parameters.split(typed)) if question.form == "list" else typed.strip()


class Questionary:
    """The terminal, through questionary."""

    def text(self, prompt: str, default: str, refusal: Callable[[str], str]) -> str:
        return str(
            _answer(questionary.text(f"{prompt}:", default, validate=lambda text: refusal(text) or True))
        )

    def choice(self, prompt: str, choices: tuple[str, ...], default: str | None) -> str:
        return str(_answer(questionary.select(f"{prompt}:", choices=list(choices), default=default)))

    def confirm(self, prompt: str, default: bool) -> bool:
        return bool(_answer(questionary.confirm(prompt, default=default)))


def _answer(question: questionary.Question) -> object:
    """What is typed; Ctrl-D ends every kind of prompt, as Ctrl-C does."""
    stop = KeyBindings()

    @stop.add("c-d")
    def _(event: KeyPressEvent) -> None:
        event.app.exit(exception=EOFError())

    bindings = question.application.key_bindings
    question.application.key_bindings = merge_key_bindings([bindings, stop] if bindings else [stop])
    answer: object = question.unsafe_ask()
    return answer
