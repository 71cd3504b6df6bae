"""Definitions of tasks: tables of tasks and what is said of them."""

from __future__ import annotations

import asyncio
import gc
import warnings
from dataclasses import replace
from uuid import uuid4

import pytest
from celery import Celery, Task
from celery.app.trace import build_tracer

from celerycheck.subjects import (
    App,
    BrokenModule,
    BrokenTask,
    DjangoInfo,
    DuplicateTask,
    Location,
    NotEvaluated,
    SilentAutodiscovery,
    TaskClass,
    TaskInfo,
)
from celerycheck.testing import app, found, parameter, problems, task


@pytest.mark.parametrize(
    ("broken", "messages"),
    [
        (
            (BrokenModule("shop.tasks", "ImportError: no module named x", imported_by="include"),),
            ["shop.tasks cannot be imported: ImportError: no module named x"],
        ),
        (
            (
                BrokenModule("a.tasks", "SyntaxError: invalid syntax", imported_by="autodiscover_tasks"),
                BrokenModule("app.finalize()", "KeyError: 'X'"),
                BrokenModule("imports", "TypeError: x", imported_by="imports"),
            ),
            [
                "a.tasks cannot be imported: SyntaxError: invalid syntax",
                "app.finalize() failed: KeyError: 'X'",
                "imports failed: TypeError: x",
            ],
        ),
        ((), []),
    ],
)
def test_broken_task_module(broken, messages):
    assert problems("broken-task-module", app(broken_modules=broken)) == messages


def test_broken_task_module_points_at_the_module():
    place = Location("shop/tasks.py", 3)
    subject = app(broken_modules=(BrokenModule("shop.tasks", "KeyError: 'X'", place, "include"),))
    [problem] = found("broken-task-module", subject)
    assert (problem.location, problem.about) == (place, subject)


NOT_ITERABLE = "TypeError: 'type' object is not iterable"


@pytest.mark.parametrize(
    ("broken", "fix"),
    [
        (
            BrokenTask("t", "TypeError: f() got multiple values for argument 'task'", ("bind", "task")),
            "write base= instead of task=",
        ),
        (
            BrokenTask("t", NOT_ITERABLE, ("autoretry_for",)),
            "write autoretry_for as a tuple: autoretry_for=(SomeError,)",
        ),
        (
            BrokenTask("t", NOT_ITERABLE, ("dont_autoretry_for",)),
            "write dont_autoretry_for as a tuple: dont_autoretry_for=(SomeError,)",
        ),
        (
            BrokenTask("t", "ValueError: could not convert string to float: 'x'", ("retry_backoff",)),
            "write retry_backoff=True, or the first delay in seconds",
        ),
        (
            BrokenTask("t", "ImproperlyConfigured: You need to install pydantic to use it", ("pydantic",)),
            "install pydantic beside Celery, or remove pydantic=True",
        ),
        (BrokenTask("t", "SyntaxError: invalid syntax"), None),
        (BrokenTask("t", NOT_ITERABLE, ("queue",)), None),
        (BrokenTask("t", "TypeError: metaclass conflict", ("task", "base")), None),
        (BrokenTask("t", "ValueError: no float", ("queue",)), None),
    ],
)
def test_broken_task_definition(broken, fix):
    [problem] = found("broken-task-definition", app(broken_tasks=(broken,)))
    assert problem.message == f"Celery cannot make this task: {broken.cause}"
    assert (problem.fix, problem.about) == (fix, broken)


def test_sound_tasks_are_not_broken():
    assert problems("broken-task-definition", app(task())) == []


def duplicate(*places):
    return app(duplicates=(DuplicateTask("proj.send", tuple(Location(path, line) for path, line in places)),))


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (
            duplicate(("a/tasks.py", 3), ("b/tasks.py", 9)),
            ["a/tasks.py:3 and b/tasks.py:9 define it; only one of them ever runs"],
        ),
        (
            duplicate(("a.py", 1), ("b.py", 2), ("c.py", None)),
            ["a.py:1, b.py:2 and c.py define it; only one of them ever runs"],
        ),
        (duplicate(("a.py", 3), ("a.py", 30)), ["a.py:3 and a.py:30 define it; only one of them ever runs"]),
        (app(), []),
        (duplicate(), []),
        (duplicate(("a.py", 3)), []),
        (duplicate(("a.py", 3), ("a.py", 3)), []),
        (app(task("a.send"), task("b.send")), []),
    ],
)
def test_duplicate_task_name(subject, messages):
    assert problems("duplicate-task-name", subject) == messages


