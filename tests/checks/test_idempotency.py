"""Idempotency: what must not happen twice, and what runs only once, or may well run twice."""

from __future__ import annotations

import re
import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import body, flagged, found, problems, source

MODELS = """
from django.db import models
from sqlalchemy import Column
from sqlalchemy.orm import sessionmaker

class Order(models.Model):
    number = models.CharField(unique=True)
    count = models.IntegerField()

class Line(models.Model):
    class Meta:
        unique_together = [("order", "position")]

class Profile(models.Model):
    user = models.OneToOneField("User", on_delete=models.CASCADE)

class Customer(models.Model): ...
class ActionLog(models.Model): ...
class TaggedQuerySet(models.QuerySet): ...
class Tagged(models.Model):
    objects = TaggedQuerySet.as_manager()

class Payment:
    __tablename__ = "payments"
    amount = Column()

class Receipt:
    __tablename__ = "receipts"
    code = Column(unique=True)

Session = sessionmaker()
"""
HEAD = """
import smtplib
import requests
import stripe
from celery import shared_task
from django.core.cache import cache
from django.core.mail import send_mail, EmailMessage, mail_admins
from django.db import IntegrityError, transaction
from django.db.models import F
from proj import services
from proj.locks import single_instance
from proj.models import ActionLog, Customer, Line, Order, Payment, Profile, Receipt, Session, Tagged

class Unfit(Exception): ...
"""
SERVICES = """
import requests
from django.core.mail import send_mail
from proj.models import Line

def note(order): Line.objects.create(order=order, text="x")

def ask(order): return requests.get("https://x.example", timeout=3)

def charge(order): return requests.post("https://pay.example/v1/charges", json={}, timeout=3).json()

def charge_once(order, key):
    return requests.post("https://pay.example/v1/charges", headers={"Idempotency-Key": key}, timeout=3)

def check(answer):
    if answer.status_code != 200:
        raise ValueError(answer)
"""
ON_NETWORK = "@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True)"
ON_ALL = "@shared_task(autoretry_for=(Exception,))"
LATE = "@shared_task(acks_late=True)"
BY_HAND = "@shared_task(bind=True)"
PLAIN = "@shared_task"
ASK = "requests.get('https://x.example', timeout=3)"
GET = "order = Order.objects.get(pk=pk)\n"


def project(does, decorator=ON_NETWORK, **fields):
    self = "self, " if "bind=True" in decorator else ""
    work = f"{decorator}\ndef work({self}pk, force=False):\n" + textwrap.indent(does, "    ")
    files = {
        "proj/models.py": MODELS,
        "proj/services.py": SERVICES,
        "proj/locks.py": "def single_instance(f): return f\n",
    }
    return source({**files, "proj/tasks.py": f"{HEAD}\n{work}\n"}, **fields)


