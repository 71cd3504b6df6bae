"""A rendered module goes into one that is there: nothing twice, nothing lost, nothing moved."""

import textwrap

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scaffold_ruff import formatted, needs_ruff, sorted_imports

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging.merge import merged

OURS = frozenset({"billing"})

TASK = '''"""Tasks of billing."""

import requests
from celery import shared_task
from celery.utils.log import get_task_logger

from billing import services

logger = get_task_logger(__name__)


@shared_task(autoretry_for=(requests.RequestException,))
def charge(invoice_id: int) -> None:
    """Charge the invoice, once."""
    services.charge(invoice_id)
    logger.info("charged")
'''


def put(existing, wanted=TASK, **options):
    return merged(existing, wanted, module="billing.tasks", first_party=OURS, **options)


def code(text):
    return textwrap.dedent(text).lstrip("\n")


# Files that hold nothing that could be in the way.


FREE = {
    "nothing": "",
    "blank lines": "\n\n",
    "a docstring": '"""Doc."""\n',
    "comments": "# Create your tasks here.\n",
    "imports and a comment": "from django.db import models\n\n# Create your models here.\n",
    "a comment at the end": "def other():\n    pass\n\n\n# Notes\n# on it\n",
    "a comment that touches a line": "import os\n\nX = os\n# about X\n",
    "a main block": 'def other():\n    pass\n\n\nif __name__ == "__main__":\n    other()\n',
    "only a main block": 'if __name__ == "__main__":\n    pass\n',
    "decorated": "import functools\n\n\n@functools.cache\n# why\n@functools.cache\ndef other():\n    pass\n",
    "a class with comments": "class A:\n    x = 1\n\n    # later\n\n\n# after\n\n\nclass B:\n    pass\n",
    "a star import": "from os.path import *\n\nX = join\n",
    "assignments": "import os\n\nX = 1\nY = os\n\n\ndef other():\n    pass\n\n\nZ = other()\n",
    "a guarded import": (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from billing.models import Invoice\n\n\n"
        'def other(a: "Invoice") -> None: ...\n'
    ),
    "a guarded definition": (
        "import os\n\nif os.name:\n\n    def other():\n        pass\n\nelse:\n    other = None\n"
    ),
    "imports in two places": "import os\n\nos.environ['A'] = 'b'\n\nfrom celery import Celery\n\nCelery()\n",
    "an alias of the same": "from celery import shared_task as task\n\n\n@task\ndef other():\n    pass\n",
    "all": '__all__ = ["other"]\n\n\ndef other():\n    pass\n',
    "a shebang": "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nX = 1\n",
    "a comment on the first line": "# about other\ndef other():\n    pass\n",
    "imports with comments": (
        "from celery import (\n    Celery,  # the app\n    # noqa\n    signature,\n)\n\nCelery(signature)\n"
    ),
    "no new lines in strings": 'X = """\nimport requests\ndef charge(): ...\n"""\n',
    "a form feed": "X = 1\n\x0c\n\ndef other():\n    pass\n",
    "semicolons": "import os; X = 1\n",
    "newer syntax": "type Id = int\n\n\ndef other[T](a: T) -> T:\n    return a\n",
}


def kept(existing, text):
    """Whether every line of code or comment is still there, but for those that are extended."""
    after = text.splitlines()
    return all(
        line in after or not line.strip() or line.startswith(("__all__", "from celery import "))
        for line in existing.splitlines()
    )


@pytest.mark.parametrize("existing", FREE.values(), ids=FREE)
def test_free(existing):
    done = put(existing)
    assert done.conflicts == done.replaced == ()
    assert done.added[-2:] == ("logger", "charge")
    assert done.text.count("def charge(invoice_id") == 1
    assert kept(existing, done.text)
    assert done.text.index("logger = ") < done.text.index("def charge(invoice_id")
    if "type Id" not in existing:
        compile(done.text, "tasks.py", "exec")
    again = put(done.text)
    assert (again.text, again.added, again.conflicts) == (done.text, (), ())


@needs_ruff
@pytest.mark.parametrize("existing", FREE.values(), ids=FREE)
def test_formatted_files_stay_formatted(existing):
    existing = formatted(existing)
    made = put(existing).text
    assert formatted(made) == made
    if sorted_imports(existing, OURS) == existing:
        assert sorted_imports(made, OURS) == made


