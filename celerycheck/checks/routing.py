"""Where tasks are sent: routes, queues, priorities and rate limits."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Iterator

from celerycheck.findings import Severity
from celerycheck.nearest import MOST_COMPARED, TaskNames, nearest
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, Opaque, Plain, QueueInfo, TaskInfo

_MISSING_QUEUE = re.compile(r"Queue '([^']*)' missing from task_queues")
_PER_SECOND = {"s": 1.0, "m": 60.0, "h": 3600.0}
_LONG_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h"}
_RABBITMQ = frozenset({"amqp", "librabbitmq"})
_REDIS = frozenset({"redis", "sentinel"})
_WITHOUT_PRIORITIES = frozenset(
    {
        *("sqs", "sqla", "consul", "etcd", "pyro", "gcpubsub", "azureservicebus", "azurestoragequeues"),
        *("confluentkafka", "slmq", "pgmq"),
    }
)
_REDIS_STEPS = (0, 3, 6, 9)


@check
def single_queue(app: App, *, tasks: int = 10) -> Iterator[Problem]:
    """All tasks share one queue.

    Why: slow or bulky tasks delay urgent ones, and no kind of work can get workers of its own.
    Fix: route what is slow, urgent or bulky to queues of its own with `task_routes`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html
    """
    queues = {task.queue for task in app.tasks}
    if len(app.tasks) <= tasks or len(queues) != 1 or None in queues:
        return
    elsewhere = {queue.name for queue in app.queues if queue.declared}
    elsewhere |= {str(entry.options["queue"]) for entry in app.schedule if entry.options.get("queue")}
    if elsewhere <= queues:
        yield Problem(f"all {len(app.tasks)} tasks go to queue {queues.pop()!r}")


@check
def route_matches_nothing(app: App) -> Iterator[Problem]:
    """Route matches no registered task.

    Why: the tasks it was meant for go to the default queue, without a word, after a rename or a typo.
    Fix: correct the name or pattern, or remove the route.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html#automatic-routing
    """
    dead = [route for route in app.routes if route.matches == 0]
    if not dead:
        return
    names = app.registry
    if not app.tasks and not app.third_party:
        raise NotEvaluated("this app registers no tasks: its routes are for tasks of other apps")
    registered = TaskNames(names)
    for route in dead:
        if route.kind == "exact" and re.search(r"[?\[]", route.pattern):
            yield Problem(
                "no registered task has this name: without a * Celery takes it literally",
                fix="use * in place of ? and [...], or a compiled regular expression",
                about=route,
            )
        elif route.kind == "exact":
            near = registered.nearest(route.pattern)
            yield Problem(
                "no registered task has this name",
                fix=f"did you mean {near!r}?" if near else None,
                about=route,
            )
        else:
            yield Problem("no registered task matches this pattern", about=route)


@check
def undeclared_queue(app: App) -> Iterator[Problem]:
    """Task is routed to a queue that task_queues does not declare.

    Why: a worker started without `-Q` reads only the declared queues, so its messages wait for ever;
        with `task_create_missing_queues` off, every send raises.
    Fix: add the queue to `task_queues`, or route the task to a declared one.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-create-missing-queues
    """
    declared = [queue.name for queue in app.queues if queue.declared]
    made = {queue.name for queue in app.queues if not queue.declared} if declared else set()
    made.discard(app.settings.text("task_default_queue") or "")
    fixes = {name: _queue_fix(name, declared) for name in made}
    for task in app.tasks:
        missing = _missing_queue(task)
        if missing:
            yield Problem(
                f"every send raises QueueNotFound: task_queues lacks {missing!r}, and"
                " task_create_missing_queues is off",
                fix=_queue_fix(missing, declared),
                about=task,
            )
        elif task.queue in made:
            yield Problem(
                f"it goes to queue {task.queue!r}, which task_queues lacks: a worker reads it only with -Q",
                fix=fixes[task.queue],
                about=task,
                at_most=Severity.WARNING,
            )


def _missing_queue(task: TaskInfo) -> str | None:
    """The queue that routing refused to make."""
    match = _MISSING_QUEUE.search(task.route_error or "")
    return match[1] if match else None


def _queue_fix(name: str, declared: list[str]) -> str:
    near = nearest(name, declared[:MOST_COMPARED])
    hint = f", or did you mean {near!r}?" if near else ""
    return f"add Queue({name!r}) to task_queues{hint}"


@check
def undeclared_default_queue(app: App) -> Iterator[Problem]:
    """The default queue is missing from task_queues.

    Why: workers started without `-Q` read only what `task_queues` declares; every task without a
        route of its own waits in the default queue for ever.
    Fix: add the default queue to `task_queues`, or set `task_default_queue` to a declared one.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html#manual-routing
    """
    default = app.settings.text("task_default_queue")
    declared = {queue.name for queue in app.queues if queue.declared}
    if not default or not declared or default in declared or not app.settings.flag("task_queues"):
        return
    count = sum(default in (task.queue, _missing_queue(task)) for task in app.tasks)
    where = f"where {count} of {len(app.tasks)} tasks go" if count else "where only Celery's own tasks go"
    yield Problem(
        f"task_queues lacks the default queue {default!r}, {where}",
        fix=f"add Queue({default!r}) to task_queues, or set task_default_queue to one of those declared",
        about=app.settings["task_queues"],
        at_most=None if count else Severity.INFO,
    )


@check
def doubled_delivery(app: App) -> Iterator[Problem]:
    """Two queues receive the same messages.

    Why: a topic exchange copies a message to every queue whose binding matches, a fanout exchange to
        all of them; each copy runs the task once more.
    Fix: give each queue a routing key of its own, or use direct exchanges.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html#exchange-types
    """
    bindings: dict[tuple[str, str, str], QueueInfo] = {}
    for queue in app.queues:
        key = _binding(queue, app)
        if key is None:
            continue
        first = bindings.setdefault(key, queue)
        if first is not queue:
            by = "" if queue.exchange_type == "fanout" else f" with routing key {queue.routing_key!r}"
            yield Problem(
                f"{queue.exchange_type} exchange {queue.exchange!r} feeds it and queue {first.name!r}"
                f"{by}: both get every message",
                fix=f"Queue({queue.name!r}, Exchange({queue.name!r}), routing_key={queue.name!r})",
                about=queue,
            )
    yield from _also_matched([queue for key, queue in bindings.items() if key[1] == "topic"])


def _binding(queue: QueueInfo, app: App) -> tuple[str, str, str] | None:
    """What two queues must share to get the same messages; None where Celery addresses the queue itself.

    To a queue on a direct exchange Celery publishes by the queue's name, so that equal keys do no harm.
    """
    if not queue.exchange:
        return None
    if queue.exchange_type == "topic":
        return queue.exchange, "topic", queue.routing_key
    if queue.exchange_type == "fanout" and app.broker.fanout is not False:
        # Redis publishes fanout messages under exchange and key together; elsewhere the key is ignored.
        return queue.exchange, "fanout", queue.routing_key if app.broker.transport in _REDIS else ""
    return None


def _also_matched(queues: list[QueueInfo]) -> Iterator[Problem]:
    """Queues with a plain routing key that another queue's pattern on the same exchange matches too."""
    patterns: dict[str, list[tuple[re.Pattern[str], QueueInfo]]] = {}
    for queue in queues:
        if _is_pattern(queue.routing_key):
            patterns.setdefault(queue.exchange, []).append((_topic_pattern(queue.routing_key), queue))
    for queue in queues:
        if _is_pattern(queue.routing_key):
            continue
        for pattern, other in patterns.get(queue.exchange, ()):
            if pattern.fullmatch(queue.routing_key):
                yield Problem(
                    f"its routing key {queue.routing_key!r} also matches {other.routing_key!r} of queue"
                    f" {other.name!r} on topic exchange {queue.exchange!r}: both get its messages",
                    fix="use routing keys that only one binding matches",
                    about=queue,
                )
                break


