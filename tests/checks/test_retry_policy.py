"""Whether anything retries what a task asks of the network."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.subjects import DjangoInfo, ScheduleEntry
from celerycheck.testing import flagged, found, problems, source

HEAD = """
import contextlib, json, socket, smtplib, urllib.request
import boto3, httpx, requests, stripe, tenacity
from celery import Task, shared_task
from celery.utils.log import get_task_logger
from django.core.mail import get_connection, send_mail
from proj import services
from proj.errors import Down
from proj.http import plain
from proj.models import Order
log = get_task_logger(__name__)
"""
FILES = {
    "proj/errors.py": "class Down(Exception): pass\n",
    "proj/models.py": "from django.db import models\nclass Order(models.Model): pass\n",
    "proj/http.py": """
import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry
plain = requests.Session()
""",
    "proj/adapted.py": """
import requests
from requests.adapters import HTTPAdapter
patient = requests.Session()
patient.mount("https://", HTTPAdapter(max_retries=3))
def made() -> requests.Session:
    session = requests.Session()
    session.mount("https://", HTTPAdapter())
    return session
""",
    "proj/services.py": """
import requests, backoff
from proj.errors import Down
def pay(order):
    requests.post("https://pay.example", json=order)
def noted(order):
    try:
        requests.post("https://pay.example", json=order)
    except requests.RequestException:
        order.failed = True
def turned(order):
    try:
        requests.post("https://pay.example", json=order)
    except requests.RequestException as error:
        raise Down(order) from error
@backoff.on_exception(backoff.expo, Exception)
def steadily(order):
    requests.post("https://pay.example", json=order)
def with_retries(function):
    return function()
def price(order):
    return order.price
""",
}
SLEEPS = """
for number in range(3):
    try:
        requests.get(order)
        break
    except requests.RequestException:
        if number == 2:
            raise
