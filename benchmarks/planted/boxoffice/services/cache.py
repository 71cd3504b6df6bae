"""A cache that all processes share: a table of its own in the database."""

import time

from sqlalchemy import Float, String, delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from boxoffice.models import Base, Session


class Entry(Base):
    """What is kept under a key, and until when (seconds since 1970; without end where unset)."""

    __tablename__ = "cache"

    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    value: Mapped[str]
    until: Mapped[float | None] = mapped_column(Float)


def add(key, value, seconds=None):
    """Keep a value unless one is kept already; say whether it was."""
    now = time.time()
    try:
        with Session.begin() as session:
            session.execute(delete(Entry).where(Entry.key == key, Entry.until < now))
            session.execute(insert(Entry).values(key=key, value=value, until=seconds and now + seconds))
    except IntegrityError:
        return False
    return True


def store(key, value):
    """Keep a value."""
    with Session.begin() as session:
        session.merge(Entry(key=key, value=str(value)))


def remove(key):
    """Forget a value."""
    with Session.begin() as session:
        session.execute(delete(Entry).where(Entry.key == key))
