import subprocess
import sys

import pytest

from celerycheck.errors import LoadError
from celerycheck.subjects import Location

from .conftest import write

APP = "from celery import Celery\napp = Celery('named')\n"

DEEP = "[" * 90 + "]" * 90
CUT = f"raise RuntimeError('x', {DEEP}"[:118] + " …"
MASKED = "password=********"

PROJECT = {
    "p1/celery.py": APP,
    "p2/__init__.py": "from p2.core import app as celery_app\n",
    "p2/core.py": APP,
    "p3/__init__.py": "",
    "single.py": APP,
    "named_celery.py": "from celery import Celery\ncelery = Celery('named')\n",
    "other_name.py": "from celery import Celery\nworker = Celery('named')\n",
    "two.py": "from celery import Celery\nfirst = Celery('first')\nsecond = Celery('second')\n",
    "both.py": "from celery import Celery\ncelery = Celery('c')\napp = Celery('a')\n",
    "flasky.py": """
        from celery import Celery
        class Flask: extensions = {}
        app = Flask()
        celery = Celery('beside flask')
        """,
    "flask_extension.py": """
        from celery import Celery
        class Flask: extensions = {'celery': Celery('in flask')}
        app = Flask()
        def create_app(): return Flask()
        """,
    "factory.py": """
        from celery import Celery
        def make_app(): return Celery('made')
        def needs(name): return Celery(name)
        def nothing(): return None
        def inner(): return int('x')
        def leaves(): raise SystemExit(4)
        """,
    "lazy.py": """
        from celery import Celery
        from celery.local import Proxy
        hidden = [Celery('behind')]
        app = Proxy(lambda: hidden[0])
        def value(): raise RuntimeError('outside of the context')
        class Context:
            @property
            def extensions(self): raise RuntimeError('outside of the context')
            @property
            def __class__(self): raise RuntimeError('outside of the context')
        current = Context()
        """,
    "own_proxy.py": """
        from celery import Celery
        class Lazy:
            made = None
            def __getattr__(self, name):
                Lazy.made = Lazy.made or Celery('lazily made')
                return getattr(Lazy.made, name)
        class Odd:
            def __getattr__(self, name): return Odd()
        odd = Odd()
        app = Lazy()
        """,
    "some_tasks.py": """
        from celery import Celery, shared_task
        def make_app(): return Celery('made')
        @shared_task
        def shared(): pass
        class box:
            app = Celery('boxed')
            @app.task
            def boxed(): pass
            none = None
        """,
    "tasks_and_app.py": """
        from celery import Celery
        app = Celery('own')
        @app.task
        def add(): pass
        later = None
        """,
    "reusable/tasks.py": "from celery import shared_task\n@shared_task\ndef t(): pass\n",
    "quits.py": "import sys\n\ndef leave():\n    sys.exit()\nleave()\n",
    "old_celery.py": "from celery import nothing_of_that_name\n",
    "older_celery.py": "from celery.task import task\n",
    "no_file.py": "open('nosuch.env')\n",
    "no_setting.py": "class Undefined(Exception): pass\nraise Undefined('SECRET_KEY not found')\n",
    "no_name.py": "from os import nothing_of_that_name\n",
    "long_line.py": f"raise RuntimeError('x', {DEEP}, 'password=hunter2')\n",
    "assigned.py": "password='hunter2'; raise RuntimeError('no')\n",
    "nul.py": "x = 1\n\0\n",
    "imports_nul.py": "\nimport nul\n",
    "klass.py": "from celery import Celery\nclass Mine(Celery): pass\nnumber = 5\n",
    "holder.py": "from celery import Celery\nclass box:\n    app = Celery('boxed')\n",
    "needs_env.py": "import os\nos.environ['SHOP_BROKER']\n",
    "needs_package.py": "import not_installed_here\n",
    "syntax.py": "x = 1\ndef broken(:\n",
    "leaves.py": "import sys\nprint('bye')\nsys.exit('no configuration at amqp://u:hunter2@h')\n",
    "interrupted.py": "class Odd(BaseException): pass\nraise Odd('odd')\n",
    "unprintable.py": "class Mute(Exception):\n    def __str__(self): raise ValueError\nraise Mute\n",
    "inside/celery.py": "import inside.missing\n",
    "inner_broken/__init__.py": "from celery import Celery\nvalue = 1\n",
    "inner_broken/celery.py": "raise RuntimeError('inner')\n",
    "made_elsewhere/worker.py": "from celery import Celery\nrunner = Celery('elsewhere')\n",
    "made_twice/a.py": APP,
    "made_twice/b.py": APP,
    "with_factory/__init__.py": "def make_celery(): pass\n",
    "no_celery_inside/__init__.py": "from celery import Celery\nmain = Celery('own')\n",
    "no_celery_inside/celery.py": "value = 1\n",
}

