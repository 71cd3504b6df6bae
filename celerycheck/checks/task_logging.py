"""How tasks log."""

from __future__ import annotations

from collections.abc import Iterator

from celerycheck.checks._wording import listed
from celerycheck.registry import Problem, check
from celerycheck.source.evidence import SourceCode

_PLAIN = ("logging.getLogger().", "logging.root.", "logging.")
_LEVELS = frozenset({"debug", "info", "warning", "warn", "error", "critical", "fatal", "log", "exception"})


@check
def plain_logger(source: SourceCode) -> Iterator[Problem]:
    """Tasks log through a logger that does not name the task.

    Why: lines of a logger made by `logging.getLogger` come without the task's name and id, so that those of
        tasks that run at the same time cannot be told apart.
    Fix: `logger = get_task_logger(__name__)`, from `celery.utils.log`, in modules of tasks.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#logging
    """
    source.require()
    found = [(body, call) for body in source.bodies for call in body.calls if _is_plain(call.chain)]
    if not found:
        return
    body, first = found[0]
    names = list(dict.fromkeys(each.name for each, _ in found))
    yield Problem(
        f"{len(names)} of {len(source.app.tasks)} tasks log through logging.getLogger (calls: {len(found)}):"
        f" {listed(names)}",
        fix="logger = celery.utils.log.get_task_logger(__name__)",
        about=source.app,
        location=body.function.location(first.node),
    )


def _is_plain(chain: str | None) -> bool:
    """Whether a call logs through a logger of the standard library, or through the module itself."""
    if chain is None:
        return False
    logger, _, method = chain.rpartition(".")
    return method in _LEVELS and f"{logger}." in _PLAIN


__all__ = ["plain_logger"]
