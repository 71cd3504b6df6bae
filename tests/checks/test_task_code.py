"""The shape of a task's own code: defaults it changes, in a table and in Python itself, and its size."""

from __future__ import annotations

import pytest
from celery import Celery

from celerycheck.testing import flagged, found, problems, source

IMPORTS = """
import collections
import logging
from collections import defaultdict, deque

from celery import shared_task

logger = logging.getLogger(__name__)
CACHE = {}
"""
LEAVES = "{}: the next run in this worker process that is not given {} starts with what this one leaves"


@pytest.mark.parametrize(
    ("parameter", "code", "line"),
    [
        ("rows=[]", "rows.append(1)", "rows.append(1)"),
        ("rows=[]", "rows.extend(fetch())", "rows.extend(fetch())"),
        ("rows=[]", "rows += fetch()", "rows += fetch()"),
        ("rows=[]", "if fetch():\n    rows.insert(0, 1)", "rows.insert(0, 1)"),
        ("rows=[]", "for row in fetch():\n    rows.append(row)", "rows.append(row)"),
        ("rows=list()", "rows.append(1)", "rows.append(1)"),
        ("rows=[1]", "rows.pop()", "rows.pop()"),
        ("rows=[2, 1]", "rows.sort()", "rows.sort()"),
        ("rows=[1]", "del rows[0]", "del rows[0]"),
        ("seen=set()", "seen.add(pk)", "seen.add(pk)"),
        ("seen={1}", "seen |= {pk}", "seen |= {pk}"),
        ("totals={}", "totals['n'] = pk", "totals['n'] = pk"),
        ("totals={}", "totals.update(n=pk)", "totals.update(n=pk)"),
        ("totals={}", "return totals.setdefault(pk, 1)", "return totals.setdefault(pk, 1)"),
        ("totals=defaultdict(int)", "totals[pk] += 1", "totals[pk] += 1"),
        ("totals=collections.Counter()", "totals[pk] += 1", "totals[pk] += 1"),
        ("last=deque()", "last.appendleft(pk)", "last.appendleft(pk)"),
        ("*, rows=[]", "rows.append(1)", "rows.append(1)"),
        ("rows=[], names=()", "rows.append(names)", "rows.append(names)"),
        ("rows=[]", "rows.append(1)\nrows = list(rows)", "rows.append(1)"),
    ],
)
def test_defaults_that_are_changed(parameter, code, line):
    lines = code.replace("\n", "\n    ")
    text = f"{IMPORTS}\n@shared_task\ndef work(pk, {parameter}):\n    {lines}\n"
    assert flagged("mutable-default", source(text)) == [line]


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ("rows", "rows.append(1)"),
        ("rows=None", "rows = rows or []\nrows.append(1)"),
        ("rows=()", "rows += (1,)"),
        ("rows=[]", "return len(rows)"),
        ("rows=[]", "for row in rows:\n    send(row)"),
        ("rows=[]", "rows = list(rows)\nrows.append(1)"),
        ("rows=[]", "rows = rows or []\nrows.append(1)"),
        ("rows=[]", "if not rows:\n    rows = fetch()\nrows.append(1)"),
        ("rows=[]", "rows = rows + [1]"),
        ("rows=[]", "rows, n = fetch()\nrows.append(1)"),
        ("rows=[]", "for rows in fetch():\n    rows.append(1)"),
        ("rows=[]", "with fetch() as rows:\n    rows.append(1)"),
        ("rows=[]", "if rows:\n    rows.append(1)"),
        ("rows=[]", "while rows:\n    send(rows.pop())"),
        ("rows=[]", "for row in rows:\n    rows.append(1)"),
        ("rows=[]", "rows.sort()"),
        ("rows=[]", "rows.clear()"),
        ("rows=[]", "found = []\nfound.extend(rows)"),
        ("rows=[]", "other.rows.append(1)"),
        ("rows=[]", "def inner(rows):\n    rows.append(1)\ninner([])"),
        ("rows=[]", "result = sorted(rows)\nresult.append(1)"),
        ("options={}", "options.pop('a', None)"),
        ("options={}", "return options.get('a')"),
        ("options={}", "options = {**options, 'a': 1}\noptions['b'] = 2"),
        ("options={}", "options = dict(options)\noptions.update(a=1)"),
        ("options={}", "if 'a' in options:\n    options['a'] = 1"),
        ("options={}", "if options and pk:\n    options['a'] = 1"),
        ("options={}", "for key in options.keys():\n    options[key] = 1"),
        ("options={}", "totals = {}\ntotals['a'] = options"),
        ("options=CACHE", "options['a'] = 1"),
        ("count=0", "count += 1"),
        ("text=''", "text += 'more'"),
        ("names=frozenset()", "names |= {pk}"),
        ("rows=[]", "return [rows for rows in fetch()]"),
        ("rows=[]", "send(rows)"),
        ("*rows", "rows += (1,)"),
        ("**options", "options['a'] = 1"),
    ],
)
def test_defaults_that_are_not(parameter, code):
    lines = code.replace("\n", "\n    ")
    text = f"{IMPORTS}\n@shared_task\ndef work(pk, {parameter}):\n    {lines}\n"
    assert flagged("mutable-default", source(text)) == []