def _is_pattern(key: str) -> bool:
    return not {"*", "#"}.isdisjoint(key.split("."))


def _topic_pattern(key: str) -> re.Pattern[str]:
    """A topic binding as Kombu reads it; RabbitMQ matches that and, for `#`, no word at all."""
    words = {"*": r"[^.]+", "#": r".*?"}
    return re.compile(r"\.".join(words.get(word, re.escape(word)) for word in key.split(".")))


@check
def rate_limit_shares_queue(app: App) -> Iterator[Problem]:
    """Rate-limited task shares a queue with unlimited ones.

    Why: a worker holds the messages it may not run yet, and they fill its prefetch window: unlimited
        tasks behind them run at the limited task's pace.
    Fix: route the rate-limited task to a queue of its own, read by workers of its own.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
    """
    if app.settings.flag("worker_disable_rate_limits"):
        return
    limited: list[tuple[TaskInfo, str]] = []
    unlimited: Counter[str] = Counter()
    for task in app.tasks:
        try:
            rate = rate_of(task.option("rate_limit"))
        except (NotEvaluated, ValueError):
            continue
        if task.queue and rate:
            limited.append((task, task.queue))
        elif task.queue:
            unlimited[task.queue] += 1
    for task, queue in limited:
        if unlimited[queue]:
            others = "an unlimited task" if unlimited[queue] == 1 else f"{unlimited[queue]} unlimited tasks"
            yield Problem(
                f"rate_limit {task.option('rate_limit')!r} holds up {others} in queue {queue!r}",
                fix=f'task_routes = {{"{task.name}": {{"queue": "{task.name.rpartition(".")[2]}"}}}}',
                about=task,
            )


