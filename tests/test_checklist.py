"""Checklists: what is read, how a project's file changes the shipped one, and what each mistake says."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from celerycheck import checklist
from celerycheck.checks import shipped
from celerycheck.errors import ChecklistError
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.resources import resource
from celerycheck.subjects import Settings, TaskInfo


@check
def slow_task(
    task: TaskInfo,
    *,
    limit: int = 10,
    margin: float = 1.0,
    strict: bool = False,
    pool: str = "prefork",
    names: tuple[str, ...] = (),
) -> Iterator[Problem]:
    """Task is slow.

    Why: it holds others up.
    Fix: make it quick.
    """
    yield Problem(f"{limit} {margin} {strict} {pool} {names}")


@check
def odd_setting(settings: Settings) -> Iterator[Problem]:
    """A setting is odd.

    Why: it surprises.
    Fix: set it straight.
    """
    yield Problem("odd", about=settings["broker_url"])


CHECKS = {c.id: c for c in (slow_task, odd_setting)}


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a text as celerycheck.yaml; with the checks above, unless it extends the shipped checklist."""
    monkeypatch.chdir(tmp_path)

    def load(text: str | bytes) -> checklist.Checklist:
        data = text if isinstance(text, bytes) else dedent(text).encode()
        Path("celerycheck.yaml").write_bytes(data)
        checks = None if b"extends" in data else CHECKS
        return checklist.load(Path("celerycheck.yaml"), checks)

    return load


@pytest.fixture
def mistakes(load):
    """The lines of the error that loading a text gives."""

    def mistakes(text: str | bytes) -> list[str]:
        with pytest.raises(ChecklistError) as caught:
            load(text)
        assert caught.value.exit_code == 2
        return caught.value.message.splitlines()

    return mistakes


def one(item: str) -> str:
    """A checklist of one section with this item."""
    return f"sections:\n  - title: Own\n    items:\n      - {item}\n"


def test_every_kind_of_item_is_read(load):
    read = load("""\
        version: 1
        answers: {valid_for_days: 30}
        sections:
          - title: Tasks
            items:
              - check: slow-task
                severity: error
                with: {limit: 3, margin: 2, strict: true, pool: gevent, names: [a, b]}
                except: {"reports.*": only run by hand}
              - require: {task_option: queue, one_of: [default, mail]}
                id: known-queues
          - title: People
            items:
              - ask: Does somebody watch?
                id: somebody-watches
                severity: info
                enabled: false
                why: because
                fix: look
        """)
    check_, rule, question = read.items
    assert read.sections == ("Tasks", "People")
    assert read.answers_valid_for_days == 30
    assert (check_.id, check_.kind, check_.section, check_.title) == (
        "slow-task",
        "check",
        "Tasks",
        "Task is slow",
    )
    assert check_.options == {
        "limit": 3,
        "margin": 2.0,
        "strict": True,
        "pool": "gevent",
        "names": ("a", "b"),
    }
    assert [(w.pattern, w.reason, w.location.line) for w in check_.waivers] == [
        ("reports.*", "only run by hand", 9)
    ]
    assert (check_.severity, check_.why, check_.fix) == (
        Severity.ERROR,
        "it holds others up.",
        "make it quick",
    )
    assert check_.location.path == "celerycheck.yaml"
    assert check_.location.line == 6
    assert (rule.id, rule.kind, rule.severity) == ("known-queues", "require", Severity.WARNING)
    assert rule.title == "queue of every task must be one of 'default', 'mail'"
    assert rule.fix
    assert (question.title, question.enabled, question.fix) == ("Does somebody watch?", False, "look")


def test_a_section_may_come_twice_whatever_its_case(load):
    read = load("""\
        sections:
          - {title: Tasks, items: [{check: slow-task}]}
          - {title: Other, items: [{ask: "Well?", id: well}]}
          - {title: tasks, items: [{check: odd-setting}]}
        """)
    assert read.sections == ("Tasks", "Other")
    assert [item.id for item in read.items] == ["slow-task", "odd-setting", "well"]


EXTENDS = "version: 1\nextends: default\n"
SAME = "unbounded-retries"