@pytest.mark.parametrize(
    "change",
    {
        "no newline at the end": lambda text: text.rstrip("\n"),
        "windows": lambda text: text.replace("\n", "\r\n"),
        "windows, no newline at the end": lambda text: text.rstrip("\n").replace("\n", "\r\n"),
        "tabs": lambda text: text.replace("    ", "\t"),
    }.items(),
    ids=lambda pair: pair[0],
)
@pytest.mark.parametrize("existing", FREE.values(), ids=FREE)
def test_as_the_file_is_written(existing, change):
    existing = change[1](existing)
    made = put(existing).text
    assert put(made).text == made
    if existing.strip():
        assert made.endswith("\n") == existing.endswith("\n")
    if "\r\n" in existing:
        assert made.count("\r\n") == made.count("\n")
        assert "\r\r" not in made
    assert kept(existing, made)


# Where things go.


def test_a_whole_file():
    existing = code(
        '''
        """What billing does in the background."""

        from celery import shared_task

        from billing.models import Invoice

        # How long
        LIMIT = 3


        # old, but used
        @shared_task
        def remind():
            return Invoice, LIMIT  # both


        remind()

        if __name__ == "__main__":
            remind()
        '''
    )
    assert put(existing).text == code(
        '''
        """What billing does in the background."""

        import requests
        from celery import shared_task
        from celery.utils.log import get_task_logger

        from billing import services
        from billing.models import Invoice

        # How long
        LIMIT = 3

        logger = get_task_logger(__name__)


        # old, but used
        @shared_task
        def remind():
            return Invoice, LIMIT  # both


        remind()


        @shared_task(autoretry_for=(requests.RequestException,))
        def charge(invoice_id: int) -> None:
            """Charge the invoice, once."""
            services.charge(invoice_id)
            logger.info("charged")


        if __name__ == "__main__":
            remind()
        '''
    )


PLACED = {
    "an assignment that needs a definition": (
        "def f(): ...\n\n\nA = f\n",
        "B = A\n\n\ndef g(): ...\n",
        "def f(): ...\n\n\nA = f\n\nB = A\n\n\ndef g(): ...\n",
    ),
    "an assignment that needs none": (
        "A = 1\n\n\ndef f(): ...\n",
        "B = A\n\n\ndef g(): ...\n",
        "A = 1\n\nB = A\n\n\ndef f(): ...\n\n\ndef g(): ...\n",
    ),
    "assignments stay together": (
        "A = 1\n",
        "B = 1\nC = 2\n\n# four\nD = 4\n",
        "A = 1\n\nB = 1\nC = 2\n\n# four\nD = 4\n",
    ),
    "a call below its definition": (
        "from a import site\n\n\nclass A: ...\n",
        "from a import site\n\n\nclass B: ...\n\n\nsite.register(B)\n",
        "from a import site\n\n\nclass A: ...\n\n\nclass B: ...\n\n\nsite.register(B)\n",
    ),
    "a call that is there": (
        "class B: ...\n\n\nsite.register( B )  # it\n",
        "class B: ...\n\n\nsite.register(B)\n",
        "class B: ...\n\n\nsite.register( B )  # it\n",
    ),
    "comments come along": (
        "def f(): ...\n",
        "# about g\ndef g(): ...\n",
        "def f(): ...\n\n\n# about g\ndef g(): ...\n",
    ),
    "notes stay last": (
        "def f(): ...\n\n\n# vim: ts=4\n",
        "def g(): ...\n",
        "def f(): ...\n\n\ndef g(): ...\n\n\n# vim: ts=4\n",
    ),
    "for type checkers": (
        "from a import b\n\n\ndef f(): ...\n",
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from c import d\n",
        (
            "from typing import TYPE_CHECKING\n\nfrom a import b\n\nif TYPE_CHECKING:\n    from c import d\n"
            "\n\ndef f(): ...\n"
        ),
    ),
}


@pytest.mark.parametrize(("existing", "wanted", "after"), PLACED.values(), ids=PLACED)
def test_placed(existing, wanted, after):
    done = put(existing, wanted)
    assert done.text == after
    assert put(done.text, wanted).text == after


# The same, and not quite.


