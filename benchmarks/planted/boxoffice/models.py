"""The box office's tables."""

import os
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint, create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, sessionmaker

engine = create_engine(os.environ.get("BOXOFFICE_DATABASE", "sqlite:///boxoffice.sqlite3"))
Session = sessionmaker(engine)


class Base(DeclarativeBase):
    """What all tables share."""


class Show(Base):
    """One evening's performance."""

    __tablename__ = "shows"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    starts_at: Mapped[datetime]
    revenue_cents: Mapped[int] = mapped_column(default=0)


class Seat(Base):
    """A seat for one show; `state` is `free`, `held` or `sold`."""

    __tablename__ = "seats"

    id: Mapped[int] = mapped_column(primary_key=True)
    show_id: Mapped[int] = mapped_column(ForeignKey("shows.id"))
    booking_id: Mapped[int | None] = mapped_column(ForeignKey("bookings.id"))
    state: Mapped[str] = mapped_column(default="free")


class Booking(Base):
    """What a customer has ordered."""

    __tablename__ = "bookings"

    id: Mapped[int] = mapped_column(primary_key=True)
    show_id: Mapped[int] = mapped_column(ForeignKey("shows.id"))
    email: Mapped[str]
    state: Mapped[str] = mapped_column(default="open")
    total_cents: Mapped[int]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now())
    tickets_sent_at: Mapped[datetime | None]


class Payment(Base):
    """Money taken for a booking, or given back."""

    __tablename__ = "payments"
    __table_args__ = (UniqueConstraint("reference"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    booking_id: Mapped[int] = mapped_column(ForeignKey("bookings.id"))
    reference: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="new")
    cents: Mapped[int]


class LedgerLine(Base):
    """A line of the books."""

    __tablename__ = "ledger"

    id: Mapped[int] = mapped_column(primary_key=True)
    payment_id: Mapped[int] = mapped_column(ForeignKey("payments.id"))
    cents: Mapped[int]


class Subscriber(Base):
    """Who receives the newsletter."""

    __tablename__ = "subscribers"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    last_issue: Mapped[int] = mapped_column(default=0)
