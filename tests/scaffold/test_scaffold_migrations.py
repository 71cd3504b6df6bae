"""The next migration, held against what Django itself would write."""

import os
import subprocess
import sys

import pytest
from scaffold_projects import DJANGO, project_of, write

from celerycheck.errors import UsageError
from celerycheck.scaffold.layout import layout
from celerycheck.scaffold.reading.migrations import Upcoming, auto_field, upcoming, upcoming_of

FOLDER = "shop/migrations"


def migration(*dependencies, creates=(), deletes=(), replaces=(), more=""):
    """The text of a migration."""
    operations = [f"migrations.CreateModel(name={name!r}, fields=[])" for name in creates]
    operations += [f"migrations.DeleteModel({name!r})" for name in deletes]
    return (
        "from django.conf import settings\nfrom django.db import migrations\n\n\n"
        "class Migration(migrations.Migration):\n"
        f"    replaces = {list(replaces)}\n"
        f"    dependencies = [{', '.join(map(repr, dependencies))}]\n"
        f"    operations = [{', '.join([*operations, *([more] if more else [])])}]\n"
    )


def shop(name):
    return ("shop", name)


FIRST = {"0001_initial": migration(creates=["Order"])}
NEXT = {
    "one": (FIRST, "0002_done", ["0001_initial"]),
    "three": (
        {**FIRST, "0002_b": migration(shop("0001_initial")), "0003_c": migration(shop("0002_b"))},
        "0004_done",
        ["0003_c"],
    ),
    "numbers do not tell the order": (
        {"0002_a": migration(), "0001_b": migration(shop("0002_a"))},
        "0002_done",
        ["0001_b"],
    ),
    "without a number": ({"begin": migration()}, "0001_done", ["begin"]),
    "other apps": (
        {**FIRST, "0002_b": migration(shop("0001_initial"), ("users", "0009_z"))},
        "0003_done",
        ["0002_b"],
    ),
    "merged": (
        {
            **FIRST,
            "0002_a": migration(shop("0001_initial")),
            "0002_b": migration(shop("0001_initial")),
            "0003_merge": migration(shop("0002_a"), shop("0002_b")),
        },
        "0004_done",
        ["0003_merge"],
    ),
    "squashed": (
        {
            **FIRST,
            "0002_b": migration(shop("0001_initial")),
            "0001_squashed_0002_b": migration(replaces=[shop("0001_initial"), shop("0002_b")]),
        },
        "0003_done",
        ["0001_squashed_0002_b"],
    ),
    "squashed, and one after it": (
        {
            **FIRST,
            "0002_b": migration(shop("0001_initial")),
            "0001_squashed_0002_b": migration(replaces=[shop("0001_initial"), shop("0002_b")]),
            "0003_c": migration(shop("0002_b")),
        },
        "0004_done",
        ["0003_c"],
    ),
    "squashed, and what it replaced is gone": (
        {
            "0001_squashed_0002_b": migration(replaces=[shop("0001_initial"), shop("0002_b")]),
            "0003_c": migration(shop("0002_b")),
        },
        "0004_done",
        ["0003_c"],
    ),
    "squashed twice": (
        {
            "0001_a": migration(),
            "0001_squashed_0001_b": migration(replaces=[shop("0001_a")]),
            "0001_squashed_0001_c": migration(replaces=[shop("0001_squashed_0001_b")]),
        },
        "0002_done",
        ["0001_squashed_0001_c"],
    ),
    "what is no migration": (
        {**FIRST, "__init__": "", "_old": "def", "~copy": "def", "helper": "x = 1\n"},
        "0002_done",
        ["0001_initial"],
    ),
    "deleted again": (
        {
            "0001_initial": migration(creates=["Done"]),
            "0002_no": migration(shop("0001_initial"), deletes=["Done"]),
        },
        "0003_done",
        ["0002_no"],
    ),
    "renamed": (
        {
            "0001_initial": migration(creates=["Done"]),
            "0002_no": migration(
                shop("0001_initial"), more="migrations.RenameModel(old_name='Done', new_name='Old')"
            ),
        },
        "0003_done",
        ["0002_no"],
    ),
    "a circle": ({"0001_a": migration(shop("0001_a"))}, "0002_done", ["0001_a"]),
}


