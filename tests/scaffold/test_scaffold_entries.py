"""Entries of dict settings go where the project sets them; what cannot be followed is left alone."""

import textwrap

import pytest
from scaffold_ruff import formatted, needs_ruff

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging import entries
from celerycheck.scaffold.merging.entries import CannotExtend
from celerycheck.scaffold.pieces import Entry

ROUTE = Entry("settings.py", "task_routes", "ROUTES", "billing.tasks.send", '{"queue": "mail"}', "module")
ON_APP = Entry("app.py", "task_routes", "task_routes", "billing.tasks.send", '{"queue": "mail"}', "app")
SCHEDULED = Entry(
    "app.py",
    "beat_schedule",
    "beat_schedule",
    "send",
    '{"task": "billing.tasks.send", "schedule": crontab(minute="30", hour="3"), "options": {"expires": 60}}',
    "app",
    imports=("from celery.schedules import crontab",),
)


def code(text):
    return textwrap.dedent(text).lstrip("\n")


NEW = '"billing.tasks.send": {"queue": "mail"}'

EXTENDED = {
    "nothing": ("", f"ROUTES = {{\n    {NEW},\n}}\n"),
    "not set": ("X = 1\n", f"X = 1\n\nROUTES = {{\n    {NEW},\n}}\n"),
    "a function last": ("def f(): ...\n", f"def f(): ...\n\n\nROUTES = {{\n    {NEW},\n}}\n"),
    "empty": ("ROUTES = {}\n", f"ROUTES = {{{NEW}}}\n"),
    "empty, over two lines": ("ROUTES = {\n}\n", f"ROUTES = {{\n    {NEW},\n}}\n"),
    "a note in it": (
        "ROUTES = {\n    # none yet\n}\n",
        f"ROUTES = {{\n    # none yet\n    {NEW},\n}}\n",
    ),
    "one line": ('ROUTES = {"a": "b"}\n', f'ROUTES = {{"a": "b", {NEW}}}\n'),
    "one line, a comment": ('ROUTES = {"a": "b"}  # x\n', f'ROUTES = {{"a": "b", {NEW}}}  # x\n'),
    "one line, too long": (
        'ROUTES = {"a.quite.long.name": {"queue": "slow"}}\n',
        f'ROUTES = {{\n    "a.quite.long.name": {{"queue": "slow"}},\n    {NEW},\n}}\n',
    ),
    "one a line": (
        'ROUTES = {\n    "a": "b",\n}\nX = 1\n',
        f'ROUTES = {{\n    "a": "b",\n    {NEW},\n}}\nX = 1\n',
    ),
    "comments": (
        'ROUTES = {  # all\n    "a": "b",  # a\n    # more\n}  # end\n',
        f'ROUTES = {{  # all\n    "a": "b",  # a\n    # more\n    {NEW},\n}}  # end\n',
    ),
    "no comma": ('ROUTES = {\n    "a": "b"  # a\n}\n', f'ROUTES = {{\n    "a": "b",  # a\n    {NEW},\n}}\n'),
    "hanging": (
        "ROUTES = {'a': 1,\n          'b': 2}\n",
        f"ROUTES = {{'a': 1,\n          'b': 2,\n          {NEW}}}\n",
    ),
    "annotated": (
        "ROUTES: dict[str, object] = {}\n",
        f"ROUTES: dict[str, object] = {{{NEW}}}\n",
    ),
    "tabs": ('ROUTES = {\n\t"a": "b",\n}\n', f'ROUTES = {{\n\t"a": "b",\n\t{NEW},\n}}\n'),
    "others unpacked": (
        "ROUTES = {\n    **OLD,\n}\n",
        f"ROUTES = {{\n    **OLD,\n    {NEW},\n}}\n",
    ),
    "entries alone": (
        'ROUTES["a"] = "b"\nX = 1\n',
        'ROUTES["a"] = "b"\nROUTES["billing.tasks.send"] = {"queue": "mail"}\nX = 1\n',
    ),
    "in a function, as another": (
        "def f():\n    ROUTES = {}\n\n\nROUTES = {}\n",
        f"def f():\n    ROUTES = {{}}\n\n\nROUTES = {{{NEW}}}\n",
    ),
    "windows": (
        'ROUTES = {\r\n    "a": "b"\r\n}\r\n',
        f'ROUTES = {{\r\n    "a": "b",\r\n    {NEW},\r\n}}\r\n',
    ),
    "windows, not set": ("X = 1\r\n", f"X = 1\r\n\r\nROUTES = {{\r\n    {NEW},\r\n}}\r\n"),
    "no newline at the end": ("ROUTES = {}", f"ROUTES = {{{NEW}}}"),
    "entries alone, no newline": (
        "ROUTES['a'] = 1",
        'ROUTES[\'a\'] = 1\nROUTES["billing.tasks.send"] = {"queue": "mail"}',
    ),
    "a comment with brackets": (
        'ROUTES = {\n    "a": "b",  # not } this\n}\n',
        f'ROUTES = {{\n    "a": "b",  # not }} this\n    {NEW},\n}}\n',
    ),
}


