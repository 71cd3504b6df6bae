"""The four documents that the project was asked for by, practice by practice, in examples of our own.

Each document has one table. Of a bad example the checks named must say something; of a good one nothing may
be said that counts as an error or a warning, apart from what it really `lacks`. All else of the project
around an example is in order (`IN_ORDER`). What only a running cluster shows (evicting-redis, volatile-redis,
task-set-drift, version-drift, worker-without-child-limit) has its place in the tests of `--live`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from celerycheck import checklist
from celerycheck.findings import Finding, Severity
from celerycheck.judging import judge
from celerycheck.subjects import (
    BackendInfo,
    BrokerInfo,
    DjangoInfo,
    RouteInfo,
    ScheduleEntry,
    Setting,
    Settings,
)
from celerycheck.testing import setting, settings, source

ROOT = Path(__file__).resolve().parent.parent
IMPORTS = '''"""Tasks."""

import logging
import random
import time

import requests
from celery import Task, chain, chord, group, shared_task, signature
from celery.contrib import rdb
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger
from django.core.mail import send_mail
from django.db import transaction

from proj import services
from proj.celery import app
from proj.models import Booking, Guest

logger = get_task_logger(__name__)

'''
AROUND = {
    "proj/celery.py": "from celery import Celery\n\napp = Celery('proj')\n",
    "proj/services.py": (
        "from proj.models import Booking, Guest\n\n\n"
        "def confirm(booking_id):\n    Booking.objects.filter(pk=booking_id).update(confirmed=True)\n\n\n"
        "def ask_bank(iban):\n    return {'iban': iban}\n"
    ),
    "proj/models.py": (
        "from django.db import models\n\n\n"
        "class Guest(models.Model):\n    email = models.EmailField()\n    name = models.TextField()\n"
        "    state = models.TextField()\n\n\n"
        "class Booking(models.Model):\n    guest = models.ForeignKey(Guest, models.CASCADE)\n"
        "    confirmed = models.BooleanField(default=False)\n    nights = models.IntegerField()\n"
    ),
}
REDIS = BrokerInfo("redis", "redis", ("localhost",), fanout=True, visibility_timeout=3600)
RABBITMQ = BrokerInfo("amqp", "amqp", ("localhost",), fanout=True)
LIMITS = {"task_time_limit": 300, "task_soft_time_limit": 270}
WORKERS = {
    "worker_max_tasks_per_child": 500,
    "worker_prefetch_multiplier": 1,
    "worker_send_task_events": True,
}
IN_ORDER = {
    "broker": REDIS,
    "backend": BackendInfo("redis", expires_by_itself=True),
    "inherited": {"time_limit": 300, "soft_time_limit": 270},
    "error_reporters": ("sentry_sdk",),
    "modules_available": ("setproctitle", "sentry_sdk"),
    "django": DjangoInfo(
        "5.2", "proj.settings", True, ("proj",), ("proj.models.Booking", "proj.models.Guest")
    ),
}


@dataclass(frozen=True)
class Example:
    """One example of a practice: what must be said of it, or what it may lack."""

    practice: str
    code: str
    must: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    values: Mapping[str, object] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    picture: Mapping[str, object] = field(default_factory=dict)


def bad(practice, *checks, code="", values=None, files=None, **picture):
    return Example(practice, code, must=checks, values=values or {}, files=files or {}, picture=picture)


def good(practice, code="", *, lacks=(), values=None, files=None, **picture):
    return Example(practice, code, lacks=lacks, values=values or {}, files=files or {}, picture=picture)


def said_of(example: Example) -> list[Finding]:
    """What all shipped checks say of an example, as an audit would."""
    broker = {"broker_url": "redis://localhost:6379/0", "result_backend": "redis://localhost:6379/1"}
    values = {**broker, **LIMITS, **WORKERS, **example.values}
    files = {**AROUND, "proj/tasks.py": IMPORTS + example.code, **example.files}
    code = source(files, **{"values": values, **IN_ORDER, **example.picture})
    found = []
    for item in checklist.load(None).items:
        if item.kind == "check":
            judgement = judge(item, code.app, code.app.tasks, code)
            assert not judgement.crashes, judgement.traceback
            found += judgement.findings
    return found


def holds(example: Example) -> None:
    found = said_of(example)
    if example.must:
        missing = set(example.must) - {finding.check for finding in found}
        assert not missing, sorted(f"{finding.check}: {finding.message}" for finding in found)
    else:
        serious = [finding for finding in found if finding.severity > Severity.INFO]
        others = [f"{f.check}: {f.subject}: {f.message}" for f in serious if f.check not in example.lacks]
        assert others == []
        assert {finding.check for finding in serious} == set(example.lacks)


def table(*examples):
    return pytest.mark.parametrize("example", examples, ids=_id)


def _id(example):
    return f"{'bad' if example.must else 'good'}: {example.practice}"


WAITING = '''
@shared_task
def quote(nights):
    """The price of a stay."""
    return nights * 80

@shared_task
def invoice(nights):
    """Write an invoice."""
    price = quote.delay(nights).get(timeout=10)
    logger.info("invoice over %s", price)
'''
CHAINED = '''
@shared_task
def quote(nights):
    """The price of a stay."""
    return nights * 80

@shared_task(ignore_result=True)
def write_invoice(price):
    """Write an invoice over a price."""
    logger.info("invoice over %s", price)

def book(nights):
    (quote.s(nights) | write_invoice.s()).delay()
'''
EMPTY = '''
@shared_task(ignore_result=True)
def tidy():
    """Confirm what is left to confirm."""
    services.confirm(1)
'''


def many_tasks(count=12):
    return "".join(
        f'@shared_task(ignore_result=True)\ndef work_{n}():\n    """Work."""\n    services.confirm({n})\n\n'
        for n in range(count)
    )


def with_tests(text):
    return {"tests/test_tasks.py": text}


# 001: the checklist of Celery tasks


@table(
    bad(
        "no relational database as broker",
        "database-as-broker",
        broker=BrokerInfo("sqla", "sqla+mysql", fanout=False),
    ),
    bad("a broker for production", "development-broker", broker=BrokerInfo("memory", "memory", fanout=True)),
    bad(
        "a broker somebody chose",
        "default-broker",
        settings=settings({**LIMITS, **WORKERS, "result_backend": "redis://localhost"}),
        broker=BrokerInfo("amqp", "amqp", ("localhost",), fanout=True),
    ),
    good("Redis as broker", EMPTY),
    good("RabbitMQ as broker", EMPTY, broker=RABBITMQ),
    bad(
        "no complex objects as parameters",
        "complex-argument",
        code='''
@shared_task(ignore_result=True)
def greet(guest):
    """Say hello."""
    logger.info("hello %s", guest.name)

def arrive(pk):
    guest = Guest.objects.get(pk=pk)
    greet.delay(guest)
''',
    ),
    good(
        "ids as parameters",
        '''
@shared_task(ignore_result=True)
def greet(guest_id):
    """Say hello."""
    guest = Guest.objects.get(pk=guest_id)
    logger.info("hello %s", guest.name)

def arrive(pk):
    guest = Guest.objects.get(pk=pk)
    greet.delay(guest.pk)
''',
    ),
    bad("no task waits for a task", "waits-for-task", code=WAITING),
    good("tasks in a chain", CHAINED),
    bad(
        "idempotent tasks",
        "non-idempotent-task",
        code='''
@shared_task(bind=True, ignore_result=True, max_retries=5)
def extend(self, booking_id):
    """One night more."""
    booking = Booking.objects.get(pk=booking_id)
    booking.nights += 1
    booking.save()
    try:
        requests.put("https://lock.example/doors", json={"id": booking_id}, timeout=5)
    except requests.ConnectionError as error:
        raise self.retry(exc=error, countdown=2 ** self.request.retries)
''',
    ),
    good(
        "a task that may run twice",
        '''
@shared_task(ignore_result=True, autoretry_for=(requests.ConnectionError,), retry_backoff=True, max_retries=5)
def open_door(booking_id, nights):
    """Let the guests in for so many nights."""
    requests.put("https://lock.example/doors", json={"id": booking_id, "nights": nights}, timeout=5)
    Booking.objects.filter(pk=booking_id).update(nights=nights)
''',
    ),
    bad(
        "atomic tasks",
        "non-atomic-task",
        code='''
@shared_task(ignore_result=True)
def rename(guest_id):
    """Take over the name the register knows."""
    booking = Booking.objects.get(guest_id=guest_id)
    booking.nights = 0
    booking.save()
    answer = requests.get("https://register.example/names", timeout=5)
    guest = Guest.objects.get(pk=guest_id)
    guest.name = answer.json()["name"]
    guest.save()
''',
    ),
    good(
        "outside call first, one write after it",
        '''
@shared_task(ignore_result=True, autoretry_for=(requests.RequestException,), retry_backoff=True)
def rename(guest_id):
    """Take over the name the register knows."""
    answer = requests.get("https://register.example/names", timeout=5)
    answer.raise_for_status()
    Guest.objects.filter(pk=guest_id).update(name=answer.json()["name"], state="known")
''',
    ),
    bad(
        "retry when possible",
        "no-retry-policy",
        code='''
@shared_task
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "retry_limit is max_retries",
        "unknown-task-option",
        code='''
@shared_task(retry_limit=4, autoretry_for=(requests.RequestException,), retry_backoff=True)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "a limit to retries",
        "unbounded-retries",
        code='''
@shared_task(max_retries=None, autoretry_for=(requests.RequestException,), retry_backoff=True)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "exponential backoff",
        "retry-without-backoff",
        code='''
@shared_task(bind=True, max_retries=5)
def rates(self):
    """Today's exchange rates."""
    try:
        return requests.get("https://rates.example/today", timeout=5).json()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=10)
