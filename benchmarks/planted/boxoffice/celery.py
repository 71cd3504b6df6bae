"""The box office's Celery app."""

from celery import Celery
from celery.signals import task_failure

from boxoffice.services import pager

app = Celery("boxoffice")
app.config_from_object("boxoffice.celeryconfig")


@task_failure.connect
def page_on_failure(sender=None, task_id=None, exception=None, **kwargs):
    """Tell the people on call that a task has failed for good."""
    pager.alert(f"{sender.name} ({task_id}) ended with {exception!r}")
