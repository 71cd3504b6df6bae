"""The back office of a small web shop: orders, stock, mails and reports."""

from shop.celery import app as celery_app

__all__ = ("celery_app",)
