"""Lists and dicts that are filled bit by bit, and what they then hold where a task is sent with them."""

from __future__ import annotations

import pytest

from celerycheck.testing import source

TASKS = """
from celery import chain, chord, group, shared_task

@shared_task
def add(x, y): ...

@shared_task
def total(numbers): ...

def send(x, numbers, more):
"""


def sites(text):
    lines = "".join(f"    {line}\n" for line in text.strip().splitlines())
    return source(TASKS + lines).sites


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("kwargs = {'x': 1}\nadd.apply_async(kwargs=kwargs)", ["x"]),
        ("kwargs = {'x': 1}\nkwargs['y'] = 2\nadd.apply_async(kwargs=kwargs)", ["x", "y"]),
        ("kwargs = {'x': 1}\nkwargs['y'] = 2\nadd.delay(**kwargs)", ["x", "y"]),
        ("kwargs = {'x': 1}\nkwargs[x] = 2\nadd.apply_async(kwargs=kwargs)", None),
        ("kwargs = {'x': 1}\nkwargs.update(more)\nadd.apply_async(kwargs=kwargs)", None),
        ("kwargs = {'x': 1}\nif more:\n    kwargs['y'] = 2\nadd.apply_async(kwargs=kwargs)", None),
        ("kwargs = {'x': 1, 'y': 2}\ndel kwargs['y']\nadd.apply_async(kwargs=kwargs)", None),
        ("kwargs = {'x': 1}\nkwargs.get('y')\nadd.apply_async(kwargs=kwargs)", ["x"]),
    ],
)
def test_keyword_arguments(text, known):
    (site,) = sites(text)
    assert (site.kwargs and list(site.kwargs)) == known


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("args = [1]\nadd.apply_async(args)", 1),
        ("args = [1]\nargs.append(2)\nadd.apply_async(args)", 2),
        ("args = [1]\nif more:\n    args.append(2)\nadd.apply_async(args)", None),
        ("args = [1]\nargs.insert(0, 2)\nadd.apply_async(args)", None),
        ("args = [1]\nargs.extend(more)\nadd.apply_async(args)", None),
        ("args = [1]\nargs += [2]\nadd.apply_async(args)", None),
        ("args = [1, 2]\nargs.pop()\nadd.apply_async(args)", None),
        ("args = [1, 2]\nargs.index(1)\nadd.apply_async(args)", 2),
    ],
)
def test_positional_arguments(text, known):
    (site,) = sites(text)
    assert (None if site.args is None else len(site.args)) == known


def test_signatures_gathered_in_a_loop_are_the_header():
    text = "parts = []\nfor n in numbers:\n    parts.append(add.s(n, 1))\nchord(parts)(total.s())"
    first, second = sites(text)
    assert first.workflow is second.workflow
    assert first.workflow.open
    assert (first.prepended, second.prepended) == (0, 1)


def test_steps_gathered_bit_by_bit_are_handed_nobody_knows_what():
    text = "steps = []\nfor n in numbers:\n    steps.append(add.s(n))\nchain(steps).delay()"
    (site,) = sites(text)
    assert site.prepended is None


@pytest.mark.parametrize(
    ("text", "prepended"),
    [
        ("chain(add.s(1, 2), add.s(3)).delay()", [0, 1]),
        ("chain(add.s(1, 2), add.s(3, 4).set(immutable=True)).delay()", [0, 0]),
        ("chain(add.s(1, 2), add.s(3).set(queue='slow')).delay()", [0, 1]),
        ("chain(add.s(1, 2).clone(), add.s(3)).delay()", [0, 1]),
        ("chain(add.s(1).clone([2]), add.s(3)).delay()", [None, 1]),
        ("chain(add.s(1).replace([1, 2]), add.s(3)).delay()", [None, 1]),
        ("add.s(1, 2).link(add.s(3)).delay()", [None, None]),
        ("add.s(1, 2).on_error(total.s()).delay()", [0, None]),
        ("add.apply_async((1, 2), link=add.s(3), link_error=total.s())", [0, None, None]),
        ("add.s(1, 2).set(link=add.s(3)).delay()", [0, None]),
        ("chord([add.s(1, 2)], total.s().on_error(add.s())).delay()", [0, 1, None]),
        ("group(add.s(n) for n in numbers).delay(1)", [1]),
        ("chain(group(add.s(1, n) for n in numbers), total.s()).set(immutable=True).delay()", [None, None]),
    ],
)
def test_what_is_prepended(text, prepended):
    by_place = sorted(sites(text), key=lambda site: site.call.node.func.end_col_offset)
    assert [site.prepended for site in by_place] == prepended


def test_options_set_on_a_signature_are_its_options():
    (site,) = sites("add.s(1, 2).set(countdown=60).delay()")
    assert site.options["countdown"].constant == 60


def test_nothing_follows_the_body_of_a_chord():
    (_, body) = sites("chord([add.s(1, 2)], total.s()).delay()")
    assert not body.workflow.followed(body.index)
