"""Configuration: tables of settings and set-ups and what is said of them."""

from __future__ import annotations

import importlib
import sys
from datetime import datetime, timedelta, timezone

import celery
import pytest
from celery import Celery
from celery.loaders.base import find_related_module
from celery.schedules import crontab
from celery.worker.worker import WorkController

from celerycheck.checks.configuration import DICTS_AS_TEXT, LISTS_AS_TEXT, NUMBERS_AS_TEXT, ONLY_ON_AMQP
from celerycheck.findings import Severity
from celerycheck.known_settings import KNOWN_SETTINGS
from celerycheck.subjects import (
    BrokerInfo,
    DjangoInfo,
    Location,
    NotEvaluated,
    Opaque,
    Setting,
)
from celerycheck.testing import app, found, problems, settings, task

VERSION = tuple(int(part) for part in celery.__version__.split(".")[:2])
BROKER = {"broker_url": "redis://localhost"}
NO_BROKER = [
    "task_always_eager is on and no broker is configured: right only where no worker is meant to run"
]
EAGER = ["task_always_eager is on: no task ever reaches a worker"]


def eager(
    value=True, *, path="proj/settings.py", source="django.conf:settings", module="proj.settings", **values
):
    base = settings({**(values or BROKER)}, source=source)
    base.values["task_always_eager"] = Setting(
        "task_always_eager", value, "source", "CELERY_TASK_ALWAYS_EAGER", Location(path, 3)
    )
    return app(settings=base, django=DjangoInfo("5.2", module))


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (eager(), EAGER),
        (eager("true"), EAGER),
        (eager(path="proj/latest/settings.py", module="proj.contest.settings"), EAGER),
        (eager(broker_url=None, source="x.settings"), EAGER),
        (
            eager(task_time_limit=3),
            NO_BROKER,
        ),
        (eager(module="config.settings.local"), ["task_always_eager is on in settings for development"]),
        (eager(path="config/settings/dev.py"), ["task_always_eager is on in settings for development"]),
        (app(), []),
        (app(values=BROKER), []),
        (eager(False), []),
        (eager(0), []),
        (eager(""), []),
        (eager(None), []),
        (eager("false"), []),  # mistyped-setting says why
        (eager(path="proj/settings/test.py"), []),
        (eager(path="tests/settings.py"), []),
        (eager(module="config.settings.test"), []),
        (eager(module="proj.settings_test"), []),
        (eager(source="proj.testing.celeryconfig", module=None), []),
    ],
)
def test_eager_mode(subject, messages):
    assert problems("eager-mode", subject) == messages


def test_eager_mode_may_be_the_environments():
    [problem] = found("eager-mode", eager())
    assert problem.fix == (
        "remove CELERY_TASK_ALWAYS_EAGER from these settings, or, where it is derived, audit with the"
        " deployment's environment"
    )


def test_a_computed_eager_mode_is_not_judged():
    with pytest.raises(NotEvaluated):
        problems("eager-mode", eager(Opaque("proj.Lazy")))


def test_eager_mode_without_a_broker_is_less_than_proven():
    [problem] = found("eager-mode", eager(task_time_limit=3))
    assert problem.at_most is Severity.WARNING
    assert problem.about.name == "task_always_eager"


def typed(name, value, *, transport="redis", celery="5.7.0", origin="source"):
    base = settings(celery=celery)
    base.values[name] = Setting(name, value, origin, name)
    return app(settings=base, celery=celery, broker=BrokerInfo(transport))


def number(value, consequence):
    return [f"the text {value!r} stands where Celery needs a number: {consequence}"]


