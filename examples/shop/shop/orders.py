"""Orders, from the cart to the courier."""

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from celery import chain
from celery.utils.log import get_task_logger

from shop import outbox
from shop.celery import app
from shop.database import transaction
from shop.mails import send_receipt
from shop.stock import reserve_stock

logger = get_task_logger(__name__)


@dataclass(frozen=True)
class Parcel:
    """What the courier has to know about a parcel."""

    order_id: int
    recipient: str
    weight_grams: int


def place_order(email: str, quantities: Mapping[str, int], prices: Mapping[str, int]) -> int:
    """Store an order, set its processing going, and return its number. Prices are in cents."""
    total = sum(prices[sku] * quantity for sku, quantity in quantities.items())
    with transaction() as db:
        order_id = db.execute(
            "INSERT INTO orders (email, total_cents) VALUES (?, ?)", (email, total)
        ).lastrowid
        db.executemany(
            "INSERT INTO lines (order_id, sku, quantity) VALUES (?, ?, ?)",
            [(order_id, sku, quantity) for sku, quantity in quantities.items()],
        )
    chain(reserve_stock.si(order_id), confirm_order.si(order_id), send_receipt.si(order_id)).delay()
    return order_id


def hand_over(order_id: int, weight_grams: int) -> None:
    """Announce a packed order to the courier."""
    with transaction() as db:
        order = db.execute("SELECT email FROM orders WHERE id = ?", (order_id,)).fetchone()
    notify_courier.delay(Parcel(order_id, order["email"], weight_grams))


@app.task(autoretry_for=(sqlite3.OperationalError,), retry_backoff=True, retry_limit=5)
def confirm_order(order_id: int) -> None:
    """Mark an order as confirmed when its stock is reserved."""
    with transaction() as db:
        db.execute(
            "UPDATE orders SET state = 'confirmed' WHERE id = ? AND state = 'placed'"
            " AND EXISTS (SELECT 1 FROM reservations WHERE order_id = orders.id)",
            (order_id,),
        )


@app.task
async def notify_courier(parcel) -> None:
    """Ask the courier to pick a parcel up."""
    await asyncio.to_thread(
        outbox.post,
        to="pickup@courier.example",
        subject=f"Parcel for order {parcel.order_id}",
        text=f"{parcel.recipient}, {parcel.weight_grams} g",
    )


@app.task(autoretry_for=(sqlite3.OperationalError,), retry_backoff=True)
def cancel_unpaid_orders() -> int:
    """Cancel orders that nobody has paid for within two days, and release their stock."""
    with transaction() as db:
        cancelled = db.execute(
            "UPDATE orders SET state = 'cancelled'"
            " WHERE state = 'placed' AND placed_at < datetime('now', '-2 days')"
        ).rowcount
        db.execute(
            "DELETE FROM reservations WHERE order_id IN (SELECT id FROM orders WHERE state = 'cancelled')"
        )
    logger.info("%d unpaid orders cancelled", cancelled)
    return cancelled


@app.task(autoretry_for=(sqlite3.OperationalError,), retry_backoff=True)
def expire_carts(days: int = 30) -> int:
    """Delete the carts that nobody has touched for some days."""
    with transaction() as db:
        deleted = db.execute(
            "DELETE FROM carts WHERE touched_at < datetime('now', ?)", (f"-{days} days",)
        ).rowcount
    logger.info("%d carts deleted", deleted)
    return deleted


@app.task(name="shop.refresh_totals")
def refresh_totals() -> None:
    """Recompute the turnover that the dashboard shows."""
    with transaction() as db:
        db.execute(
            "INSERT OR REPLACE INTO totals (name, amount)"
            " SELECT 'turnover', COALESCE(SUM(total_cents), 0) FROM orders WHERE state = 'confirmed'"
        )
