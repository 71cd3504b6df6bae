"""Celery's settings as they take effect, and who set each."""

from __future__ import annotations

import os
from functools import partial
from types import ModuleType
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

from celerycheck.inspection.places import Places
from celerycheck.inspection.plain import guarded, plain
from celerycheck.inspection.sources import ConfigurationSource
from celerycheck.inspection.watch import Watch
from celerycheck.subjects import Location, Opaque, Plain, Setting, Settings
from celerycheck.undeclared_settings import UNDECLARED

ENVIRONMENT = {
    "broker_url": "CELERY_BROKER_URL",
    "broker_read_url": "CELERY_BROKER_READ_URL",
    "broker_write_url": "CELERY_BROKER_WRITE_URL",
    "result_backend": "CELERY_RESULT_BACKEND",
}
BY_ATTRIBUTE = frozenset({*ENVIRONMENT, "timezone", "task_default_exchange", "task_default_routing_key"})
"""Properties of `celery.app.utils.Settings`: item access leaves the environment and fallbacks out."""

# `deprecated_settings` is Celery's own bookkeeping, `CELERY_DB_REUSE_MAX` is read by its Django fixup.
NO_SETTINGS = frozenset({"deprecated_settings", "CELERY_DB_REUSE_MAX"})

OLD_PREFIXES = ("CELERY_", "CELERYD_", "CELERYBEAT_", "CELERYMON_", "BROKER_")
WITHHELD = Opaque("withheld")