@check
def malformed_rate_limit(app: App) -> Iterator[Problem]:
    """Rate limit cannot be read.

    Why: the worker reads every rate limit when it starts, even with rate limits disabled, and stops
        with the error; a negative one lets nothing through after the first task.
    Fix: write a number of tasks per second, or a string like `10/s`, `10/m` or `10/h`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#Task.rate_limit
    """
    if app.settings.explicit("task_default_rate_limit"):
        default = app.settings["task_default_rate_limit"]
        for fault, fix in _rate_faults("task_default_rate_limit", default.value):
            yield Problem(fault, fix=fix, about=default)
    for task in app.tasks:
        if "rate_limit" in task.explicit:
            for fault, fix in _rate_faults("rate_limit", task.option("rate_limit")):
                yield Problem(fault, fix=fix, about=task)


def rate_of(value: Plain) -> float:
    """Tasks a second, 0 for no limit, as `celery.utils.time.rate` and the worker's token bucket read it.

    Raises ValueError, with the reason, where those raise, and `NotEvaluated` for a computed value.
    """
    if isinstance(value, Opaque):
        if value.seconds is None:
            raise NotEvaluated("the rate limit is computed")
        if value.seconds:
            raise ValueError("a duration is no rate")
        return 0.0
    if not value:
        return 0.0
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, str):
        return _rate_in(value)
    raise ValueError(f"a {type(value).__name__} is no rate")


def _rate_in(text: str) -> float:
    count, _, unit = text.partition("/")
    if (unit or "s") not in _PER_SECOND:
        raise ValueError(f"the unit {unit!r} is none of s, m and h")
    try:
        return float(count) / _PER_SECOND[unit or "s"]
    except ValueError:
        raise ValueError(f"{count!r} is no number") from None


def _rate_faults(option: str, value: Plain) -> Iterator[tuple[str, str]]:
    """Message and fix for a rate limit that stops the worker or its tasks."""
    usual = f'write {option} = "10/s", "10/m" or "10/h"'
    try:
        rate = rate_of(value)
    except NotEvaluated:
        return
    except ValueError as error:
        shown = repr(value) if isinstance(value, str) else f"a {_kind(value)}"
        yield (
            f"{option} is {shown}: {error}, and the worker does not start",
            _rate_fix(option, value) or usual,
        )
    else:
        if rate < 0:
            yield f"{option} is {value!r}: below zero, nothing runs after the first task", usual


def _kind(value: Plain) -> str:
    return value.kind if isinstance(value, Opaque) else type(value).__name__


def _rate_fix(option: str, value: Plain) -> str | None:
    """The line to write where the unit is merely spelled out (`10/min`)."""
    if not isinstance(value, str):
        return None
    count, _, unit = value.partition("/")
    word = unit.strip().lower().removesuffix("s") or unit.strip().lower()
    short = word if word in _PER_SECOND else _LONG_UNITS.get(word)
    return f'write {option} = "{count.strip()}/{short}"' if short and count.strip().isdigit() else None


@check
def malformed_routes(app: App) -> Iterator[Problem]:
    """task_routes breaks sending.

    Why: routes are read when a task is sent, not when the app loads: the first `delay()` raises.
    Fix: use a dict of names or globs to routes; in a list, each item is a dict, a function, the dotted
        name of one, or a list of pairs.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-routes
    """
    errors = Counter(task.route_error for task in app.tasks if task.route_error and not _missing_queue(task))
    error = app.routes_error or next(iter(errors), None)
    if error is None:
        return
    if _is_flat(app.settings.value("task_routes")):
        yield Problem(
            "a flat list of pairs: every send raises ValueError",
            fix='task_routes = {"proj.mail.*": {"queue": "mail"}}, or one more list around the pairs',
            about=app.settings["task_routes"],
        )
        return
    count = len(app.tasks) if app.routes_error else errors.total()
    which = "every send" if count == len(app.tasks) else f"sending {count} of {len(app.tasks)} tasks"
    yield Problem(f"{which} raises {error}", about=app.settings["task_routes"])


