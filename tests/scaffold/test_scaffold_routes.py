"""Which queue the routes with patterns send a task to."""

from __future__ import annotations

import pytest

from celerycheck.scaffold.routes import routed
from celerycheck.subjects import RouteInfo

REPORTS = RouteInfo("billing.reports.*", "glob", "reports")
ALL = RouteInfo("billing.*", "glob", "billing")
SHORT = RouteInfo(r"billing\..*_mail$", "regex", "mail")


@pytest.mark.parametrize(
    ("routes", "task", "queue"),
    [
        ((), "billing.tasks.pay", None),
        ((REPORTS,), "billing.tasks.pay", None),
        ((REPORTS, ALL), "billing.reports.build", "reports"),
        ((ALL, REPORTS), "billing.reports.build", "billing"),
        ((SHORT, ALL), "billing.tasks.send_mail", "mail"),
        ((SHORT, ALL), "billing.tasks.send_mails", "billing"),
        ((RouteInfo("billing.tasks.pay", "exact", "other"), ALL), "billing.tasks.pay", "billing"),
        ((RouteInfo("", "function"), ALL), "billing.tasks.pay", "billing"),
        ((RouteInfo("billing.*", "glob", None), REPORTS), "billing.reports.build", None),
    ],
)
def test_the_first_pattern_that_matches_counts(routes, task, queue):
    assert routed(routes, task) == queue