@pytest.mark.parametrize(("existing", "after"), EXTENDED.values(), ids=EXTENDED)
def test_extended(existing, after):
    done = entries.added(existing, ROUTE)
    assert done.text == after
    assert (done.added, done.conflicts) == (('ROUTES["billing.tasks.send"]',), ())
    again = entries.added(after, ROUTE)
    assert (again.text, again.added) == (after, ())


@needs_ruff
@pytest.mark.parametrize("existing", [existing for existing, _ in EXTENDED.values()], ids=EXTENDED)
def test_formatted_files_stay_formatted(existing):
    made = entries.added(formatted(existing), ROUTE).text
    assert formatted(made) == made


CANNOT = {
    "computed": ("ROUTES = routes()\n", "is not a dict that is written out"),
    "a list": ('ROUTES = [("a", "b")]\n', "is not a dict that is written out"),
    "a call of dict": ("ROUTES = dict(a=1)\n", "is not a dict that is written out"),
    "a union": ("ROUTES = OLD | {}\n", "is not a dict that is written out"),
    "a comprehension": ("ROUTES = {a: b for a, b in X}\n", "is not a dict that is written out"),
    "twice": ("ROUTES = {}\nROUTES = {}\n", "is set more than once"),
    "in branches": ("if X:\n    ROUTES = {}\nelse:\n    ROUTES = {}\n", "is set more than once"),
    "in one branch": ("if X:\n    ROUTES = {}\n", "is set in a class or under a condition"),
    "in a try": ("try:\n    ROUTES = {}\nfinally:\n    pass\n", "is set in a class or under a condition"),
    "in a class": ("class Base:\n    ROUTES = {}\n", "is set in a class or under a condition"),
    "updated": ("ROUTES = {}\nROUTES.update(a=1)\n", "is changed after it is set"),
    "merged into": ("ROUTES = {}\nROUTES |= {}\n", "is changed after it is set"),
    "deleted from": ("ROUTES = {}\ndel ROUTES['a']\n", "is changed after it is set"),
    "imported": ("from base import ROUTES\n", "is spoken of, but not set"),
    "unpacked": ("ROUTES, X = {}, {}\n", "is spoken of, but not set"),
    "set by name": ("globals()['ROUTES'] = {}\n", "is spoken of, but not set"),
    "perhaps imported": ("from .base import *\n", "may come with `from .base import *`"),
}


@pytest.mark.parametrize(("existing", "reason"), CANNOT.values(), ids=CANNOT)
def test_cannot(existing, reason):
    with pytest.raises(CannotExtend) as caught:
        entries.added(existing, ROUTE)
    assert caught.value.reason.startswith(f"ROUTES {reason}")
    assert caught.value.piece is ROUTE


VALUES = {
    "the same": ("ROUTES = {'billing.tasks.send': {'queue':'mail'}}\n", True),
    "over lines": ('ROUTES = {\n    "billing.tasks.send": {\n        "queue": "mail",\n    },\n}\n', True),
    "set later": ('ROUTES = {}\nROUTES["billing.tasks.send"] = {"queue": "mail"}\n', True),
    "set again later": (f'ROUTES = {{{NEW}}}\nROUTES["billing.tasks.send"] = {{"queue": "x"}}\n', False),
    "another": ('ROUTES = {"billing.tasks.send": {"queue": "x"}}\n', False),
    "a string": ('ROUTES = {"billing.tasks.send": "mail"}\n', False),
    "computed": ('ROUTES = {"billing.tasks.send": queue()}\n', False),
}


@pytest.mark.parametrize(("existing", "same"), VALUES.values(), ids=VALUES)
def test_a_key_that_is_there(existing, same):
    label = 'ROUTES["billing.tasks.send"]'
    done = entries.added(existing, ROUTE)
    assert (done.text, done.conflicts) == (existing, () if same else (label,))
    over = entries.added(existing, ROUTE, overwrite=True)
    assert (over.conflicts, over.replaced) == ((), () if same else (label,))
    assert over.text.endswith('{"queue": "mail"}\n' if "later" in existing else over.text[-3:])
    assert entries.added(over.text, ROUTE).text == over.text


def test_overwriting_changes_nothing_else():
    existing = code(
        """
        ROUTES = {
            "a": "b",  # first
            "billing.tasks.send": route(  # old
                "mail"
            ),  # second
            "c": "d",
        }
        """
    )
    assert entries.added(existing, ROUTE, overwrite=True).text == code(
        """
        ROUTES = {
            "a": "b",  # first
            "billing.tasks.send": {"queue": "mail"},  # second
            "c": "d",
        }
        """
    )