TWICE = {
    "a row before a request": (ON_NETWORK, f"Customer.objects.create(name='x')\n{ASK}"),
    "a new instance saved": (ON_NETWORK, f"c = Customer(name='x')\nc.save()\n{ASK}"),
    "rows in bulk": (ON_NETWORK, f"Customer.objects.bulk_create([Customer(), Customer()])\n{ASK}"),
    "a row in a helper": (ON_NETWORK, f"{GET}services.note(order)\n{ASK}"),
    "the request in a helper": (ON_NETWORK, f"{GET}Customer.objects.create(name='x')\nservices.ask(order)"),
    "a counter": (ON_NETWORK, f"{GET}order.count += 1\norder.save()\n{ASK}"),
    "a counter written out": (ON_NETWORK, f"{GET}order.count = order.count + 1\norder.save()\n{ASK}"),
    "F in an attribute": (ON_NETWORK, f"{GET}order.count = F('count') + 1\norder.save()\n{ASK}"),
    "F in an update": (ON_NETWORK, f"Order.objects.filter(pk=pk).update(count=F('count') + 1)\n{ASK}"),
    "a mail before a request": (ON_NETWORK, f"{GET}send_mail('a', 'b', None, [order.mail])\n{ASK}"),
    "a mail wherever there is an address": (
        ON_NETWORK,
        f"{GET}if not order.email:\n    return\nsend_mail('a', 'b', None, [order.email])\n{ASK}",
    ),
    "a request before another": (ON_NETWORK, f"requests.post('https://x.example/hooks', timeout=3)\n{ASK}"),
    "an append before a request": (
        ON_NETWORK,
        f"with open('out.csv', 'a') as out:\n    out.write('x')\n{ASK}",
    ),
    "any exception": (ON_ALL, f"Customer.objects.create(name='x')\n{ASK}"),
    "an exception raised later": (
        ON_ALL,
        f"{GET}Customer.objects.create(name='x')\nif pk:\n    raise Unfit('no')",
    ),
    "OSError, which requests raises": (
        "@shared_task(autoretry_for=(OSError,))",
        f"Customer.objects.create(name='x')\n{ASK}",
    ),
    "retried by hand": (
        BY_HAND,
        (
            f"Customer.objects.create(name='x')\ntry:\n    {ASK}\nexcept requests.Timeout as e:\n"
            f"    raise self.retry(exc=e)"
        ),
    ),
    "retried until it is there": (
        BY_HAND,
        f"Customer.objects.create(name='x')\nanswer = {ASK}\nif not answer.ok:\n    raise self.retry()",
    ),
    "a charge whose answer is lost": (ON_NETWORK, f"{GET}services.charge(order)"),
    "a charge by stripe": (
        "@shared_task(autoretry_for=(stripe.APIConnectionError,))",
        "stripe.Charge.create(amount=1)",
    ),
    "a row for each round": (
        ON_NETWORK,
        f"for page in range(9):\n    {ASK}\n    Customer.objects.create(name='x')",
    ),
    "a counter in a late task": (LATE, f"{GET}order.count += 1\norder.save()"),
    "SQLAlchemy": (
        ON_NETWORK,
        f"session = Session()\nsession.add(Payment(amount=1))\nsession.commit()\n{ASK}",
    ),
    "only a flag is asked": (ON_NETWORK, f"if force:\n    Customer.objects.create(name='x')\n{ASK}"),
    "the row is asked for, not its state": (
        ON_NETWORK,
        (
            f"order = Order.objects.filter(pk=pk).first()\nif order is None:\n    return\n"
            f"Customer.objects.create()\n{ASK}"
        ),
    ),
    "two transactions": (
        ON_NETWORK,
        (
            f"with transaction.atomic():\n    Customer.objects.create(name='x')\n"
            f"with transaction.atomic():\n    {ASK}"
        ),
    ),
}


@pytest.mark.parametrize("case", TWICE)
def test_what_may_happen_twice(case):
    decorator, does = TWICE[case]
    (problem,) = found("non-idempotent-task", project(does, decorator))
    assert problem.at_most is None


