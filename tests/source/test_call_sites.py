"""Which places call tasks, with which arguments, in which workflow; and which cannot be told."""

from __future__ import annotations

import re
import textwrap

import pytest

from celerycheck.source.evidence import CallSite, SourceCode
from celerycheck.source.files import MemoryFiles
from celerycheck.testing import source, task

TASKS = """
@app.task
def add(x, y=0): ...

@app.task
def report(x): ...
"""


def code(text: str, **files: str) -> SourceCode:
    """Two tasks in `proj/tasks.py`, `text` in `proj/api.py`."""
    text = "from proj.tasks import add, report\n" + textwrap.dedent(text)
    paths = {f"proj/{name}.py": content for name, content in files.items()}
    return source({"proj/tasks.py": TASKS, "proj/api.py": text, **paths})


def site(text: str, **files: str) -> CallSite:
    (only,) = code(text, **files).sites
    return only


RESOLVED = {
    "a name": "add.delay(1)",
    "a module": "from proj import tasks\ntasks.add.delay(1)",
    "a dotted module": "import proj.tasks\nproj.tasks.add.delay(1)",
    "an alias": "plus = add\nplus.delay(1)",
    "an import inside": "def f():\n    from proj.tasks import add as plus\n    plus.delay(1)",
    "inside a method": "class V:\n    def get(self):\n        add.delay(1)",
    "inside a lambda": "run(lambda: add.delay(1))",
    "inside a nested function": "def f():\n    def g():\n        add.delay(1)\n    return g",
    "options set": "add.s(1).set(queue='x')",
}


@pytest.mark.parametrize("case", RESOLVED)
def test_the_task_is_known(case: str) -> None:
    assert site(RESOLVED[case]).name == "proj.tasks.add"


NO_SITES = {
    "a bare method name": "order.delay(1)",
    "a pool": "from multiprocessing import Pool\nPool().apply_async(print)",
    "a dict's get": "{}.get(1)",
    "an unknown s": "style.s(1)",
    "a function of that name elsewhere": "from other import add\nadd.delay(1)",
    "an attribute of it": "add.name",
}


@pytest.mark.parametrize("case", NO_SITES)
def test_a_method_name_is_not_enough(case: str) -> None:
    assert not code(NO_SITES[case]).sites


@pytest.mark.parametrize(
    ("text", "unresolved"),
    [
        ("add.delay(1)", 0),
        ("order.delay(1)", 1),
        ("get_task(1).apply_async()", 1),
        ("from multiprocessing import Pool\nPool().apply_async(print)", 0),
        ("style.s(1)", 0),
        ("add.s(1).delay()", 0),
        ("from celery import signature\nsignature(name)", 1),
    ],
)
def test_what_cannot_be_resolved_is_counted(text: str, unresolved: int) -> None:
    assert code(text).unresolved == unresolved


@pytest.mark.parametrize(
    ("text", "args", "kwargs"),
    [
        ("add.delay(1, y=2)", [1], {"y": 2}),
        ("add.delay(*a)", None, {}),
        ("add.delay(**k)", [], None),
        ("add.apply_async((1, 2))", [1, 2], {}),
        ("add.apply_async([1], {'y': 2})", [1], {"y": 2}),
        ("add.apply_async(args=(1,), kwargs=dict(y=2))", [1], None),
        ("add.apply_async(a)", None, {}),
        ("add.apply_async(countdown=5)", [], {}),
        ("add.apply_async(**k)", None, None),
        ("add.s(1)", [1], {}),
        ("add.signature((1,), {'y': 2})", [1], {"y": 2}),
        ("from celery import signature\nsignature('proj.tasks.add', args=(1,))", [1], {}),
        ("from proj.celery import app\napp.send_task('proj.tasks.add', [1], {'y': 2})", [1], {"y": 2}),
    ],
)
def test_arguments(text: str, args: list[int] | None, kwargs: dict[str, int] | None) -> None:
    files = {"celery": "from celery import Celery\napp = Celery()"}
    found = site(text, **files)
    assert (None if found.args is None else [value.constant for value in found.args]) == args
    given = found.kwargs
    assert (None if given is None else {name: value.constant for name, value in given.items()}) == kwargs


def test_options() -> None:
    found = site("add.apply_async((1,), countdown=60 * 60, queue='slow')")
    assert found.options["countdown"].constant == 3600
    assert found.options["queue"].string == "slow"


