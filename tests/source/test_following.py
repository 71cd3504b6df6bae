"""Helpers followed from a task's body: what is reached, through which calls, with what around it."""

from __future__ import annotations

import pytest

from celerycheck.source.evidence import TaskBody
from celerycheck.testing import body

SERVICES = """
import requests

class Client:
    def __init__(self):
        self.session = requests.Session()

    def send(self, order):
        self.session.post("/", json=order.total)
        order.save()

def deliver(order):
    for part in order.parts:
        Client().send(order)

def forever():
    forever()

def deep1(): deep2()
def deep2(): deep3()
def deep3(): deep4()
def deep4(): deep5()
def deep5(): print("too deep")

def later(function):
    register(function)
"""


def reached(task: TaskBody) -> dict[str | None, list[str]]:
    """Chain -> the names of the functions on the way."""
    return {found.call.chain: [function.name for _, function in found.way] for found in task.reached()}


def work(text: str) -> TaskBody:
    return body({"proj/tasks.py": text, "proj/services.py": SERVICES})


def test_through_functions_methods_and_attributes() -> None:
    found = reached(
        work("""
        from proj import services
        from proj.models import Order
        @app.task
        def work(pk):
            order = Order.objects.get(pk=pk)
            services.deliver(order)
        """)
    )
    assert found["requests.Session().post"] == ["work", "deliver"]
    assert found["proj.models.Order.objects.get().save"] == ["work", "deliver"]


def test_blocks_of_callers_count() -> None:
    task = work("""
    from proj import services
    @app.task
    def work(order):
        try:
            services.deliver(order)
        except OSError:
            pass
    """)
    post = next(found for found in task.reached() if found.call.method == "post")
    assert [block.kind for block in post.blocks] == ["try", "loop"]
    assert post.depth == 2


def test_a_helper_that_calls_itself_is_entered_once() -> None:
    task = work("from proj import services\n@app.task\ndef work():\n    services.forever()\n")
    assert len(list(task.reached())) == 2


def test_only_so_deep() -> None:
    task = work("from proj import services\n@app.task\ndef work():\n    services.deep1()\n")
    chains = {found.call.chain for found in task.reached()}
    assert "proj.services.deep5" in chains
    assert "builtins.print" not in chains
    assert {found.call.chain for found in task.reached(0)} == {"proj.services.deep1"}


def test_functions_inside_are_entered_where_they_are_called() -> None:
    task = work("""
    from proj import services
    @app.task
    def work():
        def now():
            print("now")
        def handed_on():
            open("x")
        now()
        services.later(handed_on)
    """)
    chains = {found.call.chain for found in task.reached()}
    assert "builtins.print" in chains
    assert "builtins.open" not in chains


def test_functions_inside_know_what_the_one_around_them_is_handed() -> None:
    task = body("""
    @app.task(bind=True)
    def work(self):
        def again():
            self.retry()
        def other(self):
            self.retry()
        again()
        other(work.order)
        (lambda: self.retry())()
    """)
    chains = [found.call.chain for found in task.reached() if found.call.method == "retry"]
    assert chains == ["<task>.retry", "proj.tasks.work.order.retry", "<task>.retry"]


def test_the_task_itself() -> None:
    task = body("""
    @app.task(bind=True)
    def work(self):
        retry_later(self)
        work.retry()
    def retry_later(task):
        task.retry()
    """)
    chains = [found.call.chain for found in task.reached()]
    assert chains == ["proj.tasks.retry_later", "<task>.retry", "<task>.retry"]


@pytest.mark.parametrize("kind", ["Task", "celery.Task", '"Task"', "Optional[Task]", "Base", "int"])
def test_the_task_itself_whatever_it_is_annotated_with(kind: str) -> None:
    task = work(f"""
    import celery
    from typing import Optional
    from celery import Task
    class Base(Task):
        def prepare(self): self.update_state(state="BEGUN")
    @app.task(bind=True)
    def work(self: {kind}, order):
        retry_later(self, order)
        also_later(order, task=self)
        self.request.id.lower()
        raise self.retry()
    def retry_later(task: {kind}, order):
        task.retry(exc=order)
    def also_later(order, *, task: {kind}):
        task.retry(exc=order)
    """)
    chains = [found.call.chain for found in task.reached() if found.call.method in ("retry", "lower")]
    assert chains == ["<task>.request.id.lower", "<task>.retry", "<task>.retry", "<task>.retry"]


def test_another_task_is_not_the_task_itself() -> None:
    task = work("""
    from celery import Task
    @app.task(bind=True)
    def work(self, other: Task, order):
        other.retry()
        retry_later(other, self)
    def retry_later(task: Task, order):
        task.retry(exc=order)
        order.retry()
    """)
    chains = [found.call.chain for found in task.reached() if found.call.method == "retry"]
    assert chains == ["celery.Task().retry", "celery.Task().retry", "<task>.retry"]


