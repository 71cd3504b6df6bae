"""The payment provider's interface."""

import requests

BASE = "https://payments.example/v2"


class GatewayDown(Exception):
    """The provider does not answer, or says that it cannot now."""


def charge(booking_id: int, cents: int) -> str:
    """Take the money for a booking, and say under which reference."""
    body = {"booking": booking_id, "cents": cents}
    answer = requests.post(f"{BASE}/charges", json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()["reference"]


def charge_once(booking_id: int, cents: int) -> str:
    """Take the money for a booking, however often this is called."""
    body = {"booking": booking_id, "cents": cents}
    headers = {"Idempotency-Key": f"booking-{booking_id}"}
    answer = requests.post(f"{BASE}/charges", json=body, headers=headers, timeout=10)
    answer.raise_for_status()
    return answer.json()["reference"]


def give_back(reference: str) -> None:
    """Give the money of a charge back; a second time changes nothing."""
    answer = requests.put(f"{BASE}/refunds/{reference}", timeout=10)
    if answer.status_code >= 500:
        raise GatewayDown(answer.text)
    answer.raise_for_status()


def state_of(reference: str) -> str:
    """What the provider says of a charge."""
    answer = requests.get(f"{BASE}/charges/{reference}", timeout=10)
    answer.raise_for_status()
    return answer.json()["state"]
