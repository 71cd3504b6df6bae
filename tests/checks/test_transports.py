"""Which kind of broker an app has, and whether anybody chose it."""

from __future__ import annotations

import pytest
from kombu.transport import resolve_transport

from celerycheck.checks._transports import REDIS, is_configured
from celerycheck.testing import settings


def test_the_redis_family_is_what_celery_takes_for_redis():
    assert {resolve_transport(name).driver_type for name in REDIS} == {"redis"}


@pytest.mark.parametrize(
    ("values", "configured"),
    [
        ({"broker_url": "redis://"}, True),
        ({"broker_read_url": "amqp://a"}, True),
        ({"broker_host": "rabbit"}, True),
        ({"broker_url": ""}, False),
        ({"broker_pool_limit": 5}, False),
        ({}, False),
    ],
)
def test_whether_somebody_chose_a_broker(values, configured):
    assert is_configured(settings(values)) is configured