''',
    ),
    bad(
        "a random factor",
        "retry-without-jitter",
        code='''
@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, retry_jitter=False)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "retries that last long enough",
        "short-retry-budget",
        code='''
@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=1, max_retries=2)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    good(
        "backoff by hand, with chance",
        '''
def later(task):
    base = task.default_retry_delay / 60
    return int(random.uniform(base, base * 1.5) ** task.request.retries) * 60

@shared_task(bind=True, max_retries=5)
def rates(self):
    """Today's exchange rates."""
    try:
        return requests.get("https://rates.example/today", timeout=5).json()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=later(self))
''',
    ),
    good(
        "autoretry_for and retry_backoff",
        '''
@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "autoretry_for rather than boilerplate",
        "backoff-without-autoretry",
        code='''
@shared_task(retry_backoff=True, max_retries=8)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "acks_late and retry together",
        "retry-without-acks-late",
        code='''
@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "acks_late alone does not save a killed task",
        "acks-late-loses-killed",
        code='''
@shared_task(acks_late=True, autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    good(
        "a task that survives",
        '''
@shared_task(
    acks_late=True,
    retry_on_worker_lost=True,
    autoretry_for=(requests.RequestException,),
    retry_backoff=True,
    max_retries=8,
)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "task_time_limit is time_limit on a task",
        "unknown-task-option",
        code='''
@app.task(task_time_limit=90, task_soft_time_limit=80, ignore_result=True)
def render():
    """Draw the plan of the house."""
    services.confirm(2)
''',
    ),
    bad(
        "limits at all",
        "no-time-limit",
        code=EMPTY,
        inherited={},
        values={"task_time_limit": None, "task_soft_time_limit": None},
    ),
    bad(
        "the soft limit comes first",
        "soft-limit-too-late",
        code='''
@app.task(time_limit=60, soft_time_limit=75, ignore_result=True)
def render():
    """Draw the plan of the house."""
    services.confirm(2)
''',
    ),
    bad(
        "a soft limit that reaches nobody",
        "swallowed-soft-limit",
        code='''
@app.task(time_limit=90, soft_time_limit=80, ignore_result=True)
def render(numbers):
    """Draw the plans of many houses."""
    for number in numbers:
        try:
            services.confirm(number)
        except Exception:
            logger.exception("house %s", number)
''',
    ),
    good(
        "limits, and what to do at the soft one",
        '''
@app.task(time_limit=90, soft_time_limit=80, ignore_result=True)
def render(booking_id):
    """Draw the plan of the house."""
    try:
        services.confirm(booking_id)
    except SoftTimeLimitExceeded:
        logger.warning("no plan for %s in time", booking_id)
        raise
''',
    ),
    bad("several queues", "single-queue", code=many_tasks()),
    bad(
        "routes that reach a task",
        "route-matches-nothing",
        code=EMPTY,
        routes=(RouteInfo("proj.bills.*", "glob", "bills", matches=0),),
    ),
    bad(
        "base classes for what tasks share",
        "option-shadows-method",
        code='''
@shared_task(retry=3, ignore_result=True)
def tidy():
    """Confirm what is left to confirm."""
    services.confirm(1)
''',
        task_methods=("retry", "delay"),
    ),
    good(
        "a base class for what tasks share",
        '''
class Patient(Task):
    autoretry_for = (requests.RequestException,)
    retry_backoff = True
    max_retries = 8

@app.task(base=Patient, autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def rates():
    """Today's exchange rates."""
    return requests.get("https://rates.example/today", timeout=5).json()
''',
    ),
    bad(
        "Canvas: every step takes what it is handed",
        "wrong-arity",
        code='''
@shared_task
def quote(nights):
    """The price of a stay."""
    return nights * 80

@shared_task(ignore_result=True)
def thank():
    """Thank everybody."""
    services.confirm(1)

def book(nights):
    chain(quote.s(nights), thank.s()).delay()
''',
    ),
    bad(
        "Canvas: no chords on rpc",
        "chord-on-rpc",
        code='''
@shared_task
def quote(nights):
    """The price of a stay."""
    return nights * 80

@shared_task
def total(prices):
    """The sum of prices."""
    return sum(prices)

def book(stays):
    chord(quote.s(n) for n in stays)(total.s())
''',
        backend=BackendInfo("rpc", expires_by_itself=True),
    ),
    good(
        "Canvas: a chord",
        '''
@shared_task
def quote(nights):
    """The price of a stay."""
    return nights * 80

@shared_task
def total(prices):
    """The sum of prices."""
    return sum(prices)

def book(stays):
    return chord(quote.s(n) for n in stays)(total.s()).id
''',
    ),
    bad(
        "log with the task's name and id",
        "plain-logger",
        code='''
plain = logging.getLogger(__name__)

@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    plain.info("confirming %s", booking_id)
    services.confirm(booking_id)
''',
    ),
    bad(
        "log, do not print",
        "print-in-task",
        code='''
@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    print("confirming", booking_id)
    services.confirm(booking_id)
''',
    ),
    good(
        "get_task_logger",
        '''
@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    logger.info("confirming %s", booking_id)
    services.confirm(booking_id)
''',
    ),
    bad(
        "leave the traceback of what failed",
        "swallowed-exception",
        code='''
@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    try:
        services.confirm(booking_id)
    except Exception:
        logger.warning("that did not work")
''',
    ),
    good(
        "a traceback in the log, and the failure kept",
        '''
@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    try:
        services.confirm(booking_id)
    except Exception:
        logger.exception("booking %s cannot be confirmed", booking_id)
        raise
''',
    ),
    bad(
        "failures reach a person", "no-error-reporting", code=EMPTY, error_reporters=(), modules_available=()
    ),
    bad("Flower sees events", "no-task-events", code=EMPTY, values={"worker_send_task_events": False}),
    bad(
        "Flower sees workers",
        "broker-without-control",
        code=EMPTY,
        broker=BrokerInfo("sqs", "sqs", fanout=False, visibility_timeout=3600),
    ),
    bad("task_always_eager is for tests", "eager-mode", code=EMPTY, values={"task_always_eager": True}),
    bad(
        "task_always_eager in tests, and nothing else",
        "eager-only-tests",
        code=EMPTY,
        files=with_tests(
            "def test_tidy(settings):\n    settings.CELERY_TASK_ALWAYS_EAGER = True\n    tidy.delay()\n"
        ),
    ),
)
def test_the_checklist_of_tasks(example):
    holds(example)


