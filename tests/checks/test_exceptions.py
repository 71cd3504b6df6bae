"""Handlers that hide what went wrong: tables of bodies."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import found, problems, source

HEAD = """
import contextlib, logging, traceback
import sentry_sdk
from celery import shared_task
from celery.utils.log import get_task_logger
from proj import services
logger = get_task_logger(__name__)
"""
SERVICES = "def fail(order): raise RuntimeError\n"


def project(does, options="bind=True"):
    work = f"@shared_task({options})\ndef work(self, order, items=()):\n" + textwrap.indent(does, "    ")
    return source({"proj/tasks.py": f"{HEAD}\n{work}\n", "proj/services.py": SERVICES})


def guarded(handler, work="order.pay()\norder.ship()"):
    return f"try:\n{textwrap.indent(work, '    ')}\n{handler}"


HIDES = {
    "pass": guarded("except Exception:\n    pass"),
    "a bare except": guarded("except:\n    pass"),
    "everything": guarded("except BaseException:\n    pass"),
    "among others": guarded("except (ValueError, Exception):\n    pass"),
    "return": guarded("except Exception:\n    return"),
    "return None": guarded("except Exception as error:\n    return None"),
    "return False": guarded("except Exception:\n    return False"),
    "behind a narrow one": guarded("except ValueError:\n    raise\nexcept Exception:\n    pass"),
    "the last half": "order = order.get()\n" + guarded("except Exception:\n    pass"),
    "suppressed": "with contextlib.suppress(Exception):\n    order.pay()\n    order.ship()",
    "one call": guarded("except Exception:\n    pass", "order.pay()"),
    "a pause": guarded("except Exception:\n    import time\n    time.sleep(0.1)"),
}


@pytest.mark.parametrize("does", HIDES.values(), ids=HIDES)
def test_what_hides_everything(does):
    (problem,) = found("swallowed-exception", project(does))
    assert "nothing is logged, and the task counts as a success" in problem.message
    assert problem.at_most is None


LOSES = {
    "a line without traceback": guarded("except Exception as e:\n    logger.error(f'failed: {e}')"),
    "a warning": guarded("except Exception as e:\n    logger.warning('failed', exc_info=False)"),
    "a print": guarded("except Exception as e:\n    print(e)"),
    "a logger of its own": guarded("except Exception as e:\n    self.log.error('failed: %s', e)"),
}


@pytest.mark.parametrize("does", LOSES.values(), ids=LOSES)
def test_what_loses_the_traceback_of_the_whole_work(does):
    (problem,) = found("swallowed-exception", project(does))
    assert "logs a line without the traceback" in problem.message
    assert problem.at_most is None


HINTS = {
    "each item": "for item in items:\n" + textwrap.indent(guarded("except Exception:\n    continue"), "    "),
    "each item, noted": "for item in items:\n"
    + textwrap.indent(guarded("except Exception as e:\n    logger.error(e)"), "    "),
}


@pytest.mark.parametrize("does", HINTS.values(), ids=HINTS)
def test_what_is_a_hint_only(does):
    (problem,) = found("swallowed-exception", project(does))
    assert problem.at_most is Severity.INFO


TELLS = {
    "raised again": guarded("except Exception:\n    raise"),
    "raised as another": guarded("except Exception as e:\n    raise RuntimeError from e"),
    "raised where it matters": guarded("except Exception:\n    if order:\n        raise"),
    "retried": guarded("except Exception as e:\n    raise self.retry(exc=e)"),
    "retried without raise": guarded("except Exception as e:\n    self.retry(exc=e)"),
    "retried for a while": guarded(
        "except Exception as e:\n    if self.request.retries < 3:\n        self.retry(exc=e)"
    ),
    "raised by a helper": guarded("except Exception:\n    services.fail(order)"),
    "with its traceback": guarded("except Exception:\n    logger.exception('failed')"),
    "with exc_info": guarded("except Exception:\n    logger.error('failed', exc_info=True)"),
    "with exc_info of its own": guarded("except Exception as e:\n    logger.warning('failed', exc_info=e)"),
    "by logging": guarded("except Exception:\n    logging.exception('failed')"),
    "as text": guarded("except Exception:\n    logger.error(traceback.format_exc())"),
    "printed whole": guarded("except Exception:\n    traceback.print_exc()"),
    "to a tracker": guarded("except Exception as e:\n    sentry_sdk.capture_exception(e)"),
    "to a row": guarded("except Exception:\n    order.status = 'failed'\n    order.save()"),
    "to a row, by a method": guarded("except Exception as e:\n    order.mark_failed(e)"),
    "to the state": guarded("except Exception as e:\n    self.update_state(state='FAILURE')"),
    "as the result": guarded("except Exception as e:\n    return {'status': 'error', 'error': str(e)}"),
    "as a word": guarded("except Exception:\n    return 'failed'"),
    "to a list": guarded("except Exception as e:\n    items.append(e)"),
    "as a count": "failed = 0\n" + guarded("except Exception:\n    failed += 1"),
    "with another value": guarded("except Exception:\n    order = None"),
    "to somebody": guarded("except Exception as e:\n    services.tell(e)"),
    "kept for later": "kept = None\n"
    + guarded("except Exception as e:\n    pass")
    + "\nif kept:\n    raise kept",
    "by something else instead": guarded("except Exception:\n    order.pay_otherwise()"),
    "narrow": guarded("except ValueError:\n    pass"),
    "narrow, several": guarded("except (KeyError, OSError):\n    pass"),
    "narrow, of a model": guarded("except order.DoesNotExist:\n    pass"),
    "suppressed, narrow": "with contextlib.suppress(FileNotFoundError):\n    order.unlink()",
    "one step of many": "order.load()\norder.check()\norder.pay()\norder.ship()\n"
    + guarded("except Exception:\n    pass", "order.notify()"),
    "one step of each item": "for item in items:\n    item.load()\n    item.check()\n    item.pay()\n"
    + textwrap.indent(guarded("except Exception:\n    pass", "item.notify()"), "    "),
    "in the handler of another": guarded(
        "except ValueError:\n    try:\n        order.undo()\n    except Exception:\n        pass\n    raise"
    ),
    "nothing can go wrong": guarded("except Exception:\n    pass", "total = 1") + "\norder.pay()",
    "an import": "try:\n    import ujson\nexcept Exception:\n    ujson = None\norder.pay()",
    "finally": guarded("finally:\n    order.close()"),
    "of a function inside": "def later():\n"
    + textwrap.indent(guarded("except Exception:\n    pass"), "    ")
    + "\norder.call(later)",
}


@pytest.mark.parametrize("does", TELLS.values(), ids=TELLS)
def test_what_hides_nothing(does):
    assert problems("swallowed-exception", project(does)) == []


def test_the_place_is_the_line_of_the_handler():
    (problem,) = found("swallowed-exception", project(guarded("except Exception:\n    pass")))
    place = problem.location
    assert place is not None
    assert (place.column, place.end_column, place.end_line) == (5, 21, place.line)
    (problem,) = found("swallowed-exception", project(guarded("except:\n    pass")))
    assert problem.location is not None
    assert (problem.location.column, problem.location.end_column) == (5, 11)
