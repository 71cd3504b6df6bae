"""Queues and routes, worked out on a private table and without a connection."""

from __future__ import annotations

import fnmatch
from typing import Any, Dict, List, Optional, Tuple

from celerycheck.inspection.failures import cause_of
from celerycheck.inspection.plain import dotted, plain
from celerycheck.subjects import Location, Plain, QueueInfo, RouteInfo


class Routing:
    """Routes tasks the way Celery does, leaving the app's own table of queues untouched.

    `app.amqp.router.route` would create missing queues in it. `error` is set where the tables themselves
    cannot be built.
    """

    def __init__(self, app: Any) -> None:
        self.app = app
        self.error: Optional[str] = None
        self.queues: Any = None
        self.router: Any = None
        self.default_queue: Any = None
        self.declared: Tuple[str, ...] = ()
        self.used: Dict[str, Any] = {}
        try:
            self.queues = app.amqp.Queues(app.conf.task_queues)
            self.declared = tuple(self.queues) if app.conf.task_queues else ()
            self.router = app.amqp.Router(queues=self.queues)
            self.default_queue = app.conf.task_default_queue
        except Exception as error:  # noqa: BLE001  # any type may stand in these settings
            self.error = cause_of(error)

    def route(self, task: Any, name: str) -> Tuple[Optional[str], Plain, Optional[str]]:
        """The queue and priority an ordinary `delay()` gets, and the error where routing raises."""
        if self.router is None:
            return None, None, self.error
        try:
            options = dict(task._get_exec_options())
            options = self.router.route(options, name, (), {}, task)
        except Exception as error:  # noqa: BLE001  # routers are the user's functions
            return None, None, cause_of(error)
        queue = options.get("queue")
        if queue is None and not options.get("exchange"):
            # A routing key alone changes nothing: `AMQP.send_task_message` then takes the default queue.
            queue = self.default_queue
        queue_name = getattr(queue, "name", queue)
        if isinstance(queue_name, str):
            self.used.setdefault(queue_name, queue)
            return queue_name, plain(options.get("priority")), None
        return None, plain(options.get("priority")), None

    def all_queues(self, location: Optional[Location]) -> Tuple[QueueInfo, ...]:
        """Declared queues first, then those that routing made."""
        infos = [queue_info(self.queues[name], True, location) for name in self.declared]
        infos += [
            queue_info(queue, False, None)
            for name, queue in self.used.items()
            if name not in self.declared and hasattr(queue, "name")
        ]
        return tuple(infos)

    def rules(self, names: frozenset[str], location: Optional[Location]) -> Tuple[RouteInfo, ...]:
        """The rules of `task_routes`, with the number of registered tasks each matches."""
        found: List[RouteInfo] = []
        globs = globs_in(self.app.conf.task_routes)
        for route in getattr(self.router, "routes", None) or ():
            exact = getattr(route, "map", None)
            if not isinstance(exact, dict):
                found.append(RouteInfo(router_name(route), "function", location=location))
                continue
            found += [
                RouteInfo(str(name), "exact", queue_of(target), int(name in names), location)
                for name, target in exact.items()
            ]
            for pattern, target in getattr(route, "patterns", {}).items():
                text = globs.get(pattern.pattern)
                matches = sum(1 for name in names if pattern.match(name))
                found.append(
                    RouteInfo(
                        text or pattern.pattern,
                        "glob" if text else "regex",
                        queue_of(target),
                        matches,
                        location,
                    )
                )
        return tuple(found)


def router_name(router: Any) -> str:
    """The name of a router function, of a router object's class, or the text that names either."""
    from celery.utils.functional import mlazy

    if isinstance(router, mlazy):
        return str(router._args[0]) if router._args else "a router"
    return dotted(router if hasattr(router, "__qualname__") else type(router))


def globs_in(routes: object) -> Dict[str, str]:
    """The globs written in `task_routes`, by the regular expression that Celery compiles each to."""
    if isinstance(routes, str):
        return {fnmatch.translate(routes): routes} if "*" in routes else {}
    found: Dict[str, str] = {}
    if isinstance(routes, (dict, list, tuple)):
        for item in routes:
            found.update(globs_in(item))
    return found


def queue_of(target: Any) -> Optional[str]:
    queue = target.get("queue") if isinstance(target, dict) else target
    queue = getattr(queue, "name", queue)
    return queue if isinstance(queue, str) else None


def queue_info(queue: Any, declared: bool, location: Optional[Location]) -> QueueInfo:
    """One Kombu queue as plain data."""
    arguments = plain(dict(queue.queue_arguments or {}))
    assert isinstance(arguments, dict)
    kind = arguments.get("x-queue-type")
    top = arguments.get("x-max-priority")
    exchange = queue.exchange
    return QueueInfo(
        name=str(queue.name),
        declared=declared,
        exchange=str(getattr(exchange, "name", exchange) or ""),
        exchange_type=str(getattr(exchange, "type", "direct")),
        routing_key=str(queue.routing_key or ""),
        type=kind if isinstance(kind, str) else None,
        max_priority=next((n for n in (top, getattr(queue, "max_priority", None)) if type(n) is int), None),
        durable=bool(queue.durable),
        arguments=arguments,
        location=location,
    )
