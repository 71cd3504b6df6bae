"""The names under which the project's modules hold a task."""

import pytest

FILES = {
    "proj/__init__.py": "",
    "proj/celery.py": """
        from celery import Celery
        app = Celery('proj', broker='memory://', include=['late.jobs', 'proj.lazy', 'proj.tasks', 'proj.api'])
        """,
    "proj/tasks.py": """
        import functools
        from celery import Task, shared_task, signature
        from proj.celery import app

        @app.task
        def send(): pass

        @shared_task
        def shared(): pass

        @shared_task(name='renamed')
        def other_name(): pass

        def _twice(): pass
        first = app.task(name='proj.first')(_twice)
        second = shared_task(name='proj.second')(_twice)
        third = shared_task(_twice)

        @app.task(lazy=False)
        def eager(): pass

        def make(step):
            @app.task(name=f'proj.step{step}')
            def step_task(): pass
            return step_task
        for number in range(2):
            globals()[f'step_{number}'] = make(number)
        hidden = [make(2)]

        class Cleaner(Task):
            name = 'proj.clean'
            def run(self): pass
        cleaner = app.register_task(Cleaner())
        unregistered = Cleaner()

        class Mailer:
            send = send
            @app.task
            def post(self): pass
            @staticmethod
            @shared_task
            def poll(): pass
            class Inner:
                deep = cleaner

        partly = functools.partial(send)
        signed = send.s
        """,
    "proj/api.py": """
        from proj import tasks
        from proj.tasks import *
        from proj.tasks import Mailer as Postman, send as deliver
        """,
    "late/jobs.py": """
        from celery import Celery
        mine = Celery('jobs')
        @mine.task
        def lent(): pass
        @mine.task(lazy=False)
        def lent_eagerly(): pass
        @mine.task(shared=False)
        def kept(): pass
        """,
    "proj/lazy.py": """
        import sys, types
        from celery import current_app
        from celery.local import PromiseProxy, Proxy

        def touched(*args, **kwargs):
            print('TOUCHED', args)
            raise ValueError('touched')

        class Refuses:
            __getattr__ = __getattribute__ = __eq__ = __bool__ = __iter__ = __len__ = touched
            __class__ = property(touched)
            __hash__ = None

        class Unhashable(type):
            __getattribute__ = __eq__ = touched
            __hash__ = None

        class Odd(metaclass=Unhashable):
            attribute = Refuses()

        class Module(types.ModuleType):
            def __getattribute__(self, name):
                if name in ('__spec__', '__file__', '__path__', '__dict__'):
                    return touched(name)
                return super().__getattribute__(name)

        def __getattr__(name): return touched(name)

        refuses, odd = Refuses(), Odd()
        promise, proxy = PromiseProxy(touched), Proxy(touched)
        globals()[1] = refuses
        sys.modules['proj.module'] = Module('proj.module')
        vars(types.ModuleType)['__dict__'].__get__(sys.modules['proj.module'])['__file__'] = __file__
        sys.modules['proj.no_module'] = refuses
        """,
}


@pytest.fixture(scope="module")
def pictured(take):
    return take(FILES)


def names(*given):
    """The names in `proj.tasks`, and those in `proj.api`, which has them from there."""
    return tuple(f"proj.{module}.{name}" for module in ("api", "tasks") for name in given)


@pytest.mark.parametrize(
    ("task", "aliases"),
    [
        (
            "proj.tasks.send",
            {*names("send", "Mailer.send"), "proj.api.deliver", "proj.api.Postman.send"},
        ),
        ("proj.tasks.shared", {*names("shared")}),
        ("renamed", {*names("other_name")}),
        ("proj.first", {*names("first")}),
        ("proj.second", {*names("second")}),
        ("proj.tasks._twice", {*names("third")}),
        ("proj.tasks.eager", {*names("eager")}),
        ("proj.step0", {*names("step_0")}),
        ("proj.step1", {*names("step_1")}),
        ("proj.step2", set()),
        ("proj.clean", {*names("cleaner")}),
        ("proj.tasks.post", {*names("Mailer.post"), "proj.api.Postman.post"}),
        ("proj.tasks.poll", {*names("Mailer.poll"), "proj.api.Postman.poll"}),
        ("late.jobs.lent", {"late.jobs.lent"}),
        ("late.jobs.lent_eagerly", {"late.jobs.lent_eagerly"}),
    ],
)
def test_aliases(pictured, task, aliases):
    found = pictured.app.task(task)
    assert found is not None, pictured.app.names
    assert set(found.aliases) == aliases
    assert len(found.aliases) == len(aliases)


def test_every_task_is_seen_and_no_other(pictured):
    assert len(pictured.app.tasks) == 15
    assert "late.jobs.kept" not in pictured.app.names
    assert pictured.app.broken_modules == ()


def test_nothing_of_the_users_is_evaluated(pictured):
    assert not [line for line in pictured.output if "TOUCHED" in line]


def test_two_functions_under_one_name(take):
    """Whichever object is used, the message goes to the one that won."""
    app = take(
        {
            "proj/celery.py": """
                from celery import Celery
                app = Celery('proj', broker='memory://', include=['proj.a', 'proj.b'])
                """,
            "proj/a.py": """
                from proj.celery import app
                @app.task(name='send')
                def one(): pass
                """,
            "proj/b.py": """
                from celery import shared_task
                @shared_task(name='send')
                def two(): pass
                """,
        }
    ).app
    assert [task.aliases for task in app.tasks] == [("proj.a.one", "proj.b.two")]


def test_a_task_that_cannot_be_made_is_nobodys(take):
    app = take(
        {
            "proj.py": """
                from celery import Celery
                app = Celery('proj', broker='memory://')
                @app.task(autoretry_for=3)
                def broken(): pass
                @app.task
                def works(): pass
                """
        }
    ).app
    assert [task.name for task in app.broken_tasks] == ["proj.broken"]
    assert [(task.name, task.aliases) for task in app.tasks] == [("proj.works", ("proj.works",))]


def test_pydantic_tasks(take):
    pytest.importorskip("pydantic")
    from celery import VERSION

    if VERSION < (5, 5):
        pytest.skip("pydantic=True came with Celery 5.5")
    app = take(
        {
            "proj.py": """
                from celery import Celery, shared_task
                app = Celery('proj', broker='memory://')
                other = Celery('other', broker='memory://')
                @app.task(pydantic=True)
                def one(x: int): pass
                @shared_task(pydantic=True)
                def two(x: int): pass
                @other.task(pydantic=True, lazy=False)
                def three(x: int): pass
                """
        },
        "proj:app",
    ).app
    assert {task.name: task.aliases for task in app.tasks} == {
        "proj.one": ("proj.one",),
        "proj.two": ("proj.two",),
        "proj.three": ("proj.three",),
    }
    assert all(task.source is not None for task in app.tasks)
