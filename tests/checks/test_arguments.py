"""Arguments of calls: tables of signatures and calls, each held against what Celery itself says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from celery import Celery

from celerycheck.findings import Severity
from celerycheck.subjects import TaskClass
from celerycheck.testing import flagged, found, problems, source

TASKS = """
from functools import wraps

from celery import chain, chord, group, shared_task
from django.db import transaction
from proj.celery import app

@app.task
def charge(order_id, amount): ...

@app.task
def total(numbers): ...

@app.task
def ping(): ...

def send(order, orders, extra, more):
    {call}
"""


HANDED = ", the result of what runs before it included"


def calling(call, tasks=""):
    return source(tasks + TASKS.format(call=call.replace("\n", "\n    ")))


@pytest.mark.parametrize(
    ("call", "messages"),
    [
        ("charge.delay(1)", ["charge() needs amount, which this call does not give"]),
        ("charge.delay()", ["charge() needs order_id, amount, which this call does not give"]),
        ("charge.delay(1, 2, 3)", ["charge() takes 2 positional arguments and is given 3"]),
        ("charge.delay(1, order_id=1)", ["charge() is given order_id twice: by position and by name"]),
        ("charge.delay(1, amout=2)", ["charge() has no parameter amout"]),
        ("charge.apply_async((1,))", ["charge() needs amount, which this call does not give"]),
        ("charge.apply_async([1, 2, 3])", ["charge() takes 2 positional arguments and is given 3"]),
        (
            "charge.apply_async(kwargs={'order_id': 1})",
            ["charge() needs amount, which this call does not give"],
        ),
        (
            "charge.apply_async(countdown=5)",
            ["charge() needs order_id, amount, which this call does not give"],
        ),
        (
            "charge.apply_async(args='1')",
            ["args is a string, and no list or tuple: apply_async() raises TypeError"],
        ),
        ("charge.apply_async(7)", ["args is a number, and no list or tuple: apply_async() raises TypeError"]),
        (
            "charge.apply_async(args={1, 2})",
            ["args is a set, and no list or tuple: apply_async() raises TypeError"],
        ),
        (
            "charge.apply_async(f'{order}')",
            ["args is a string, and no list or tuple: apply_async() raises TypeError"],
        ),
        ("ping.delay()\ncharge.apply((1,))", ["charge() needs amount, which this call does not give"]),
        ("ping.delay(1)", ["ping() takes no positional arguments and is given 1"]),
        ("app.send_task('proj.tasks.charge', [1])", ["charge() needs amount, which this call does not give"]),
        ("charge.s(1).delay()", ["charge() needs amount, which this call does not give"]),
        ("charge.si(1).apply_async()", ["charge() needs amount, which this call does not give"]),
        ("charge.s(1, 2, 3)", ["charge() takes 2 positional arguments and is given 3"]),
        ("return charge.s(1, amout=2)", ["charge() has no parameter amout"]),
        (
            "chain(ping.s(), ping.s()).delay()",
            [f"ping() takes no positional arguments and is given 1{HANDED}"],
        ),
        (
            "(charge.s(1, 2) | charge.s(3, 4)).delay()",
            [f"charge() takes 2 positional arguments and is given 3{HANDED}"],
        ),
        (
            "chain(charge.s(1, 2), charge.si(3)).delay()",
            ["charge() needs amount, which this call does not give"],
        ),
        (
            "group(charge.s(o) for o in orders).delay()",
            ["charge() needs amount, which this call does not give"],
        ),
        (
            "chord([charge.s(1, 2)], ping.s()).delay()",
            [f"ping() takes no positional arguments and is given 1{HANDED}"],
        ),
        ("charge.map([1, 2]).delay()", ["charge() needs amount, which this call does not give"]),
        ("charge.starmap([(1,), (2,)]).delay()", ["charge() needs amount, which this call does not give"]),
        ("charge.chunks(zip(orders), 10).delay()", ["charge() needs amount, which this call does not give"]),
        (
            "kwargs = {'order_id': 1}\ncharge.delay(**kwargs)",
            ["charge() needs amount, which this call does not give"],
        ),
        # look-alikes
        ("charge.delay(1, 2)", []),
        ("charge.delay(1, amount=2)", []),
        ("charge.delay(amount=2, order_id=1)", []),
        ("charge.delay(*extra)", []),
        ("charge.delay(1, *extra)", []),
        ("charge.delay(**more)", []),
        ("charge.delay(1, **more)", []),
        ("charge.apply_async((1, 2))", []),
        ("charge.apply_async([1], {'amount': 2})", []),
        ("charge.apply_async(args=(1, 2), countdown=5)", []),
        ("charge.apply_async(extra)", []),
        ("charge.apply_async((1, *extra))", []),
        ("charge.apply_async(args=(order))", []),
        ("charge.apply_async(args=list(extra), kwargs=more)", []),
        ("charge.apply_async(kwargs={**more})", []),
        ("charge.apply_async((1,), kwargs=more)", []),
        ("charge.apply_async(**more)", []),
        ("charge.apply_async(args=[order.pk] + extra)", []),
        ("ping.apply_async(args=None)", []),
        ("ping.apply_async(args='')", []),
        ("kwargs = {'order_id': 1}\nkwargs['amount'] = 2\ncharge.delay(**kwargs)", []),
        ("kwargs = {'order_id': 1}\nkwargs.update(more)\ncharge.apply_async(kwargs=kwargs)", []),
        ("args = [1]\nif more:\n    args.append(2)\ncharge.apply_async(args)", []),
        ("return charge.s(1)", []),
        ("return charge.s()", []),
        ("charge.s(1).delay(2)", []),
        ("charge.s(2).apply_async((1,))", []),
        ("charge.s(1)(2)", []),
        ("chain(charge.s(1, 2), charge.s(3)).delay()", []),
        ("chain(charge.s(1, 2), ping.si()).delay()", []),
        ("chain(charge.s(1, 2), ping.s().set(immutable=True)).delay()", []),
        ("chain(charge.s(1, 2), app.signature('proj.tasks.ping', immutable=True)).delay()", []),
        ("chain(charge.s(2), total.s()).delay(1)", []),
        ("group(charge.s(2), charge.s(3)).delay(1)", []),
        ("group(charge.s(o, 1) for o in orders).delay()", []),
        ("chain(ping.s(), group(total.s(), total.s())).delay()", []),
        ("chord(charge.s(o, 1) for o in orders)(total.s())", []),
        ("chord([charge.s(1, 2)], ping.si()).delay()", []),
        ("steps = []\nfor o in orders:\n    steps.append(charge.s(o))\nchain(*steps).delay()", []),
        ("charge.apply_async((1, 2), link=total.s(), link_error=total.s())", []),
        ("charge.s(1, 2).on_error(charge.s()).delay()", []),
        ("charge.s(1, 2).link(total.s())", []),
        ("charge.s(1, 2).set(link=charge.s(1)).delay()", []),
        ("total.map([1, 2]).delay()", []),
        ("charge.starmap([(1, 2), (2, 3)]).delay()", []),
        ("charge.starmap(zip(orders, extra)).delay()", []),
        ("charge.starmap(extra).delay()", []),
        ("charge.chunks(((o, 1) for o in orders), 10).delay()", []),
        ("orders.delay(1)", []),
    ],
)
def test_wrong_arity(call, messages):
    assert problems("wrong-arity", calling(call)) == messages


SIGNATURES = [
    "a", "a, b", "a, b=1", "a=1, *rest", "*args", "**kwargs", "a, *, b", "a, *, b=1", "a, /", "a, /, b", "",
    "a, *args, b, **kwargs", "a, /, **kwargs",
]  # fmt: skip
CALLS = ["", "1", "1, 2", "1, 2, 3", "a=1", "1, a=1", "1, b=2", "b=2", "a=1, b=2", "1, c=3", "a=1, c=3"]


@pytest.mark.parametrize("bind", [False, True])
@pytest.mark.parametrize("parameters", SIGNATURES)
def test_says_what_celery_says(parameters, bind):
    """Every signature with every call, against `Task.__header__`, with which Celery itself checks."""
    app = Celery(set_as_current=False)
    own = ", ".join(filter(None, ["self" if bind else "", parameters]))
    namespace = {}
    exec(f"def work({own}): ...", namespace)
    task = app.task(bind=bind, shared=False)(namespace["work"])
    text = f"@app.task(bind={bind})\ndef work({own}): ...\n"
    for call in CALLS:
        said = problems("wrong-arity", source(f"{text}work.delay({call})\n"))
        try:
            eval(f"header({call})", {"header": task.__header__})
        except TypeError:
            assert len(said) == 1, call
        else:
            assert said == [], call


@pytest.mark.parametrize(
    "tasks",
    [
        "@app.task(typing=False)\ndef work(a, b): ...\n",
        "@app.task\n@inject_user\ndef work(a, b): ...\n",
        "@app.task\n@locked(timeout=5)\ndef work(a, b): ...\n",
        "@retried_task\n@app.task\ndef work(a, b): ...\n",
        "@app.task\ndef work(self, a): ...\n",
    ],
)
def test_wrong_arity_is_silent_where_something_may_come_between(tasks):
    assert problems("wrong-arity", source(f"{tasks}\nwork.delay(1)\n")) == []


@pytest.mark.parametrize(
    "tasks",
    [
        "@app.task\n@transaction.atomic\ndef work(a, b): ...\n",
        "@app.task(bind=True)\n@transaction.atomic()\ndef work(self, a, b): ...\n",
        "@shared_task(bind=True, max_retries=3)\ndef work(self, a, b): ...\n",
    ],
)
def test_wrong_arity_knows_what_passes_everything_on(tasks):
    text = f"from celery import shared_task\nfrom django.db import transaction\n\n{tasks}\nwork.delay(1)\n"
    assert len(problems("wrong-arity", source(text))) == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"parameters": None},
        {"wrapper_names": ("kwargs",)},
        {"classes": (TaskClass("proj.Base", defines=("apply_async",)),)},
        {"classes": (TaskClass("proj.Base", defines=("__call__",)),)},
    ],
)
def test_wrong_arity_is_silent_of_tasks_it_does_not_know(fields):
    code = source("@app.task\ndef work(a, b): ...\nwork.delay(1)\n")
    (site,) = code.sites
    site.task = replace(site.task, **fields)
    assert problems("wrong-arity", site) == []
    assert problems("options-given-to-delay", site) == []


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        ("charge.delay(1, amout=2)", "write amount="),
        ("charge.delay(1, 2, zzz=2)", "remove zzz, or give charge such a parameter"),
        ("charge.delay(1)", "pass amount as well"),
        (
            "(ping.s() | ping.s()).delay()",
            "write .si(...), which ignores the result of what runs before, or give ping a parameter for it",
        ),
        ("ping.delay(1)", None),
        ("ping.apply_async('1')", "write a list, args=[...], or a tuple with its comma, args=(value,)"),
    ],
)
def test_wrong_arity_says_what_to_write(call, fix):
    (problem,) = found("wrong-arity", calling(call))
    assert problem.fix == fix


OPTIONED = """
@app.task
def report(day, priority=None, **filters): ...

