"""Whose modules are loaded, and which folders they come from."""

import pytest

APP = "from celery import Celery\napp = Celery('proj', broker='memory://')\n"


@pytest.mark.parametrize(
    ("files", "target", "packages", "roots"),
    [
        ({"proj.py": APP}, "proj", ("proj",), (".",)),
        (
            {
                "config/celery.py": APP + "import orders.tasks, mails, json, yaml_like.sub\n",
                "orders/tasks.py": "",
                "mails.py": "",
                "unused/__init__.py": "",
                "yaml_like/sub.py": "",
            },
            "config",
            ("config", "mails", "orders", "yaml_like"),
            (".",),
        ),
        (
            {
                "proj/celery.py": APP + "import sys; sys.path[:0] = ['src', 'lib/inner/']\nimport deep\n",
                "src/deep/__init__.py": "",
                "lib/inner/x.py": "",
            },
            "proj",
            ("deep", "proj"),
            ("src", "lib/inner", "."),
        ),
        (  # taken off again, twice there, not there, no text, elsewhere, installed
            {
                "proj.py": APP
                + "import pathlib, sys\nsys.path.insert(0, 'src'); import deep.er; del sys.path[0]\n"
                "sys.path += ['', 'nowhere', pathlib.Path('src'), '/', '..', './x/..', 'proj.py']\n"
                "sys.path += ['.venv/lib/site-packages', 'dist-packages/here']\nimport installed\n",
                "src/deep/er.py": "",
                ".venv/lib/site-packages/installed.py": "",
                "dist-packages/here/x.py": "",
                "x/y.py": "",
            },
            "proj",
            ("deep", "proj"),
            (".", "src"),
        ),
        (  # as an editable installation's finder does
            {
                "proj.py": APP
                + """
import importlib.util, sys
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
load('found', 'src/found/__init__.py'); load('renamed', 'other/name.py'); load('no name', 'src/found/x.py')
""",
                "src/found/x.py": "",
                "other/name.py": "",
            },
            "proj",
            ("found", "proj", "renamed"),
            (".", "src"),
        ),
    ],
    ids=["module", "packages", "src", "odd paths", "finder"],
)
def test_packages_and_import_roots(take, files, target, packages, roots):
    app = take(files, target).app
    assert (app.packages, app.import_roots) == (packages, roots)


def test_a_linked_package_is_found_where_it_is_imported(take, tmp_path):
    """Buck, Bazel and `ln -s`: the folder on the path counts, wherever its files lie."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "tasks.py").write_text("")
    link = f"import os; os.symlink({str(tmp_path / 'real')!r}, 'linked')\nimport linked.tasks\n"
    app = take({"proj.py": link + APP}).app
    assert (app.packages, app.import_roots) == (("linked", "proj"), (".",))
