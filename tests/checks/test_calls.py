"""Calls of tasks in loops and by name: sources, and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.findings import Severity, describe
from celerycheck.subjects import NotEvaluated
from celerycheck.testing import flagged, found, problems, source

LOOPS = """
from celery import group, shared_task

@shared_task
def send(user_id): ...

@shared_task
def sweep(): ...

def view(users, orders, options, n):
    {body}
"""


SENT = "send.delay(user.id)"
ONE = "send.delay(1)"


def looping(body):
    return source(LOOPS.replace("{body}", body.replace("\n", "\n    ")))


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        ("for user in users:\n    send.delay(user.id)", [SENT]),
        ("for user in users:\n    send.apply_async((1,), queue='x')", ["send.apply_async((1,), queue='x')"]),
        ("for user in users.all():\n    if user.active:\n        send.delay(user.id)", [SENT]),
        ("for n in range(1000):\n    send.delay(n)", ["send.delay(n)"]),
        ("for n in range(n):\n    sweep.delay()", ["sweep.delay()"]),
        ("[send.delay(user.id) for user in users]", ["[send.delay(user.id) for user in users]"]),
        ("for o in orders:\n    for user in o.users:\n        send.delay(user.id)", [SENT]),
        ("for user in users:\n    try:\n        send.delay(user.id)\n    except E: ...", [SENT]),
        ("for u in users:\n    if u:\n        send.delay(1)\n    sweep.delay()", [ONE]),
        ("for u in users:\n    send.apply_async((u,), countdown=5)", ["send.apply_async((u,), countdown=5)"]),
        # look-alikes
        ("send.delay(users[0].id)", []),
        ("for user in (1, 2, 3):\n    send.delay(user)", []),
        ("for name in ['a', 'b']:\n    send.delay(name)", []),
        ("for n in range(3):\n    send.delay(n)", []),
        ("for key in {'a': 1, 'b': 2}:\n    send.delay(key)", []),
        ("for n in range(0, len(users), 100):\n    send.delay(users[n:n + 100])", []),
        ("for chunk in chunked(users, 100):\n    send.delay(chunk)", []),
        ("for page in paginator.page_range:\n    send.delay(page)", []),
        ("for ids in itertools.batched(users, 50):\n    send.delay(ids)", []),
        ("for batch in batches(users):\n    for _ in range(2):\n        send.delay(batch)", []),
        ("group(send.s(user.id) for user in users).delay()", []),
        ("group([send.s(user.id) for user in users])()", []),
        ("send.chunks(((user.id,) for user in users), 10).delay()", []),
        ("for user in users:\n    if user.first:\n        send.delay(user.id)\n        break", []),
        ("for user in users:\n    if user.first:\n        return send.delay(user.id)", []),
        ("for user in users:\n    send.delay(user.id)\n    return", []),
        ("for n, user in enumerate(users):\n    send.apply_async((user.id,), countdown=n * 10)", []),
        ("for user in users:\n    send.apply_async((user.id,), eta=user.due)", []),
        ("for user in users:\n    throttle.maybe_wait()\n    send.delay(user.id)", []),
        ("for user in users:\n    send.delay(user.id)\n    time.sleep(1)", []),
        ("for o in n:\n    if n:\n        n()\n    elif o: ...\n    elif n:\n        send.delay(1)", []),
        ("for o in orders:\n    match o:\n        case 1:\n            send.delay(1)", []),
        ("while users:\n    send.delay(users.pop())", []),
        ("for user in users:\n    send.apply((user.id,))", []),
        ("for user in users:\n    send(user.id)", []),
        ("for user in users:\n    user.send.delay(user.id)", []),
        ("for user in users:\n    user.save()\nsend.delay(1)", []),
        ("for user in users:\n    transaction.on_commit(lambda: send.delay(1))", []),
        ("ids = [user.id for user in users]\nsend.delay(ids)", []),
        ("with users:\n    send.delay(1)", []),
        ("parts = []\nfor user in users:\n    parts.append(send.s(user.id))\ngroup(parts).delay()", []),
    ],
)  # fmt: skip
def test_call_in_loop(body, lines):
    assert flagged("call-in-loop", looping(body)) == lines


@pytest.mark.parametrize(
    ("body", "message", "fix"),
    [
        (
            "for user in users.all():\n    send.delay(user.id)",
            "send is sent once for each element of users.all()",
            "group(send.s(...) for user in ...).delay()",
        ),
        (
            "[send.delay(o, u) for o, u in zip(orders, users)]",
            "send is sent once for each element of zip(orders, users)",
            "group(send.s(...) for (o, u) in ...).delay()",
        ),
        (
            "for user in users.filter(active=True, wants_mail=True, blocked=False):\n    send.delay(user.id)",
            "send is sent once for each element of the loop",
            "group(send.s(...) for user in ...).delay()",
        ),
    ],
)
def test_call_in_loop_says_what_to_write(body, message, fix):
    (problem,) = found("call-in-loop", looping(body))
    assert (problem.message, problem.fix) == (message, fix)
    assert describe(problem.about)[:2] == ("call", "proj.tasks.send")


def test_call_in_loop_counts_few_as_it_is_told():
    code = looping("for n in (1, 2, 3):\n    send.delay(n)")
    assert len(problems("call-in-loop", code, few=2)) == 1


NAMES = """
from celery import Celery, shared_task, signature
from proj.celery import app