def test_extending_changes_what_it_names_and_keeps_the_rest(load):
    base = checklist.load(None)
    read = load(
        EXTENDS
        + f"""\
items:
  - check: {SAME}
    severity: info
    except: {{"poll.*": a bank}}
  - {{id: rabbitmq-management, enabled: false}}
sections:
  - title: retries
    items:
      - {{ask: "Is it bounded?", id: bounded}}
  - title: Ours
    items:
      - {{require: {{setting: enable_utc, equals: true}}, id: in-utc}}
"""
    )
    changed = read.item(SAME)
    assert (changed.severity, changed.section) == (Severity.INFO, "Retries")
    assert changed.waivers[0].pattern == "poll.*"
    assert changed.options == base.item(SAME).options
    assert not read.item("rabbitmq-management").enabled
    assert read.item("bounded").section == "Retries"
    assert read.sections == (*base.sections, "Ours")
    own = {SAME, "rabbitmq-management", "bounded", "in-utc"}
    assert [i for i in read.items if i.id not in own] == [i for i in base.items if i.id not in own]
    assert read.answers_valid_for_days == base.answers_valid_for_days
    sections = [item.section for item in read.items]
    assert sections == sorted(sections, key=read.sections.index)


def test_a_new_item_outside_a_section_is_a_house_rule(load):
    read = load(EXTENDS + "items:\n  - {ask: 'Really?', id: really}\n")
    assert read.items[-1].section == "House rules"
    assert read.sections[-1] == "House rules"


def test_options_are_changed_one_by_one(load):
    read = load(EXTENDS + "items:\n  - {check: short-visibility-timeout, with: {margin: 2}}\n")
    before = checklist.load(None).item("short-visibility-timeout").options
    assert read.item("short-visibility-timeout").options == {**before, "margin": 2.0}


