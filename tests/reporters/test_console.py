"""The console report: golden pages, and what must hold whatever users named their things."""

import io
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reports import (
    ALL,
    BIG,
    BROKEN,
    CLEAN,
    ERROR,
    INFO,
    NOW,
    ONLY_NOTES,
    ORDINARY,
    SHOP,
    WARNING,
    WIDE,
    finding,
    outcome,
)

from celerycheck import __version__
from celerycheck.findings import Notice, Report, Severity
from celerycheck.reporters import FORMATS, reporter
from celerycheck.reporters.console import Options, write
from celerycheck.reporters.console_schedule import until
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Look, cells, wrap
from celerycheck.subjects import Location, Note
from celerycheck.testing import ScheduleEntry, app, task

GOLDEN = Path(__file__).parent / "golden"
EVERYTHING = Options(show=frozenset(Severity), waived=True, tracebacks=True, fold=None)


def text(report, options=None, **look):
    out = io.StringIO()
    write(report, out, replace(options or Options(), **look), now=NOW)
    return out.getvalue()


def squeezed(page):
    return re.sub(r"\s", "", page)


@pytest.mark.parametrize(
    ("name", "report", "options"),
    [
        *((name, report, Options()) for name, report in ALL.items()),
        ("ordinary-everything", ORDINARY, EVERYTHING),
        ("broken-everything", BROKEN, EVERYTHING),
        ("wide-ascii", WIDE, Options(unicode=False)),
        ("wide-140", WIDE, Options(width=140)),
    ],
)
def test_pages_are_as_agreed(name, report, options):
    """`UPDATE_GOLDEN=1` writes the files anew; look at the difference before you commit it."""
    page = text(report, options).replace(f"celerycheck {__version__} ", "celerycheck VERSION ")
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(page, "utf-8")
    assert page == path.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 140])
@pytest.mark.parametrize("report", ALL.values(), ids=ALL)
def test_nothing_is_wider_than_the_page(report, width):
    for line in text(report, EVERYTHING, width=width).splitlines():
        assert cells(line) <= width
        assert line == line.rstrip()