# 002: problems and solutions

FAT = (
    '@shared_task(ignore_result=True)\ndef close_the_books(year):\n    """Close a year."""\n'
    + "".join(f"    sum_{n} = year * {n}\n    if sum_{n} > 3:\n        sum_{n} -= 1\n" for n in range(20))
    + "    Booking.objects.filter(nights=sum_1).update(confirmed=True)\n"
)
FETCH = '''
@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=8)
def {0}fetch(booking_id):
    """What the portal knows of a booking."""
    return requests.get("https://portal.example/bookings", timeout=5).json()

@shared_task
@transaction.atomic
def {0}store(data):
    """Keep it."""
    booking, _ = Booking.objects.update_or_create(pk=data["id"], defaults={{"nights": data["nights"]}})
    return booking.pk

@shared_task
def refresh(booking_id):
    """Take over what the portal knows."""
    return chain({0}fetch.s(booking_id), {0}store.s()).delay().id
'''


@table(
    bad("failures are recorded", "lost-failure", code=EMPTY, error_reporters=()),
    bad(
        "failures reach somebody", "no-error-reporting", code=EMPTY, error_reporters=(), modules_available=()
    ),
    bad("business logic in services", "fat-task", code=FAT),
    good(
        "a task that only calls a service",
        '''
@shared_task(ignore_result=True)
def confirm(booking_id):
    """Confirm a booking."""
    services.confirm(booking_id)
''',
    ),
    bad("private names for steps", "public-step-task", code=FETCH.format("")),
    good("steps with one underscore", FETCH.format("_")),
    good("steps with two underscores", FETCH.format("__")),
    bad(
        "a chain inside a chain races",
        "nested-workflow",
        code='''
@shared_task(ignore_result=True)
def wash():
    """Wash the sheets."""
    services.confirm(1)

@shared_task(ignore_result=True)
def iron():
    """Iron the sheets."""
    services.confirm(2)

@shared_task(ignore_result=True)
def laundry():
    """Wash, then iron."""
    chain(wash.si(), iron.si()).delay()

@shared_task(ignore_result=True)
def make_beds():
    """Put the sheets on the beds."""
    services.confirm(3)

@shared_task(ignore_result=True)
def morning():
    """All of the housework."""
    chain(laundry.si(), make_beds.si()).delay()
''',
    ),
    good(
        "signatures from a function, one chain of all",
        '''
@shared_task(ignore_result=True)
def _wash():
    """Wash the sheets."""
    services.confirm(1)

@shared_task(ignore_result=True)
def _iron():
    """Iron the sheets."""
    services.confirm(2)

def laundry():
    return _wash.si(), _iron.si()

@shared_task(ignore_result=True)
def _make_beds():
    """Put the sheets on the beds."""
    services.confirm(3)

@shared_task(ignore_result=True)
def morning():
    """All of the housework."""
    chain(*laundry(), _make_beds.si()).delay()
''',
    ),
    bad(
        "comments in tasks",
        "undocumented-task",
        code="@shared_task(ignore_result=True)\ndef tidy():\n    services.confirm(1)\n",
    ),
    bad(
        "tests", "untested-task", code=EMPTY, files=with_tests("def test_other():\n    assert other() == 1\n")
    ),
    good(
        "tests of the logic",
        EMPTY,
        files=with_tests("def test_tidy():\n    tidy()\n    assert confirmed()\n"),
    ),
    bad(
        "never block a worker",
        "blocking-sleep",
        code='''
@shared_task(ignore_result=True)
def tidy():
    """Confirm, in a while."""
    time.sleep(30)
    services.confirm(1)
''',
    ),
    bad("never block a worker with a task", "waits-for-task", code=WAITING),
)
def test_problems_and_solutions(example):
    holds(example)


