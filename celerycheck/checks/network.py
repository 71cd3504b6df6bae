"""Calls over the network from tasks: whether they ever give up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from celerycheck.checks._limits import limit_of
from celerycheck.checks._pools import pool_of
from celerycheck.checks._wording import number
from celerycheck.findings import Severity
from celerycheck.known_libraries import Timeout
from celerycheck.registry import Problem, check
from celerycheck.source.code import Code, owner
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.source.files import is_test_file
from celerycheck.source.modules import Module
from celerycheck.subjects import NotEvaluated

_DEAF = ("requests", "paramiko.", "httplib2.", "cloudscraper.")
"""What does not obey `socket.setdefaulttimeout()`, whose effect the other calls share."""
_REPLACED = re.compile(
    rb"^\s*(?:[\w.]+\.)?(?:HTTPAdapter\.send|Session\.(?:request|send)|requests\.(?:api\.)?"
    rb"(?:get|options|head|post|put|patch|delete|request|Session|session))\s*=[^=]",
    re.MULTILINE,
)
"""Where somebody replaces what requests sends with, as is done to give all calls a timeout."""
_SOON = 300
"""A time limit of so many seconds or less stands in for a timeout, though it ends without a retry."""

_PLAIN_ADAPTERS = frozenset({"requests.adapters.HTTPAdapter()", "requests.HTTPAdapter()"})


@check
def no_network_timeout(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task waits for another machine without a limit.

    Why: a server that takes the connection and never answers holds the worker's process for ever; a handful
        of such calls, and the worker stands still while it looks alive.
    Fix: give every call a timeout below the task's time limit: `requests.get(url, timeout=10)`.
    Reference: https://requests.readthedocs.io/en/latest/user/advanced/#timeouts
    """
    bound = _bound(body)
    for reached in body.reached(depth):
        call = reached.call
        timeout = body.source.libraries.timeout(call.chain) if call.chain else None
        if timeout is None or call.open_args or call.open_keywords:
            continue
        given = call.argument(timeout.keyword, timeout.position)
        if given is not None and not (given.is_constant and given.constant is None):
            continue
        if not _set_elsewhere(body, reached):
            yield _endless(body, reached, timeout, bound, explicit=given is not None)


class _Bound(NamedTuple):
    """The time limit that ends a task: in words, and in seconds where it is known."""

    text: str
    seconds: float | None = None


def _endless(
    body: TaskBody, at: Reached, timeout: Timeout, bound: _Bound | None, *, explicit: bool
) -> Problem:
    text = f"{at.original.text}()"
    has = f"{text} is given {timeout.keyword}=None" if explicit else f"{text} has no {timeout.keyword}"
    end = f"until {bound.text} ends the task" if bound else "for ever"
    soon = bound is not None and (bound.seconds is None or bound.seconds <= _SOON)
    return body.problem(
        f"{has}: a server that never answers holds the worker {end}",
        at,
        fix=f"{text[:-1]}..., {timeout.keyword}=10)",
        at_most=Severity.INFO if soon else None,
    )


def _bound(body: TaskBody) -> _Bound | None:
    """The time limit that ends the task at last; None where none does."""
    pool = pool_of(body.app.settings)
    for option in ("time_limit", "soft_time_limit"):
        try:
            seconds = limit_of(body.app.settings, body.task, option)
        except NotEvaluated:
            return _Bound(f"its {option}")
        enforced = pool is None or (pool.hard if option == "time_limit" else pool.soft)
        if seconds is not None and enforced:
            return _Bound(f"its {option} of {number(seconds)} s", seconds)
    return None


def _set_elsewhere(body: TaskBody, reached: Reached) -> bool:
    """Whether the session, or all of them, may have a timeout that the call does not show."""
    chain = reached.call.chain or ""
    if not chain.startswith(_DEAF):
        return _is_somewhere(body, b"setdefaulttimeout")
    if chain.startswith("requests") and _is_somewhere(body, _REPLACED):
        return True
    session = owner(chain)
    if session is None or not session.endswith("()"):
        return False
    return any(_prepared(code, session) for code in _places(body, reached))


def _is_somewhere(body: TaskBody, sought: bytes | re.Pattern[bytes]) -> bool:
    """Whether one of the project's own files, tests apart, holds it."""
    return not all(map(is_test_file, body.source.holding(sought)))


def _prepared(code: Code, session: str) -> bool:
    """Whether a session gets an adapter of somebody's own, or another `request`, in this code."""
    for call in code.calls:
        if call.method == "mount" and owner(call.chain) in (session, None):
            adapter = call.argument("adapter", 1)
            if adapter is None or adapter.chain not in _PLAIN_ADAPTERS:
                return True
    return any(
        write.owner in (session, None) for write in code.writes if _of_request(write.target, write.owner)
    )


def _of_request(target: str | None, holder: str | None) -> bool:
    return target is not None and holder is not None and target.rpartition(".")[2] in ("request", "send")


def _places(body: TaskBody, reached: Reached) -> Iterator[Code]:
    """The code that may have made the session: around the call, on the way there, where its name is from."""
    for function in (reached.function, *(function for _, function in reached.way)):
        yield function.code
        if function.cls is not None:
            lineage = body.project.lineage(function.cls)
            yield from (method.code for cls in lineage for method in cls.methods.values())
        for module in _modules(body, function.module, reached.original.text.partition(".")[0]):
            yield module.code
            yield from (each.code for each in module.functions.values() if each.cls is None)


def _modules(body: TaskBody, module: Module, name: str) -> Iterable[Module]:
    """A function's module, and the one that a name in it is imported from."""
    yield module
    value = module.names.get(name)
    source = body.project.split(value.chain)[0] if value is not None and value.chain else None
    if source is not None and source is not module:
        yield source


__all__ = ["no_network_timeout"]
