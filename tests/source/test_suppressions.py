"""Comments that silence checks: what is one, and which lines it counts for."""

from __future__ import annotations

from textwrap import dedent

import pytest

from celerycheck.source.suppressions import NONE, Suppressions, in_source, read
from celerycheck.subjects import Location


def found(source: str) -> list[tuple[int, tuple[str, ...], str]]:
    return [(s.location.line, s.ids, s.reason) for s in in_source("m.py", dedent(source).encode())]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = 1  # celerycheck: ignore[some-check] a reason\n", [(1, ("some-check",), "a reason")]),
        ("x = 1  # celerycheck: ignore[a, b-c ,] both\n", [(1, ("a", "b-c"), "both")]),
        ("x = 1  #celerycheck:ignore [a]: why\n", [(1, ("a",), "why")]),
        ("x = 1  # noqa: E501  # celerycheck: ignore[a] why  # more\n", [(1, ("a",), "why")]),
        ("x = 1  # celerycheck: ignore[a]\n", [(1, ("a",), "")]),
        ("x = 1  # celerycheck: ignore\n", [(1, (), "")]),
        ("x = 1  # celerycheck: ignore[] why\n", [(1, (), "why")]),
        ("# Celerycheck: Ignore[a] why\nx = 1\n", [(1, ("a",), "why")]),
        ("x = '# celerycheck: ignore[a] why'\n", []),
        ('"""\n# celerycheck: ignore[a] why\n"""\n', []),
        ("x = 1  # celerycheck: ignored[a] why\n", []),
        ("x = 1  # celerycheck is a tool\n", []),
        ("", []),
        ("x = 1  # celerycheck: ignore[a] why\ny = (\n", [(1, ("a",), "why")]),
        ("x = 1  # celerycheck: ignore[a] why\n  bad indent\n", [(1, ("a",), "why")]),
    ],
)
def test_what_is_a_suppression(source, expected):
    assert found(source) == expected


def test_bytes_that_are_no_text_hold_none():
    assert list(in_source("m.py", b"\xff\xfe # celerycheck: ignore[a] b\n")) == []
    assert list(in_source("m.py", b"# coding: nonsense\n# celerycheck: ignore[a] b\n")) == []


def test_other_encodings_and_line_ends():
    data = "# coding: latin-1\r\nx = 'é'  # celerycheck: ignore[a] café\r\n".encode("latin-1")
    (only,) = in_source("m.py", data)
    assert (only.reason, only.lines) == ("café", ((2, 2),))


@pytest.mark.parametrize(
    ("source", "silenced"),
    [
        ("a = 1\nb = 2  # IGNORE\nc = 3\n", [2]),
        ("a = 1\n# IGNORE\nb = 2\nc = 3\n", [3]),
        ("# IGNORE\n# and another comment\na = 1\n", [3]),
        ("# IGNORE\n\na = 1\n", []),
        ("a = 1\n# IGNORE\n", []),
        ("@task\ndef f():  # IGNORE\n    pass\n", [1, 2]),
        ("@task  # IGNORE\ndef f():\n    pass\n", [1, 2]),
        ("# IGNORE\n@task\ndef f():\n    pass\n", [2, 3]),
        ("@other\n# IGNORE\n@task\ndef f():\n    pass\n", [1, 3, 4]),
        ("@task(\n    bind=True,  # IGNORE\n)\ndef f(\n    self,\n):\n    pass\n", [1, 2, 3, 4, 5, 6]),
        ("@task\nasync def f():  # IGNORE\n    pass\n", [1, 2]),
        ("# IGNORE\nclass A(Task):\n    x = 1\n", [2]),
        ("@task\ndef f():\n    x = 1  # IGNORE\n    y = 2\n", [3]),
        ("async def f():\n    async with x:  # IGNORE\n        pass\n", [2]),
        ("conf.update(\n    a=1,\n    b=2,  # IGNORE\n    c=3,\n)\n", [3]),
        ("conf.update(\n    a=1,\n    # IGNORE\n    b=2,\n    c=3,\n)\n", [4]),
        ("app = Celery(\n    'x',\n)  # IGNORE\n", [1, 3]),
        ("app = Celery(  # IGNORE\n    'x',\n)\n", [1]),
        ("x = '''\n# IGNORE\n'''\n", []),
        ("x = 1; y = 2  # IGNORE\n", [1]),
    ],
)
def test_which_lines_it_counts_for(source, silenced):
    data = source.replace("IGNORE", "celerycheck: ignore[a] because").encode()
    comments = list(in_source("m.py", data))
    code = [
        number
        for number, line in enumerate(source.split("\n"), 1)
        if line.strip() and not line.startswith("#")
    ]
    covered = [
        n
        for n in code
        if any(c.covers(n) for c in comments) and not source.split("\n")[n - 1].strip().startswith("#")
    ]
    assert covered == silenced


