"""Retries that the task's own code keeps from Celery."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import error, flagged, found, problems, source

HEAD = """
import contextlib, smtplib
import requests, httpx
from celery import Task, shared_task
from celery.exceptions import Ignore, MaxRetriesExceededError, Retry
from celery.utils.log import get_task_logger
from django.core.mail import send_mail
from django.db import transaction
from proj.errors import Down, Refused
from proj.models import Order
from proj import services
log = get_task_logger(__name__)
"""
FILES = {
    "proj/errors.py": "class Down(Exception): pass\nclass Refused(Down): pass\n",
    "proj/models.py": "from django.db import models\nclass Order(models.Model): pass\n",
    "proj/services.py": """
import requests
from proj.errors import Down, Refused
def pay(order):
    requests.post("https://pay.example", json=order)
def book(order):
    raise Refused(order)
def note(order):
    return str(order)
def again(task, exc):
    raise task.retry(exc=exc)
def safely(order):
    try:
        requests.post("https://pay.example")
    except requests.RequestException:
        return None
""",
}


def task(body, options="bind=True", parameters="self, order"):
    text = f"{HEAD}\n@shared_task({options})\ndef work({parameters}):\n"
    return source(
        {**FILES, "proj/tasks.py": text + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")}
    )


SUCCESS = "catches: the task reports SUCCESS while its retry is sent"


@pytest.mark.parametrize(
    ("body", "message", "at_most"),
    [
        pytest.param(
            "try:\n  self.retry()\nexcept Exception:\n  log.info('x')", SUCCESS, None, id="the same try"
        ),
        pytest.param("try:\n  self.retry()\nexcept:\n  pass", "`except:` catches", None, id="bare"),
        pytest.param(
            "try:\n  self.retry()\nexcept (KeyError, Exception):\n  pass", SUCCESS, None, id="one of several"
        ),
        pytest.param(
            """
            try:
              try:
                services.pay(order)
              except OSError as exc:
                raise self.retry(exc=exc)
            except Exception:
              log.exception('x')
            """,
            SUCCESS,
            None,
            id="an outer try",
        ),
        pytest.param(
            """
            try:
              services.pay(order)
            except Exception as exc:
              try:
                raise self.retry(exc=exc)
              except Exception:
                return None
            """,
            SUCCESS,
            None,
            id="a try in a handler",
        ),
        pytest.param(
            "try:\n  services.again(self, ValueError())\nexcept Exception:\n  return 1",
            SUCCESS,
            None,
            id="in a helper",
        ),
        pytest.param(
            "try:\n  work.retry()\nexcept Exception:\n  pass", "work.retry() raises", None, id="its name"
        ),
        pytest.param(
            "with contextlib.suppress(Exception):\n  self.retry()",
            "suppress() discards",
            None,
            id="suppressed",
        ),
        pytest.param(
            "try:\n  self.retry()\nfinally:\n  return 1",
            "`return` in `finally` discards",
            None,
            id="finally of its own try",
        ),
        pytest.param(
            "try:\n  order()\nexcept OSError:\n  raise self.retry()\nfinally:\n  return 1",
            "`return` in `finally` discards",
            None,
            id="finally of its handler",
        ),
        pytest.param(
            "try:\n  if order:\n    raise self.retry(countdown=5)\nexcept Exception as e:\n"
            "  raise self.retry(exc=e)",
            "catches to retry once more",
            None,
            id="retried twice",
        ),
        pytest.param(
            """
            try:
              raise self.retry()
            except Exception:
              if self.request.retries < 3:
                raise self.retry(countdown=9)
            """,
            "catches to retry once more",
            None,
            id="retried twice under a condition",
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept Exception as e:\n  raise Down() from e",
            "turns into another exception",
            Severity.WARNING,
            id="turned",
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept Retry:\n  return 0", SUCCESS, Severity.WARNING, id="caught by name"
        ),
    ],
)
def test_swallowed_retry(body, message, at_most):
    (problem,) = found("swallowed-retry", task(body))
    assert message in problem.message
    assert problem.at_most is at_most


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("raise self.retry()", id="bare"),
        pytest.param(
            "try:\n  order()\nexcept OSError as e:\n  self.retry(exc=e)\nexcept Exception:\n  pass",
            id="sibling",
        ),
        pytest.param(
            "try:\n  order()\nexcept Exception as e:\n  self.retry(exc=e)", id="in the broad handler itself"
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept Retry:\n  raise\nexcept Exception:\n  pass", id="Retry passed on"
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept (Retry, Ignore):\n  raise\nexcept Exception:\n  pass",
            id="passed on with another",
        ),
        pytest.param("try:\n  self.retry()\nexcept Exception:\n  log.info('x')\n  raise", id="all passed on"),
        pytest.param("try:\n  self.retry()\nexcept Exception as e:\n  raise e", id="passed on by name"),
        pytest.param(
            "try:\n  self.retry()\nexcept Exception as e:\n  if isinstance(e, Retry):\n    raise\n  return 0",
            id="told apart",
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept Exception as e:\n  if not isinstance(e, Retry):\n"
            "    log.info('x')\n    return\n  raise",
            id="told apart the other way",
        ),
        pytest.param(
            "try:\n  self.retry()\nexcept MaxRetriesExceededError:\n  return 0", id="no more retries"
        ),
        pytest.param("try:\n  self.retry()\nexcept (OSError, Down):\n  return 0", id="other exceptions"),
        pytest.param("try:\n  self.retry(throw=False)\nexcept Exception:\n  return 0", id="not thrown"),
        pytest.param("try:\n  order()\nexcept Exception:\n  pass\nraise self.retry()", id="behind it"),
        pytest.param(
            "try:\n  order()\nexcept Exception:\n  pass\nelse:\n  raise self.retry()", id="in its else"
        ),
        pytest.param("try:\n  order()\nfinally:\n  self.retry()", id="in finally"),
        pytest.param("try:\n  self.retry()\nfinally:\n  log.info('x')", id="finally without return"),
        pytest.param(
            "failed = None\ntry:\n  self.retry()\nexcept Exception as e:\n  failed = e\n"
            "if failed:\n  raise failed",
            id="raised later",
        ),
        pytest.param("with contextlib.suppress(KeyError):\n  self.retry()", id="another is suppressed"),
        pytest.param("with contextlib.suppress(Exception):\n  order()\nself.retry()", id="behind suppress"),
        pytest.param("with transaction.atomic():\n  self.retry()", id="another context"),
        pytest.param("try:\n  order.retry()\nexcept Exception:\n  pass", id="another's retry"),
        pytest.param("try:\n  requests.get('x')\nexcept Exception:\n  pass", id="no retry"),
        pytest.param(
            "def inner():\n  self.retry()\ntry:\n  order.each(inner)\nexcept OSError:\n  pass", id="handed on"
        ),
        pytest.param("try:\n  self.apply_async((order,))\nexcept Exception:\n  pass", id="sent again"),
        pytest.param(
            """
            try:
              services.pay(order)
            except Exception as exc:
              try:
                raise self.retry(exc=exc)
              except MaxRetriesExceededError:
                return None
            """,
            id="a try in a handler for the last retry",
        ),
        pytest.param(
            "try:\n  self.retry(throw=order.loud)\nexcept Exception:\n  pass", id="throw is computed"
        ),
        pytest.param("try:\n  services.pay(order)\nexcept Exception:\n  log.info('x')", id="a call"),
        pytest.param(
            "with transaction.atomic():\n  try:\n    order()\n  except Exception as e:\n"
            "    raise self.retry(exc=e)",
            id="in a handler within a context",
        ),
    ],
)
def test_retries_that_get_through(body):
    assert problems("swallowed-retry", task(body)) == []


def test_a_retry_of_another_kind_is_left_alone():
    code = f"""{HEAD}