# 003: basics for Django

SILENT = '''
@shared_task{0}
def tidy(booking_id):
    """Confirm a booking."""
    services.confirm(booking_id)

def later(booking_id):
    tidy.delay(booking_id)
'''
PAY = '''
@app.task({0}max_retries=5)
def collect({1}booking_id):
    """Collect what a booking costs."""
    booking = Booking.objects.get(pk=booking_id)
    try:
        services.ask_bank(booking.guest_id)
    except ConnectionError as error:
        logger.info("again")
        raise self.retry(exc=error, countdown=2.0 ** self.request.retries)
'''
COMMIT = '''
@shared_task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    services.confirm(booking_id)

@transaction.atomic
def book(guest_id, nights):
    booking = Booking.objects.create(guest_id=guest_id, nights=nights)
    {0}
'''
OLD = ("BROKER_URL", "CELERYD_CONCURRENCY")


def scheduled(expires):
    entry = ScheduleEntry("sweep", "proj.tasks.tidy", "interval", "every 60 s", 60.0, expires=expires)
    return {"code": EMPTY, "schedule": (entry,)}


@table(
    bad(
        "a broker that can be asked", "broker-without-control", broker=BrokerInfo("sqs", "sqs", fanout=False)
    ),
    bad(
        "Redis delivers again what takes long",
        "short-visibility-timeout",
        code='''
@shared_task(acks_late=True, retry_on_worker_lost=True, time_limit=7200, soft_time_limit=7000)
def archive():
    """Archive last year."""
    return services.ask_bank("DE")
''',
    ),
    good(
        "a visibility timeout above the longest task",
        '''
@shared_task(acks_late=True, retry_on_worker_lost=True, time_limit=7200, soft_time_limit=7000)
def archive():
    """Archive last year."""
    return services.ask_bank("DE")
''',
        broker=BrokerInfo("redis", "redis", ("localhost",), fanout=True, visibility_timeout=9000),
        values={
            "broker_transport_options": {"visibility_timeout": 9000},
            "result_backend_transport_options": {"visibility_timeout": 9000},
        },
    ),
    bad("results nobody needs", "unused-result", code=SILENT.format("")),
    good("ignore_result on the task", SILENT.format("(ignore_result=True)")),
    good(
        "task_ignore_result",
        SILENT.format(""),
        values={"task_ignore_result": True},
        inherited={**IN_ORDER["inherited"], "ignore_result": True},
    ),
    bad(
        "a cache for results",
        "database-as-result-backend",
        code=CHAINED,
        backend=BackendInfo("db+postgresql", expires_by_itself=False),
    ),
    bad("results that go away", "immortal-results", code=CHAINED, values={"result_expires": None}),
    bad("prefork or green threads", "limits-ignored-by-pool", code=EMPTY, values={"worker_pool": "threads"}),
    bad(
        "no django-celery",
        "obsolete-django-celery",
        code=EMPTY,
        django=DjangoInfo("5.2", "proj.settings", True, ("djcelery", "proj")),
    ),
    bad(
        "settings by their new names",
        "old-setting-name",
        code=EMPTY,
        settings=settings(old_style=tuple(setting(name, 4) for name in OLD)),
    ),
    bad(
        "settings Celery knows",
        "unknown-setting",
        code=EMPTY,
        settings=settings(unknown=(setting("task_soft_timelimit", 30),)),
    ),
    good(
        "a namespace for Celery's settings",
        EMPTY,
        settings=settings(
            {"broker_url": "redis://localhost", "result_backend": "redis://localhost", **LIMITS, **WORKERS},
            namespace="CELERY",
            source="django.conf:settings",
        ),
    ),
    bad(
        "no eager mode for tests",
        "eager-only-tests",
        code=EMPTY,
        files={"proj/settings/test.py": "CELERY_ALWAYS_EAGER = True\n", **with_tests("tidy.delay()\n")},
    ),
    good(
        "mocks and the logic tested separately",
        EMPTY,
        files=with_tests("@patch('proj.tasks.services.confirm')\ndef test_tidy(confirm):\n    tidy()\n"),
    ),
    bad("scheduled tasks do not overlap", "overlapping-schedule", **scheduled(None)),
    good(
        "scheduled tasks expire",
        scheduled(50.0)["code"],
        schedule=scheduled(50.0)["schedule"],
        inherited={"time_limit": 50, "soft_time_limit": 40},
        values={"task_time_limit": 50, "task_soft_time_limit": 40},
    ),
    bad("nobody knows when a task runs", "call-before-commit", code=COMMIT.format("tidy.delay(booking.pk)")),
    good(
        "sent when the row is there", COMMIT.format("transaction.on_commit(lambda: tidy.delay(booking.pk))")
    ),
    good("sent by delay_on_commit", COMMIT.format("tidy.delay_on_commit(booking.pk)")),
    bad(
        "ids rather than objects",
        "complex-argument",
        code='''
@shared_task(ignore_result=True)
def remind(bookings):
    """Remind guests."""
    logger.info("%s", bookings)

def evening():
    remind.delay(Booking.objects.filter(confirmed=False))
''',
    ),
    bad(
        "many small tasks",
        "batch-of-effects",
        code='''
@shared_task(ignore_result=True)
def remind():
    """Remind all guests."""
    for guest in Guest.objects.filter(name__startswith="A"):
        send_mail("Breakfast", "is ready", None, [guest.email])
''',
    ),
    bad("chain, never wait", "waits-for-task", code=WAITING),
    good("chained, nobody waits", CHAINED),
    bad("self is the task of a bound task only", "unbound-self", code=PAY.format("", "self, ")),
    bad(
        "celery upgrade settings, with --django",
        "upgrade-advice-misleads",
        code=EMPTY,
        settings=Settings(
            {"result_backend": Setting("result_backend", "redis://", "source", "CELERY_RESULT_BACKEND")},
            namespace="CELERY",
            source="proj.settings",
        ),
    ),
    bad("self.retry needs a bound task", "retry-on-unbound-task", code=PAY.format("", "")),
    good("backoff by hand in a bound task", PAY.format("bind=True, ignore_result=True, ", "self, ")),
    bad("setproctitle", "no-process-titles", code=EMPTY, modules_available=("sentry_sdk",)),
    bad(
        "no librabbitmq any more",
        "obsolete-librabbitmq",
        code=EMPTY,
        broker=BrokerInfo("librabbitmq", "librabbitmq"),
    ),
    bad(
        "max-tasks-per-child",
        "no-max-tasks-per-child",
        code=EMPTY,
        values={"worker_max_tasks_per_child": None},
    ),
)
def test_basics_for_django(example):
    holds(example)