PREPENDED = {
    "sent at once": ("add.delay(1)", [0]),
    "a signature that goes elsewhere": ("def f():\n    return add.s(1)", [None]),
    "a signature sent later": ("s = add.s(1)\ns.delay()", [0]),
    "completed when it is sent": ("add.s(1).delay(2)", [1]),
    "sent with what nobody knows": ("add.s(1).delay(*a)", [None]),
    "a chain": ("from celery import chain\nchain(add.s(1), report.s()).delay()", [0, 1]),
    "a chain of immutables": ("from celery import chain\nchain(add.si(1), report.si(2)).delay()", [0, 0]),
    "a chain by pipes": ("(add.s(1) | report.s() | report.s()).delay()", [0, 1, 1]),
    "a chain that is returned": ("def f():\n    return add.s(1) | report.s()", [None, 1]),
    "a chain that is handed a value": ("(add.s() | report.s()).delay(4)", [1, 1]),
    "a group": ("from celery import group\ngroup(add.s(1), add.s(2)).delay()", [0, 0]),
    "a group from a generator": ("from celery import group\ngroup(add.s(i) for i in x).delay()", [0]),
    "a group in a chain": (
        "from celery import group\n(add.s(1) | group(report.s(), report.s())).delay()",
        [0, 1, 1],
    ),
    "a chord": ("from celery import chord\nchord([add.s(1)])(report.s())", [0, 1]),
    "a chord with its body": ("from celery import chord\nchord([add.s(1)], report.s()).delay()", [0, 1]),
    "a chord's immutable body": ("from celery import chord\nchord([add.s(1)])(report.si(1))", [0, 0]),
    "a step of two chains": (
        "from celery import chain\ns = add.s(1)\nchain(s, report.s()).delay()\nchain(report.s(1), s).delay()",
        [None, 1, 0],
    ),
    "a callback": ("add.apply_async((1,), link=report.s())", [None, 0]),
    "a chain of what nobody knows": ("from celery import chain\nchain(*steps, report.s()).delay()", [None]),
}


@pytest.mark.parametrize("case", PREPENDED)
def test_what_comes_in_front(case: str) -> None:
    text, expected = PREPENDED[case]
    assert [found.prepended for found in code(text).sites] == expected


def test_workflows() -> None:
    found = code("""
    from celery import chain, chord, group
    def f(ids):
        chord(group(add.s(i) for i in ids))(report.s())
        flow = chain(add.s(1), report.s())
        flow.apply_async()
        return add.s(1) | report.s()
    """)
    flows = {flow.kind: flow for flow in found.workflows}
    kinds = sorted((flow.kind, len(flow.launches), flow.many) for flow in found.workflows)
    assert kinds == [("chain", 0, False), ("chain", 1, False), ("chord", 1, False), ("group", 0, True)]
    assert flows["group"].parent is flows["chord"]
    assert isinstance(flows["chord"].body, CallSite)
    assert flows["group"].followed(0)


def test_tests_and_migrations_are_left_alone() -> None:
    text = "from proj.tasks import add\nadd.delay(1)\n"
    folders = {"proj/tests/test_api.py": text, "proj/test_api.py": text, "proj/migrations/0001.py": text}
    assert not source({"proj/tasks.py": TASKS, **folders}).sites


def test_names_nobody_registers() -> None:
    found = site(
        "from proj.celery import app\napp.send_task('proj.gone')",
        celery="import celery\napp = celery.Celery()",
    )
    assert (found.name, found.task) == ("proj.gone", None)


def test_sites_by_task_and_inside_tasks() -> None:
    text = """
    @app.task
    def outer():
        def again():
            inner.delay()
        again()

    @app.task
    def inner(): ...
    """
    found = source(text)
    outer, inner = found.app.tasks
    assert [site.inside for site in found.sites_of(inner.name)] == ["outer.<locals>.again"]
    assert [site.name for site in found.body(outer).sites] == [inner.name]
    assert [task.name for task in found.tasks_around(found.sites[0].function)] == [outer.name]


def test_files_that_cannot_be_parsed_are_named() -> None:
    found = source({"proj/tasks.py": TASKS})
    broken = {"proj/tasks.py": TASKS, "proj/bad.py": "add.delay(\n"}
    again = SourceCode(found.app, type(found.files)(broken))
    assert not again.sites
    assert list(again.project.unreadable) == ["proj/bad.py"]


def test_source_that_is_elsewhere() -> None:
    found = source({"proj/tasks.py": TASKS})
    elsewhere = SourceCode(found.app, type(found.files)({}))
    assert (found.at_hand, elsewhere.at_hand) == (True, False)
    assert not elsewhere.bodies


def test_the_builder_knows_tasks_as_celery_does() -> None:
    (first, second) = source("""
    @app.task(bind=True, max_retries=None, autoretry_for=(OSError,))
    def one(self, a, *, b=1): ...
    @shared_task(name="other")
    async def two(): ...
    """).app.tasks
    assert (first.name, first.bound, first.max_retries, first.autoretry_for) == (
        "proj.tasks.one",
        True,
        None,
        ("OSError",),
    )
    assert [parameter.name for parameter in first.parameters or ()] == ["a", "b"]
    assert (second.name, second.is_async) == ("other", True)
    assert task("x").name == "x"


def test_files_that_hold_a_text_are_sought_once():
    reads = []

    class Counting(MemoryFiles):
        def read(self, path):
            reads.append(path)
            return super().read(path)

    texts = {"proj/tasks.py": TASKS, "proj/a.py": "patched = 1\n", "proj/tests/test_a.py": "# patched\n"}
    found = SourceCode(source(texts).app, Counting(texts))
    assert list(found.holding(b"patched")) == ["proj/a.py", "proj/tests/test_a.py"]
    assert list(found.holding(re.compile(rb"^patched ="), b"nowhere")) == ["proj/a.py"]
    assert found.holding(b"nowhere") == ()
    before = len(reads)
    assert list(found.holding(b"patched")) == ["proj/a.py", "proj/tests/test_a.py"]
    assert len(reads) == before
