import pytest

from celerycheck.subjects import Location, Opaque, Parameter

TASKS = '''
import functools, dataclasses, enum, typing
from typing import Optional, TYPE_CHECKING, Union
from celery import Celery, Task, shared_task
if TYPE_CHECKING:
    from nowhere import Ghost

app = Celery('proj', broker='memory://')
app.conf.update(
    task_annotations={'proj.annotated': {'rate_limit': '5/m'}},
    task_time_limit=90, task_acks_late=True, task_default_queue='usual',
)


class Base(Task):
    """Reads retry in a property and a static method."""

    max_retries = 7
    abstract = True

    def on_failure(self, *args): self.retry()
    def __call__(self, *args, **kwargs): return super().__call__(*args, **kwargs)
    @property
    def client(self): return self.connection_pool


class Later(Base):
    queue = 'slow'


@app.task
def simple(a, b=1, *rest, c, d=2, **more):
    """First line.

    More.
    """


@app.task(bind=True, base=Later, max_retries=None, ignore_result=True, time_limit=5, throws=(KeyError,))
def rich(self, x, /):
    def inner(): self.retry()
    return inner


@app.task(base=Base, name='proj.annotated')
def annotated(): pass


@shared_task(autoretry_for=(KeyError, OSError), retry_backoff=True, unknown_thing=5, acks_late=False)
def retried(a: int): return session


def wrapper(function):
    @functools.wraps(function)
    def call(*args, **kwargs):
        return guard(function)(*args, **kwargs)
    return call


def careless(function):
    def call(*args): return function(*args)
    return call


@app.task
@wrapper
def wrapped(a, b): return body_name


@app.task
@careless
def lost(a, b): pass


class Classic(Base):
    name = 'proj.Classic'
    retries = 1

    def run(self, a, *, b): pass


class Inherited(Classic):
    name = 'proj.Inherited'
    priority = 3


app.register_task(Classic())
app.register_task(Inherited())


async def _coroutine(): pass


def async_to_sync(function):
    @functools.wraps(function)
    def call(*args, **kwargs): return None
    return call


app.task(name='proj.coroutine')(_coroutine)
app.task(name='proj.through_sync')(async_to_sync(_coroutine))


@app.task
def generates():
    yield 1


@app.task
async def generates_async():
    yield 1


@app.task
def _naïve_ünïcode_задача(größe=1): pass


def make(step):
    @app.task(name=f'proj.closure{step}')
    def closure(x): return step
    return closure


make(1), make(2)
exec("@app.task(name='proj.from_exec')\\ndef from_exec(x, y): pass")


class Method:
    @app.task
    def method(self, x): pass


@dataclasses.dataclass
class Point: x: int = 0


class Colour(enum.Enum): RED = 1
class Size(str, enum.Enum): BIG = 'big'
class Written:
    def __json__(self): return 1
class Silent:
    def __repr__(self): raise ValueError


@app.task
def kinds(a: Point, b: Optional[Point], c: Union[int, Point], d: 'Point', e: 'Ghost', f: Colour, g: Size,
          h: set, i: list[int], j: 'set[str] | None' = None, k: Written = None,
          l: Silent() = None, m: dict = None): pass


@app.task(pydantic=True)
def validated(x: int): pass


@app.task(max_retries=object(), default_retry_delay=__import__('datetime').timedelta(seconds=5))
def computed(): pass
'''


@pytest.fixture(scope="module")
def app(take):
    files = {"proj.py": TASKS}
    try:
        import pydantic  # noqa: F401
    except ImportError:
        files["proj.py"] = TASKS.replace("pydantic=True", "")
    return take(files).app


def task(app, name):
    found = app.task(f"proj.{name}")
    assert found is not None, app.names
    return found


def test_nothing_is_lost(app):
    assert app.partial is None
    assert app.broken_tasks == ()
    assert len(app.tasks) == 20
    assert app.third_party == ()
    assert "proj.call" in app.registry, "a wrapper without functools.wraps gives the task its own name"