# 004: asynchronous tasks in Django

NIGHTS = '''
@app.task
def times(a, b):
    """A product."""
    return a * b

@app.task
def total(numbers):
    """A sum."""
    return sum(numbers)

'''


def using(code):
    return NIGHTS + code


@table(
    bad(
        "a backend for results",
        "missing-result-backend",
        code=using("def price():\n    return times.delay(3, 80).get()\n"),
        backend=BackendInfo(None),
        values={"result_backend": None},
    ),
    good(
        "a result waited for outside tasks",
        using("def price():\n    return times.delay(3, 80).get(timeout=9)\n"),
    ),
    bad(
        "no objects as parameters",
        "complex-argument",
        code='''
@app.task(ignore_result=True)
def lengthen(booking, nights):
    """Give a booking so many nights."""
    booking.nights = nights
    booking.save()

def ask(pk):
    booking = Booking.objects.get(pk=pk)
    lengthen.delay(booking, 3)
''',
    ),
    good(
        "ids as parameters",
        '''
@app.task(ignore_result=True)
def lengthen(booking_id, nights):
    """Give a booking so many nights."""
    booking = Booking.objects.get(pk=booking_id)
    booking.nights = nights
    booking.save()

def ask(pk):
    booking = Booking.objects.get(pk=pk)
    lengthen.delay(booking.pk, 3)
''',
    ),
    bad(
        "atomic: no write before the outside call",
        "non-atomic-task",
        code='''
@app.task(ignore_result=True)
def adopt(guest_id):
    """Take over a guest's name."""
    guest = Guest.objects.get(pk=guest_id)
    guest.state = "imported"
    guest.save()
    answer = requests.get("https://people.example/me", timeout=5)
    guest.name = answer.json()["name"]
    guest.save()
''',
    ),
    good(
        "atomic: the call, a look at it, one write",
        '''
@app.task(ignore_result=True)
def adopt(guest_id):
    """Take over a guest's name."""
    guest = Guest.objects.get(pk=guest_id)
    answer = requests.get("https://people.example/me", timeout=5)
    if answer.status_code != 200:
        return
    guest.name = answer.json()["name"]
    guest.state = "adopted"
    guest.save()
''',
        lacks=("no-retry-policy",),
    ),
    bad(
        "atomic: a newsletter in one task",
        "batch-of-effects",
        code='''
@app.task(ignore_result=True)
def news():
    """Tell all guests."""
    for guest in Guest.objects.all():
        send_mail("News", "The pool is open", None, [guest.email])
''',
    ),
    good(
        "atomic: one task for each mail",
        '''
@app.task(ignore_result=True, autoretry_for=(ConnectionError,), retry_backoff=True, max_retries=8)
def send_news(email):
    """Tell one guest."""
    send_mail("News", "The pool is open", None, [email])

@app.task(ignore_result=True)
def news():
    """Tell all guests."""
    for guest in Guest.objects.all():
        send_news.delay(guest.email)
''',
    ),
    bad(
        "retry_limit, and a retry that nobody raises",
        "unknown-task-option",
        "retry-without-raise",
        "retry-without-backoff",
        code='''
@app.task(bind=True, retry_limit=3, default_retry_delay=15)
def likes(self):
    """What the guests like."""
    try:
        answer = requests.get("https://people.example/likes", timeout=5)
    except requests.RequestException as error:
        self.retry(exc=error)
    return answer.json()
''',
    ),
    good(
        "backoff when retrying",
        '''
def later(task):
    base = task.default_retry_delay / 60
    return int(random.uniform(base, base * 1.2) ** task.request.retries) * 60

@app.task(bind=True, max_retries=4)
def likes(self):
    """What the guests like."""
    try:
        return requests.get("https://people.example/likes", timeout=5).json()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=later(self))
''',
    ),
    good(
        "automatic retries",
        '''
@app.task(autoretry_for=(requests.RequestException,))
def likes():
    """What the guests like."""
    return requests.get("https://people.example/likes", timeout=5).json()
''',
        # The document adds the backoff a page later.
        lacks=("retry-without-backoff",),
    ),
    good(
        "automatic retries with backoff",
        '''
@app.task(autoretry_for=(requests.RequestException,), retry_backoff=True)
def likes():
    """What the guests like."""
    return requests.get("https://people.example/likes", timeout=5).json()
''',
    ),
    bad(
        "limits by the names of settings",
        "unknown-task-option",
        code='''
@app.task(task_time_limit=60, task_soft_time_limit=50, ignore_result=True)
def plan():
    """Draw the plan."""
    try:
        services.confirm(4)
    except SoftTimeLimitExceeded:
        services.confirm(5)
''',
    ),
    good(
        "limits and a recovery",
        '''
@app.task(time_limit=60, soft_time_limit=50, ignore_result=True)
def plan():
    """Draw the plan."""
    try:
        services.confirm(4)
    except SoftTimeLimitExceeded:
        services.confirm(5)
''',
    ),
    bad(
        "execute, then acknowledge",
        "acks-late-loses-killed",
        code='''
@app.task(acks_late=True, ignore_result=True)
def plan():
    """Draw the plan."""
    services.confirm(4)
''',
    ),
    good(
        "a log line with the task's name",
        using('''
@app.task
def add(a, b):
    """A sum."""
    logger.info("%s and %s", a, b)
    return a + b
'''),
    ),
    bad("scream if it fails", "no-error-reporting", code=EMPTY, error_reporters=(), modules_available=()),
    bad("eager mode outside tests", "eager-mode", code=EMPTY, values={"task_always_eager": True}),
    bad(
        "no debugger left behind",
        "debugger-left-in",
        code='''
@app.task
def add(a, b):
    """A sum."""
    rdb.set_trace()
    return a + b
''',
    ),
    good(
        "a base class with hooks",
        '''
class Watched(Task):
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        logger.error("%s failed", task_id)

    def after_return(self, status, retval, task_id, args, kwargs, einfo):
        logger.info("%s is done", task_id)

@app.task(base=Watched, ignore_result=True)
def plan():
    """Draw the plan."""
    services.confirm(4)
''',
    ),
    good(
        "signatures",
        using("""
def some():
    signature("proj.tasks.times", args=(2, 3), countdown=10).delay()
    times.signature((2, 3), countdown=10).apply_async()
    print(times.s(2, 3)())
    return times.delay(2, 3).id

def partial():
    part = times.s(2)
    part.delay(4)
"""),
    ),
    good("callbacks", using("def some():\n    return times.apply_async((1, 2), link=times.s(3)).children\n")),
    good(
        "chains, groups and chords",
        using("""
def some():
    steps = chain(times.s(4, 4), times.s(8), times.s(10))
    print(steps().get())
    print(group(times.s(2, 2), times.s(4, 4))().get())
    header = [times.s(n, n) for n in range(100)]
    return chord(header)(total.s()).get()
"""),
    ),
    good(
        "map, starmap and chunks",
        using("""
def some():
    print(total.map([list(range(10)), list(range(100))]).delay().get())
    pairs = list(zip(range(10), range(10)))
    print(times.starmap(pairs).delay().get())
    return times.chunks(pairs, 10)().get()
"""),
    ),
    bad(
        "one message at a time in a loop",
        "call-in-loop",
        code='''
@app.task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    services.confirm(booking_id)

def all_of_them():
    for booking in Booking.objects.all():
        tidy.delay(booking.pk)
''',
    ),
    bad(
        "a chord of tasks whose results are ignored",
        "chord-of-ignored-results",
        code='''
@app.task(ignore_result=True)
def tidy(booking_id):
    """Confirm a booking."""
    services.confirm(booking_id)

@app.task
def done(_):
    """Say that all is done."""
    return True

def all_of_them(ids):
    chord(tidy.s(n) for n in ids)(done.s())
''',
        backend=BackendInfo("file", expires_by_itself=True),
    ),
    good(
        "several queues",
        many_tasks(),
        routes=(
            RouteInfo("proj.tasks.work_1", "exact", "slow", matches=1),
            RouteInfo("proj.tasks.work_2", "exact", "quick", matches=1),
        ),
    ),
    bad(
        "a task that waits for others, one by one",
        "waits-for-task",
        code='''
@app.task
def add(a, b):
    """A sum."""
    return a + b

@app.task
def add_all(*numbers):
    """The sum of them all."""
    total = 0
    for number in numbers:
        total = add.delay(total, number).get()
    return total
''',
    ),
)
def test_asynchronous_tasks(example):
    holds(example)


