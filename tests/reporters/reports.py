"""Reports of every kind, for the tests of all reporters to write."""

from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

from celerycheck.findings import (
    Finding,
    Notice,
    Outcome,
    Report,
    Severity,
    SourceSummary,
    Step,
    Unreadable,
)
from celerycheck.source import excerpts
from celerycheck.subjects import BackendInfo, BrokerInfo, Location, Note
from celerycheck.testing import QueueInfo, ScheduleEntry, app, task

NOW = datetime(2026, 3, 1, 18, 3, tzinfo=timezone.utc)
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


def finding(check="unbounded-retries", severity=WARNING, subject="shop.mail.send", **fields):
    """A finding at `shop/mail.py:12`, in the section Retries unless said otherwise."""
    values = {
        "title": "Task may retry forever",
        "section": "Retries",
        "subject_kind": "task",
        "message": "max_retries is None: it retries until it succeeds",
        "fix": "set `max_retries` to a number, and let the last failure reach a person",
        "location": Location("shop/mail.py", 12),
    }
    return Finding(check=check, severity=severity, subject=subject, **{**values, **fields})


def outcome(name="unbounded-retries", status="passed", section="Retries", severity=WARNING, **fields):
    return Outcome(
        **{"id": name, "title": name, "section": section, "severity": severity, "status": status, **fields}
    )


SCHEDULE = (
    ScheduleEntry(
        "nightly-cleanup", "shop.stock.clean", "crontab", "30 3 * * *", next_run="2026-03-02T03:30:00+00:00"
    ),
    ScheduleEntry("digest", "shop.mail.digest", "crontab", "* 6 * * *", next_run="2026-03-02T06:00:00+00:00"),
    ScheduleEntry("sync-stock", "shop.stock.sync", "interval", "every 30 s", seconds=30, due=True),
    ScheduleEntry("tide", "shop.stock.tide", "custom", "shop.tides.HighWater"),
    ScheduleEntry("broken", "shop.stock.sync", "malformed", "", error="schedule is a str, not a schedule"),
)

SHOP = app(
    *(task(f"shop.tasks.t{n}") for n in range(14)),
    target="shop",
    name="shop",
    module="shop.celery",
    attribute="app",
    python="3.11.9",
    broker=BrokerInfo("redis", "redis"),
    backend=BackendInfo("redis"),
    third_party=tuple(task(f"lib.tasks.t{n}", third_party=True) for n in range(9)),
    queues=tuple(QueueInfo(n) for n in ("celery", "mail", "reports", "stock")),
    schedule=SCHEDULE,
)

VISIBILITY = finding(
    "short-visibility-timeout",
    ERROR,
    "shop.reports.build_yearly_report",
    section="Broker",
    title="A task may run longer than the broker waits for it",
    message="time_limit is 7200 s, but Redis redelivers unacknowledged messages after 3600 s",
    fix='broker_transport_options = {"visibility_timeout": 7500}, or time_limit below 3600',
    location=Location("shop/reports.py", 41),
)
NO_BACKOFF = tuple(
    finding(
        "retry-without-backoff",
        WARNING,
        subject,
        title="Retries come at a fixed pace",
        message="autoretry_for without retry_backoff hammers a service that is down",
        fix="retry_backoff=True, retry_backoff_max=600",
        location=Location(*where),
    )
    for subject, where in {
        "shop.mail.send_receipt": ("shop/mail.py", 12),
        "shop.mail.send_reminder": ("shop/mail.py", 30),
        "shop.stock.sync": ("shop/stock.py", 8),
    }.items()
)
EVERY_MINUTE = finding(
    "every-minute-crontab",
    WARNING,
    "digest",
    subject_kind="schedule",
    section="Schedule",
    title="A crontab with an hour runs every minute of it",
    message='crontab(hour=6) runs 60 times, because minute is left at "*"',
    fix="crontab(hour=6, minute=0)",
    location=Location("shop/celery.py", 31),
)
UNDOCUMENTED = tuple(
    finding(
        "undocumented-task",
        INFO,
        f"shop.tasks.t{n}",
        section="Task definitions",
        title="Task has no docstring",
        message="nothing says what it does",
        fix="say in a docstring what it does and why it may run twice",
        location=Location("shop/tasks.py", 10 + n),
    )
    for n in range(11)
)

PASSED = tuple(
    outcome(f"passes-{section}-{n}".lower().replace(" ", "-"), section=section)
    for section, number in {
        "Broker": 11,
        "Retries": 12,
        "Acknowledgement": 9,
        "Time limits": 7,
        "Results": 8,
        "Task definitions": 20,
        "Schedule": 14,
    }.items()
    for n in range(number)
)
NOT_PASSED = (
    outcome("short-visibility-timeout", "failed", "Broker", ERROR),
    outcome("retry-without-backoff", "failed"),
    outcome("every-minute-crontab", "failed", "Schedule"),
    outcome("undocumented-task", "failed", "Task definitions", INFO),
    outcome("global-qos", "skipped", "Broker", reason="Celery 5.8 or newer"),
    outcome("soft-limit-swallowed", "skipped", "Time limits", reason="broker_url is computed"),
    outcome("limit-above-visibility", "skipped", "Time limits", reason="broker_url is computed"),
    outcome("failures-are-noticed", "unanswered", "Operations"),
    outcome("queues-are-watched", "unanswered", "Operations"),
)