@pytest.mark.parametrize(
    ("name", "explicit"),
    [
        ("simple", {}),
        (
            "rich",
            {
                "max_retries": "decorator",
                "ignore_result": "decorator",
                "time_limit": "decorator",
                "throws": "decorator",
                "queue": "class proj.Later",
                "abstract": "class proj.Base",
            },
        ),
        (
            "annotated",
            {
                "max_retries": "class proj.Base",
                "abstract": "class proj.Base",
                "rate_limit": "task_annotations",
            },
        ),
        (
            "retried",
            {
                "autoretry_for": "decorator",
                "retry_backoff": "decorator",
                "unknown_thing": "decorator",
                "acks_late": "decorator",
            },
        ),
        (
            "Inherited",
            {
                "priority": "class proj.Inherited",
                "retries": "class proj.Classic",
                "max_retries": "class proj.Base",
                "abstract": "class proj.Base",
            },
        ),
        ("wrapped", {}),
        ("closure1", {}),
        ("_naïve_ünïcode_задача", {}),
    ],
)
def test_explicit_options_and_who_wrote_them(app, name, explicit):
    assert dict(task(app, name).explicit) == explicit


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("simple", "max_retries", 3),
        ("simple", "time_limit", 90),
        ("simple", "acks_late", True),
        ("simple", "default_retry_delay", 180),
        ("simple", "soft_time_limit", None),
        ("simple", "rate_limit", None),
        ("simple", "ignore_result", False),
        ("simple", "queue", None),
        ("simple", "autoretry_for", None),
        ("rich", "max_retries", None),
        ("rich", "time_limit", 5),
        ("rich", "queue", "slow"),
        ("rich", "throws", [Opaque("type", "KeyError")]),
        ("rich", "ignore_result", True),
        ("annotated", "rate_limit", "5/m"),
        ("annotated", "max_retries", 7),
        ("retried", "acks_late", False),
        ("retried", "retry_backoff", True),
        ("retried", "unknown_thing", 5),
        ("retried", "autoretry_for", [Opaque("type", "KeyError"), Opaque("type", "OSError")]),
        ("Inherited", "priority", 3),
        ("Classic", "priority", None),
        ("computed", "max_retries", Opaque("object")),
        ("computed", "default_retry_delay", Opaque("datetime.timedelta", "0:00:05", 5.0)),
    ],
)
def test_effective_options(app, name, option, value):
    assert task(app, name).option(option) == value


def any_(*names, **more):
    return tuple(Parameter(name, **more) for name in names)


@pytest.mark.parametrize(
    ("name", "first", "parameters"),
    [
        (
            "simple",
            "a",
            (
                Parameter("a"),
                Parameter("b", has_default=True),
                Parameter("rest", "args"),
                Parameter("c", "keyword"),
                Parameter("d", "keyword", True),
                Parameter("more", "kwargs"),
            ),
        ),
        ("rich", "self", (Parameter("x", "positional"),)),
        ("retried", "a", (Parameter("a", annotation="int"),)),
        ("wrapped", "a", any_("a", "b")),
        ("call", "*args", (Parameter("args", "args"),)),
        ("Classic", "self", (Parameter("a"), Parameter("b", "keyword"))),
        ("closure2", "x", any_("x")),
        ("from_exec", "x", any_("x", "y")),
        ("method", "self", any_("self", "x")),
        ("_naïve_ünïcode_задача", "größe", (Parameter("größe", has_default=True),)),
        ("annotated", None, ()),
    ],
)
def test_parameters(app, name, first, parameters):
    assert (task(app, name).first_parameter, task(app, name).parameters) == (first, parameters)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a", "a dataclass"),
        ("b", "a dataclass"),
        ("c", None),
        ("d", "a dataclass"),
        ("e", None),
        ("f", "an Enum"),
        ("g", None),
        ("h", "a set"),
        ("i", None),
        ("j", "a set"),
        ("k", None),
        ("l", None),
        ("m", None),
    ],
)
def test_kinds_of_arguments(app, name, kind):
    import sys

    parameters = {parameter.name: parameter for parameter in task(app, "kinds").parameters}
    if name == "j" and sys.version_info < (3, 10):
        pytest.skip("X | None")
    assert parameters[name].complex == kind
    assert parameters[name].annotation


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("simple", "@app.task"),
        ("annotated", "@app.task(base=Base, name='proj.annotated')"),
        ("Classic", "class Classic(Base):"),
        ("Inherited", "class Inherited(Classic):"),
        ("_naïve_ünïcode_задача", None),
        ("from_exec", None),
    ],
)
def test_places(app, name, line):
    found = task(app, name).location
    if name == "from_exec":
        assert found is None
    else:
        assert found.path == "proj.py"
        source = TASKS.splitlines()
        assert source[found.line - 1].startswith(line or "@app.task")


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("simple", set()),
        ("rich", {"bound"}),
        ("Classic", {"bound", "class_based"}),
        ("coroutine", {"is_async"}),
        ("through_sync", set()),
        ("generates", {"is_generator"}),
        ("generates_async", {"is_async", "is_generator"}),
        ("retried", {"shared"}),
        ("wrapped", set()),
        ("method", set()),
        ("from_exec", set()),
        ("closure1", set()),
    ],
)
def test_flags(app, name, flags):
    found = task(app, name)
    names = ("bound", "class_based", "is_async", "is_generator", "shared")
    assert {flag for flag in names if getattr(found, flag)} == flags


