"""Where a task stands, and where the function begins that the user wrote."""

import pytest

from celerycheck.subjects import Location

TASKS = """
import functools, sys
from celery import Celery, Task, shared_task
sys.path.append('site-packages')
from lib import mixin
from helpers import measured, written_elsewhere

app = Celery('proj', broker='memory://')


@app.task  # plain
def plain(): pass


@shared_task(  # shared
    name='proj.shared',
)
def shared(): pass


@app.task(autoretry_for=(OSError,))  # retried
def retried(): pass


@app.task(bind=True)  # bound
def bound(self): pass


@app.task  # wrapped
@measured
@measured
def wrapped(): pass


def retrying(function):
    @functools.wraps(function)
    def call(*args): return function(*args)
    return app.task(name=f'proj.{function.__name__}', autoretry_for=(OSError,))(call)


@retrying  # own_decorator
def own_decorator(): pass


def called(): pass  # called


app.task(name='proj.called')(called)
app.task(name='proj.called_again')(called)
app.task(name='proj.partial')(measured(functools.partial(called, 1)))
app.task(name='proj.elsewhere')(written_elsewhere)


class Callable:
    __name__, __annotations__ = 'callable', {}

    @measured  # __call__
    def __call__(self): pass

    def method(self): pass  # method


app.task(name='proj.callable')(Callable())
app.task(name='proj.method')(Callable().method)


class Wrapper:
    def __init__(self, function): functools.update_wrapper(self, function)
    def __call__(self): return self.__wrapped__()


@app.task  # wrapped_by_class
@Wrapper
def wrapped_by_class(): pass


class Base(Task):  # class Base
    abstract = True

    def run(self): pass  # Base.run


class Classic(Base):  # class Classic
    name = 'proj.classic'

    @measured  # Classic.run
    def run(self): pass


class Inherited(Base):  # class Inherited
    name = 'proj.inherited'


class Mixed(mixin.Runs, Task):  # class Mixed
    name = 'proj.mixed'


for cls in (Classic, Inherited, Mixed):
    app.register_task(cls())

exec("@app.task(name='proj.from_exec')\\ndef from_exec(): pass")


@app.task(base=Base, name='proj.based')  # based
def based(): pass
"""

FILES = {
    "proj.py": TASKS,
    "helpers.py": """
        import functools
        def measured(function):
            @functools.wraps(function)
            def call(*args): return function(*args)
            return call

        def written_elsewhere(): pass
        """,
    "site-packages/lib/mixin.py": "class Runs:\n    def run(self): pass\n",
}


@pytest.fixture(scope="module")
def app(take):
    return take(FILES).app


def line(marker):
    """Where the comment `# marker` stands in `proj.py`."""
    [number] = [n for n, text in enumerate(TASKS.splitlines(), 1) if text.endswith(f"# {marker}")]
    return Location("proj.py", number)


@pytest.mark.parametrize(
    ("name", "location", "source"),
    [
        ("plain", "plain", "plain"),
        ("shared", "shared", "shared"),
        ("retried", "retried", "retried"),
        ("bound", "bound", "bound"),
        ("based", "based", "based"),
        ("wrapped", "wrapped", "wrapped"),
        ("own_decorator", "own_decorator", "own_decorator"),
        ("called", "called", "called"),
        ("called_again", "called", "called"),
        ("partial", "called", "called"),
        ("method", "method", "method"),
        ("wrapped_by_class", "wrapped_by_class", "wrapped_by_class"),
        ("callable", "__call__", "__call__"),
        ("classic", "class Classic", "Classic.run"),
        ("inherited", "class Inherited", "Base.run"),
        ("mixed", "class Mixed", None),
        ("from_exec", None, None),
    ],
)
def test_places(app, name, location, source):
    task = app.task(f"proj.{name}")
    assert task is not None, app.names
    assert task.location == (location and line(location))
    assert task.source == (source and line(source))


def test_a_function_of_another_module(app):
    task = app.task("proj.elsewhere")
    assert task.location == task.source == Location("helpers.py", 8)


def test_all_of_them_are_the_projects(app):
    assert app.partial is None
    assert app.third_party == ()


def test_installed_tasks_have_no_source(take):
    app = take(
        {
            "proj.py": """
                import sys
                from celery import Celery
                sys.path.append('site-packages')
                app = Celery('proj', broker='memory://', include=['lib.tasks'])
                """,
            "site-packages/lib/tasks.py": """
                from celery import shared_task
                @shared_task
                def task(): pass
                """,
        },
    ).app
    assert [(task.source, task.location.path) for task in app.third_party] == [
        (None, "site-packages/lib/tasks.py")
    ]
    assert app.packages == ("proj",)
    assert app.import_roots == (".",)


def test_an_object_that_answers_anything(take):
    """And one that answers nothing."""
    app = take(
        {
            "proj.py": """
                from unittest.mock import MagicMock
                from celery import Celery
                app = Celery('proj', broker='memory://', strict_typing=False)
                class Refuses:
                    __module__, __name__, __qualname__, __annotations__ = 'proj', 'refuses', 'refuses', {}
                    def __getattr__(self, name): raise ValueError(name)
                    def __call__(self): pass
                class Answers(Refuses):
                    __name__ = __qualname__ = 'answers'
                    def __getattr__(self, name): return Answers()
                app.task(Refuses())
                app.task(Answers())
                mocked = MagicMock(__name__='mocked', __qualname__='mocked', __module__='proj')
                mocked.__annotations__ = {}
                app.task(mocked)
                @app.task
                def plain(): pass
                """
        }
    ).app
    assert [(task.name, task.source and task.source.line) for task in app.tasks] == [
        ("proj.answers", 8),
        ("proj.mocked", None),
        ("proj.plain", 17),
    ]
    assert [(task.name, task.cause) for task in app.broken_tasks] == [
        ("proj.refuses", "ValueError: __qualname__")
    ]
