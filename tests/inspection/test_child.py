"""The child as a process: what it imports, what leaks into it, and how it ends."""

import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import celerycheck
from celerycheck.errors import LoadError

HERE = Path(celerycheck.__file__).parent

PROJ = """
import json, sys
from celery import Celery
app = Celery('proj', broker='memory://')
app.conf.beat_schedule = {'a': {'task': 'proj.t', 'schedule': 5}}

@app.on_after_finalize.connect
def look(sender, **kwargs):
    ours = [name for name in sys.modules if name.partition('.')[0] == 'celerycheck']
    foreign = [name for name in ('typer', 'rich', 'questionary') if name in sys.modules]
    print(json.dumps({'path': sys.path, 'ours': ours, 'foreign': foreign, 'argv': sys.argv,
                      'stdin': sys.stdin.read(), 'name': __name__}))

@app.task
def t(): pass
"""


@pytest.fixture(scope="module")
def seen(take):
    pictured = take({"proj.py": PROJ})
    return json.loads(pictured.output[-1])


def test_nothing_of_ours_lies_on_the_path(seen):
    assert str(HERE) not in seen["path"]
    assert seen["path"][0].endswith("shop")


def test_only_what_the_child_needs_is_imported(seen):
    allowed = {
        "celerycheck",
        "celerycheck.subjects",
        "celerycheck.errors",
        "celerycheck.credentials",
        "celerycheck.failure_reporters",
        "celerycheck.undeclared_settings",
    }
    assert {name for name in seen["ours"] if not name.startswith("celerycheck.inspection")} <= allowed
    assert seen["foreign"] == []


def test_user_code_sees_a_plausible_process(seen):
    assert seen["argv"] == ["celery", "-A", "proj", "report"]
    assert seen["stdin"] == ""


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A folder with Celery and what it needs, and nothing else that is installed here."""
    from importlib.metadata import PackageNotFoundError, distribution

    folder = tmp_path_factory.mktemp("bare")
    wanted, done = ["celery"], set()
    while wanted:
        name = wanted.pop()
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        done.add(name)
        for file in found.files or ():
            top = file.parts[0]
            source = found.locate_file(top)
            if top not in ("..", "__pycache__") and source.exists() and not (folder / top).exists():
                (folder / top).symlink_to(source)
        for line in found.requires or ():
            needed = re.match(r"[\w.-]+", line)[0]
            if "extra ==" not in line and needed not in done:
                wanted.append(needed)
    return folder


def test_an_interpreter_without_our_dependencies(take, bare, tmp_path):
    """An isolated interpreter whose only packages are Celery's own."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{bare}" exec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    missing = subprocess.run([python, "-c", "import rich"], capture_output=True, check=False)
    assert missing.returncode == 1
    pictured = take({"proj.py": PROJ}, python=str(python))
    assert str(HERE.parent) not in json.loads(pictured.output[-1])["path"]
    assert [task.name for task in pictured.app.tasks] == ["proj.t"]
    assert pictured.app.celery == __import__("celery").__version__


def test_an_interpreter_without_celery(take, tmp_path):
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    python.chmod(0o755)
    with pytest.raises(LoadError) as failed:
        take({"proj.py": PROJ}, python=str(python))
    assert failed.value.message.startswith("Celery cannot be imported by ")
    assert "--python" in failed.value.hint


OTHERS = [
    python for version in ("3.9", "3.10", "3.12", "3.13") if (python := shutil.which(f"python{version}"))
]


@pytest.mark.skipif(not OTHERS, reason="no other Python on the path")
@pytest.mark.parametrize("python", OTHERS)
def test_other_pythons_compile_it(python, tmp_path):
    script = (
        "import sys\nfor name in sys.argv[1:]: compile(open(name, encoding='utf-8').read(), name, 'exec')"
    )
    files = [*HERE.glob("inspection/*.py"), HERE / "subjects.py", HERE / "errors.py"]
    done = subprocess.run(
        [python, "-c", script, *map(str, files)], capture_output=True, text=True, check=False
    )
    if "pyenv" in done.stderr:
        pytest.skip("this Python is not installed")
    assert (done.returncode, done.stderr) == (0, "")


def test_the_childs_code_is_python_3_9(tmp_path):
    """Newer grammar (`match`) is refused even where no such Python is installed."""
    import ast

    for path in [*HERE.glob("inspection/*.py"), HERE / "subjects.py", HERE / "errors.py"]:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
        py_compile.compile(str(path), cfile=str(tmp_path / "out.pyc"), doraise=True)


@pytest.mark.skipif(
    "CELERYCHECK_OTHER_PYTHON" not in os.environ, reason="CELERYCHECK_OTHER_PYTHON names none"
)
def test_a_real_foreign_interpreter(take):
    pictured = take({"proj.py": PROJ}, python=os.environ["CELERYCHECK_OTHER_PYTHON"])
    assert [task.name for task in pictured.app.tasks] == ["proj.t"]
    assert pictured.app.schedule[0].registered


def test_code_that_ends_the_process(take):
    with pytest.raises(LoadError, match="ended with status 7"):
        take({"proj.py": "import os\nos._exit(7)\n"})


def test_output_of_every_kind_stays_apart(take):
    pictured = take(
        {
            "proj.py": "import os, sys, subprocess\nprint('printed')\nos.write(1, b'raw\\n')\n"
            "print('error', file=sys.stderr)\nsubprocess.run(['echo', 'from a child'])\n"
            "from celery import Celery\napp = Celery()\nos.write(1, b'\\xff\\n')\n"
        }
    )
    assert sorted(pictured.output) == ["error", "from a child", "printed", "raw", "\ufffd"]


def test_a_mistake_of_our_own_is_told_as_one(take):
    with pytest.raises(LoadError) as failed:
        take(
            {
                "proj.py": "from celery import Celery\napp = Celery()\n"
                "class R(dict):\n    def items(self): 1/0\n"
                "app.conf.beat_schedule = R(a=1)\n"
            }
        )
    assert failed.value.message == "celerycheck could not read proj: ZeroDivisionError: division by zero"
    assert "report it" in failed.value.hint