def test_what_the_code_mentions(app):
    assert "retry" in task(app, "rich").names_read
    assert {"guard", "body_name"} <= set(task(app, "wrapped").names_read)
    assert "session" in task(app, "retried").names_read
    assert not task(app, "simple").may_retry
    [later, base] = task(app, "rich").classes
    assert (later.name, later.defines, base.name) == ("proj.Later", ("queue",), "proj.Base")
    assert set(base.defines) == {"max_retries", "abstract", "on_failure", "client", "__call__"}
    assert {"retry", "connection_pool"} <= set(base.reads)
    assert base.location == Location("proj.py", 15)


def test_docs_queues_and_pydantic(app):
    assert task(app, "simple").doc == "First line."
    assert task(app, "annotated").doc is None
    assert task(app, "simple").queue == "usual"
    assert task(app, "rich").queue == "slow"
    assert task(app, "simple").shared is False
    if "pydantic" in task(app, "validated").explicit or app.version >= (5, 5):
        pytest.importorskip("pydantic")
        assert task(app, "validated").pydantic


def test_an_option_set_on_the_task_itself(take):
    source = (
        "from celery import Celery\n"
        "app = Celery('proj', broker='memory://')\n"
        "@app.task\ndef work(): pass\n"
        "app.finalize()\n"
        "work.max_retries = None\nwork.rate_limit = '1/s'\n"
    )
    task = take({"proj.py": source}).app.task("proj.work")
    assert task is not None
    assert (task.option("max_retries"), task.option("rate_limit")) == (None, "1/s")
    assert task.option("default_retry_delay") == 180


def test_a_repl_session(take):
    """Tasks of a module without a file."""
    found = take(
        {
            "proj.py": """
            import sys, types
            module = types.ModuleType('typed_in')
            code = "from celery import Celery\\napp = Celery('typed')\\n"
            code += "@app.task(bind=True)\\ndef t(self, x): pass\\n"
            exec(compile(code, '<stdin>', 'exec'), vars(module))
            sys.modules['typed_in'] = module
            app = module.app
            """
        }
    ).app
    assert [(t.name, t.location, t.bound, t.parameters) for t in found.tasks] == [
        ("typed_in.t", None, True, (Parameter("x"),))
    ]


def test_django_models_as_arguments(take):
    pytest.importorskip("django")
    found = take(
        {
            "config/settings.py": "SECRET_KEY='x'\nINSTALLED_APPS=['orders']\n"
            "DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': 'postgres://u:hunter2@h'}}\n",
            "config/celery.py": """
                import os
                os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'
                from celery import Celery
                app = Celery('config')
                app.autodiscover_tasks()
                """,
            "orders/models.py": "from django.db import models\nclass Order(models.Model): pass\n",
            "orders/tasks.py": """
                from __future__ import annotations
                from celery import shared_task
                from django.db.models import QuerySet
                from django.http import HttpRequest
                from orders.models import Order
                @shared_task
                def ship(order: Order, many: QuerySet, request: HttpRequest, key: int): pass
                """,
        },
        "config",
    )
    [ship] = found.app.tasks
    assert [p.complex for p in ship.parameters] == [
        "a Django model instance",
        "a Django queryset",
        "a request",
        None,
    ]
    assert "hunter2" not in found.text
