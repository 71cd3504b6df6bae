"""Where tasks are sent: routes, and the queues and exchanges they lead to."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from celerycheck.checks._transports import on_redis
from celerycheck.checks._wording import assignment
from celerycheck.findings import Severity
from celerycheck.nearest import MOST_COMPARED, TaskNames, nearest
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App, Plain, QueueInfo, TaskInfo

_MISSING_QUEUE = re.compile(r"Queue '([^']*)' missing from task_queues")


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
    """A route matches no registered task.

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
def malformed_routes(app: App) -> Iterator[Problem]:
    """task_routes makes sending tasks fail.

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
            fix=assignment(app.settings, "task_routes", '{"proj.mail.*": {"queue": "mail"}}')
            + ", or one more list around the pairs",
            about=app.settings["task_routes"],
        )
        return
    count = len(app.tasks) if app.routes_error else errors.total()
    which = "every send" if count == len(app.tasks) else f"sending {count} of {len(app.tasks)} tasks"
    queues = app.settings.value("task_queues")
    if isinstance(queues, list) and any(isinstance(queue, str) for queue in queues):
        yield Problem(
            f"{app.settings['task_queues'].key or 'task_queues'} lists names where Celery expects queues: "
            f"{which} raises {error}",
            fix=assignment(app.settings, "task_queues", '[kombu.Queue("name"), ...]')
            + ", or no task_queues: workers name theirs with -Q",
            about=app.settings["task_queues"],
        )
        return
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
def undeclared_queue(app: App) -> Iterator[Problem]:
    """A task is routed to a queue that task_queues does not declare.

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
        return queue.exchange, "fanout", queue.routing_key if on_redis(app.broker) else ""
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
