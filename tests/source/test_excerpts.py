"""The lines that locations point at: which, how they are cut, and that they give nothing away."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from celerycheck.findings import Excerpt
from celerycheck.source.excerpts import LONGEST, read
from celerycheck.subjects import Location


def excerpt(folder: Path, data: str | bytes, *place: int | None) -> Excerpt | None:
    """The excerpt of a module at (line, column, end_line, end_column)."""
    (folder / "m.py").write_bytes(data if isinstance(data, bytes) else data.encode())
    location = Location("m.py", *place)
    return read(folder, [location]).get(location)


def marked(found: Excerpt | None) -> list[tuple[int, str, str]]:
    """Each line's number, text, and what is marked in it."""
    assert found is not None
    return [(line.number, line.text, line.text[slice(*line.mark)]) for line in found.lines]


LONG_CALL = "x = a(\n    1,\n    2,\n    3,\n    4,\n)\n"


@pytest.mark.parametrize(
    ("data", "place", "lines"),
    [
        ("a\n    b = c()\n", (2, 9, 2, 12), [(2, "b = c()", "c()")]),
        ("\tb = c(\t1)\n", (1, 6, 1, 11), [(1, "b = c(    1)", "c(    1)")]),
        ("b = c()  # why\n", (1, 5, 1, 8), [(1, "b = c()  # why", "c()")]),
        ("é = '日本'; c()\n", (1, 11, 1, 14), [(1, "é = '日本'; c()", "c()")]),
        ("x\r\ny()\r\n", (2, 1, 2, 4), [(2, "y()", "y()")]),
        ("x\ry()\r", (2, 1, 2, 4), [(2, "y()", "y()")]),
        ("x = '\x0c'; y()\nz()\n", (2, 1, 2, 4), [(2, "z()", "z()")]),
        ("# coding: latin-1\né()\n".encode("latin-1"), (2, 1, 2, 4), [(2, "é()", "é()")]),
        (b"\xef\xbb\xbfx()\n", (1, 1, 1, 4), [(1, "x()", "x()")]),
        ("x()", (1, 1, 1, 4), [(1, "x()", "x()")]),
        ("  x() ", (1, None, 1, None), [(1, "x()", "x()")]),
        (
            "  x = a(\n      1,\n  )\n",
            (1, 7, 3, 4),
            [(1, "x = a(", "a("), (2, "    1,", "1,"), (3, ")", ")")],
        ),
        ("x = a(\n\n  1)\n", (1, 5, 3, 5), [(1, "x = a(", "a("), (2, "", ""), (3, "  1)", "1)")]),
        ("    x = a('''\nb''')\n", (1, 9, 2, 6), [(1, "    x = a('''", "a('''"), (2, "b''')", "b''')")]),
        (
            'a(password="hunter2"); b()\n',
            (1, 24, 1, 27),
            [(1, 'a(password="********"); b()', "b()")],
        ),
        (
            'a(\n  url="amqp://u:hunter2@h",\n  token="""x\ny""")\n',
            (1, 1, 4, 6),
            [
                (1, "a(", "a("),
                (2, '  url="amqp://u:********@h",', 'url="amqp://u:********@h",'),
                (3, '  token="""********', 'token="""********'),
                (4, '********""")', '********""")'),
            ],
        ),
    ],
)
def test_lines_and_what_is_marked(tmp_path, data, place, lines):
    assert marked(excerpt(tmp_path, data, *place)) == lines


def test_of_many_lines_the_first_are_shown(tmp_path):
    found = excerpt(tmp_path, LONG_CALL, 1, 5, 6, 2)
    assert found is not None
    assert ([line.number for line in found.lines], found.more) == ([1, 2, 3], 3)
    found = excerpt(tmp_path, LONG_CALL, 1, 5, 4, 6)
    assert found is not None
    assert ([line.number for line in found.lines], found.more) == ([1, 2, 3, 4], 0)


@pytest.mark.parametrize(
    ("before", "code", "after"),
    [
        (0, "call()", 500),
        (200, "call()", 0),
        (200, "call()", 200),
        (90, "call(" + "1" * 60 + ")", 0),
        (100, "call(" + "1" * 500 + ")", 100),
        (0, "call()", 100),
    ],
)
def test_long_lines_are_cut_around_what_is_marked(tmp_path, before, code, after):
    line = "x" * before + " " + code + " " + "y" * after
    found = excerpt(tmp_path, line, 1, before + 2, 1, before + 2 + len(code))
    assert found is not None
    (only,) = found.lines
    assert len(only.text) <= LONGEST
    assert only.text in line
    shown = only.text[slice(*only.mark)]
    assert shown == code[: len(shown)]
    assert shown == code or (len(shown) > LONGEST // 2 and only.clipped[1])
    assert only.clipped == (not line.strip().startswith(only.text), not line.rstrip().endswith(only.text))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        ("call()\n", (2, 1, 2, 3)),
        ("call()\n", (1, 1, 9, 3)),
        ("call()\n", (0, 1, 1, 3)),
        ("call()\n", (1, 1, 1, 40)),
        ("call()\n", (1, 40, 1, 45)),
        ("call()\n", (1, 1, 1, 3)),
        ("call()\n", (1, 3, 1, 7)),
        ("    call()\n", (1, 3, 1, 11)),
        ("call()    \n", (1, 1, 1, 9)),
        ("call()\n", (1, 5, 1, 5)),
        ("call()\n", (1, 0, 1, 7)),
        ("a()\nb()\n", (2, 1, 1, 4)),
        ("call()\n", (1, 1)),
        ("call()\n", (None, None, 1, 7)),
        ("call()\0\n", (1, 1, 1, 7)),
        (b"call()\xff\n", (1, 1, 1, 7)),
        (b"# coding: nonsense\ncall()\n", (2, 1, 2, 7)),
        ("", (1, 1, 1, 1)),
        ("call()" + " " * 1000 + "x\n", (1, 1, 1, 7)),
    ],
)
def test_changed_or_unreadable_files_and_places_without_an_end_give_none(tmp_path, data, place):
    assert excerpt(tmp_path, data, *place) is None


def test_files_that_are_not_there_give_none(tmp_path):
    (tmp_path / "folder").mkdir()
    assert read(tmp_path, [Location(path, 1, 1, 1, 2) for path in ("none.py", "folder", "a\0b")]) == {}


def test_several_places_of_several_files(tmp_path):
    (tmp_path / "a.py").write_text("x()\ny()\n")
    (tmp_path / "b.py").write_text("z()\n")
    places = [Location("a.py", 1, 1, 1, 4), Location("b.py", 1, 1, 1, 4), Location("a.py", 2, 1, 2, 4)]
    found = read(tmp_path, [*places, *places])
    assert [found[place].lines[0].text for place in places] == ["x()", "z()", "y()"]


@given(
    st.text(st.sampled_from("ab(\"'\t\n #日é.://@=")) | st.text(),
    st.tuples(*[st.integers(-1, 12)] * 4),
)
def test_any_place_in_any_text_is_fit_to_be_shown(tmp_path_factory, text, place):
    found = excerpt(tmp_path_factory.getbasetemp(), text.encode("utf-8", "replace"), *place)
    for line in found.lines if found else ():
        begin, end = line.mark
        assert 0 <= begin <= end <= len(line.text) <= LONGEST or not line.text
        assert not set(line.text) & set("\t\r\n")
