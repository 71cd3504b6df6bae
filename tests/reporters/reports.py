"""Reports of every kind, for the tests of all reporters to write."""

from dataclasses import replace
from datetime import datetime, timezone

from celerycheck.findings import Finding, Notice, Outcome, Report, Severity
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

ALL = {
    "ordinary": ORDINARY,
    "clean": CLEAN,
    "notes": ONLY_NOTES,
    "broken": BROKEN,
    "wide": WIDE,
    "big": BIG,
}