SAME = {
    "as it is": "def charge(a): return a\n",
    "laid out otherwise": "def charge( a ) :\n\treturn (a)\n",
    "another docstring": 'def charge(a):\n    """Old words."""\n    return a  # as given\n',
    "under a condition": "if True:\n    def charge(a): return a\n",
    "in a try": "try:\n    import x\nexcept ImportError:\n    def charge(a):\n        return a\n",
    "twice": "def charge(): ...\n\n\ndef charge(a): return a\n",
}


@pytest.mark.parametrize("existing", SAME.values(), ids=SAME)
@pytest.mark.parametrize("overwrite", [True, False])
def test_same(existing, overwrite):
    done = put(existing, 'def charge(a):\n    """New words."""\n    return a\n', overwrite=overwrite)
    assert (done.text, done.added, done.conflicts, done.replaced) == (existing, (), (), ())


OTHERWISE = {
    "a body": "def charge(a): return None\n",
    "a parameter": "def charge(a, b=1): return a\n",
    "a decorator": "@task\ndef charge(a): return a\n",
    "a kind": "class charge: ...\n",
    "async": "async def charge(a): return a\n",
    "a value": "charge = 1\n",
    "an annotation": "charge: object = None\n",
}


@pytest.mark.parametrize("existing", OTHERWISE.values(), ids=OTHERWISE)
def test_otherwise(existing):
    existing = f"X = 1\n\n\n# mine\n{existing}\n\ndef after(): ...\n"
    wanted = "def charge(a):\n    return a\n"
    left = put(existing, wanted)
    assert (left.text, left.conflicts, left.replaced) == (existing, ("charge",), ())
    over = put(existing, wanted, overwrite=True)
    assert over.text == f"X = 1\n\n\n# mine\n{wanted}\n\ndef after(): ...\n"
    assert (over.conflicts, over.replaced) == ((), ("charge",))


NEVER_REPLACED = {
    "under a condition": "if X:\n    def charge(): ...\n",
    "on both sides": "if X:\n    charge = 1\nelse:\n    charge = 2\n",
    "in a with": "with X as charge:\n    pass\n",
    "in a loop": "for charge in X:\n    pass\n",
    "twice": "def charge(): ...\n\n\ndef charge(): return 1\n",
    "imported": "from other import charge\n",
    "imported as that": "import other as charge\n",
    "imported where it can be": "try:\n    from other import charge\nexcept ImportError:\n    pass\n",
    "in one line with others": "x = 1; charge = 2\n",
    "unpacked": "charge, y = X\n",
    "grown": "charge += 1\n",
}


@pytest.mark.parametrize("existing", NEVER_REPLACED.values(), ids=NEVER_REPLACED)
@pytest.mark.parametrize("overwrite", [True, False])
def test_never_replaced(existing, overwrite):
    done = put(existing, "def charge(a):\n    return a\n", overwrite=overwrite)
    assert (done.text, done.conflicts, done.replaced) == (existing, ("charge",), ())


def test_the_rest_is_done_beside_a_conflict():
    done = put("def charge(): ...\n")
    assert done.conflicts == ("charge",)
    assert "def charge(): ..." in done.text
    assert "logger = get_task_logger(__name__)" in done.text


def test_what_a_replaced_definition_needs_stands_above_it():
    existing = "class Work(Model): ...\n\n\nclass Last: ...\n"
    wanted = "class Base(Model): ...\n\n\nclass Stamped(Base): ...\n\n\nclass Work(Stamped): ...\n"
    assert put(existing, wanted, overwrite=True).text == wanted + "\n\nclass Last: ...\n"


# Imports.


