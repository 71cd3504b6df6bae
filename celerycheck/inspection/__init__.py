"""Takes the picture of a live Celery app; the only importer of celery and kombu.

It runs in the audited project's interpreter, where nothing of celerycheck is installed: it needs the
standard library, Celery, `celerycheck.subjects` and `celerycheck.errors`, and keeps to Python 3.9.
"""