@pytest.mark.parametrize(
    ("source", "first", "last", "silenced"),
    [
        ("a()  # IGNORE\n", 1, 1, True),
        ("# IGNORE\na()\n", 2, 2, True),
        ("a()\nb()  # IGNORE\n", 1, 1, False),
        ("a()  # IGNORE\nb()\n", 2, 2, False),
        ("a(\n    b,\n)  # IGNORE\n", 1, 3, True),
        ("a(  # IGNORE\n    b,\n)\n", 1, 3, True),
        ("a(\n    b,  # IGNORE\n)\n", 1, 3, True),
        ("a(\n    # IGNORE\n    b,\n)\n", 1, 4, True),
        ("# IGNORE\na(\n    b,\n)\n", 2, 4, True),
        # a part of a statement
        ("x = a(\n    b(),\n    c(),\n)  # IGNORE\n", 2, 2, True),
        ("x = a(  # IGNORE\n    b(),\n    c(),\n)\n", 3, 3, True),
        ("# IGNORE\nx = a(\n    b(),\n    c(),\n)\n", 4, 4, True),
        ("x = a(\n    b(),\n    c(),  # IGNORE\n)\n", 3, 3, True),
        ("x = a(\n    b(),\n    c(),  # IGNORE\n)\n", 2, 2, False),
        ("x = a(\n    # IGNORE\n    b(),\n    c(),\n)\n", 4, 4, False),
        # the head of a block is a statement of its own
        ("for x in a(\n    b,\n):\n    c(x)  # IGNORE\n", 1, 3, False),
        ("for x in a(\n    b,\n):  # IGNORE\n    c(x)\n", 2, 2, True),
        ("for x in a(\n    b,\n):  # IGNORE\n    c(x)\n", 4, 4, False),
        ("for x in y:\n    a(x)\n    b(x)  # IGNORE\n", 1, 3, True),
        ("@task(\n    c=d(),\n)  # IGNORE\ndef f():\n    a()\n", 2, 2, True),
        ("@task  # IGNORE\ndef f():\n    a()\n", 3, 3, False),
        ("x = a(\n    b(),\n)\n# IGNORE\n", 1, 3, False),
    ],
)
def test_which_pieces_of_code_it_counts_for(source, first, last, silenced):
    (comment,) = in_source("m.py", source.replace("IGNORE", "celerycheck: ignore[a] because").encode())
    assert comment.covers(first, last) is silenced
    found = Suppressions({"m.py": (comment,)})
    assert bool([*found.matching("a", Location("m.py", first, 1, last, 9))]) is silenced


def test_it_counts_in_a_helper_where_the_finding_is(tmp_path):
    (tmp_path / "services.py").write_text("def pay():\n    post()  # celerycheck: ignore[a] why\n")
    found = read(tmp_path, ["tasks.py", "services.py"])
    assert [*found.matching("a", Location("services.py", 2, 5, 2, 11))]
    assert not [*found.matching("a", Location("tasks.py", 2, 5, 2, 11))]


def test_files_are_read_relative_to_the_root(tmp_path):
    (tmp_path / "proj").mkdir()
    (tmp_path / "proj" / "tasks.py").write_text("x = 1  # celerycheck: ignore[a] why\n")
    (tmp_path / "proj" / "plain.py").write_text("x = 1\n")
    (tmp_path / "proj" / "words.py").write_text("x = 'celerycheck: ignore[a]'\n")
    every = read(
        tmp_path, ["proj/tasks.py", "proj/plain.py", "proj/words.py", "proj/none.py", "proj", "a\0b"]
    )
    assert [s.location.path for s in every] == ["proj/tasks.py"]
    assert list(every.matching("a", Location("proj/tasks.py", 1)))
    for check, location in (
        ("b", Location("proj/tasks.py", 1)),
        ("a", Location("proj/tasks.py", 2)),
        ("a", Location("proj/tasks.py")),
        ("a", Location("proj/plain.py", 1)),
        ("a", None),
    ):
        assert not list(every.matching(check, location))


def test_none_is_empty():
    assert list(NONE) == []
