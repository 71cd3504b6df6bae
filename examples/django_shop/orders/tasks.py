"""Background work on orders."""

from collections.abc import Iterator
from datetime import timedelta

from billiard.exceptions import WorkerLostError
from celery import shared_task
from celery.utils.log import get_task_logger
from django.core.mail import send_mail
from django.db import OperationalError
from django.db.models import F, Sum
from django.utils import timezone

from orders.models import Order

logger = get_task_logger(__name__)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
def confirm_order(order_id: int) -> bool:
    """Confirm an order that has been placed; tell whether that changed anything."""
    changed = Order.objects.filter(pk=order_id, state=Order.State.PLACED).update(state=Order.State.CONFIRMED)
    logger.info("order %s %s", order_id, "confirmed" if changed else "left alone")
    return bool(changed)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
def cancel_unpaid_orders(days: int = 2) -> int:
    """Cancel the orders that nobody has confirmed within some days."""
    limit = timezone.now() - timedelta(days=days)
    return Order.objects.filter(state=Order.State.PLACED, placed_at__lt=limit).update(
        state=Order.State.CANCELLED
    )


@shared_task(autoretry_for=(WorkerLostError,), retry_backoff=True, max_retries=3)
def recompute_total(order_id: int) -> int:
    """Recompute the total of an order from its lines."""
    order = Order.objects.get(pk=order_id)
    total = order.lines.aggregate(total=Sum(F("quantity") * F("price_cents")))["total"] or 0
    Order.objects.filter(pk=order_id).update(total_cents=total)
    return total


@shared_task(retry=3)
def request_pickup(order_id: int) -> None:
    """Ask the courier, once, to pick an order up."""
    order = Order.objects.get(pk=order_id)
    if order.pickup_requested_at:
        return
    send_mail(f"Pickup for {order}", "Please come by tomorrow.", None, ["pickup@courier.example"])
    order.pickup_requested_at = timezone.now()
    order.save(update_fields=["pickup_requested_at"])


@shared_task
def archive_orders(days: int = 365) -> Iterator[int]:
    """Archive old orders in batches, reporting the size of each."""
    limit = timezone.now() - timedelta(days=days)
    old = Order.objects.filter(placed_at__lt=limit).exclude(state=Order.State.ARCHIVED)
    while batch := list(old.values_list("pk", flat=True)[:500]):
        yield Order.objects.filter(pk__in=batch).update(state=Order.State.ARCHIVED)