LETTERS = ["a text stands where Celery needs a list: Celery takes each letter for a content type and raises"]
LIMITS = "limits are compared as text, and beside a limit that is a number every delay() raises TypeError"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (typed("task_always_eager", "false"), ['the text "false" counts as true']),
        (typed("task_acks_late", "False"), ['the text "False" counts as true']),
        (typed("enable_utc", "0"), ['the text "0" counts as true']),
        (typed("worker_send_task_events", " no "), ['the text " no " counts as true']),
        (typed("worker_max_tasks_per_child", "100"), number("100", "the worker does not start")),
        (typed("broker_pool_limit", "many"), number("many", "sending a task raises TypeError")),
        (
            typed("task_default_priority", "5", transport="amqp"),
            number("5", "sending a task raises struct.error"),
        ),
        (typed("task_time_limit", "30"), number("30", LIMITS)),
        (
            typed("accept_content", "json"),
            LETTERS,
        ),
        (
            typed("broker_transport_options", '{"visibility_timeout": 3600}'),
            ["a text stands where Celery needs a dict: connecting raises ValueError"],
        ),
        (typed("worker_concurrency", "4", celery="5.6.3"), number("4", "workers need -c to start")),
        (typed("worker_concurrency", "auto", celery="5.3.6"), number("auto", "workers need -c to start")),
        (typed("worker_concurrency", "many"), number("many", "one process per processor is started")),
        (app(), []),
        (typed("worker_concurrency", "4"), []),  # 5.7 converts it
        (typed("worker_concurrency", " Auto "), []),
        (typed("worker_concurrency", ""), []),
        (typed("worker_concurrency", "", celery="5.6.3"), []),
        (typed("worker_concurrency", 4, celery="5.6.3"), []),
        (typed("task_always_eager", "true"), []),
        (typed("task_acks_late", ""), []),
        (typed("task_acks_late", "yes"), []),
        (typed("task_acks_late", True), []),
        (typed("task_acks_late", Opaque("proj.Lazy")), []),
        (typed("task_serializer", "no"), []),
        (typed("worker_max_tasks_per_child", 100), []),
        (typed("worker_max_tasks_per_child", None), []),
        (typed("worker_max_tasks_per_child", "100", origin="default"), []),
        (typed("result_expires", "3600"), []),  # Celery converts these
        (typed("worker_prefetch_multiplier", "4"), []),
        (typed("redis_socket_timeout", "20"), []),
        (typed("task_default_priority", "5"), []),
        (typed("task_time_limit", "30", celery="5.6.3"), []),
        (typed("task_time_limit", 30), []),
        (typed("imports", "proj.tasks"), []),
        (typed("include", "proj.tasks"), []),
        (typed("accept_content", ["json"]), []),
        (typed("broker_transport_options", {"visibility_timeout": 3600}), []),
        (typed("beat_schedule", {}), []),
    ],
)
def test_mistyped_setting(subject, messages):
    assert problems("mistyped-setting", subject) == messages


def test_what_to_write_instead_of_a_text():
    [flag] = found("mistyped-setting", typed("task_acks_late", "false"))
    assert flag.fix == "task_acks_late = False"
    [limit] = found("mistyped-setting", typed("task_time_limit", "30"))
    assert (limit.fix, limit.at_most) == ("task_time_limit = 30", Severity.WARNING)
    [processes] = found("mistyped-setting", typed("worker_concurrency", "4", celery="5.6.3"))
    assert (processes.fix, processes.at_most) == ("worker_concurrency = 4", None)
    [word] = found("mistyped-setting", typed("worker_concurrency", "many"))
    assert (word.fix, word.at_most) == (None, Severity.WARNING)
    [words] = found("mistyped-setting", typed("broker_pool_limit", "many"))
    assert words.fix is None


def test_the_tables_of_text_know_only_settings_of_their_kind():
    for kind, table in [
        ("number", NUMBERS_AS_TEXT | ONLY_ON_AMQP),
        ("list", LISTS_AS_TEXT),
        ("dict", DICTS_AS_TEXT),
    ]:
        assert {KNOWN_SETTINGS[name].kind for name in table} == {kind}


OFF = "enable_utc is off and no timezone is set: schedules and ETAs without a zone follow each machine's own"


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (settings({"enable_utc": False}), [OFF]),
        (settings({"enable_utc": False, "timezone": None}), [OFF]),
        (
            settings({"enable_utc": False, "timezone": "Asia/Seoul"}),
            ["enable_utc is off; timezone decides, and it works as well with UTC on"],
        ),
        (settings(), []),
        (settings({"enable_utc": True}), []),
        (settings({"timezone": "Asia/Seoul"}), []),
        (settings({"enable_utc": True, "timezone": "Asia/Seoul"}), []),
        (settings({"enable_utc": "false"}), []),  # counts as on; mistyped-setting says so
    ],
)
def test_utc_disabled(subject, messages):
    assert problems("utc-disabled", subject) == messages


@pytest.mark.parametrize(
    ("subject", "count"),
    [
        (app(django=DjangoInfo("5.2", "proj.settings", fixup=False)), 1),
        (app(task(), django=DjangoInfo("5.2", "proj.settings", fixup=False)), 1),
        (app(), 0),
        (app(django=DjangoInfo("5.2", "proj.settings")), 0),
        (app(django=DjangoInfo("5.2", None)), 0),
        (app(django=DjangoInfo("5.2", None, fixup=False)), 0),
    ],
)
def test_late_django_settings(subject, count):
    assert len(found("late-django-settings", subject)) == count


