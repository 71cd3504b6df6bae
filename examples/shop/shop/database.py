"""The shop's database: one SQLite file."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'placed',
    total_cents INTEGER NOT NULL,
    placed_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    receipt_sent_at TEXT,
    notice_sent_at TEXT
);
CREATE TABLE IF NOT EXISTS lines (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE IF NOT EXISTS reservations (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    sku TEXT NOT NULL,
    quantity INTEGER NOT NULL,
    PRIMARY KEY (order_id, sku)
);
CREATE TABLE IF NOT EXISTS stock (
    sku TEXT PRIMARY KEY,
    quantity INTEGER NOT NULL,
    threshold INTEGER NOT NULL DEFAULT 5,
    warned_at TEXT
);
CREATE TABLE IF NOT EXISTS carts (
    id INTEGER PRIMARY KEY,
    touched_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE TABLE IF NOT EXISTS subscribers (
    id INTEGER PRIMARY KEY,
    email TEXT NOT NULL,
    last_issue INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS totals (
    name TEXT PRIMARY KEY,
    amount INTEGER NOT NULL
);
"""


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """A connection whose work is committed as a whole, or not at all."""
    connection = sqlite3.connect(os.environ.get("SHOP_DATABASE", "shop.sqlite3"), timeout=10)
    connection.row_factory = sqlite3.Row
    try:
        connection.executescript(SCHEMA)
        with connection:
            yield connection
    finally:
        connection.close()
