"""Atomicity: work that stays half done when an outside call fails."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.testing import found, problems, source

MODELS = """
from django.db import models
from sqlalchemy import Column
from sqlalchemy.orm import sessionmaker

class User(models.Model): ...
class Stock(models.Model): ...
class Order(models.Model): ...
class ImportRun(models.Model): ...

class Payment:
    __tablename__ = "payments"
    state = Column()

Session = sessionmaker()
"""
HEAD = """
import requests
from celery import shared_task
from django.db import transaction
from proj import services
from proj.models import ImportRun, Order, Payment, Session, Stock, User
"""
SERVICES = """
import requests
from proj.models import Order
def ask(): return requests.get("https://x.example", timeout=3)
def book(): Order.objects.create(total=1)
"""
ASK = "answer = requests.get('https://x.example', timeout=3)\n"
USER = "user = User.objects.get(pk=pk)\n"
STOCK = "stock = Stock.objects.get(pk=pk)\nstock.amount -= 1\nstock.save()\n"


def project(does, decorator="@shared_task"):
    work = f"{decorator}\ndef work(pk, force=False):\n" + textwrap.indent(does, "    ")
    files = {"proj/models.py": MODELS, "proj/services.py": SERVICES}
    return source({**files, "proj/tasks.py": f"{HEAD}\n{work}\n"})


TORN = {
    "done before it is": f"{USER}user.status = 'updated'\nuser.save()\n"
    f"{ASK}user.name = answer.text\nuser.save()",
    "done, as a flag": f"{USER}user.is_processed = True\nuser.save()\n"
    f"{ASK}user.name = answer.text\nuser.save()",
    "done, as a choice": f"{USER}user.status = User.Status.DONE\nuser.save()\n"
    f"{ASK}user.name = answer.text\nuser.save()",
    "half of the row": f"{USER}user.plan = 'pro'\nuser.save()\n{ASK}user.name = answer.text\nuser.save()",
    "fields named": (
        f"{USER}user.plan = 'pro'\nuser.save(update_fields=['plan'])\n{ASK}"
        "user.name = answer.text\nuser.save(update_fields=['name'])"
    ),
    "two tables": f"{STOCK}{ASK}Order.objects.create(total=1)",
    "a helper asks": f"{STOCK}services.ask()\nOrder.objects.create(total=1)",
    "a helper writes": f"{STOCK}{ASK}services.book()",
    "two transactions": (
        f"with transaction.atomic():\n{textwrap.indent(STOCK, '    ')}{ASK}"
        "with transaction.atomic():\n    Order.objects.create(total=1)"
    ),
    "two commits": (
        "session = Session()\npayment = session.get(Payment, pk)\npayment.state = 'booked'\n"
        "session.commit()\n"
        f"{ASK}payment.number = answer.text\nsession.commit()"
    ),
}


@pytest.mark.parametrize("case", TORN)
def test_what_may_be_left_half_done(case):
    (problem,) = found("non-atomic-task", project(TORN[case]))
    assert problem.at_most is None


WHOLE = {
    "the call first": f"{USER}{ASK}user.name = answer.text\nuser.status = 'updated'\nuser.save()",
    "the call last": f"{STOCK}Order.objects.create(total=1)\n{ASK}",
    "one write": f"{USER}user.plan = 'pro'\nuser.save()\n{ASK}",
    "no call": f"{STOCK}Order.objects.create(total=1)",
    "begun, then done": f"{USER}user.status = 'running'\nuser.save()\n{ASK}user.status = 'done'\nuser.save()",
    "begun, then done with the answer": (
        f"{USER}user.status = 'updating'\nuser.save()\n{ASK}user.name = answer.text\n"
        f"user.status = 'updated'\nuser.save()"
    ),
    "begun at a time": f"{USER}user.started_at = 1\nuser.save()\n{ASK}user.name = answer.text\nuser.save()",
    "begun by an update": (
        f"User.objects.filter(pk=pk).update(status='running')\n"
        f"{USER}{ASK}user.name = answer.text\nuser.save()"
    ),
    "an attempt counted": f"{USER}user.attempts += 1\nuser.save()\n{ASK}user.name = answer.text\nuser.save()",
    "told when it is done": f"{USER}user.plan = 'pro'\nuser.save()\n{ASK}user.notified_at = 1\nuser.save()",
    "a row of the run, filled in": "run = ImportRun.objects.create()\n" + ASK + "run.rows = 3\nrun.save()",
    "a new row, filled in": "user = User.objects.create()\n" + ASK + "user.name = answer.text\nuser.save()",
    "a run beside the work": f"ImportRun.objects.create()\n{ASK}Order.objects.create(total=1)",
    "one transaction": f"with transaction.atomic():\n"
    f"{textwrap.indent(f'{STOCK}{ASK}Order.objects.create(total=1)', '    ')}",
    "what is found again": f"Stock.objects.get_or_create(pk=pk)\n{ASK}Order.objects.create(total=1)",
    "cleaned up first": f"Stock.objects.filter(pk=pk).delete()\n{ASK}Order.objects.create(total=1)",
    "its failure is kept": (
        f"{STOCK}try:\n    {ASK.strip()}\nexcept requests.RequestException:\n    answer = None\n"
        f"Order.objects.create(total=1)"
    ),
    "it returns before": f"if force:\n{textwrap.indent(STOCK, '    ')}    return\n"
    f"{ASK}Order.objects.create(total=1)",
    "in the other branch": (
        f"if force:\n{textwrap.indent(STOCK, '    ')}else:\n    {ASK.strip()}\n"
        f"    Order.objects.create(total=1)"
    ),
    "written where it failed": (
        f"{STOCK}try:\n    {ASK.strip()}\nexcept OSError:\n    Order.objects.create(total=1)\n    raise"
    ),
    "no field is known": f"{USER}user.save()\n{ASK}user.save()",
    "the same field again": f"{USER}user.plan = 'a'\nuser.save()\n{ASK}user.plan = 'b'\nuser.save()",
    "two commits of a state": (
        "session = Session()\npayment = session.get(Payment, pk)\npayment.state = 'booking'\n"
        "session.commit()\n"
        f"{ASK}payment.state = 'booked'\nsession.commit()"
    ),
}


@pytest.mark.parametrize("case", WHOLE)
def test_what_is_whole_or_told_as_begun(case):
    assert problems("non-atomic-task", project(WHOLE[case])) == []


def test_the_whole_task_in_a_transaction():
    code = project(f"{STOCK}{ASK}Order.objects.create(total=1)", "@shared_task\n@transaction.atomic")
    assert problems("non-atomic-task", code) == []


def test_what_it_says():
    assert problems("non-atomic-task", project(TORN["done before it is"])) == [
        (
            "it saves User with status before requests.get(), and with name only after it:"
            " when the call fails, the row is half done"
        )
    ]
    assert problems("non-atomic-task", project(TORN["two tables"])) == [
        (
            "it writes Stock before requests.get() and Order after it, in no transaction together:"
            " when the call fails, only the first is there"
        )
    ]