FOUND = {
    "p1": "p1.celery:app",
    "p1.celery": "p1.celery:app",
    "p1.celery:app": "p1.celery:app",
    "p1.celery.app": "p1.celery:app",
    "p2:celery_app": "p2:celery_app",
    "p2.celery_app": "p2:celery_app",
    "p2": "p2:celery_app",
    "single": "single:app",
    "single:app": "single:app",
    "single.app": "single:app",
    "named_celery": "named_celery:celery",
    "other_name": "other_name:worker",
    "two": "two:first",
    "two:second": "two:second",
    "both": "both:app",
    "lazy:app": "lazy:app",
    "lazy": "lazy:app",
}
BEYOND_CELERY = {
    "flasky": "flasky:celery",
    "flask_extension": 'flask_extension:app.extensions["celery"]',
    "flask_extension:app": 'flask_extension:app.extensions["celery"]',
    "flask_extension:create_app": 'flask_extension:create_app().extensions["celery"]',
    "factory:make_app": "factory:make_app()",
    "holder:box.app": "holder:box.app",
    "made_elsewhere": "made_elsewhere.worker:runner",
    "no_celery_inside": "no_celery_inside:main",
    "own_proxy": "own_proxy:app",
    "own_proxy:app": "own_proxy:app",
    "single:": "single:app",
}
REFUSED = {
    "p1:app": ("p1 has no attribute 'app'", "Did you mean p1.celery:app?"),
    "p1.app": ("p1 has neither a module nor an attribute 'app'", ""),
    "p1:nope": ("p1 has no attribute 'nope'", "Did you mean p1.celery:app?"),
    "single:ap": ("single has no attribute 'ap'", "Did you mean single:app?"),
    "two:third": ("two has no attribute 'third'", "Did you mean two:first or two:second?"),
    "p3": (
        "p3 holds no Celery app",
        "Name the attribute that holds it (p3:ATTRIBUTE) or the module it lies in.",
    ),
    "p1.celry": ("p1 has neither a module nor an attribute 'celry'", "Did you mean p1.celery?"),
    "singel": ("there is no module named 'singel'", "Did you mean single?"),
    "p1/celery.py": ("'p1/celery.py' is a path; the app is named like a module", "Did you mean p1.celery?"),
    "./p1/celery.py:app": (
        "'./p1/celery.py:app' is a path; the app is named like a module",
        "Did you mean p1.celery:app?",
    ),
    "single.py": ("'single.py' is a path; the app is named like a module", "Did you mean single?"),
    "": ("no app was named", "Name it as for `celery -A`: a package, or module:attribute."),
    ":": ("no app was named", ""),
    "celery": ("celery holds no Celery app", "That is Celery itself."),
    "klass:Mine": ("klass:Mine is the class Mine, not a Celery app", ""),
    "klass:number": ("klass:number is an int, not a Celery app", ""),
    "klass": ("klass holds no Celery app", ""),
    "lazy:current": ("lazy:current is a Context, not a Celery app", "Did you mean lazy:app?"),
    "factory": ("factory holds no Celery app", "If make_app makes it: factory:make_app."),
    "factory:make_app()": ("factory has no attribute 'make_app()'", "Did you mean factory:make_app?"),
    "factory:nothing": ("factory:nothing() returned None, which is no Celery app", ""),
    "factory:needs": ("factory:needs cannot be called without arguments: TypeError: needs() missing 1", ""),
    "factory:inner": ("importing factory:inner() failed at factory.py:6: ValueError: invalid literal", ""),
    "factory:leaves": ("importing factory:leaves() failed at factory.py:7: it called sys.exit(4)", ""),
    "needs_env": (
        "importing needs_env failed at needs_env.py:2: KeyError: 'SHOP_BROKER'",
        "Set the environment variable SHOP_BROKER, as the worker's environment does.",
    ),
    "needs_package": (
        "importing needs_package failed at needs_package.py:1: ModuleNotFoundError: No module named",
        "Install it for ",
    ),
    "syntax": ("importing syntax failed at syntax.py:2: SyntaxError: ", ""),
    "leaves": (
        "importing leaves failed at leaves.py:3: it called sys.exit('no configuration at amqp://u:********@h')",
        "Give it the environment and configuration files that the worker has.",
    ),
    "interrupted": ("importing interrupted failed at interrupted.py:2: Odd: odd", ""),
    "unprintable": ("importing unprintable failed at unprintable.py:3: Mute", ""),
    "inside": ("importing inside.celery failed at inside/celery.py:1: ModuleNotFoundError", "Install it for"),
    "inner_broken": (
        "importing inner_broken.celery failed at inner_broken/celery.py:1: RuntimeError: inner",
        "",
    ),
    "own_proxy:odd": ("own_proxy:odd is an Odd, not a Celery app", "Did you mean own_proxy:app?"),
    "some_tasks": (
        "some_tasks holds shared tasks, but no Celery app",
        "If make_app makes it: some_tasks:make_app.",
    ),
    "some_tasks:shared": ("some_tasks:shared is a task, not a Celery app", "Name the Celery object that"),
    "some_tasks:box.boxed": ("some_tasks:box.boxed is a task, not a Celery app", "Name the Celery object"),
    "some_tasks:box.none": ("some_tasks:box.none is None, not a Celery app", "Whatever assigns it"),
    "tasks_and_app:add": ("tasks_and_app:add is a task, not a Celery app", "Did you mean tasks_and_app:app?"),
    "tasks_and_app.add": ("tasks_and_app:add is a task, not a Celery app", "Did you mean tasks_and_app:app?"),
    "tasks_and_app:later": (
        "tasks_and_app:later is None, not a Celery app",
        "Whatever assigns it comes later",
    ),
    "tasks_and_app:None": ("tasks_and_app has no attribute 'None'", "Did you mean tasks_and_app:app?"),
    "reusable": (
        "reusable holds shared tasks, but no Celery app",
        "Name the app of a project that uses them; celery:current_app is Celery's default app",
    ),
    "reusable.tasks": ("reusable.tasks holds shared tasks, but no Celery app", "Name the app of a project"),
    "quits": (
        "importing quits failed at quits.py:4: it called sys.exit()\n    sys.exit()",
        "Give it the environment and configuration files that the worker has.",
    ),
    "old_celery": (
        "importing old_celery failed at old_celery.py:1: ImportError: ",
        "It is written for another",
    ),
    "older_celery": (
        "importing older_celery failed at older_celery.py:1: Module",
        "It is written for another",
    ),
    "no_file": (
        "importing no_file failed at no_file.py:1: FileNotFoundError: ",
        "Give it the environment and",
    ),
    "no_setting": (
        "importing no_setting failed at no_setting.py:2: Undefined: ",
        "Give it the environment and",
    ),
    "no_name": (
        "importing no_name failed at no_name.py:1: ImportError: ",
        "The app must be importable where",
    ),
    "long_line": (
        f"importing long_line failed at long_line.py:1: RuntimeError: ('x', {DEEP}, '{MASKED}\n    {CUT}",
        "",
    ),
    "assigned": (f"importing assigned failed at assigned.py:1: RuntimeError: no\n    {MASKED}; raise", ""),
    "nul": ("importing nul failed: ", ""),
    "imports_nul": ("importing imports_nul failed at imports_nul.py:2: ", ""),
    "inner_broken:nope": ("inner_broken has no attribute 'nope'", ""),
    "made_twice": (
        "made_twice holds no Celery app",
        "Celery apps seem to be made in made_twice.a, made_twice.b",
    ),
    "with_factory": (
        "with_factory holds no Celery app",
        "If make_celery makes it: with_factory:make_celery.",
    ),
}