@shared_task
def send(user_id): ...

@shared_task(name="mail")
def mail(user_id): ...

def view(name, other):
    {call}
"""
ELSEWHERE = {
    "proj/other.py": "import celery\n\ndef plain(): ...\n",
    "proj/worker.py": "other.add_task(special, name='proj.special')\n",
}


def naming(call):
    return source({"proj/tasks.py": NAMES.format(call=call)})


@pytest.mark.parametrize(
    ("call", "name", "at_most"),
    [
        ("app.send_task('proj.tasks.sent')", "proj.tasks.sent", None),
        ("app.send_task(name='proj.tasks.sent', args=[1])", "proj.tasks.sent", None),
        ("app.send_task('proj.jobs.send', [1])", "proj.jobs.send", None),
        ("app.signature('proj.tasks.sent')", "proj.tasks.sent", None),
        ("return signature('proj.tasks.zzz', args=(1,))", "proj.tasks.zzz", None),
        ("app.send_task('proj.other.plain')", "proj.other.plain", Severity.WARNING),
        ("app.send_task('proj.special')", "proj.special", Severity.WARNING),
        ("app.send_task('billing.tasks.charge', [1])", "billing.tasks.charge", Severity.INFO),
        ("app.send_task('charge')", "charge", Severity.INFO),
        ("app.send_task('send')", "send", Severity.WARNING),
        # look-alikes
        ("app.send_task('proj.tasks.send', [1])", None, None),
        ("app.send_task('mail')", None, None),
        ("app.send_task('celery.backend_cleanup')", None, None),
        ("app.signature('proj.tasks.send')", None, None),
        ("signature('mail')", None, None),
        ("app.send_task(name)", None, None),
        ("app.send_task(f'proj.tasks.{name}')", None, None),
        ("app.send_task(send.name)", None, None),
        ("Celery(broker=other).send_task('proj.tasks.sent')", None, None),
        ("client = Celery(broker=other)\n    client.send_task('proj.tasks.sent')", None, None),
        ("signature('proj.tasks.sent', app=other)", None, None),
        ("other.send_task('proj.tasks.sent')", None, None),
        ("other.signature('proj.tasks.sent')", None, None),
        ("send.delay(1)", None, None),
        ("send.signature((1,))", None, None),
    ],
)
def test_unknown_task_name(call, name, at_most):
    texts = {"proj/tasks.py": NAMES.format(call=call), **ELSEWHERE}
    code = source(texts, names=("proj.tasks.send", "mail", "celery.backend_cleanup"))
    expected = [] if name is None else [f"{name} is sent by name, and no task of that name is registered"]
    seen = found("unknown-task-name", code)
    assert [problem.message for problem in seen] == expected
    assert [problem.at_most for problem in seen] == [at_most] * len(expected)
    assert [describe(problem.about)[:2] for problem in seen] == [("call", name)] * len(expected)


@pytest.mark.parametrize(
    ("name", "fix"),
    [
        ("proj.tasks.sent", 'write "proj.tasks.send"'),
        ("proj.task.send", 'write "proj.tasks.send"'),
        ("proj.tasks.zzzzzz", None),
    ],
)
def test_unknown_task_name_knows_what_was_meant(name, fix):
    (problem,) = found("unknown-task-name", naming(f"app.send_task('{name}')"))
    assert problem.fix == fix


def test_unknown_task_name_does_not_judge_part_of_a_registry():
    code = source(NAMES.format(call="app.send_task('proj.tasks.sent')"), partial="No module named 'boto3'")
    with pytest.raises(NotEvaluated, match="only part of the tasks"):
        problems("unknown-task-name", code)


def test_unknown_task_name_does_not_judge_an_app_that_only_sends():
    text = "from celery import Celery\napp = Celery()\ndef view():\n    app.send_task('proj.tasks.sent')\n"
    with pytest.raises(NotEvaluated, match="no tasks of its own"):
        problems("unknown-task-name", source({"proj/web.py": text}, packages=("proj",)))


@pytest.mark.parametrize("check", ["call-in-loop", "unknown-task-name"])
def test_skipped_without_source(check):
    with pytest.raises(NotEvaluated, match="not at hand"):
        problems(check, naming("send.delay(1)").app)
