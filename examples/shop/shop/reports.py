"""Reports for accounting and management, as CSV files."""

import csv
import os
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

from celery.utils.log import get_task_logger

from shop import outbox
from shop.celery import app
from shop.database import transaction

logger = get_task_logger(__name__)


def write_report(name: str, header: list[str], rows: Iterable[Iterable[object]]) -> str:
    """Write a report, replacing an older one of that name, and return its path."""
    directory = Path(os.environ.get("SHOP_REPORTS", "reports"))
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return str(path)


def turnover_by_day(first: str, last: str) -> list[tuple[str, int, int]]:
    """Day, number of orders and turnover in cents, for each day from `first` to `last` (ISO dates)."""
    with transaction() as db:
        rows = db.execute(
            "SELECT date(placed_at), COUNT(*), SUM(total_cents) FROM orders"
            " WHERE state = 'confirmed' AND date(placed_at) BETWEEN ? AND ?"
            " GROUP BY date(placed_at) ORDER BY 1",
            (first, last),
        ).fetchall()
    return [tuple(row) for row in rows]


@app.task(autoretry_for=(OSError,), retry_backoff=True)
def build_daily_report(day: str | None = None) -> str:
    """Write the turnover of one day (an ISO date; yesterday, if none is given)."""
    day = day or (date.today() - timedelta(days=1)).isoformat()
    path = write_report(f"daily-{day}", ["day", "orders", "cents"], turnover_by_day(day, day))
    logger.info("wrote %s", path)
    return path


@app.task
def send_morning_summary() -> None:
    """Mail yesterday's turnover to the management."""
    yesterday = (date.today() - timedelta(days=1)).isoformat()
    days = turnover_by_day(yesterday, yesterday)
    orders, cents = days[0][1:] if days else (0, 0)
    outbox.post(
        to="management@shop.example",
        subject=f"Turnover of {yesterday}",
        text=f"{orders} orders, {cents / 100:.2f} EUR.",
    )


@app.task(autoretry_for=(OSError,), retry_backoff=True)
def collect_week(year: int, week: int) -> list[tuple[str, int, int]]:
    """The turnover of an ISO week, day by day."""
    first = date.fromisocalendar(year, week, 1)
    return turnover_by_day(first.isoformat(), (first + timedelta(days=6)).isoformat())


@app.task(autoretry_for=(OSError,), retry_backoff=True)
def build_weekly_report(year: int, week: int) -> str:
    """Write the turnover of an ISO week."""
    days = collect_week.delay(year, week).get(timeout=60)
    return write_report(f"weekly-{year}-{week:02}", ["day", "orders", "cents"], days)


@app.task(acks_late=True, time_limit=7200, soft_time_limit=7000)
def build_yearly_report(year: int) -> str:
    """Write the turnover of a whole year, for the accountants."""
    return write_report(
        f"yearly-{year}", ["day", "orders", "cents"], turnover_by_day(f"{year}-01-01", f"{year}-12-31")
    )


@app.task(task_time_limit=60)
def export_orders(state: str) -> str:
    """Write all orders that are in a given state."""
    with transaction() as db:
        rows = db.execute(
            "SELECT id, email, total_cents, placed_at FROM orders WHERE state = ? ORDER BY id", (state,)
        ).fetchall()
    return write_report(f"orders-{state}", ["id", "email", "cents", "placed"], map(tuple, rows))