ASK = """
import importlib, json, os, sys
from celery.app.utils import find_app
from celery import Celery
from celerycheck.errors import LoadError
from celerycheck.inspection.load import find
from celerycheck.inspection.places import Places
sys.path.insert(0, os.getcwd())
ours, celerys, notes = {}, {}, {}
for target in json.load(sys.stdin):
    try:
        found = find(target, Places(os.getcwd()))
        ours[target] = f"{found.module}:{found.attribute}"
        notes[target] = [note.text for note in found.notes]
        app = found.app
        assert type(app) is Celery and not app.finalized and not app.configured, target
    except LoadError as error:
        ours[target] = [error.message, error.hint]
        app = None
    try:
        theirs = find_app(target)
        celerys[target] = not isinstance(theirs, Celery) or theirs == app
    except BaseException as error:
        celerys[target] = None
json.dump([ours, celerys, notes], sys.stdout)
"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What we and what Celery find, for every target in one process."""
    import json
    import os
    from pathlib import Path

    root = write(tmp_path_factory.mktemp("load"), PROJECT)
    (root / "ask.txt").write_text(ASK)
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        input=json.dumps([*FOUND, *BEYOND_CELERY, *REFUSED]),
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.partition("[")[1] + done.stdout.partition("[")[2])


@pytest.mark.parametrize("target", FOUND)
def test_what_celery_finds_is_found(answers, target):
    ours, celerys, _ = answers
    assert (ours[target], celerys[target]) == (FOUND[target], True)


