"""The classes whose instances live in a database: Django's models and what SQLAlchemy maps.

Nothing is imported, configured or connected to for them; where a library is not loaded there are none.
"""

from __future__ import annotations

import sys
from typing import Iterator, List, Set, Tuple

from celerycheck.inspection.plain import dotted, guarded


def django_models() -> Tuple[str, ...]:
    """Dotted names of all Django model classes, abstract and swapped ones included, sorted.

    Without those that nobody wrote: tables between two models, and the states of migrations.
    """
    base = getattr(sys.modules.get("django.db.models.base"), "Model", None)
    return names_of(descendants(base)) if isinstance(base, type) else ()


def descendants(base: type) -> Iterator[type]:
    """The subclasses of a class of Django's that somebody wrote, each once."""
    seen: Set[int] = set()
    pending: List[type] = [base]
    while pending:
        children: List[type] = type.__subclasses__(pending.pop())
        for cls in children:
            if id(cls) not in seen:
                seen.add(id(cls))
                pending.append(cls)
                if cls.__module__ != "__fake__" and not getattr(vars(cls).get("_meta"), "auto_created", None):
                    yield cls


def mapped_classes() -> Tuple[str, ...]:
    """Dotted names of the classes that SQLAlchemy maps, sorted; none where it keeps them in a way unknown.

    Each of its registries keeps the managers of its classes; `_mapper_registry` is what came before 1.4.
    """
    module = sys.modules.get("sqlalchemy.orm.mapper")

    def classes() -> Iterator[type]:
        for registry in list(getattr(module, "_mapper_registries", ())):
            for manager in list(registry._managers):
                if "mapper" in vars(manager):  # its absence raises
                    yield manager.class_
        for mapper in list(getattr(module, "_mapper_registry", ())):
            yield mapper.class_

    return names_of(classes())


def names_of(classes: Iterator[type]) -> Tuple[str, ...]:
    """The dotted names of these classes, sorted; none where a metaclass or a library's new version raises."""
    names = guarded(lambda: tuple(sorted({dotted(cls) for cls in classes})), ())
    assert isinstance(names, tuple)
    return names