def test_another_task_called_as_a_function_is_its_own_self() -> None:
    task = work("""
    @app.task(bind=True)
    def work(self, order):
        other(order)
        wrong(self, order)
        plain(self, order)
    @app.task(bind=True)
    def other(self, order):
        order.lower()
        self.retry()
    @app.task(bind=True)
    def wrong(self, order):
        self.retry()
    @app.task
    def plain(task, order):
        task.retry()
    """)
    chains = [found.call.chain for found in task.reached() if found.call.method in ("retry", "lower")]
    assert chains == ["?order.lower", "?self.retry", "?self.retry", "<task>.retry"]


def test_the_task_itself_in_a_class() -> None:
    task = body("""
    from celery import Task
    class Mailer(Task):
        def run(self, pk):
            self.prepare()
            self.retry()
        def prepare(self):
            print(self.request.id)
    """)
    chains = [found.call.chain for found in task.reached()]
    assert chains == ["<task>.prepare", "<task>.retry", "builtins.print"]


def test_problems_tell_the_way() -> None:
    task = work("from proj import services\n@app.task\ndef work(order):\n    services.deliver(order)\n")
    post = next(found for found in task.reached() if found.call.method == "post")
    problem = task.problem("it posts", at=post)
    assert problem.location is not None
    assert (problem.location.path, problem.location.line) == ("proj/services.py", 9)
    assert [(step.text, step.location.path, step.location.line) for step in problem.trace] == [
        ("work calls services.deliver", "proj/tasks.py", 4),
        ("deliver calls Client().send", "proj/services.py", 14),
    ]


def test_what_the_checklist_names_is_not_looked_into() -> None:
    from celerycheck.known_libraries import SHIPPED

    text = {
        "proj/tasks.py": "from proj.net import call\n@app.task\ndef work():\n    call()\n",
        "proj/net.py": "import requests\ndef call():\n    requests.get('/')\n",
    }
    assert len(list(body(text).reached())) == 2
    named = body(text, libraries=SHIPPED.extended({"network": ["proj.net.call"]}))
    assert [named.kinds(found) for found in named.reached()] == [{"network"}]


def test_a_method_of_a_librarys_class_is_known_in_the_projects_own():
    code = """
        from celery import shared_task
        from django.core.mail import EmailMessage
        class Mail(EmailMessage): ...
        class Receipt(Mail): ...
        class Draft(Mail):
            def send(self): print("not yet")
        class Letter:
            def post(self): ...
        @shared_task
        def work():
            Receipt().send()
            Draft().send()
            Letter().send()
            Receipt().attach("a")
    """
    task = body(code)
    sends = [call.text for call in task.calls if "send" in task.kinds(call)]
    assert sends == ["Receipt().send"]


MANAGERS = """
from django.db import models

class Open(models.QuerySet):
    def pay_all(self):
        self.update(paid=True)

class OrderManager(models.Manager):
    def place(self, number):
        self.note("placed")
        return self.create(number=number)
    def note(self, text):
        self.model(text=text).save()

class Order(models.Model):
    number = models.CharField()
    customer = models.ForeignKey("Customer")
    objects = OrderManager()
    open = Open.as_manager()
    both = OrderManager.from_queryset(Open)()
    def pay(self):
        self.save()
"""


@pytest.mark.parametrize(
    ("line", "chains"),
    [
        ("Order.objects.create()", ["proj.models.Order.objects.create"]),
        ("Order.objects.filter(x=1).update(y=2)", ["proj.models.Order.objects.filter().update"]),
        ("Order.objects.get(pk=1).pay()", ["proj.models.Order.objects.get().save"]),
        ("Order.open.all().pay_all()", ["proj.models.Order.open.all().update"]),
        ("Order.open.filter(x=1).pay_all()", ["proj.models.Order.open.filter().update"]),
        ("Order.both.filter(x=1).pay_all()", ["proj.models.Order.both.filter().update"]),
        (
            "Order.objects.place(1)",
            ["proj.models.Order.objects.create", "proj.models.Order().save"],
        ),
        ("Order.both.place(1)", ["proj.models.Order.both.create", "proj.models.Order().save"]),
        ("order = Order()\n    order.customer.save()", ["proj.models.Order().customer.save"]),
    ],
)
def test_managers_of_the_projects_own_give_rows_of_their_model(line: str, chains: list[str]) -> None:
    text = f"from proj.models import Order\n@app.task\ndef work():\n    {line}\n"
    task = body({"proj/tasks.py": text, "proj/models.py": MANAGERS})
    assert [found.call.chain for found in task.reached() if "write" in task.kinds(found)] == chains


def test_a_class_called_manager_may_have_nothing_to_do_with_models() -> None:
    task = work("""
    import requests
    class ConnectionManager:
        def ask(self): requests.get("/")
    class Service:
        manager = ConnectionManager()
    @app.task
    def work():
        Service.manager.ask()
    """)
    assert "requests.get" in reached(task)


SHAPES = """
import requests

class Base:
    def run(self):
        self.prepare()
        self.send()
    def prepare(self): ...
    def send(self): raise NotImplementedError
    @classmethod
    def all(cls): cls.of_kind()
    @classmethod
    def of_kind(cls): raise NotImplementedError

class Mail(Base):
    def prepare(self):
        super().prepare()
        requests.put("/")
    def send(self): requests.post("/")
    @classmethod
    def of_kind(cls): requests.delete("/")

class Loud(Mail):
    def run(self):
        print("run")
        super().run()
"""


