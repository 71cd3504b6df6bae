"""Commits: tasks sent for rows that are not committed yet, and those that wait for it."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.subjects import DjangoInfo, TaskClass
from celerycheck.testing import app, flagged, found, problems, source

MODELS = """
from django.db import models
from sqlalchemy import Column
from sqlalchemy.orm import sessionmaker

class Order(models.Model):
    def announce(self):
        from proj.tasks import send
        send.delay(self.pk)

class Payment:
    __tablename__ = "payments"
    amount = Column()

Session = sessionmaker()
"""
TASKS = """
from celery import shared_task
from django.core.exceptions import ObjectDoesNotExist

@shared_task
def send(pk, text=None): ...

@shared_task
def tell(result): ...

@shared_task(autoretry_for=(ObjectDoesNotExist,))
def patient(pk): ...
"""
HEAD = """
from functools import partial
from celery import chain, group
from django.db import transaction
from django.db.models.signals import post_save, post_delete
from django.dispatch import receiver
from django.utils.decorators import method_decorator
from django.views import View
from rest_framework.viewsets import ModelViewSet
from proj import tasks
from proj.forms import OrderForm
from proj.models import Order, Payment, Session
from proj.tasks import patient, send, tell
"""
HELP = """
def pass_on(order):
    send.delay(order.id)

def make():
    order = Order.objects.create()
    send.delay(order.id)

def wait(order):
    transaction.on_commit(lambda: send.delay(order.id))
