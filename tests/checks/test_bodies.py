"""What has no place in a task: prints, debuggers, child processes, ends of the process."""

from __future__ import annotations

import textwrap

import pytest

from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated
from celerycheck.testing import flagged, found, problems, source

HEAD = """
import concurrent.futures, multiprocessing, os, pdb, subprocess, sys
from multiprocessing import Pool, Process
from celery import shared_task
from celery.contrib import rdb
from django.conf import settings
import click
from proj import services
"""
SERVICES = """
import multiprocessing, pdb, sys
import click

def render(page): return multiprocessing.Pool(4).map(str, page)
def look(): pdb.set_trace()
def stop(): sys.exit(2)
def stop_unless(order):
    if not order:
        sys.exit(2)
def stop_unless_ready():
    if not multiprocessing.cpu_count():
        sys.exit(2)
def stop_softly():
    try:
        sys.exit(2)
    except SystemExit:
        return 2
def stop_for_good():
    try:
        stop()
    except Exception:
        return 2
@click.command()
def command(): sys.exit(0)
def say(): print("done")
"""


def project(does, more=None, **fields):
    work = "@shared_task(bind=True)\ndef work(self, order):\n" + textwrap.indent(does, "    ")
    return source(
        {"proj/services.py": SERVICES, "proj/tasks.py": f"{HEAD}\n{work}\n", **(more or {})}, **fields
    )


@pytest.mark.parametrize(
    ("does", "messages"),
    [
        ('print("paid")', ["calls print()"]),
        ("print()", ["calls print()"]),
        ("print(order)\nprint(self)", ["calls print() (2 times in this task)"]),
        ("print(order, file=sys.stderr)", ["calls print()"]),
        ("if order: print(order, file=None)", ["calls print()"]),
        ("print(order, file=open(order))", []),
        ("print(order, file=order)", []),
        ("order.print()", []),
        ("services.say()", []),
        ("from proj.services import say as print\nprint()", []),
        ("order.on_paid(print)", []),
        ("def shout(): print(order)", []),
        ("sys.stdout.write(order)", []),
        ("import pprint\npprint.pformat(order)", []),
        ("'print(order)'", []),
        ("return [order]", []),
    ],
)
def test_print_in_task(does, messages):
    assert problems("print-in-task", project(does)) == messages


@pytest.mark.parametrize(
    ("does", "text"),
    [
        ("breakpoint()", "breakpoint()"),
        ("pdb.set_trace()", "pdb.set_trace()"),
        ("rdb.set_trace()", "rdb.set_trace()"),
        ("import ipdb; ipdb.set_trace()", "ipdb.set_trace()"),
        ("from pdb import set_trace as stop\nstop()", "stop()"),
        ("services.look()", "pdb.set_trace()"),
        ("try:\n    order.pay()\nexcept OSError:\n    pdb.post_mortem()", "pdb.post_mortem()"),
        ("import code; code.interact()", "code.interact()"),
    ],
)
def test_debugger_left_in(does, text):
    (problem,) = found("debugger-left-in", project(does))
    assert problem.message == f"stops at a debugger: {text}"
    assert problem.at_most is None


@pytest.mark.parametrize(
    "does",
    [
        "order.set_trace()",
        "order.breakpoint()",
        "self.breakpoint(order)",
        "breakpoint = order.pause\nbreakpoint()",
        "services.say()",
        "order.hook = pdb.set_trace",
        "sys.settrace(None)",
        "import trace; trace.Trace()",
        "order.pdb.set_trace()",
        "import faulthandler; faulthandler.dump_traceback()",
        "'breakpoint()'",
        "def look(): breakpoint()",
        "import pdbr",
        "rdb",
        "code = order.code\ncode.interact()",
        "return order.embed()",
    ],
)
def test_what_is_no_debugger(does):
    assert problems("debugger-left-in", project(does)) == []


def test_a_debugger_behind_a_debug_mode():
    (problem,) = found("debugger-left-in", project("if settings.DEBUG:\n    breakpoint()"))
    assert problem.at_most is Severity.WARNING


CHILDREN = {
    "a pool": "Pool(4)",
    "a pool, as a context": "with multiprocessing.Pool(4) as pool:\n    pool.map(str, order)",
    "a process": "p = Process(target=str)\np.start()",
    "a pool of a context": 'multiprocessing.get_context("spawn").Pool(2)',
    "an executor": "with concurrent.futures.ProcessPoolExecutor() as pool:\n    pool.submit(str)",
    "a manager": "multiprocessing.Manager()",
    "in a helper": "services.render(order)",
}


@pytest.mark.parametrize("does", CHILDREN.values(), ids=CHILDREN)
def test_process_in_prefork(does):
    (message,) = problems("process-in-prefork", project(does))
    assert "starts child processes" in message


def test_a_helper_may_offer_processes():
    services = (
        "import multiprocessing\ndef render(page, spread=False):\n    if spread: multiprocessing.Pool(4)\n"
    )
    (problem,) = found(
        "process-in-prefork", project("services.render(order)", {"proj/services.py": services})
    )
    assert problem.at_most is Severity.INFO


