"""House rules: what `require` reads, and what it says of settings and tasks."""

from __future__ import annotations

import pytest
import yaml

from celerycheck import known_options
from celerycheck.requirements import TASK_OPTIONS, Requirement, read
from celerycheck.subjects import NotEvaluated, Opaque, TaskInfo
from celerycheck.testing import app, error, settings, task
from celerycheck.yaml_nodes import Document


def rule(text: str) -> Requirement:
    document = Document("c.yaml")
    requirement = read(document, yaml.compose("{" + text + "}", Loader=yaml.SafeLoader))
    assert document.mistakes == []
    return requirement


def mistake(text: str) -> str:
    document = Document("c.yaml")
    assert read(document, yaml.compose("{" + text + "}", Loader=yaml.SafeLoader)) is None
    return str(document.mistakes[0]).removeprefix("c.yaml:1: ")


def of_task(text: str, subject: TaskInfo, **values: object) -> list[str]:
    return [problem.message for problem in rule(text).task_judge(app(subject, values=values))(subject)]


def of_setting(text: str, **values: object) -> list[str]:
    return [problem.message for problem in rule(text).judge_settings(settings(values))]


SHORT = Opaque("datetime.timedelta", seconds=30.0)


@pytest.mark.parametrize(
    ("text", "values", "messages"),
    [
        ("setting: task_acks_late, equals: true", {"task_acks_late": True}, []),
        ("setting: task_acks_late, equals: true", {"task_acks_late": 1}, []),
        ("setting: task_acks_late, equals: false", {}, []),
        ("setting: task_acks_late, equals: true", {}, ["task_acks_late is False, and must be True"]),
        ("setting: task_time_limit, equals: 30", {"task_time_limit": SHORT}, []),
        ("setting: accept_content, equals: [json]", {}, []),
        (
            "setting: accept_content, equals: [json]",
            {"accept_content": ["json", "pickle"]},
            ["accept_content is ['json', 'pickle'], and must be ['json']"],
        ),
        ("setting: timezone, one_of: [UTC, Europe/Berlin]", {"timezone": "UTC"}, []),
        (
            "setting: timezone, one_of: [UTC, Europe/Berlin]",
            {"timezone": "Asia/Seoul"},
            ["timezone is 'Asia/Seoul', and must be one of 'UTC', 'Europe/Berlin'"],
        ),
        ("setting: broker_url, matches: ^amqps://", {"broker_url": "amqps://mq//"}, []),
        (
            "setting: broker_url, matches: ^amqps://",
            {"broker_url": "amqp://mq//"},
            ["broker_url is 'amqp://mq//', and must be text that matches ^amqps://"],
        ),
        ("setting: accept_content, matches: ^(json|msgpack)$", {"accept_content": ["json", "msgpack"]}, []),
        ("setting: task_time_limit, at_most: 60", {"task_time_limit": 60}, []),
        ("setting: task_time_limit, at_most: 60", {"task_time_limit": SHORT}, []),
        (
            "setting: task_time_limit, at_most: 60",
            {},
            ["task_time_limit is None, and must be at most 60"],
        ),
        (
            "setting: task_time_limit, at_most: 60",
            {"task_time_limit": 0},
            ["task_time_limit is 0 (no limit), and must be at most 60"],
        ),
        ("setting: result_expires, at_least: 10, at_most: 60", {"result_expires": 30}, []),
        (
            "setting: result_expires, at_least: 10, at_most: 60",
            {"result_expires": 90},
            ["result_expires is 90, and must be at least 10 and at most 60"],
        ),
        ("setting: task_time_limit, set: true", {"task_time_limit": 10}, []),
        ("setting: task_time_limit, set: true", {}, ["task_time_limit is not set"]),
        ("setting: task_time_limit, set: true", {"task_time_limit": None}, ["task_time_limit is not set"]),
        ("setting: task_time_limit, set: true, at_most: 9", {}, ["task_time_limit is not set"]),
        ("setting: result_backend, unset: true", {}, []),
        (
            "setting: result_backend, unset: true",
            {"result_backend": "rpc://"},
            ["result_backend is 'rpc://', and must not be set"],
        ),
    ],
)
def test_settings(text, values, messages):
    assert of_setting(text, **values) == messages


