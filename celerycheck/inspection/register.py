"""Registers every task as a worker would, one module at a time, and recovers from what raises.

`app.loader.import_default_modules()` stops at the first broken module, and `app.finalize()` leaves a
partial registry behind when a task definition raises; both are therefore taken in steps.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Iterator, List, Optional, Tuple

from celerycheck.errors import LoadError
from celerycheck.inspection.failures import cause_of, import_failure, place_of
from celerycheck.inspection.functions import written_code
from celerycheck.inspection.places import Places
from celerycheck.inspection.plain import attribute, guarded
from celerycheck.inspection.watch import Definition, Watch
from celerycheck.subjects import BrokenModule, BrokenTask

Swallowed = Tuple[str, BaseException]
"""A signal's receiver by name, and what it raised."""


@dataclass
class Registration:
    """What went wrong on the way. `incomplete` tells whether tasks may be missing for it."""

    modules: List[BrokenModule] = field(default_factory=list)
    tasks: List[BrokenTask] = field(default_factory=list)
    incomplete: bool = False


def register(app: Any, watch: Watch, places: Places, swallowed: List[Swallowed]) -> Registration:
    """Import the modules with tasks, then finalize. Raises LoadError where not even the settings load.

    `swallowed` is what `signal_errors()` collects, since before the app was imported.
    """
    done = Registration()
    run_receivers(app, done, places)
    load_settings(app, places)
    import_modules(app, done, places)
    finalize(app, done, watch, places)
    done.modules += [
        BrokenModule(name, cause_of(error), place_of(error, places), "a signal") for name, error in swallowed
    ]
    done.modules[:0] = [broken_lookup(lookup, places) for lookup in watch.lookups if lookup.error]
    done.modules = list({broken.module: broken for broken in reversed(done.modules)}.values())[::-1]
    done.incomplete = done.incomplete or bool(done.modules)
    return done


def run_receivers(app: Any, done: Registration, places: Places) -> None:
    """Call each receiver of `import_modules`: one per `autodiscover_tasks`, and Django's fixup first."""
    from celery import signals

    for receiver in list(signals.import_modules._live_receivers(app)):
        try:
            receiver(signal=signals.import_modules, sender=app)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # user code raises what it likes
            name = receiver_name(receiver)
            if "celery.fixups.django" in name:
                raise import_failure("the Django project (django.setup)", error, places) from None
            done.modules.append(
                BrokenModule(name, cause_of(error), place_of(error, places), "autodiscover_tasks")
            )


def receiver_name(receiver: Any) -> str:
    inner = getattr(receiver, "fun", receiver)
    return f"{getattr(inner, '__module__', '')}.{getattr(inner, '__qualname__', type(inner).__name__)}"


def load_settings(app: Any, places: Places) -> None:
    """Make Celery read its configuration. Raises LoadError with the cause's own place."""
    try:
        if not app.configured:
            # A KeyError of the configuration's own would be lost in `app.conf[...]`.
            app._finalize_pending_conf()
        app.conf["broker_url"]
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code raises what it likes
        raise settings_failure(app, error, places) from None


def settings_failure(app: Any, error: BaseException, places: Places) -> LoadError:
    source = getattr(app, "_config_source", None)
    name = f"the configuration {source}" if isinstance(source, str) else "the configuration"
    failure = import_failure(name, error, places)
    failure.message = failure.message.replace("importing ", "reading ", 1)
    if "mix" in str(error).lower() and type(error).__name__ == "ImproperlyConfigured":
        failure.hint = (
            "Old and new setting names do not mix: rename them all to lower case, as Celery says above."
        )
    return failure


def autodiscovered(app: Any, watch: Watch) -> Tuple[str, ...]:
    """The modules that this app's autodiscovery looked for, whether they are there or not, sorted.

    For a package that cannot be imported Celery looks in its parent, as for `orders.apps.OrdersConfig`.
    """
    found = set()
    for lookup in watch.lookups:
        if lookup.app in (None, id(app)):
            package = lookup.package if lookup.package in sys.modules else lookup.package.rpartition(".")[0]
            found.add(f"{package or lookup.package}.{lookup.related_name}".rstrip("."))
    return tuple(sorted(found))


