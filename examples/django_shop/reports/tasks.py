"""Reports and exports."""

import csv
import json
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

from celery import shared_task
from celery.utils.log import get_task_logger
from django.conf import settings
from django.db import OperationalError, transaction
from django.db.models import Count, Sum
from django.utils import timezone

from config.celery import app
from orders.models import Customer, Order
from reports.models import Export, Statistic

logger = get_task_logger(__name__)


def store_export(name: str, header: list[str], rows: Iterable[Iterable[object]], delimiter: str) -> str:
    """Write a file for download, replacing an older one of that name, and return its path."""
    settings.EXPORT_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.EXPORT_DIR / name
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    Export.objects.update_or_create(path=str(path))
    return str(path)


@shared_task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def build_sales_report(days: int, file_format: str) -> str:
    """Write the sales of the last days, as `csv` or as `tsv`."""
    first = timezone.localdate() - timedelta(days=days)
    rows = (
        Order.objects.filter(state=Order.State.CONFIRMED, placed_at__date__gte=first)
        .values_list("placed_at__date")
        .annotate(orders=Count("pk"), cents=Sum("total_cents"))
        .order_by("placed_at__date")
    )
    delimiter = "\t" if file_format == "tsv" else ","
    return store_export(f"sales-{first}.{file_format}", ["day", "orders", "cents"], rows, delimiter)


@shared_task(acks_late=True, reject_on_worker_lost=True)
def rebuild_statistics() -> None:
    """Recompute every number on the dashboard."""
    numbers = {
        "customers": Customer.objects.count(),
        "orders": Order.objects.count(),
        "turnover": Order.objects.filter(state=Order.State.CONFIRMED).aggregate(cents=Sum("total_cents"))[
            "cents"
        ]
        or 0,
    }
    with transaction.atomic():
        for name, amount in numbers.items():
            Statistic.objects.update_or_create(name=name, defaults={"amount": amount})


@shared_task(bind=True)
def purge_exports() -> int:
    """Delete the exports that are older than a week, and their files."""
    old = Export.objects.filter(created_at__lt=timezone.now() - timedelta(days=7))
    for export in old:
        Path(export.path).unlink(missing_ok=True)
    deleted, _ = old.delete()
    return deleted


@app.task(autoretry_for=(OperationalError, OSError), retry_backoff=True, max_retries=5)
def export_customer_data(customer_id: int) -> str:
    """Write everything the shop knows about a customer, for the customer."""
    customer = Customer.objects.prefetch_related("orders__lines").get(pk=customer_id)
    settings.EXPORT_DIR.mkdir(parents=True, exist_ok=True)
    path = settings.EXPORT_DIR / f"customer-{customer_id}.json"
    orders = [
        {"id": order.pk, "state": order.state, "lines": [str(line) for line in order.lines.all()]}
        for order in customer.orders.all()
    ]
    path.write_text(json.dumps({"email": customer.email, "orders": orders}, indent=2), encoding="utf-8")
    Export.objects.update_or_create(path=str(path))
    logger.info("exported the data of customer %s", customer_id)
    return str(path)