def folder_of(tmp_path, migrations):
    return write(tmp_path, {f"{FOLDER}/{name}.py": text for name, text in migrations.items()})


@pytest.mark.parametrize("kind", NEXT)
def test_the_next_one(tmp_path, kind):
    migrations, name, after = NEXT[kind]
    root = folder_of(tmp_path, {"__init__": "", **migrations})
    assert upcoming(root, FOLDER, "shop", "done") == Upcoming(
        name, tuple(map(shop, after)), path=f"{FOLDER}/{name}.py"
    )


MADE = {
    "by this": ({**FIRST, "0002_done": migration(shop("0001_initial"), creates=["Done"])}, "0002_done"),
    "by the first": ({"0001_initial": migration(creates=["Order", "Done"])}, "0001_initial"),
    "with others after it": (
        {"0001_done": migration(creates=["Done"]), "0002_b": migration(shop("0001_done"))},
        "0001_done",
    ),
    "in a part of an operation": (
        {
            "0001_a": migration(
                more="migrations.SeparateDatabaseAndState(state_operations="
                "[migrations.CreateModel('Done', [])])"
            )
        },
        "0001_a",
    ),
    "under another name": (
        {**FIRST, "0002_b": migration(shop("0001_initial"), more="migrations.RenameModel('Order', 'Done')")},
        "0002_b",
    ),
    "by a squashed one": (
        {
            "0001_done": migration(creates=["Done"]),
            "0001_squashed": migration(creates=["Done"], replaces=[shop("0001_done")]),
        },
        "0001_squashed",
    ),
    "again": (
        {
            "0001_a": migration(creates=["Done"]),
            "0002_b": migration(shop("0001_a"), deletes=["Done"]),
            "0003_c": migration(shop("0002_b"), creates=["Done"]),
        },
        "0003_c",
    ),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_model_that_was_made_already(tmp_path, kind):
    migrations, name = MADE[kind]
    found = upcoming(folder_of(tmp_path, migrations), FOLDER, "shop", "done", models=True)
    assert (found.name, found.made, found.path) == (name, True, f"{FOLDER}/{name}.py")


def test_running_it_again_says_the_same(tmp_path):
    root = folder_of(tmp_path, FIRST)
    first = upcoming(root, FOLDER, "shop", "done")
    assert first.markers == (f"{FOLDER}/__init__.py",)
    write(root, {first.path: migration(*first.dependencies, creates=["Done"]), first.markers[0]: ""})
    again = upcoming(root, FOLDER, "shop", "done")
    assert (again.name, again.dependencies, again.path) == (first.name, first.dependencies, first.path)
    assert (again.made, again.markers) == (True, ())


def test_the_first_of_all(tmp_path):
    first = upcoming(tmp_path, FOLDER, "shop", "done")
    assert first == Upcoming(
        "0001_done", (), True, False, f"{FOLDER}/0001_done.py", (f"{FOLDER}/__init__.py",)
    )


REFUSED = {
    "models without migrations": ({}, True, "shop has models, but no migrations", "makemigrations shop"),
    "two ends": (
        {
            **FIRST,
            "0002_a": migration(shop("0001_initial")),
            "0002_b": migration(shop("0001_initial")),
        },
        False,
        "the migrations of shop end in more than one: 0002_a and 0002_b",
        "makemigrations --merge",
    ),
    "a circle of two": (
        {"0001_a": migration(shop("0002_b")), "0002_b": migration(shop("0001_a"))},
        False,
        "the migrations of shop end in more than one: none",
        "",
    ),
    "one that is broken": (
        {"0001_a": "def"},
        False,
        f"the migration {FOLDER}/0001_a.py cannot be read",
        "Mend",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_refused(tmp_path, kind):
    migrations, models, message, hint = REFUSED[kind]
    with pytest.raises(UsageError) as failed:
        upcoming(folder_of(tmp_path, migrations), FOLDER, "shop", "done", models=models)
    assert message in failed.value.message
    assert hint in failed.value.hint


def manage(root, *arguments):
    """Run a command of Django's in a project."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DJANGO", "PYTEST"))
    }
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        cwd=root,
        env={**environment, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


MODEL = """
    from django.db import models
    {before}
    class CompletedWork(models.Model):
        key = models.CharField(max_length=20)
    """
BILLING = MODEL.format(before="class Invoice(models.Model): pass")
FIELDS = (
    "migrations.CreateModel(name='CompletedWork', fields=[('id', {}(auto_created=True, primary_key=True, "
    "serialize=False, verbose_name='ID')), ('key', models.CharField(max_length=20))])"
)


@pytest.mark.parametrize(
    ("package", "label", "field"),
    [
        ("apps.billing", "billing", "django.db.models.BigAutoField"),
        ("apps.orders", "sales", "django.db.models.SmallAutoField"),
    ],
)
def test_django_has_nothing_to_add(tmp_path, package, label, field):
    pytest.importorskip("django")
    project = project_of(tmp_path, DJANGO, "config")
    assert manage(tmp_path, "makemigrations", "billing")[0] == 0
    folder = layout(project, package, "x").migrations
    found = upcoming_of(project, package, folder, "CompletedWork")
    assert auto_field(project, package) == field
    models = BILLING if label == "billing" else MODEL.format(before="")
    write(tmp_path, {f"{package.replace('.', '/')}/models.py": models})
    assert manage(tmp_path, "makemigrations", label, "--check", "--dry-run")[0] == 1
    operation = FIELDS.format(field.removeprefix("django.db."))
    text = migration(*found.dependencies, more=operation).replace(
        "import migrations", "import migrations, models"
    )
    write(tmp_path, {found.path: text, **dict.fromkeys(found.markers, "")})
    code, said = manage(tmp_path, "makemigrations", "--check", "--dry-run")
    assert (code, said.strip()) == (0, "No changes detected")
    assert upcoming_of(project, package, folder, "CompletedWork").made


def test_django_names_it_alike(tmp_path):
    pytest.importorskip("django")
    project = project_of(tmp_path, DJANGO, "config")
    manage(tmp_path, "makemigrations", "billing")
    assert manage(tmp_path, "makemigrations", "billing", "--empty", "-n", "more")[0] == 0
    code, said = manage(tmp_path, "squashmigrations", "billing", "0002", "--noinput")
    assert code == 0, said
    found = upcoming_of(project, "apps.billing", "apps/billing/migrations", "CompletedWork")
    write(tmp_path, {"apps/billing/models.py": BILLING})
    assert manage(tmp_path, "makemigrations", "billing")[0] == 0
    written = (tmp_path / found.path).read_text()
    [dependency] = found.dependencies
    assert str(dependency).replace("'", '"') in written.replace("'", '"')
    assert found.name == "0003_completedwork"


def test_only_installed_apps_have_models(tmp_path):
    pytest.importorskip("django")
    settings = DJANGO["config/settings.py"] + 'MIGRATION_MODULES = {"billing": None}\n'
    project = project_of(tmp_path, {**DJANGO, "config/settings.py": settings.replace("    ", "")}, "config")
    with pytest.raises(UsageError, match="config is no installed Django app") as failed:
        auto_field(project, "config")
    assert failed.value.hint == "Add it to INSTALLED_APPS, or choose one of apps.orders, apps.billing."
    with pytest.raises(UsageError, match="MIGRATION_MODULES switches the migrations of billing off"):
        upcoming_of(project, "apps.billing", "apps/billing/migrations", "X")