@pytest.mark.parametrize("report", ALL.values(), ids=ALL)
def test_colour_changes_nothing_but_colour(report):
    coloured = text(report, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == text(report)


def test_without_colour_nothing_acts_on_the_terminal():
    assert "\x1b" not in text(WIDE)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8", "shift_jis"])
def test_every_encoding_carries_the_report(encoding):
    raw = io.BytesIO()
    out = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    write(WIDE, out, now=NOW)
    out.flush()
    page = raw.getvalue().decode(encoding)
    assert "shop.mail.sende_gr" in page
    assert ("→" in page) == (encoding == "utf-8")


def test_two_hundred_findings_fit_on_two_screens():
    page = text(BIG)
    assert len(BIG.findings) > 200
    assert len(page.splitlines()) < 100
    assert "… and 134 more (--format json lists all)" in page


def test_one_more_is_shown_rather_than_counted():
    findings = tuple(finding(subject=f"t{n}") for n in range(9))
    assert "more (" not in text(replace(CLEAN, findings=findings))
    assert "and 2 more (" in text(replace(CLEAN, findings=(*findings, finding(subject="t9"))))


def test_different_problems_of_a_check_are_not_folded_as_soon_as_alike_ones():
    different = tuple(finding(subject=f"t{n}", message=f"cause {'abcdefgh'[n]}") for n in range(8))
    alike = tuple(finding(subject=f"t{n}", message=f"cause {n}") for n in range(8))
    assert "more (" not in text(replace(CLEAN, findings=different))
    assert "and 4 more (" in text(replace(CLEAN, findings=alike))


def test_equal_fixes_are_told_once_and_different_ones_each():
    same = (finding(subject="a", message="one"), finding(subject="b", message="two"))
    other = (finding(subject="a", fix="do this"), finding(subject="b", fix="do that"))
    assert text(replace(CLEAN, findings=same)).count("→ set `max_retries`") == 1
    page = text(replace(CLEAN, findings=other))
    assert page.index("→ do this") < page.index("→ do that")
    assert page.count("max_retries is None") == 1


def test_one_check_of_two_severities_is_told_by_severity():
    page = text(replace(CLEAN, findings=(finding(severity=WARNING, subject="b"), finding(severity=ERROR))))
    assert page.index("× unbounded-retries") < page.index("! unbounded-retries")


@pytest.mark.parametrize(
    ("report", "last"),
    [
        (CLEAN, "→ nothing to mend"),
        (
            replace(CLEAN, outcomes=(outcome(), outcome("x", "skipped", reason="r"))),
            "→ nothing to mend in what could be looked at",
        ),
        (ONLY_NOTES, "→ nothing has to be mended; the notes say what could be better"),
        (replace(ORDINARY, outcomes=()), "→ begin with: celerycheck explain short-visibility-timeout"),
        (ORDINARY, "→ 2 questions only people can answer: celerycheck audit shop --interactive"),
        (
            Report(app(target="my app"), (outcome(status="unanswered"),), ()),
            "→ 1 question only people can answer: celerycheck audit 'my app' --interactive",
        ),
    ],
)
def test_the_last_line_says_what_to_do(report, last):
    assert text(report).splitlines()[-1] == last


@pytest.mark.parametrize(
    ("report", "sentence"),
    [
        (Report(app(), (), ()), "no task of the project's own is registered"),
        (BROKEN, "this audit is incomplete, because a check crashed; run it again with --debug"),
        (BROKEN, "mend what could not be loaded first"),
        (replace(BROKEN, app=SHOP, notices=(Notice("load", "took long"),)), "took long"),
        (CLEAN, "no findings"),
        (ORDINARY, "exit code 1"),
        (ORDINARY, "--show info lists the notes"),
        (Report(app(task()), (), ()), "1 task, no queues, no schedule entries"),
        (CLEAN, "not at running workers or their command lines"),
        (
            replace(CLEAN, app=replace(SHOP, scheduler="redbeat.RedBeatScheduler")),
            "the entries that redbeat.RedBeatScheduler keeps elsewhere were not looked at",
        ),
    ],
)
def test_what_each_situation_needs_is_said(report, sentence):
    assert squeezed(sentence) in squeezed(text(report))


@pytest.mark.parametrize(
    ("report", "word"),
    [
        (CLEAN, "exit code"),
        (CLEAN, "crashed"),
        (CLEAN, "keeps elsewhere"),
        (replace(CLEAN, app=replace(SHOP, scheduler="celery.beat.Scheduler")), "keeps elsewhere"),
        (replace(CLEAN, evidence=("settings", "workers")), "running workers"),
        (CLEAN, "unanswered"),
        (CLEAN, "--show"),
        (CLEAN, "--interactive"),
        (ORDINARY, "undocumented-task"),
        (ORDINARY, "only run by hand"),
        (ORDINARY, "Only part of"),
        (BROKEN, "Traceback"),
        (replace(CLEAN, app=replace(SHOP, schedule=())), "Next runs"),
    ],
)
def test_what_a_situation_does_not_need_is_not_said(report, word):
    assert word not in text(report)


def test_what_was_noted_while_loading_is_said_once():
    noted = Note("3 Celery apps; took app", Location("shop/celery.py", 5))
    notice = Notice("load", noted.text, noted.location)
    page = text(replace(CLEAN, app=replace(SHOP, notes=(noted,)), notices=(notice, notice)))
    assert page.count("3 Celery apps") == 1


def test_hidden_severities_can_be_shown():
    assert "undocumented-task" in text(ORDINARY, show=frozenset({INFO}))
    assert "retry-without-backoff" not in text(ORDINARY, show=frozenset({INFO})).partition("Checklist")[0]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "now"),
        (0.4, "now"),
        (1, "in 1 s"),
        (59.6, "in 1 min"),
        (90, "in 1 min 30 s"),
        (3_600, "in 1 h"),
        (9 * 3_600 + 12 * 60, "in 9 h 12 min"),
        (3_659, "in 1 h"),
        (86_400 * 3 + 7_200, "in 3 d 2 h"),
        (-7_500, "2 h 5 min ago"),
    ],
)
def test_until(seconds, words):
    assert until(timedelta(seconds=seconds)) == words


