"""Imports of rendered modules: in the order that ruff wants, whatever order templates write them in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaffold_ruff import formatted, needs_ruff, sorted_imports

from celerycheck.scaffold.merging.import_order import Import, member_key
from celerycheck.scaffold.merging.imports import organised

OURS = frozenset({"billing", "shop"})

UNTOUCHED = {
    "nothing": "",
    "a docstring": '"""Doc."""\n',
    "no imports": "x = 1\n",
    "later imports": "x = 1\nimport sys\nimport os\n",
    "one": "import os\n",
    "comments only": "# import os\n",
    "in order": "import os\n\nfrom celery import Celery\n\nfrom billing import services\n\nx = os\n",
    "asked to be exploded": "from a import (\n    b,\n)\n",
}


@pytest.mark.parametrize("text", UNTOUCHED.values(), ids=UNTOUCHED)
def test_left_alone(text):
    assert organised(text, OURS) == text


LONG = "charge_the_invoice_of_a_customer, send_the_reminder, settle_the_account"

ORGANISED = {
    "groups": (
        """\
from . import near
from billing import services
import requests
import os
from __future__ import annotations
""",
        """\
from __future__ import annotations

import os

import requests

from billing import services

from . import near
""",
    ),
    "repetitions": (
        "import os\nimport os\nfrom a import b\nfrom a import b\n",
        "import os\n\nfrom a import b\n",
    ),
    "one module": ("from a import c\nfrom a import b, D, E_F\n", "from a import E_F, D, b, c\n"),
    "one line each": ("import sys, os\n", "import os\nimport sys\n"),
    "plain ones first": ("from a import b\nimport z\n", "import z\nfrom a import b\n"),
    "aliases": (
        "from a import b as x, c\nimport d as e\n",
        "import d as e\nfrom a import b as x\nfrom a import c\n",
    ),
    "a star": ("from a import b\nfrom a import *\n", "from a import *\nfrom a import b\n"),
    "farther first": (
        "from . import a\nfrom .. import b\nfrom .c import d\n",
        "from .. import b\nfrom . import a\nfrom .c import d\n",
    ),
    "numbers": ("import a10\nimport a9\n", "import a9\nimport a10\n"),
    "too long": (
        f"from billing.services import {LONG}\n",
        "from billing.services import (\n    " + LONG.replace(", ", ",\n    ") + ",\n)\n",
    ),
    "below a docstring": ('"""Doc."""\nimport os\nx = os\n', '"""Doc."""\n\nimport os\n\nx = os\n'),
    "above a function": ("import os\ndef f(): ...\n", "import os\n\n\ndef f(): ...\n"),
    "above a comment of a class": (
        "import os\n\n# note\nclass A: ...\n",
        "import os\n\n\n# note\nclass A: ...\n",
    ),
    "above a comment of its own": (
        "import os\n\n\n# note\n\n\nclass A: ...\n",
        "import os\n\n# note\n\n\nclass A: ...\n",
    ),
    "above an if": ("import os\nif os:\n    pass\n", "import os\n\nif os:\n    pass\n"),
    "comments travel": (
        '"""Doc."""\n# about b\nimport b  # noqa\n# about a\nimport a\n',
        '"""Doc."""\n\n# about a\nimport a\n\n# about b\nimport b  # noqa\n',
    ),
    "comments inside": (
        "from b import c\nfrom a import (  # noqa\n    d,  # why\n)\n",
        "from a import (  # noqa\n    d,  # why\n)\nfrom b import c\n",
    ),
}


@needs_ruff
@pytest.mark.parametrize(("text", "wanted"), ORGANISED.values(), ids=ORGANISED)
def test_organised(text, wanted):
    made = organised(text, OURS)
    assert made == wanted
    assert sorted_imports(made, OURS) == made
    assert organised(made, OURS) == made


def test_line_length():
    text = "from billing import charge, remind, settle\n"
    assert organised(text, OURS, line_length=42) == text
    assert organised(text, OURS, line_length=41).count("\n") == 5


def test_windows_line_endings():
    text = '"""Doc."""\r\nimport sys\r\nimport os\r\nx = 1\r\n'
    assert organised(text, OURS) == '"""Doc."""\r\n\r\nimport os\r\nimport sys\r\n\r\nx = 1\r\n'


@pytest.mark.parametrize(
    ("one", "bound"),
    [
        (Import("os"), "os"),
        (Import("os.path"), "os"),
        (Import("os.path", None, "p"), "p"),
        (Import("a", "b"), "b"),
        (Import("..a", "b", "c"), "c"),
    ],
)
def test_what_an_import_binds(one, bound):
    assert one.bound == bound


def test_names_in_order():
    names = ["b", "B", "BC", "a10", "a9", "_P", "Foo", "Q"]
    assert sorted(names, key=member_key) == ["_P", "BC", "B", "Foo", "Q", "a9", "a10", "b"]


MODULES = [
    *("os", "os.path", "abc", "django.db", "celery", "Celery2", "a10"),
    *("a9", "billing.x", "shop", ".near", "..", "b_B", "x1y"),
]
NAMES = [
    *("a", "b", "B", "CONST", "Foo", "foo", "FOO", "_P", "_p", "Q"),
    *("q1", "a10", "a9", "a_name_that_takes_some_space_indeed"),
]
ENDS = [
    "",
    "x = 1\n",
    "def f():\n    pass\n",
    "# note\nclass A:\n    pass\n",
    "# note\n\n\nclass A:\n    pass\n",
    "if a:\n    pass\n",
]


@st.composite
def import_lines(draw):
    module = draw(st.sampled_from(MODULES))
    alias = draw(st.sampled_from(["", "", "", " as z"]))
    if not module.startswith(".") and draw(st.booleans()):
        return f"import {module}{alias}\n"
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    return f"from {module} import {', '.join(names)}{alias}\n"


@needs_ruff
@settings(max_examples=40, deadline=None)
@given(
    st.lists(import_lines(), min_size=1, max_size=8),
    st.sampled_from(["", '"""Doc."""\n']),
    st.sampled_from(ENDS),
)
def test_as_ruff_sorts_and_formats(found, top, end):
    made = organised(top + "".join(found) + end, OURS)
    assert sorted_imports(made, OURS) == made
    assert formatted(made) == made
