"""Mails to customers."""

from datetime import timedelta

from celery import shared_task
from celery.utils.log import get_task_logger
from django.core.mail import send_mail
from django.db import OperationalError
from django.utils import timezone

from mails.models import Mail
from orders.models import Customer, Order

logger = get_task_logger(__name__)


@shared_task
def send_order_confirmation(order: Order) -> None:
    """Queue the mail that confirms an order."""
    Mail.objects.get_or_create(
        recipient=order.customer.email,
        subject=f"Your order {order.pk}",
        defaults={"text": f"Thank you! The total is {order.total_cents / 100:.2f} EUR."},
    )


@shared_task(retry_backoff=True, max_retries=5)
def send_shipping_notice(order_id: int, tracking_code: str) -> None:
    """Queue the mail that tells a customer how to follow the parcel."""
    order = Order.objects.select_related("customer").get(pk=order_id)
    Mail.objects.get_or_create(
        recipient=order.customer.email,
        subject=f"Your order {order.pk} has been shipped",
        defaults={"text": f"Follow your parcel with the code {tracking_code}."},
    )


@shared_task
def deliver_pending_mails() -> int:
    """Deliver every mail that waits."""
    delivered = 0
    for mail in Mail.objects.filter(delivered_at=None):
        send_mail(mail.subject, mail.text, None, [mail.recipient])
        mail.delivered_at = timezone.now()
        mail.save(update_fields=["delivered_at"])
        delivered += 1
    return delivered


@shared_task
def send_newsletter(subject: str, text: str) -> int:
    """Send a newsletter to everybody who wants it."""
    recipients = Customer.objects.filter(wants_newsletter=True).values_list("email", flat=True)
    for recipient in recipients:
        send_mail(subject, text, None, [recipient])
    return len(recipients)


@shared_task(autoretry_for=(OperationalError,), retry_backoff=True, max_retries=5)
def purge_delivered_mails(days: int = 90) -> int:
    """Delete the mails that were delivered some days ago."""
    limit = timezone.now() - timedelta(days=days)
    deleted, _ = Mail.objects.filter(delivered_at__lt=limit).delete()
    logger.info("%d delivered mails deleted", deleted)
    return deleted