def test_names_of_calls_are_read_by_kind(load):
    read = load(
        EXTENDS
        + """\
libraries:
  network: [proj.http.call, "proj.clients.*", "proj.bank.Client().*"]
  after_commit: [proj.db.call_after_commit]
  atomic: []
"""
    )
    assert read.libraries == {
        "network": ("proj.http.call", "proj.clients.*", "proj.bank.Client().*"),
        "after_commit": ("proj.db.call_after_commit",),
        "atomic": (),
    }
    assert checklist.load(None).libraries == {}
    assert load(one("check: slow-task")).libraries == {}
    assert load("libraries: {write: ['**.archive', proj.**]}\n" + one("check: slow-task")).libraries == {
        "write": ("**.archive", "proj.**")
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", " the file is empty"),
        ("# only a comment\n", " the file is empty"),
        ("- check: slow-task\n", "1: a checklist must be a mapping (`key: value`), not a list"),
        ("slow-task\n", "1: a checklist must be a mapping (`key: value`), not the text 'slow-task'"),
        ("sections:\n\t- title: x\n", "2: indented with a tab"),
        ("sections: []\n", "1: the checklist has no items: nothing would be checked"),
        ("sections: [\n", "2: this is not YAML: "),
        ("a: b: c\n", "1: this is not YAML: mapping values are not allowed"),
        ("a: 1\n---\nb: 2\n", "2: this is not YAML: "),
        ("sections: *here\n", "1: this is not YAML: found undefined alias"),
        ("a: \x00\n", " this is not YAML: "),
        (b"title: caf\xe9\n", "1: not UTF-8 (byte 0xe9)"),
        ("sections: []\n".encode("utf-16"), "1: not UTF-8 (byte 0xff)"),
        ("version: 2\n" + one("check: slow-task"), "1: this celerycheck reads version 1"),
        ("version: one\n", "1: version must be a whole number, not the text 'one'"),
        ("section: []\n", "1: unknown key 'section' in a checklist; did you mean 'sections'?"),
        ("extends: defaults\n", "1: extends must be default, not 'defaults'; did you mean 'default'?"),
        ("sections: {}\n", "1: sections must be a list"),
        ("sections:\n", "1: sections must be a list (lines starting with `- `), not nothing"),
        ("sections:\n  - Broker\n", "2: a section must be a mapping"),
        ("sections:\n  - {}\n", "2: the section needs title:"),
        ("sections:\n  - title: Broker\n", "2: the section needs items:"),
        ("sections:\n  - items: []\n", "2: the section needs title:"),
        ("sections:\n  - {title: '', items: []}\n", "2: title is empty"),
        (
            "sections:\n  - {title: 1, items: []}\n",
            '2: title must be text, not the number 1; put it in quotes: "1"',
        ),
        ("answers: 90\n", "1: answers must be a mapping"),
        ("answers: {valid_for_days: 0}\n", "1: valid_for_days must be 1 or more, not 0"),
        ("answers: {days: 5}\n", "1: unknown key 'days' in answers"),
        ("libraries: [a.b]\n", "1: libraries must be a mapping"),
        ("libraries:\n", "1: libraries must be a mapping (`key: value`), not nothing"),
        (
            "libraries:\n  netwrok: [a.b]\n",
            "2: unknown key 'netwrok' in libraries; did you mean 'network'?",
        ),
        ("libraries: {lock: [a.b], lock: [a.c]}\n", "1: 'lock' is given twice in libraries"),
        ("libraries:\n  network: a.b\n", "2: network must be a list"),
        ("libraries:\n  network:\n    - a.b\n    - 1\n", "4: each entry of network must be text"),
        ("libraries:\n  network: ['']\n", "2: each entry of network is empty"),
        ("libraries:\n  network: [call]\n", "2: 'call' is no dotted name such as proj.http.call"),
        ("libraries:\n  network: ['**']\n", "2: '**' is no dotted name"),
        ("libraries:\n  network: ['*.*']\n", "2: '*.*' is no dotted name"),
        ("libraries:\n  network: ['proj:call']\n", "2: 'proj:call' is no dotted name"),
        ("libraries:\n  network: ['proj..call']\n", "2: 'proj..call' is no dotted name"),
        ("libraries:\n  network: ['proj.http call']\n", "2: 'proj.http call' is no dotted name"),
        ("libraries:\n  network: ['{model}.save']\n", "2: '{model}.save' is no dotted name"),
        (
            "libraries:\n  network: [proj.call()]\n",
            "2: name what is called, without the brackets: proj.call",
        ),
        ("libraries:\n  network: [a.b, a.b]\n", "2: 'a.b' is listed twice in network"),
        (one("slow-task"), "4: an item must be a mapping"),
        (one("{}"), "4: the item needs one of check:, require:, ask:, id:"),
        (one("check: slow-tusk"), "4: there is no check 'slow-tusk'; did you mean 'slow-task'?"),
        (one("check: zzz"), "4: there is no check 'zzz'"),
        (
            one("{check: slow-task, ask: What?}"),
            "4: an item is one of check, require and ask, not check and ask",
        ),
        (one("{check: slow-task, id: other}"), "4: a check's id is its name; leave `id` out"),
        (
            one("{check: slow-task, sverity: error}"),
            "4: unknown key 'sverity' in an item of kind check; did you mean 'severity'?",
        ),
        (
            one("{check: slow-task, severity: warn}"),
            "4: severity must be error, warning or info, not 'warn'; did you mean 'warning'?",
        ),
        (one("{check: slow-task, severity: 3}"), "4: severity must be text, not the number 3"),
        (
            one("{check: slow-task, enabled: 'false'}"),
            "4: enabled must be true or false, not the text 'false'",
        ),
        (
            one("{check: slow-task, with: {limmit: 1}}"),
            "4: slow-task has no option 'limmit'; did you mean 'limit'?",
        ),
        (one("{check: slow-task, with: {limit: '5'}}"), "4: limit must be a whole number, not the text '5'"),
        (
            one("{check: slow-task, with: {limit: 1.5}}"),
            "4: limit must be a whole number, not the number 1.5",
        ),
        (one("{check: slow-task, with: {limit: true}}"), "4: limit must be a whole number, not true"),
        (one("{check: slow-task, with: {limit: }}"), "4: limit must be a whole number, not nothing"),
        (one("{check: slow-task, with: {margin: .nan}}"), "4: margin must be a number"),
        (one("{check: slow-task, with: {strict: 1}}"), "4: strict must be true or false, not the number 1"),
        (one("{check: slow-task, with: {pool: no}}"), '4: pool must be text, not no; put it in quotes: "no"'),
        (
            one("{check: slow-task, with: {names: a}}"),
            "4: names must be a list of texts, such as [a, b], not the text 'a'",
        ),
        (
            one("{check: slow-task, with: {names: [1]}}"),
            "4: each entry of names must be text, not the number 1",
        ),
        (one("{check: slow-task, with: [limit]}"), "4: with must be a mapping"),
        (one("{check: odd-setting, with: {a: 1}}"), "4: odd-setting has no options"),
        (one("{check: slow-task, except: {a: ''}}"), "4: the reason to waive 'a' is empty"),
        (one("{check: slow-task, except: {a: }}"), "4: the reason to waive 'a' must be text, not nothing"),
        (one("{check: slow-task, except: [a]}"), "4: except must be a mapping"),
        (one("{check: slow-task, except: {a: b, a: c}}"), "4: 'a' is given twice in except"),
        (one("{check: slow-task, except: {'': c}}"), "4: a waiver needs a name or pattern"),
        (one("{check: slow-task, 1: c}"), "4: a key of an item of kind check must be text, not the number 1"),
        (one("{check: slow-task, check: odd-setting}"), "4: 'check' is given twice in an item of kind check"),
        (one("{check: [slow-task]}"), "4: check must be text, not a list"),
        (one("ask: Does it work?"), "4: the item needs an id, such as `id: does-it-work`"),
        (one("{ask: '', id: x}"), "4: ask is empty"),
        (one("{ask: Well?, id: Not Good}"), "4: an id is made of a-z, 0-9 and dashes, unlike 'Not Good'"),
        (one("{ask: Well?, id: slow-task}"), "4: 'slow-task' is the name of a check; choose another id"),
        (one("{ask: Well?, id: x, with: {a: 1}}"), "4: unknown key 'with' in an item of kind ask"),
        (one("{id: slow-task}"), "4: to add a check, write `check: slow-task`"),
        (one("{id: nothing}"), "4: there is no item 'nothing' to change"),
        (
            one("check: slow-task\n      - check: slow-task"),
            "5: 'slow-task' is listed twice; first on line 4",
        ),
        (
            EXTENDS + "items: [{id: rabbitmq-managment, enabled: false}]",
            "3: there is no item 'rabbitmq-managment' to change; did you mean 'rabbitmq-management'?",
        ),
        (
            EXTENDS + "items: [{require: {setting: enable_utc, set: true}, id: rabbitmq-management}]",
            "3: 'rabbitmq-management' is a question of the shipped",
        ),
        (
            EXTENDS + "items: [{id: rabbitmq-management, with: {a: 1}}]",
            "3: 'with' does not go with the ask item 'rabbitmq-management'",
        ),
        (
            EXTENDS + "items: [{id: rabbitmq-management, except: {a: b}}]",
            "3: 'except' does not go with the ask item 'rabbitmq-management'",
        ),
    ],
)
def test_each_mistake_says_what_and_where(mistakes, text, expected):
    assert mistakes(text)[0].removeprefix("celerycheck.yaml:").startswith(expected)


