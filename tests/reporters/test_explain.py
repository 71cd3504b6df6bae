"""What `explain` and `checklist` print, for every kind of item."""

import io
import re
from dataclasses import replace

import pytest

from celerycheck.checklist import Checklist, load
from celerycheck.checklist_items import Item, Waiver
from celerycheck.checks import shipped
from celerycheck.findings import Severity
from celerycheck.registry import check
from celerycheck.reporters import explain, policy
from celerycheck.reporters.explain import shown
from celerycheck.reporters.page import Look, cells
from celerycheck.subjects import App

ADDRESS = "https://docs.example/a-very-long-page-name/that-does-not-fit/into-eighty-columns/redis.html#anchor"


@check
def short_wait(app: App, *, margin: float = 1.0, strict: bool = False, names: tuple[str, ...] = ("a",)):
    """A task may run longer than the broker waits for it.

    Why: the broker hands the message to another worker while the first is still at work, so that
        everything is done twice.
    Fix: raise `visibility_timeout` above the longest `time_limit`.
    Reference: https://docs.example/a-very-long-page-name/that-does-not-fit/into-eighty-columns/redis.html#anchor
    Since: Celery 5.4
    """
    yield from ()


SHORT_WAIT = Item(
    "short-wait",
    "check",
    "Broker",
    short_wait.title,
    Severity.ERROR,
    options={"margin": 2.0},
    waivers=(Waiver("reports.*", "only run by hand"),),
    why=short_wait.why,
    fix=short_wait.fix,
    check=short_wait,
)
RULE = Item("known-queues", "require", "House rules", "queue must be mail", why="Only it has workers.")
QUESTION = Item("failures-seen", "ask", "Operations", "Does a failed task reach a person?", Severity.INFO)
LONG = replace(QUESTION, id="x-" * 30 + "[bold]y[/bold]", title="Is [this] read? " * 20)
SECTIONS = ("Broker", "House rules", "Operations", "Empty")
SMALL = Checklist((SHORT_WAIT, replace(RULE, enabled=False), QUESTION), SECTIONS)


def explained(about, **look):
    out = io.StringIO()
    explain.write(about, out, Look(**look))
    return out.getvalue()


def listed(checklist, **look):
    out = io.StringIO()
    policy.write(checklist, out, Look(**look))
    return out.getvalue()


def squeezed(page):
    return re.sub(r"\s", "", page)


def test_a_check_in_the_checklist_is_explained_in_full():
    assert (
        explained(SHORT_WAIT)
        == f"""\
short-wait
A task may run longer than the broker waits for it
× error · Broker · looks at the whole app · needs Celery 5.4

Why
  the broker hands the message to another worker while the first is still at
  work, so that everything is done twice.

Fix
  raise `visibility_timeout` above the longest `time_limit`

Options  under `with:` in the checklist
  margin  a number, 1.0 unless set; here 2.0
  strict  true or false, false unless set
  names  a list of texts, [a] unless set

Waived
  reports.*: only run by hand

To accept it in one place
  # celerycheck: ignore[short-wait] why it is right here

Reference
  {ADDRESS}
"""
    )


@pytest.mark.parametrize(
    ("about", "words", "not_words"),
    [
        (short_wait, ["not in the checklist"], ["error", "Broker", "here 2.0", "Waived"]),
        (
            RULE,
            ["! warning", "a rule of the checklist", "ignore[known-queues]"],
            ["looks at", "Fix", "Options"],
        ),
        (QUESTION, ["a question that a person answers", "· info"], ["ignore[", "Reference", "Why"]),
        (replace(SHORT_WAIT, enabled=False), ["switched off"], []),
        (replace(RULE, why="\x1b[31m[bold]"), ["\\x1b[31m[bold]"], ["\x1b"]),
    ],
)
def test_what_is_not_there_is_not_mentioned(about, words, not_words):
    page = explained(about)
    assert [word for word in words if word not in page] == []
    assert [word for word in not_words if word in page] == []


def test_every_shipped_check_can_be_explained():
    for id_, shipped_check in shipped().items():
        page = explained(shipped_check)
        assert page.startswith(f"{id_}\n{shipped_check.title}\n")
        assert squeezed(shipped_check.why) in squeezed(page)
        assert squeezed(shipped_check.fix) in squeezed(page)


def test_the_checklist_shows_severity_options_waivers_and_what_is_off():
    assert (
        listed(SMALL)
        == """\
Checklist · as shipped
1 check, 1 house rule, 1 question · 1 switched off
× error  ! warning  · info

Broker
  × short-wait     A task may run longer than the broker waits for it
                   margin: 2.0 (default 1.0)
                   strict: false
                   names: [a]
                   reports.* waived: only run by hand

House rules
    known-queues   switched off: queue must be mail

Operations
  · failures-seen  Does a failed task reach a person?

→ celerycheck explain ID says why, and what to do
"""
    )


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("colour", [False, True])
def test_the_checklist_loses_nothing_at_any_width(width, colour):
    page = listed(replace(SMALL, items=(*SMALL.items, LONG)), width=width, colour=colour)
    page = re.sub(r"\x1b\[[\d;]*m", "", page)
    assert all(cells(line) <= width for line in page.splitlines())
    assert squeezed(LONG.id) in squeezed(page)
    assert squeezed(LONG.title) in squeezed(page)


def test_the_shipped_checklist_can_be_listed_and_each_item_explained():
    checklist = load(None)
    page = listed(checklist)
    for item in checklist.items:
        assert item.id in page
        assert squeezed(item.title) in squeezed(explained(item))


@pytest.mark.parametrize(
    ("value", "words"),
    [(True, "true"), (3, "3"), (0.5, "0.5"), ("", '""'), ("a b", "a b"), (("a", "b"), "[a, b]"), ((), "[]")],
)
def test_values_are_shown_as_yaml_has_them(value, words):
    assert shown(value) == words
