"""Which modules a module brings in when it is imported."""

from __future__ import annotations

import pytest

from celerycheck.scaffold.reading.cycles import reaches
from celerycheck.scaffold.reading.module_files import Modules

PACKAGE = {"shop/__init__.py": "", "shop/tasks.py": ""}


@pytest.mark.parametrize(
    "files",
    [
        {"shop/services.py": "from shop.tasks import send\n"},
        {"shop/services.py": "from .tasks import send\n"},
        {"shop/services.py": "from . import tasks\n"},
        {"shop/services.py": "from shop import tasks\n"},
        {"shop/services.py": "import shop.tasks\n"},
        {"shop/services.py": "import shop.tasks as t\n"},
        {"shop/services.py": "try:\n    from shop.tasks import send\nexcept ImportError:\n    pass\n"},
        {"shop/services.py": "if True:\n    import shop.tasks\n"},
        {
            "shop/services.py": "from shop.models import Order\n",
            "shop/models.py": "from shop.tasks import x\n",
        },
        {
            "shop/services.py": "import shop.a\n",
            "shop/a.py": "import shop.b\n",
            "shop/b.py": "import shop.tasks\n",
        },
        {"shop/services.py": "import shop.a\n", "shop/a.py": "from shop import services, tasks\n"},
        {"shop/services.py": "", "shop/__init__.py": "from shop import tasks\n"},
        {"shop/services/__init__.py": "from ..tasks import send\n"},
    ],
)
def test_it_is_imported(tmp_path, project, files):
    project({**PACKAGE, **files})
    assert reaches(Modules(tmp_path), ["shop.services"], "shop.tasks")


@pytest.mark.parametrize(
    "files",
    [
        {"shop/services.py": ""},
        {},
        {"shop/services.py": "def f():\n    from shop.tasks import send\n"},
        {"shop/services.py": "class A:\n    def f(self):\n        import shop.tasks\n"},
        {"shop/services.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import shop.tasks\n"},
        {"shop/services.py": "import typing\nif typing.TYPE_CHECKING:\n    from shop import tasks\n"},
        {"shop/services.py": "import other.tasks\nfrom other import tasks\n"},
        {"shop/services.py": "from shop.task import x\nimport shop.tasks_old\n"},
        {"shop/services.py": "import shop.a\n", "shop/a.py": "import shop.services\n"},
        {"shop/services.py": "this is no Python\n"},
        {"shop/services.py": "from tasks import x\n", "tasks.py": ""},
        {"shop/services.py": "text = 'import shop.tasks'\n"},
    ],
)
def test_it_is_not_imported(tmp_path, project, files):
    project({**PACKAGE, **files})
    assert not reaches(Modules(tmp_path), ["shop.services"], "shop.tasks")
