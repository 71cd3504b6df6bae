"""Bookings: holding seats, confirming, cancelling."""

from datetime import datetime, timedelta, timezone

from celery import chain, group, shared_task
from celery.utils.log import get_task_logger
from sqlalchemy import delete, func, select

from boxoffice.models import Booking, Seat, Session
from boxoffice.services import mailer

logger = get_task_logger(__name__)


@shared_task
def hold_seats(booking_id, seat_ids, refused=[]):
    """Hold the seats of a booking, and say which are gone."""
    with Session.begin() as session:
        for seat_id in seat_ids:
            seat = session.get(Seat, seat_id)
            if seat.state == "free":
                seat.state = "held"
                seat.booking_id = booking_id
            else:
                refused.append(seat_id)
    return refused


@shared_task
def price_of(booking_id, discounts=None):
    """The price of a booking in cents, after its discounts."""
    discounts = list(discounts or [])
    with Session() as session:
        booking = session.get(Booking, booking_id)
        if booking.total_cents > 20_000:
            discounts.append(500)
        return booking.total_cents - sum(discounts)


@shared_task
def cancel_booking(self, booking_id):
    """Free the seats of a booking."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id)
        booking.state = "cancelled"
        for seat in session.scalars(select(Seat).where(Seat.booking_id == booking_id)):
            seat.state = "free"
    logger.info("booking %s cancelled", booking_id)


@shared_task(bind=True)
def confirm_booking(self, booking_id):
    """Mark a booking as confirmed, and its seats as sold."""
    logger.info("attempt %s for booking %s", self.request.retries, booking_id)
    with Session.begin() as session:
        booking = session.get(Booking, booking_id)
        booking.state = "confirmed"
        for seat in session.scalars(select(Seat).where(Seat.booking_id == booking_id)):
            seat.state = "sold"


@shared_task
async def offer_returned_seats(show_id):
    """Hold returned seats for the people on the waiting list."""
    with Session.begin() as session:
        for seat in session.scalars(select(Seat).where(Seat.show_id == show_id, Seat.state == "returned")):
            seat.state = "held"


@shared_task
def archive_bookings(before):
    """Archive old bookings, and report each one's number."""
    with Session.begin() as session:
        limit = datetime.fromisoformat(before)
        for booking in session.scalars(select(Booking).where(Booking.made_at < limit)):
            booking.state = "archived"
            yield booking.id


@shared_task
def count_open_bookings(show_id):
    """How many bookings of a show are still open."""

    def open_bookings(session):
        for booking in session.scalars(select(Booking).where(Booking.show_id == show_id)):
            if booking.state == "open":
                yield booking

    with Session() as session:
        return sum(1 for _ in open_bookings(session))


@shared_task(ignore_result=True)
def watch_queue(show_id):
    """Write down every half minute how many people wait for a show."""
    with Session() as session:
        waiting = session.scalar(select(func.count()).where(Booking.show_id == show_id))
    logger.info("%s wait for show %s", waiting, show_id)
    watch_queue.apply_async((show_id,), countdown=30)


@shared_task
def offer_in_steps(show_id, seats, offset=0):
    """Free the seats of a show by the hundred, the next hundred in a task of its own."""
    with Session.begin() as session:
        rows = session.scalars(select(Seat).where(Seat.show_id == show_id).offset(offset).limit(100)).all()
        for seat in rows:
            seat.state = "free"
    if offset + 100 < seats:
        offer_in_steps.delay(show_id, seats, offset + 100)


@shared_task
def release_expired_holds():
    """Free the seats of bookings that nobody paid within a quarter of an hour."""
    limit = datetime.now(timezone.utc) - timedelta(minutes=15)
    with Session.begin() as session:
        stale = select(Booking.id).where(Booking.state == "open", Booking.made_at < limit)
        for seat in session.scalars(select(Seat).where(Seat.booking_id.in_(stale))):
            seat.state = "free"


@shared_task
def purge_carts():
    """Delete bookings that never got beyond the cart."""
    with Session.begin() as session:
        session.execute(delete(Booking).where(Booking.state == "cart"))


@shared_task
def prepare_evening(show_id):
    """Prepare all that the doors need for one evening."""
    group(print_guest_list.si(show_id), close_sale.si(show_id)).delay()


@shared_task(bind=True)
def prepare_matinee(self, show_id):
    """Prepare all that the doors need for a matinee; what follows waits for it."""
    raise self.replace(chain(print_guest_list.si(show_id), close_sale.si(show_id)))


@shared_task
def print_guest_list(show_id):
    """The names for the door, one to a line."""
    with Session() as session:
        rows = session.scalars(select(Booking.email).where(Booking.show_id == show_id)).all()
    return "\n".join(rows)


@shared_task
def close_sale(show_id):
    """Take the remaining seats of a show off sale."""
    with Session.begin() as session:
        for seat in session.scalars(select(Seat).where(Seat.show_id == show_id, Seat.state == "free")):
            seat.state = "closed"


@shared_task
def open_doors(show_id):
    """Write down that the doors are open."""
    logger.info("doors of show %s are open", show_id)


@shared_task(autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def welcome_group(booking_id):
    """Tell the usher of a group, once, how many people come."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id, with_for_update=True)
        if booking.tickets_sent_at is not None:
            return
        booking.tickets_sent_at = datetime.now(timezone.utc)
        mailer.send("usher@boxoffice.example", "A group comes", f"Booking {booking_id}")
