"""How a task retries: bounds, delays and what triggers a retry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.subjects import NotEvaluated, Opaque, Plain, TaskInfo, number_of

NETWORK_ERRORS = (
    "OSError",
    "ConnectionError",
    "ConnectionAbortedError",
    "ConnectionRefusedError",
    "ConnectionResetError",
    "BrokenPipeError",
    "TimeoutError",
    "kombu.exceptions.OperationalError",
)
"""Exceptions that a network raises, by dotted names; `socket.error` and `socket.timeout` are among them."""

NETWORK_MODULES = (
    "aiohttp.",
    "aiosmtplib.",
    "amqp.exceptions.",
    "botocore.",
    "ftplib.",
    "google.api_core.exceptions.",
    "grpc.",
    "http.client.",
    "httpcore.",
    "httpx.",
    "imaplib.",
    "poplib.",
    "redis.exceptions.",
    "requests.",
    "smtplib.",
    "socket.",
    "ssl.",
    "urllib.error.",
    "urllib3.",
)
"""Packages whose exceptions come from talking to another machine."""

RETRY_POLICY = ("retry_backoff", "retry_backoff_max", "retry_jitter", "retry_kwargs", "dont_autoretry_for")
"""Options that only `celery/app/autoretry.py` reads, and only where `autoretry_for` is not empty."""

RESULT_WAITS = frozenset(("get", "join", "join_native", "collect", "iterate", "wait", "maybe_throw"))
"""Methods of a result that raise another task's exception, `TimeLimitExceeded` included."""

NEVER_IN_TASK = {
    "TimeLimitExceeded": (
        "which the worker's main process raises after it has killed the task",
        "autoretry_for=(SoftTimeLimitExceeded,), with soft_time_limit below time_limit",
    ),
    "WorkerLostError": (
        "which the worker's main process raises after the task's process has died",
        "acks_late=True, reject_on_worker_lost=True, on a queue with a delivery limit",
    ),
    "Terminated": (
        "which the worker's main process raises for a task that was revoked",
        "leave it out: a terminated task is meant to end",
    ),
    "Ignore": ("which Celery passes on before it looks at autoretry_for", "leave it out"),
    "Retry": (
        "which Celery passes on before it looks at autoretry_for",
        "leave it out: it is a retry already",
    ),
}
"""Why an exception is never retried, and what to write instead.

Tried on Celery 5.3 and 5.7: a task over its hard limit or terminated sees SystemExit, one whose process dies
sees nothing; all of `Ignore`, `Retry`, `Terminated`, `TimeLimitExceeded` and `WorkerLostError` ran once.
"""


@check
def unbounded_retries(task: TaskInfo) -> Iterator[Problem]:
    """Task may retry forever.

    Why: a message that can never succeed comes back until a person notices; it keeps a worker busy
        and hides in the queue.
    Fix: set `max_retries` to a number, and let the last failure reach a person.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.max_retries
    """
    if task.option("max_retries") is not None or not task.may_retry:
        return
    automatic = bool(task.autoretry_for) and _retry_kwargs(task).get("max_retries") is None
    by_hand = "retry" in task.names_read
    if not automatic and not by_hand and not _classes_mention(task, "retry"):
        return
    counts_itself = (
        any("retry" in cls.defines for cls in task.classes)
        or _mentions(task, "retries")
        or _mentions(task, "max_retries")
    )
    proven = automatic or (by_hand and task.bound)
    yield Problem(
        "max_retries is None: it retries until it succeeds",
        at_most=None if proven and not counts_itself else Severity.WARNING,
    )


@check
def retry_without_backoff(task: TaskInfo) -> Iterator[Problem]:
    """Automatic retries come at a constant pace.

    Why: a service that is down gets every failed call again at the same interval, from all workers at
        once, which keeps it down.
    Fix: `retry_backoff=True` doubles the delay each time (1, 2, 4 ... s), `retry_backoff_max` caps it.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff
    """
    if not _retries_automatically(task) or _computes_delay(task) or task.number("retry_backoff"):
        return
    retries = _most_retries(task)
    delay = _constant_delay(task)
    if delay is not None and (retries is None or retries > 1):
        yield Problem(
            f"autoretry_for without retry_backoff: every retry comes after the same {_number(delay)} s",
            fix="retry_backoff=True, retry_backoff_max=600",
        )


