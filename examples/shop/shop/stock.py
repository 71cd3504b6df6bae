"""Stock: what lies in the warehouse and what is promised to customers."""

import csv
import os
import time
from pathlib import Path

from celery.utils.log import get_task_logger

from shop import outbox
from shop.celery import app
from shop.database import transaction

logger = get_task_logger(__name__)


def warehouse() -> Path:
    """The directory that is shared with the warehouse's own system."""
    return Path(os.environ.get("SHOP_WAREHOUSE", "warehouse"))


def read_levels(path: Path) -> list[tuple[str, int]]:
    """Stock keeping units and their quantities, from a CSV file with the columns sku and quantity."""
    with path.open(newline="", encoding="utf-8") as file:
        return [(row["sku"], int(row["quantity"])) for row in csv.DictReader(file)]


def store_levels(levels: list[tuple[str, int]]) -> None:
    """Replace the known quantities by the given ones."""
    with transaction() as db:
        db.executemany(
            "INSERT INTO stock (sku, quantity) VALUES (?, ?)"
            " ON CONFLICT (sku) DO UPDATE SET quantity = excluded.quantity",
            levels,
        )


@app.task
def reserve_stock(self, order_id: int) -> None:
    """Set aside what an order needs."""
    logger.info("reserving stock for order %s in %s", order_id, self.request.id)
    with transaction() as db:
        db.execute(
            "INSERT OR IGNORE INTO reservations (order_id, sku, quantity)"
            " SELECT order_id, sku, quantity FROM lines WHERE order_id = ?",
            (order_id,),
        )


@app.task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def sync_stock_levels() -> int:
    """Take over the quantities that the warehouse exports every few minutes."""
    levels = read_levels(warehouse() / "levels.csv")
    store_levels(levels)
    logger.info("%d stock levels taken over", len(levels))
    return len(levels)


@app.task(autoretry_for=(Exception,), max_retries=10)
def order_supplies(sku: str, quantity: int) -> None:
    """Leave an order for the warehouse's purchasing system."""
    lock = warehouse() / "purchasing.lock"
    while lock.exists():
        time.sleep(5)
    (warehouse() / f"order-{sku}.txt").write_text(f"{sku};{quantity}\n", encoding="utf-8")


@app.task(soft_time_limit=600)
def import_supplier_feed(supplier: str) -> int:
    """Take over a supplier's whole catalogue, which can be large."""
    levels = read_levels(warehouse() / "suppliers" / f"{supplier}.csv")
    store_levels(levels)
    return len(levels)


@app.task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def warn_low_stock(sku: str) -> bool:
    """Write to purchasing, once, when an article runs low; tell whether that was needed."""
    with transaction() as db:
        row = db.execute(
            "SELECT quantity, threshold FROM stock"
            " WHERE sku = ? AND quantity < threshold AND warned_at IS NULL",
            (sku,),
        ).fetchone()
        if row is None:
            return False
        outbox.post(
            to="purchasing@shop.example",
            subject=f"{sku} runs low",
            text=f"{row['quantity']} left, the threshold is {row['threshold']}.",
        )
        db.execute("UPDATE stock SET warned_at = CURRENT_TIMESTAMP WHERE sku = ?", (sku,))
    return True


@app.task(name="shop.refresh_totals")
def refresh_totals() -> None:
    """Recompute the number of articles that the dashboard shows."""
    with transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO totals (name, amount)"
            " SELECT 'articles', COALESCE(SUM(quantity), 0) FROM stock"
        )
