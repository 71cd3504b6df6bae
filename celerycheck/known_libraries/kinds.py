"""The kinds of things that calls do, and that checks ask about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

Kind = Literal[
    "network",
    "post",
    "send",
    "write",
    "doubling",
    "doubling_if_new",
    "repeatable",
    "pending",
    "commit",
    "sql",
    "atomic",
    "after_commit",
    "lock",
    "sleep",
    "exit",
    "debugger",
    "process",
    "logs",
    "logs_with_exc_info",
    "error_tracker",
    "nothing",
    "model_class",
    "model_instance",
    "queryset",
    "session",
    "file",
]

KINDS: tuple[Kind, ...] = get_args(Kind)

DESCRIPTIONS: Mapping[Kind, str] = {
    "network": "Waits for another machine. The broker, the result backend and caches are left out.",
    "post": "Asks another system for something that happens again with each call, such as an HTTP POST.",
    "send": "Reaches people or moves money, which nobody can take back: mail, messages, payments.",
    "write": "Writes to a database.",
    "doubling": "Adds something with each call, so that running it twice doubles it.",
    "doubling_if_new": "Stores the object it is called on or given: adds a row where that object is new.",
    "repeatable": "Leaves the same behind when it runs twice.",
    "pending": "Writes to a session: nothing is final before its commit.",
    "commit": "Makes final what was written before.",
    "sql": "Runs SQL: what it does stands in its arguments.",
    "atomic": "Opens a transaction, as a `with` block or a decorator.",
    "after_commit": "Calls what it is given once the transaction is committed.",
    "lock": "Lets only one at a time go on: a lock, or the rows locked by a query.",
    "sleep": "Blocks the worker for a time.",
    "exit": "Ends the process.",
    "debugger": "Stops for a person at a debugger.",
    "process": "Starts a child with multiprocessing, which a daemonic worker process may not.",
    "logs": "Writes the traceback of the exception being handled to a log.",
    "logs_with_exc_info": "Writes to a log, with the traceback where `exc_info` is given.",
    "error_tracker": "Tells an error tracker.",
    "nothing": "Does none of the other things, whatever else is said of it here.",
    "model_class": "Gives a model class (Django or SQLAlchemy).",
    "model_instance": "Gives an instance of a model.",
    "queryset": "Gives a Django queryset.",
    "session": "Gives a SQLAlchemy session.",
    "file": "Gives an open file.",
}
"""What a call of each kind does, in one sentence."""

GIVING: tuple[Kind, ...] = ("model_class", "model_instance", "queryset", "session", "file")
"""The kinds that tell what a call gives, rather than what it does."""
