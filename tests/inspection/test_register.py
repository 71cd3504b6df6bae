import sys

import pytest

from celerycheck.errors import LoadError
from celerycheck.subjects import Location

from .conftest import write

APP = """
    from celery import Celery
    app = Celery('proj', broker='memory://')
    """
TASK = """
    from proj.celery import app

    @app.task
    def {name}(): pass
    """
SHARED = "from celery import shared_task\n@shared_task\ndef {name}(): pass\n"


def own(app):
    return [task.name for task in app.tasks]


def test_one_broken_module_does_not_hide_the_rest(take):
    app = take(
        {
            "proj/celery.py": APP
            + """
    app.conf.include = ['included', 'included_broken', 'included']
    app.conf.imports = 'imported_broken'
    app.autodiscover_tasks(['first', 'leaves', 'crooked', 'absent', 'last'])
    app.autodiscover_tasks(['first'], related_name='jobs')
    """,
            "first/tasks.py": SHARED.format(name="one"),
            "first/jobs.py": SHARED.format(name="job"),
            "leaves/tasks.py": "import sys\n\nsys.exit(3)\n",
            "crooked/tasks.py": "x = 1\n\nif x\n    pass\n",
            "last/tasks.py": SHARED.format(name="two"),
            "included.py": SHARED.format(name="three"),
            "included_broken.py": "import os\nos.environ['KEY_OF_REDIS']\n",
            "imported_broken.py": "\nraise RuntimeError('no redis://u:hunter2@h')\n",
        }
    ).app
    assert own(app) == ["first.jobs.job", "first.tasks.one", "included.three", "last.tasks.two"]
    assert [(b.module, b.location, b.imported_by) for b in app.broken_modules] == [
        ("leaves.tasks", Location("leaves/tasks.py", 3), "autodiscover_tasks"),
        ("crooked.tasks", Location("crooked/tasks.py", 3), "autodiscover_tasks"),
        ("absent", Location("proj/celery.py", 7), "autodiscover_tasks"),
        ("imported_broken", Location("imported_broken.py", 2), "imports"),
        ("included_broken", Location("included_broken.py", 2), "include"),
    ]
    causes = [broken.cause for broken in app.broken_modules]
    assert causes[0] == "it called sys.exit(3)"
    assert causes[1].startswith("SyntaxError: ")
    assert causes[2] == "ModuleNotFoundError: No module named 'absent'"
    assert causes[3] == "RuntimeError: no redis://u:********@h"
    assert causes[4] == "KeyError: 'KEY_OF_REDIS'"
    assert app.partial == "leaves.tasks, crooked.tasks, absent and 2 more could not be imported"
    assert app.autodiscovered == (
        "absent.tasks",
        "crooked.tasks",
        "first.jobs",
        "first.tasks",
        "last.tasks",
        "leaves.tasks",
    )
    assert app.included == ("imported_broken", "included", "included_broken")


def test_a_whole_load_is_not_partial(take):
    pictured = take(
        {
            "proj/celery.py": APP
            + "\n    app.autodiscover_tasks(['first', 'empty'])\n    print('loading')\n",
            "first/tasks.py": TASK.format(name="one"),
            "empty/__init__.py": "",
        }
    )
    app = pictured.app
    assert (app.partial, app.broken_modules, app.broken_tasks, app.duplicates) == (None, (), (), ())
    assert "first.tasks.one" in app.registry
    assert pictured.output == ["loading"]
    assert [(s.package, s.related_name, s.exists, s.location) for s in app.silent_autodiscovery] == [
        ("empty", "tasks", True, Location("proj/celery.py", 5))
    ]


def test_a_dotted_typo_loads_the_parent(take):
    app = take(
        {
            "proj/celery.py": APP + "\n    app.autodiscover_tasks(['proj.mials', 'proj.orders'])\n",
            "proj/tasks.py": TASK.format(name="one"),
            "proj/orders/tasks.py": TASK.format(name="two"),
        }
    ).app
    assert [(s.package, s.loaded, s.exists) for s in app.silent_autodiscovery] == [
        ("proj.mials", "proj.tasks", False)
    ]


def test_lookups_of_other_apps_are_not_held_against_this_one(take):
    app = take(
        {
            "proj/celery.py": APP
            + """
    other = Celery('other')
    other.autodiscover_tasks(['empty'], force=True)
    app.autodiscover_tasks(lambda: ['empty'])
    """,
            "empty/__init__.py": "",
        },
        "proj.celery:app",
    ).app
    assert app.silent_autodiscovery == ()
    assert app.autodiscovered == ("empty.tasks",)


def test_where_this_app_looks_for_tasks(take):
    app = take(
        {
            "proj/celery.py": APP
            + """
    other = Celery('other')
    other.autodiscover_tasks(['elsewhere'], force=True)
    app.autodiscover_tasks(['proj.orders', 'proj.mials', 'proj.orders.apps.Config'])
    app.autodiscover_tasks(['proj.jobs'], related_name=None)
    app.conf.imports = ('proj.loose',)
    """,
            "proj/orders/apps.py": "class Config: pass\n",
            "proj/jobs.py": "",
            "proj/loose.py": "",
            "elsewhere/tasks.py": "",
        },
        "proj.celery:app",
    ).app
    assert app.autodiscovered == ("proj.jobs", "proj.orders.apps.tasks", "proj.orders.tasks", "proj.tasks")
    assert app.included == ("proj.loose",)