ROW = "Customer.objects.create(name='x')"
ONCE = {
    "runs once": (PLAIN, f"{ROW}\n{ASK}"),
    "never retried": ("@shared_task(autoretry_for=(OSError,), max_retries=0)", f"{ROW}\n{ASK}"),
    "the row comes last": (ON_NETWORK, f"{ASK}\n{ROW}"),
    "only the mail, tried again": (
        "@shared_task(autoretry_for=(smtplib.SMTPException,))",
        "send_mail('a', 'b', None, ['c'])",
    ),
    "only the request, tried again": (ON_NETWORK, "requests.post('https://x.example/hooks', timeout=3)"),
    "tried again by hand": (
        BY_HAND,
        "try:\n    send_mail('a', 'b', None, ['c'])\nexcept OSError as e:\n    raise self.retry(exc=e)",
    ),
    "the request, its status asked": (
        ON_ALL,
        (
            "answer = requests.post('https://x.example/hooks', timeout=3)\nif not answer.ok:\n"
            "    raise Unfit(answer)"
        ),
    ),
    "its status asked by a helper": (
        ON_ALL,
        "answer = requests.post('https://x.example/hooks', timeout=3)\nservices.check(answer)",
    ),
    "other exceptions are retried": ("@shared_task(autoretry_for=(Unfit,))", f"{ROW}\n{ASK}"),
    "requests raises no ConnectionError of Python's": (
        "@shared_task(autoretry_for=(ConnectionError,))",
        f"{ROW}\n{ASK}",
    ),
    "what fails is kept": (
        ON_NETWORK,
        f"{ROW}\ntry:\n    {ASK}\nexcept requests.RequestException:\n    pass",
    ),
    "the other branch": (ON_NETWORK, f"if force:\n    {ROW}\nelse:\n    {ASK}"),
    "it has returned": (ON_NETWORK, f"if force:\n    {ROW}\n    return\n{ASK}"),
    "one transaction": (ON_NETWORK, f"with transaction.atomic():\n    {ROW}\n    {ASK}"),
    "the task in a transaction": (f"{ON_NETWORK}\n@transaction.atomic", f"{ROW}\n{ASK}"),
    "get_or_create": (ON_NETWORK, f"Customer.objects.get_or_create(name='x')\n{ASK}"),
    "update_or_create": (ON_NETWORK, f"Customer.objects.update_or_create(name='x')\n{ASK}"),
    "an update of what is there": (ON_NETWORK, f"Order.objects.filter(pk=pk).update(count=3)\n{ASK}"),
    "a field set": (ON_NETWORK, f"{GET}order.count = 3\norder.save()\n{ASK}"),
    "a sum of other fields": (
        ON_NETWORK,
        f"{GET}order.count = order.lines_a + order.lines_b\norder.save()\n{ASK}",
    ),
    "attempts are counted on purpose": (ON_NETWORK, f"{GET}order.attempts += 1\norder.save()\n{ASK}"),
    "conflicts ignored": (ON_NETWORK, f"Customer.objects.bulk_create([], ignore_conflicts=True)\n{ASK}"),
    "deleted first": (ON_NETWORK, f"Customer.objects.filter(x=1).delete()\n{ROW}\n{ASK}"),
    "a primary key given": (ON_NETWORK, f"Customer.objects.create(pk=pk)\n{ASK}"),
    "a unique field": (ON_NETWORK, f"Order.objects.create(number=pk)\n{ASK}"),
    "unique together": (ON_NETWORK, f"Line.objects.create(order_id=pk, position=1, order=pk)\n{ASK}"),
    "one to one": (ON_NETWORK, f"Profile.objects.create(user=pk)\n{ASK}"),
    "a unique column": (ON_NETWORK, f"s = Session()\ns.add(Receipt(code=pk))\ns.commit()\n{ASK}"),
    "duplicates are caught": (ON_NETWORK, f"try:\n    {ROW}\nexcept IntegrityError:\n    return\n{ASK}"),
    "a related row of the log": (ON_NETWORK, f"{GET}order.log_records.create(text='x')\n{ASK}"),
    "a row of the log": (ON_NETWORK, f"ActionLog.objects.create(text='x')\n{ASK}"),
    "a mark is looked at": (ON_NETWORK, f"{GET}if order.sent_at:\n    return\n{ROW}\n{ASK}"),
    "a mark around it": (ON_NETWORK, f"{GET}if not order.is_done:\n    {ROW}\n{ASK}"),
    "a method is asked": (ON_NETWORK, f"{GET}if not order.can_be_sent():\n    return\n{ROW}\n{ASK}"),
    "the row is looked for": (
        ON_NETWORK,
        f"if Customer.objects.filter(order=pk, kind='a').exists():\n    return\n{ROW}\n{ASK}",
    ),
    "somebody else is asked": (ON_NETWORK, f"if services.was_done(pk):\n    return\n{ROW}\n{ASK}"),
    "created, or not": (
        ON_NETWORK,
        f"o, created = Order.objects.get_or_create(pk=pk)\nif created:\n    {ROW}\n{ASK}",
    ),
    "compare and set": (
        ON_NETWORK,
        (
            f"if not Order.objects.filter(pk=pk, status='new').update(status='sending'):\n"
            f"    return\n{ROW}\n{ASK}"
        ),
    ),
    "picked by a field that it sets": (
        ON_NETWORK,
        (
            f"order = Order.objects.get(pk=pk, reminded=False)\norder.reminded = True\n{ROW}\n"
            f"order.save()\n{ASK}"
        ),
    ),
    "only the first time": (
        f"{BY_HAND[:-1]}, autoretry_for=(OSError,))",
        f"if self.request.retries == 0:\n    {ROW}\n{ASK}",
    ),
    "the cache lets one in": (ON_NETWORK, f"if not cache.add(f'w{{pk}}', 1):\n    return\n{ROW}\n{ASK}"),
    "a locked row": (ON_NETWORK, f"order = Order.objects.select_for_update().get(pk=pk)\n{ROW}\n{ASK}"),
    "a lock": (ON_NETWORK, f"with cache.lock('w'):\n    {ROW}\n    {ASK}"),
    "a decorator that lets one in": (f"{ON_NETWORK}\n@single_instance", f"{ROW}\n{ASK}"),
    "an idempotency key": (ON_NETWORK, f"{GET}services.charge_once(order, 'a')"),
    "stripe's own": (
        "@shared_task(autoretry_for=(stripe.APIConnectionError,))",
        "stripe.Charge.create(amount=1, idempotency_key=pk)",
    ),
    "only asked by POST": (ON_NETWORK, f"requests.post('https://x.example/graphql', timeout=3)\n{ASK}"),
    "told that it failed": (
        BY_HAND,
        (
            f"try:\n    {ASK}\nexcept OSError as e:\n    send_mail('a', 'b', None, ['c'])\n"
            f"    raise self.retry(exc=e)"
        ),
    ),
    "administrators": (ON_NETWORK, f"mail_admins('a', 'b')\n{ASK}"),
    "no row is known to be new": (ON_NETWORK, f"{GET}order.save()\n{ASK}"),
    "written anew": (ON_NETWORK, f"with open('out.csv', 'w') as out:\n    out.write('x')\n{ASK}"),
    "a session that is not committed before": (
        ON_NETWORK,
        f"s = Session()\ns.add(Payment())\n{ASK}\ns.commit()",
    ),
}


