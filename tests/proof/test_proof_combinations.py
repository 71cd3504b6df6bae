"""What `new-task` makes holds, in every kind of project and with every option: run for real, and tried."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from proof_projects import (
    BASED,
    EMPTY,
    FLASK,
    MUTE,
    PLAIN,
    ROUTED,
    SHARED,
    SINGLE,
    SPLIT,
    SRC,
    Base,
    apps_folder,
    django,
    lived_in,
    split_django,
)
from proof_steps import everything_wrong, written

pytestmark = pytest.mark.proof

ONE = "--param invoice_id:int"
MORE = "--param 'note:str | None' --param 'amounts:dict[str, list[int]]' --param urgent:bool"
TASK = f"charge_invoice {ONE}"
OTHER = f"refund_invoice {ONE}"
LONG = "charge_the_invoice_of_a_customer_and_tell_the_bookkeeping_of"
MIDDLING = "charge_the_invoice_of_a_customer_for_books"
FLOW = "import_orders --kind workflow --param shop_id:int --steps"
CLOCK = "close_books --kind periodic"


@dataclass(frozen=True)
class Combination:
    """A project, made when it is needed, and the command lines of one `new-task` after another."""

    base: Callable[[], Base]
    commands: tuple[str, ...]


def given(base: Base) -> Callable[[], Base]:
    return lambda: base


def plain(*commands: str, base: Base = PLAIN) -> Combination:
    return Combination(given(base), tuple(f"{command} --package shop" for command in commands))


def web(*commands: str) -> Combination:
    return Combination(given(FLASK), tuple(f"{command} --package web" for command in commands))


def billing(*commands: str, base: Callable[[], Base] = django) -> Combination:
    return Combination(base, tuple(f"{command} --package billing" for command in commands))


def apps(*commands: str) -> Combination:
    return Combination(apps_folder, tuple(f"{command} --package apps.billing" for command in commands))


TASKS = {
    "smoke-django": billing(TASK),
    "django-types": billing(f"{TASK} {MORE}"),
    "django-httpx": billing(f"{TASK} --outside httpx"),
    "django-urllib": billing(f"{TASK} --outside urllib --retry-on OSError --retry-on ValueError"),
    "django-nothing-outside": billing(f"{TASK} --outside none"),
    "django-own-retries": billing(
        f"{TASK} --outside none --retry-on django.db.OperationalError --max-retries 2"
    ),
    "django-result-bound": billing(f"{TASK} --keep-result --bind"),
    "django-unreliable": billing(f"{TASK} --no-reliable"),
    "django-queue": billing(f"{TASK} --queue billing"),
    "django-rate": billing(f"{TASK} --queue slow --rate-limit 10/m"),
    "django-limits": billing(f"{TASK} --soft-time-limit 5m --time-limit 10m --max-retries 12"),
    "django-middling-79": billing(f"{MIDDLING} {ONE} {MORE}", base=lambda: django().wide(79)),
    "django-long": billing(f"{LONG} {ONE} {MORE}"),
    "django-long-110": billing(f"{LONG} {ONE} {MORE}", base=lambda: django().wide(110)),
    "django-windows": billing(TASK, base=lambda: lived_in().windows()),
    "django-ragged": billing(TASK, base=lambda: lived_in().ragged()),
    "django-lived-in": billing(f"{TASK} --queue mail", base=lived_in),
    "django-twice": billing(TASK, "refund_invoice --param 'invoices:list[int]'", base=lived_in),
    "django-folder": apps(f"{TASK} --queue mail"),
    "django-split": billing(TASK, OTHER, base=split_django),
    "smoke-plain": plain(TASK),
    "plain-redis": plain(f"{TASK} --store redis --queue billing"),
    "plain-httpx": plain(f"{TASK} --outside httpx --retry-on httpx.HTTPError --retry-on OSError"),
    "plain-urllib-redis": plain(f"{TASK} {MORE} --outside urllib --store redis"),
    "plain-nothing-outside": plain(f"{TASK} --outside none"),
    "plain-nothing-outside-redis": plain(f"{TASK} --outside none --store redis --bind --keep-result"),
    "plain-unreliable": plain(f"{TASK} --no-reliable"),
    "plain-shared": plain(f"{TASK} --queue billing", base=SHARED),
    "plain-first-task": plain(TASK, base=EMPTY),
    "plain-no-backend": plain(TASK, base=MUTE),
    "plain-base": plain(f"{TASK} --keep-result", base=BASED),
    "plain-routed": plain(f"{TASK} --queue slow --max-retries 3", base=ROUTED),
    "plain-middling-79": plain(f"{MIDDLING} {ONE} {MORE} --queue billing", base=ROUTED.wide(79)),
    "plain-long-110": plain(f"{LONG} {ONE} {MORE} --store redis --bind", base=PLAIN.wide(110)),
    "plain-windows": plain(f"{TASK} --queue billing", base=ROUTED.windows()),
    "plain-ragged": plain(f"{TASK} --store redis", base=SHARED.ragged()),
    "plain-twice": plain(TASK, f"{OTHER} {MORE} --queue billing --rate-limit 1/s", base=ROUTED),
    "plain-src": plain(TASK, base=SRC),
    "plain-split": plain(f"{TASK} --store redis", f"{OTHER} --store redis", base=SPLIT),
    "single-module": Combination(given(SINGLE), (f"{TASK} --package .",)),
    "smoke-flask": web(TASK),
    "flask-redis": web(f"{TASK} --store redis --outside httpx --keep-result"),
    "flask-queue": web(f"{TASK} --outside urllib --bind --queue billing"),
}
WORKFLOWS = {
    "django-workflow": billing(f"{FLOW} fetch,store"),
    "django-workflow-4": apps(f"{FLOW} fetch,check,store,notify --queue mail --outside httpx"),
    "django-workflow-beside-task": billing(TASK, f"{FLOW} fetch,store --no-reliable", base=lived_in),
    "smoke-plain-workflow": plain(f"{FLOW} fetch,store"),
    "plain-workflow-4": plain(
        f"{FLOW} fetch,check,store,notify {MORE} --store redis --keep-result", base=ROUTED
    ),
    "plain-workflow-long": plain(
        f"{MIDDLING} --kind workflow {MORE} --steps fetch_all,store_all", base=PLAIN.wide(79)
    ),
    "plain-workflow-nothing-outside": plain(f"{FLOW} fetch,store --outside none", base=SHARED),
    "flask-workflow": web(f"{FLOW} fetch,store --outside urllib"),
}
PERIODIC = {
    "smoke-django-periodic": billing(f"{CLOCK} --every 15m"),
    "django-periodic-cache": apps(f"{CLOCK} --cron '30 3 * * *' --lock cache --queue mail"),
    "django-periodic-redis": billing(f"{CLOCK} --cron '0 */2 * * mon-fri' --lock redis", base=lived_in),
    "django-periodic-windows": billing(f"{CLOCK} --every 1h", base=lambda: lived_in().windows()),
    "plain-periodic": plain(f"{CLOCK} --every 15m"),
    "plain-periodic-redis": plain(
        f"{CLOCK} --cron '30 3 * * *' --store redis --lock redis --queue slow", base=ROUTED
    ),
    "plain-periodic-mixed": plain(
        f"{CLOCK} --every 1d --store sqlalchemy --lock redis --no-reliable", base=SHARED
    ),
    "plain-periodic-long": plain(f"{LONG} --kind periodic --every 15m", base=PLAIN.wide(100)),
    "flask-periodic": web(f"{CLOCK} --every 15m"),
}
REPORTS = {
    "smoke-django-reports": billing(f"{TASK} --report-failures"),
    "django-reports-lived-in": billing(f"{TASK} --report-failures --bind --keep-result", base=lived_in),
    "django-reports-split": billing(f"{TASK} --report-failures", base=split_django),
    "django-reports-periodic": apps(f"{CLOCK} --every 15m --lock cache --report-failures"),
    "django-reports-workflow": billing(f"{FLOW} fetch,store --report-failures"),
    "plain-reports": plain(f"{TASK} --report-failures"),
    "plain-reports-base": plain(f"{TASK} --report-failures --store redis", base=BASED),
    "plain-reports-workflow": plain(f"{FLOW} fetch,store --report-failures"),
    "plain-reports-periodic": plain(f"{CLOCK} --every 15m --report-failures", base=SHARED),
    "flask-reports": web(f"{TASK} --report-failures"),
}
COMBINATIONS = {**TASKS, **WORKFLOWS, **PERIODIC, **REPORTS}


@pytest.mark.parametrize("combination", COMBINATIONS.values(), ids=COMBINATIONS.keys())
def test_what_is_made_is_in_order(combination: Combination, tmp_path: Path) -> None:
    subject = written(combination.base(), tmp_path / "project")
    for command in combination.commands:
        made = subject.new_task(command)
        assert made.code == 0, made.complaint()
    assert subject.made(), made.said
    wrong = everything_wrong(subject, combination.commands)
    assert not wrong, "\n\n".join(wrong)


def test_every_combination_that_matters_is_there() -> None:
    assert len(COMBINATIONS) >= 40
    assert sum(name.startswith("smoke-") for name in COMBINATIONS) >= 6
