"""What has no place in a task's body: prints, debuggers, child processes of a daemon, ends of the process."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from celerycheck.checks._conditions import on_request, while_debugging
from celerycheck.checks._handlers import catches
from celerycheck.checks._pools import pool_of
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block, Call
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.subjects import NotEvaluated

_STREAMS = frozenset({"sys.stdout", "sys.stderr"})
_SYSTEM_EXIT = frozenset({"builtins.SystemExit", "builtins.SystemExit()"})
_CATCH_EXIT = ("builtins.SystemExit", "builtins.BaseException")
_COMMAND_LINES = ("click.", "typer.", "flask.cli.", "invoke.")


@check
def print_in_task(body: TaskBody) -> Iterator[Problem]:
    """A task prints.

    Why: what a worker prints reaches its log as a warning, without the task's name and id, and no level can
        be chosen or switched off.
    Fix: use a logger made by `celery.utils.log.get_task_logger(__name__)`.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#logging
    """
    prints = [call for call in body.calls if call.chain == "builtins.print" and _to_console(call)]
    if prints:
        more = f" ({len(prints)} times in this task)" if len(prints) > 1 else ""
        yield body.problem(f"calls print(){more}", prints[0], "call logger.info() or logger.debug() instead")


def _to_console(call: Call) -> bool:
    stream = call.keywords.get("file")
    return stream is None or stream.chain in _STREAMS or (stream.is_constant and stream.constant is None)


@check
def debugger_left_in(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A debugger is left in a task.

    Why: nobody sits at a worker's terminal: the task fails there, or waits on a port for a person until its
        time limit ends it.
    Fix: take the call out; `celery.contrib.rdb` serves for the hour somebody is watching.
    Reference: https://docs.celeryq.dev/en/stable/userguide/debugging.html
    """
    for reached in body.reached(depth) if "debugger" in body.kinds_reached else ():
        if "debugger" in body.kinds(reached):
            yield body.problem(
                f"stops at a debugger: {reached.original.text}()",
                reached,
                fix="take the call out",
                at_most=Severity.WARNING if while_debugging(reached.blocks) else None,
            )


@check
def process_in_prefork(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task starts processes with multiprocessing.

    Why: the processes of a prefork worker are daemonic, and multiprocessing lets no daemonic process have
        children: the task fails with AssertionError.
    Fix: send a group of tasks and let the worker spread them; or use `billiard`, `subprocess`, a pool of
        threads, or a worker of its own with `--pool=threads` or `--pool=solo`.
    Reference: https://docs.python.org/3/library/multiprocessing.html#multiprocessing.Process.daemon
    """
    pool = pool_of(body.app.settings)
    if pool is None or pool.name != "prefork":
        raise NotEvaluated("worker_pool is not prefork" if pool else "worker_pool is computed")
    if "process" not in body.kinds_reached:
        return
    found = [
        reached
        for reached in body.reached(depth)
        if (reached.call.chain or "").startswith(("multiprocessing.", "concurrent."))
        and "process" in body.kinds(reached)
    ]
    if not found or _says_it_is_no_daemon(body):
        return
    for reached in found:
        yield body.problem(
            f"{reached.original.text}() starts child processes, which those of a prefork worker may not:"
            " it raises AssertionError",
            reached,
            fix="send a group of tasks instead, or import billiard in place of multiprocessing"
            if reached.call.method in ("Pool", "Process")
            else "send a group of tasks instead, or use threads",
            at_most=Severity.INFO if on_request(reached) else None,
        )


def _says_it_is_no_daemon(body: TaskBody) -> bool:
    """Whether the project takes the mark of a daemon off its processes somewhere."""
    return bool(body.source.holding(b"current_process()"))


@check
def exits_worker(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task ends the process it runs in.

    Why: it is the worker's process that exits. Prefork starts another one and counts the task as lost
        (WorkerLostError; Celery 5.3 may never record an outcome after `sys.exit`), a solo worker is gone.
    Fix: return to end early, and raise an exception of your own to fail.
    Reference: https://docs.python.org/3/library/sys.html#sys.exit
    """
    if "exit" not in body.kinds_reached and not body.code.raises:
        return
    forks = any(reached.call.chain == "os.fork" for reached in body.reached(depth))
    for reached in body.reached(depth):
        if "exit" not in body.kinds(reached) or forks or _is_command(reached) or on_request(reached):
            continue
        if not _caught(reached.call.chain, reached.blocks):
            yield _exit(body, reached, f"{reached.original.text}()", _likely(reached))
    for raised in body.code.raises:
        chain = raised.value.chain if raised.value is not None else None
        if chain in _SYSTEM_EXIT and not _caught("sys.exit", raised.blocks):
            yield _exit(body, raised.node, "raise SystemExit")


def _likely(reached: Reached) -> Severity | None:
    """How sure it is that a task comes to an exit in a helper, which others may have been meant for."""
    if not reached.depth:
        return None
    depends = any(block.kind in ("if", "else", "case", "loop", "while") for block in reached.call.blocks)
    return Severity.INFO if depends else Severity.WARNING


def _exit(body: TaskBody, at: Reached | ast.AST, text: str, at_most: Severity | None = None) -> Problem:
    return body.problem(
        f"{text} ends the worker's process; the task is neither done nor failed by its own word, but lost",
        at,
        fix="return to end the task early, or raise an exception of your own to let it fail",
        at_most=at_most,
    )


def _caught(chain: str | None, blocks: Sequence[Block]) -> bool:
    """Whether SystemExit stays inside; `os._exit` and `os.abort` cannot be caught."""
    if chain is not None and chain.startswith("os."):
        return False
    tries = (block for block in blocks if block.kind == "try")
    return any(not handler.chains or catches(handler, _CATCH_EXIT) for t in tries for handler in t.handlers)


def _is_command(reached: Reached) -> bool:
    """Whether it stands in a function of a command line, whose exit its framework catches or expects."""
    decorators = (value.chain or "" for value in reached.function.decorators)
    return any(chain.startswith(_COMMAND_LINES) or ".command" in chain for chain in decorators)


__all__ = ["debugger_left_in", "exits_worker", "print_in_task", "process_in_prefork"]
