"""From answers to a Spec: what is usual, and every mistake told at once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.asking.answers import Answers
from celerycheck.scaffold.asking.validation import check_given, spec, split_name, unanswered
from celerycheck.scaffold.project import Project
from celerycheck.scaffold.spec import Cron, Every, Parameter
from celerycheck.subjects import BrokerInfo, DjangoInfo, QueueInfo, TaskInfo
from celerycheck.testing import app, task

CHARGE = {"name": "charge_invoice", "param": ("invoice_id:int",)}
IMPORT = {"name": "import_feed", "kind": "workflow", "param": ("feed_id:int",), "steps": "fetch, store"}
EXPIRE = {"name": "expire_carts", "kind": "periodic", "every": "15m"}
DJANGO = DjangoInfo(version="5.2", models=("billing.models.Invoice",))


@pytest.fixture
def plain(tmp_path: Path) -> Project:
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "__init__.py").touch()
    return Project(
        tmp_path,
        app(broker=BrokerInfo(transport="redis", visibility_timeout=3600.0)),
        "plain",
        "proj.celery",
        "app",
        packages=("billing",),
        installed=frozenset({"requests", "httpx", "sqlalchemy", "redis"}),
    )


@pytest.fixture
def django(plain: Project) -> Project:
    return replace(plain, app=replace(plain.app, django=DJANGO), framework="django", django_apps=("billing",))


def made(project, *, file=None, **given):
    return spec(project, Answers({"flag": given, "file": file or {}}))


def mistakes(project, *, file=None, **given) -> str:
    with pytest.raises(UsageError) as refused:
        made(project, file=file, **given)
    assert refused.value.exit_code == 2
    return f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize("library", ["redis", "sqlalchemy"])
def test_what_is_done_is_kept_where_it_was(plain, library):
    (plain.root / "billing" / "completed_work.py").write_text(f"from {library} import something\n")
    assert made(plain, **CHARGE).store == library


def test_what_is_usual(plain):
    usual = made(plain, **CHARGE)
    assert usual.params == (Parameter("invoice_id", "int"),)
    assert (usual.kind, usual.package, usual.store) == ("task", "billing", "sqlalchemy")
    assert (usual.outside, usual.retry_on) == ("requests", ("requests.RequestException",))
    assert (usual.max_retries, usual.soft_time_limit, usual.time_limit) == (5, 60, 90)
    assert (usual.queue, usual.rate_limit, usual.schedule) == (None, None, None)
    assert usual.reliable
    assert not any((usual.keep_result, usual.bind, usual.report_failures))


def test_what_is_usual_with_django(django):
    usual = made(django, **EXPIRE)
    assert (usual.store, usual.lock, usual.schedule) == ("django", "django", Every(900))
    assert made(replace(django, shared_cache=True), **EXPIRE).lock == "cache"
    assert made(replace(django, shared_cache=True), **EXPIRE, lock="redis").lock == "redis"


def test_all_that_can_be_said(plain):
    said = made(
        plain,
        **IMPORT,
        outside="httpx",
        retry_on=("httpx.TimeoutException, OSError", "OSError"),
        max_retries="7",
        queue="feeds",
        rate_limit="10 / M",
        reliable=True,
        keep_result=True,
        soft_time_limit="10m",
        time_limit="15m",
        bind=True,
        report_failures=True,
        store="redis",
    )
    assert said.steps == ("fetch", "store")
    assert said.retry_on == ("httpx.TimeoutException", "OSError")
    assert (said.outside, said.store, said.max_retries) == ("httpx", "redis", 7)
    assert (said.queue, said.rate_limit) == ("feeds", "10/m")
    assert (said.soft_time_limit, said.time_limit) == (600, 900)
    assert said.reliable
    assert said.keep_result
    assert said.bind
    assert said.report_failures


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"soft_time_limit": "600"}, {"soft_time_limit": 600, "time_limit": 900}),
        ({"time_limit": "15m"}, {"soft_time_limit": 600, "time_limit": 900}),
        ({"soft_time_limit": "1"}, {"soft_time_limit": 1, "time_limit": 2}),
        ({"retry_on": ("httpx.HTTPError",)}, {"outside": "httpx"}),
        ({"retry_on": ("httpx.HTTPError",), "outside": "urllib"}, {"outside": "urllib"}),
        ({"outside": "httpx"}, {"retry_on": ("httpx.HTTPError",)}),
        ({"outside": "urllib"}, {"retry_on": ("OSError",)}),
        ({"outside": "none"}, {"retry_on": ("sqlalchemy.exc.OperationalError",)}),
        ({"outside": "none", "store": "redis"}, {"retry_on": ("redis.exceptions.ConnectionError",)}),
        ({"retry_on": ("builtins.OSError",)}, {"retry_on": ("OSError",)}),
        ({"retry_on": ("billing.errors.BankIsDown",)}, {"retry_on": ("billing.errors.BankIsDown",)}),
        ({"rate_limit": "2/hours", "queue": "slow"}, None),
        ({"rate_limit": "0.5/s", "queue": "slow"}, {"rate_limit": "0.5/s"}),
    ],
)
def test_one_answer_follows_from_another(plain, given, wanted):
    if wanted is None:
        assert "Did you mean 2/h?" in mistakes(plain, **CHARGE, **given)
        return
    said = made(plain, **CHARGE, **given)
    assert {key: getattr(said, key) for key in wanted} == wanted


def test_the_first_library_there_is(plain):
    for installed, outside in (("httpx", "httpx"), ("pytest", "urllib")):
        project = replace(plain, installed=frozenset({installed, "redis"}))
        assert made(project, **CHARGE).outside == outside


def test_flags_go_before_the_file_and_the_file_before_what_is_usual(plain):
    file = {"queue": "mail", "max_retries": "7", "reliable": True, "steps": ("a", "b"), "lock": "nonsense"}
    said = made(plain, **CHARGE, file=file, max_retries="9")
    assert (said.queue, said.max_retries, said.reliable) == ("mail", 9, True)
    assert not made(plain, **CHARGE, file=file, reliable=False).reliable


def test_a_mistake_in_the_file_is_said_to_be_there(plain):
    said = mistakes(plain, **CHARGE, file={"max_retries": "many"})
    assert "max-retries under [tool.celerycheck.new-task] in pyproject.toml: 'many'" in said


BAD = [
    ({"param": ("a:int",)}, ["NAME is missing", "charge_invoice"]),
    ({"name": "charge"}, ["--param is missing", "--param request_id:str"]),
    ({"name": "x", "kind": "workflow"}, ["2 answers", "--param is missing", "--steps is missing"]),
    ({"name": "expire", "kind": "periodic"}, ["--cron is missing", "--every 15m or --cron"]),
    ({**CHARGE, "kind": "workflo"}, ["--kind: 'workflo' is none of", "Did you mean workflow?"]),
    ({**CHARGE, "name": "class"}, ["NAME: class is a word of Python's own"]),
    ({**CHARGE, "name": "charge-invoice"}, ["no name for a function", "Did you mean charge_invoice?"]),
    ({**CHARGE, "name": "зарплата"}, ["no name for a function"]),
    ({**CHARGE, "name": "print"}, ["NAME: print is built into Python"]),
    ({**CHARGE, "name": "email"}, ["NAME:", "standard library"]),
    ({**CHARGE, "name": "services"}, ["NAME:", "the generated code calls something else"]),
    ({**CHARGE, "name": "_charge"}, ["private"]),
    ({**CHARGE, "name": "test_charge"}, ["pytest would run it"]),
    ({**CHARGE, "name": "send_mail"}, ["NAME: there is a task send_mail already"]),
    (
        {**CHARGE, "package": "biling"},
        ["--package: the project has no package 'biling'", "Did you mean billing?"],
    ),
    ({**CHARGE, "param": ("a:int", "a:str")}, ["--param: a is there twice"]),
    ({**CHARGE, "param": ("charge_invoice:int",)}, ["--param: charge_invoice is the task's name"]),
    (
        {**CHARGE, "param": ("a", "b:x", "self:int")},
        ["3 answers", "a has no type", "b: x is a class", "self is taken"],
    ),
    ({**CHARGE, "steps": "a,b"}, ["--steps: only a workflow has steps", "Leave it out"]),
    ({**CHARGE, "every": "5m"}, ["--every: only a periodic task has a schedule"]),
    ({**CHARGE, "cron": "* * * * *"}, ["--cron: only a periodic task has a schedule"]),
    ({**CHARGE, "lock": "redis"}, ["--lock: only a periodic task has a lock"]),
    ({**EXPIRE, "param": ("a:int",)}, ["--param: a periodic task takes no parameters"]),
    ({**EXPIRE, "bind": False}, ["--bind: a periodic task is bound in any case"]),
    ({**EXPIRE, "cron": "0 3 * * *"}, ["--every: --cron was given too"]),
    ({**EXPIRE, "every": "0"}, ["--every: '0' is less than a second"]),
    ({**EXPIRE, "every": "fortnightly"}, ["--every: 'fortnightly' is no time"]),
    ({**IMPORT, "steps": "fetch"}, ["--steps: a workflow has two steps at least"]),
    ({**IMPORT, "steps": "fetch,fetch"}, ["--steps: fetch is there twice"]),
    ({**IMPORT, "steps": "fetch,import"}, ["--steps: import is a word of Python's own"]),
    ({**IMPORT, "steps": "fetch,,store"}, ["--steps: '' is no name for a function"]),
    ({**IMPORT, "steps": "import_feed,store"}, ["--steps: import_feed is the workflow's own name"]),
    (
        {**CHARGE, "soft_time_limit": "90", "time_limit": "90"},
        ["--soft-time-limit: 1m30s does not come before"],
    ),
    ({**CHARGE, "soft_time_limit": "soon"}, ["--soft-time-limit: 'soon' is no time"]),
    ({**CHARGE, "time_limit": "-5"}, ["--time-limit: '-5' is no time"]),
    ({**CHARGE, "time_limit": "1"}, ["does not come before the hard limit of 1s"]),
    ({**CHARGE, "time_limit": "2h", "reliable": True}, ["--time-limit: with --reliable", "after 1h", "2h"]),
    ({**CHARGE, "max_retries": "0"}, ["--max-retries: without a retry"]),
    ({**CHARGE, "max_retries": "-1"}, ["--max-retries: '-1' is no whole number"]),
    ({**CHARGE, "max_retries": "2.5"}, ["is no whole number"]),
    ({**CHARGE, "max_retries": "9" * 5000}, ["100 at most"]),
    ({**CHARGE, "queue": "a b"}, ["--queue: 'a b' is no name for a queue"]),
    (
        {**CHARGE, "rate_limit": "10/m"},
        ["--rate-limit: a rate-limited task holds up", "--queue charge_invoice"],
    ),
    ({**CHARGE, "rate_limit": "10/m", "queue": "celery"}, ["it would hold up send_mail"]),
    ({**CHARGE, "rate_limit": "10/min", "queue": "q"}, ["Did you mean 10/m?"]),
    ({**CHARGE, "rate_limit": "fast", "queue": "q"}, ["'fast' is no rate"]),
    ({**CHARGE, "rate_limit": "0/m", "queue": "q"}, ["lets nothing through"]),
    ({**CHARGE, "rate_limit": '1/m", x="', "queue": "q"}, ["is no rate"]),
    ({**CHARGE, "retry_on": ("Exception",)}, ["--retry-on: Exception includes bugs"]),
    ({**CHARGE, "retry_on": ("builtins.BaseException",)}, ["BaseException includes bugs"]),
    ({**CHARGE, "retry_on": ("KeyboardInterrupt",)}, ["asks the process to end"]),
    ({**CHARGE, "retry_on": ("OsError",)}, ["Did you mean OSError?"]),
    ({**CHARGE, "retry_on": ("BankIsDown",)}, ["Write its module too"]),
    ({**CHARGE, "retry_on": ("billing..x",)}, ["names no exception"]),
    ({**CHARGE, "retry_on": ("int",)}, ["no exception of Python's own"]),
    ({**CHARGE, "retry_on": ("celery.exceptions.Retry",)}, ["Retry is never retried"]),
    ({**CHARGE, "retry_on": ("billiard.exceptions.WorkerLostError",)}, ["WorkerLostError is never retried"]),
    ({**CHARGE, "retry_on": ("celery.exceptions.SoftTimeLimitExceeded",)}, ["is retried anyway"]),
    ({**CHARGE, "retry_on": ("celery.exceptions.MaxRetriesExceededError",)}, ["retries are used up"]),
    ({**CHARGE, "outside": "curl"}, ["--outside: 'curl' is none of requests, httpx, urllib, none"]),
    ({**CHARGE, "store": "django"}, ["--store: django is Django's", "sqlalchemy or redis"]),
    ({**CHARGE, "store": "mongo"}, ["--store: 'mongo' is none of"]),
    ({**EXPIRE, "lock": "cache"}, ["--lock: cache is Django's"]),
    ({**CHARGE, "framework": "django"}, ["--django/--plain: the app does not use Django"]),
    (
        {"name": "a-b", "param": ("x:tuple",), "every": "1m", "max_retries": "x"},
        [
            "4 answers are missing or wrong:\nNAME: ",
            "\n--param: x: tuple",
            "\n--every: ",
            "\n--max-retries: ",
        ],
    ),
]


@pytest.mark.parametrize(("given", "needles"), BAD)
def test_mistakes(plain, given, needles):
    info = TaskInfo("send_mail", module="billing.jobs", function="mail")
    project = replace(plain, app=replace(plain.app, tasks=(task(info=info),)))
    said = mistakes(project, **given)
    for needle in needles:
        assert needle in said


BAD_WITH_DJANGO = [
    ({**CHARGE, "store": "sqlalchemy"}, ["--store: sqlalchemy does not fit a Django project"]),
    ({**EXPIRE, "lock": "cache"}, ["--lock: the default cache is each process's own", "--lock django"]),
    ({**EXPIRE, "lock": "sqlalchemy"}, ["--lock: sqlalchemy does not fit a Django project"]),
    ({**CHARGE, "param": ("invoice:Invoice",)}, ["Invoice is a model", "invoice_id:int"]),
]


@pytest.mark.parametrize(("given", "needles"), BAD_WITH_DJANGO)
def test_mistakes_with_django(django, given, needles):
    said = mistakes(django, **given)
    for needle in needles:
        assert needle in said


def test_a_package_that_is_no_django_app_has_no_models(django):
    said = mistakes(replace(django, django_apps=("shop",)), **CHARGE)
    assert "--package: billing is no installed Django app" in said
    assert "shop" in said


@pytest.mark.parametrize(
    ("installed", "given", "needles"),
    [
        ((), CHARGE, ["--store is missing", "pip install SQLAlchemy"]),
        (
            ("redis",),
            {**CHARGE, "store": "sqlalchemy"},
            ["sqlalchemy is not installed", "pip install SQLAlchemy"],
        ),
        (("sqlalchemy",), {**CHARGE, "store": "redis"}, ["redis is not installed", "pip install redis"]),
        (("sqlalchemy",), {**EXPIRE, "lock": "redis"}, ["--lock: redis is not installed"]),
        (("redis",), {**CHARGE, "outside": "requests"}, ["--outside: requests is not installed"]),
        (
            ("redis",),
            {**CHARGE, "retry_on": ("requests.Timeout",)},
            ["--retry-on: requests is not installed"],
        ),
    ],
)
def test_what_is_not_installed(plain, installed, given, needles):
    said = mistakes(replace(plain, installed=frozenset(installed)), **given)
    for needle in needles:
        assert needle in said


def test_a_queue_that_is_not_among_those_declared(plain):
    queues = (QueueInfo("celery"), QueueInfo("mail"))
    project = replace(plain, app=replace(plain.app, queues=queues))
    assert made(project, **CHARGE, queue="mail").queue == "mail"
    said = mistakes(project, **CHARGE, queue="mial")
    assert "--queue: the project lists its queues in task_queues" in said
    assert "Did you mean mail?" in said


@pytest.mark.parametrize(
    ("broker", "fine"),
    [
        (BrokerInfo(transport="redis", visibility_timeout=600.0), False),
        (BrokerInfo(transport="redis", visibility_timeout=601.0), True),
        (BrokerInfo(transport="amqp"), True),
        (BrokerInfo(transport="memory"), True),
    ],
)
def test_a_reliable_task_ends_before_the_broker_loses_patience(plain, broker, fine):
    project = replace(plain, app=replace(plain.app, broker=broker))
    given = {**CHARGE, "reliable": True, "time_limit": "600"}
    if fine:
        assert made(project, **given).time_limit == 600
    else:
        assert "--time-limit" in mistakes(project, **given)
    assert made(project, **{**given, "reliable": False}).time_limit == 600


def test_rabbitmq_loses_patience_after_half_an_hour(plain):
    project = replace(plain, app=replace(plain.app, broker=BrokerInfo(transport="amqp")))
    assert "after 30m" in mistakes(project, **CHARGE, reliable=True, time_limit="30m")


def test_a_second_run_with_a_rate_limit_finds_only_itself_in_the_queue(plain):
    info = TaskInfo(
        "billing.tasks.charge_invoice", module="billing.tasks", function="charge_invoice", queue="slow"
    )
    project = replace(plain, app=replace(plain.app, tasks=(task(info=info),)))
    assert made(project, **CHARGE, queue="slow", rate_limit="10/m").rate_limit == "10/m"


def test_a_crontab(plain):
    said = made(plain, name="expire_carts", kind="periodic", cron="30 3 * * *")
    assert said.schedule == Cron("30", "3", "*", "*", "*")


@pytest.mark.parametrize(
    ("packages", "tasks", "usual"),
    [
        (("billing",), (), "billing"),
        (("billing", ""), (), "billing"),
        (("",), (), ""),
        (("billing", "shop"), ("shop.tasks",), "shop"),
        (("billing", "shop", "shop.orders"), ("shop.orders.tasks",), "shop.orders"),
        (("billing", ""), ("jobs",), ""),
        (("billing", "shop"), (), None),
        (("billing", "shop"), ("shop.tasks", "billing.tasks"), None),
        ((), (), None),
    ],
)
def test_the_usual_package(plain, packages, tasks, usual):
    infos = [task(info=TaskInfo(f"{module}.x", module=module)) for module in tasks]
    project = replace(plain, packages=packages, app=replace(plain.app, tasks=tuple(infos)))
    (project.root / "shop" / "orders").mkdir(parents=True)
    for folder in ("shop", "shop/orders"):
        (project.root / folder / "__init__.py").touch()
    (project.root / "proj.py").touch()
    project = replace(project, app_module="proj")
    if usual is None:
        assert "--package is missing" in mistakes(project, **CHARGE)
    else:
        assert made(project, **CHARGE).package == usual


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"name": "billing.charge"}, {"name": "charge", "package": "billing"}),
        ({"name": "shop.orders.ship"}, {"name": "ship", "package": "shop.orders"}),
        ({"name": "charge"}, {"name": "charge"}),
        ({"name": "billing.charge", "package": "billing"}, {"name": "charge", "package": "billing"}),
        ({}, {}),
    ],
)
def test_a_name_brings_its_package(given, wanted):
    assert split_name(given) == wanted


def test_a_name_in_two_packages():
    with pytest.raises(UsageError, match="NAME says billing, and --package shop"):
        split_name({"name": "billing.charge", "package": "shop"})


@pytest.mark.parametrize(
    ("given", "flags"),
    [
        ({}, ["NAME", "--param"]),
        ({"kind": "workflow"}, ["NAME", "--param", "--steps"]),
        ({"kind": "periodic", "name": "x"}, ["--cron"]),
        (CHARGE, []),
    ],
)
def test_what_no_project_can_answer(given, flags):
    assert [mistake.where for mistake in unanswered(Answers({"flag": given}))] == flags


def test_flags_are_checked_before_anything_is_asked(plain):
    check_given(plain, Answers({"flag": {"name": "charge", "soft_time_limit": "10"}}))
    with pytest.raises(UsageError, match="--max-retries: 'x'"):
        check_given(plain, Answers({"flag": {"max_retries": "x"}}))
