"""Whether the routes that are there send a task to a queue."""

from __future__ import annotations

import pytest

from celerycheck.scaffold.making.routes import goes_to
from celerycheck.subjects import RouteInfo

REPORTS = RouteInfo("billing.reports.*", "glob", "reports")
ALL = RouteInfo("billing.*", "glob", "billing")
SHORT = RouteInfo(r"billing\..*_mail$", "regex", "mail")


EXACT = RouteInfo("billing.tasks.pay", "exact", "billing")


@pytest.mark.parametrize(
    ("routes", "task"),
    [
        ((ALL,), "billing.tasks.pay"),
        ((REPORTS, ALL), "billing.tasks.pay"),
        ((ALL, REPORTS), "billing.reports.build"),
        ((SHORT, ALL), "billing.tasks.send_mails"),
        ((RouteInfo("", "function"), ALL), "billing.tasks.pay"),
        ((RouteInfo("billing.tasks.other", "exact", "other"), ALL), "billing.tasks.pay"),
    ],
)
def test_the_first_pattern_that_matches_sends_it_there(routes, task):
    assert goes_to(routes, task, "billing")


@pytest.mark.parametrize(
    ("routes", "task"),
    [
        ((), "billing.tasks.pay"),
        ((REPORTS,), "billing.tasks.pay"),
        ((REPORTS, ALL), "billing.reports.build"),
        ((SHORT, ALL), "billing.tasks.send_mail"),
        ((RouteInfo("billing.*", "glob", None), ALL), "billing.tasks.pay"),
        ((RouteInfo("", "function"),), "billing.tasks.pay"),
        ((RouteInfo("billing.tasks.pay", "exact", "other"), ALL), "billing.tasks.pay"),
        ((ALL, RouteInfo("billing.tasks.pay", "exact", "other")), "billing.tasks.pay"),
        ((EXACT,), "billing.tasks.pay"),
    ],
)
def test_no_pattern_sends_it_there(routes, task):
    assert not goes_to(routes, task, "billing")
