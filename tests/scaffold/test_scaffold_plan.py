"""A plan tells what would be written, file by file, and writes nothing."""

import hashlib

import pytest

from celerycheck.errors import UsageError
from celerycheck.scaffold.merging.entries import CannotExtend
from celerycheck.scaffold.pieces import Entry, Loaded, Module, NewFile
from celerycheck.scaffold.plan import dotted, plan

SERVICES = "def charge(invoice_id: int) -> bool:\n    return True\n"
OTHER = "def charge(invoice_id: int) -> bool:\n    return False\n"
KEPT = "def other() -> None: ...\n"
ROUTE = Entry("settings.py", "task_routes", "ROUTES", "a", '"b"', "module")


def make(root, files):
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data if isinstance(data, bytes) else data.encode())


def tree(root):
    """Every file and folder below `root`, with its mode and the hash of what it holds."""
    return {
        path.relative_to(root).as_posix(): (
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in root.rglob("*")
    }


def only(root, *pieces, on_conflict="abort", **options):
    """The one change of a plan."""
    (change,) = plan(root, pieces, on_conflict=on_conflict, **options).changes
    return change


BOTH = f"{KEPT}\n\n{SERVICES}"
TAKEN = "ROUTES = {'a': 1}\n"

STATUSES = {
    "create": ({}, [Module("a.py", SERVICES)], "abort", "create", SERVICES),
    "create empty": ({}, [NewFile("a/__init__.py", "")], "abort", "create", ""),
    "append": ({"a.py": KEPT}, [Module("a.py", SERVICES)], "abort", "append", BOTH),
    "append to nothing": ({"a.py": ""}, [Module("a.py", SERVICES)], "abort", "append", SERVICES),
    "identical": ({"a.py": SERVICES}, [Module("a.py", SERVICES)], "abort", "identical", SERVICES),
    "identical file": ({"a.py": SERVICES}, [NewFile("a.py", SERVICES)], "abort", "identical", SERVICES),
    "windows": (
        {"a.py": SERVICES.replace("\n", "\r\n")},
        [NewFile("a.py", SERVICES)],
        "abort",
        "identical",
        SERVICES.replace("\n", "\r\n"),
    ),
    "kept": ({"a.py": "no Python"}, [NewFile("a.py", "", keep=True)], "abort", "identical", "no Python"),
    "made once": ({}, [NewFile("a.py", ""), NewFile("a.py", "", keep=True)], "abort", "create", ""),
    "conflict": ({"a.py": OTHER}, [Module("a.py", SERVICES)], "abort", "conflict", SERVICES),
    "conflict of a file": ({"a.py": OTHER}, [NewFile("a.py", SERVICES)], "abort", "conflict", SERVICES),
    "overwrite": ({"a.py": OTHER}, [Module("a.py", SERVICES)], "overwrite", "overwrite", SERVICES),
    "overwrite a file": ({"a.py": b"\xff"}, [NewFile("a.py", SERVICES)], "overwrite", "overwrite", SERVICES),
    "add": ({"a.py": KEPT}, [Module("a.py", SERVICES)], "overwrite", "append", BOTH),
    "cannot overwrite": (
        {"a.py": "from b import charge\n"},
        [Module("a.py", SERVICES)],
        "overwrite",
        "conflict",
        "from b import charge\n",
    ),
    "skip": ({"a.py": OTHER}, [Module("a.py", SERVICES)], "skip", "skip", OTHER),
    "skip a file": ({"a.py": OTHER}, [NewFile("a.py", SERVICES)], "skip", "skip", OTHER),
    "skip, do the rest": (
        {"a.py": KEPT},
        [Module("a.py", BOTH.replace("other() ->", "other(a) ->"))],
        "skip",
        "append",
        BOTH,
    ),
    "an entry": ({"settings.py": "ROUTES = {}\n"}, [ROUTE], "abort", "append", 'ROUTES = {"a": "b"}\n'),
    "an entry in the way": ({"settings.py": TAKEN}, [ROUTE], "abort", "conflict", TAKEN.replace("1", '"b"')),
    "an entry left": ({"settings.py": TAKEN}, [ROUTE], "skip", "skip", TAKEN),
}


@pytest.mark.parametrize(
    ("files", "pieces", "on_conflict", "status", "after"), STATUSES.values(), ids=STATUSES
)
def test_statuses(tmp_path, files, pieces, on_conflict, status, after):
    make(tmp_path, files)
    before = tree(tmp_path)
    planned = plan(tmp_path, pieces, on_conflict=on_conflict)
    (change,) = planned.changes
    assert (change.status, change.after.decode()) == (status, after)
    assert [each.path for each in planned.conflicts] == ([change.path] if status == "conflict" else [])
    assert bool(change.conflicts) == (status in {"conflict", "skip"} or on_conflict == "skip")
    assert tree(tmp_path) == before


def test_pieces_of_one_file(tmp_path):
    make(tmp_path, {"app.py": 'from celery import Celery\n\napp = Celery("x")\n'})
    change = only(
        tmp_path,
        Loaded("app.py", "app", "billing.tasks", "billing", "tasks"),
        Entry("app.py", "task_routes", "task_routes", "a", '"b"', "app"),
        Entry("app.py", "task_routes", "task_routes", "c", '"d"', "app"),
        Module("./app.py", "import os\n\nX = os\n"),
    )
    assert change.after.decode() == (
        'import os\n\nfrom celery import Celery\n\napp = Celery("x")\n\n'
        'app.autodiscover_tasks(["billing"])\n\n'
        'app.conf.task_routes = {\n    "a": "b",\n    "c": "d",\n}\n\nX = os\n'
    )
    assert change.added == (
        "billing.tasks",
        'task_routes["a"]',
        'task_routes["c"]',
        "import os",
        "X",
    )


def test_a_file_that_is_new_is_merged_into(tmp_path):
    change = only(tmp_path, Module("a.py", SERVICES), Module("a.py", KEPT))
    assert (change.before, change.status) == (None, "create")
    assert change.after.decode() == f"{SERVICES}\n\n{KEPT}"


def test_own_packages_are_found(tmp_path):
    make(tmp_path, {"src/billing/__init__.py": "", "shop.py": "", "a.py": "import celery\n"})
    wanted = Module("a.py", "import billing\nimport shop\n")
    assert only(tmp_path, wanted).after == b"import celery\n\nimport billing\nimport shop\n"
    told = only(tmp_path, wanted, first_party=frozenset({"shop"}))
    assert told.after == b"import billing\nimport celery\n\nimport shop\n"


def test_relative_imports_are_understood(tmp_path):
    make(tmp_path, {"src/billing/__init__.py": "", "src/billing/tasks.py": "from . import services\n"})
    assert (
        only(tmp_path, Module("src/billing/tasks.py", "from billing import services\n")).status == "identical"
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("billing/tasks.py", "billing.tasks"),
        ("billing/tasks/__init__.py", "billing.tasks.__init__"),
        ("src/billing/services.py", "billing.services"),
        ("loose/new/tasks.py", "loose.new.tasks"),
        ("app.py", "app"),
    ],
)
def test_names_of_modules(tmp_path, path, name):
    markers = ["billing/__init__.py", "billing/tasks/__init__.py", "src/billing/__init__.py"]
    make(tmp_path, dict.fromkeys(markers, ""))
    assert dotted(tmp_path, path) == name