IMPORTS = {
    "there": ("from a import b\n", "from a import b\n", "from a import b\n"),
    "there in another way": ("import a.b as b\n", "from a import b\n", "import a.b as b\n"),
    "relative, and the same": (
        "from . import services\n",
        "from billing import services\n",
        "from . import services\n",
    ),
    "relative, and the same module": (
        "from .models import A\n",
        "from billing.models import B\n",
        "from .models import A, B\n",
    ),
    "another name": ("from a import b\n", "from a import c\n", "from a import b, c\n"),
    "sorted in": ("from a import B, d\n", "from a import c\n", "from a import B, c, d\n"),
    "not sorted before": ("from a import d, b\n", "from a import c\n", "from a import d, b, c\n"),
    "a comment behind it": (
        "from a import b  # noqa\n",
        "from a import c\n",
        "from a import b, c  # noqa\n",
    ),
    "one a line": (
        "from a import (\n    b,\n    d,\n)\n",
        "from a import c\n",
        "from a import (\n    b,\n    c,\n    d,\n)\n",
    ),
    "one a line, with comments": (
        "from a import (\n    b,  # why\n    # on d\n    d\n)\n",
        "from a import c\n",
        "from a import (\n    b,  # why\n    c,\n    # on d\n    d\n)\n",
    ),
    "comments, first": (
        "from a import (  # it\n    b,  # why\n    # on d\n    d\n)\n",
        "from a import B\n",
        "from a import (  # it\n    B,\n    b,  # why\n    # on d\n    d\n)\n",
    ),
    "comments, last": (
        "from a import (\n    b,  # why\n    # on d\n    d\n    # end\n)\n",
        "from a import e\n",
        "from a import (\n    b,  # why\n    # on d\n    d,\n    # end\n    e,\n)\n",
    ),
    "comments, two a line": (
        "from a import (b, d,  # why\n    e)\n",
        "from a import c\n",
        "from a import (b, d,  # why\n    e, c)\n",
    ),
    "under an alias": (
        "from a import b as x\n",
        "from a import b\n",
        "from a import b\nfrom a import b as x\n",
    ),
    "for type checkers": (
        "if TYPE_CHECKING:\n    from a import b\n",
        "from a import b\n",
        "from a import b\n\nif TYPE_CHECKING:\n    from a import b\n",
    ),
    "where it can be": (
        "try:\n    import a\nexcept ImportError:\n    a = None\n",
        "import a\n",
        "try:\n    import a\nexcept ImportError:\n    a = None\n",
    ),
    "a star": ("from a import *\n", "from a import b\n", "from a import *\nfrom a import b\n"),
    "a submodule": ("import os.path\n", "import os\n", "import os.path\n"),
    "not its submodule": ("import os\n", "import os.path\n", "import os\nimport os.path\n"),
    "the future": (
        "# on a\nimport a\n",
        "from __future__ import b\n",
        "# on a\nfrom __future__ import b\n\nimport a\n",
    ),
    "a new group": ("import os\nX = 1\n", "import celery\n", "import os\n\nimport celery\n\nX = 1\n"),
    "before one with a comment": (
        '"""Doc."""\n\n# on b\nimport b\n',
        "import a\n",
        '"""Doc."""\n\nimport a\n\n# on b\nimport b\n',
    ),
    "two before one with a comment": (
        '"""Doc."""\n\n# on c\nimport c\n',
        "import a\nimport b\n",
        '"""Doc."""\n\nimport a\nimport b\n\n# on c\nimport c\n',
    ),
    "below a comment on the file": (
        '"""Doc."""\n\n# ruff: noqa\n\nimport b\n',
        "import a\n",
        '"""Doc."""\n\n# ruff: noqa\n\nimport a\nimport b\n',
    ),
    "after what runs first": (
        "import os\n\nsetup()\n\nimport a\n\n\ndef f(): ...\n",
        "from billing import b\n",
        "import os\n\nsetup()\n\nimport a\n\nfrom billing import b\n\n\ndef f(): ...\n",
    ),
    "late ones are left alone": (
        "import a\n\n\ndef f(): ...\n\n\nfrom b import c\n",
        "from b import d\n",
        "import a\nfrom b import d\n\n\ndef f(): ...\n\n\nfrom b import c\n",
    ),
    "no order to keep": (
        "from z import a\nimport os\nfrom b import c\n",
        "import json\n",
        "from z import a\nimport json\nimport os\nfrom b import c\n",
    ),
}


@pytest.mark.parametrize(("existing", "wanted", "after"), IMPORTS.values(), ids=IMPORTS)
def test_imports(existing, wanted, after):
    done = put(existing, wanted)
    assert (done.text, done.conflicts) == (after, ())
    assert put(after, wanted).text == after


@pytest.mark.parametrize(
    "existing",
    [
        "services = 1\n",
        "def services(): ...\n",
        "from other import services\n",
        "from billing.other import services\n",
        "import services\n",
        "from .. import services\n",
        "for services in X:\n    pass\n",
    ],
)
@pytest.mark.parametrize("overwrite", [True, False])
def test_an_imported_name_that_means_something_else(existing, overwrite):
    done = put(existing, "from billing import services\n", overwrite=overwrite)
    assert (done.text, done.conflicts, done.added) == (existing, ("services",), ())


