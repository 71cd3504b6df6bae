"""Where things go: the modules of one package, as this project splits them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A module: its dotted name (`billing.services`) and its path relative to the root (`billing/services.py`)."""

    module: str
    path: str


@dataclass(frozen=True)
class Layout:
    """The places of one task in one package.

    - `services`, `tasks`: `billing/services.py`, or `billing/services/NAME.py` where the package is split so.
    - `models`, `admin`, `migrations` (a folder): Django's. `completed`: the module that keeps what is done
      (`billing/completed_work.py`), for the other stores; `locks`, `reporting`, `reports`: see their templates.
    - `tests`: the module with the tests; `worker`: the one with the in-process worker (of unittest), `conftest`
      the one with its fixture (of pytest).
    - `markers`: paths of `__init__.py` files that have to be made so that all this can be imported.
    - `exports`: for a split package, the `__init__.py` that must import the new task module; empty otherwise.
    """

    services: Place
    tasks: Place
    models: Place
    admin: Place
    migrations: str
    completed: Place
    locks: Place
    reporting: Place
    tests: Place
    worker: Place
    conftest: Place
    markers: tuple[str, ...] = ()
    exports: str = ""
