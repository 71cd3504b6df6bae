"""The Django side of a project: its settings and models, without a look at its databases."""

from __future__ import annotations

import os
import sys
from typing import Any, Callable, Dict, Optional, Tuple

from celerycheck.inspection.models import django_models
from celerycheck.inspection.plain import dotted, guarded
from celerycheck.inspection.settings import SettingsReader
from celerycheck.subjects import DjangoInfo


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
    )


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