ASYNC = ["async def: a worker calls it and awaits nothing, so its body never runs"]
GENERATOR = ["it contains yield: a worker calls it and iterates over nothing, so its body never runs"]
RUNNERS = [
    TaskClass("Base", defines=("__call__",)),
    TaskClass("Base", defines=("run",)),
    TaskClass("Base", reads=("run", "asyncio")),
    TaskClass("Base", reads=("__call__",)),
]


@pytest.mark.parametrize(
    ("check", "field", "messages"),
    [("async-task", "is_async", ASYNC), ("generator-task", "is_generator", GENERATOR)],
)
class TestBodiesThatNeverRun:
    @pytest.mark.parametrize("pool", [None, "prefork", "solo", "gevent", "threads"])
    def test_told(self, check, field, messages, pool):
        values = {"worker_pool": pool} if pool else {}
        assert problems(check, app(task(info=TaskInfo("t", **{field: True})), values=values)) == messages

    def test_told_of_a_class_that_does_something_else(self, check, field, messages):
        other = TaskClass("Base", defines=("on_failure",), reads=("name",))
        assert problems(check, app(task(info=TaskInfo("t", classes=(other,), **{field: True})))) == messages

    @pytest.mark.parametrize("runner", RUNNERS)
    def test_silent_where_a_class_runs_it(self, check, field, messages, runner):
        assert problems(check, app(task(info=TaskInfo("t", classes=(runner,), **{field: True})))) == []

    @pytest.mark.parametrize(
        "subject", [app(), app(task()), app(task(), values={"worker_pool": "x.pool:Pool"})]
    )
    def test_silent_for_plain_functions(self, check, field, messages, subject):
        assert problems(check, subject) == []

    def test_a_pool_of_the_projects_may_run_it(self, check, field, messages):
        subject = app(
            task(info=TaskInfo("t", **{field: True})),
            values={"worker_pool": "celery_aio_pool.pool:AsyncIOPool"},
        )
        with pytest.raises(NotEvaluated):
            problems(check, subject)


def test_an_async_generator_is_told_once():
    subject = app(task(info=TaskInfo("t", is_async=True, is_generator=True)))
    assert problems("async-task", subject) == ASYNC
    assert problems("generator-task", subject) == []


@pytest.mark.parametrize(
    ("subject", "count"),
    [
        (TaskInfo("t", first_parameter="self", parameters=(parameter("self"), parameter("x"))), 1),
        (TaskInfo("t", first_parameter="self", parameters=(parameter("self"),)), 1),
        (TaskInfo("t", first_parameter="self", bound=True), 0),
        (TaskInfo("t", first_parameter="self", class_based=True), 0),
        (TaskInfo("t", first_parameter="task", parameters=(parameter("task"),)), 0),
        (TaskInfo("t", first_parameter="user_id", parameters=(parameter("user_id"),)), 0),
        (TaskInfo("t", first_parameter="*args"), 0),
        (TaskInfo("t"), 0),
    ],
)
def test_unbound_self(subject, count):
    assert len(problems("unbound-self", subject)) == count


@pytest.mark.parametrize(
    ("subject", "count"),
    [
        (TaskInfo("t", bound=True), 1),
        (TaskInfo("t", bound=True, parameters=(parameter("options", kind="kwargs"),)), 1),
        (TaskInfo("t", bound=True, first_parameter="kw", parameters=(parameter("kw", kind="kwargs"),)), 1),
        (TaskInfo("t", bound=True, first_parameter="a", parameters=(parameter("a", kind="keyword"),)), 1),
        (TaskInfo("t"), 0),
        (TaskInfo("t", bound=True, first_parameter="self"), 0),
        (TaskInfo("t", bound=True, first_parameter="task", parameters=(parameter("x"),)), 0),
        (TaskInfo("t", bound=True, first_parameter="*args", parameters=(parameter("args", kind="args"),)), 0),
        (TaskInfo("t", bound=True, parameters=None), 0),
        (TaskInfo("t", bound=True, class_based=True), 0),
    ],
)
def test_bound_without_self(subject, count):
    assert len(problems("bound-without-self", subject)) == count


