"""Values that JSON does not carry, by where they come from, in words for messages.

Tried with the JSON of Kombu 5.7, which does carry bytes, dates and times, decimals, UUIDs and named tuples.
"""

from __future__ import annotations

import builtins
from collections.abc import Mapping

from celerycheck.known_libraries.calls import DRIVERS, HTTPX, REQUESTS, Row
from celerycheck.known_libraries.kinds import Kind
from celerycheck.known_libraries.models import Role

ROLES: Mapping[Role, str] = {
    "new": "a model instance",
    "fetched": "a model instance",
    "instances": "model instances",
    "queryset": "a queryset",
    "values": "a queryset",
    "query": "a query",
    "session": "a database session",
}

GIVEN: Mapping[Kind, str] = {
    "model_instance": "a model instance",
    "queryset": "a queryset",
    "session": "a database session",
    "file": "an open file",
}

_EXCEPTIONS = [
    f"{name}()"
    for name, value in vars(builtins).items()
    if isinstance(value, type) and issubclass(value, BaseException)
]

VALUES: Mapping[str, tuple[Row, ...]] = {
    "a set": (("builtins", "set() frozenset()"),),
    "an iterator": (("builtins", "map() filter() zip() iter() enumerate() reversed()"),),
    "a range": (("builtins", "range()"),),
    "an exception": (("builtins", " ".join(_EXCEPTIONS)),),
    "a plain object": (("builtins", "object()"), ("types", "SimpleNamespace()")),
    "a deque": (("collections", "deque()"),),
    "a path": (("pathlib", "Path() PurePath()"),),
    "a timedelta": (("datetime", "timedelta()"),),
    "a time zone": (("zoneinfo", "ZoneInfo()"),),
    "a regular expression": (("re", "compile()"),),
    "a match of a regular expression": (("re", "match() search() fullmatch()"),),
    "a lock": (("threading", "Lock() RLock() Semaphore()"),),
    "a thread": (("threading", "Thread()"),),
    "a logger": (("logging structlog", "getLogger()"), ("celery.utils.log", "get_task_logger()")),
    "a socket": (("socket", "socket() create_connection()"),),
    "a database connection": ((" ".join(DRIVERS.replace(".connect()", "").split()), "connect()"),),
    "model instances": (("django.shortcuts", "get_list_or_404() aget_list_or_404()"),),
    "an HTTP request": (
        ("flask", "request"),
        ("django.http django.http.request", "HttpRequest()"),
        ("django.core.handlers.wsgi", "WSGIRequest()"),
        ("rest_framework.request starlette.requests fastapi", "Request()"),
    ),
    "an uploaded file": (
        ("?request ?self.request", "FILES[] FILES.get()"),
        ("flask.request", "files[] files.get()"),
        ("django.core.files.uploadedfile", "UploadedFile() InMemoryUploadedFile() TemporaryUploadedFile()"),
    ),
    "an HTTP response": ((f"{REQUESTS} {HTTPX}", "get() post() put() patch() delete() head() request()"),),
    "a DataFrame": (("pandas", "DataFrame() read_csv() read_excel() read_sql() read_json() read_parquet()"),),
    "an array": (("numpy", "array() zeros() ones() arange() asarray()"),),
}
"""Words -> where such values come from."""
