"""Celery's settings for the shop."""

import os
from datetime import timedelta

from celery.schedules import crontab

# Broker and results

broker_url = os.environ.get("SHOP_BROKER_URL", "redis://localhost:6379/0")
broker_connection_retry_on_startup = True
result_backend = os.environ.get("SHOP_RESULT_BACKEND", "redis://localhost:6379/1")
result_expire = timedelta(hours=6)

# Messages

task_serializer = "json"
result_serializer = "json"
accept_content = ["json", "pickle"]

# Tasks

task_time_limit = 300
task_soft_time_limit = 270
task_ignore_result = os.environ.get("SHOP_IGNORE_RESULTS", "false")

# Workers

worker_prefetch_multiplier = 1
worker_max_memory_per_child = 200
worker_send_task_events = True

# Queues

task_default_queue = "default"
task_routes = {
    "shop.mails.*": {"queue": "mails"},
    "shop.newsletter.*": {"queue": "newsletter"},
    "shop.reports.*": {"queue": "reports"},
    "shop.stock.*": {"queue": "stock"},
}

# Schedule

timezone = "Europe/Berlin"
beat_schedule = {
    "cancel-unpaid-orders": {
        "task": "shop.orders.cancel_unpaid_orders",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 600},
    },
    "expire-carts": {
        "task": "shop.orders.purge_carts",
        "schedule": crontab(hour=3, minute=15),
        "options": {"expires": 3600},
    },
    "refresh-totals": {
        "task": "shop.refresh_totals",
        "schedule": timedelta(hours=1),
        "options": {"expires": 1800},
    },
    "sync-stock-levels": {
        "task": "shop.stock.sync_stock_levels",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 300},
    },
    "daily-report": {
        "task": "shop.reports.build_daily_report",
        "schedule": crontab(hour=1, minute=30),
        "options": {"expires": 6 * 3600},
    },
    "morning-summary": {
        "task": "shop.reports.send_morning_summary",
        "schedule": crontab(hour=6),
        "options": {"expires": 3600},
    },
}