"""


def task(body, decorators="@shared_task", parameters="order", before="", **fields):
    text = f"{HEAD}{before}\n{decorators}\ndef work({parameters}):\n"
    text += textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"
    return source({**FILES, "proj/tasks.py": text}, **fields)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param("requests.post(order)", "requests.post(order)", id="requests"),
        pytest.param("requests.Session().get(order)", "requests.Session().get(order)", id="session"),
        pytest.param("plain.get(order)", "plain.get(order)", id="session of a module"),
        pytest.param("httpx.get(order)", "httpx.get(order)", id="httpx"),
        pytest.param("urllib.request.urlopen(order)", "urllib.request.urlopen(order)", id="urllib"),
        pytest.param("send_mail('a', 'b', 'c', [order])", "send_mail('a', 'b', 'c', [order])", id="mail"),
        pytest.param("services.pay(order)", 'requests.post("https://pay.example", json=order)', id="helper"),
        pytest.param(
            "services.turned(order)",
            'requests.post("https://pay.example", json=order)',
            id="turned and raised",
        ),
        pytest.param(
            "try:\n  requests.get(order)\nexcept OSError:\n  raise", "requests.get(order)", id="passed on"
        ),
        pytest.param(
            "try:\n  requests.get(order)\nexcept Exception as e:\n  log.info(e)\n  raise Down() from e",
            "requests.get(order)",
            id="turned",
        ),
        pytest.param(
            "try:\n  requests.get(order).json()\nexcept ValueError:\n  return",
            "requests.get(order).json()",
            id="bad JSON",
        ),
        pytest.param(
            "try:\n  requests.get(Order.objects.get(pk=order).url)\nexcept Order.DoesNotExist:\n  return",
            "requests.get(Order.objects.get(pk=order).url)",
            id="no such row",
        ),
        pytest.param(
            "try:\n  requests.get(order)\nfinally:\n  order.close()", "requests.get(order)", id="finally"
        ),
        pytest.param(
            "services.noted(order)\nhttpx.get(order)", "httpx.get(order)", id="one of two is handled"
        ),
        pytest.param(
            "boto3.client('s3').copy(order)\nrequests.get(order)", "requests.get(order)", id="the worse one"
        ),
    ],
)
def test_no_retry_policy(body, line):
    code = task(body)
    assert flagged("no-retry-policy", code) == [line]
    assert [problem.at_most for problem in found("no-retry-policy", code)] == [None]


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("boto3.client('s3').copy(order)", id="boto3"),
        pytest.param("stripe.Charge.create(amount=order)", id="stripe"),
        pytest.param("socket.getaddrinfo(order, 80)", id="a name is looked up"),
    ],
)
def test_clients_that_try_again_are_worth_a_note(body):
    assert [problem.at_most for problem in found("no-retry-policy", task(body))] == [Severity.INFO]


@pytest.mark.parametrize(
    ("fields", "at_most"),
    [
        ({}, None),
        ({"parameters": ""}, Severity.INFO),
        ({"parameters": "order=None, *, loud=False"}, Severity.INFO),
        ({"parameters": "order, loud=False"}, None),
        ({"parameters": "**order"}, None),
        ({"schedule": (ScheduleEntry("nightly", task="proj.tasks.work"),)}, Severity.INFO),
        ({"schedule": (ScheduleEntry("nightly", task="proj.tasks.other"),)}, None),
        (
            {"before": "def send(order):\n    work.apply_async((order,), link_error=services)\n"},
            Severity.INFO,
        ),
    ],
)
def test_what_runs_again_is_worth_a_note(fields, at_most):
    code = task("requests.get('https://rates.example')", **fields)
    assert [problem.at_most for problem in found("no-retry-policy", code)] == [at_most]


@pytest.mark.parametrize(
    ("backend", "grades"),
    [
        (None, [None]),
        ("django.core.mail.backends.smtp.EmailBackend", [None]),
        ("anymail.backends.mailgun.EmailBackend", [None]),
        ("django.core.mail.backends.console.EmailBackend", [Severity.INFO]),
        ("proj.mail.Backend", [Severity.INFO]),
        ("post_office.EmailBackend", []),
        ("djcelery_email.backends.CeleryEmailBackend", []),
    ],
)
def test_mail_goes_where_the_backend_says(backend, grades):
    code = task("send_mail('a', 'b', 'c', [order])", django=DjangoInfo(email_backend=backend))
    assert [problem.at_most for problem in found("no-retry-policy", code)] == grades


def test_mail_over_a_connection_given_does_not_ask_the_backend():
    django = DjangoInfo(email_backend="post_office.EmailBackend")
    code = task("send_mail('a', 'b', 'c', [order], connection=get_connection('smtp'))", django=django)
    assert len(problems("no-retry-policy", code)) == 1


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(task("order.total()"), id="no network"),
        pytest.param(task("services.price(order)"), id="a helper without network"),
        pytest.param(
            task("session = requests.Session()\nsession.headers.update(order)"), id="a session made"
        ),
        pytest.param(task("boto3.client('s3').generate_presigned_url(order)"), id="nothing sent"),
        pytest.param(task("socket.getfqdn(order)"), id="never fails"),
        pytest.param(task("json.loads(order)"), id="of Python's own"),
        pytest.param(task("send_mail('a', 'b', 'c', [order], fail_silently=True)"), id="fails silently"),
        pytest.param(
            task("requests.get(order)", "@shared_task(autoretry_for=(OSError,))"), id="automatic retries"
        ),
        pytest.param(task("requests.get(order)", "@shared_task(max_retries=0)"), id="decided"),
        pytest.param(
            task(
                "try:\n  requests.get(order)\nexcept OSError as e:\n  raise self.retry(exc=e)",
                "@shared_task(bind=True)",
                "self, order",
            ),
            id="by hand",
        ),
        pytest.param(task("requests.get(order)\nwork.retry()"), id="under its own name"),
        pytest.param(
            task("try:\n  requests.get(order)\nexcept OSError:\n  work.apply_async((order,), countdown=60)"),
            id="sent again",
        ),
        pytest.param(
            task("if not requests.get(order).ok:\n  work.apply_async((order,), countdown=60)"), id="polls"
        ),
        pytest.param(
            task(
                "requests.get(order)",
                "@shared_task(base=Patient)",
                before="class Patient(Task):\n  pass\n",
                inherited={"autoretry_for": [None]},
            ),
            id="of its base",
        ),
        pytest.param(task("requests.get(order)", "@shared_task\n@tenacity.retry"), id="tenacity"),
        pytest.param(
            task(
                "requests.get(order)",
                "@shared_task\n@patiently_retried",
                before="def patiently_retried(f): return f\n",
            ),
            id="a decorator of the project",
        ),
        pytest.param(task("services.steadily(order)"), id="backoff around a helper"),
        pytest.param(
            task("services.with_retries(lambda: requests.get(order))"), id="a function that retries"
        ),
        pytest.param(
            task("for attempt in tenacity.Retrying():\n  with attempt:\n    requests.get(order)"),
            id="tenacity as a loop",
        ),
        pytest.param(
            task("patient.get(order)", before="from proj.adapted import patient\n"), id="mounted elsewhere"
        ),
        pytest.param(
            task("made().get(order)", before="from proj.adapted import made\n"), id="mounted by a factory"
        ),
        pytest.param(
            task("s = requests.Session()\ns.mount('https://', order)\ns.get(order)"), id="mounted here"
        ),
        pytest.param(
            task("httpx.Client(transport=httpx.HTTPTransport(retries=3)).get(order)"),
            id="retries of a transport",
        ),
        pytest.param(task(SLEEPS), id="a loop of attempts"),
        pytest.param(task("services.noted(order)"), id="a helper notes it"),
        pytest.param(
            task("try:\n  services.turned(order)\nexcept Down:\n  order.fail()"), id="turned and noted"
        ),
        pytest.param(task("try:\n  requests.get(order)\nexcept Exception:\n  return"), id="a broad handler"),
        pytest.param(task("try:\n  requests.get(order)\nexcept OSError:\n  order.fail()"), id="noted"),
        pytest.param(
            task("try:\n  requests.get(order)\nexcept requests.HTTPError as e:\n  if e.response:\n    raise"),
            id="noted under a condition",
        ),
        pytest.param(task("with contextlib.suppress(OSError):\n  requests.get(order)"), id="suppressed"),
        pytest.param(task("def later():\n  requests.get(order)\norder.each(later)"), id="handed on"),
    ],
)
def test_policies(code):
    assert problems("no-retry-policy", code) == []


def test_the_way_to_the_call_is_told():
    (problem,) = found("no-retry-policy", task("services.pay(order)"))
    assert [step.text for step in problem.trace] == ["work calls services.pay"]
    assert problem.message == "requests.post() may fail for a moment, and nothing retries it"
    assert problem.fix == (
        "autoretry_for=(requests.ConnectionError, requests.Timeout), retry_backoff=True, if it may run twice"
    )


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ("try:\n  requests.get(order)\nexcept OSError as e:\n  raise Down(e)", "Down,"),
        (
            "try:\n  requests.get(order)\nexcept Exception as e:\n  raise services.Down() from e",
            "services.Down,",
        ),
        ("try:\n  httpx.get(order)\nexcept ValueError:\n  raise Down()", "httpx.TransportError,"),
        ("try:\n  httpx.get(order)\nexcept httpx.HTTPStatusError:\n  raise Down()", "httpx.TransportError,"),
        ("try:\n  httpx.get(order)\nexcept OSError:\n  raise", "httpx.TransportError,"),
        ("try:\n  httpx.get(order)\nexcept OSError as e:\n  raise e", "httpx.TransportError,"),
        ("try:\n  order.check()\nexcept OSError:\n  raise Down()\nhttpx.get(order)", "httpx.TransportError,"),
    ],
)
def test_the_fix_names_what_gets_out(body, errors):
    (problem,) = found("no-retry-policy", task(body))
    assert problem.fix == f"autoretry_for=({errors}), retry_backoff=True, if it may run twice"


SEND = "send_mail('a', 'b', 'c', [order])"
NOTES = """
import logging
def noted(error):
    logger = logging.getLogger("proj")
    logger.exception(str(error))
