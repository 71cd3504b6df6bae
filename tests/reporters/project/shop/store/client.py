"""What the reports in these tests speak of; it is read, never run."""

from requests import Session

session = Session()


def post(order):
    return session.post("https://mailer:hunter2@mail.example.org/send", json={"order": order.pk, "to": order.email})
