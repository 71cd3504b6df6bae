"""The back office of a theatre's box office: bookings, payments, mails and reports."""

from boxoffice.celery import app as celery_app

__all__ = ("celery_app",)