# Bytes.

LATIN = "# -*- coding: latin-1 -*-\nNAME = 'Müller'  # ä\n"

BYTES = {
    "a byte order mark": b"\xef\xbb\xbfX = 1\n",
    "latin-1": LATIN.encode("latin-1"),
    "utf-8": "NAME = '名前'\n".encode(),
    "windows": b'"""Doc."""\r\nX = 1\r\n',
    "no newline at the end": b"X = 1",
    "tabs": b"def f():\n\treturn 1\n",
    "a null byte nowhere": b"X = '\\0'\n",
}


@pytest.mark.parametrize("before", BYTES.values(), ids=BYTES)
def test_bytes_are_kept(tmp_path, before):
    make(tmp_path, {"a.py": before})
    after = only(tmp_path, Module("a.py", KEPT)).after
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    wanted = ending * 2 + KEPT.encode().replace(b"\n", ending)
    if not before.endswith(b"\n"):
        before, wanted = before + b"\n", wanted.rstrip(b"\n")
    assert after == before + wanted
    compile(after, "a.py", "exec")
    make(tmp_path, {"a.py": after})
    assert only(tmp_path, Module("a.py", KEPT)).status == "identical"


UNREADABLE = {
    "not UTF-8": (b"X = 1\nY = '\xe4'\n", "line 2: it is not utf-8"),
    "an unknown encoding": (b"# coding: klingon\n", "line 1: unknown encoding"),
    "no Python": (b"X = 1\ndef f(:\n", "line 2: "),
    "a null byte": (b"X = 1\n\0\n", "line 2: it holds a null byte"),
    "old line ends": (b"X = 1\rY = 2\r", "line 1: its lines do not end"),
    "mixed line ends": (b"X = 1\rY = 2\r\n", "line 1: its lines do not end"),
}