def test_all_mistakes_are_reported_at_once_in_order(mistakes):
    lines = mistakes("""\
        sections:
          - title: Own
            items:
              - {check: slow-tusk, severity: bad}
              - {ask: Well?}
              - check: slow-task
                with: {limit: x, margin: y}
        """)
    assert [line.split(": ", 1)[0] for line in lines] == [
        f"celerycheck.yaml:{number}" for number in (4, 4, 5, 7, 7)
    ]


def test_very_many_mistakes_are_counted_not_listed(mistakes):
    started = time.monotonic()
    lines = mistakes(
        "sections:\n  - title: Own\n    items:\n" + "".join(f"      - check: c{i}\n" for i in range(10_000))
    )
    assert len(lines) == 51
    assert lines[-1] == "and 9950 more mistakes"
    assert time.monotonic() - started < 20


def test_ten_thousand_items_load(load):
    items = "".join(f"      - {{ask: 'Is {i} fine?', id: q-{i}}}\n" for i in range(10_000))
    started = time.monotonic()
    assert len(load("sections:\n  - title: Own\n    items:\n" + items).items) == 10_000
    assert time.monotonic() - started < 20


def test_a_file_that_does_not_extend_is_told_how(tmp_path):
    (tmp_path / "c.yaml").write_text("sections: []\n")
    with pytest.raises(ChecklistError) as caught:
        checklist.load(tmp_path / "c.yaml")
    assert "extends: default" in caught.value.hint