class WorkTask(Task):
    pass
class Work(WorkTask):
    name = "work"
    def retry(self, **options):
        return None
    def run(self, order):
        try:
            self.retry()
        except Exception:
            pass
"""
    assert problems("swallowed-retry", source({**FILES, "proj/tasks.py": code})) == []


def test_one_try_is_told_of_once():
    body = "try:\n  if order:\n    self.retry()\n  self.retry(countdown=3)\nexcept Exception:\n  pass"
    assert flagged("swallowed-retry", task(body)) == ["self.retry()"]


NETWORK = "autoretry_for=(requests.exceptions.RequestException,)"
TIMEOUT = "autoretry_for=(requests.exceptions.Timeout,)"
EVERY = "autoretry_for=(Exception,)"
PLAIN = {"parameters": "order"}


@pytest.mark.parametrize(
    ("options", "body", "line", "at_most"),
    [
        pytest.param(
            NETWORK,
            "try:\n  requests.get('x')\nexcept requests.RequestException:\n  log.info('x')",
            "except requests.RequestException:",
            None,
            id="by name",
        ),
        pytest.param(
            TIMEOUT,
            "try:\n  requests.get('x')\nexcept requests.exceptions.RequestException as e:\n  return str(e)",
            "except requests.exceptions.RequestException as e:",
            None,
            id="its base",
        ),
        pytest.param(
            TIMEOUT,
            "try:\n  requests.get('x')\nexcept OSError:\n  pass",
            "except OSError:",
            None,
            id="base of Python's",
        ),
        pytest.param(
            NETWORK,
            "try:\n  services.pay(order)\nexcept Exception:\n  pass",
            "except Exception:",
            None,
            id="broad, a helper",
        ),
        pytest.param(
            NETWORK,
            "order = Order.objects.get(pk=order)\ntry:\n  requests.get(order.url)\nexcept:\n  order.save()",
            "except:",
            None,
            id="a model beside it",
        ),
        pytest.param(
            EVERY,
            "try:\n  requests.get('x')\nexcept Exception:\n  pass",
            "except Exception:",
            None,
            id="everything",
        ),
        pytest.param(
            EVERY,
            "order = Order.objects.get(pk=order)\ntry:\n  requests.get('x')\nexcept Exception:\n  pass",
            "except Exception:",
            Severity.WARNING,
            id="everything, work beside it",
        ),
        pytest.param(
            EVERY,
            "try:\n  order.pay()\nexcept Exception:\n  log.exception('x')",
            "except Exception:",
            None,
            id="all there is",
        ),
        pytest.param(
            "autoretry_for=(smtplib.SMTPException,)",
            "try:\n  send_mail('a', 'b', 'c', [order])\nexcept smtplib.SMTPException:\n  pass",
            "except smtplib.SMTPException:",
            None,
            id="mail",
        ),
        pytest.param(
            "autoretry_for=(proj.errors.Refused,)",
            "try:\n  services.book(order)\nexcept Down:\n  pass",
            "except Down:",
            None,
            id="of the project",
        ),
        pytest.param(
            NETWORK + ", retry_backoff=True",
            "client = order.client()\ntry:\n  requests.get('x')\nexcept Exception:\n  pass",
            "except Exception:",
            Severity.WARNING,
            id="an unknown call beside it",
        ),
        pytest.param(
            "autoretry_for=(requests.exceptions.Timeout, httpx.ConnectError)",
            "try:\n  requests.get('x')\nexcept requests.Timeout:\n  pass\nhttpx.get('x')",
            "except requests.Timeout:",
            Severity.WARNING,
            id="one of two",
        ),
        pytest.param(
            NETWORK,
            "for url in order:\n  try:\n    requests.get(url)\n  except OSError:\n    log.info(url)",
            "except OSError:",
            Severity.WARNING,
            id="one of many",
        ),
        pytest.param(
            NETWORK,
            "try:\n  for url in order:\n    requests.get(url)\nexcept OSError:\n  log.info(order)",
            "except OSError:",
            None,
            id="around a loop",
        ),
    ],
)
def test_hidden_autoretry(options, body, line, at_most):
    code = task(body, options, **PLAIN)
    assert flagged("hidden-autoretry", code) == [line]
    assert [problem.at_most for problem in found("hidden-autoretry", code)] == [at_most]


@pytest.mark.parametrize(
    ("options", "body"),
    [
        pytest.param(NETWORK, "requests.get('x')", id="no try"),
        pytest.param("", "try:\n  requests.get('x')\nexcept Exception:\n  pass", id="no autoretry"),
        pytest.param(
            NETWORK + ", max_retries=0",
            "try:\n  requests.get('x')\nexcept Exception:\n  pass",
            id="no retries",
        ),
        pytest.param(NETWORK, "try:\n  requests.get('x')\nexcept Exception:\n  raise", id="passed on"),
        pytest.param(
            NETWORK,
            "try:\n  requests.get('x')\nexcept requests.RequestException as e:\n"
            "  if e.response:\n    return\n  raise",
            id="passed on under a condition",
        ),
        pytest.param(
            NETWORK, "try:\n  requests.get('x')\nexcept Exception as e:\n  raise Down() from e", id="turned"
        ),
        pytest.param(
            NETWORK, "try:\n  requests.get('x')\nexcept ValueError:\n  pass", id="another exception"
        ),
        pytest.param(
            NETWORK, "try:\n  requests.get('x')\nexcept requests.HTTPError:\n  pass", id="one kind of it"
        ),
        pytest.param(
            TIMEOUT, "try:\n  requests.get('x')\nexcept requests.ConnectionError:\n  pass", id="another kind"
        ),
        pytest.param(
            NETWORK,
            "requests.get('x')\ntry:\n  requests.delete('y')\nexcept Exception:\n  pass",
            id="another call",
        ),
        pytest.param(
            NETWORK, "try:\n  order.delete()\nexcept Exception:\n  pass\nrequests.get('x')", id="a cleanup"
        ),
        pytest.param(
            NETWORK,
            "while True:\n  try:\n    return requests.get('x')\n  except OSError:\n    continue",
            id="a loop of attempts",
        ),
        pytest.param(
            NETWORK,
            "for attempt in range(3):\n  try:\n    return requests.get('x')\n  except OSError:\n    pass",
            id="so many attempts",
        ),
        pytest.param(NETWORK, "try:\n  order.save()\nexcept Exception:\n  pass", id="no network"),
        pytest.param(
            NETWORK,
            "try:\n  services.note(order)\nexcept Exception:\n  pass\nservices.pay(order)",
            id="another helper",
        ),
        pytest.param(NETWORK, "services.safely(order)", id="a helper's own handler"),
        pytest.param(NETWORK, "services.safely(order)\nservices.pay(order)", id="a helper's, and a call"),
        pytest.param(
            NETWORK,
            "try:\n  requests.get('x')\nexcept Exception as e:\n  failed = e\nif order:\n  raise failed",
            id="raised later",
        ),
        pytest.param(
            NETWORK + ", bind=True",
            "try:\n  requests.get('x')\nexcept requests.HTTPError as e:\n  raise order.retry(exc=e)",
            id="retried by hand",
        ),
        pytest.param(
            NETWORK,
            "try:\n  requests.get('x')\nexcept Exception:\n  work.apply_async((order,), countdown=9)",
            id="sent again",
        ),
        pytest.param(
            NETWORK,
            "try:\n  requests.get('x')\nexcept requests.Timeout:\n  raise\n"
            "except requests.RequestException:\n  raise",
            id="all passed on",
        ),
        pytest.param(
            EVERY,
            "try:\n  order.note()\nexcept Exception:\n  pass\norder.pay()",
            id="everything, another call",
        ),
        pytest.param(
            EVERY,
            "try:\n  order.note()\nexcept Exception:\n  pass\nrequests.get('x')",
            id="everything, network outside",
        ),
        pytest.param(EVERY, "try:\n  order.pay()\nexcept KeyError:\n  pass", id="everything, one exception"),
        pytest.param(
            "autoretry_for=(httpx.ConnectError,)",
            "try:\n  requests.get('x')\nexcept Exception:\n  pass\nhttpx.get('y')",
            id="another library",
        ),
        pytest.param(
            "autoretry_for=(proj.errors.Down,)",
            "try:\n  services.note(order)\nexcept Exception:\n  pass\nservices.book(order)",
            id="of the project, elsewhere",
        ),
        pytest.param(
            "autoretry_for=(django.db.utils.OperationalError,)",
            "try:\n  requests.get('x')\nexcept Exception:\n  pass\norder.save()",
            id="of the database",
        ),
    ],
)
def test_what_autoretry_gets_to_see(options, body):
    assert problems("hidden-autoretry", task(body, options, **PLAIN)) == []


def test_inherited_options_prove_less():
    code = source(
        {
            **FILES,
            "proj/tasks.py": f"{HEAD}\n@shared_task\ndef work(order):\n"
            "    try:\n        requests.get('x')\n    except Exception:\n        pass\n",
        },
        inherited={"autoretry_for": [error("OSError")]},
    )
    assert [problem.at_most for problem in found("hidden-autoretry", code)] == [Severity.WARNING]
