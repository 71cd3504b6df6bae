"""What to make: one task, validated and complete. With a Spec nothing is asked or guessed any more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["task", "workflow", "periodic"]
Store = Literal["django", "sqlalchemy", "redis"]
"""Where is kept what is done already: Django's database, another one through SQLAlchemy, or Redis."""

Lock = Literal["cache", "django", "sqlalchemy", "redis"]
"""What keeps two runs of a periodic task apart: Django's cache, Django's database, SQLAlchemy, Redis."""

Outside = Literal["requests", "httpx", "urllib", "none"]
"""The library that calls the other system, or none where the task calls nothing outside."""


@dataclass(frozen=True)
class Parameter:
    """One parameter of the task: `type` as it is written in the code (`int`, `list[str]`, `str | None`)."""

    name: str
    type: str


@dataclass(frozen=True)
class Every:
    """An interval in seconds."""

    seconds: int


@dataclass(frozen=True)
class Cron:
    """The five fields of a crontab line, as written: minute, hour, day of month, month, day of week."""

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str


@dataclass(frozen=True)
class Spec:
    """One task to make.

    - `name`: the public function, `package`: the dotted package it belongs to (`billing`, `shop.orders`).
    - `params`: at least one, except for `periodic`, which takes none.
    - `retry_on`: dotted names of exceptions (`requests.RequestException`, `OSError`); at least one.
    - `reliable`: acks_late and what belongs to it. `bind`: the task takes itself as its first parameter.
    - `soft_time_limit`, `time_limit`: seconds. `rate_limit`: as Celery reads it (`10/m`).
    - `steps`: of a workflow, at least two. `schedule`: of a periodic task.
    - `lock`: of a periodic task. `report_failures`: each call has a report that tells what became of it.
    """

    name: str
    package: str
    kind: Kind = "task"
    params: tuple[Parameter, ...] = ()
    store: Store = "django"
    outside: Outside = "requests"
    retry_on: tuple[str, ...] = ("requests.RequestException",)
    max_retries: int = 5
    queue: str | None = None
    reliable: bool = True
    keep_result: bool = False
    soft_time_limit: int = 60
    time_limit: int = 90
    rate_limit: str | None = None
    bind: bool = False
    steps: tuple[str, ...] = ()
    schedule: Every | Cron | None = None
    lock: Lock = "django"
    report_failures: bool = False
