"""Tasks that talk to the network, and whether anything retries what fails there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from celerycheck.checks._exceptions import ancestors, named
from celerycheck.checks._handlers import is_broad, lets_through
from celerycheck.checks._handling import answer_of, as_written, is_main_work, loop_around
from celerycheck.checks._retrying import may_call_retry
from celerycheck.findings import Severity
from celerycheck.registry import Problem, check
from celerycheck.source.code import Block, Call, written
from celerycheck.source.evidence import Reached, TaskBody

RETRY_THEMSELVES = (
    "anthropic.",
    "azure.",
    "boto3.",
    "botocore.",
    "elasticsearch.",
    "github.",
    "google.",
    "litellm.",
    "openai.",
    "opensearchpy.",
    "slack_sdk.",
    "stripe.",
)
"""Clients that try again by themselves, as they come: a few times, within seconds."""

_RETRIES = re.compile(r"retr(?:y|ies|ied|ying|iable)|backoff|tenacity|stamina|resilien", re.IGNORECASE)
_MOUNTS = ("requests.Session().mount", "requests.session().mount", "requests.sessions.Session().mount")
_LOOKS_UP = frozenset({"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"})
_MAIL = "django.core.mail."
_SENDS_MAIL = (
    "django.core.mail.backends.smtp.",
    "anymail.",
    "django_ses.",
    "sendgrid_backend.",
    "sgbackend.",
)
"""Backends of Django's mail that talk to another machine at once."""
_QUEUES_MAIL = (
    "post_office.",
    "djcelery_email.",
    "mailer.",
    "django_yubin.",
    "django_mailbox.",
    "mailqueue.",
)
"""Backends that merely store the mail; what sends it tries again."""
_NEVER_FAILS = frozenset({"socket.getfqdn"})
_UNRELATED = re.compile(
    r"(?:DoesNotExist|NotFound|IntegrityError|ValidationError|JSONDecodeError|SoftTimeLimitExceeded)$"
)

_ANSWERED = re.compile(r"^requests\.(?:exceptions\.)?HTTPError$|^urllib\.error\.HTTPError$|HTTPStatusError$")
"""Exceptions of answers that came, though bad ones."""

_ERRORS: Mapping[str, str] = {
    "requests": "requests.ConnectionError, requests.Timeout",
    "httpx": "httpx.TransportError,",
    "aiohttp": "aiohttp.ClientError,",
    "urllib": "urllib.error.URLError,",
    "urllib3": "urllib3.exceptions.HTTPError,",
    "boto3": "botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError",
    "stripe": "stripe.APIConnectionError,",
}
"""What clients raise where the network fails, as in a tuple; nearly all others raise OSError."""


@check
def no_retry_policy(body: TaskBody, *, depth: int = 4) -> Iterator[Problem]:
    """A task talks to the network, and nothing retries when that fails.

    Why: networks fail for moments every day; without a retry each such moment is a failed task, and work
        that somebody has to find and start again by hand.
    Fix: `autoretry_for=(ConnectionError, TimeoutError), retry_backoff=True` with the exceptions of the
        client in use, where the work may run twice.
    Reference: https://docs.celeryq.dev/en/stable/userguide/tasks.html#automatic-retry-for-known-exceptions
    """
    if _has_policy(body):
        return
    calls = [found for found in body.reached(depth) if _fails(body, found) and not _handled(body, found)]
    if not calls or any(_retried(body, found) for found in body.reached()):
        return
    first = min(calls, key=lambda found: _milder(body, found.call))
    text = first.original.text
    kept = _kept_by(body, first)
    yield body.problem(
        f"{text}() may fail for a moment, and nothing retries it"
        + (f": {kept} only logs it" if kept is not None else ""),
        at=first,
        fix=_fix(body, first),
        # Whoever names an errback has thought of failures.
        at_most=Severity.INFO
        if _milder(body, first.call) or _comes_again(body) or _has_errback(body)
        else None,
    )


def _has_policy(body: TaskBody) -> bool:
    """Whether the task, its classes or its decorators retry, or somebody decided that it shall not."""
    task = body.task
    decided = "max_retries" in task.explicit and task.option("max_retries") == 0
    if decided or task.autoretry_for or task.option("autoretry_for") or may_call_retry(task):
        return True
    names = (*task.wrapper_names, *(name for cls in task.classes for name in (*cls.defines, *cls.reads)))
    if any(map(_RETRIES.search, names)):
        return True
    return any(site.name == task.name for site in body.sites)


def _fails(body: TaskBody, found: Reached) -> bool:
    """Whether a call talks to the network, and raises when that fails."""
    call = found.call
    if call.chain is None or "network" not in body.kinds(call) or call.chain in _NEVER_FAILS:
        return False
    if (_backend(body, call) or "").startswith(_QUEUES_MAIL):
        return False
    silent = call.keywords.get("fail_silently")
    return silent is None or (silent.is_constant and not silent.constant)