def test_next_runs_come_in_order_and_unreadable_ones_are_admitted():
    entries = (
        ScheduleEntry("later", next_run="2026-03-01T20:03:00+00:00"),
        ScheduleEntry("soon", next_run="2026-03-01T18:04:00Z"),
        ScheduleEntry("never", next_run="tomorrow"),
        ScheduleEntry("past", next_run="2026-03-01T19:03:00+02:00"),
    )
    page = text(replace(CLEAN, app=replace(SHOP, schedule=entries))).partition("Next runs")[2]
    lines = [line.split() for line in page.splitlines()[1:5]]
    assert [line[0] for line in lines] == ["past", "soon", "later", "never"]
    assert [" ".join(line[-3:]) for line in lines] == ["1 h ago", "in 1 min", "in 2 h", "run not known"]


ANY = st.text(st.characters(), min_size=1, max_size=150)
NASTY = st.sampled_from(
    [
        "[bold]x[/bold]",
        "[/]",
        "\x1b]8;;evil\x07",
        "a\u202eb",
        "a\u200bb",
        "\x9b31m",
        "a\r\nb",
        "\t",
        " ",
        "\ud800",
        "\u2028",
        ":smile:",
        "e\u0301" * 90,
        "漢" * 99,
        "\N{FAMILY}\ufe0f",
    ]
)
WORDS = ANY | NASTY


@given(st.tuples(WORDS, WORDS, WORDS, WORDS), st.sampled_from([60, 80, 140]), st.booleans())
def test_no_word_of_a_finding_is_lost_and_none_does_harm(words, width, unicode):
    subject, message, path, fix = words
    where = Location(path, 7)
    found = finding(subject=subject, message=message, fix=fix, location=where, title=fix, section=subject)
    report = Report(SHOP, (), (found,), (replace(found, reason=fix),), (Notice("x", message, where),))
    page = text(report, EVERYTHING, width=width, unicode=unicode)
    whole = squeezed(page)
    assert all(c.isprintable() for c in page if c != "\n")
    assert all(cells(line) <= width for line in page.splitlines())
    for word in (*map(visible, (subject, path)), *(visible(text, lines=True) for text in (message, fix))):
        shown = word if unicode else word.encode("ascii", "backslashreplace").decode()
        assert squeezed(shown) in whole


@given(WORDS, WORDS)
def test_colour_does_no_harm_either(subject, message):
    report = Report(SHOP, (), (finding(subject=subject, message=message),))
    page = re.sub(r"\x1b\[[\d;]*m", "", text(report, colour=True))
    assert page == text(report)


@given(ANY.map(lambda t: t.replace("\n", "")), st.integers(10, 60))
def test_wrapping_loses_only_blanks(line, width):
    parts = list(wrap(line, width))
    assert "".join(line[a:b] for a, b in parts).replace(" ", "") == line.replace(" ", "")
    assert all(cells(line[a:b]) <= width for a, b in parts)


@pytest.mark.parametrize(
    ("terminal", "environ", "look"),
    [
        (False, {}, Look(80, colour=False)),
        (True, {"COLUMNS": "140"}, Look(140, colour=True)),
        (True, {"COLUMNS": "100", "NO_COLOR": "1"}, Look(100, colour=False)),
        (True, {"COLUMNS": "100", "NO_COLOR": ""}, Look(100, colour=True)),
        (True, {"COLUMNS": "100", "TERM": "dumb"}, Look(100, colour=False)),
        (False, {"FORCE_COLOR": "1"}, Look(80, colour=True)),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, Look(80, colour=False)),
        (True, {}, Look(80, colour=True)),
        (False, {"COLUMNS": "wide"}, Look(80, colour=False)),
    ],
)
def test_the_look_suits_the_stream(terminal, environ, look):
    class Stream(io.StringIO):
        def isatty(self):
            return terminal

    assert Look.for_stream(Stream(), environ) == look
    assert isinstance(Options.for_stream(Stream(), environ), Options)


def test_nothing_heavy_is_imported_for_a_log():
    script = (
        "import sys, celerycheck.reporters as r\n"
        "assert not {'rich', 'json', 'yaml', 'celery'} & set(sys.modules)\n"
        "r.reporter('console')\n"
        "assert not {'rich', 'json', 'yaml', 'celery'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=Path(__file__).parents[2])


def test_every_format_has_a_module_that_writes():
    assert all(callable(reporter(name).write) for name in FORMATS)
    with pytest.raises(KeyError):
        reporter("html")
