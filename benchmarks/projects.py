"""Makes projects of any size, as they are written: ten tasks to a module, Redis as the broker, routes, a schedule.

A task's body is about 16 lines long, as it is at the median of real projects. Ten modules of tasks share a module of
services, which talks to the network, and an API, which sends their tasks. All of it is meant to be right: the audit
has to read it, and little to write about it.
"""

from __future__ import annotations

from pathlib import Path

TASKS_PER_MODULE = 10
MODULES_PER_GROUP = 10

APP = """\
from celery import Celery

app = Celery("big", broker="redis://localhost/0", backend="redis://localhost/1", include={modules!r})
app.conf.task_time_limit = 300
app.conf.task_soft_time_limit = 240
app.conf.worker_prefetch_multiplier = 1
app.conf.worker_max_memory_per_child = 400_000
app.conf.task_routes = {{f"big.part{{n}}.*": {{"queue": f"queue{{n % 10}}"}} for n in range(min({count}, 20))}}
app.conf.beat_schedule = {{
    f"entry-{{n}}": {{"task": f"big.part{{n}}.task0", "schedule": 3600.0, "args": (1,), "options": {{"expires": 60}}}}
    for n in range(min({count}, 50))
}}
"""

SERVICES = '''\
"""What parts {first} to {last} share: the client of the warehouse, and how an order is summed up."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from decimal import Decimal
from urllib.error import URLError
from urllib.request import urlopen

logger = logging.getLogger(__name__)
WAREHOUSE = "https://warehouse.example/api/{first}"


class WarehouseError(Exception):
    """The warehouse did not answer, or not with what was asked for."""


@dataclass(frozen=True)
class Line:
    """One line of an order."""

    product: str
    amount: int
    price: Decimal

    @property
    def total(self) -> Decimal:
        return self.price * self.amount


class Warehouse:
    """The client of one warehouse."""

    def __init__(self, base: str, timeout: float = 5.0) -> None:
        self.base = base
        self.timeout = timeout

    def lines(self, order_id: int) -> list[Line]:
        """The lines of an order. Raises WarehouseError."""
        found = []
        for entry in self._get(f"orders/{{order_id}}"):
            found.append(Line(entry["product"], entry["amount"], Decimal(entry["price"])))
        return found

    def stock(self, product: str) -> int:
        """How much of a product is left. Raises WarehouseError."""
        return sum(entry["amount"] for entry in self._get(f"stock/{{product}}"))

    def _get(self, path: str) -> list[dict]:
        try:
            with urlopen(f"{{self.base}}/{{path}}", timeout=self.timeout) as answer:
                return json.load(answer)["entries"]
        except (URLError, KeyError, ValueError) as error:
            raise WarehouseError(path) from error


def lines(order_id: int) -> list[Line]:
    """The lines of an order, of the usual warehouse. Raises WarehouseError."""
    return Warehouse(WAREHOUSE).lines(order_id)


def summed(found: list[Line]) -> dict[str, str]:
    """Totals by product, as text."""
    totals: dict[str, Decimal] = {{}}
    for line in found:
        totals[line.product] = totals.get(line.product, Decimal(0)) + line.total
    return {{product: str(total) for product, total in sorted(totals.items())}}
'''

API = '''\
"""How the rest of the project starts the work of parts {first} to {last}."""

from __future__ import annotations

from celery import chain, group

from big import {modules}
'''

START = '''

def start{number}(order_id: int, *, careful: bool = False) -> str:
    """Begin the work of part {number} and give back the id to ask for it by."""
    if careful:
        part{number}.task1.apply_async((order_id,), {{"dry_run": True}}, countdown=30, expires=3600)
    part{number}.task6.delay(order_id)
    steps = chain(part{number}.task0.s(order_id), part{number}.task9.s(note="started"))
    return steps.apply_async().id


def refresh{number}(order_ids: list[int]) -> None:
    """Sum up many orders again."""
    jobs = [part{number}.task5.s(order_id) for order_id in order_ids]
    group(jobs).apply_async()
'''

MODULE = '''\
"""Tasks of part {number}."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger

from big import services{group}
from big.celery import app
from big.services{group} import WarehouseError, summed

logger = get_task_logger(__name__)
LIMIT = 1000
'''

