"""How tasks log: a table of modules and what is said of the app."""

from __future__ import annotations

import pytest

from celerycheck.testing import found, problems, source

HEAD = """
import logging
from celery import shared_task
from celery.utils.log import get_task_logger
from proj import log
logger = {logger}

@shared_task
def pay(order):
    {does}

@shared_task
def ship(order):
    order.ship()
"""
LOG = "import logging, structlog\nplain = logging.getLogger('proj')\nrich = structlog.get_logger()\n"


def project(does, logger="None"):
    return source({"proj/tasks.py": HEAD.format(does=does, logger=logger), "proj/log.py": LOG})


@pytest.mark.parametrize(
    ("does", "logger"),
    [
        ('logger.info("paid")', "logging.getLogger(__name__)"),
        ('logger.exception("unpaid")', 'logging.getLogger("proj")'),
        ('logging.getLogger(__name__).warning("unpaid")', "None"),
        ('logging.info("paid")', "None"),
        ('log.plain.error("unpaid")', "None"),
    ],
)
def test_plain_logger(does, logger):
    assert problems("plain-logger", project(does, logger)) == [
        "1 of 2 tasks log through logging.getLogger (calls: 1): proj.tasks.pay"
    ]


@pytest.mark.parametrize(
    ("does", "logger"),
    [
        ('logger.info("paid")', "get_task_logger(__name__)"),
        ('log.rich.info("paid")', "None"),
        ("pass", "logging.getLogger(__name__)"),
        ("logger.setLevel(10)", "logging.getLogger(__name__)"),
        ("logger.isEnabledFor(10)", "logging.getLogger(__name__)"),
        ("logging.captureWarnings(True)", "None"),
        ("order.info(1)", "None"),
        ("order.logger.info(1)", "None"),
        ("order.error(logger)", "logging.getLogger(__name__)"),
        ("print(1)", "logging.getLogger(__name__)"),
        ("def note(): logger.info(1)", "logging.getLogger(__name__)"),
        ("logger.info(1)", "order"),
    ],
)
def test_what_is_no_plain_logger(does, logger):
    assert problems("plain-logger", project(does, logger)) == []


def test_it_is_said_once_and_counts():
    code = project('logger.info("a"); logger.info("b")', "logging.getLogger(__name__)")
    (problem,) = found("plain-logger", code)
    assert "(calls: 2)" in problem.message
    assert problem.about is code.app