ALONE = {
    "a pool of threads": "from multiprocessing.pool import ThreadPool\nThreadPool(2).map(str, order)",
    "threads that look like processes": "from multiprocessing.dummy import Pool\nPool(2)",
    "an executor of threads": "concurrent.futures.ThreadPoolExecutor().submit(str)",
    "billiard": "import billiard\nbilliard.Pool(2)",
    "billiard, a process": "from billiard import Process\nProcess(target=str).start()",
    "a program": 'subprocess.run(["ls"])',
    "a program held": 'subprocess.Popen(["ls"])',
    "a fork": "os.fork()",
    "a count": "multiprocessing.cpu_count()",
    "a lock": "multiprocessing.Lock()",
    "a queue": "multiprocessing.Queue()",
    "a pool of its own": "order.Pool(4)",
    "a process of its own": "order.Process()",
    "a connection pool": 'import psycopg2.pool\npsycopg2.pool.SimpleConnectionPool(1, 2, "")',
    "another library's processes": "import multiprocess\nmultiprocess.Pool(2)",
    "not called": "def spread(): Pool(2)",
}


@pytest.mark.parametrize("does", ALONE.values(), ids=ALONE)
def test_what_starts_no_process_with_multiprocessing(does):
    assert problems("process-in-prefork", project(does)) == []


@pytest.mark.parametrize("pool", ["threads", "solo", "gevent", "proj.pools:Pool"])
def test_only_prefork_is_daemonic(pool):
    with pytest.raises(NotEvaluated, match="worker_pool"):
        problems("process-in-prefork", project("Pool(4)", values={"worker_pool": pool}))


def test_a_project_may_take_the_mark_of_a_daemon_off():
    signal = "from multiprocessing import current_process\ncurrent_process()._config['daemon'] = False\n"
    assert problems("process-in-prefork", project("Pool(4)", {"proj/signals.py": signal})) == []


@pytest.mark.parametrize("make", ["Pool(1)", "Process(target=str).start()", "Manager()"])
def test_a_daemonic_process_may_have_no_children(make):
    """What the message says, in a process marked as prefork marks its own."""
    import multiprocessing  # only this test needs it

    config = multiprocessing.current_process()._config
    config["daemon"] = True
    try:
        with pytest.raises(AssertionError, match="daemonic processes are not allowed to have children"):
            eval(f"multiprocessing.{make}", {"multiprocessing": multiprocessing})  # from the list above
    finally:
        del config["daemon"]


@pytest.mark.parametrize(
    ("does", "line"),
    [
        ("sys.exit(1)", "sys.exit(1)"),
        ("if order: sys.exit()", "if order: sys.exit()"),
        ("os._exit(1)", "os._exit(1)"),
        ("os.abort()", "os.abort()"),
        ("quit()", "quit()"),
        ("exit()", "exit()"),
        ("raise SystemExit", "raise SystemExit"),
        ("raise SystemExit(1)", "raise SystemExit(1)"),
        ("services.stop()", "def stop(): sys.exit(2)"),
        ("services.stop_for_good()", "def stop(): sys.exit(2)"),
        ("try:\n    sys.exit(1)\nexcept Exception:\n    pass", "sys.exit(1)"),
        ("try:\n    os._exit(1)\nexcept:\n    pass", "os._exit(1)"),
        ("try:\n    order.pay()\nexcept:\n    sys.exit(1)", "sys.exit(1)"),
    ],
)
def test_exits_worker(does, line):
    assert flagged("exits-worker", project(does)) == [line]


@pytest.mark.parametrize(
    ("does", "at_most"),
    [
        ("sys.exit(1)", None),
        ("if order: sys.exit(1)", None),
        ("if order: services.stop()", Severity.WARNING),
        ("services.stop_unless_ready()", Severity.INFO),
    ],
)
def test_an_exit_in_a_helper_is_less_sure(does, at_most):
    assert [problem.at_most for problem in found("exits-worker", project(does))] == [at_most]


@pytest.mark.parametrize(
    "does",
    [
        "order.exit()",
        "sys.exc_info()",
        "return",
        "raise ValueError",
        "raise order.SystemExit",
        "services.stop_softly()",
        "services.command()",
        "services.stop_unless(order)",
        "services.command.callback()",
        "try:\n    sys.exit(1)\nexcept SystemExit:\n    pass",
        "try:\n    sys.exit(1)\nexcept:\n    pass",
        "try:\n    services.stop()\nexcept BaseException:\n    pass",
        "try:\n    raise SystemExit\nexcept SystemExit:\n    pass",
        "pid = os.fork()\nif not pid:\n    os._exit(0)",
        "def leave(): sys.exit(1)",
        "order.on_error = sys.exit",
        "import atexit; atexit.register(print)",
        "os.kill(order.pid, 15)",
        "quit = order.quit\nquit()",
        "with order.driver() as driver: driver.quit()",
        "import smtplib; smtplib.SMTP(order).quit()",
        "subprocess.run(['exit'])",
        "self.app.control.shutdown()",
        "self.request.callbacks",
        "exit",
        "import contextlib\ncontextlib.ExitStack().__exit__()",
        "order.system_exit = SystemExit",
    ],
)
def test_what_exits_no_worker(does):
    assert problems("exits-worker", project(does)) == []
