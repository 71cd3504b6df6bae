"""What calls, values and blocks are, as the reader of source sees them."""

from __future__ import annotations

import sys

import pytest

from celerycheck.source.code import Call, Value
from celerycheck.testing import body, source

MODELS = """
from django.db import models

class Order(models.Model):
    def finish(self):
        self.save()

    @classmethod
    def fresh(cls):
        return cls()
"""


def calls(text: str, **files: str) -> list[str | None]:
    """The chains of the calls in the function `work` of that source."""
    paths = {f"proj/{name}.py": content for name, content in files.items()}
    code = source({"proj/tasks.py": text, "proj/models.py": MODELS, **paths})
    module = code.project.module("proj.tasks")
    assert module is not None
    return [call.chain for call in module.functions["work"].code.calls]


CHAINS = {
    "a module's function": ("import time\ndef work():\n    time.sleep(1)", ["time.sleep"]),
    "an alias": ("import time as t\ndef work():\n    t.sleep(1)", ["time.sleep"]),
    "a name from a module": ("from time import sleep as nap\ndef work():\n    nap(1)", ["time.sleep"]),
    "an import inside": ("def work():\n    from time import sleep\n    sleep(1)", ["time.sleep"]),
    "a submodule": ("import os.path\ndef work():\n    os.path.join('a')", ["os.path.join"]),
    "a builtin": ("def work():\n    print(1)", ["builtins.print"]),
    "a builtin's name taken": ("def print(x): ...\ndef work():\n    print(1)", ["proj.tasks.print"]),
    "a parameter": ("def work(order):\n    order.save()", ["?order.save"]),
    "nobody's name": ("def work():\n    nothing.save()", [None]),
    "a result": (
        "import requests\ndef work():\n    s = requests.Session()\n    s.get('/')",
        ["requests.Session", "requests.Session().get"],
    ),
    "a context manager's": (
        "import requests\ndef work():\n    with requests.Session() as s:\n        s.get('/')",
        ["requests.Session", "requests.Session().get"],
    ),
    "an element": (
        "from proj.models import Order\ndef work():\n    for o in Order.objects.all():\n        o.save()",
        ["proj.models.Order.objects.all", "proj.models.Order.objects.all()[].save"],
    ),
    "a slice is the same thing": (
        "from proj.models import Order\ndef work():\n    for o in Order.objects.all()[:5]:\n        o.save()",
        ["proj.models.Order.objects.all", "proj.models.Order.objects.all()[].save"],
    ),
    "an annotated parameter": (
        "from proj.models import Order\ndef work(order: Order):\n    order.save()",
        ["proj.models.Order().save"],
    ),
    "an optional one": (
        "from proj.models import Order\ndef work(order: 'Order | None'):\n    order.save()",
        ["proj.models.Order().save"],
    ),
    "an annotation that says nothing": (
        "from typing import Any\ndef work(order: Any):\n    order.save()",
        ["?order.save"],
    ),
    "both branches agree": (
        "import a\ndef work(x):\n  if x:\n    s = a.make()\n  else:\n    s = a.make()\n  s.go()",
        ["a.make", "a.make", "a.make().go"],
    ),
    "the branches differ": (
        "import a\ndef work(x):\n    if x:\n        s = a.one()\n    else:\n        s = a.two()\n    s.go()",
        ["a.one", "a.two", None],
    ),
    "a branch that leaves does not count": (
        "import a\ndef work(x):\n    s = a.one()\n    if x:\n        s = a.two()\n        return\n    s.go()",
        ["a.one", "a.two", "a.one().go"],
    ),
    "None and something is something": (
        "import a\ndef work(x):\n    s = None\n    if x:\n        s = a.one()\n    s.go()",
        ["a.one", "a.one().go"],
    ),
    "a walrus": (
        "import a\ndef work():\n    if (s := a.one()):\n        s.go()",
        ["a.one", "a.one().go"],
    ),
    "awaited": ("import a\nasync def work():\n    s = await a.one()\n    s.go()", ["a.one", "a.one().go"]),
    "a tuple unpacked": (
        "import a\ndef work():\n    s, t = a.one(), a.two()\n    t.go()",
        ["a.one", "a.two", "a.two().go"],
    ),
    "a cast": (
        "from typing import cast\nfrom proj.models import Order\ndef work(x):\n    cast(Order, x).save()",
        ["typing.cast", "proj.models.Order().save"],
    ),
    "caught exceptions": (
        "import a\ndef work():\n    try:\n        a.one()\n    except ValueError as e:\n        e.go()",
        ["a.one", "builtins.ValueError().go"],
    ),
    "a fallback import": (
        "try:\n    import orjson\nexcept ImportError:\n    orjson = None\ndef work():\n    orjson.dumps(1)",
        ["orjson.dumps"],
    ),
    "a variable of the module": (
        "import requests\nS = requests.Session()\ndef work():\n    S.get('/')",
        ["requests.Session().get"],
    ),
    "a lambda is a function of its own": ("import a\ndef work():\n    return lambda: a.one()", []),
    "a comprehension": (
        "import a\ndef work(xs):\n    return [a.one(x) for x in xs]",
        ["a.one"],
    ),
}


