"""Chords and results that are waited for: tables of calls on backends that cannot serve them."""

from __future__ import annotations

import pytest
from celery import Celery, chain, chord, group

from celerycheck.findings import Severity, describe
from celerycheck.subjects import BackendInfo, NotEvaluated
from celerycheck.testing import app, flagged, found, problems, setting, source

TASKS = """
from celery import Celery, chain, chord, group, shared_task
from celery.result import AsyncResult
from django.core.cache import cache
import requests

@shared_task
def part(n): ...

@shared_task({ignore})
def quiet(n): ...

@shared_task
def total(numbers): ...

def send(numbers, more, key):
    {call}
"""

NEEDED = "needs a result backend, and none is set: sending it raises NotImplementedError"
CHORDS = [
    "chord([part.s(1), part.s(2)], total.s()).delay()",
    "chord(part.s(n) for n in numbers)(total.s())",
    "chord([part.s(n) for n in numbers])(more)",
    "chord(more, total.s())()",
    "return chord([part.s(1)], total.s())",
    "(group(part.s(1), part.s(2)) | total.s()).delay()",
    "chain(group(part.s(1), part.s(2)), total.s()).delay()",
    "chain(part.s(1), group(part.s(n) for n in numbers), total.s()).delay()",
    "chain(part.s(1), chain(part.s(1), group(part.s(), part.s())), total.s()).delay()",
]
NO_CHORDS = [
    "group(part.s(1), part.s(2)).delay()",
    "chain(part.s(1), part.s(2)).delay()",
    "chain(part.s(1), group(part.s(), part.s())).delay()",
    "(part.s(1) | group(part.s(), part.s())).delay()",
    "chain(part.s(1), chain(part.s(), part.s()), total.s()).delay()",
    "group(chain(part.s(1), part.s()), part.s(2)).delay()",
    "group(group(part.s(1)), part.s(2)).delay()",
    "chord([part.s(1)])",
    "part.chunks([(1,), (2,)], 1).delay()",
    "more.chord([part.s(1)], total.s())",
]
READS = [
    "part.delay(1).get()",
    "part.apply_async((1,)).get(timeout=5)",
    "result = part.delay(1)\n    result.ready()",
    "result = part.delay(1)\n    while not result.ready(): pass",
    "part.s(1).delay().get()",
    "group(part.s(1), part.s(2)).delay().join()",
    "group(part.s(1), part.s(2))().get()",
    "chain(part.s(1), part.s()).apply_async().get()",
    "return AsyncResult(key).get()",
    "return Celery().AsyncResult(key).successful()",
]
NO_READS = [
    "part.delay(1)",
    "part.delay(1).id",
    "part.apply((1,)).get()",
    "result = part.delay(1)\n    return result.id",
    "part.delay(1).revoke()",
    "part.delay(1).forget()",
    "cache.get(key)",
    "requests.get(key).get()",
    "more.get(key)\n    part.delay(1)",
    "', '.join(numbers)\n    part.delay(1)",
    "AsyncResult(key).revoke()",
    "more.AsyncResult(key).get()",
    "{'a': part.delay(1)}.get('a')",
    "part.s(1).get('args')",
    "part.delay(more.get(key))",
]


def calling(call, backend=None, ignore="", **fields):
    return source(
        TASKS.replace("{ignore}", ignore).replace("{call}", call), backend=BackendInfo(backend), **fields
    )


def lines(call):
    return [line.strip() for line in call.splitlines()][-1:]


@pytest.mark.parametrize("call", [*CHORDS, *READS])
def test_missing_result_backend(call):
    assert flagged("missing-result-backend", calling(call)) == lines(call)


@pytest.mark.parametrize("call", [*NO_CHORDS, *NO_READS])
def test_missing_result_backend_is_silent_where_none_is_needed(call):
    assert problems("missing-result-backend", calling(call)) == []