# On the app.


APP = code(
    '''
    """The app."""

    import os

    from celery import Celery

    os.environ.setdefault("A", "b")

    app = Celery("proj")
    app.config_from_object("proj.settings")
    app.autodiscover_tasks()


    @app.task
    def debug():
        print(app.conf)


    if __name__ == "__main__":
        app.start()
    '''
)


def test_on_the_app():
    assert entries.added(APP, SCHEDULED).text == APP.replace(
        "from celery import Celery\n",
        "from celery import Celery\nfrom celery.schedules import crontab\n",
    ).replace(
        "app.autodiscover_tasks()\n",
        code(
            """
            app.autodiscover_tasks()

            app.conf.beat_schedule = {
                "send": {
                    "task": "billing.tasks.send",
                    "schedule": crontab(minute="30", hour="3"),
                    "options": {"expires": 60},
                },
            }
            """
        ),
    )


SET_ON_APP = {
    "assigned": ("app.conf.task_routes = {}\n", f"app.conf.task_routes = {{{NEW}}}\n"),
    "as an item": ('app.conf["task_routes"] = {}\n', f'app.conf["task_routes"] = {{{NEW}}}\n'),
    "updated": ("app.conf.update(a=1, task_routes={})\n", f"app.conf.update(a=1, task_routes={{{NEW}}})\n"),
    "updated by a dict": (
        'app.conf.update({"task_routes": {}})\n',
        f'app.conf.update({{"task_routes": {{{NEW}}}}})\n',
    ),
    "updated, over lines": (
        "app.conf.update(\n    task_routes={},\n    a=1,\n)\n",
        f"app.conf.update(\n    task_routes={{{NEW}}},\n    a=1,\n)\n",
    ),
    "updated, too long": (
        'app.conf.update(\n    task_routes={"a.long.name.of.a.task": {"queue": "x"}},\n)\n',
        (
            'app.conf.update(\n    task_routes={\n        "a.long.name.of.a.task": {"queue": "x"},\n'
            f"        {NEW},\n    }},\n)\n"
        ),
    ),
    "entries": (
        'app.conf.task_routes["a"] = "b"\n',
        ('app.conf.task_routes["a"] = "b"\napp.conf.task_routes["billing.tasks.send"] = {"queue": "mail"}\n'),
    ),
}


@needs_ruff
@pytest.mark.parametrize(("existing", "after"), SET_ON_APP.values(), ids=SET_ON_APP)
def test_set_on_the_app(existing, after):
    top = 'app = Celery("proj")\n'
    assert entries.added(top + existing, ON_APP).text == top + after
    assert entries.added(top + after, ON_APP).text == top + after
    assert formatted(after) == after


def test_in_a_function():
    existing = code(
        """
        from celery import Celery


        def make():
            app = Celery("proj")
            app.conf.broker_url = "redis://"
            return app
        """
    )
    assert entries.added(existing, ON_APP).text == existing.replace(
        "    return app",
        f"    app.conf.task_routes = {{\n        {NEW},\n    }}\n    return app",
    )


CANNOT_ON_APP = {
    "another app": ("other = Celery()\n", "`app` is not made at one place there"),
    "two factories": (
        "def a():\n    app = Celery()\ndef b():\n    app = Celery()\n",
        "`app` is not made at one place there",
    ),
    "made while returned": ("def a(app):\n    return app.conf\n", "`app` is returned where it is made"),
    "through another name": (
        "app = Celery()\nconf = app.conf\nconf.task_routes = {}\n",
        "task_routes is spoken of",
    ),
    "in the constructor": ("app = Celery(task_routes={})\n", "task_routes is spoken of"),
    "as a name": ('app = Celery()\nsetattr(app.conf, "task_routes", {})\n', "task_routes is spoken of"),
    "added to": ("app = Celery()\napp.conf.task_routes.update(a=1)\n", "task_routes is changed"),
    "a list": ("app = Celery()\napp.conf.update(task_routes=[])\n", "task_routes is not a dict"),
}


@pytest.mark.parametrize(("existing", "reason"), CANNOT_ON_APP.values(), ids=CANNOT_ON_APP)
def test_cannot_on_the_app(existing, reason):
    with pytest.raises(CannotExtend) as caught:
        entries.added(existing, ON_APP)
    assert caught.value.reason.startswith(reason)


def test_an_import_that_means_something_else():
    existing = "crontab = 1\napp = Celery()\n"
    done = entries.added(existing, SCHEDULED)
    assert (done.text, done.conflicts) == (existing, ("crontab",))


def test_no_python():
    with pytest.raises(UsageError, match=r"settings\.py cannot be read as Python: line 1"):
        entries.added("ROUTES = {\n", ROUTE)