@pytest.mark.parametrize(
    ("text", "subject", "messages"),
    [
        ("task_option: acks_late, equals: true", task(acks_late=True), []),
        ("task_option: acks_late, equals: true", task(inherited={"acks_late": True}), []),
        ("task_option: acks_late, equals: true", task(), ["acks_late is False, and must be True"]),
        ("task_option: max_retries, at_most: 5", task(), []),
        ("task_option: max_retries, at_most: 5", task(max_retries=0), []),
        (
            "task_option: max_retries, at_most: 5",
            task(max_retries=None),
            ["max_retries is None, and must be at most 5"],
        ),
        ("task_option: max_retries, at_least: 5", task(max_retries=None), []),
        ("task_option: max_retries, at_least: 5", task(), ["max_retries is 3, and must be at least 5"]),
        ("task_option: max_retries, set: true", task(max_retries=3), []),
        ("task_option: max_retries, set: true", task(), ["max_retries is not set"]),
        ("task_option: time_limit, set: true", task(inherited={"time_limit": 5}), []),
        ("task_option: time_limit, unset: true", task(), []),
        ("task_option: rate_limit, unset: true", task(), []),
        (
            "task_option: rate_limit, unset: true",
            task(rate_limit="1/m"),
            ["rate_limit is '1/m', and must not be set"],
        ),
        ("task_option: autoretry_for, equals: [OSError]", task(autoretry_for=[error("OSError")]), []),
        ("task_option: queue, equals: celery", task(), []),
        ("task_option: queue, set: true", task(info=TaskInfo("t", queue="mail")), []),
        ("task_option: queue, set: true", task(), ["queue is not set"]),
        (
            "task_option: queue, matches: ^(mail|reports)$",
            task(),
            ["queue is 'celery', and must be text that matches ^(mail|reports)$"],
        ),
        ("task_option: name, matches: '^proj[.]'", task(), []),
        (
            "task_option: name, matches: '^shop[.]'",
            task("proj.t"),
            ["name is 'proj.t', and must be text that matches ^shop[.]"],
        ),
        ("task_option: bind, equals: false", task(), []),
    ],
)
def test_tasks(text, subject, messages):
    assert of_task(text, subject) == messages


def test_the_default_queue_of_the_project_is_not_a_set_one():
    subject = task(info=TaskInfo("t", queue="default"))
    assert of_task("task_option: queue, set: true", subject, task_default_queue="default") == [
        "queue is not set"
    ]


@pytest.mark.parametrize(
    ("text", "subject"),
    [
        ("task_option: max_retries, at_most: 5", task(max_retries=Opaque("proj.Lazy"))),
        ("task_option: rate_limit, equals: 1/m", task(rate_limit=Opaque("proj.Lazy"))),
        ("task_option: rate_limit, at_most: 5", task(rate_limit="5/m")),
        ("task_option: queue, set: true", TaskInfo("t", route_error="a router raised")),
    ],
)
def test_what_is_computed_is_not_judged(text, subject):
    with pytest.raises(NotEvaluated):
        of_task(text, subject)


def test_a_setting_the_installed_celery_lacks_is_not_judged():
    with pytest.raises(NotEvaluated):
        list(rule("setting: worker_eta_task_limit, set: true").judge_settings(settings(celery="5.3")))


def test_a_problem_of_a_setting_is_about_it():
    (problem,) = rule("setting: enable_utc, equals: false").judge_settings(settings())
    assert problem.about.name == "enable_utc"