@check
def retry_without_jitter(task: TaskInfo) -> Iterator[Problem]:
    """Retries back off in step.

    Why: tasks that failed together retry together, so that each wave hits the recovering service at once.
    Fix: leave `retry_jitter` at its default (True), which draws each delay at random up to the backoff.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_jitter
    """
    if not _retries_automatically(task) or _computes_delay(task):
        return
    if task.number("retry_backoff") and "retry_jitter" in task.explicit and not task.flag("retry_jitter"):
        yield Problem(
            f"retry_backoff with retry_jitter={task.option('retry_jitter')}", fix="retry_jitter=True"
        )


@check
def retry_everything(task: TaskInfo) -> Iterator[Problem]:
    """Every exception is retried.

    Why: a bug or a bad argument fails the same way each time; retrying it wastes the workers' time and
        delays the alarm. `Exception` includes `SoftTimeLimitExceeded`: what is too slow runs again.
    Fix: list what may pass by itself, `autoretry_for=(ConnectionError, TimeoutError)`, or exclude what
        cannot with `dont_autoretry_for`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.autoretry_for
    """
    if task.option("dont_autoretry_for") or not _retries_automatically(task):
        return
    broad = next((name for name in ("BaseException", "Exception") if name in task.autoretry_for), None)
    if broad:
        yield Problem(
            f"autoretry_for lists {broad}: bugs and bad arguments are retried too",
            fix="autoretry_for=(ConnectionError, TimeoutError), or dont_autoretry_for=(ValueError,)",
        )


