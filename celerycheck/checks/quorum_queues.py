"""Quorum queues: what RabbitMQ's replicated queues need of Celery."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._transports import on_rabbitmq
from celerycheck.checks._wording import assignment, entry, listed
from celerycheck.findings import Severity
from celerycheck.registry import NotEvaluated, Problem, check
from celerycheck.subjects import App


@check
def quorum_without_confirms(app: App) -> Iterator[Problem]:
    """Quorum queues are used without publisher confirms.

    Why: a message that RabbitMQ could not store on most of its nodes is lost without an error, and quorum
        queues are chosen so that nothing is lost.
    Fix: `broker_transport_options = {"confirm_publish": True}`
    Reference: https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html#using-quorum-queues
    Since: Celery 5.5
    """
    app.needs_celery(5, 5)
    names = _quorum_queues(app)
    if not names:
        return
    options = app.settings["broker_transport_options"]
    if options.value is not None and not isinstance(options.value, dict):
        raise NotEvaluated("broker_transport_options is computed")
    if not app.settings.mapping("broker_transport_options").get("confirm_publish"):
        yield Problem(
            f"quorum queues ({listed(names)}), and confirm_publish is not on",
            fix=entry(app.settings, options.name, "confirm_publish", "True"),
            about=options,
        )


@check
def quorum_needs_detection(app: App) -> Iterator[Problem]:
    """Quorum queues are consumed with a global prefetch limit.

    Why: RabbitMQ refuses such a consumer (540 NOT_IMPLEMENTED: queue does not support global qos); the
        worker reconnects for ever and never runs a task.
    Fix: use Celery 5.5 or newer, and leave `worker_detect_quorum_queues` on.
    Reference: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-detect-quorum-queues
    """
    names = _quorum_queues(app)
    if not names:
        return
    if app.version < (5, 5):
        yield Problem(
            f"quorum queues ({listed(names)}), and Celery {app.celery} sets a global prefetch limit,"
            " which they refuse",
            fix="celery>=5.5",
            about=app.settings["task_queues"],
            # Whoever runs this today has replaced the consumer's QoS by a bootstep, which the picture lacks.
            at_most=Severity.WARNING,
        )
    elif not app.settings.flag("worker_detect_quorum_queues"):
        yield Problem(
            f"quorum queues ({listed(names)}), and worker_detect_quorum_queues is off",
            fix=assignment(app.settings, "worker_detect_quorum_queues", "True"),
            about=app.settings["worker_detect_quorum_queues"],
        )


def _quorum_queues(app: App) -> list[str]:
    return [q.name for q in app.queues if q.type == "quorum"] if on_rabbitmq(app.broker) else []
