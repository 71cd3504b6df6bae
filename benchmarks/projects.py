"""Makes projects of any size: ten tasks to a module, plain and retried ones, routes, a schedule, Redis as the broker."""

from __future__ import annotations

from pathlib import Path

TASKS_PER_MODULE = 10

APP = """\
from celery import Celery

app = Celery("big", broker="redis://localhost/0", backend="redis://localhost/1", include={modules!r})
app.conf.task_time_limit = 300
app.conf.task_soft_time_limit = 240
app.conf.task_routes = {{f"big.part{{n}}.*": {{"queue": f"queue{{n % 10}}"}} for n in range(min({count}, 20))}}
app.conf.beat_schedule = {{
    f"entry-{{n}}": {{"task": f"big.part{{n}}.task0", "schedule": 3600.0, "args": (1,), "options": {{"expires": 60}}}}
    for n in range(min({count}, 50))
}}
"""

MODULE = '''\
"""Tasks of part {number}."""

from __future__ import annotations

from celery.utils.log import get_task_logger

from big.celery import app

logger = get_task_logger(__name__)
'''

TASK = '''

@app.task({options})
def task{number}({parameters}):
    """Does step {number}."""
    logger.info("step %s of %s", {number}, order_id)
    total = 0
    for step in range(order_id):
        total += step * {number}
    return total
'''

OPTIONS = (
    ("", "order_id: int"),
    ("autoretry_for=(OSError,), retry_backoff=True", "order_id: int, dry_run: bool = False"),
    ("bind=True, acks_late=True, reject_on_worker_lost=True", "self, order_id: int"),
    ("ignore_result=True, rate_limit='10/s'", "order_id: int, *steps: str"),
    ("max_retries=5, time_limit=60, soft_time_limit=50", "order_id: int, note: str | None = None"),
)


def make(folder: Path, tasks: int) -> None:
    """Write a project with that many tasks into `folder`; its app is `big`."""
    package = folder / "big"
    package.mkdir(parents=True)
    count = max(1, tasks // TASKS_PER_MODULE)
    modules = [f"big.part{number}" for number in range(count)]
    (package / "__init__.py").write_text("from big.celery import app\n")
    (package / "celery.py").write_text(APP.format(modules=modules, count=count))
    for number in range(count):
        text = MODULE.format(number=number)
        for index in range(TASKS_PER_MODULE):
            options, parameters = OPTIONS[index % len(OPTIONS)]
            text += TASK.format(number=index, options=options, parameters=parameters)
        (package / f"part{number}.py").write_text(text)