"""
DJANGO = DjangoInfo(version="5.2", fixup=True)
PER_REQUEST = DjangoInfo(version="5.2", fixup=True, atomic_requests=("default",))


def project(code, django=DJANGO, **fields):
    views = f"{HEAD}{HELP}\n{textwrap.dedent(code)}"
    files = {"proj/models.py": MODELS, "proj/tasks.py": TASKS, "proj/views.py": views}
    return source(files, django=django, **fields)


def in_block(does):
    return project("def view(data):\n    with transaction.atomic():\n" + textwrap.indent(does, " " * 8))


EARLY = {
    "created": "order = Order.objects.create()\nsend.delay(order.id)",
    "its primary key": "order = Order.objects.create()\nsend.delay(order.pk)",
    "by keyword": "order = Order.objects.create()\nsend.delay(pk=order.pk)",
    "as text": "order = Order.objects.create()\nsend.delay(str(order.pk))",
    "apply_async": "order = Order.objects.create()\nsend.apply_async(args=[order.pk])",
    "apply_async with keywords": "order = Order.objects.create()\nsend.apply_async(kwargs={'pk': order.pk})",
    "in a variable": "order = Order.objects.create()\npk = order.pk\nsend.delay(pk)",
    "saved": "order = Order()\norder.save()\nsend.delay(order.pk)",
    "an old one saved": "order = Order.objects.get(pk=1)\norder.paid = True\norder.save()\n"
    "send.delay(order.pk)",
    "found or created": "order, created = Order.objects.get_or_create(pk=1)\nsend.delay(order.pk)",
    "a form's": "order = OrderForm(data).save()\nsend.delay(order.pk)",
    "something's with a key": "order = data.order\norder.save()\nsend.delay(order.pk)",
    "a chain": "order = Order.objects.create()\nchain(send.s(order.pk), tell.s()).delay()",
    "a piped chain": "order = Order.objects.create()\n(send.s(order.pk) | tell.s()).apply_async()",
    "by a module": "order = Order.objects.create()\ntasks.send.delay(order.pk)",
    "in a helper": "order = Order.objects.create()\npass_on(order)",
    "in a method": "order = Order.objects.create()\norder.announce()",
    "all in a helper": "make()",
    "in a condition": "order = Order.objects.create()\nif data:\n    send.delay(order.pk)",
}


@pytest.mark.parametrize("case", EARLY)
def test_what_is_sent_too_early(case):
    (problem,) = found("call-before-commit", in_block(EARLY[case]))
    assert problem.at_most is None
    assert problem.about.name == "proj.tasks.send"


IN_TIME = {
    "on commit": "order = Order.objects.create()\ntransaction.on_commit(lambda: send.delay(order.pk))",
    "on commit, a partial": "order = Order.objects.create()\n"
    "transaction.on_commit(partial(send.delay, order.pk))",
    "on commit, a function": (
        "order = Order.objects.create()\ndef later():\n    send.delay(order.pk)\ntransaction.on_commit(later)"
    ),
    "Celery's own": "order = Order.objects.create()\nsend.delay_on_commit(order.pk)",
    "Celery's own, with options": "order = Order.objects.create()\n"
    "send.apply_async_on_commit(args=[order.pk])",
    "a helper that waits": "order = Order.objects.create()\nwait(order)",
    "nothing of the row": "order = Order.objects.create()\nsend.delay(data)",
    "another row": "order = Order.objects.create()\nold = Order.objects.get(pk=1)\nsend.delay(old.pk)",
    "only read": "order = Order.objects.get(pk=1)\nsend.delay(order.pk)",
    "before it is written": "order = Order.objects.get(pk=1)\nsend.delay(order.pk)\norder.save()",
    "in the branch that was not taken": (
        "order = Order.objects.get(pk=1)\nif data:\n    order.save()\n    return\nsend.delay(order.pk)"
    ),
    "another by that name": (
        "for order in Order.objects.all():\n    order.save()\n"
        "for order in Order.objects.filter(a=1):\n    send.delay(order.pk)"
    ),
    "only a signature": "order = Order.objects.create()\nreturn send.s(order.pk)",
    "something that has a save": "file = data.file\nfile.save()\nsend.delay(file.name)",
    "a method of something else": "order = Order.objects.create()\ndata.delay(order.pk)",
}


@pytest.mark.parametrize("case", IN_TIME)
def test_what_waits_or_tells_of_no_new_row(case):
    assert problems("call-before-commit", in_block(IN_TIME[case])) == []


CREATES = "    order = Order.objects.create()\n    send.delay(order.pk)\n"
CREATES_IN_CLASS = textwrap.indent(CREATES, "    ")
FUNCTIONS = {
    "a decorator": (f"@transaction.atomic\ndef view():\n{CREATES}", 1),
    "a decorator that is called": (f"@transaction.atomic(using='a')\ndef view():\n{CREATES}", 1),
    "a method decorator": (
        (
            "class A(View):\n    @method_decorator(transaction.atomic)\n"
            f"    def post(self, request):\n{CREATES_IN_CLASS}"
        ),
        1,
    ),
    "no transaction": (f"def view():\n{CREATES}", 0),
    "behind the block": (
        (
            "def view():\n    with transaction.atomic():\n        order = Order.objects.create()\n"
            "    send.delay(order.pk)\n"
        ),
        0,
    ),
    "another block": (
        (
            "def view(file):\n    with open(file):\n        order = Order.objects.create()\n"
            "        send.delay(order.pk)\n"
        ),
        0,
    ),
    "a function inside, handed on": (
        (
            "@transaction.atomic\ndef view():\n    order = Order.objects.create()\n"
            "    def later():\n        send.delay(order.pk)\n    transaction.on_commit(later)\n"
        ),
        0,
    ),
    "a session, before its commit": (
        (
            "def add():\n    s = Session()\n    p = Payment()\n    s.add(p)\n    s.flush()\n"
            "    send.delay(p.id)\n    s.commit()\n"
        ),
        1,
    ),
    "a session, after its commit": (
        (
            "def add():\n    s = Session()\n    p = Payment()\n    s.add(p)\n    s.commit()\n"
            "    send.delay(p.id)\n"
        ),
        0,
    ),
    "a session, committed elsewhere": (
        "def add(s: Session):\n    p = Payment()\n    s.add(p)\n    s.flush()\n    send.delay(p.id)\n",
        0,
    ),
    "a session between two commits": (
        (
            "def add():\n    s = Session()\n    p = Payment()\n    s.add(p)\n    s.commit()\n"
            "    send.delay(p.id)\n    s.commit()\n"
        ),
        0,
    ),
    "a session's block": (
        (
            "def add():\n    with Session.begin() as s:\n        p = Payment()\n        s.add(p)\n"
            "        send.delay(p.id)\n"
        ),
        1,
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_where_a_transaction_is_open(case):
    code, count = FUNCTIONS[case]
    assert len(problems("call-before-commit", project(code))) == count


VIEWS = {
    "a function": (f"def view(request):\n{CREATES}", 1),
    "a view's method": (f"class A(View):\n    def post(self, request):\n{CREATES_IN_CLASS}", 1),
    "a view set's": (f"class A(ModelViewSet):\n    def perform_create(self, s):\n{CREATES_IN_CLASS}", 1),
    "a serializer's row": (
        (
            "class A(ModelViewSet):\n    def perform_create(self, s):\n        o = s.save()\n"
            "        send.delay(o.pk)\n"
        ),
        1,
    ),
    "an old row": ("def view(request):\n    send.delay(Order.objects.get(pk=1).pk)\n", 0),
    "no view": (f"def view(order):\n{CREATES}", 0),
    "no view's method": (f"class A(View):\n    def make(self):\n{CREATES_IN_CLASS}", 0),
    "no view's class": (f"class A:\n    def post(self, request):\n{CREATES_IN_CLASS}", 0),
    "without one": (f"@transaction.non_atomic_requests\ndef view(request):\n{CREATES}", 0),
    "on commit": (
        (
            "def view(request):\n    o = Order.objects.create()\n"
            "    transaction.on_commit(lambda: send.delay(o.pk))\n"
        ),
        0,
    ),
}


@pytest.mark.parametrize("case", VIEWS)
def test_views_under_atomic_requests(case):
    code, count = VIEWS[case]
    assert len(problems("call-before-commit", project(code, PER_REQUEST))) == count
    assert problems("call-before-commit", project(code)) == []


HINTS = {
    "a countdown hides it": "order = Order.objects.create()\nsend.apply_async(args=[order.pk], countdown=5)",
    "it is retried until the row is there": "order = Order.objects.create()\npatient.delay(order.pk)",
}


@pytest.mark.parametrize("case", HINTS)
def test_what_makes_it_rare(case):
    (problem,) = found("call-before-commit", in_block(HINTS[case]))
    assert problem.at_most is Severity.INFO


SIGNALS = {
    "a new row": ("post_save", "if created:", 1),
    "a new row, on a condition": ("post_save", "if created and instance.paid:", 1),
    "two signals": ("[post_save, post_delete]", "if created:", 1),
    "any save": ("post_save", "if instance.paid:", 0),
    "an old row": ("post_save", "if not created:", 0),
    "a deletion": ("post_delete", "if created:", 0),
}


@pytest.mark.parametrize("case", SIGNALS)
def test_signal_handlers_are_hinted_at(case):
    signal, test, count = SIGNALS[case]
    code = f"@receiver({signal}, sender=Order)\ndef saved(sender, instance, created, **kwargs):\n    {test}\n"
    found_ = found("call-before-commit", project(code + "        send.delay(instance.pk)\n"))
    assert [problem.at_most for problem in found_] == [Severity.INFO] * count


def test_a_class_of_the_projects_own_may_wait():
    code = in_block(EARLY["created"])
    waiting = TaskClass("proj.base.AfterCommit", defines=("apply_async",))
    tasks = [info.__class__(**{**vars(info), "classes": (waiting,)}) for info in code.app.tasks]
    patient_app = app(*tasks, packages=("proj",), import_roots=(".",), django=DJANGO)
    assert problems("call-before-commit", type(code)(patient_app, code.files)) == []


def test_nothing_is_sent_early_where_tasks_run_at_once():
    code = project(f"@transaction.atomic\ndef view():\n{CREATES}", values={"task_always_eager": True})
    assert problems("call-before-commit", code) == []


def test_what_it_says():
    code = in_block(EARLY["created"])
    (problem,) = found("call-before-commit", code)
    assert problem.message == (
        "send.delay() is sent inside with transaction.atomic():"
        " until that is committed, a worker cannot see order"
    )
    assert problem.fix == "send.delay_on_commit(...), with the same arguments"
    assert flagged("call-before-commit", code) == ["send.delay(order.id)"]


def test_the_way_to_a_helper_is_shown():
    (problem,) = found("call-before-commit", in_block(EARLY["in a helper"]))
    assert [step.text for step in problem.trace] == ["view calls pass_on"]
    assert problems("call-before-commit", in_block(EARLY["in a helper"]), depth=0) == []


@pytest.mark.parametrize(
    ("celery", "method", "fix"),
    [
        ("5.4.0", "delay(order.pk)", "send.delay_on_commit(...), with the same arguments"),
        ("5.3.6", "delay(order.pk)", "transaction.on_commit(lambda: send.delay(...))"),
        ("5.4.0", "apply_async([order.pk])", "transaction.on_commit(lambda: send.apply_async(...))"),
    ],
)
def test_the_fix_fits_the_version(celery, method, fix):
    code = f"@transaction.atomic\ndef view():\n    order = Order.objects.create()\n    send.{method}\n"
    (problem,) = found("call-before-commit", project(code, celery=celery))
    assert problem.fix == fix