class SettingsReader:
    """Reads the settings of one app; `files` are the absolute names of the files they were set in."""

    def __init__(self, app: Any, watch: Watch, places: Places) -> None:
        from celery import VERSION
        from celery.app import defaults

        self.version = (VERSION.major, VERSION.minor)
        self.app = app
        self.conf = app.conf
        self.watch = watch
        self.set_in_code = watch.settings.get(id(app), {})
        self.given_first: Mapping[str, Any] = getattr(app, "_preconf", None) or {}
        self.places = places
        self.source = ConfigurationSource(app, places, watch.sources.get(id(app)))
        self.known = frozenset(defaults.SETTING_KEYS)
        self.old = frozenset(defaults._OLD_SETTING_KEYS) - self.known
        self.new_name: Mapping[str, str] = dict(defaults._TO_NEW_KEY)
        self.old_name: Mapping[str, str] = dict(defaults._TO_OLD_KEY)
        self.prefix = str(getattr(self.conf, "prefix", None) or "")
        self.maps: List[Any] = list(self.conf.maps)
        self.files = self._files()
        self._read: Dict[str, Setting] = {}

    def read(self) -> Settings:
        """Every known setting, the unknown keys, and the old names."""
        names = sorted(self.known | {self.new_name.get(old, old) for old in self.old})
        values = {name: self.read_one(name) for name in names if name.islower()}
        unknown, old_style = self._strays()
        return Settings(
            values,
            unknown=tuple(unknown),
            old_style=tuple(old_style),
            namespace=self.prefix.rstrip("_") or None,
            source=self.source.text,
        )

    def read_one(self, name: str) -> Setting:
        """One known setting; read once."""
        if name not in self._read:
            self._read[name] = self._setting(name)
        return self._read[name]

    def _setting(self, name: str) -> Setting:
        origin, key = self._origin(name)
        if name in BY_ATTRIBUTE:
            value = guarded(lambda: getattr(self.conf, name))
            variable = ENVIRONMENT.get(name)
            if variable and os.environ.get(variable) and value == os.environ[variable]:
                return Setting(name, plain(value, name), "environment", variable)
        else:
            value = guarded(lambda: self.conf[name])
        if name == "beat_schedule" and isinstance(value, Mapping):
            value = dict.fromkeys(map(str, value))  # arguments of tasks are user data
        location = self.source.home if origin == "default" else self._location(name, key, origin)
        return Setting(name, plain(value, name), origin, key, location)

    def _origin(self, name: str) -> Tuple[str, str]:
        """Who set it, and the key it was set by."""
        keys = dict.fromkeys([*self.conf._to_keys(name), *(spell(name) for spell in self.conf._keys or ())])
        pairs = [(index, key) for index in range(len(self.maps)) for key in keys]
        if self.version < (5, 7):
            # One spelling in every map comes before the next: a namespaced setting hides a change in code.
            pairs.sort(key=lambda pair: list(keys).index(pair[1]))
        for index, key in pairs:
            if holds(self.maps[index], key):
                if index == len(self.maps) - 1:
                    break
                return ("source", key) if index else ("code", name if self._translated(key) else key)
        return "default", name

    def _translated(self, key: str) -> bool:
        """Whether Celery wrote an old name for a new one: for `Celery(broker=...)` beside old names."""
        return (
            self.new_name.get(key, key) in self.given_first
            and key not in self.given_first
            and key not in self.set_in_code
        )

    def _location(self, name: str, key: str, origin: str) -> Optional[Location]:
        if origin == "code":
            for spelled in (key, name, self.old_name.get(name, name)):
                if spelled in self.set_in_code:
                    return self.places.location(*self.set_in_code[spelled])
        return self.source.line_of(key)

    def _strays(self) -> Tuple[List[Setting], List[Setting]]:
        unknown: List[Setting] = []
        old_style: List[Setting] = []
        seen = set()
        for index, mapping in enumerate(self.maps[:-1]):
            origin = "source" if index else "code"
            for key in keys_of(mapping):
                if key in seen or key in NO_SETTINGS:
                    continue
                seen.add(key)
                kind, name = self._classify(key, mapping, origin)
                if kind == "unknown" and not self._given_otherwise(key):
                    unknown.append(Setting(name, WITHHELD, origin, key, self._location(key, key, origin)))
                elif kind == "old" and not (origin == "code" and self._translated(key)):
                    value = plain(guarded(partial(mapping.__getitem__, key)), name)
                    old_style.append(Setting(name, value, origin, key, self._location(name, key, origin)))
        return unknown, old_style

    def _given_otherwise(self, key: str) -> bool:
        """Whether it is a constant of the project's whose value comes in by another way.

        `Celery(broker=config["CELERY_BROKER_URL"])`, then `conf.update(config)`.
        """
        name = key.lower().removeprefix("celery_")
        return key.isupper() and name in self.known and self.read_one(name).origin != "default"

    def _classify(self, key: str, mapping: Any, origin: str) -> Tuple[str, str]:
        """`known`, `old`, `unknown` or `foreign` (no setting of Celery's), and the modern name."""
        if self.prefix and key.startswith(self.prefix):
            rest = key[len(self.prefix) :].lower()
            if rest in self.known or rest in UNDECLARED:
                return "known", rest
            if key not in self.old:
                return "unknown", rest
        if key in self.known or key in UNDECLARED:
            return "known", key
        if key in self.old:
            return "old", self.new_name.get(key, key.lower())
        if origin == "code":
            return ("unknown" if key.islower() or key.startswith(OLD_PREFIXES) else "foreign"), key.lower()
        return self._classify_source(key, mapping), key.lower().removeprefix("celery_")

    def _classify_source(self, key: str, mapping: Any) -> str:
        """A key of a module, class or dict that carries no prefix: Celery's only if it looks like it."""
        if key.startswith("_") or self.prefix:
            return "foreign"
        if key.startswith(OLD_PREFIXES):
            own = any(name in self.known for name in keys_of(mapping))
            return "foreign" if own and key in self.source.imported else "unknown"
        if not key.islower() or key.partition("_")[0] not in sections(self.known) or "_" not in key:
            return "foreign"
        value = guarded(lambda: mapping[key])
        return "foreign" if callable(value) or isinstance(value, (ModuleType, type)) else "unknown"

    def _files(self) -> List[str]:
        """The files settings were set in: the configuration source first, then what set them in code."""
        found = list(self.source.files)
        found += [place[0] for place in self.set_in_code.values()]
        construction = self.watch.constructions.get(id(self.app))
        if construction is not None and construction.place is not None:
            found.append(construction.place[0])
        return [name for name in dict.fromkeys(found) if self.places.own(name)]


def sections(known: frozenset[str]) -> frozenset[str]:
    return frozenset(name.partition("_")[0] for name in known if "_" in name)


def holds(mapping: Any, key: str) -> bool:
    try:
        mapping[key]
    except Exception:  # noqa: BLE001  # lazy settings objects raise more than KeyError
        return False
    return True


def keys_of(mapping: Any) -> Iterator[str]:
    """The string keys of a configuration map; none where it cannot list them."""
    keys = guarded(lambda: list(mapping.keys()), [])
    assert isinstance(keys, list)
    return iter(sorted(key for key in keys if isinstance(key, str)))


def option_defaults(app: Any, names: List[str]) -> Dict[str, Plain]:
    """What a task has for each option when nobody sets it: the setting it falls back on, else Task's own."""
    from celery.app.task import Task

    class Bare(Task):  # type: ignore[misc]  # Celery is not typed
        name = "celerycheck.bare"

    guarded(lambda: Bare.bind(app))
    defaults = {name: plain(getattr(Bare, name, None), name) for name in names}
    for name in ("time_limit", "soft_time_limit"):
        # Up to Celery 5.6 the pool applies the setting, not the task (facts 2.6).
        if defaults[name] is None:
            defaults[name] = plain(guarded(partial(app.conf.__getitem__, f"task_{name}")))
    return defaults
