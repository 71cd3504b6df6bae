"""Tasks that send workflows, and themselves: bodies, and what is said of them."""

from __future__ import annotations

import pytest

from celerycheck.findings import Severity
from celerycheck.testing import flagged, found, problems, source

STEPS = """
from celery import chain, chord, group, shared_task

@shared_task
def part(n): ...

@shared_task
def total(numbers): ...

@shared_task(bind=True)
def split(self, numbers, signature):
    {body}

def view(numbers):
    {outer}
"""
SENDS = "split sends a group and ends before it is done"
CHAINED = "chain(split.s([1]), total.s()).delay()"


def stepping(body, outer=CHAINED):
    return source(STEPS.format(body=body.replace("\n", "\n    "), outer=outer))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("group(part.s(n) for n in numbers).delay()", None),
        ("chain(part.s(1), part.si(2)).apply_async()", None),
        ("chain(part.s(1), part.si(2))()", None),
        ("(part.s(1) | part.si(2)).delay()", None),
        ("chord([part.s(1), part.s(2)])(total.s())", None),
        ("flow = group(part.s(n) for n in numbers)\nflow.apply_async()", "flow.apply_async()"),
        ("if numbers:\n    return group(part.s(1)).delay()", "return group(part.s(1)).delay()"),
        ("parts = [part.s(n) for n in numbers]\ngroup(parts).delay()", "group(parts).delay()"),
        # look-alikes
        ("raise self.replace(group(part.s(n) for n in numbers))", ""),
        ("return self.replace(chain(part.s(1), part.si(2)))", ""),
        ("flow = group(part.s(1))\nraise self.replace(flow | total.s())", ""),
        ("return chain(part.s(1), part.si(2))", ""),
        ("return group(part.s(n) for n in numbers)", ""),
        ("self.add_to_chord(part.s(1))", ""),
        ("part.delay(1)", ""),
        ("for n in numbers:\n    part.delay(n)", ""),
        ("part.s(1).delay()", ""),
        ("signature.delay()", ""),
        ("numbers.group(1).delay()", ""),
        ("group(part.s(n) for n in numbers).apply()", ""),
        ("group(part.s(n) for n in numbers).delay().get()", ""),
        ("result = chain(part.s(1), part.si(2))()\nresult.get(disable_sync_subtasks=False)", ""),
        ("flow = group(part.s(n) for n in numbers)\nflow.skew(1, 10)", ""),
        ("flow = chain(part.s(1), part.si(2))\nflow.freeze()", ""),
        ("return list(zip(numbers, signature))", ""),
    ],
)
def test_nested_workflow(body, line):
    expected = [body if line is None else line] if line != "" else []
    assert flagged("nested-workflow", stepping(body)) == expected
    assert all(problem.at_most is None for problem in found("nested-workflow", stepping(body)))


@pytest.mark.parametrize(
    ("outer", "sure"),
    [
        (CHAINED, True),
        ("(split.s([1]) | total.s()).delay()", True),
        ("return chain(part.s(1), split.s(), total.s())", True),
        ("chord([split.s([1])], total.s()).delay()", True),
        ("chain(group(split.s([1]), part.s(2)), total.s()).delay()", True),
        ("chain(chain(part.s(1), split.s()), total.s()).delay()", True),
        ("split.delay([1])", False),
        ("pass", False),
        ("chain(part.s(1), split.s()).delay()", False),
        ("chord([part.s(1)], split.s()).delay()", False),
        ("group(split.s([1]), part.s(2)).delay()", False),
        ("chain(part.s(1), group(split.s(), part.s())).delay()", False),
        ("chain(total.s([1]), part.s()).delay()", False),
    ],
)
def test_nested_workflow_is_a_hint_where_nothing_follows(outer, sure):
    (problem,) = found("nested-workflow", stepping("group(part.s(n) for n in numbers).delay()", outer))
    assert problem.at_most is (None if sure else Severity.INFO)


@pytest.mark.parametrize(
    ("outer", "message"),
    [
        (CHAINED, f"{SENDS}; total, which follows split in a workflow, does not wait for it"),
        ("pass", f"{SENDS}: what is chained on it does not wait"),
    ],
)
def test_nested_workflow_names_what_does_not_wait(outer, message):
    code = stepping("group(part.s(n) for n in numbers).delay()", outer)
    assert message in problems("nested-workflow", code)


POLL = """
from celery import shared_task

@shared_task
def other(job_id): ...

@shared_task(bind=True)
def poll(self, job_id, attempt=0):
    {body}
"""