@pytest.mark.parametrize(
    ("tasks", "expected"),
    [
        ("", {"a.one", "a.two", "b.one", "b[1]"}),
        (", tasks: 'a.*'", {"a.one", "a.two"}),
        (", tasks: [a.one, '*.one']", {"a.one", "b.one"}),
        (", tasks: 'b[1]'", {"b[1]"}),
        (", tasks: A.ONE", set()),
    ],
)
def test_tasks_are_chosen_by_globs(tasks, expected):
    chosen = rule("task_option: queue, set: true" + tasks).applies_to(["a.one", "a.two", "b.one", "b[1]"])
    assert chosen == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("equals: 1", "require must name a setting or a task_option"),
        (
            "setting: enable_utc, task_option: queue, set: true",
            "require names a setting or a task_option, not both",
        ),
        ("setting: enable_utd, set: true", "Celery has no setting 'enable_utd'; did you mean 'enable_utc'?"),
        (
            "setting: CELERY_ENABLE_UTC, set: true",
            "Celery has no setting 'CELERY_ENABLE_UTC'; did you mean 'enable_utc'?",
        ),
        ("setting: '', set: true", "setting is empty"),
        (
            "task_option: retry_limit, set: true",
            "Celery has no task option 'retry_limit'; did you mean 'max_retries'?",
        ),
        (
            "task_option: task_time_limit, set: true",
            "Celery has no task option 'task_time_limit'; did you mean 'time_limit'?",
        ),
        ("setting: enable_utc", "require must say what to hold: one of equals, one_of"),
        ("setting: enable_utc, equal: true", "unknown key 'equal' in require; did you mean 'equals'?"),
        ("setting: enable_utc, tasks: 'a.*', set: true", "'tasks' goes with task_option"),
        ("setting: enable_utc, set: false", "set can only be true; for the opposite write `unset: true`"),
        ("setting: enable_utc, set: x", "set must be true or false, not the text 'x'"),
        ("setting: enable_utc, unset: true, equals: true", "unset cannot be combined with other conditions"),
        (
            "setting: broker_url, matches: '('",
            "matches is no regular expression: missing ), unterminated subpattern",
        ),
        ("setting: broker_url, matches: 3", "matches must be text, not the number 3"),
        ("setting: broker_url, one_of: amqp", "one_of must be a list of values, such as [a, b]"),
        ("setting: broker_url, one_of: []", "one_of must be a list of values, such as [a, b]"),
        ("setting: task_time_limit, at_most: ten", "at_most must be a number, not the text 'ten'"),
        ("setting: task_time_limit, at_least: true", "at_least must be a number, not true"),
        ("setting: beat_schedule, equals: [[1]]", "equals must be text, a number, true or false, not a list"),
        ("task_option: queue, tasks: 3, set: true", "tasks must be text, not the number 3"),
        ("task_option: queue, tasks: [''], set: true", "each entry of tasks is empty"),
    ],
)
def test_mistakes(text, expected):
    assert mistake(text).startswith(expected)


@pytest.mark.parametrize(
    ("text", "title", "fix"),
    [
        ("setting: enable_utc, equals: true", "enable_utc must be True", "set `enable_utc` to True"),
        ("setting: timezone, set: true", "timezone must be set", "set `timezone`"),
        (
            "task_option: rate_limit, unset: true",
            "rate_limit of every task must be left unset",
            "leave `rate_limit` out",
        ),
        (
            "task_option: time_limit, tasks: ['a.*', b], at_least: 1, at_most: 9",
            "time_limit of a.*, b must be at least 1 and at most 9",
            "set `time_limit` to at least 1 and at most 9",
        ),
    ],
)
def test_a_rule_says_itself_what_it_is(text, title, fix):
    assert (rule(text).title, rule(text).fix) == (title, fix)


def test_rules_speak_of_the_options_of_known_options():
    assert {"queue", "name", "bind", "pydantic", "max_retries", "time_limit"} <= TASK_OPTIONS
    assert set(known_options.TASK_OPTIONS) > TASK_OPTIONS