STALE = Notice("stale-waiver", "the waiver for reports.* matched nothing", Location("celerycheck.yaml", 9))

ORDINARY = Report(
    SHOP,
    outcomes=(*PASSED, *NOT_PASSED),
    findings=(VISIBILITY, *NO_BACKOFF, EVERY_MINUTE, *UNDOCUMENTED),
    waived=(finding(subject="shop.reports.import_all", reason="only run by hand, see the runbook"),),
    notices=(STALE,),
)

CLEAN = Report(SHOP, PASSED, ())
ONLY_NOTES = replace(ORDINARY, findings=UNDOCUMENTED, outcomes=PASSED, waived=(), notices=())

BROKEN = replace(
    ORDINARY,
    app=replace(
        SHOP,
        partial="shop.stock cannot be imported (ModuleNotFoundError: No module named 'pandas')",
        broker=BrokerInfo("kafka", "kafka", transport_error="No module named 'confluent_kafka'"),
        backend=BackendInfo(None),
        notes=(Note("3 Celery apps in shop.celery; took app", Location("shop/celery.py", 5)),),
    ),
    outcomes=(
        *ORDINARY.outcomes,
        outcome(
            "unknown-queue",
            "crashed",
            "Routing",
            reason="KeyError: 'mail'",
            traceback="Traceback (most recent call last):\n  File \"x.py\", line 1, in f\nKeyError: 'mail'\n",
        ),
    ),
)

LONG = (
    "shop.warehouse.replenishment.suppliers.northern_europe.tasks."
    "recalculate_the_reorder_points_of_every_article_of_supplier"
)
WIDE = replace(
    ORDINARY,
    findings=(
        finding(subject=LONG, location=Location(LONG.replace(".", "/") + ".py", 1234)),
        finding(subject="shop.mail.sende_grüße", location=Location("shop/grüße.py", 3)),
        finding(subject="店舗.タスク.領収書を送る", location=Location("店舗/タスク.py", 7)),
        finding(subject="shop.evil\x1b[31m\u202e", message="[bold]not bold[/bold] [link=x]", location=None),
        finding("unknown-kind", ERROR, "something", subject_kind="planet", section="Elsewhere", fix=""),
    ),
)

AREAS = [
    {"subject": f"shop.area{n % 7}.tasks.do_thing_{n}", "location": Location(f"shop/area{n % 7}.py", n + 1)}
    for n in range(142)
]
TIGHT = {"title": "Retries are over within seconds", "fix": "retry_backoff=True"}
SLOW = {"section": "Broker", "title": VISIBILITY.title, "fix": "a time_limit below 3600"}
BIG = replace(
    ORDINARY,
    findings=(
        *(finding(**area) for area in AREAS),
        *(
            finding("short-visibility-timeout", ERROR, message=f"time_limit is {4000 + n} s", **SLOW, **area)
            for n, area in enumerate(AREAS[:40])
        ),
        *(
            finding("short-retry-budget", message=f"{2 + n % 3} retries end in {n % 3} s", **TIGHT, **area)
            for n, area in enumerate(AREAS[:30])
        ),
    ),
)

PROJECT = Path(__file__).parent / "project"


def spot(path, code):
    """Where this code stands in a file of `PROJECT`."""
    before, found, _ = (PROJECT / path).read_text("utf-8").partition(code)
    assert found, code
    line, end_line = before.count("\n") + 1, (before + code).count("\n") + 1
    column, end_column = (len(text) - text.rfind("\n") for text in (before, before + code))
    return Location(path, line, column, end_line, end_column)


def in_tasks(check, severity, subject, code, **fields):
    return finding(check, severity, f"shop.tasks.{subject}", location=spot("shop/tasks.py", code), **fields)


def step(text, path, line):
    return Step(text, Location(path, line))