@pytest.mark.parametrize(("before", "message"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(tmp_path, before, message):
    make(tmp_path, {"a.py": before})
    with pytest.raises(UsageError, match=rf"^a\.py cannot be read as Python: {message}.*, mend it first$"):
        plan(tmp_path, [Module("a.py", KEPT)], on_conflict="overwrite")


def test_letters_that_the_file_cannot_hold(tmp_path):
    make(tmp_path, {"a.py": LATIN.encode("latin-1")})
    with pytest.raises(UsageError, match=r"a\.py is kept in iso-8859-1, which has no '→'"):
        plan(tmp_path, [Module("a.py", "ARROW = '→'\n")], on_conflict="abort")


# Places.


@pytest.mark.parametrize("path", ["../out.py", "/etc/out.py", "a/../../out.py", "link/out.py"])
def test_paths_that_leave_the_root(tmp_path, path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="lies outside"):
        plan(root, [NewFile(path, "")], on_conflict="abort")


def test_links_are_followed(tmp_path):
    make(tmp_path, {"real/a.py": KEPT})
    (tmp_path / "a.py").symlink_to("real/a.py")
    assert only(tmp_path, Module("a.py", SERVICES), Module("real/a.py", KEPT)).path == "real/a.py"


def test_a_link_to_itself(tmp_path):
    (tmp_path / "a.py").symlink_to("a.py")
    with pytest.raises(UsageError, match=r"a\.py (leads nowhere|cannot be read)"):
        plan(tmp_path, [NewFile("a.py", "")], on_conflict="abort")


def test_a_file_where_a_folder_is_needed(tmp_path):
    make(tmp_path, {"billing": "x"})
    with pytest.raises(UsageError, match=r"billing/tasks\.py cannot be written: billing is a file"):
        plan(tmp_path, [NewFile("billing/tasks.py", "")], on_conflict="abort")


def test_a_folder_where_a_file_is_needed(tmp_path):
    (tmp_path / "tasks.py").mkdir()
    with pytest.raises(UsageError, match=r"tasks\.py cannot be read: "):
        plan(tmp_path, [Module("tasks.py", "")], on_conflict="abort")


def test_a_setting_that_cannot_be_extended(tmp_path):
    make(tmp_path, {"settings.py": "ROUTES = routes()\n"})
    with pytest.raises(CannotExtend, match=r"settings\.py: ROUTES is not a dict") as caught:
        plan(tmp_path, [Module("a.py", KEPT), ROUTE], on_conflict="abort")
    assert caught.value.piece is ROUTE


def test_settings_in_a_file_that_is_not_there(tmp_path):
    with pytest.raises(CannotExtend, match=r"settings\.py: there is no such file"):
        plan(tmp_path, [ROUTE], on_conflict="abort")