@pytest.mark.parametrize("call", [*CHORDS, *READS])
@pytest.mark.parametrize("backend", ["redis", "rpc", "db+sqlite"])
def test_missing_result_backend_is_silent_where_there_is_one(call, backend):
    assert problems("missing-result-backend", calling(call, backend)) == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("part.delay(1).get()", "get() reads the result of part, which fails: no result backend is set"),
        (
            "AsyncResult(key).ready()",
            "ready() reads the result of a task, which fails: no result backend is set",
        ),
        (
            "chord(part.s(n) for n in numbers)(total.s())",
            f"a chord {NEEDED}",
        ),
        (
            "(group(part.s(1), part.s(2)) | total.s()).delay()",
            f"a group followed by another task {NEEDED}",
        ),
    ],
)
def test_missing_result_backend_says_what_fails(call, message):
    assert problems("missing-result-backend", calling(call)) == [message]


@pytest.mark.parametrize(
    ("call", "subject"),
    [
        ("part.delay(1).get()", ("call", "proj.tasks.part")),
        ("AsyncResult(key).get()", ("setting", "result_backend")),
        ("chord(part.s(n) for n in numbers)(total.s())", ("call", "proj.tasks.total")),
        ("chord(part.s(n) for n in numbers)(more)", ("call", "proj.tasks.part")),
        ("chord(numbers, more)", ("setting", "result_backend")),
    ],
)
def test_missing_result_backend_is_about_the_call(call, subject):
    (problem,) = found("missing-result-backend", calling(call))
    assert describe(problem.about)[:2] == subject


def test_missing_result_backend_is_less_sure_of_a_setting_that_may_come_from_the_environment():
    (sure,) = found("missing-result-backend", calling("part.delay(1).get()"))
    (doubtful,) = found(
        "missing-result-backend", calling("part.delay(1).get()", values={"result_backend": None})
    )
    assert (sure.at_most, doubtful.at_most) == (None, Severity.WARNING)


def test_tasks_run_at_once_need_no_backend():
    code = calling("part.delay(1).get()", values={"task_always_eager": True})
    assert problems("missing-result-backend", code) == []


def test_results_read_in_tests_are_left_alone():
    files = {"proj/tasks.py": TASKS.replace("{ignore}", "").replace("{call}", "part.delay(1)")}
    files["proj/test_tasks.py"] = "from celery.result import AsyncResult\nAsyncResult('a').get()\n"
    assert problems("missing-result-backend", source(files)) == []


@pytest.mark.parametrize("call", CHORDS)
def test_chord_on_rpc(call):
    (message,) = problems("chord-on-rpc", calling(call, "rpc"))
    assert message.endswith("does not work on rpc://: sending it raises NotImplementedError")
    assert problems("chord-on-rpc", calling(call, "redis")) == []
    assert problems("chord-on-rpc", calling(call, None)) == []


@pytest.mark.parametrize("call", [*NO_CHORDS, *READS, *NO_READS])
def test_chord_on_rpc_is_silent_where_no_chord_is_made(call):
    assert problems("chord-on-rpc", calling(call, "rpc")) == []


IGNORED = "ignore_result=True"


@pytest.mark.parametrize(
    ("call", "count"),
    [
        ("chord([quiet.s(1), part.s(2)], total.s()).delay()", 1),
        ("chord(quiet.s(n) for n in numbers)(total.si())", 1),
        ("chain(group(quiet.s(1), quiet.s(2)), total.s()).delay()", 2),
        ("chord([chain(part.s(1), quiet.s())])(total.s())", 1),
        ("chord([group(part.s(1), quiet.s(2))])(total.s())", 1),
        ("chord([part.s(1).set(ignore_result=True)])(total.s())", 1),
        (
            "parts = []\n    for n in more:\n        parts.append(quiet.s(n))\n    chord(parts)(total.s())",
            1,
        ),
        # look-alikes
        ("chord([part.s(1), part.s(2)], total.s()).delay()", 0),
        ("chord([part.s(1)], quiet.s()).delay()", 0),
        ("chord([chain(quiet.s(1), part.s())])(total.s())", 0),
        ("chain(quiet.s(1), part.s()).delay()", 0),
        ("chain(part.s(1), group(quiet.s(), quiet.s())).delay()", 0),
        ("group(quiet.s(1), quiet.s(2)).delay()", 0),
        ("chord(more)(total.s())", 0),
        ("chord([quiet.s(1)])", 0),
        ("chord([quiet.s(1).set(ignore_result=False)])(total.s())", 0),
        ("chord([part.s(1).set(ignore_result=more)])(total.s())", 0),
        ("chord([chord([quiet.s(1)])])", 0),
        ("quiet.delay(1)", 0),
        ("chord([more.s(1)])(total.s())", 0),
        ("chord([part.s(1)])(chain(quiet.s(), total.s()))", 0),
        ("quiet.chunks(zip(numbers), 10).delay()", 0),
    ],
)
def test_chord_of_ignored_results(call, count):
    for backend in ("db+sqlite", "file", "cache+memory"):
        assert len(problems("chord-of-ignored-results", calling(call, backend, IGNORED))) == count
    for backend in (None, "redis", "rpc", "rediss", "dynamodb"):
        assert problems("chord-of-ignored-results", calling(call, backend, IGNORED)) == []