def test_a_package_knows_itself():
    existing = "from .charge import charge\n"
    wanted = "from billing.tasks.charge import charge\n"
    assert merged(existing, wanted, module="billing.tasks.__init__").text == existing
    assert merged(existing, wanted, module="billing.tasks").conflicts == ("charge",)
    assert merged(existing, wanted).conflicts == ("charge",)


def test_a_line_that_gets_too_long():
    existing = "from billing.models import AccountOfACustomer, Customer\n"
    wanted = "from billing.models import CompletedWorkOfATask\n"
    assert put(existing, wanted, line_length=88).text.count("\n") == 1
    assert put(existing, wanted, line_length=70).text == code(
        """
        from billing.models import (
            AccountOfACustomer,
            CompletedWorkOfATask,
            Customer,
        )
        """
    )


# __all__


EXPORTS = {
    "a list": ('__all__ = ["a"]\n', '__all__ = ["a", "charge"]\n'),
    "a tuple": ("__all__ = ('a', 'b')\n", "__all__ = ('a', 'b', 'charge')\n"),
    "a bare tuple": ("__all__ = 'a', 'b'\n", "__all__ = 'a', 'b', 'charge'\n"),
    "a bare tuple of one": ("__all__ = 'a',\n", "__all__ = 'a', 'charge',\n"),
    "an empty list": ("__all__ = []\n", '__all__ = ["charge"]\n'),
    "one a line": ('__all__ = [\n    "a",  # a\n]\n', '__all__ = [\n    "a",  # a\n    "charge",\n]\n'),
    "annotated": ('__all__: list[str] = ["a"]\n', '__all__: list[str] = ["a", "charge"]\n'),
    "computed": ("__all__ = names()\n", "__all__ = names()\n"),
    "a sum": ('__all__ = ["a"] + more\n', '__all__ = ["a"] + more\n'),
    "nowhere": ("X = 1\n", "X = 1\n"),
}


@pytest.mark.parametrize(("existing", "after"), EXPORTS.values(), ids=EXPORTS)
def test_exports(existing, after):
    wanted = "LIMIT = 1\n\n\ndef charge(): ...\n\n\ndef _private(): ...\n"
    done = put(existing, wanted)
    assert done.text.startswith(after)
    assert put(done.text, wanted).text == done.text


# No Python.


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1\ndef f(:\n    pass\n", 2),
        ("x = (\n", 1),
        ("print 'hello'\n", 1),
        ("x = 1\n\n  y = 2\n", 3),
        ("x = 1\ny = '\0'\n", 2),
        ("<<<<<<< HEAD\nx = 1\n", 1),
    ],
)
def test_no_python(text, line):
    with pytest.raises(UsageError) as caught:
        put(text, path="billing/tasks.py")
    assert caught.value.message.startswith(f"billing/tasks.py cannot be read as Python: line {line}: ")
    assert caught.value.message.endswith(", mend it first")


# Whatever there is.


STATEMENTS = st.sampled_from(
    [
        '"""Doc."""',
        "import os",
        "from celery import shared_task",
        "from celery import Celery as C, chain",
        "from . import services",
        "from billing.models import (\n    A,\n    B,  # b\n)",
        "try:\n    import requests\nexcept ImportError:\n    requests = None",
        "if TYPE_CHECKING:\n    from celery import shared_task",
        "X = 1; Y = 2",
        "logger = None",
        "__all__ = ['X']",
        "def charge(): ...",
        "@dec\ndef other():\n    '''Doc.'''\n    # note\n    return 1",
        "class A:\n\tx = 1\n\t# end",
        "if X:\n    def charge(): ...",
        "call(\n    1,\n)",
        "# note",
        "",
        "\n",
        'if __name__ == "__main__":\n    main()',
        "TEXT = '''\n# no comment\n\nimport nothing\n'''",
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(STATEMENTS, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_once_is_enough_and_nothing_is_lost(found, newline, ended, overwrite):
    existing = ("\n".join(found) + ("\n" if ended else "")).replace("\n", newline)
    once = put(existing, overwrite=overwrite)
    twice = put(once.text, overwrite=overwrite)
    assert twice.text == once.text
    assert twice.conflicts == once.conflicts
    assert twice.added == twice.replaced == ()
    if not overwrite:
        assert kept(existing, once.text)
