"""The runner: subjects × items, what counts, what is waived, skipped or crashed, and in which order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date

import pytest

from celerycheck import checklist
from celerycheck.answers import Answer
from celerycheck.checklist import Checklist, Item, Waiver
from celerycheck.checks import shipped
from celerycheck.errors import UsageError
from celerycheck.findings import Finding, Problem, Report, Severity
from celerycheck.judging import NOT_ABOUT_TASKS
from celerycheck.registry import FROM_SOURCE, Check, check
from celerycheck.requirements import Requirement
from celerycheck.runner import open_questions, run
from celerycheck.source.evidence import SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.source.suppressions import Suppression, Suppressions
from celerycheck.subjects import (
    App,
    BackendInfo,
    BrokenTask,
    Location,
    Note,
    NotEvaluated,
    QueueInfo,
    RouteInfo,
    ScheduleEntry,
    Settings,
    TaskInfo,
)
from celerycheck.testing import app, settings, source

TODAY = date(2026, 8, 1)


@check
def late(task: TaskInfo, *, limit: int = 10) -> Iterator[Problem]:
    """Task is late.

    Why: it holds others up.
    Fix: be quick.
    Reference: see https://example.org/late.
    """
    if "late" in task.name:
        yield Problem(f"later than {limit}")


@check
def unsure(task: TaskInfo) -> Iterator[Problem]:
    """Task is unsure.

    Why: it wavers.
    Fix: decide.
    """
    if "unknown" in task.name:
        raise NotEvaluated(f"{task.name} is computed")
    if "bad" in task.name:
        yield Problem("unsure")
    yield from ()


@check
def crashing(task: TaskInfo) -> Iterator[Problem]:
    """Task crashes the check.

    Why: it is a test.
    Fix: none.
    """
    yield Problem("seen")
    raise ZeroDivisionError(f"by {task.name}")


@check
def about_tasks(app: App) -> Iterator[Problem]:
    """App has several faults.

    Why: it relates things.
    Fix: relate them better.
    """
    for task in app.tasks:
        yield Problem("related", about=task, fix="relate this", at_most=Severity.INFO)
    yield Problem("whole")
    yield Problem("set", about=app.settings["task_time_limit"])
    for broken in app.broken_tasks:
        yield Problem("broken", about=broken)


@check
def of_settings(settings: Settings) -> Iterator[Problem]:
    """A setting is wrong.

    Why: it misleads.
    Fix: set it right.
    """
    yield Problem("wrong", about=settings["broker_url"])


@check
def of_entries(entry: ScheduleEntry) -> Iterator[Problem]:
    """An entry is wrong.

    Why: it misfires.
    Fix: mend it.
    """
    yield Problem("entry")


@check
def of_routes(route: RouteInfo) -> Iterator[Problem]:
    """A route is wrong.

    Why: it leads astray.
    Fix: mend it.
    """
    yield Problem("route", location=Location("proj/routes.py", 3))


@check
def of_queues(queue: QueueInfo) -> Iterator[Problem]:
    """A queue is wrong.

    Why: it fills.
    Fix: mend it.
    """
    yield Problem("queue")


@check
def no_generator(app: App) -> Iterator[Problem]:
    """Check forgot to yield.

    Why: it happens.
    Fix: yield.
    """
    return None  # type: ignore[return-value]


@check
def wrong_yield(app: App) -> Iterator[Problem]:
    """Check yields text.

    Why: it happens.
    Fix: yield a Problem.
    """
    yield "text"  # type: ignore[misc]


@check
def wrong_subject(app: dict) -> Iterator[Problem]:  # type: ignore[type-arg]
    """Check has no proper subject.

    Why: it happens.
    Fix: annotate it.
    """
    yield Problem("never")


def item(of: Check[object], section: str = "One", **fields: object) -> Item:
    base = Item(of.id, "check", section, of.title, Severity.ERROR, why=of.why, fix=of.fix, check=of)
    return replace(base, **fields)


def ask(id_: str = "watched", **fields: object) -> Item:
    return replace(Item(id_, "ask", "People", "Is it watched?", fix="watch it"), **fields)


def rule(requirement: Requirement, **fields: object) -> Item:
    return replace(
        Item("a-rule", "require", "House rules", requirement.title, requirement=requirement), **fields
    )


def listed(*items: Item) -> Checklist:
    return Checklist(items, tuple(dict.fromkeys(i.section for i in items)))


def task(name: str, line: int | None = None) -> TaskInfo:
    return TaskInfo(name, location=Location("proj/tasks.py", line or sum(map(ord, name))))


def audit(*items: Item, of: App | None = None, **options: object) -> Report:
    return run(listed(*items), of or app(task("a.late"), task("b")), today=TODAY, **options)


def said(findings: tuple[Finding, ...]) -> list[tuple[str, str, str]]:
    return [(f.check, f.subject, f.message) for f in findings]


def status(report: Report, id_: str) -> tuple[str, str | None]:
    outcome = next(o for o in report.outcomes if o.id == id_)
    return outcome.status, outcome.reason


def test_a_finding_is_stamped_with_everything():
    report = audit(item(late, "Speed", severity=Severity.WARNING), of=app(task("a.late", 7), task("b")))
    assert report.findings == (
        Finding(
            check="late",
            title="Task is late",
            section="Speed",
            severity=Severity.WARNING,
            subject="a.late",
            subject_kind="task",
            message="later than 10",
            fix="be quick",
            location=Location("proj/tasks.py", 7),
        ),
    )
    (outcome,) = report.outcomes
    assert (outcome.id, outcome.title, outcome.section, outcome.status) == (
        "late",
        "Task is late",
        "Speed",
        "failed",
    )
    assert outcome.url == "https://example.org/late"


def test_options_are_handed_to_the_check():
    assert audit(item(late, options={"limit": 3})).findings[0].message == "later than 3"


def test_problems_say_what_they_are_about_and_how_bad_at_most():
    report = audit(
        item(about_tasks), of=app(task("b", 2), task("a", 1), broken_tasks=(BrokenTask("c", "TypeError"),))
    )
    assert [(f.subject_kind, f.subject, f.severity, f.fix) for f in report.findings] == [
        ("task", "a", Severity.INFO, "relate this"),
        ("task", "b", Severity.INFO, "relate this"),
        ("task", "c", Severity.ERROR, "relate them better"),
        ("app", "proj", Severity.ERROR, "relate them better"),
        ("setting", "task_time_limit", Severity.ERROR, "relate them better"),
    ]


def test_at_most_never_raises_a_severity():
    report = audit(item(about_tasks, severity=Severity.INFO))
    assert {f.severity for f in report.findings} == {Severity.INFO}


def test_every_kind_of_subject_is_looked_at():
    subject = app(
        schedule=(ScheduleEntry("nightly"),),
        routes=(RouteInfo("mail.*"),),
        queues=(QueueInfo("mail"), QueueInfo("reports")),
    )
    report = audit(*map(item, (of_settings, of_entries, of_routes, of_queues)), of=subject)
    assert [(f.subject_kind, f.subject) for f in report.findings] == [
        ("setting", "broker_url"),
        ("schedule", "nightly"),
        ("route", "mail.*"),
        ("queue", "mail"),
        ("queue", "reports"),
    ]
    assert report.findings[2].location == Location("proj/routes.py", 3)


def test_a_setting_nobody_wrote_is_placed_at_the_app():
    subject = app(settings=settings({}))
    assert audit(item(of_settings), of=subject).findings[0].location == subject.location
    written = app(values={"broker_url": "redis://"})
    assert audit(item(of_settings), of=written).findings[0].location == Location("proj/settings.py", 1)


def test_findings_follow_the_checklist_and_then_the_subjects():
    tasks = [task(f"late.{name}") for name in "cab"]
    report = audit(item(of_settings, "Z"), item(late, "A"), of=app(*tasks))
    assert [f.subject for f in report.findings] == ["broker_url", "late.a", "late.b", "late.c"]
    again = audit(item(of_settings, "Z"), item(late, "A"), of=app(*reversed(tasks)))
    assert again.findings == report.findings


def test_an_app_without_tasks_passes_what_is_about_tasks():
    some = Requirement("queue", {"set": True}, of_tasks=True, tasks=("a.*",))
    report = audit(item(late), item(of_entries), rule(some), of=app())
    assert {o.status for o in report.outcomes} == {"passed"}
    assert report.exit_code == 0


def test_one_source_block_that_makes_several_tasks_is_reported_once():
    tasks = [task(f"late.{i}", 5) for i in range(3)]
    report = audit(item(late), of=app(*tasks, task("late.other", 9)))
    assert said(report.findings) == [
        ("late", "late.0", "later than 10 (concerns 3 tasks)"),
        ("late", "late.other", "later than 10"),
    ]


def test_tasks_without_a_place_are_reported_one_by_one():
    tasks = [TaskInfo(f"late.{i}") for i in range(3)]
    assert len(audit(item(late), of=app(*tasks)).findings) == 3


def test_waived_tasks_of_one_source_block_stay_apart():
    tasks = [task(f"late.{i}", 5) for i in range(3)]
    report = audit(item(late, waivers=(Waiver("late.1", "why not"),)), of=app(*tasks))
    assert said(report.findings) == [("late", "late.0", "later than 10 (concerns 2 tasks)")]
    assert said(report.waived) == [("late", "late.1", "later than 10")]


# What could not be judged


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a"], ("passed", None)),
        (["unknown"], ("skipped", "unknown is computed")),
        (["unknown.a", "unknown.b"], ("skipped", "unknown.a is computed (and 1 more reasons)")),
        (["a", "unknown"], ("passed", "1 of 2 not judged: unknown is computed")),
        (["bad", "unknown"], ("failed", "1 of 2 not judged: unknown is computed")),
    ],
)
def test_skipped_is_never_passed(names, expected):
    assert status(audit(item(unsure), of=app(*map(task, names))), "unsure") == expected


def test_a_crash_is_contained_and_told():
    report = audit(item(crashing), item(late))
    assert status(report, "late")[0] == "failed"
    assert status(report, "crashing") == (
        "crashed",
        "ZeroDivisionError: by a.late, looking at a.late (and 1 more times)",
    )
    assert "Traceback" in report.outcomes[0].traceback
    assert [f.subject for f in report.findings if f.check == "crashing"] == ["a.late", "b"]
    assert report.exit_code == 3


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (no_generator, "TypeError: 'NoneType' object is not iterable, looking at proj"),
        (wrong_yield, "TypeError: wrong-yield yielded str, not a Problem, looking at proj"),
        (wrong_subject, "TypeError: wrong-subject: the first parameter must be annotated"),
    ],
)
@pytest.mark.parametrize("narrowed", [None, "b"])
def test_checks_of_the_wrong_shape_crash_by_themselves(broken, reason, narrowed):
    report = audit(item(broken), task=narrowed)
    assert status(report, broken.id)[0] == "crashed"
    assert status(report, broken.id)[1].startswith(reason)


# Exit codes


@pytest.mark.parametrize(
    ("severity", "fail_on", "code"),
    [
        (Severity.ERROR, Severity.ERROR, 1),
        (Severity.WARNING, Severity.ERROR, 0),
        (Severity.WARNING, Severity.WARNING, 1),
        (Severity.INFO, Severity.WARNING, 0),
        (Severity.INFO, Severity.INFO, 1),
        (Severity.ERROR, None, 0),
    ],
)
def test_exit_codes(severity, fail_on, code):
    assert audit(item(late, severity=severity), fail_on=fail_on).exit_code == code


def test_waived_findings_fail_nothing():
    report = audit(item(late, waivers=(Waiver("*", "all fine"),)))
    assert (report.exit_code, len(report.waived)) == (0, 1)


# Waivers


@pytest.mark.parametrize(
    ("pattern", "waived"),
    [
        ("a.late", True),
        ("a.*", True),
        ("*", True),
        ("?.late", True),
        ("A.LATE", False),
        ("late", False),
        ("b", False),
    ],
)
def test_waivers_match_whole_names(pattern, waived):
    report = audit(item(late, waivers=(Waiver(pattern, "because"),)))
    assert [f.reason for f in report.waived] == (["because"] if waived else [])
    assert status(report, "late") == (("passed", "1 waived") if waived else ("failed", None))


def test_names_that_look_like_patterns_can_be_waived():
    report = audit(item(late, waivers=(Waiver("late[1]", "odd name"),)), of=app(task("late[1]")))
    assert not report.findings
    assert not report.notices


def test_the_first_waiver_gives_the_reason_and_none_that_matches_is_stale():
    waivers = (Waiver("*.late", "first"), Waiver("a.*", "second"))
    report = audit(item(late, waivers=waivers))
    assert report.waived[0].reason == "first"
    assert report.notices == ()


def test_a_waiver_that_matches_nothing_is_reported():
    place = Location("celerycheck.yaml", 8)
    (notice,) = audit(item(late, waivers=(Waiver("gone.*", "once"), Waiver("a.*", "now")))).notices[:1]
    assert (notice.kind, notice.message) == (
        "stale-waiver",
        "late: nothing matches the waiver 'gone.*' any more",
    )
    report = audit(item(late, waivers=(Waiver("gone.*", "once", place),)))
    assert report.notices[0].location == place


@pytest.mark.parametrize(
    ("stale_in", "subject", "options"),
    [
        (item(unsure), app(task("unknown")), {}),
        (item(crashing), app(task("a")), {}),
        (item(late), app(task("a")), {"task": "a"}),
        (item(late), app(task("a"), partial="tasks.py is broken"), {}),
        (item(late, enabled=False), app(task("a")), {}),
        (item(late), app(task("a")), {"ignore": ["late"]}),
    ],
)
def test_waivers_are_not_called_stale_where_not_everything_was_seen(stale_in, subject, options):
    waived = replace(stale_in, waivers=(Waiver("gone.*", "once"),))
    assert audit(waived, of=subject, **options).notices == ()


# Comments in source


def comments(*found: Suppression) -> Suppressions:
    return Suppressions({"proj/tasks.py": found})


def comment(*ids: str, line: int = 5, reason: str = "because") -> Suppression:
    return Suppression(Location("proj/tasks.py", line, 3), ids, reason, ((line, line),))


@pytest.mark.parametrize(
    ("found", "waived", "notices"),
    [
        (comment("late"), ["because"], []),
        (comment("late", "unsure"), ["because"], ["unused-suppression"]),
        (comment("late", reason=""), ["no reason given"], ["suppression-without-reason"]),
        (comment("late", line=6), [], ["unused-suppression"]),
        (comment("unsure"), [], ["unused-suppression"]),
        (comment("lste"), [], ["unused-suppression"]),
        (comment(), [], ["unused-suppression"]),
        (comment("unbounded-retries"), [], []),
    ],
)
def test_comments_silence_what_they_name_and_are_reported_when_useless(found, waived, notices):
    report = audit(item(late), item(unsure), of=app(task("late", 5)), suppressions=comments(found))
    assert [f.reason for f in report.waived] == waived
    assert [n.kind for n in report.notices] == notices
    assert all(n.location == found.location for n in report.notices)


def test_a_comment_beside_a_waiver_is_of_use_too():
    waived = item(late, waivers=(Waiver("late", "the checklist says so"),))
    report = audit(waived, of=app(task("late", 5)), suppressions=comments(comment("late")))
    assert [f.reason for f in report.waived] == ["the checklist says so"]
    assert report.notices == ()


def test_an_unknown_check_in_a_comment_is_told_the_right_one():
    report = audit(item(late), suppressions=comments(comment("unbounded-retry")))
    assert (
        report.notices[0].message == "there is no check 'unbounded-retry'. Did you mean 'unbounded-retries'?"
    )


@pytest.mark.parametrize("options", [{"task": "b"}, {"ignore": ["late"]}, {"select": ["unsure"]}])
def test_comments_are_not_called_unused_where_not_everything_was_run(options):
    report = audit(item(late), item(unsure), suppressions=comments(comment("late")), **options)
    assert report.notices == ()


# Questions


def answered(reply: str, day: date = TODAY, note: str = "") -> dict[str, Answer]:
    return {"watched": Answer("watched", reply, day, note, Location("celerycheck.answers.yaml", 4))}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("unanswered", None)),
        (answered("yes"), ("passed", "answered yes on 2026-08-01")),
        (answered("yes", note="see the runbook"), ("passed", "answered yes on 2026-08-01: see the runbook")),
        (answered("not applicable"), ("skipped", "not applicable, 2026-08-01")),
        (answered("no", note="soon"), ("failed", "answered no on 2026-08-01: soon")),
        (answered("yes", date(2026, 2, 2)), ("passed", "answered yes on 2026-02-02")),
        (answered("yes", date(2026, 2, 1)), ("unanswered", "answered on 2026-02-01, more than 180 days ago")),
    ],
)
def test_answers(given, expected):
    assert status(audit(ask(), answers=given), "watched") == expected


def test_a_no_is_a_finding_about_the_app():
    (finding,) = audit(ask(severity=Severity.ERROR), answers=answered("no", note="soon")).findings
    assert (finding.title, finding.subject_kind, finding.subject) == ("Is it watched?", "app", "proj")
    assert (finding.message, finding.fix, finding.severity) == (
        "answered no: soon",
        "watch it",
        Severity.ERROR,
    )
    assert finding.location.path == "celerycheck.answers.yaml"


def test_an_old_answer_is_noticed_even_a_no():
    report = audit(ask(), answers=answered("no", date(2025, 1, 1)))
    assert [n.kind for n in report.notices] == ["stale-answer"]
    assert report.findings == ()


def test_an_answer_to_no_question_is_noticed():
    given = {"watchd": Answer("watchd", "yes", TODAY)}
    (notice,) = audit(ask(), answers=given).notices
    assert notice.message == "the checklist asks no question 'watchd'. Did you mean 'watched'?"


def test_open_questions_are_those_to_ask_now():
    policy = listed(ask(), ask("other"), ask("off", enabled=False), item(late))
    assert [i.id for i in open_questions(policy, answered("yes"), TODAY)] == ["other"]
    assert [i.id for i in open_questions(policy, answered("yes", date(2025, 1, 1)), TODAY)] == [
        "watched",
        "other",
    ]


# House rules


def test_rules_about_tasks_and_settings():
    queue = Requirement("queue", {"equals": "mail"}, of_tasks=True, tasks=("mail.*",))
    utc = Requirement("enable_utc", {"equals": False})
    tasks = [replace(task("mail.send"), queue="celery"), replace(task("other"), queue="celery")]
    report = audit(rule(queue), rule(utc, id="not-utc"), of=app(*tasks))
    assert said(report.findings) == [
        ("a-rule", "mail.send", "queue is 'celery', and must be 'mail'"),
        ("not-utc", "enable_utc", "enable_utc is True, and must be False"),
    ]
    assert report.findings[0].section == "House rules"


def test_a_rule_for_tasks_that_are_not_there_is_skipped():
    queue = Requirement("queue", {"equals": "mail"}, of_tasks=True, tasks=("male.*", "post.*"))
    assert status(audit(rule(queue)), "a-rule") == ("skipped", "no task matches male.*, post.*")


# Narrowing


@pytest.mark.parametrize(
    ("options", "run_"),
    [
        ({"select": ["late"]}, ["late"]),
        ({"select": ["LATE"]}, ["late"]),
        ({"select": ["Two"]}, ["unsure", "of-settings"]),
        ({"select": ["tw*"]}, ["unsure", "of-settings"]),
        ({"select": ["test_runner"]}, ["late", "unsure", "of-settings"]),
        ({"select": ["test-runner"], "ignore": ["two"]}, ["late"]),
        ({"select": ["*e*"], "ignore": ["of-*"]}, ["late", "unsure"]),
        ({"ignore": ["late", "unsure"]}, ["of-settings"]),
        ({"ignore": ["unbounded-retries"]}, ["late", "unsure", "of-settings"]),
    ],
)
def test_select_and_ignore(options, run_):
    report = audit(item(late), item(unsure, "Two"), item(of_settings, "Two"), **options)
    assert [o.id for o in report.outcomes if o.status != "skipped"] == run_
    assert len(report.outcomes) == 3


def test_what_was_left_out_says_why():
    report = audit(
        item(late), item(unsure, enabled=False), ask(), select=["late", "watched"], ignore=["watched"]
    )
    assert [(o.status, o.reason) for o in report.outcomes[1:]] == [
        ("skipped", "switched off in the checklist"),
        ("skipped", "ignored"),
    ]
    assert status(audit(item(late), ask(), select=["late"]), "watched") == ("skipped", "not selected")


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {"select": ["lat"]},
            "--select lat: the checklist has no such check, section or topic",
            "Did you mean 'late'?",
        ),
        ({"ignore": ["zzz"]}, "--ignore zzz: the checklist has no such check, section or topic", ""),
        ({"task": "a.lite"}, "--task a.lite: the app has no such task", "Did you mean 'a.late'?"),
        (
            {"task": "other.*"},
            "--task other.*: the app has no such task",
            "Tasks of installed packages are audited with --third-party.",
        ),
    ],
)
def test_narrowing_to_nothing_is_refused(options, message, hint):
    subject = replace(app(task("a.late")), third_party=(TaskInfo("other.one"),))
    with pytest.raises(UsageError) as caught:
        audit(item(late), of=subject, **options)
    assert (caught.value.message, caught.value.hint, caught.value.exit_code) == (message, hint, 2)


def test_narrowing_to_some_tasks():
    items = [*map(item, (late, about_tasks, of_settings, of_queues)), ask()]
    queue = Requirement("queue", {"set": True}, of_tasks=True)
    subject = app(task("a.late"), task("b.late"), queues=(QueueInfo("q"),))
    report = audit(*items, rule(queue), of=subject, task="a.*", answers=answered("no"))
    assert said(report.findings) == [
        ("late", "a.late", "later than 10"),
        ("about-tasks", "a.late", "related"),
    ]
    assert {o.id: o.reason for o in report.outcomes if o.status == "skipped"} == {
        "of-settings": NOT_ABOUT_TASKS,
        "of-queues": NOT_ABOUT_TASKS,
        "watched": NOT_ABOUT_TASKS,
        "a-rule": "the queue of a.late is not known: no route",
    }


def test_a_check_of_the_app_that_says_nothing_about_the_task_is_not_passed():
    subject = app(task("a"), broken_tasks=(BrokenTask("c", "TypeError"),))
    assert (
        status(audit(item(of_settings), item(about_tasks), of=subject, task="c"), "about-tasks")[0]
        == "failed"
    )
    silent = audit(item(no_generator_for_b), of=app(task("b")), task="b")
    assert status(silent, "no-generator-for-b") == ("skipped", NOT_ABOUT_TASKS)


@check
def no_generator_for_b(app: App) -> Iterator[Problem]:
    """App is wrong as a whole.

    Why: it is a test.
    Fix: none.
    """
    yield Problem("whole")


# The whole


def test_notes_of_the_picture_become_notices():
    noted = app(notes=(Note("2 Celery apps; took proj:app", Location("proj/celery.py", 1)),))
    assert [(n.kind, n.message) for n in audit(item(late), of=noted).notices] == [
        ("load", "2 Celery apps; took proj:app")
    ]


def test_the_shipped_checklist_runs_on_an_ordinary_app_without_a_crash():
    report = run(checklist.load(None), app(task("proj.tasks.work")), today=TODAY)
    assert [(o.id, o.reason) for o in report.outcomes if o.status == "crashed"] == []
    assert {o.status for o in report.outcomes if o.reason is None} >= {"passed", "unanswered"}


def test_ten_thousand_tasks_and_fifty_silent_checks_take_a_moment():
    items = [item(late, id=f"late-{i}") for i in range(50)]
    subject = app(*(task(f"t{i}") for i in range(10_000)))
    started = time.monotonic()
    audit(*items, of=subject)
    assert time.monotonic() - started < 5


def test_the_task_whose_own_code_it_is_speaks_for_those_that_call_it():
    code = source("""
    import time
    @app.task
    def caller():
        sleeper()
    @app.task
    def sleeper():
        time.sleep(9)
    """)
    (finding,) = run(listed(item(shipped()["blocking-sleep"])), code.app, source=code).findings
    assert (finding.subject, finding.trace) == ("proj.tasks.sleeper", ())
    assert finding.message.endswith("(concerns 2 tasks)")


def test_nothing_passes_that_needs_source_which_is_elsewhere():
    """Checks that also judge what the picture tells do go on."""
    code = source(
        "@app.task(acks_late=True)\ndef work(): ...\n",
        values={"broker_url": "amqp://host"},
        backend=BackendInfo("redis"),
    )
    elsewhere = SourceCode(code.app, MemoryFiles({}))
    report = run(checklist.load(None), code.app, source=elsewhere)
    assert "source" not in report.evidence
    assert report.source is None
    judged = {o.id for o in report.outcomes if o.status != "skipped"}
    from_source = {id_ for id_, check in shipped().items() if check.subject in FROM_SOURCE}
    assert judged & from_source == {
        "complex-argument",
        "long-unacknowledged",
        "retry-without-backoff",
        "short-retry-budget",
        "short-visibility-timeout",
        "unbounded-eta-buffer",
        "unbounded-retries",
    }
