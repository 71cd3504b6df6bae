"""Django's settings, Celery's among them."""

import os
from datetime import timedelta
from pathlib import Path

from celery.schedules import crontab
from kombu import Exchange, Queue

BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY", "only-for-development")
DEBUG = os.environ.get("DJANGO_DEBUG") == "1"
ALLOWED_HOSTS = ["shop.example", "localhost"]

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "orders",
    "mails",
    "reports",
]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "Europe/Berlin"

EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
EMAIL_FILE_PATH = BASE_DIR / "sent-mails"
DEFAULT_FROM_EMAIL = "Shop <noreply@shop.example>"

EXPORT_DIR = BASE_DIR / "exports"

# Celery

CELERY_BROKER_URL = "amqp://shop:warm-rabbit-42@rabbitmq:5672/shop"
CELERY_RESULT_BACKEND = os.environ.get("DJANGO_RESULT_BACKEND", "redis://localhost:6379/1")
CELERY_RESULT_EXPIRES = 0

CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = False

CELERYD_CONCURRENCY = 4
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_TASK_TIMELIMIT = 600

CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_QUEUES = [
    Queue("default", Exchange("shop"), routing_key="default"),
    Queue("orders", Exchange("shop"), routing_key="orders"),
    Queue("newsletters", Exchange("shop"), routing_key="newsletters"),
    Queue("reports", Exchange("shop"), routing_key="reports"),
]
CELERY_TASK_ROUTES = {
    "orders.tasks.*": {"queue": "orders"},
    "mails.tasks.send_newsletter": {"queue": "newsletter"},
    "reports.tasks.*": {"queue": "reports"},
}

CELERY_BEAT_SCHEDULE = {
    "cancel-unpaid-orders": {
        "task": "orders.tasks.cancel_unpaid_orders",
        "schedule": crontab(minute=5),
        "options": {"expires": 1800},
    },
    "deliver-pending-mails": {
        "task": "mails.tasks.deliver_pending_mails",
        "schedule": timedelta(seconds=30),
    },
    "purge-delivered-mails": {
        "task": "mails.tasks.purge_delivered_mails",
        "schedule": crontab(minute=20, hour=4),
        "kwargs": {"days": 60},
        "options": {"expires": 3600},
    },
    "weekly-sales-report": {
        "task": "reports.tasks.build_sales_report",
        "schedule": crontab(minute=0, hour=5, day_of_week="mon"),
        "args": (7,),
        "options": {"expires": 6 * 3600},
    },
}
