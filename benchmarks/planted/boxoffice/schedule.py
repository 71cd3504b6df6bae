"""What beat sends, and when."""

from datetime import timedelta

from celery.schedules import crontab

from boxoffice.celery import app

app.conf.beat_schedule = {
    "nightly-ledger": {
        "task": "boxoffice.tasks.reports.export_ledger",
        "schedule": crontab(hour=4),
        "options": {"expires": 3600},
    },
    "release-holds": {
        "task": "boxoffice.tasks.bookings.release_expired_hold",
        "schedule": crontab(minute="*/15"),
        "options": {"expires": 600},
    },
    "weekly-summary": {
        "task": "boxoffice.tasks.reports.summarize_week",
        "schedule": crontab(minute=0, hour=7, day_of_week="mon"),
        "options": {"expires": 3600},
    },
    "seat-maps": {
        "task": "boxoffice.tasks.venues.refresh_seat_maps",
        "schedule": timedelta(seconds=30),
    },
    "morning-rates": {
        "task": "boxoffice.tasks.payments.fetch_rates",
        "schedule": crontab(minute=30, hour="6,18"),
        "args": ("EUR",),
        "options": {"expires": 3600},
    },
    "evening-rates": {
        "task": "boxoffice.tasks.payments.fetch_rates",
        "schedule": crontab(minute=30, hour=18),
        "args": ("EUR",),
        "options": {"expires": 3600},
    },
    "season-report": {
        "task": "boxoffice.tasks.reports.build_season_report",
        "schedule": crontab(minute=15, hour=5, day_of_week="sun"),
        "kwarg": {"season": "2025"},
        "options": {"expires": 7200},
    },
    "monthly-statement": {
        "task": "boxoffice.tasks.reports.send_statement",
        "schedule": crontab(minute=30, hour=2, day_of_month=1),
        "args": ("monthly",),
        "options": {"expires": 7200},
    },
    "purge-carts": {
        "task": "boxoffice.tasks.bookings.purge_carts",
        "schedule": crontab(minute=45, hour=3, day_of_month="1,15"),
        "options": {"expires": 3600},
    },
}