def test_default_modules_are_imported_before_the_app_is_finalized(take):
    """Tasks of a second app reach this one only while it is not finalized."""
    app = take(
        {
            "proj/celery.py": APP + "\n    app.conf.include = ['second']\n",
            "second.py": """
            from celery import Celery
            from proj.celery import app as first
            assert not first.finalized
            second = Celery('second')
            @second.task
            def everywhere(): pass
            @second.task(shared=False)
            def private(): pass
            """,
        }
    ).app
    assert [(task.name, task.made_by) for task in app.tasks] == [("second.everywhere", "second:second")]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"proj.py": "from celery import Celery\napp = Celery()\napp.config_from_object('nosuch')\n"},
            "reading the configuration nosuch failed: ModuleNotFoundError: No module named 'nosuch'",
        ),
        (
            {
                "proj.py": "from celery import Celery\napp = Celery()\n"
                "app.config_from_object('conf_raises')\n",
                "conf_raises.py": "import os\nbroker_url = os.environ['SHOP_URL']\n",
            },
            "reading the configuration conf_raises failed at conf_raises.py:2: KeyError: 'SHOP_URL'",
        ),
        (
            {
                "proj.py": "from celery import Celery\napp = Celery()\napp.config_from_object('conf_typo')\n",
                "conf_typo.py": "import os\n\nos.enviorn\n",
            },
            "reading the configuration conf_typo failed at conf_typo.py:3: AttributeError: module 'os'",
        ),
        (
            {
                "proj.py": "from celery import Celery\napp = Celery()\napp.config_from_object('mixed')\n",
                "mixed.py": "broker_url = 'memory://'\ntask_time_limit = 3\nCELERY_ACKS_LATE = True\n",
            },
            "reading the configuration mixed failed: ImproperlyConfigured: ",
        ),
    ],
)
def test_a_configuration_that_cannot_be_read_ends_the_audit(take, files, message):
    with pytest.raises(LoadError) as failed:
        take(files)
    assert failed.value.message.startswith(message)
    if "mixed" in message:
        assert failed.value.hint.startswith("Old and new setting names do not mix")


def test_definitions_that_raise_when_the_app_is_finalized(take):
    app = take(
        {
            "proj.py": """
            from celery import Celery, Task, shared_task
            app = Celery('proj', broker='memory://')

            @shared_task(task=Task)
            def with_task(): pass

            @app.task
            def fine(): pass

            @app.task(autoretry_for=KeyError)
            def no_tuple(): pass

            @app.task(autoretry_for=(KeyError,), retry_backoff='soon')
            def no_number(): pass

            app.task(lambda: 1, name='proj.from_lambda')

            @shared_task
            def shared_fine(): pass
            """
        }
    ).app
    assert own(app) == ["proj.fine", "proj.shared_fine"]
    assert [(b.name, b.location, b.cause.split(":")[0]) for b in sorted(app.broken_tasks, key=str)] == [
        ("proj.from_lambda", Location("proj.py", 17), "SyntaxError"),
        ("proj.no_number", Location("proj.py", 14), "ValueError"),
        ("proj.no_tuple", Location("proj.py", 11), "TypeError"),
        ("proj.with_task", Location("proj.py", 5), "TypeError"),
    ]
    assert app.partial is None
    assert app.broken_modules == ()
    assert {"proj.no_tuple", "celery.chord_unlock", "celery.backend_cleanup", "celery.map"} <= app.registry


def test_receivers_that_raise(take):
    pictured = take(
        {
            "proj.py": """
            from celery import Celery
            app = Celery('proj', broker='memory://')

            @app.on_after_configure.connect
            def schedule(sender, **kwargs):
                raise LookupError('early')

            @app.on_after_finalize.connect
            def late(sender, **kwargs):
                sender.tasks['nope']

            app.conf.broker_url

            @app.task
            def fine(): pass
            """
        }
    )
    app = pictured.app
    assert own(app) == ["proj.fine"]
    assert [(b.module, b.location.line) for b in app.broken_modules] == [
        ("proj.schedule", 7),
        ("proj.late", 11),
    ]
    assert app.partial == "proj.schedule, proj.late could not be imported"


def test_threads_and_connections_are_noted(take):
    pictured = take(
        {
            "proj.py": """
            import contextlib, socket, threading, time
            from celery import Celery
            app = Celery('proj', broker='redis://unreachable.invalid')
            threading.Thread(target=time.sleep, args=(60,), name='refresher').start()
            with contextlib.suppress(OSError), socket.socket() as sock:
                sock.connect(('127.0.0.1', 9))
            """
        },
        connects=True,
    )
    assert [(note.text, note.location) for note in pictured.app.notes] == [
        ("importing the app opened a connection to 127.0.0.1:9", Location("proj.py", 7)),
        (
            "importing the app left a thread running (refresher); a prefork worker's children inherit none",
            None,
        ),
    ]
    assert pictured.connections == "('127.0.0.1', 9)\n"


