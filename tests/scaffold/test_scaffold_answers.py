"""Answers in layers, and those that pyproject.toml gives for a whole project."""

from __future__ import annotations

from pathlib import Path

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking.answers import Answers
from celerycheck.scaffold.asking.options_file import usual
from celerycheck.scaffold.asking.questions import QUESTIONS

LAYERS = Answers(
    {
        "default": {"kind": "task", "queue": "celery", "reliable": False, "max_retries": "5"},
        "file": {"queue": "mail", "reliable": True},
        "prompt": {"kind": "workflow", "queue": "bulk"},
        "flag": {"queue": "fast"},
    }
)


@pytest.mark.parametrize(
    ("key", "source", "value"),
    [
        ("queue", "flag", "fast"),
        ("kind", "prompt", "workflow"),
        ("reliable", "file", True),
        ("max_retries", "default", "5"),
        ("store", None, None),
    ],
)
def test_the_first_layer_that_answers_counts(key, source, value):
    assert (LAYERS.source(key), LAYERS.get(key)) == (source, value)
    assert LAYERS.given(key) == (source in ("flag", "prompt"))


def test_an_answer_is_added_to_a_copy():
    more = LAYERS.adding("flag", "kind", "periodic")
    assert (more.text("kind"), LAYERS.text("kind")) == ("periodic", "workflow")


@pytest.mark.parametrize(
    ("value", "text", "texts"),
    [(" a ", "a", (" a ",)), (("a", "b"), "", ("a", "b")), (True, "", ())],
)
def test_an_answer_as_text(value, text, texts):
    answers = Answers({"flag": {"x": value}})
    assert (answers.text("x"), answers.texts("x")) == (text, texts)
    assert answers.yes("x") is (value is True)


PATH = Path("proj") / "pyproject.toml"


def test_a_whole_table():
    read = usual(
        {
            "kind": "task",
            "package": "billing",
            "retry-on": ["requests.Timeout", "OSError"],
            "max-retries": 7,
            "soft-time-limit": "10m",
            "time-limit": 900,
            "reliable": True,
            "report-failures": False,
            "queue": "mail",
            "framework": "plain",
            "templates": "tools/templates",
        },
        PATH,
    )
    assert read.answers == {
        "kind": "task",
        "package": "billing",
        "retry_on": ("requests.Timeout", "OSError"),
        "max_retries": "7",
        "soft_time_limit": "10m",
        "time_limit": "900",
        "reliable": True,
        "report_failures": False,
        "queue": "mail",
        "framework": "plain",
    }
    assert read.templates == Path("proj/tools/templates")


def test_no_table():
    assert (usual({}, PATH).answers, usual({}, PATH).templates) == ({}, None)


@pytest.mark.parametrize(
    ("table", "needle"),
    [
        ({"quue": "mail"}, "quue: there is no such key. Did you mean queue?"),
        ({"max_retries": 3}, "max_retries: there is no such key. Did you mean max-retries?"),
        ({"zzz": 1}, "zzz: there is no such key. It takes kind, package,"),
        ({"name": "charge"}, "name: it is said of each task anew: NAME on the command line."),
        ({"param": ["a:int"]}, "param: it is said of each task anew: --param"),
        ({"reliable": "yes"}, "reliable: 'yes' is not true or false."),
        ({"reliable": 1}, "reliable: 1 is not true or false."),
        ({"max-retries": True}, "max-retries: True is not a text"),
        ({"max-retries": 2.5}, "max-retries: 2.5 is not a text"),
        ({"kind": 3}, "kind: 3 is not a text"),
        ({"queue": ["mail"]}, "queue: such a list is not a text"),
        ({"queue": ""}, "queue: '' is not a text"),
        ({"queue": {"name": "mail"}}, "queue: a table is not a text"),
        ({"retry-on": ["OSError", 3]}, "retry-on: such a list is not a text or a list of texts."),
        ({"retry-on": []}, "retry-on: such a list is not"),
        ({"templates": ["x"]}, "templates: such a list is not the path of a folder."),
    ],
)
def test_a_mistake_in_the_table(table, needle):
    with pytest.raises(UsageError) as refused:
        usual(table, PATH)
    assert refused.value.message.startswith(f"{PATH}: [tool.celerycheck.new-task] has a mistake:\n")
    assert needle in refused.value.message


def test_all_mistakes_at_once():
    with pytest.raises(UsageError) as refused:
        usual({"quue": "mail", "reliable": "yes", "every": "5m", "queue": "mail"}, PATH)
    first, *rest = refused.value.message.splitlines()
    assert first.endswith("has 3 mistakes:")
    assert [line.partition(":")[0] for line in rest] == ["quue", "reliable", "every"]


def test_every_question_has_a_flag_and_a_prompt():
    from typer.main import get_command

    from celerycheck.cli.commands import application

    command = get_command(application()).commands["new-task"]
    flags = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for question in QUESTIONS:
        assert question.prompt
        for flag in question.flag.split("/"):
            assert flag in flags or flag == "NAME"
    asked = {question.key for question in QUESTIONS}
    assert len(asked) == len(QUESTIONS)