def _is_flat(routes: Plain) -> bool:
    """Whether pairs stand directly in the outermost list, where Celery expects whole maps."""
    items = routes if isinstance(routes, list) else []
    return any(
        isinstance(item, list)
        and len(item) == 2
        and isinstance(item[0], str)
        and isinstance(item[1], (str, dict))
        for item in items
    )


@check
def inert_priority(app: App) -> Iterator[Problem]:
    """Priority has no effect on this broker or queue.

    Why: urgent tasks wait behind everything that was sent before them, as if no priority were set.
    Fix: on RabbitMQ declare the queue with `x-max-priority`; elsewhere use a queue for urgent tasks.
    Reference: https://docs.celeryq.dev/en/stable/userguide/routing.html#special-routing-options
    """
    default = app.settings.value("task_default_priority") if "task_default_priority" in app.settings else None
    ranked = [(task, p) for task in app.tasks if (p := _priority(task))]
    if ranked and not app.settings.explicit("broker_url"):
        raise NotEvaluated("no broker is configured")
    queues = {queue.name: queue for queue in app.queues}
    by_default: list[str] = []
    for task, priority in ranked:
        reason = _why_inert(app, queues.get(task.queue or ""), priority)
        if reason is None:
            continue
        if priority == default and "priority" not in task.explicit:
            by_default.append(reason)
            continue
        yield Problem(
            f"priority {priority} {reason}",
            fix=_priority_fix(app, task.queue),
            about=task,
            at_most=_certainty(app),
        )
    if by_default:
        yield Problem(
            f"task_default_priority {default} {by_default[0]} ({len(by_default)} of {len(app.tasks)} tasks)",
            fix=_priority_fix(app, None),
            about=app.settings["task_default_priority"],
            at_most=_certainty(app),
        )


def _priority(task: TaskInfo) -> int | None:
    """The priority it is sent with; None where it has none, or one that is computed or none to Kombu."""
    value = task.priority if task.priority is not None else task.option("priority")
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _why_inert(app: App, queue: QueueInfo | None, priority: int) -> str | None:
    """Why messages are not ordered by this priority; None where they are, or where that is not known."""
    transport = app.broker.transport.lower()
    if transport in _WITHOUT_PRIORITIES:
        return f"has no effect: Kombu's {transport} transport ignores priorities"
    if transport in _RABBITMQ:
        if queue is None or queue.type not in (None, "classic") or queue.max_priority:
            return None
        if "x-max-priority" in queue.arguments or app.settings.number("task_queue_max_priority"):
            return None
        return f"has no effect: RabbitMQ delivers queue {queue.name!r} in order, as it has no x-max-priority"
    if transport in _REDIS:
        steps = _redis_steps(app)
        if steps and steps[max(bisect(steps, min(priority, 9)) - 1, 0)] == steps[0]:
            return f"is the same as {steps[0]} to Redis: priority_steps are {', '.join(map(str, steps))}"
    return None


def _redis_steps(app: App) -> list[int] | None:
    """The priorities that Redis keeps apart; None where they are computed."""
    given = app.settings.mapping("broker_transport_options").get("priority_steps", list(_REDIS_STEPS))
    steps = [step for step in given if isinstance(step, int)] if isinstance(given, list) else []
    return sorted(steps) if isinstance(given, list) and len(steps) == len(given) else None


def _priority_fix(app: App, queue: str | None) -> str:
    transport = app.broker.transport.lower()
    if transport in _REDIS:
        return 'broker_transport_options = {"priority_steps": list(range(10))}; 0 is the most urgent on Redis'
    if transport in _RABBITMQ:
        line = (
            f"Queue({queue!r}, queue_arguments={{'x-max-priority': 10}})"
            if queue
            else "task_queue_max_priority = 10"
        )
        return f"{line}; delete the existing queue first, RabbitMQ refuses to change it"
    return "route urgent tasks to a queue and workers of their own"


def _certainty(app: App) -> Severity | None:
    """Redis does order by priorities, only more coarsely than was written; unless it was given one step."""
    coarse = app.broker.transport.lower() in _REDIS and len(_redis_steps(app) or ()) > 1
    return Severity.INFO if coarse else None