TASKS = (
    '''

@app.task
def task{number}(order_id: int) -> int:
    """Counts the steps of an order."""
    logger.info("step %s of %s", {number}, order_id)
    total, skipped = 0, []
    for step in range(min(order_id, LIMIT)):
        if step % 7 == {number}:
            skipped.append(step)
            continue
        total += step * {number}
    if skipped:
        logger.debug("skipped %s steps of %s", len(skipped), order_id)
    names = {{str(step): step for step in skipped}}
    if total > LIMIT and names:
        total -= max(names.values())
    return total
''',
    '''

@app.task(autoretry_for=(WarehouseError,), retry_backoff=True, max_retries=5)
def task{number}(order_id: int, dry_run: bool = False) -> dict[str, str]:
    """Sums up an order of the warehouse."""
    logger.info("order %s: asking the warehouse", order_id)
    found = services{group}.lines(order_id)
    if not found:
        logger.warning("order %s has no lines", order_id)
        return {{}}
    totals = summed(found)
    most = max(totals, key=lambda product: Decimal(totals[product]))
    logger.info("order %s: %s products, most of %s", order_id, len(totals), most)
    if dry_run:
        return {{"order": str(order_id), "products": str(len(totals))}}
    return {{**totals, "order": str(order_id)}}
''',
    '''

@app.task(bind=True, acks_late=True, reject_on_worker_lost=True, max_retries=4)
def task{number}(self, order_id: int) -> bool:
    """Looks whether everything of an order is in stock."""
    warehouse = services{group}.Warehouse(services{group}.WAREHOUSE, timeout=3.0)
    try:
        needed = warehouse.lines(order_id)
        missing = [line.product for line in needed if warehouse.stock(line.product) < line.amount]
    except WarehouseError as error:
        delay = min(600, 2**self.request.retries * 10)
        logger.warning("order %s: trying again in %s s", order_id, delay)
        raise self.retry(exc=error, countdown=delay)
    if missing:
        logger.info("order %s waits for %s", order_id, ", ".join(missing))
        return False
    logger.info("order %s can be sent", order_id)
    return True
''',
    '''

@app.task(ignore_result=True, rate_limit="10/s")
def task{number}(order_id: int, *steps: str) -> None:
    """Starts what follows an order, as far as it was asked for."""
    now = datetime.now(timezone.utc)
    wanted = [step.strip().lower() for step in steps if step]
    if "count" in wanted:
        task0.delay(order_id)
    if "sum" in wanted and now.hour < 22:
        task1.apply_async((order_id,), expires=3600)
    elif "sum" in wanted:
        logger.info("order %s is summed up tomorrow", order_id)
        task1.apply_async(args=(order_id,), kwargs={{"dry_run": True}}, countdown=60)
    unknown = [step for step in wanted if step not in ("count", "sum")]
    if unknown:
        logger.warning("order %s: no such steps: %s", order_id, ", ".join(unknown))
''',
    '''

@app.task(max_retries=5, time_limit=60, soft_time_limit=50)
def task{number}(order_id: int, note: str | None = None) -> str:
    """Writes a line of text about an order."""
    logger.info("note %s on %s", {number}, order_id)
    parts = [f"order {{order_id}}", note or "nothing to note"]
    try:
        for step in range({number}, LIMIT):
            if (order_id + step) % 97 == 0:
                parts.append(f"step {{step}}")
    except SoftTimeLimitExceeded:
        logger.warning("order %s has too many steps", order_id)
        raise
    text = "; ".join(parts)
    if len(text) > LIMIT:
        text = text[:LIMIT] + " ..."
    return text
''',
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
        (package / f"part{number}.py").write_text(_module(number))
    for group, first in enumerate(range(0, count, MODULES_PER_GROUP)):
        members = range(first, min(first + MODULES_PER_GROUP, count))
        names = ", ".join(f"part{number}" for number in members)
        api = API.format(first=first, last=members[-1], modules=names)
        (package / f"api{group}.py").write_text(api + "".join(START.format(number=n) for n in members))
        (package / f"services{group}.py").write_text(SERVICES.format(first=first, last=members[-1]))


def _module(number: int) -> str:
    group = number // MODULES_PER_GROUP
    tasks = (TASKS[index % len(TASKS)].format(number=index, group=group) for index in range(TASKS_PER_MODULE))
    return MODULE.format(number=number, group=group) + "".join(tasks)
