"""Why a task runs again: which of its calls, when they fail, make it retry."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from celerycheck.checks._exceptions import ancestors
from celerycheck.checks._handlers import lets_through
from celerycheck.checks._retrying import retries_automatically
from celerycheck.checks._sequence import frames
from celerycheck.source.code import Block, Value
from celerycheck.source.evidence import Reached, TaskBody
from celerycheck.subjects import NotEvaluated, TaskInfo

_RETRY = "<task>.retry"
_OUTSIDE = frozenset({"network", "send", "post"})
_BROAD = frozenset({"Exception", "BaseException", "builtins.Exception", "builtins.BaseException"})
_NEVER_RETRIED = ("celery.exceptions.",)
_MAIL = ("django.core.mail", "flask_mail", "smtplib", "anymail", "post_office", "templated_email")
_ERRORS = {
    "requests": ("requests.exceptions.RequestException",),
    "httpx": ("httpx.HTTPError",),
    "urllib": ("urllib.error.URLError", "TimeoutError"),
    "socket": ("OSError",),
    "boto3": ("botocore.exceptions.BotoCoreError", "botocore.exceptions.ClientError"),
}
"""Package -> what its calls raise when the other side does not answer."""


def retries(task: TaskInfo) -> bool:
    """Whether it is retried automatically at least once; False where nobody can tell."""
    try:
        return retries_automatically(task)
    except NotEvaluated:
        return False


def failures(body: TaskBody, depth: int) -> list[Reached]:
    """The calls over the network, and the exceptions raised, that make the task run again when they fail."""
    calls = list(body.reached(depth))
    found: dict[int, Reached] = {}
    if retries(body.task):
        for each in calls:
            if _fails(body, each, body.task.autoretry_for) and not _kept(body, each):
                found[id(each)] = each
    for each in calls:
        if each.call.chain == _RETRY:
            for cause in _causes(body, each, calls):
                found[id(cause)] = cause
    return list(found.values())


def _causes(body: TaskBody, retry: Reached, calls: Iterable[Reached]) -> Iterator[Reached]:
    """The calls whose failure leads to a `retry`: those of its `try`, else the retry itself."""
    handler = retry.inside("handler")
    if handler is None:
        yield retry
        return
    for each in calls:
        around = next((b for b in each.blocks if b.kind == "try" and b.group is handler.group), None)
        if around is not None and _fails(body, each, _names(handler)) and not _kept(body, each, around):
            yield each


def _names(handler: Block) -> tuple[str, ...]:
    """The exceptions a handler catches; those that nobody can tell are left out."""
    return tuple(chain for chain in handler.chains if chain) if handler.chains else ("Exception",)


def _fails(body: TaskBody, at: Reached, names: Iterable[str]) -> bool:
    """Whether a call may raise one of these exceptions, going by what it does."""
    chain = at.call.chain or ""
    if at.original.use == "raised":
        return _raises(body, at, names)
    if not body.kinds(at) & _OUTSIDE:
        return False
    return any(name in _BROAD or _is_of(body, name, chain) for name in names)


def _raises(body: TaskBody, at: Reached, names: Iterable[str]) -> bool:
    chain = at.call.chain
    if chain is None or chain.startswith(_NEVER_RETRIED) or chain == _RETRY:
        return False
    # What a handler raises is the failure of what it handles.
    if at.inside("handler") is not None:
        return False
    known = ancestors(chain, body.project)
    return any(name in _BROAD or name.removeprefix("builtins.") in known for name in names)


def _is_of(body: TaskBody, name: str, chain: str) -> bool:
    """Whether an exception of that name may come from a call of that chain."""
    package = chain.partition(".")[0]
    if name.partition(".")[0] == package:
        return True
    errors = _ERRORS.get(package, ("botocore",) if package == "boto3" else ())
    if chain.startswith(_MAIL):
        errors = ("smtplib.SMTPException", "ConnectionError", "TimeoutError", "socket.gaierror")
    if not errors:
        return False
    bases = ancestors(name, body.project)
    own = name.removeprefix("builtins.")
    return any(error in (own, *bases) or own in ancestors(error, body.project) for error in errors)


def _kept(body: TaskBody, at: Reached, until: Block | None = None) -> bool:
    """Whether a handler around a call, inside of `until`, keeps what it raises from going further."""
    for block in reversed(at.blocks):
        if block is until:
            return False
        if block.kind != "try":
            continue
        for handler in block.handlers:
            if _fails(body, at, _names(handler)):
                if lets_through(handler, body) == "never":
                    return True
                break
    return False


def never_raises(body: TaskBody, at: Reached) -> bool:
    """Whether a handler around a call over the network keeps whatever it raises."""
    return _kept(body, at)


def asks_outcome(at: Reached, effect: Reached) -> bool:
    """Whether a call is made, or not, going by what `effect` gave back: its failure is the effect's own."""
    chain = effect.original.chain
    if chain is None:
        return False
    calls = [call for call, _ in frames(at)]
    values = [b.test for call in calls for b in call.blocks if b.kind in ("if", "else", "while")]
    # A helper may be handed what came back, and raise for it.
    values += [value for call in calls[:-1] for value in call.args]
    return any(_mentions(value, f"{chain}()") for value in values)


def _mentions(value: Value, chain: str) -> bool:
    if value.chain is not None and value.chain.startswith(chain):
        return True
    if value.call is not None and any(_mentions(argument, chain) for argument in value.call.args):
        return True
    return any(_mentions(item, chain) for item in value.items)


__all__ = ["asks_outcome", "failures", "never_raises", "retries"]