@check
def backoff_without_autoretry(task: TaskInfo) -> Iterator[Problem]:
    """Retry options are set, yet nothing is retried automatically.

    Why: Celery reads `retry_backoff`, `retry_jitter` and their like only where `autoretry_for` lists
        something; a `self.retry()` of the task's own waits `default_retry_delay` as ever.
    Fix: add `autoretry_for=(...)`, or pass `countdown=` to `self.retry()`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    if task.option("autoretry_for") or any(_mentions(task, name) for name in RETRY_POLICY):
        return
    idle = [name for name in RETRY_POLICY if _says_itself(task, name) and task.option(name)]
    if idle:
        yield Problem(
            f"{', '.join(idle)} without autoretry_for: nothing reads {'it' if len(idle) == 1 else 'them'}",
            fix="autoretry_for=(ConnectionError, TimeoutError), or self.retry(countdown=...)",
            # A bound task may hand itself to a function that reads its options.
            at_most=Severity.WARNING if task.bound else None,
        )


@check
def impossible_autoretry(task: TaskInfo) -> Iterator[Problem]:
    """An exception is listed for retries that never reaches them.

    Why: the retry happens inside the task's own process; what the worker raises after that process is
        gone, and what Celery takes for itself, is never retried, however it is listed.
    Fix: list `SoftTimeLimitExceeded` for time limits; for lost processes see `acks_late`,
        `reject_on_worker_lost` and (Celery 5.7) `retry_on_worker_lost`.
    Reference: celery/app/autoretry.py, celery/worker/request.py
    """
    waits = not RESULT_WAITS.isdisjoint(task.names_read)
    for name in task.autoretry_for:
        module, _, short = name.rpartition(".")
        if module not in ("billiard.exceptions", "celery.exceptions") or short not in NEVER_IN_TASK:
            continue
        why, fix = NEVER_IN_TASK[short]
        if short == "WorkerLostError" and "retry_on_worker_lost" in task.defaults:
            fix = "retry_on_worker_lost=True"
        yield Problem(
            f"autoretry_for lists {short}, {why}: it is never retried",
            fix=fix,
            # Waiting for another task's result raises that task's exception here.
            at_most=Severity.WARNING if waits else None,
        )


@check
def short_retry_budget(task: TaskInfo, *, seconds: int = 60) -> Iterator[Problem]:
    """All retries of a network call are used up within moments.

    Why: a deploy, a failover or a rate limit lasts a minute; a task whose retries end before that fails
        although it had only to wait.
    Fix: raise `max_retries` or `retry_backoff` until the retries span `seconds`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.retry_backoff
    """
    if not any(_from_network(name) for name in task.autoretry_for) or _computes_delay(task):
        return
    retries = _most_retries(task)
    window = _window(task, retries) if retries else None
    if window is not None and window < seconds:
        enough = next(n for n in count(1) if _backoff_window(5, 600, n) >= 2 * seconds)
        yield Problem(
            f"the last of {_number(retries or 0)} retries comes at most {_number(window)} s after the first"
            f" failure, less than {seconds} s",
            fix=f"retry_backoff=5, max_retries={enough}",
        )


def _retries_automatically(task: TaskInfo) -> bool:
    return bool(task.autoretry_for) and _most_retries(task) != 0


def _retry_kwargs(task: TaskInfo) -> Mapping[str, Plain]:
    """What `task.retry()` is called with; `NotEvaluated` where it is computed."""
    value = task.option("retry_kwargs")
    if value is None:
        return {}
    if isinstance(value, dict):
        return value
    raise NotEvaluated(f"retry_kwargs of {task.name} is computed")


def _most_retries(task: TaskInfo) -> float | None:
    """How often it is retried automatically; None for ever."""
    given = number_of(f"max_retries of {task.name}", _retry_kwargs(task).get("max_retries"))
    return task.max_retries if given is None else given


def _constant_delay(task: TaskInfo) -> float | None:
    """Seconds before a retry without backoff; None where they are computed."""
    arguments = _retry_kwargs(task)
    countdown = arguments.get("countdown")
    if arguments.get("eta") is not None or (isinstance(countdown, Opaque) and countdown.seconds is None):
        return None
    given = number_of(f"countdown of {task.name}", countdown)
    return task.number("default_retry_delay") if given is None else given


def _computes_delay(task: TaskInfo) -> bool:
    """Whether the task or a class of its own has a say in when a retry comes."""
    return (
        "default_retry_delay" in task.names_read
        or any(_retries_its_own_way(cls.defines, cls.reads) for cls in task.classes)
        # A property: defined by a class, yet no plain value that somebody wrote.
        or (
            "default_retry_delay" not in task.explicit
            and any("default_retry_delay" in cls.defines for cls in task.classes)
        )
    )


def _retries_its_own_way(defines: tuple[str, ...], reads: tuple[str, ...]) -> bool:
    return not {"retry", "signature_from_request"}.isdisjoint(defines) or not {
        "retry",
        "retry_backoff",
        "default_retry_delay",
    }.isdisjoint(reads)


def _classes_mention(task: TaskInfo, name: str) -> bool:
    return any(name in cls.reads or name in cls.defines for cls in task.classes)


def _mentions(task: TaskInfo, name: str) -> bool:
    """Whether the task's code, or a method of its classes, reads an attribute of that name."""
    return name in task.names_read or any(name in cls.reads for cls in task.classes)


def _says_itself(task: TaskInfo, name: str) -> bool:
    """Whether the task's own definition sets an option; a base class sets it for tasks that may need it."""
    origin = task.explicit.get(name)
    if task.class_based and task.classes:
        return origin == f"class {task.classes[0].name}"
    return origin == "decorator"


def _from_network(name: str) -> bool:
    return name in NETWORK_ERRORS or name.startswith(NETWORK_MODULES)


def _window(task: TaskInfo, retries: float) -> float | None:
    """Seconds from the first failure to the last retry at most, as autoretry.py computes the delays."""
    backoff = task.number("retry_backoff")
    if backoff:
        maximum = task.number("retry_backoff_max")
        return _backoff_window(int(max(1.0, backoff)), 600 if maximum is None else int(maximum), retries)
    delay = _constant_delay(task)
    return None if delay is None else delay * retries


def _backoff_window(factor: int, maximum: int, retries: float) -> float:
    """The sum of `min(maximum, factor * 2 ** n)` over all retries; jitter only makes it shorter."""
    total, delay, done = 0, factor, 0
    while done < retries and delay < maximum:
        total, delay, done = total + delay, delay * 2, done + 1
    return total + (retries - done) * max(0, maximum)


def _number(value: float) -> str:
    return f"{value:.10g}"