@pytest.mark.parametrize(
    ("doc", "messages"),
    [(None, ["no docstring"]), ("", ["no docstring"]), (" \n", ["no docstring"]), ("Works.", []), ("x", [])],
)
def test_undocumented_task(doc, messages):
    assert problems("undocumented-task", TaskInfo("t", doc=doc)) == messages


def in_django(module, *installed, shared=False, home="proj.celery", made_by=None, count=1):
    info = TaskInfo("t", module=module, shared=shared, made_by=made_by)
    return app(
        *(task(info=replace(info, name=f"t{n}")) for n in range(count)),
        module=home,
        django=DjangoInfo("5.2", "proj.settings", installed_apps=installed),
    )


TIED = ["it is bound to the Celery app of proj and lies in a Django app outside that package"]


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (in_django("orders.tasks", "orders"), TIED),
        (in_django("orders.tasks.mail", "orders"), TIED),
        (in_django("orders.tasks", "orders.apps.OrdersConfig"), TIED),
        (in_django("shop.orders.tasks", "django.contrib.auth", "shop.orders"), TIED),
        (in_django("orders.tasks", "orders", count=10), TIED * 10),
        (
            in_django("orders.tasks", "orders", count=11),
            ["11 tasks are bound to the Celery app of proj and lie in Django apps outside that package"],
        ),
        (in_django("orders.tasks", "orders", made_by="orders.tasks:app"), []),
        (in_django("orders.tasks", "orders", made_by="orders.tasks:app", count=50), []),
        (in_django("orders.tasks", "orders", shared=True, count=50), []),
        (in_django("orders.tasks", "orders", shared=True), []),
        (in_django("orders.tasks", "orders", shared=None), []),
        (in_django("orders.tasks", "django.contrib.auth"), []),
        (in_django("proj.tasks", "proj"), []),
        (in_django("proj.orders.tasks", "proj.orders"), []),
        (in_django("proj.orders.tasks", "proj.orders.apps.OrdersConfig"), []),
        (in_django("orders_extra.tasks", "orders"), []),
        (app(task(info=TaskInfo("t", module="orders.tasks", shared=False))), []),
        (app(django=DjangoInfo("5.2", installed_apps=("orders",))), []),
    ],
)
def test_app_task_in_reusable_app(subject, messages):
    assert problems("app-task-in-reusable-app", subject) == messages


@pytest.mark.parametrize(("count", "kind"), [(1, TaskInfo), (11, App)])
def test_a_habit_is_the_apps(count, kind):
    subject = in_django("orders.tasks", "orders", count=count)
    [problem] = found("app-task-in-reusable-app", subject)
    assert isinstance(problem.about, kind)


def made():
    return Celery(broker="memory://", backend="cache+memory://", set_as_current=False)