def polling(body):
    return source(POLL.format(body=body.replace("\n", "\n    ")))


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ("check(job_id)\npoll.delay(job_id)", "poll.delay(job_id)"),
        ("check(job_id)\nself.delay(job_id)", "self.delay(job_id)"),
        ("poll.apply_async((job_id,), countdown=60)", "poll.apply_async((job_id,), countdown=60)"),
        ("self.apply_async(args=[job_id, attempt])", "self.apply_async(args=[job_id, attempt])"),
        ("self.apply_async(args=self.request.args)", "self.apply_async(args=self.request.args)"),
        ("self.apply_async(kwargs={'job_id': job_id})", "self.apply_async(kwargs={'job_id': job_id})"),
        ("try:\n    check(job_id)\nfinally:\n    poll.delay(job_id)", "poll.delay(job_id)"),
        (
            "try:\n    if done():\n        return\n    check()\nfinally:\n    poll.delay(job_id)",
            "poll.delay(job_id)",
        ),
        ("with timer():\n    check(job_id)\n    poll.delay(job_id)", "poll.delay(job_id)"),
        ("try:\n    check(job_id)\nexcept OSError:\n    log()\npoll.delay(job_id)", "poll.delay(job_id)"),
        ("if busy():\n    self.delay(job_id)\nelse:\n    self.apply_async((job_id,))", "self.delay(job_id)"),
        ("for each in jobs():\n    check(each)\nreturn poll.delay(job_id)", "return poll.delay(job_id)"),
        # look-alikes
        ("if not done(job_id):\n    poll.delay(job_id)", None),
        ("if done(job_id):\n    return\npoll.delay(job_id)", None),
        ("if gone(job_id):\n    raise ValueError(job_id)\npoll.delay(job_id)", None),
        ("if done(job_id):\n    return\ntry:\n    check()\nfinally:\n    poll.delay(job_id)", None),
        ("while busy():\n    poll.delay(job_id)", None),
        ("for each in jobs():\n    poll.delay(job_id)", None),
        ("poll.delay(job_id, attempt + 1)", None),
        ("attempt += 1\npoll.delay(job_id, attempt)", None),
        ("job_id = following(job_id)\npoll.delay(job_id)", None),
        ("page = fetch(job_id)\npoll.delay(page.next)", None),
        ("poll.delay(job_id.parent_id)", None),
        ("poll.apply_async(args=arguments(job_id))", None),
        ("poll.apply_async(**options())", None),
        ("poll.apply_async((job_id,), {**more()})", None),
        ("try:\n    check(job_id)\nexcept OSError:\n    poll.delay(job_id)", None),
        ("try:\n    check(job_id)\nexcept OSError:\n    return\npoll.delay(job_id)", None),
        ("with cache.lock('poll'):\n    poll.delay(job_id)", None),
        ("match job_id:\n    case 1:\n        poll.delay(job_id)", None),
        ("other.delay(job_id)", None),
        ("poll.apply((job_id,))", None),
        ("poll.s(job_id)", None),
        ("return poll.s(job_id)", None),
        ("raise self.retry(countdown=60)", None),
        ("self.retry()", None),
        ("poll(job_id)", None),
        ("def again():\n    poll.delay(job_id)\nregister(again)", None),
        ("if busy():\n    self.delay(job_id)\nelse:\n    other.delay(job_id)", None),
        ("if busy():\n    self.delay(job_id)\nelif late():\n    pass\nelse:\n    self.delay(job_id)", None),
        ("if done():\n    return\nif busy():\n    self.delay(job_id)\nelse:\n    self.delay(job_id)", None),
    ],
)
def test_self_rescheduling_task(body, line):
    assert flagged("self-rescheduling-task", polling(body)) == ([] if line is None else [line])


@pytest.mark.parametrize(
    ("body", "pace", "every"),
    [
        ("poll.delay(job_id)", "", ""),
        ("poll.apply_async((job_id,), countdown=60)", " after 60 s", " every 60 s"),
        ("poll.apply_async((job_id,), countdown=delay())", "", ""),
    ],
)
def test_self_rescheduling_task_says_what_to_do(body, pace, every):
    (problem,) = found("self-rescheduling-task", polling(body))
    assert problem.message == (
        f"poll sends itself again{pace} with the same arguments in every run: nothing ends it, and a second"
        " copy runs on beside the first"
    )
    assert problem.fix == f"remove the call, and let beat send poll{every}: an entry in beat_schedule"
