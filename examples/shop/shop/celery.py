"""The shop's Celery app."""

from celery import Celery
from celery.signals import task_failure

from shop import outbox

app = Celery("shop", include=["shop.mails", "shop.orders", "shop.reports", "shop.stock"])
app.config_from_object("shop.celeryconfig")


@task_failure.connect
def report_failure(sender=None, task_id=None, exception=None, **kwargs):
    """Tell the people on call that a task has failed for good."""
    outbox.post(
        to="oncall@shop.example",
        subject=f"{sender.name} failed",
        text=f"Task {task_id} ended with {exception!r}.",
    )
