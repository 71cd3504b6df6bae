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
    MANY,
    NOW,
    ONLY_NOTES,
    ORDINARY,
    SHOP,
    WARNING,
    WIDE,
    WITH_CODE,
    WITHOUT_EXCERPTS,
    finding,
    outcome,
)

from celerycheck import __version__
from celerycheck.findings import Excerpt, Line, Notice, Report, Severity
from celerycheck.reporters import FORMATS, reporter
from celerycheck.reporters.console import Options, write
from celerycheck.reporters.console_plan import pointed_at
from celerycheck.reporters.console_schedule import until
from celerycheck.reporters.harmless import visible
from celerycheck.reporters.page import Look, cells, wrap, wrap_code
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
        ("code-140", WITH_CODE, Options(width=140)),
        ("code-60", WITH_CODE, Options(width=60)),
        ("code-ascii", WITH_CODE, Options(unicode=False)),
        ("code-many-everything", MANY, EVERYTHING),
        ("code-elsewhere", WITHOUT_EXCERPTS, Options()),
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


def test_code_is_shown_in_the_first_places_only():
    """Each finding is listed nevertheless; `--show all` shows the code of each."""
    page = text(MANY)
    assert page.count("│ return requests.get(") == 3
    assert page.count("services.py:") == 6 + 2
    assert text(MANY, EVERYTHING).count("│ return requests.get(") == 6
    four = replace(MANY, findings=MANY.findings[:4])
    assert text(four).count("│ return requests.get(") == 4


def test_the_same_line_is_shown_once_in_a_check():
    page = text(MANY)
    assert page.count("│ return session.post(") == 1
    assert page.count("↳ services.deliver calls client.post") == 2


def test_without_the_source_the_calls_are_still_told():
    page = text(WITHOUT_EXCERPTS)
    assert "│" not in page
    assert "▔" not in page
    assert "↳ send_receipt calls services.deliver  shop/tasks.py:15" in page


def test_what_would_be_shown_is_what_is_read():
    assert {*pointed_at(WITH_CODE, Options())} == {*WITH_CODE.excerpts}
    assert len([*pointed_at(MANY, Options())]) == 5
    assert not [*pointed_at(WITH_CODE, Options(show=frozenset({INFO})))]
    assert not [*pointed_at(ORDINARY, Options())]


@pytest.mark.parametrize("unicode", [True, False])
def test_the_underline_stands_below_what_is_meant(unicode):
    lines = text(WITH_CODE, width=140, unicode=unicode).splitlines()
    for number, line in enumerate(lines):
        if "fetch.delay(order_id).get(timeout=30)" in line:
            below = lines[number + 1]
            assert {*below.strip(" │|")} == {"▔" if unicode else "^"}
            assert line[below.rindex(" ") + 1 :] == "fetch.delay(order_id).get(timeout=30)"


def test_wide_letters_have_a_wide_underline():
    lines = text(WIDE, width=140).splitlines()
    (number,) = (n for n, line in enumerate(lines) if "größe/日本語" in line)
    assert cells(lines[number]) == cells(lines[number + 1])


def test_code_in_colour_has_few():
    page = text(WITH_CODE, colour=True, width=140)
    assert "\x1b[35mreturn\x1b[0m" in page
    assert "\x1b[1;31m▔▔▔" in page
    assert "\x1b[1;33m▔▔▔" in page


def test_files_that_could_not_be_read_are_noted():
    page = squeezed(text(MANY))
    assert squeezed("· 5 files could not be read: old/m0.py (is not UTF-8 text); old/m1.py") in page
    assert squeezed("old/m2.py (is not UTF-8 text); 2 more") in page
    assert "could not be read" not in text(replace(MANY, source=replace(MANY.source, unreadable=())))


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


CODE = st.text(st.characters(exclude_characters="\r\n"), min_size=1, max_size=200) | NASTY.map(
    lambda word: word.replace("\n", "").replace("\r", "")
)


@given(
    st.lists(st.tuples(CODE, st.integers(0, 200), st.integers(0, 200)), min_size=1, max_size=3),
    st.sampled_from([60, 80, 140]),
    st.booleans(),
    st.booleans(),
)
def test_no_line_of_code_is_lost_and_none_does_harm(texts, width, unicode, clipped):
    lines = tuple(
        Line(n, line, (min(a, b, len(line)), min(max(a, b), len(line))), (clipped, clipped))
        for n, (line, a, b) in enumerate(texts, 998)
    )
    where = Location("a.py", 998, 1, 1000, 2)
    report = replace(CLEAN, findings=(finding(location=where),), excerpts={where: Excerpt(lines, 3)})
    page = text(report, width=width, unicode=unicode)
    coloured = text(report, width=width, unicode=unicode, colour=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == page
    assert all(c.isprintable() for c in page if c != "\n")
    assert all(cells(line) <= width for line in page.splitlines())
    unmarked = {where: Excerpt(tuple(replace(line, mark=(0, 0)) for line in lines), 3)}
    bar = " │" if unicode else " |"
    rows = text(replace(report, excerpts=unmarked), width=width, unicode=unicode).splitlines()
    whole = squeezed("".join(row.partition(bar)[2] for row in rows))
    for line in lines:
        shown = visible(line.text)
        assert squeezed(shown if unicode else shown.encode("ascii", "backslashreplace").decode()) in whole


@given(ANY.map(lambda t: t.replace("\n", "")), st.integers(10, 60), st.integers(0, 4))
def test_wrapping_code_loses_only_blanks(line, width, hang):
    parts = list(wrap_code(line, width, hang))
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