def run(application, function, *args, **options):
    """The state and the outcome of a task, run as a worker does."""
    registered = application.task(shared=False, name="t", **options)(function)
    application.finalize()
    task_id = uuid4().hex
    request = {"id": task_id, "args": args, "kwargs": {}, "retries": 0, "delivery_info": {}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the coroutine that nobody awaits, wherever it is collected
        value = build_tracer("t", registered, app=application)(task_id, args, {}, request).retval
        value = value if isinstance(value, str | int) else None
        gc.collect()
    return application.backend.get_task_meta(task_id)["status"], value


class Awaiting(Task):
    def __call__(self, *args, **kwargs):
        return asyncio.run(self.run(*args, **kwargs))


CALL = Location("proj/celery.py", 9)


def silent(package, loaded=None, related="tasks", installed=(), tasks=(), exists=True):
    return app(
        *tasks,
        silent_autodiscovery=(SilentAutodiscovery(package, related, loaded, exists, CALL),),
        django=DjangoInfo("5.2", "proj.settings", installed_apps=installed) if installed else None,
    )


@pytest.mark.parametrize(
    ("subject", "messages"),
    [
        (silent("shop"), ["autodiscover_tasks() names shop, which has no module tasks"]),
        (silent("shpo", exists=False), ["autodiscover_tasks() names shpo, which does not exist"]),
        (silent("shop", related="jobs"), ["autodiscover_tasks() names shop, which has no module jobs"]),
        (
            silent("proj.oders", loaded="proj.tasks"),
            ["autodiscover_tasks() names proj.oders, which does not exist; proj.tasks was imported instead"],
        ),
        (
            silent("shop", tasks=(task(info=TaskInfo("shopping.tasks.t", module="shopping.tasks")),)),
            ["autodiscover_tasks() names shop, which has no module tasks"],
        ),
        (app(), []),
        (silent("shop", installed=("django.contrib.admin", "shop")), []),
        (silent("shop.apps.ShopConfig", installed=("shop.apps.ShopConfig",)), []),
        (silent("shop.ShopConfig", loaded="shop.tasks"), []),
        (silent("shop", related="jobs", tasks=(task(info=TaskInfo("t", module="shop.tasks")),)), []),
        (silent("shop", tasks=(task(info=TaskInfo("t", module="shop.orders.tasks")),)), []),
        (silent("shop", tasks=(task(info=TaskInfo("t", module="shop")),)), []),
    ],
)
def test_silent_autodiscovery(subject, messages):
    assert problems("silent-autodiscovery", subject) == messages


def test_silent_autodiscovery_points_at_the_call():
    [problem] = found("silent-autodiscovery", silent("shop"))
    assert problem.location == CALL


class TestFactsOfCelery:
    @pytest.mark.parametrize("ignore_result", [False, True])
    def test_the_body_of_a_coroutine_never_runs(self, ignore_result):
        ran = []

        async def work():
            ran.append(1)

        state, _ = run(made(), work, ignore_result=ignore_result)
        assert (ran, state) == ([], "PENDING" if ignore_result else "FAILURE")

    @pytest.mark.parametrize("ignore_result", [False, True])
    def test_the_body_of_a_generator_never_runs(self, ignore_result):
        ran = []

        def work():
            ran.append(1)
            yield

        state, _ = run(made(), work, ignore_result=ignore_result)
        assert (ran, state) == ([], "PENDING" if ignore_result else "FAILURE")

    def test_a_class_may_run_a_coroutine(self):
        async def work():
            return 7

        assert run(made(), work, base=Awaiting) == ("SUCCESS", 7)

    def test_self_of_an_unbound_task_is_the_first_argument(self):
        def work(self, x=None):
            return self

        assert run(made(), work, "first") == ("SUCCESS", "first")

    @pytest.mark.parametrize("keywords", [False, True])
    def test_a_bound_task_needs_a_positional_parameter(self, keywords):
        def none():
            return 1

        def only_keywords(**options):
            return options

        state, _ = run(made(), only_keywords if keywords else none, bind=True)
        assert state == "FAILURE"

    @pytest.mark.parametrize(
        ("options", "cause"),
        [
            ({"task": Task}, "multiple values for argument 'task'"),
            ({"autoretry_for": KeyError}, "is not iterable"),
            ({"autoretry_for": (OSError,), "dont_autoretry_for": KeyError}, "is not iterable"),
            ({"retry_backoff": "soon"}, "float|int"),
            ({"retry_backoff": None}, "float|int"),
        ],
    )
    def test_what_celery_raises_on(self, options, cause):
        application = made()
        application.task(shared=False, **options)(first_function)
        with pytest.raises((TypeError, ValueError), match=cause):
            application.finalize()

    def test_of_two_functions_under_one_name_one_is_dropped(self):
        application = made()

        def other():
            return "other"

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            first = application.task(shared=False, name="t")(first_function)
            second = application.task(shared=False, name="t")(other)
            application.finalize()
            assert first() == second()


def first_function():
    return "first"