@pytest.mark.parametrize("case", CHAINS)
def test_chains(case: str) -> None:
    text, expected = CHAINS[case]
    assert calls(text) == expected


GO = "from proj.api import go\ndef work():\n    go()"

ACROSS = {
    "a re-export": (
        {"api": "from .low import go"},
        "from proj.api import go\ndef work():\n    go()",
        "proj.low.go",
    ),
    "a star": (
        {"api": "from proj.low import *"},
        "from proj.api import go\ndef work():\n    go()",
        "proj.low.go",
    ),
    "an instance elsewhere": (
        {"api": "import requests\nclient = requests.Session()"},
        "from proj import api\ndef work():\n    api.client.get('/')",
        "requests.Session().get",
    ),
    "an attribute that __init__ gives": (
        {"api": "import requests\nclass C:\n    def __init__(self):\n        self.s = requests.Session()"},
        "from proj.api import C\ndef work():\n    C().s.get('/')",
        "requests.Session().get",
    ),
    "an attribute that a base gives": (
        {"api": "import requests\nclass B:\n    s = requests.Session()\nclass C(B): ..."},
        "from proj.api import C\ndef work():\n    C().s.get('/')",
        "requests.Session().get",
    ),
    "what a function says it returns": (
        {"api": "import requests\ndef make() -> requests.Session:\n    return build()"},
        "from proj.api import make\ndef work():\n    make().get('/')",
        "requests.Session().get",
    ),
    "a circle of imports": (
        {"api": "from proj.tasks import work\nfrom proj.low import go"},
        "from proj.api import go\ndef work():\n    go()",
        "proj.low.go",
    ),
    "a circle of names": (
        {"api": "from proj.api import go"},
        "from proj.api import go\ndef work():\n    go()",
        "proj.api.go",
    ),
}


@pytest.mark.parametrize("case", ACROSS)
def test_names_across_modules(case: str) -> None:
    files, text, expected = ACROSS[case]
    assert calls(text, low="def go(): ...", **files)[-1] == expected


def value(expression: str, before: str = "") -> Value:
    """What an expression is, as the argument of a call."""
    text = f"import a\nLIMIT = 60\n{before}\ndef work(x):\n    a.f({expression})"
    module = source(text).project.module("proj.tasks")
    assert module is not None
    return module.functions["work"].code.calls[-1].args[0]


@pytest.mark.parametrize(
    ("expression", "constant"),
    [
        ("60 * 60", 3600),
        ("-1", -1),
        ("LIMIT * 2", 120),
        ("'text'", "text"),
        ("None", None),
        ("2 ** 10", None),
    ],
)
def test_constants_are_computed(expression: str, constant: object) -> None:
    assert value(expression).constant == constant


@pytest.mark.parametrize(
    ("expression", "kind"),
    [
        ("{1}", "set"),
        ("{x for x in x}", "set"),
        ("(x for x in x)", "generator"),
        ("[1]", "list"),
        ("(1, 2)", "tuple"),
        ("{'a': 1}", "dict"),
        ("lambda: 1", "lambda"),
        ("f'{x}'", "text"),
        ("a.b()", "call"),
        ("x | 1", "operation"),
        ("x", "chain"),
        ("...", "unknown"),
    ],
)
def test_kinds_of_values(expression: str, kind: str) -> None:
    assert value(expression).kind == kind