@pytest.mark.parametrize(
    ("call", "verbs"),
    [
        ("Mail().run()", {"post", "put"}),
        ("Loud().run()", {"post", "put"}),
        ("Mail.all()", {"delete"}),
        ("Base().run()", set()),
        ("Base.all()", set()),
    ],
)
def test_methods_are_those_of_the_class_of_the_instance(call: str, verbs: set[str]) -> None:
    name = call.partition(".")[0].removesuffix("()")
    text = f"from proj.shapes import {name}\n@app.task\ndef work():\n    {call}\n"
    task = body({"proj/tasks.py": text, "proj/shapes.py": SHAPES})
    chains = [found.call.chain for found in task.reached()]
    assert {chain.rpartition(".")[2] for chain in chains if chain and chain.startswith("requests")} == verbs


def test_super_in_a_tasks_class_leads_to_the_base() -> None:
    task = body("""
    from celery import Task
    class Steps:
        def run(self, pk):
            self.work(pk)
    class Mailer(Steps, Task):
        def run(self, pk):
            super().run(pk)
        def work(self, pk):
            self.retry()
    """)
    assert "<task>.retry" in [found.call.chain for found in task.reached()]


CLIENTS = """
import contextlib
import functools
import requests
from asgiref.sync import async_to_sync
from celery import shared_task
from django.db import models
from sqlalchemy.orm import Session

class Order(models.Model): ...

def made(): return requests.Session()

def held():
    session = requests.Session()
    session.headers["A"] = "b"
    return session

def by_way_of(): return held()

@functools.lru_cache
def cached(): return requests.Session()

def perhaps(on):
    if on:
        return requests.Session()
    return None

def either(on):
    if on:
        return requests.Session()
    return {}

def chosen(on):
    session = requests.Session()
    if on:
        session = on
    return session

def given(session): return session
def given_or(session=None):
    session = session or requests.Session()
    return session

def wrapped(function): return lambda: {}

@wrapped
def other(): return requests.Session()

def itself(): return itself().more()
def there(): return back().more()
def back(): return there().more()
def ids(): return list(Order.objects.all())
def rows(): return Order.objects.all()

@contextlib.contextmanager
def opened():
    with requests.Session() as session:
        yield session

@contextlib.contextmanager
def typed() -> "Iterator[requests.Session]":
    yield something()

@contextlib.contextmanager
def loosely() -> requests.Session:
    yield something()

def generated():
    yield requests.Session()

class Client:
    @property
    def session(self): return requests.Session()
    def again(self): return self.session
    async def later(self): requests.patch("/")

def run(): async_to_sync(Client().later)()
"""


@pytest.mark.parametrize(
    "expression",
    ["made()", "held()", "by_way_of()", "cached()", "perhaps(1)", "Client().session", "Client().again()"],
)
def test_what_functions_without_annotation_return(expression: str) -> None:
    text = f"from proj.clients import *\n@app.task\ndef work():\n    {expression}.post('/')\n"
    task = body({"proj/tasks.py": text, "proj/clients.py": CLIENTS})
    assert "requests.Session().post" in reached(task)


@pytest.mark.parametrize(
    "expression",
    [
        "either(1)", "chosen(1)", "given(x)", "given_or(x)", "other()", "itself()", "there()", "ids()",
        "generated()",
    ],
)  # fmt: skip
def test_what_functions_return_that_nobody_can_tell(expression: str) -> None:
    text = f"from proj.clients import *\n@app.task\ndef work(x):\n    {expression}.post('/')\n"
    task = body({"proj/tasks.py": text, "proj/clients.py": CLIENTS})
    (post,) = [found.call.chain for found in task.reached() if found.call.method == "post"]
    assert post is None or post.startswith("proj.clients.")


def test_a_queryset_that_a_function_returns() -> None:
    text = "from proj.clients import rows\n@app.task\ndef work():\n    rows().delete()\n"
    task = body({"proj/tasks.py": text, "proj/clients.py": CLIENTS})
    assert "proj.clients.Order.objects.all().delete" in reached(task)


@pytest.mark.parametrize("name", ["opened", "typed", "loosely"])
def test_what_a_function_made_a_context_manager_gives(name: str) -> None:
    text = (
        f"from proj.clients import {name}\n@app.task\ndef work():\n"
        f"    with {name}() as session:\n        session.post('/')\n"
    )
    task = body({"proj/tasks.py": text, "proj/clients.py": CLIENTS})
    (post,) = [found for found in task.reached() if found.call.method == "post"]
    assert post.call.chain == "requests.Session().post"
    assert post.blocks[0].chains == (f"proj.clients.{name}()",)


def test_asynchronous_functions_called_from_others() -> None:
    text = "from proj.clients import run\n@app.task\ndef work():\n    run()\n"
    task = body({"proj/tasks.py": text, "proj/clients.py": CLIENTS})
    assert "requests.patch" in reached(task)
