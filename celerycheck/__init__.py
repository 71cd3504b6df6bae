"""celerycheck: audits a live Celery app against a checklist, and starts tasks the right way."""

__version__ = "0.1.0"
