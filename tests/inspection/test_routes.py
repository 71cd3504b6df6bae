import pytest

from celerycheck.subjects import Location

PROJ = """
import re
from celery import Celery, Task
from kombu import Exchange, Queue
app = Celery('proj', broker='memory://')

@app.task
def mails_send(): pass
@app.task
def mails_many(): pass
@app.task(queue='own')
def reports_daily(): pass
@app.task(priority=4)
def plain(): pass
"""


def routed(take, text, **files):
    return take({"proj.py": PROJ + text, **{f"{name}.py": body for name, body in files.items()}}).app


def queues_of(app):
    return {task.name.partition(".")[2]: task.queue for task in app.tasks}


def test_without_routes(take):
    app = routed(take, "")
    assert queues_of(app) == {
        "mails_send": "celery",
        "mails_many": "celery",
        "reports_daily": "own",
        "plain": "celery",
    }
    assert app.task("proj.plain").priority == 4
    assert app.routes == ()
    assert [(q.name, q.declared) for q in app.queues] == [("celery", False), ("own", False)]


def test_rules_and_what_they_match(take):
    app = routed(
        take,
        """
app.conf.task_routes = ({
    'proj.mails_send': {'queue': 'urgent', 'priority': 9},
    'proj.mails_*': {'queue': 'mails'},
    re.compile(r'proj\\.(reports|stats)_.*'): {'queue': 'reports'},
    'proj.typo': 'nowhere', 'gone.*': {'queue': Queue('gone')},
},)
""",
    )
    assert queues_of(app) == {
        "mails_send": "urgent",
        "mails_many": "mails",
        "reports_daily": "own",
        "plain": "celery",
    }
    assert app.task("proj.mails_send").priority == 9
    assert sorted((r.pattern, r.kind, r.queue, r.matches) for r in app.routes) == [
        ("gone.*", "glob", "gone", 0),
        ("proj.mails_*", "glob", "mails", 2),
        ("proj.mails_send", "exact", "urgent", 1),
        ("proj.typo", "exact", "nowhere", 0),
        (r"proj\.(reports|stats)_.*", "regex", "reports", 1),
    ]
    assert {r.location for r in app.routes} == {Location("proj.py", 16)}


def test_routers(take):
    app = routed(
        take,
        """
def by_name(name, args, kwargs, options, task=None, **kw):
    if 'send' in name: raise LookupError('no amqp://u:hunter2@h')
    return {'queue': 'chosen'} if 'many' in name else None
class Router:
    def __call__(self, name, *args, **kw): return None
app.conf.task_routes = (by_name, Router(), 'routers.late')
""",
        routers="def late(name, *args, **kw): return 'late' if 'plain' in name else None\n",
    )
    assert queues_of(app) == {
        "mails_send": None,
        "mails_many": "chosen",
        "reports_daily": "own",
        "plain": "late",
    }
    assert app.task("proj.mails_send").route_error == "LookupError: no amqp://u:********@h"
    assert [(r.pattern, r.kind, r.matches) for r in app.routes] == [
        ("proj.by_name", "function", None),
        ("proj.Router", "function", None),
        ("routers.late", "function", None),
    ]


@pytest.mark.parametrize(
    ("routes", "error"),
    [
        ("[('proj.*', {'queue': 'x'})]", "ValueError"),
        ("'nowhere.router'", "ModuleNotFoundError: No module named 'nowhere'"),
        ("{5: 'x'}", "TypeError"),
    ],
)
def test_routes_that_make_every_send_fail(take, routes, error):
    app = routed(take, f"app.conf.task_routes = {routes}\n")
    errors = {task.route_error for task in app.tasks} | {app.routes_error}
    assert all(text is None or text.startswith(error) for text in errors)
    assert app.task("proj.plain").route_error


def test_declared_queues(take):
    app = routed(
        take,
        """
app.conf.task_queues = [
    Queue('a', Exchange('xa', type='topic'), routing_key='k.#', queue_arguments={'x-queue-type': 'quorum'}),
    Queue('b', max_priority=10),
    Queue('c', durable=False, queue_arguments={'x-max-priority': 5, 'x-token': 'hunter2'}),
]
app.conf.task_default_queue = 'a'
app.conf.task_routes = {'proj.plain': 'b', 'proj.mails_many': {'queue': 'made'}}
""",
    )
    queues = {queue.name: queue for queue in app.queues}
    a, b, c = queues["a"], queues["b"], queues["c"]
    assert (a.declared, a.exchange, a.exchange_type, a.routing_key, a.type) == (
        True,
        "xa",
        "topic",
        "k.#",
        "quorum",
    )
    assert (b.max_priority, b.type, b.durable) == (10, None, True)
    assert (c.max_priority, c.durable, c.arguments["x-token"]) == (5, False, "********")
    assert (queues["made"].declared, queues["own"].declared) == (False, False)
    assert a.location == Location("proj.py", 16)


@pytest.mark.parametrize(
    ("queues", "names"),
    [
        ("{'a': {'exchange': 'a', 'routing_key': 'a'}, 'b': {}}", ["a", "b"]),
        ("(Queue('a'),)", ["a"]),
        ("[]", []),
        ("None", []),
    ],
)
def test_kinds_of_declarations(take, queues, names):
    app = routed(take, f"app.conf.task_queues = {queues}\n")
    assert [queue.name for queue in app.queues if queue.declared] == names
    assert app.routes_error is None


def test_queues_of_the_wrong_type(take):
    app = routed(take, "app.conf.task_queues = 5\n")
    assert app.routes_error.startswith("TypeError")
    assert {task.queue for task in app.tasks} == {None}


def test_undeclared_queues_that_may_not_be_made(take):
    app = routed(
        take, "app.conf.task_create_missing_queues = False\napp.conf.task_queues = [Queue('celery')]\n"
    )
    assert app.task("proj.reports_daily").route_error.startswith("QueueNotFound: ")
    assert app.task("proj.plain").queue == "celery"


LEFT_ALONE = """
import json, sys
sys.path.insert(0, '.')
from celery import Celery
from celerycheck.inspection.routes import Routing
app = Celery(broker='memory://', set_as_current=False)
app.conf.task_routes = {'t': 'made'}
@app.task(name='t')
def t(): pass
app.finalize()
routing = Routing(app)
assert routing.route(app.tasks['t'], 't')[0] == 'made'
assert list(app.amqp.queues) == ['celery'], list(app.amqp.queues)
assert list(app.amqp.queues.consume_from) == ['celery']
"""


def test_the_apps_own_table_is_left_alone():
    import subprocess
    import sys
    from pathlib import Path

    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", LEFT_ALONE], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_quorum_queues_made_by_celery(take):
    app = routed(
        take,
        "app.conf.task_default_queue_type = 'quorum'\napp.conf.task_create_missing_queue_type = 'quorum'\n",
    )
    kinds = {queue.name: queue.type for queue in app.queues}
    expected = {
        "celery": "quorum" if app.version >= (5, 5) else None,
        "own": "quorum" if app.version >= (5, 6) else None,
    }
    assert kinds == expected
