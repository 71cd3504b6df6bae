"""What is asked in a terminal, in which order, and what becomes of the answers: without a terminal."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking import questions as q
from celerycheck.scaffold.asking.answers import Answers
from celerycheck.scaffold.asking.prompts import DETAILS, ask_all
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.asking.validation import spec
from celerycheck.scaffold.project import Project
from celerycheck.subjects import DjangoInfo
from celerycheck.testing import app


@dataclass
class Typist:
    """Types what a test wants, by the beginning of the prompt; else accepts what is offered."""

    types: dict[str, object] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    offered: dict[str, object] = field(default_factory=dict)

    def _answer(self, prompt, default):
        self.asked.append(prompt)
        self.offered[prompt] = default
        return next((value for start, value in self.types.items() if prompt.startswith(start)), default)

    def text(self, prompt, default, refusal):
        typed = self._answer(prompt, default)
        assert not refusal(typed), refusal(typed)
        return typed

    def choice(self, prompt, choices, default):
        chosen = self._answer(prompt, default or choices[0])
        assert chosen in choices
        return chosen

    def confirm(self, prompt, default):
        return self._answer(prompt, default)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    for name in ("billing", "shop"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    return Project(
        tmp_path,
        app(),
        "plain",
        "proj",
        "app",
        packages=("billing", "shop"),
        installed=frozenset({"requests", "sqlalchemy", "redis"}),
    )


def keys(typist):
    prompts = {question.prompt: question.key for question in q.QUESTIONS} | {DETAILS: "details"}
    return [prompts[prompt] for prompt in typist.asked]


USUAL = {"Name": "charge_invoice", "Parameters": "invoice_id:int, note:str | None"}


def test_a_usual_run_asks_about_few_things(project):
    typist = Typist(USUAL)
    answers = ask_all(project, Answers(), typist)
    assert keys(typist) == ["name", "kind", "package", "param", "outside", "reliable", "details"]
    made = spec(project, answers)
    assert [param.type for param in made.params] == ["int", "str | None"]
    assert (made.package, made.outside, made.max_retries) == ("billing", "requests", 5)


@pytest.mark.parametrize(
    ("types", "kind", "asked"),
    [
        ({**USUAL, "Steps": "fetch, store"}, "workflow", ["param", "steps"]),
        ({**USUAL, "How often": "15m"}, "periodic", ["every"]),
        ({**USUAL, "How often": "", "When": "30 3 * * *"}, "periodic", ["every", "cron"]),
    ],
)
def test_only_what_applies_is_asked(project, types, kind, asked):
    typist = Typist({**types, "Kind": kind})
    answers = ask_all(project, Answers(), typist)
    assert keys(typist) == ["name", "kind", "package", *asked, "outside", "reliable", "details"]
    assert spec(project, answers).kind == kind


def test_flags_are_not_asked_again(project):
    typist = Typist({"Parameters": "a:int"})
    flags = {"name": "charge", "package": "shop", "kind": "task", "reliable": True, "outside": "none"}
    made = spec(project, ask_all(project, Answers({"flag": flags}), typist))
    assert keys(typist) == ["param", "details"]
    assert (made.package, made.reliable) == ("shop", True)


def test_what_the_file_says_is_offered(project):
    typist = Typist({**USUAL, "Change": True})
    file = {"package": "shop", "reliable": True, "queue": "mail", "retry_on": ("OSError", "LookupError")}
    made = spec(project, ask_all(project, Answers({"file": file}), typist))
    assert typist.offered[q.PACKAGE.prompt] == "shop"
    assert typist.offered[q.RELIABLE.prompt] is True
    assert typist.offered[q.QUEUE.prompt] == "mail"
    assert typist.offered[q.RETRY_ON.prompt] == "OSError, LookupError"
    assert made.retry_on == ("OSError", "LookupError")


def test_what_is_typed_goes_before_the_file(project):
    typist = Typist({**USUAL, "Must": False, "Package": "billing"})
    made = spec(project, ask_all(project, Answers({"file": {"reliable": True, "package": "shop"}}), typist))
    assert (made.reliable, made.package) == (False, "billing")


def test_what_the_file_says_can_be_emptied(project):
    typist = Typist({**USUAL, "Change": True, "Queue": ""})
    made = spec(project, ask_all(project, Answers({"file": {"queue": "mail"}}), typist))
    assert made.queue is None


def test_the_details(project):
    typist = Typist(
        {**USUAL, "Change": True, "Queue": "slow", "Rate": "10/m", "Soft": "10m", "Calls": "none"}
    )
    made = spec(project, ask_all(project, Answers(), typist))
    details = keys(typist)[keys(typist).index("details") + 1 :]
    assert details == [
        "store",
        "retry_on",
        "max_retries",
        "soft_time_limit",
        "time_limit",
        "queue",
        "rate_limit",
        "keep_result",
        "bind",
        "report_failures",
    ]
    assert (made.queue, made.rate_limit, made.soft_time_limit, made.time_limit) == ("slow", "10/m", 600, 900)
    assert made.retry_on == ("sqlalchemy.exc.OperationalError",)


def test_a_rate_limit_is_asked_only_with_a_queue(project):
    typist = Typist({**USUAL, "Change": True})
    ask_all(project, Answers(), typist)
    assert "queue" in keys(typist)
    assert "rate_limit" not in keys(typist)


def test_nothing_is_asked_where_there_is_nothing_to_choose(project):
    typist = Typist({**USUAL, "Change": True})
    one = replace(project, packages=("shop",), installed=frozenset({"redis"}))
    made = spec(one, ask_all(one, Answers(), typist))
    assert not {"package", "store"} & set(keys(typist))
    assert (made.package, made.store) == ("shop", "redis")


def test_django_or_plain_is_asked_in_a_django_project(project):
    found = replace(
        project,
        app=replace(project.app, django=DjangoInfo(version="5.2")),
        framework="django",
        django_apps=("billing", "shop"),
    )
    typist = Typist({**USUAL, "Change": True, "Written": "plain"})
    answers = ask_all(found, Answers(), typist)
    assert answers.text("framework") == "plain"
    assert typist.offered[q.STORE.prompt] == "sqlalchemy"


def test_a_name_with_its_package_settles_that(project):
    typist = Typist({**USUAL, "Name": "shop.charge_invoice"})
    made = spec(project, ask_all(project, Answers(), typist))
    assert "package" not in keys(typist)
    assert (made.package, made.name) == ("shop", "charge_invoice")


def test_a_name_in_another_package_than_the_flag_says(project):
    typist = Typist({**USUAL, "Name": "shop.charge_invoice"})
    with pytest.raises(UsageError, match="NAME says shop, and --package billing"):
        ask_all(project, Answers({"flag": {"package": "billing"}}), typist)


@pytest.mark.parametrize(
    ("question", "text", "needle"),
    [
        (q.NAME, "", "An answer is needed"),
        (q.NAME, "class", "a word of Python's own"),
        (q.NAME, "nowhere.charge", "no package 'nowhere'"),
        (q.NAME, "shop.charge", ""),
        (q.PARAM, "", "An answer is needed"),
        (q.PARAM, "a:int, b:datetime", "JSON has no dates"),
        (q.PARAM, "a:int, b:dict[str, int]", ""),
        (q.EVERY, "", ""),
        (q.EVERY, "soon", "no time"),
        (q.CRON, "", "An answer is needed"),
        (q.CRON, "1 2 3", "3 fields"),
        (q.MAX_RETRIES, "0", "without a retry"),
        (q.MAX_RETRIES, "5", ""),
        (q.QUEUE, "", ""),
        (q.QUEUE, "a b", "no name for a queue"),
        (q.RETRY_ON, "OSError, Exception", "includes bugs"),
    ],
)
def test_answers_are_checked_while_they_are_typed(project, question, text, needle):
    refusal = question.refusal(text, Situation(project, Answers()))
    assert needle in refusal
    assert bool(refusal) == bool(needle)


@pytest.mark.parametrize("question", [q.NAME, q.PARAM, q.STEPS, q.CRON], ids=lambda question: question.key)
def test_an_answer_that_is_needed_is_shown_as_it_is_typed_in_one_line(project, question):
    refusal = question.refusal("", Situation(project, Answers()))
    assert "--" not in refusal
    assert len(refusal) < 80