TO_SERVICES = step("send_receipt calls services.deliver", "shop/tasks.py", 15)
TO_CLIENT = step("services.deliver calls client.post", "shop/services.py", 10)
UNTIMED = {
    "title": "A request without a timeout may hang forever",
    "section": "Task bodies",
    "fix": "timeout=(3.05, 30): seconds to connect, and to wait for each answer",
}
WAITS = in_tasks(
    "waits-for-task",
    ERROR,
    "render",
    "fetch.delay(order_id).get(timeout=30)",
    section="Task bodies",
    title="A task waits for another task's result",
    message="it waits up to 30 s for shop.tasks.fetch, and keeps its worker process meanwhile",
    fix="chain(fetch.s(order_id), render.s()): render then receives what fetch returned",
)
NO_TIMEOUT = (
    in_tasks(
        "no-network-timeout",
        WARNING,
        "render",
        'requests.post("https://print.example.org/jobs", data=pdf,'
        ' headers={"Authorization": "Bearer 9f31c0ffee"})',
        message="requests.post has no timeout",
        **UNTIMED,
    ),
    finding(
        "no-network-timeout",
        WARNING,
        "shop.tasks.send_receipt",
        message="requests.Session.post has no timeout",
        location=spot(
            "shop/store/client.py",
            'session.post("https://mailer:hunter2@mail.example.org/send",'
            ' json={"order": order.pk, "to": order.email})',
        ),
        trace=(TO_SERVICES, TO_CLIENT),
        **UNTIMED,
    ),
)
IN_CODE = (
    WAITS,
    *NO_TIMEOUT,
    in_tasks(
        "wrong-arity",
        ERROR,
        "fetch",
        "chain(\n        fetch.s(line_id),\n        render.s(),\n        store.si(\n            what,\n"
        "            more,\n        ),\n        send_receipt.s(),\n    ).apply_async()",
        subject_kind="call",
        section="Workflows and calls",
        title="A task is called with arguments it does not take",
        message="render returns None, which send_receipt receives as order_id",
        fix="send_receipt.si(order_id)",
    ),
    in_tasks(
        "options-given-to-delay",
        ERROR,
        "audit",
        'audit.delay(line.pk, "fetched", user="system",'
        ' remark="the order was fetched for rendering its receipt", retry=True)',
        subject_kind="call",
        section="Workflows and calls",
        title="Options of the message are given to delay()",
        message="retry becomes an argument of the task, which passes it on to nothing",
        fix='audit.apply_async((line.pk, "fetched"), {"user": "system"}, retry=True)',
    ),
    in_tasks(
        "call-before-commit",
        WARNING,
        "render",
        "render.delay(order.pk)",
        subject_kind="call",
        section="Workflows and calls",
        title="A task is sent before the row it needs is committed",
        message="it is sent inside transaction.atomic(): the worker may look for the row before it is there",
        fix="transaction.on_commit(partial(render.delay, order.pk)), or render.delay_on_commit(order.pk)",
    ),
)
WITH_CODE = replace(
    ORDINARY,
    findings=(*IN_CODE, *NO_BACKOFF),
    evidence=(*ORDINARY.evidence, "source"),
    source=SourceSummary(43, (Unreadable("shop/old.py", "line 3: invalid syntax"),), 112, 9),
    excerpts=excerpts.read(PROJECT, [found.location for found in IN_CODE]),
)

CALLS = {
    "send_receipt": (
        "services.deliver",
        'requests.get(f"https://{order.carrier}.example.org/pickups/{order.pk}")',
    ),
    "fetch": ("services.lines", 'requests.get(f"https://erp.example.org/orders/{order_id}/lines")'),
    "render": ("services.order", 'requests.get(f"https://erp.example.org/orders/{order_id}")'),
    "count": ("services.stock", 'requests.get(f"https://erp.example.org/stock/{article}")'),
    "reprice": ("services.price", 'requests.get(f"https://erp.example.org/prices/{article}")'),
    "convert": ("services.rates", 'requests.get("https://rates.example.org/latest")'),
}
MANY_IN_CODE = tuple(
    finding(
        "no-network-timeout",
        WARNING,
        f"shop.tasks.{subject}",
        message="requests.get has no timeout",
        location=spot("shop/services.py", code),
        trace=(step(f"{subject} calls {helper}", "shop/tasks.py", 10 + n),),
        **UNTIMED,
    )
    for n, (subject, (helper, code)) in enumerate(CALLS.items())
)
SAME_LINES = tuple(
    finding(
        "non-idempotent-task",
        WARNING,
        f"shop.tasks.{subject}",
        message=f"{subject} is retried, and posts again what it posted before",
        fix="send an idempotency key with it, such as the order's number",
        title="A task repeats an effect when it is retried",
        section="Acknowledgement",
        location=NO_TIMEOUT[1].location,
        trace=(step(f"{subject} calls services.deliver", "shop/tasks.py", line), TO_CLIENT),
    )
    for subject, line in (("send_receipt", 15), ("send_reminder", 40))
)
MANY = replace(
    WITH_CODE,
    findings=(*MANY_IN_CODE, *SAME_LINES),
    source=replace(
        WITH_CODE.source,
        unreadable=tuple(Unreadable(f"old/m{n}.py", "is not UTF-8 text") for n in range(5)),
    ),
    excerpts=excerpts.read(PROJECT, [found.location for found in (*MANY_IN_CODE, *SAME_LINES)]),
)
ODD_CODE = finding(
    "no-network-timeout",
    location=spot(
        "shop/tasks.py", 'requests.get("https://shop.example.org/größe/日本語", params={"was": "größe"})'
    ),
    message="requests.get has no timeout",
    **UNTIMED,
)
WITHOUT_EXCERPTS = replace(WITH_CODE, excerpts={})
WIDE = replace(
    WIDE, findings=(*WIDE.findings, ODD_CODE), excerpts=excerpts.read(PROJECT, [ODD_CODE.location])
)

ALL = {
    "ordinary": ORDINARY,
    "clean": CLEAN,
    "notes": ONLY_NOTES,
    "broken": BROKEN,
    "wide": WIDE,
    "big": BIG,
    "code": WITH_CODE,
    "code-many": MANY,
}