@pytest.mark.parametrize("case", ONCE)
def test_what_happens_once_or_does_no_harm(case):
    decorator, does = ONCE[case]
    assert problems("non-idempotent-task", project(does, decorator)) == []


LATE_ONLY = {
    "a mail": "send_mail('a', 'b', None, ['c'])",
    "a row": ROW,
    "a request": "requests.post('https://x.example/hooks', timeout=3)",
}


@pytest.mark.parametrize("case", LATE_ONLY)
def test_a_late_task_is_told_of_what_a_lost_worker_repeats(case):
    (problem,) = found("non-idempotent-task", project(LATE_ONLY[case], LATE))
    assert problem.at_most is Severity.INFO
    assert "acks_late delivers its message again when a worker is lost" in problem.message
    # It is behind everything that may fail already.
    assert not re.search("do it last|write after", problem.fix or "")


def test_what_it_says():
    assert problems("non-idempotent-task", project(f"{ROW}\n{ASK}")) == [
        "it adds a Customer row before requests.get(), and is retried when that fails: each run adds another"
    ]
    assert problems("non-idempotent-task", project(f"{GET}services.charge(order)")) == [
        "it calls requests.post(), and is retried when the answer is lost: each run makes the request again"
    ]


def test_its_article_fits():
    (message,) = problems("non-idempotent-task", project(f"Order.objects.create(total=1)\n{ASK}"))
    assert message.startswith("it adds an Order row before requests.get()")


def test_it_is_said_once_for_a_task():
    code = project(f"{ROW}\nsend_mail('a', 'b', None, ['c'])\n{ASK}")
    (problem,) = found("non-idempotent-task", code)
    assert problem.message.endswith("It also calls send_mail()")
    assert flagged("non-idempotent-task", code) == [ROW]


def test_the_way_to_a_helper_is_shown():
    (problem,) = found("non-idempotent-task", project(f"{GET}services.note(order)\n{ASK}"))
    assert [step.text for step in problem.trace] == ["work calls services.note"]
    assert problems("non-idempotent-task", project(f"{GET}services.note(order)\n{ASK}"), depth=0) == []


MAIL = "send_mail('a', 'b', None, [customer.email])"
MANY = {
    "the newsletter": f"for customer in Customer.objects.filter(wants_news=True):\n    {MAIL}",
    "all of them": f"for customer in Customer.objects.all():\n    {MAIL}",
    "in a comprehension": "[send_mail('a', 'b', None, [c.email]) for c in Customer.objects.all()]",
    "those with an address": f"for customer in Customer.objects.all():\n"
    f"    if customer.email:\n        {MAIL}",
    "a message of its own": "for c in Customer.objects.all():\n"
    "    EmailMessage('a', 'b', to=[c.email]).send()",
    "a query in a variable": f"customers = Customer.objects.filter(city='x')\n"
    f"for customer in customers:\n    {MAIL}",
    "requests": "for c in Customer.objects.all():\n"
    "    requests.post('https://x.example/hooks', json={}, timeout=3)",
    "chosen by a state that nobody here advances": (
        f"for customer in Customer.objects.filter(status='due'):\n    {MAIL}"
    ),
    "a manager of its own": f"for customer in Tagged.objects.filter(status='due'):\n    {MAIL}",
    "SQLAlchemy": f"for customer in Session().query(Payment).all():\n    {MAIL}",
}