def included(app: Any) -> Tuple[str, ...]:
    """The modules that the `imports` and `include` settings name, in the order they are imported."""
    modules = guarded(lambda: list(app.loader.default_modules), [])
    assert isinstance(modules, list)
    return tuple(dict.fromkeys(module for module in modules if isinstance(module, str)))


def import_modules(app: Any, done: Registration, places: Places) -> None:
    """Import each of the `imports` and `include` settings' modules on its own."""
    try:
        modules = list(app.loader.default_modules)
    except Exception as error:  # noqa: BLE001  # `imports` may hold anything
        done.modules.append(BrokenModule("imports", cause_of(error), place_of(error, places), "imports"))
        return
    included = app.conf.include or ()
    for module in dict.fromkeys(modules):
        try:
            app.loader.import_task_module(module)
        except (Exception, SystemExit) as error:  # noqa: BLE001  # user code raises what it likes
            listed = "include" if module == included or module in tuple(included) else "imports"
            done.modules.append(BrokenModule(str(module), cause_of(error), place_of(error, places), listed))


def broken_lookup(lookup: Any, places: Places) -> BrokenModule:
    name = f"{lookup.package}.{lookup.related_name}" if lookup.related_name else lookup.package
    error = lookup.error
    missing = isinstance(error, ModuleNotFoundError) and error.name == lookup.package.partition(".")[0]
    where = place_of(error, places) or (places.location(*lookup.place) if lookup.place else None)
    return BrokenModule(lookup.package if missing else name, cause_of(error), where, "autodiscover_tasks")


def finalize(app: Any, done: Registration, watch: Watch, places: Places) -> None:
    """Finalize the app; where a task definition raises, evaluate the others one by one."""
    seen = watch.definitions.setdefault(id(app), [])
    try:
        app.finalize()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code raises what it likes
        recover(app, done)
        if not any(definition.error for definition in seen):
            done.modules.append(BrokenModule("app.finalize()", cause_of(error), place_of(error, places)))
    done.tasks += [broken_task(definition, places) for definition in failed(seen)]


def failed(definitions: List[Definition]) -> Iterator[Definition]:
    """The definitions that raised, each name once."""
    seen = set()
    for definition in definitions:
        if definition.error is not None and definition.name not in seen:
            seen.add(definition.name)
            yield definition


def recover(app: Any, done: Registration) -> None:
    """Do what is left of a finalize that raised: shared tasks, pending ones, and binding them all."""
    from celery import _state
    from celery.local import maybe_evaluate

    for finalizer in set(_state._on_app_finalizers):
        attempt(lambda f=finalizer: f(app))
    while app._pending:
        proxy = app._pending.popleft()
        attempt(lambda p=proxy: maybe_evaluate(p))
    for name, task in list(app._tasks.items()):
        if attempt(lambda t=task: t.bind(app)) is not None:
            done.incomplete = True
            app._tasks.pop(name, None)
    attempt(lambda: app.on_after_finalize.send(sender=app))


def attempt(step: Any) -> Optional[BaseException]:
    """Run one step of the recovery; what it raised has been seen by the watch, or is returned."""
    try:
        step()
    except (Exception, SystemExit) as error:  # noqa: BLE001  # user code raises what it likes
        return error
    return None


def broken_task(definition: Definition, places: Places) -> BrokenTask:
    code = written_code(definition.function)
    where = places.location(code.co_filename, code.co_firstlineno) if code else None
    name = definition.name or str(
        attribute(definition.function, "__name__") or type(definition.function).__name__
    )
    options = tuple(sorted(definition.options))
    error = definition.error
    assert error is not None
    return BrokenTask(name, cause_of(error), options, where or place_of(error, places))


class _Collect(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.errors: List[Swallowed] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            receiver = record.args[0] if isinstance(record.args, tuple) and record.args else None
            self.errors.append((receiver_name(receiver), record.exc_info[1]))


@contextmanager
def signal_errors() -> Iterator[List[Swallowed]]:
    """What receivers of Celery's signals raise: `Signal.send` logs it and goes on, a worker likewise."""
    logger = logging.getLogger("celery.utils.dispatch.signal")
    collect, propagate = _Collect(), logger.propagate
    logger.addHandler(collect)
    logger.propagate = False
    try:
        yield collect.errors
    finally:
        logger.removeHandler(collect)
        logger.propagate = propagate