def test_blocks_around_a_call() -> None:
    text = """
    import a
    @app.task
    def work(xs):
        with a.lock():
            for x in xs:
                try:
                    a.one()
                except ValueError:
                    a.two()
                else:
                    a.three()
                finally:
                    a.four()
        if xs:
            a.five()
        else:
            a.six()
    """
    found = {call.text: [block.kind for block in call.blocks] for call in body(text).calls}
    assert found == {
        "a.lock": [],
        "a.one": ["with", "loop", "try"],
        "a.two": ["with", "loop", "handler"],
        "a.three": ["with", "loop", "try-else"],
        "a.four": ["with", "loop", "finally"],
        "a.five": ["if"],
        "a.six": ["else"],
    }


def test_handlers_know_what_they_catch() -> None:
    text = """
    import requests
    ERRORS = (OSError, requests.Timeout)
    @app.task
    def work():
        try:
            one()
        except ERRORS:
            two()
        except (ValueError, KeyError):
            three()
        except:
            four()
    """
    handlers = [block.chains for block in body(text).code.blocks if block.kind == "handler"]
    assert handlers == [
        ("builtins.OSError", "requests.Timeout"),
        ("builtins.ValueError", "builtins.KeyError"),
        (),
    ]


def uses(text: str) -> list[str]:
    return [call.use for call in body(text).calls]


def test_what_becomes_of_results() -> None:
    text = """
    @app.task
    def work():
        one()
        x = two()
        if x:
            raise three()
        return four()
    """
    assert uses(text) == ["statement", "value", "raised", "returned"]


def test_arguments() -> None:
    text = """
    @app.task
    def work(*args, **options):
        plain(1, key=2)
        spread(*args, **options)
        known(**{"key": 2})
    """
    plain, spread, known = body(text).calls
    assert (plain.argument("first", 0), plain.open_args, plain.open_keywords) == (plain.args[0], False, False)
    assert (spread.open_args, spread.open_keywords) == (True, True)
    assert known.keywords["key"].constant == 2
    assert not known.open_keywords


def test_writes_name_their_owner() -> None:
    text = """
    from proj.models import Order
    @app.task
    def work(pk):
        order = Order.objects.get(pk=pk)
        order.total += 1
        order.paid = True
    """
    code = body({"proj/tasks.py": text, "proj/models.py": MODELS}).code
    assert [(write.owner, write.target, write.augmented) for write in code.writes] == [
        ("proj.models.Order.objects.get()", "proj.models.Order.objects.get().total", True),
        ("proj.models.Order.objects.get()", "proj.models.Order.objects.get().paid", False),
    ]


def test_columns_count_characters() -> None:
    text = '@app.task\ndef work():\n    "äöü"; stop("ß")\n'
    task = body(text)
    place = task.function.location(task.calls[0].node)
    assert (place.line, place.column, place.end_column) == (3, 12, 21)


def test_names_stay_known_while_a_module_branches() -> None:
    text = """
    from typing import TYPE_CHECKING
    if TYPE_CHECKING:
        import a
    def helper(): ...
    def work():
        helper()
    """
    import textwrap

    assert calls(textwrap.dedent(text)) == ["proj.tasks.helper"]


def test_methods_know_their_class() -> None:
    code = source({"proj/models.py": MODELS})
    module = code.project.module("proj.models")
    assert module is not None
    finish: Call = module.functions["Order.finish"].code.calls[0]
    fresh: Call = module.functions["Order.fresh"].code.calls[0]
    assert (finish.chain, fresh.chain) == ("proj.models.Order().save", "proj.models.Order")


@pytest.mark.skipif(sys.version_info < (3, 11), reason="`except*` came with Python 3.11")
def test_groups_of_exceptions_are_handled_too() -> None:
    text = "@app.task\ndef work():\n    try:\n        one()\n    except* OSError:\n        print(2)\n"
    handler = next(block for block in body(text).code.blocks if block.kind == "handler")
    assert handler.chains == ("builtins.OSError",)
    assert [call.chain for call in body(text).calls] == [None, "builtins.print"]
