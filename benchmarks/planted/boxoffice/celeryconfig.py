"""Celery's settings for the box office."""

import os

from kombu import Queue

imports = [
    "boxoffice.schedule",
    "boxoffice.tasks.bookings",
    "boxoffice.tasks.mails",
    "boxoffice.tasks.payments",
    "boxoffice.tasks.reports",
    "boxoffice.tasks.venues",
]

broker_url = "redis://:pepper-mint-41@redis.boxoffice.internal:6379/0"
broker_connection_retry_on_startup = True
result_backend = "rpc://"

task_serializer = "json"
accept_content = ["json", "pickle"]

task_ignore_result = True
task_track_started = os.environ.get("BOXOFFICE_TRACK_STARTED", "false")
task_time_limit = 600
task_soft_timelimit = 540

worker_prefetch_multiplier = 1
worker_max_memory_per_child = 512
worker_send_task_events = True

task_default_queue = "default"
task_queues = [Queue("default"), Queue("mails"), Queue("payments"), Queue("reports")]
task_routes = {
    "boxoffice.tasks.mails.send_newsletter": {"queue": "default"},
    "boxoffice.tasks.mails.*": {"queue": "mails"},
    "boxoffice.tasks.payment.*": {"queue": "payments"},
    "boxoffice.tasks.payments.*": {"queue": "payments"},
    "boxoffice.tasks.reports.export_ledger": {"queue": "exports"},
    "boxoffice.tasks.reports.*": {"queue": "reports"},
}

timezone = "Europe/Vienna"
