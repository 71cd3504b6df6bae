"""Values that no JSON serializer carries, by where they come from, in words for messages."""

from __future__ import annotations

from collections.abc import Mapping

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

VALUES: Mapping[str, tuple[str, ...]] = {
    "a set": ("builtins.set()",),
    "a frozenset": ("builtins.frozenset()",),
    "a list of model instances": (
        "django.shortcuts.get_list_or_404()",
        "django.shortcuts.aget_list_or_404()",
    ),
    "an HTTP request": (
        "flask.request",
        "django.http.HttpRequest()",
        "django.http.request.HttpRequest()",
        "django.core.handlers.wsgi.WSGIRequest()",
        "rest_framework.request.Request()",
        "starlette.requests.Request()",
        "fastapi.Request()",
    ),
    "an HTTP response": tuple(
        f"{library}.{verb}()"
        for library in ("requests", "requests.Session()", "requests.session()", "httpx", "httpx.Client()")
        for verb in ("get", "post", "put", "patch", "delete", "head", "request")
    ),
    "an iterator": tuple(
        f"builtins.{name}()" for name in ("map", "filter", "zip", "iter", "enumerate", "reversed")
    ),
    "a lock": tuple(f"threading.{name}()" for name in ("Lock", "RLock", "Semaphore", "Condition", "Event")),
    "a thread": ("threading.Thread()",),
    "a logger": ("logging.getLogger()", "celery.utils.log.get_task_logger()", "structlog.get_logger()"),
    "a compiled regular expression": ("re.compile()",),
    "a DataFrame": tuple(f"pandas.{name}()" for name in ("DataFrame", "read_csv", "read_sql", "read_excel")),
    "an array": ("numpy.array()", "numpy.zeros()", "numpy.ones()", "numpy.arange()"),
    "a database connection": tuple(
        f"{driver}.connect()" for driver in ("sqlite3", "psycopg", "psycopg2", "pymysql", "MySQLdb")
    ),
    "a socket": ("socket.socket()", "socket.create_connection()"),
}
"""Words -> chains of such values."""
