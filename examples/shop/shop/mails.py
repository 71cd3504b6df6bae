"""Mails to customers and subscribers."""

from celery import Task
from celery.utils.log import get_task_logger

from shop import outbox
from shop.celery import app
from shop.database import transaction

logger = get_task_logger(__name__)


class MailTask(Task):
    """A task that sends one mail and tries again for a while when the outbox is not writable."""

    autoretry_for = (OSError,)
    retry_backoff = 5
    retry_backoff_max = 600
    max_retries = 8


@app.task(base=MailTask)
def send_receipt(order_id: int) -> None:
    """Send the receipt of a paid order, once."""
    with transaction() as db:
        order = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if order is None or order["receipt_sent_at"]:
            logger.info("order %s needs no receipt", order_id)
            return
        outbox.post(
            to=order["email"],
            subject=f"Your receipt for order {order_id}",
            text=f"Thank you! We received {order['total_cents'] / 100:.2f} EUR.",
        )
        db.execute("UPDATE orders SET receipt_sent_at = CURRENT_TIMESTAMP WHERE id = ?", (order_id,))


@app.task(base=MailTask)
def send_shipping_notice(order_id: int, tracking_code: str) -> None:
    """Tell the customer, once, that the parcel is on its way."""
    with transaction() as db:
        order = db.execute("SELECT * FROM orders WHERE id = ?", (order_id,)).fetchone()
        if order is None or order["notice_sent_at"]:
            logger.info("order %s needs no shipping notice", order_id)
            return
        outbox.post(
            to=order["email"],
            subject=f"Order {order_id} has been shipped",
            text=f"Follow your parcel with the code {tracking_code}.",
        )
        db.execute("UPDATE orders SET notice_sent_at = CURRENT_TIMESTAMP WHERE id = ?", (order_id,))


@app.task(base=MailTask, rate_limit="30/m")
def send_newsletter(subscriber_id: int, issue: int) -> None:
    """Send one issue of the newsletter to one subscriber."""
    with transaction() as db:
        subscriber = db.execute("SELECT * FROM subscribers WHERE id = ?", (subscriber_id,)).fetchone()
        if subscriber is None or subscriber["last_issue"] >= issue:
            return
        outbox.post(
            to=subscriber["email"],
            subject=f"Shop news, issue {issue}",
            text="What is new this month: see the shop.",
        )
        db.execute("UPDATE subscribers SET last_issue = ? WHERE id = ?", (issue, subscriber_id))


def queue_newsletter(issue: int) -> int:
    """Queue an issue for everybody who has not received it yet, and say for how many that was."""
    with transaction() as db:
        rows = db.execute("SELECT id FROM subscribers WHERE last_issue < ?", (issue,)).fetchall()
    for row in rows:
        send_newsletter.delay(row["id"], issue)
    return len(rows)