@pytest.mark.parametrize("case", MANY)
@pytest.mark.parametrize("decorator", [PLAIN, ON_ALL])
def test_one_task_for_many(case, decorator):
    code = project(MANY[case], decorator)
    (problem,) = found("batch-of-effects", code)
    assert problem.at_most is None
    assert ("repeats" if decorator is ON_ALL else "loses") in problem.message
    # One finding is enough.
    assert problems("non-idempotent-task", code) == []


@pytest.mark.parametrize(("decorator", "at_most"), [(ON_NETWORK, None), ("@shared_task", Severity.INFO)])
def test_a_list_that_is_handed_in_may_be_short_unless_it_is_sent_again(decorator, at_most):
    (problem,) = found("batch-of-effects", project(f"for customer in pk:\n    {MAIL}", decorator))
    assert problem.at_most is at_most


EACH = "for customer in Customer.objects.all():\n"
ONE_BY_ONE = {
    "one mail": MAIL,
    "a task for each": "for c in Customer.objects.all():\n    other.delay(c.pk)",
    "a few addresses": f"for customer in ['a', 'b']:\n    {MAIL}",
    "a few times": f"for customer in range(3):\n    {MAIL}",
    "until it works": f"while pk:\n    {MAIL}",
    "servers that are tried in turn": f"for customer in Customer.objects.all():\n    {MAIL}\n    break",
    "a mark for each, saved": f"{EACH}    if customer.told:\n        continue\n    {MAIL}\n"
    f"    customer.told = True\n    customer.save()",
    "written down after each": f"{EACH}    {MAIL}\n    customer.told_at = 1\n    customer.save()",
    "a row for each": f"{EACH}    {MAIL}\n    ActionLog.objects.create(customer=customer)",
    "those not told yet": f"for customer in Customer.objects.filter(told_at=None):\n    {MAIL}",
    "each caught, and logged": f"{EACH}    try:\n        {MAIL}\n    except OSError:\n        log(customer)",
    "each caught in the same line of work": f"{EACH}    try:\n        {MAIL}\n"
    f"    except Exception:\n        continue",
    "failures are let go": "for c in Customer.objects.all():\n"
    "    send_mail('a', 'b', None, [c.email], fail_silently=True)",
    "in chunks": f"for chunk in chunked(Customer.objects.all(), 100):\n    {MAIL}",
    "slices": f"ids = list(Customer.objects.all())\nfor customer in range(0, len(ids), 100):\n    {MAIL}",
    "only read": f"{EACH}    requests.get(customer.url, timeout=3)",
    "all at once": "from django.core.mail import send_mass_mail\n"
    "send_mass_mail([c.mail for c in Customer.objects.all()])",
    "one connection": (
        "from django.core.mail import get_connection\n"
        "get_connection().send_messages([EmailMessage() for c in Customer.objects.all()])"
    ),
}


@pytest.mark.parametrize("case", ONE_BY_ONE)
def test_what_goes_one_by_one(case):
    assert problems("batch-of-effects", project(ONE_BY_ONE[case], PLAIN)) == []


def test_what_is_said_of_many():
    code = project(MANY["the newsletter"], PLAIN)
    assert problems("batch-of-effects", code) == [
        "it calls send_mail() for each of Customer.objects.filter(): one failure loses those after it"
    ]
    assert (
        body({"proj/models.py": MODELS, "proj/tasks.py": f"{HEAD}\n@shared_task\ndef a(): pass\n"}).calls
        == ()
    )


def test_a_row_of_a_relation_is_a_hint_only():
    """Which model it is, and what is unique in it, is not known."""
    (problem,) = found("non-idempotent-task", project(f"{GET}order.lines.create(text='x')\n{ASK}"))
    assert problem.at_most is Severity.INFO
    assert problem.message.startswith("it adds an Order.lines row before requests.get()")