def kept(error):
    Failure.objects.create(text=str(error))
def raised(error):
    raise error
"""


def mail_in(handler, work=SEND, before=""):
    body = textwrap.indent(f"{before}\ntry:\n{textwrap.indent(work, '  ')}\n{handler}\n", "    ")
    text = f"{HEAD}from proj import notes\n@shared_task\ndef work(order):\n{body}"
    return source({**FILES, "proj/notes.py": NOTES, "proj/tasks.py": text})


@pytest.mark.parametrize(
    "handler",
    [
        "except Exception:\n  log.exception('x')",
        "except Exception as e:\n  log.error(e)\n  return",
        "except Exception:\n  pass",
        "except Order.DoesNotExist:\n  return\nexcept Exception as e:\n  notes.noted(e)\n  return",
    ],
)
def test_a_mail_that_is_lost_when_it_fails(handler):
    (problem,) = found("no-retry-policy", mail_in(handler))
    assert problem.message.startswith("send_mail() may fail for a moment, and nothing retries it: except Exc")
    assert problem.message.endswith("only logs it")
    assert problem.fix.endswith("; and let `except Exception` raise it again")


@pytest.mark.parametrize(
    ("handler", "work"),
    [
        ("except Exception as e:\n  notes.kept(e)", SEND),
        ("except Exception as e:\n  order.failed = True", SEND),
        ("except Exception as e:\n  notes.later(e)", SEND),
        ("except smtplib.SMTPException as e:\n  log.exception(e)", SEND),
        ("except Exception as e:\n  return {'error': str(e)}", SEND),
        ("except Exception as e:\n  log.exception(e)", "requests.get(order)"),
        ("except Exception as e:\n  log.exception(e)", "services.noted(order)"),
        (
            "except Exception as e:\n  log.exception(e)",
            (
                "for one in order:\n  try:\n    send_mail('a', 'b', 'c', [one])\n"
                "  except Exception:\n    log.exception('x')"
            ),
        ),
    ],
)
def test_a_failure_that_somebody_deals_with(handler, work):
    assert problems("no-retry-policy", mail_in(handler, work)) == []


def test_a_mail_beside_the_tasks_work():
    does = "order.a()\norder.b()\norder.c()\norder.d()\norder.e()"
    assert problems("no-retry-policy", mail_in("except Exception:\n  log.exception('x')", before=does)) == []