def test_missing_files_directories_and_unreadable_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name, message in (
        ("nowhere.yaml", "nowhere.yaml: there is no such file"),
        ("folder", "folder: this is a directory, not a file"),
        ("a\0b", "a\0b: cannot be read: embedded null byte"),
    ):
        with pytest.raises(ChecklistError) as caught:
            checklist.load(Path(name))
        assert caught.value.message.startswith(message)


def test_a_file_without_permission(tmp_path, monkeypatch):
    path = tmp_path / "c.yaml"
    path.write_text("")
    path.chmod(0)
    try:
        path.read_bytes()
    except PermissionError:
        with pytest.raises(ChecklistError, match="permission to read it is denied"):
            checklist.load(path)
    else:
        pytest.skip("this user may read everything")


def test_anchors_that_repeat_or_contain_themselves_do_no_harm(mistakes):
    assert "listed twice" in mistakes("sections:\n  - title: A\n    items: [&x {check: slow-task}, *x]\n")[0]
    assert mistakes("sections: &a [*a]\n")[0].startswith("celerycheck.yaml:1: a section must be a mapping")


def test_a_checklist_is_found_beside_pyproject(tmp_path):
    inner = tmp_path / "src" / "proj"
    inner.mkdir(parents=True)
    assert checklist.find(inner) is None
    (tmp_path / "celerycheck.yml").touch()
    assert checklist.find(tmp_path) == tmp_path / "celerycheck.yml"
    (tmp_path / "celerycheck.yaml").touch()
    (tmp_path / "pyproject.toml").touch()
    assert checklist.find(tmp_path) == tmp_path / "celerycheck.yaml"
    assert checklist.find(inner) == tmp_path / "celerycheck.yaml"
    (inner / "celerycheck.yaml").touch()
    assert checklist.find(inner) == inner / "celerycheck.yaml"


def test_a_checklist_of_another_project_further_up_is_not_found(tmp_path):
    (tmp_path / "celerycheck.yaml").touch()
    (tmp_path / "pyproject.toml").touch()
    inner = tmp_path / "vendored"
    inner.mkdir()
    (inner / "pyproject.toml").touch()
    assert checklist.find(inner) is None


def test_the_shipped_checklist_lists_every_check_and_calls_it_by_its_title():
    listed = {item.id: item for item in checklist.load(None).items if item.kind == "check"}
    assert listed.keys() == shipped().keys()
    assert {id_: item.title for id_, item in listed.items()} == {id_: c.title for id_, c in shipped().items()}


def test_every_shipped_item_has_a_title_in_the_file_and_says_why_and_how():
    text = resource("checklist.yaml").read_text(encoding="utf-8")
    read = checklist.load(None)
    checks = [item for item in read.items if item.kind == "check"]
    assert len(re.findall(r"^        title: ", text, re.MULTILINE)) == len(checks)
    assert [item.id for item in read.items if not (item.title and item.why and item.fix)] == []
    assert read.path is None


def test_shipped_questions_end_in_a_question_mark():
    questions = [item.title for item in checklist.load(None).items if item.kind == "ask"]
    assert questions
    assert [title for title in questions if not title.endswith("?")] == []


def test_the_starter_changes_nothing_and_its_examples_load(tmp_path):
    starter = resource("templates/celerycheck.yaml")
    assert [i.id for i in checklist.load(starter).items] == [i.id for i in checklist.load(None).items]
    example = re.sub(r"^#(?! \S)", "", starter.read_text(encoding="utf-8"), flags=re.MULTILINE)
    (tmp_path / "celerycheck.yaml").write_text(example, encoding="utf-8")
    read = checklist.load(tmp_path / "celerycheck.yaml")
    assert read.item("known-queues").severity is Severity.ERROR
    assert read.answers_valid_for_days == 90


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "a: " + "{b: " * 5_000,
        "- " * 5_000 + "x\n",
        "".join(f"{' ' * i}a:\n" for i in range(2_000)),
        "".join(f"{' ' * i}-\n" for i in range(2_000)),
        "".join(f"{' ' * i}a:\n{' ' * i}-\n" for i in range(0, 2_000, 2)),
    ],
)
def test_very_deep_nesting_is_a_mistake_and_no_crash(mistakes, text):
    assert re.fullmatch(r"celerycheck.yaml:\d+: nested more than 100 levels deep", mistakes(text)[0])