def test_tasks_of_installed_packages_are_counted(take):
    files = {
        "proj.py": "from celery import Celery\napp = Celery('proj')\napp.conf.include = ['library.tasks']\n",
        ".venv/lib/site-packages/library/tasks.py": SHARED.format(name="theirs"),
    }
    files["proj.py"] += "import sys; sys.path.append('.venv/lib/site-packages')\n" + SHARED.format(
        name="ours"
    )
    app = take(files).app
    assert own(app) == ["proj.ours"]
    assert [(task.name, task.third_party) for task in app.third_party] == [("library.tasks.theirs", True)]
    assert own(app.with_third_party()) == ["proj.ours", "library.tasks.theirs"]


def test_an_installed_app_is_the_project(take, tmp_path):
    text = "from celery import Celery\napp = Celery('i')\n@app.task\ndef t(): pass\n"
    library = write(tmp_path / "site-packages", {"installed/app.py": text})
    entry = {"entry.py": "from installed.app import app\n"}
    assert own(take(entry, "entry", env={"PYTHONPATH": str(library)}).app) == []
    assert own(take(entry, "installed.app", env={"PYTHONPATH": str(library)}).app) == ["installed.app.t"]


def test_a_workdir_inside_site_packages(take, tmp_path):
    from celerycheck.inspection.places import Places

    root = tmp_path / "lib" / "site-packages" / "mine"
    places = Places(str(root))
    assert places.own(str(root / "proj" / "tasks.py"))
    assert not places.own(str(root / ".venv" / "lib" / "site-packages" / "x.py"))
    assert not places.own(str(root.parent / "other.py"))
    assert not places.own(sys.modules["json"].__file__)
    assert not places.own("<string>")
    everything = Places("/")
    assert not everything.own(sys.modules["json"].__file__)
    assert not everything.own(pytest.__file__)
    assert everything.own("/app/tasks.py")


def test_duplicate_names_have_both_places(take):
    app = take(
        {
            "proj/celery.py": APP + "\n    app.conf.include = ['a', 'b', 'proj.tasks', 'aliased']\n",
            "a.py": "from celery import shared_task\n@shared_task(name='send')\ndef one(): pass\n",
            "b.py": "from celery import shared_task\n\n@shared_task(name='send')\ndef two(): pass\n",
            "proj/tasks.py": TASK.format(name="once"),
            # The same file under a second name: two tasks, and no function loses.
            "aliased.py": """
            import importlib.util, sys
            spec = importlib.util.spec_from_file_location('again', 'proj/tasks.py')
            spec.loader.exec_module(importlib.util.module_from_spec(spec))
            """,
        }
    ).app
    assert [(d.name, d.locations) for d in app.duplicates] == [
        ("send", (Location("a.py", 2), Location("b.py", 3)))
    ]
    assert own(app) == ["again.once", "proj.tasks.once", "send"]


def test_a_module_imported_twice_is_no_duplicate(take):
    text = "from celery import shared_task\n@shared_task(name='fixed')\ndef fixed(): pass\n"
    app = take(
        {
            "proj/celery.py": APP
            + "\n    import sys; sys.path.append('proj')\n    app.conf.include = ['jobs', 'proj.jobs']\n",
            "proj/jobs.py": text,
        }
    ).app
    assert app.duplicates == ()
    assert own(app) == ["fixed"]


def test_django_settings_after_the_app_are_no_fixup(take):
    pytest.importorskip("django")
    app = take(
        {
            "config/settings.py": "SECRET_KEY='x'\nINSTALLED_APPS=[]\n",
            "config/celery.py": """
            import os
            from celery import Celery
            app = Celery('config')
            os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'
            app.config_from_object('django.conf:settings', namespace='CELERY')
            app.autodiscover_tasks()
            """,
        },
        "config",
    ).app
    assert app.django is not None
    assert app.django.fixup is False


def test_a_broken_django_project_is_explained(take):
    pytest.importorskip("django")
    with pytest.raises(LoadError) as failed:
        take(
            {
                "config/settings.py": "SECRET_KEY='x'\nINSTALLED_APPS=['absent']\n",
                "config/celery.py": """
                import os
                os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings'
                from celery import Celery
                app = Celery('config')
                """,
            },
            "config",
        )
    assert failed.value.message == (
        "importing the Django project (django.setup) failed: ModuleNotFoundError: No module named 'absent'"
    )


def test_an_app_without_tasks(take):
    app = take({"proj.py": "from celery import Celery\napp = Celery()\n"}).app
    assert (app.tasks, app.third_party, app.schedule, app.queues, app.routes) == ((), (), (), (), ())
    assert len(app.registry) == 9
    assert app.name == "proj"