@pytest.mark.parametrize("target", BEYOND_CELERY)
def test_what_celery_cannot_take_is_found_too(answers, target):
    ours, celerys, _ = answers
    assert ours[target] == BEYOND_CELERY[target]
    assert celerys[target] is not False


@pytest.mark.parametrize("target", REFUSED)
def test_what_is_no_app_is_explained(answers, target):
    message, hint = REFUSED[target]
    ours, celerys, _ = answers
    assert isinstance(ours[target], list), ours[target]
    assert ours[target][0].startswith(message)
    assert ours[target][1].startswith(hint)
    assert celerys[target] is not False or target == "celery"  # it may take its own default app


@pytest.mark.parametrize(
    ("target", "note"),
    [
        ("two", "two holds 2 Celery apps; this is first. Name another as two:NAME (second)"),
        ("both", "both holds 2 Celery apps; this is app. Name another as both:NAME (celery)"),
        (
            "factory:make_app",
            "factory:make_app is a factory: the app is what calling it without arguments returns",
        ),
        ("made_elsewhere", "made_elsewhere exports no Celery app; this is made_elsewhere.worker:runner"),
        ("two:second", None),
        ("p1", None),
        ("single", None),
        ("flask_extension", None),
    ],
)
def test_a_choice_is_announced(answers, target, note):
    assert answers[2][target] == ([note] if note else [])


TASKS_BESIDE_THE_APP = """
    from celery import Celery, shared_task
    broker = Celery('lonely', broker='redis://h')
    broker.conf.imports = ['more']

    @shared_task
    def shared(): pass

    @broker.task
    def own(): pass
    """


def test_tasks_beside_the_app_are_not_defined_by_the_search(take):
    app = take(
        {
            "lonely.py": TASKS_BESIDE_THE_APP,
            "more.py": "from celery import shared_task\n@shared_task\ndef late(): pass\n",
        },
        "lonely",
    ).app
    assert [task.name for task in app.tasks] == ["lonely.own", "lonely.shared", "more.late"]


def test_flask(take):
    pytest.importorskip("flask")
    app = take(
        {
            "shop.py": """
            from celery import Celery
            from flask import Flask, current_app

            def create_app():
                flask = Flask(__name__)
                celery = Celery(flask.name)
                celery.set_default()
                flask.extensions["celery"] = celery
                @celery.task
                def hello(): pass
                return flask
            """
        },
        "shop:create_app",
    ).app
    assert (app.module, app.attribute, app.name) == ("shop", 'create_app().extensions["celery"]', "shop")
    assert [task.name for task in app.tasks] == ["shop.hello"]