@pytest.mark.parametrize(
    ("parameter", "code", "message", "fix"),
    [
        (
            "rows=[]",
            "rows.append(1)",
            LEAVES.format("rows.append() changes the default rows=[]", "rows"),
            "rows=None, and rows = [] if rows is None else rows in the body",
        ),
        (
            "totals={}",
            "totals[pk] = 1",
            LEAVES.format("totals[...] = ... changes the default totals={}", "totals"),
            "totals=None, and totals = {} if totals is None else totals in the body",
        ),
    ],
)
def test_what_is_said_of_a_default(parameter, code, message, fix):
    [problem] = found(
        "mutable-default", source(f"{IMPORTS}\n@shared_task\ndef work(pk, {parameter}):\n    {code}\n")
    )
    assert (problem.message, problem.fix) == (message, fix)


def test_a_task_keeps_what_an_earlier_run_left_in_its_default():
    app = Celery(set_as_current=False)

    @app.task
    def gather(row, rows=[]):  # noqa: B006  # what is tried
        rows.append(row)
        return list(rows)

    assert [gather.apply((row,)).result for row in (1, 2)] == [[1], [1, 2]]


def fat(lines, before="", decorator="@shared_task"):
    text = "\n    ".join(lines)
    return source(f"{IMPORTS}{before}\n{decorator}\ndef work(pk):\n    {text}\n")


SERVICE = "\ndef service(n):\n    return n\n"
BIG = [f"a{n} = pk + {n}" for n in range(41)]
FORKS = [f"if pk == {n}:\n        pk += 1" for n in range(11)]


@pytest.mark.parametrize(
    ("lines", "before", "statements", "branches"),
    [
        (BIG, "", 41, 0),
        (FORKS, "", 22, 11),
        ([*BIG, "service(1)"], SERVICE, 41, 0),
        (['"""Says what it does."""', *BIG], "", 41, 0),
        ([*BIG, "for n in pk:\n        a = n"], "", 43, 1),
        ([*BIG, "try:\n        a = 1\n    except KeyError:\n        a = 2"], "", 44, 1),
    ],
)
def test_tasks_that_do_the_work_themselves(lines, before, statements, branches):
    expected = (
        f"its body has {statements} statements and {branches} branches of its own, logging and calls of the"
        " project's functions apart"
    )
    assert problems("fat-task", fat(lines, before)) == [expected]


@pytest.mark.parametrize(
    ("lines", "before"),
    [
        (["return pk"], ""),
        (BIG[:40], ""),
        (FORKS[:10], ""),
        ([f"a{n} = service({n})" for n in range(60)], SERVICE),
        ([f"service({n})" for n in range(60)], SERVICE),
        ([f"logger.info('%s', {n})" for n in range(60)], ""),
        ([f"print({n})" for n in range(60)], ""),
        ([*BIG[:40], '"""A remark."""', "pass", "import json"], ""),
        ([*BIG[:39], "def inner():\n        " + "\n        ".join(BIG), "inner()"], ""),
        ([*BIG[:20], *(f"work.delay({n})" for n in range(30))], ""),
        (["return [" + ", ".join(str(n) for n in range(100)) + "]"], ""),
        (["return dict(\n" + "".join(f"        a{n}={n},\n" for n in range(60)) + "    )"], ""),
    ],
)
def test_tasks_that_do_not(lines, before):
    assert problems("fat-task", fat(lines, before)) == []


def test_the_limits_are_options():
    assert len(problems("fat-task", fat(BIG[:6]), statements=5)) == 1
    assert problems("fat-task", fat(BIG), statements=41) == []
    assert len(problems("fat-task", fat(FORKS[:3]), branches=2)) == 1


def test_what_to_do_with_a_fat_task():
    [problem] = found("fat-task", fat(BIG))
    assert problem.fix == "move them into a function of a service module, and call that: services.work(...)"