# What needs Celery itself to say so: one project, audited as its owner would

LIVE = {
    "task_for_base": (
        "broken-task-definition",
        """
class Base(Task):
    pass

@shared_task(task=Base)
def sync(a, **kwargs):
    return a
""",
    ),
    "a_base_class": (
        None,
        """
class Base(Task):
    def on_failure(self, exc, task_id, args, kwargs, einfo):
        report(exc)

@shared_task(base=Base)
def store(a, **kwargs):
    return a
""",
    ),
    "retry_limit": ("unknown-task-option", "@app.task(retry_limit=4)\ndef like():\n    return 1\n"),
    "max_retries": (
        None,
        """
@app.task(autoretry_for=(ConnectionError,), max_retries=4, retry_backoff=True)
def fetch():
    return 1
""",
    ),
    "limits_named_as_settings": (
        "unknown-task-option",
        "@app.task(task_time_limit=60, task_soft_time_limit=45)\ndef draw():\n    return 1\n",
    ),
    "limits": (None, "@app.task(time_limit=60, soft_time_limit=45)\ndef paint():\n    return 1\n"),
    "queue": ("undeclared-queue", "@app.task(queue='slow')\ndef drive():\n    return 1\n"),
    "declared_queue": (None, "@app.task(queue='post')\ndef mail():\n    return 1\n"),
    "private": (None, "@shared_task\ndef __step(data):\n    return data\n"),
}
"""Module -> what is said of its task, and its code."""