PROXIES = {
    "Celery's": "from celery.local import Proxy\napp = Proxy(lambda: made)\n",
    "the project's": "class L:\n    def __getattr__(self, name): return getattr(made, name)\napp = L()\n",
    "Werkzeug's": "from werkzeug.local import LocalProxy\napp = LocalProxy(lambda: made)\n",
    "Django's": "from django.utils.functional import SimpleLazyObject as L\napp = L(lambda: made)\n",
}
BEHIND = """
@app.task
def own(): pass
@app.task(autoretry_for=KeyError)
def broken(): pass
app.conf.task_time_limit = 60
app.autodiscover_tasks(['empty'])
"""


@pytest.mark.parametrize("kind", PROXIES)
def test_an_app_behind_a_proxy_is_seen_as_a_whole(take, kind):
    if "__getattr__" not in PROXIES[kind]:
        pytest.importorskip(PROXIES[kind].split()[1].partition(".")[0])
    head = "from celery import Celery\ndef make():\n    return Celery('hidden')\nmade = make()\n"
    text = head + PROXIES[kind] + BEHIND
    app = take({"proj.py": text, "empty/__init__.py": ""}, "proj:app").app
    assert (app.name, app.location) == ("hidden", Location("proj.py", 3))
    assert [(task.name, task.made_by, task.shared) for task in app.tasks] == [("proj.own", None, False)]
    assert [broken.name for broken in app.broken_tasks] == ["proj.broken"]
    limit = app.settings["task_time_limit"]
    assert (limit.origin, limit.location) == (
        "code",
        Location("proj.py", text[: text.index("app.conf")].count("\n") + 1),
    )
    assert [silent.package for silent in app.silent_autodiscovery] == ["empty"]


def test_a_django_project_is_named_by_its_settings_package(take):
    pytest.importorskip("django")
    pictured = take(
        {
            "config/settings.py": "SECRET_KEY='x'\nINSTALLED_APPS=['mails']\nCELERY_TASK_TIME_LIMIT=60\n",
            "config/worker.py": """
                from celery import Celery
                app = Celery('config')
                app.config_from_object('django.conf:settings', namespace='CELERY')
                app.autodiscover_tasks()
                """,
            "mails/tasks.py": "from celery import shared_task\n@shared_task\ndef send(): pass\n",
        },
        "config",
    )
    app = pictured.app
    assert [task.name for task in app.tasks] == ["mails.tasks.send"]
    assert app.settings["task_time_limit"].location == Location("config/settings.py", 3, 1)
    assert app.django is not None
    assert (app.django.settings_module, app.django.fixup) == ("config.settings", True)
    assert app.django.installed_apps == ("mails",)


def test_the_message_reaches_the_parent_with_a_masked_trace(take):
    with pytest.raises(LoadError) as failed:
        take({"proj.py": "raise RuntimeError('cannot reach redis://:hunter2@h/0')\n"})
    assert failed.value.message == (
        "importing proj failed at proj.py:1: RuntimeError: cannot reach redis://:********@h/0\n"
        "    raise RuntimeError('cannot reach redis://:********@h/0')"
    )
    assert "hunter2" not in failed.value.trace
    assert 'proj.py", line 1' in failed.value.trace


def test_a_package_beside_the_project_is_no_excuse(take):
    """Modules named like celerycheck's own are the project's: nothing of ours lies on its path."""
    app = take(
        {
            "settings.py": "from celery import Celery\napp = Celery('mine')\n",
            "tasks.py": "from settings import app\n"
            "import subjects, errors, registry\n@app.task\ndef t(): pass\n",
            "subjects.py": "",
            "errors.py": "",
            "registry.py": "",
            "picture.py": "",
        },
        "tasks",
    ).app
    assert app.target == "tasks"
    assert [task.name for task in app.tasks] == ["tasks.t"]
