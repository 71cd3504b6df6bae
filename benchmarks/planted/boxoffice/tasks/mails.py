"""Mails to customers and subscribers."""

from datetime import datetime, timezone
from smtplib import SMTPException

from celery import shared_task
from celery.utils.log import get_task_logger
from sqlalchemy import select

from boxoffice.models import Booking, Session, Subscriber
from boxoffice.services import mailer

logger = get_task_logger(__name__)

RETRIED = {"autoretry_for": (SMTPException, OSError), "retry_backoff": 5, "max_retries": 8}


@shared_task(**RETRIED)
def send_tickets(booking):
    """Send the tickets of a booking, once."""
    with Session.begin() as session:
        known = session.get(Booking, booking.id, with_for_update=True)
        if known.tickets_sent_at is not None:
            return
        known.tickets_sent_at = datetime.now(timezone.utc)
        mailer.send(known.email, "Your tickets", "Please find your tickets in your account.")


@shared_task(**RETRIED)
def send_receipt(booking_id):
    """Send the receipt of a booking, once."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id, with_for_update=True)
        if booking.state == "receipt sent":
            return
        booking.state = "receipt sent"
        mailer.send(booking.email, "Your receipt", f"We received {booking.total_cents / 100:.2f} EUR.")


@shared_task(**RETRIED)
def remind_of_show(booking_id):
    """Remind a customer of tomorrow's show, once."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id, with_for_update=True)
        if booking.state == "reminded":
            return
        booking.state = "reminded"
        mailer.send(booking.email, "Tomorrow at the theatre", "We look forward to seeing you.")


@shared_task(ignore_result=True)
def announce_season(title):
    """Tell all subscribers of the new season."""
    with Session() as session:
        for subscriber in session.scalars(select(Subscriber)).all():
            mailer.send(subscriber.email, f"The new season: {title}", "See our programme.")


@shared_task(rate_limit="30/m", **RETRIED)
def send_newsletter(subscriber_id, issue):
    """Send one issue of the newsletter to one subscriber, once."""
    with Session.begin() as session:
        subscriber = session.get(Subscriber, subscriber_id, with_for_update=True)
        if subscriber.last_issue >= issue:
            return
        subscriber.last_issue = issue
        mailer.send(subscriber.email, f"Newsletter {issue}", "What is new this month.")


@shared_task(rate_limit="10 per minute", **RETRIED)
def send_survey(booking_id):
    """Ask a visitor how the evening was, once."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id, with_for_update=True)
        if booking.state == "asked":
            return
        booking.state = "asked"
        mailer.send(booking.email, "How was it?", "Please tell us how you liked the show.")


@shared_task(retry_limit=5)
def unsubscribe(subscriber_id):
    """Forget a subscriber."""
    with Session.begin() as session:
        subscriber = session.get(Subscriber, subscriber_id)
        session.delete(subscriber)


@shared_task
def tag_subscriber(subscriber_id, issue):
    """Note which issue a subscriber has opened."""
    try:
        with Session.begin() as session:
            session.get(Subscriber, subscriber_id).last_issue = issue
    except Exception:
        pass


@shared_task
def clean_addresses():
    """Write all addresses in lower case; one that fails does not stop the others."""
    with Session() as session:
        for subscriber in session.scalars(select(Subscriber)).all():
            try:
                subscriber.email = subscriber.email.strip().lower()
                session.commit()
            except Exception:
                logger.exception("subscriber %s was left as it is", subscriber.id)
                session.rollback()


@shared_task
def count_subscribers():
    """How many people receive the newsletter."""
    with Session() as session:
        number = len(session.scalars(select(Subscriber.id)).all())
    print("subscribers:", number)
    return number