APP = """
from celery import Celery
from kombu import Queue

app = Celery("hotel", broker="redis://localhost", backend="redis://localhost", include={names})
app.conf.update(task_time_limit=300, task_soft_time_limit=270, task_default_queue="post")
app.conf.task_queues = [Queue("post")]
"""
HEAD = "from celery import Task, shared_task\n\nfrom hotel.celery import app\n\n"


@pytest.fixture(scope="module")
def live(tmp_path_factory, celerycheck):
    """What an audit of all of them says, by module."""
    folder = tmp_path_factory.mktemp("seeds")
    (folder / "hotel").mkdir()
    names = [f"hotel.{name}" for name in LIVE]
    (folder / "hotel" / "__init__.py").write_text("")
    (folder / "hotel" / "celery.py").write_text(APP.format(names=names))
    for name, (_, code) in LIVE.items():
        (folder / "hotel" / f"{name}.py").write_text(HEAD + code)
    run = celerycheck("audit", "hotel", "--format", "json", cwd=folder)
    run.check(1)
    found = {}
    for finding in run.report["findings"]:
        if finding["severity"] != "info" and finding["subject_kind"] == "task":
            found.setdefault(finding["path"], set()).add(finding["check"])
    return found


@pytest.mark.parametrize("name", LIVE)
def test_what_celery_itself_makes_of_it(live, name):
    check, _ = LIVE[name]
    assert live.get(f"hotel/{name}.py", set()) == ({check} if check else set())


def test_shared_task_in_reusable_apps(celerycheck):
    """Only Django knows what its apps are: the example has one task bound to the project's own Celery app."""
    run = celerycheck("audit", "config", "--format", "json", cwd=ROOT / "examples" / "django_shop")
    found = [one["subject"] for one in run.report["findings"] if one["check"] == "app-task-in-reusable-app"]
    assert found == ["reports.tasks.export_customer_data"]
