"""The Django side of a project: its settings and models, without a look at its databases."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Optional, Tuple

from celerycheck.inspection.models import django_models
from celerycheck.inspection.plain import dotted, guarded
from celerycheck.inspection.settings import SettingsReader
from celerycheck.subjects import DjangoApp, DjangoInfo


def django_info(app: Any, reader: SettingsReader) -> Optional[DjangoInfo]:
    """The Django side, where there is one: settings announced, or the fixup installed."""
    fixups = [fixup for fixup in getattr(app, "_fixups", ()) if fixup is not None]
    installed = any("django" in dotted(type(fixup)) for fixup in fixups)
    module = os.environ.get("DJANGO_SETTINGS_MODULE")
    uses = (
        installed
        or str(reader.source.text or "").startswith("django.conf")
        or (module is not None and "django" in sys.modules)
    )
    if not uses:
        return None
    import django
    from django.conf import settings

    return DjangoInfo(
        version=django.get_version(),
        settings_module=module,
        fixup=installed,
        installed_apps=names(lambda: tuple(str(name) for name in settings.INSTALLED_APPS)),
        models=django_models(),
        user_model=user_model(settings),
        atomic_requests=names(lambda: atomic(settings.DATABASES)),
        email_backend=next(iter(names(lambda: (str(settings.EMAIL_BACKEND),))), None),
        apps=installed_apps(settings),
        shared_cache=guarded(lambda: shared(str(settings.CACHES["default"]["BACKEND"]))) is True,
    )


def installed_apps(settings: Any) -> Tuple[DjangoApp, ...]:
    """The installed apps as Django's registry has them; none where it cannot be read."""
    registry: Any = getattr(sys.modules.get("django.apps"), "apps", None)
    apps = guarded(lambda: tuple(django_app(config, settings) for config in registry.get_app_configs()), ())
    assert isinstance(apps, tuple)
    return apps


def django_app(config: Any, settings: Any) -> DjangoApp:
    models = guarded(lambda: tuple(model.__name__ for model in config.get_models()), ())
    moved = settings.MIGRATION_MODULES
    module = moved.get(config.label, f"{config.name}.migrations")
    return DjangoApp(
        name=str(config.name),
        label=str(config.label),
        auto_field=str(config.default_auto_field),
        migrations=str(module) if module is not None else None,
        models=models if isinstance(models, tuple) else (),
    )


SHARED_CACHES = ("memcached.", "redis.", "db.DatabaseCache", "filebased.")
"""Those of `django.core.cache.backends` that keep values outside the process."""


def shared(backend: str) -> bool:
    """Whether a cache backend, named by its class, is one that several processes share."""
    own = backend.removeprefix("django.core.cache.backends.")
    if own != backend:
        return own.startswith(SHARED_CACHES)
    return "redis" in backend.lower() or "memcache" in backend.lower()


def names(read: Callable[[], Tuple[str, ...]]) -> Tuple[str, ...]:
    """What `read` returns; nothing where the settings cannot be read."""
    found = guarded(read, ())
    assert isinstance(found, tuple)
    return found


def user_model(settings: Any) -> Optional[str]:
    """The dotted name of the model that AUTH_USER_MODEL names; None where no such model is installed."""
    registry: Any = getattr(sys.modules.get("django.apps"), "apps", None)
    model = guarded(lambda: registry.get_model(settings.AUTH_USER_MODEL, require_ready=False))
    return dotted(model) if model is not None else None


def atomic(databases: Dict[str, Dict[str, Any]]) -> Tuple[str, ...]:
    """The aliases of the databases that wrap each request in a transaction."""
    return tuple(str(alias) for alias, options in databases.items() if options.get("ATOMIC_REQUESTS"))