@app.task
def fetch(url, headers=None, expires=None): ...

@app.task(typing=False)
def loose(url): ...

"""
TAKEN = "which takes it for data"
LOST = "which has no such parameter"


@pytest.mark.parametrize(
    ("call", "messages"),
    [
        ("ping.delay(countdown=5)", [f"countdown becomes an argument of ping(), {LOST}"]),
        ("charge.delay(1, 2, countdown=5)", [f"countdown becomes an argument of charge(), {LOST}"]),
        ("charge.delay(1, 2, eta=order.due)", [f"eta becomes an argument of charge(), {LOST}"]),
        ("charge.delay(1, 2, queue='slow')", [f"queue becomes an argument of charge(), {LOST}"]),
        ("charge.s(1, 2, countdown=5)", [f"countdown becomes an argument of charge(), {LOST}"]),
        ("charge.si(1, 2, priority=5, queue='x')", [f"priority, queue become arguments of charge(), {LOST}"]),
        ("charge.delay_on_commit(1, 2, expires=60)", [f"expires becomes an argument of charge(), {LOST}"]),
        ("group([charge.s(1, 2, shadow='')])", [f"shadow becomes an argument of charge(), {LOST}"]),
        ("fetch.delay('u', countdown=5)", [f"countdown becomes an argument of fetch(), {LOST}"]),
        ("report.delay(1, countdown=5)", [f"countdown becomes an argument of report(), {TAKEN}"]),
        # look-alikes
        ("charge.apply_async((1, 2), countdown=5)", []),
        ("charge.s(1, 2).set(countdown=5)", []),
        ("charge.s(1, 2).apply_async(countdown=5)", []),
        ("charge.signature((1, 2), countdown=5)", []),
        ("charge.subtask(args=(1, 2), options={'queue': 'slow'})", []),
        ("app.send_task('proj.tasks.charge', (1, 2), queue='slow')", []),
        ("charge.delay(1, amount=2)", []),
        ("charge.delay(1, amout=2)", []),
        ("fetch.delay('u', headers={'a': 'b'})", []),
        ("fetch.delay('u', expires=5)", []),
        ("fetch.s('u', headers={'a': 'b'}, expires=5)", []),
        ("report.delay(1, priority=5)", []),
        ("report.delay(1, queue='north')", []),
        ("report.delay(1, headers=more, expires=5, link=1)", []),
        ("loose.delay('u', countdown=5)", []),
        ("charge.delay(1, 2, **more)", []),
        ("order.delay(1, countdown=5)", []),
        ("charge.apply((1, 2), queue='x')", []),
        ("app.signature('proj.tasks.charge', (1, 2), countdown=5)", []),
        ("charge.s(1, 2).delay()", []),
        ("ping.apply_async(countdown=5)", []),
    ],
)  # fmt: skip
def test_options_given_to_delay(call, messages):
    assert problems("options-given-to-delay", calling(call, OPTIONED)) == messages


@pytest.mark.parametrize(
    ("call", "fix"),
    [
        ("charge.delay(1, 2, countdown=5)", "charge.apply_async(args=[...], countdown=...)"),
        ("ping.delay(eta=order.due, queue='slow')", "ping.apply_async(eta=..., queue=...)"),
        ("ping.delay_on_commit(expires=5)", "ping.apply_async_on_commit(expires=...)"),
        ("return charge.si(1, 2, countdown=5)", "charge.si(...).set(countdown=...)"),
        ("return ping.s(countdown=5)", "ping.s().set(countdown=...)"),
    ],
)
def test_options_given_to_delay_says_what_to_write(call, fix):
    (problem,) = found("options-given-to-delay", calling(call))
    assert problem.fix == fix


def test_options_given_to_delay_is_less_sure_of_tasks_that_take_anything():
    (sure,) = found("options-given-to-delay", calling("charge.delay(1, 2, eta=order)"))
    (doubtful,) = found("options-given-to-delay", calling("report.delay(1, eta=order)", OPTIONED))
    assert (sure.at_most, doubtful.at_most) == (None, Severity.WARNING)


@pytest.mark.parametrize("call", ["charge.delay(1, 2, countdown=5)", "charge.delay(1, countdown=5)"])
def test_an_option_among_the_arguments_is_said_once(call):
    code = calling(call)
    assert flagged("options-given-to-delay", code) == [call]
    assert flagged("wrong-arity", code) == []


def charge(order_id): ...


def test_celery_hands_options_given_to_delay_to_the_task():
    app = Celery(broker="memory://", set_as_current=False)
    task = app.task(name="charge", shared=False)(charge)
    with pytest.raises(TypeError, match="countdown"):
        task.delay(1, countdown=5)
    assert task.s(1, countdown=5).kwargs == {"countdown": 5}


@pytest.mark.parametrize("args", ["1", {1}, {"order_id": 1}, (n for n in [1])])
def test_celery_refuses_args_that_are_no_sequence(args):
    app = Celery(broker="memory://", set_as_current=False)
    task = app.task(name="charge", shared=False)(charge)
    with pytest.raises(TypeError, match=r"task args must be a list or tuple|argument"):
        task.apply_async(args)