def test_late_django_settings_names_the_line_to_move():
    [problem] = found("late-django-settings", app(django=DjangoInfo("5.2", "proj.settings", fixup=False)))
    assert problem.fix.startswith('os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")')


@pytest.mark.parametrize(
    ("subject", "count"),
    [
        (app(django=DjangoInfo("5.2", installed_apps=("django.contrib.auth", "djcelery"))), 1),
        (app(django=DjangoInfo("5.2", installed_apps=("djcelery.apps.DjCeleryConfig",))), 1),
        (app(), 0),
        (app(django=DjangoInfo("5.2")), 0),
        (app(django=DjangoInfo("5.2", installed_apps=("django_celery_beat", "django_celery_results"))), 0),
        (app(django=DjangoInfo("5.2", installed_apps=("shop.djcelery_extras", "djcelery_email"))), 0),
    ],
)
def test_obsolete_django_celery(subject, count):
    assert len(found("obsolete-django-celery", subject)) == count


def made(**conf):
    application = Celery(broker="memory://", set_as_current=False)
    application.conf.update(conf)
    return application


def sends(application, **options):
    @application.task(shared=False, **options)
    def work():
        return 1

    return work.delay()


class TestFactsOfCelery:
    @pytest.mark.parametrize(
        ("value", "result"), [("false", "EagerResult"), ("0", "EagerResult"), ("", "AsyncResult")]
    )
    def test_text_for_a_flag_is_its_truth(self, value, result):
        assert type(sends(made(task_always_eager=value))).__name__ == result

    def test_text_for_a_pool_limit_stops_sending(self):
        # app.conf.broker_pool_limit ends here; Celery's own pools are shared by all apps of a process.
        with pytest.raises(TypeError):
            made().connection_for_write().Pool("10").acquire()

    def test_text_for_a_protocol_stops_sending(self):
        with pytest.raises(KeyError):
            sends(made(task_protocol="2"))

    def test_text_for_content_types_is_taken_apart(self):
        with pytest.raises(Exception, match="No encoder/decoder installed for j"):
            _ = made(accept_content="json", result_backend="cache+memory://").backend.accept

    def test_text_for_transport_options_stops_connecting(self):
        with pytest.raises(ValueError, match="dictionary update sequence"):
            made(broker_transport_options="x").connection_for_write()

    def test_text_for_a_beat_interval_stops_beat(self):
        from celery.beat import Scheduler

        application = made(beat_max_loop_interval="5", beat_schedule={"x": {"task": "x", "schedule": 60.0}})
        with pytest.raises(TypeError):
            Scheduler(application).tick()

    def test_text_for_a_beat_deadline_fails_on_crontabs(self):
        late = datetime.now(timezone.utc) - timedelta(minutes=5)
        with pytest.raises(TypeError):
            crontab(app=made(beat_cron_starting_deadline="10")).is_due(late)

    def test_text_for_children_stops_the_pool(self):
        from celery.concurrency.prefork import TaskPool

        with pytest.raises(ValueError, match="maxtasksperchild"):
            TaskPool(1, app=made(), maxtasksperchild="100", forking_enable=True).start()

    def test_text_that_celery_converts(self):
        application = made(result_expires="3600", result_backend="cache+memory://")
        assert application.backend.prepare_expires(None, type=int) == 3600
        assert WorkController(app=made(), pool="solo", prefetch_multiplier="4").prefetch_multiplier == 4

    def test_text_for_a_limit_meets_numbers_since_5_7(self):
        application = made(task_time_limit="30")
        if VERSION >= (5, 7):
            with pytest.raises(TypeError):
                sends(application, soft_time_limit=20)
        else:
            assert sends(application, soft_time_limit=20)

    def test_a_dotted_typo_loads_the_parents_module(self, tmp_path, monkeypatch):
        package = tmp_path / "autofound"
        package.mkdir()
        (package / "__init__.py").touch()
        (package / "tasks.py").touch()
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        assert find_related_module("autofound.typo", "tasks") is sys.modules["autofound.tasks"]
        assert find_related_module("autofound", "jobs") is None

    def test_the_django_fixup_needs_the_variable_at_construction(self, monkeypatch):
        monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
        application = Celery(set_as_current=False)
        monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "proj.settings")
        application.autodiscover_tasks()
        application.loader.import_default_modules()
        assert application._fixups == [None]

    def test_without_utc_and_timezone_the_machines_zone_counts(self):
        off = made(enable_utc=False)
        assert str(made().timezone) == "UTC"
        assert off.timezone is not made().timezone
        assert str(made(enable_utc=False, timezone="Asia/Seoul").timezone) == "Asia/Seoul"
