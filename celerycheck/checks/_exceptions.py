"""Exceptions by name: which catch which, and which come from a network."""

from __future__ import annotations

import builtins
from collections.abc import Iterator, Mapping

from celerycheck.source.project import Project

RETRY = "celery.exceptions.Retry"
"""What `Task.retry` raises."""

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

_SHORT = {
    "builtins.IOError": "OSError",
    "builtins.EnvironmentError": "OSError",
    "socket.error": "OSError",
    "socket.timeout": "TimeoutError",
    "select.error": "OSError",
    "asyncio.TimeoutError": "TimeoutError",
    "concurrent.futures.TimeoutError": "TimeoutError",
    "celery.Retry": RETRY,
    "celery.app.task.Retry": RETRY,
    "urllib.request.URLError": "urllib.error.URLError",
    "urllib.request.HTTPError": "urllib.error.HTTPError",
}
"""Names that stand for another one (Python 3.11), as the live class calls itself."""

_FOLDERS = {
    "requests.": "requests.exceptions.",
    "urllib3.": "urllib3.exceptions.",
    "redis.": "redis.exceptions.",
}
"""Packages that hold exceptions of one of their modules at their top."""

_BASES: Mapping[str, str] = {
    "requests.exceptions.RequestException": "OSError",
    "requests.exceptions.ConnectTimeout": "requests.exceptions.ConnectionError requests.exceptions.Timeout",
    "requests.exceptions.ReadTimeout": "requests.exceptions.Timeout",
    "requests.exceptions.ProxyError": "requests.exceptions.ConnectionError",
    "requests.exceptions.SSLError": "requests.exceptions.ConnectionError",
    "requests.exceptions.JSONDecodeError": "requests.exceptions.InvalidJSONError",
    "httpx.HTTPError": "Exception",
    "httpx.RequestError": "httpx.HTTPError",
    "httpx.HTTPStatusError": "httpx.HTTPError",
    "httpx.TransportError": "httpx.RequestError",
    "httpx.DecodingError": "httpx.RequestError",
    "httpx.TooManyRedirects": "httpx.RequestError",
    "httpx.TimeoutException": "httpx.TransportError",
    "httpx.NetworkError": "httpx.TransportError",
    "httpx.ProtocolError": "httpx.TransportError",
    "httpx.ProxyError": "httpx.TransportError",
    "httpx.ConnectTimeout": "httpx.TimeoutException",
    "httpx.ReadTimeout": "httpx.TimeoutException",
    "httpx.WriteTimeout": "httpx.TimeoutException",
    "httpx.PoolTimeout": "httpx.TimeoutException",
    "httpx.ConnectError": "httpx.NetworkError",
    "httpx.ReadError": "httpx.NetworkError",
    "httpx.WriteError": "httpx.NetworkError",
    "httpx.CloseError": "httpx.NetworkError",
    "httpx.RemoteProtocolError": "httpx.ProtocolError",
    "urllib.error.URLError": "OSError",
    "urllib.error.HTTPError": "urllib.error.URLError",
    "smtplib.SMTPException": "OSError",
    "smtplib.SMTPServerDisconnected": "smtplib.SMTPException",
    "smtplib.SMTPResponseException": "smtplib.SMTPException",
    "smtplib.SMTPConnectError": "smtplib.SMTPResponseException",
    "smtplib.SMTPDataError": "smtplib.SMTPResponseException",
    "smtplib.SMTPAuthenticationError": "smtplib.SMTPResponseException",
    "smtplib.SMTPRecipientsRefused": "smtplib.SMTPException",
    "socket.gaierror": "OSError",
    "ssl.SSLError": "OSError",
    RETRY: "celery.exceptions.TaskPredicate",
    "celery.exceptions.TaskPredicate": "celery.exceptions.CeleryError",
    "celery.exceptions.CeleryError": "Exception",
}
"""What exceptions inherit from, where it is no class of Python's own or of the project."""

_REQUESTS = "requests.exceptions."


def named(chain: str) -> str:
    """An exception's name as the picture gives it (`OSError`, `requests.exceptions.Timeout`)."""
    chain = _SHORT.get(chain, chain)
    for short, folder in _FOLDERS.items():
        if chain.startswith(short) and chain.count(".") == 1:
            return folder + chain.removeprefix(short)
    return chain.removeprefix("builtins.")


def ancestors(exception: str, project: Project) -> frozenset[str]:
    """Names of an exception and of all its bases, as far as they are known."""
    found: set[str] = set()
    waiting = [named(exception)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _bases(name, project)
    return frozenset(found)


def _bases(name: str, project: Project) -> Iterator[str]:
    known = getattr(builtins, name, None)
    if isinstance(known, type):
        yield from (base.__name__ for base in known.__bases__)
    elif name in _BASES:
        yield from _BASES[name].split()
    elif name.startswith(_REQUESTS):
        yield f"{_REQUESTS}RequestException"
    elif (cls := project.cls(name)) is not None:
        yield from (named(base) for base in cls.bases if base is not None)


def catches_it(handled: str | None, exception: str, project: Project) -> bool:
    """Whether `except handled` surely catches every such exception; both as chains or names."""
    return handled is not None and named(handled) in ancestors(exception, project)


def from_network(exception: str) -> bool:
    """Whether an exception is one that talking to another machine raises."""
    name = named(exception)
    return name in NETWORK_ERRORS or name.startswith(NETWORK_MODULES)


def is_from_network(exception: str, project: Project) -> bool:
    """The same, classes of the project that inherit from such exceptions included."""
    # Python's own OSError has many children that are of files.
    others = ancestors(exception, project) - {"OSError"}
    return from_network(exception) or any(map(from_network, others))