def _backend(body: TaskBody, call: Call) -> str | None:
    """The class that sends a mail through Django's settings; None for another call, and where unknown."""
    mails = call.chain is not None and (call.chain.startswith(_MAIL) or call.method == "email_user")
    if not mails or "connection" in call.keywords or body.app.django is None:
        return None
    return body.app.django.email_backend


def _milder(body: TaskBody, call: Call) -> bool:
    """Whether a call retries by itself, merely looks up a name, or goes who knows where."""
    backend = _backend(body, call)
    if backend is not None:
        return not backend.startswith(_SENDS_MAIL)
    chain = call.chain or ""
    return chain.startswith(RETRY_THEMSELVES) or chain in _LOOKS_UP


def _comes_again(body: TaskBody) -> bool:
    """Whether it runs again by itself: it is scheduled, or needs no argument, so that runs are alike."""
    parameters = body.task.parameters
    if parameters is not None and all(parameter.has_default for parameter in parameters):
        return True
    return any(entry.task == body.name for entry in body.app.schedule)


def _retried(body: TaskBody, found: Reached) -> bool:
    """Whether a call, or a function it stands in, has to do with retries."""
    call = found.call
    if call.chain is not None and (_RETRIES.search(call.chain) or call.chain in _MOUNTS):
        return True
    if _RETRIES.search(found.original.text) or any(map(_RETRIES.search, call.keywords)):
        return True
    functions = (found.function, *(function for _, function in found.way))
    decorators = (value.chain or "" for function in functions for value in function.decorators)
    return any(map(_RETRIES.search, decorators)) or _on_mounted_session(body, found)


def _on_mounted_session(body: TaskBody, found: Reached) -> bool:
    """Whether the module that holds the session called on gives it an adapter, which may retry."""
    node: ast.expr = found.original.node.func
    while isinstance(node, ast.Attribute):
        node = node.value
    value = found.function.module.names.get(node.id) if isinstance(node, ast.Name) else None
    home = body.project.split(value.chain)[0] if value is not None and value.chain else None
    modules = [found.function.module, *([home] if home is not None else [])]
    return any(call.chain in _MOUNTS for module in modules for call in module.code.calls)


def _handled(body: TaskBody, found: Reached) -> bool:
    """Whether a handler around a call deals with its failure, rather than pass it on."""
    for block in reversed(found.blocks):
        if block.kind == "with" and "contextlib.suppress()" in block.chains:
            return True
        for handler in block.handlers if block.kind == "try" else ():
            if _may_concern(body, handler) and lets_through(handler, body) != "always":
                return not _loses_mail(body, found, block, handler)
    return False


def _loses_mail(body: TaskBody, found: Reached, block: Block, handler: Block) -> bool:
    """Whether a mail, the task's whole work, is lost when it cannot be sent: it is logged and no more."""
    return (
        "send" in body.kinds(found)
        and block in body.code.blocks
        and is_broad(handler)
        and is_main_work(body, block)
        and loop_around(body, block) is None
        and lets_through(handler, body) == "never"
        and answer_of(body, handler) in ("silent", "logs a line", "logs")
    )


def _kept_by(body: TaskBody, found: Reached) -> str | None:
    """The handler, as written, that keeps the failure inside; None where it gets out."""
    for block in reversed(found.blocks):
        for handler in block.handlers if block.kind == "try" else ():
            if is_broad(handler) and lets_through(handler, body) == "never":
                return as_written(handler)
    return None


def _may_concern(body: TaskBody, handler: Block) -> bool:
    """Whether a handler may catch a failure of the network; a project's own exceptions may stand for one."""
    if is_broad(handler) or None in handler.chains:
        return True
    return not all(_is_unrelated(body, chain or "") for chain in handler.chains)


def _is_unrelated(body: TaskBody, chain: str) -> bool:
    if _UNRELATED.search(chain):
        return True
    return chain.startswith("builtins.") and "OSError" not in ancestors(named(chain), body.project)


def _has_errback(body: TaskBody) -> bool:
    return any("link_error" in site.options for site in body.callers)


def _fix(body: TaskBody, found: Reached) -> str:
    """The exceptions to list: what a handler turns the failure into, else those of the client in use."""
    package = (found.call.chain or "").partition(".")[0]
    errors = _turned_into(body, found) or _ERRORS.get(package, "OSError,")
    fix = f"autoretry_for=({errors}), retry_backoff=True, if it may run twice"
    kept = _kept_by(body, found)
    return fix if kept is None else f"{fix}; and let `{kept}` raise it again"


def _is_of_answers(handler: Block) -> bool:
    return bool(handler.chains) and all(_ANSWERED.search(chain or "") for chain in handler.chains)


def _turned_into(body: TaskBody, found: Reached) -> str | None:
    """The exception raised in place of the failure, as in a tuple; None where the failure itself gets out."""
    for block in reversed(found.blocks):
        for handler in block.handlers if block.kind == "try" else ():
            if not _may_concern(body, handler) or _is_of_answers(handler):
                continue
            for node in ast.walk(handler.node):
                if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
                    return f"{written(node.exc.func)},"
    return None
