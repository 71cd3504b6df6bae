"""What the reports in these tests speak of; it is read, never run."""

import requests
from celery import chain, shared_task
from django.db import transaction

from shop import services


@shared_task
def send_receipt(order_id):
    with transaction.atomic():
        order = services.order(order_id)
        render.delay(order.pk)  # the row may not be there yet
    services.deliver(order)


@shared_task(bind=True, autoretry_for=(requests.RequestException,))
def render(self, order_id):
    pdf = fetch.delay(order_id).get(timeout=30)
    try:
        requests.post("https://print.example.org/jobs", data=pdf, headers={"Authorization": "Bearer 9f31c0ffee"})
    except Exception:
        return None


@shared_task
def fetch(order_id):
    for line in services.lines(order_id):
        audit.delay(line.pk, "fetched", user="system", remark="the order was fetched for rendering its receipt", retry=True)


@shared_task
def audit(line_id, what, **more):
    return chain(
        fetch.s(line_id),
        render.s(),
        store.si(
            what,
            more,
        ),
        send_receipt.s(),
    ).apply_async()


@shared_task
def store(what, more):
	return requests.get("https://shop.example.org/größe/日本語", params={"was": "größe"})