@pytest.mark.parametrize(
    ("backend", "end"),
    [("db+postgresql", "its body never runs on db"), ("cache", "its body fails with a ChordError on cache")],
)
def test_chord_of_ignored_results_says_how_it_ends(backend, end):
    (problem,) = found(
        "chord-of-ignored-results", calling("chord([quiet.s(1)], total.s())", backend, IGNORED)
    )
    assert problem.message == f"quiet keeps no result (ignore_result) and a chord waits for it: {end}"
    assert describe(problem.about)[:2] == ("task", "proj.tasks.quiet")


def test_chord_of_ignored_results_counts_what_all_tasks_are_told():
    code = calling("chord([part.s(1)], total.s())", "db", inherited={"ignore_result": True})
    assert len(problems("chord-of-ignored-results", code)) == 1


def test_an_option_on_a_signature_counts_from_celery_5_7_on():
    call = "chord([part.s(1).set(ignore_result=True)])(total.s())"
    assert problems("chord-of-ignored-results", calling(call, "db", celery="5.6.3")) == []


@pytest.mark.parametrize("check", ["missing-result-backend", "chord-on-rpc", "chord-of-ignored-results"])
def test_skipped_without_source(check):
    code = calling("chord([part.s(1)], total.s())", "rpc")
    with pytest.raises(NotEvaluated, match="not at hand"):
        problems(check, code.app)


def test_a_setting_of_an_app_without_calls_is_no_problem():
    subject = app(backend=BackendInfo(None), values={"result_backend": None})
    assert subject.settings["result_backend"] == setting("result_backend", None)
    assert problems("missing-result-backend", subject) == []


@pytest.fixture(scope="module", params=[None, "rpc://"])
def celery_app(request):
    made = Celery("chords", broker="memory://", backend=request.param, set_as_current=False)
    made.task(name="part", shared=False)(part)
    made.task(name="total", shared=False)(part)
    made.finalize()
    return made


def part(n): ...


@pytest.mark.parametrize(
    ("make", "refused"),
    [
        (lambda p, t: chord([p.s(1), p.s(2)], t.s()), True),
        (lambda p, t: chord([p.s(1)], t.s()), True),
        (lambda p, t: group(p.s(1), p.s(2)) | t.s(), True),
        (lambda p, t: chain(p.s(1), group(p.s(), p.s()), t.s()), True),
        (lambda p, t: chain(p.s(1), group(p.s(), p.s())), False),
        (lambda p, t: group(p.s(1), p.s(2)), False),
        (lambda p, t: chain(p.s(1), t.s()), False),
        (lambda p, t: p.chunks([(1,), (2,)], 1), False),
    ],
)
def test_what_celery_refuses_to_send(celery_app, make, refused):
    flow = make(celery_app.tasks["part"], celery_app.tasks["total"])
    if refused:
        with pytest.raises(NotImplementedError, match="chords"):
            flow.apply_async()
    else:
        flow.apply_async()


@pytest.mark.parametrize("method", ["get", "wait", "get_leaf", "ready", "successful", "failed"])
def test_what_celery_refuses_to_read(method):
    made = Celery("reads", broker="memory://", set_as_current=False)
    result = made.task(name="part", shared=False)(part).delay(1)
    with pytest.raises((NotImplementedError, AttributeError)):
        getattr(result, method)()
