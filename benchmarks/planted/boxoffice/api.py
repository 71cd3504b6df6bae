"""What the website calls: each function answers one request."""

from datetime import datetime, timedelta, timezone

from celery import chain, chord, group
from sqlalchemy import select

from boxoffice.celery import app
from boxoffice.models import Booking, Session, Show, Subscriber
from boxoffice.tasks import bookings, mails, payments, reports, venues


def confirm(booking_id):
    """Confirm a booking in five minutes, unless the customer changes it meanwhile."""
    bookings.confirm_booking.delay(booking_id, countdown=300)
    return {"status": "accepted"}


def confirm_group(booking_id):
    """Confirm a group's booking in five minutes."""
    bookings.confirm_booking.apply_async((booking_id,), countdown=300)
    return {"status": "accepted"}


def offer_export(name):
    """Say until when an export may be fetched."""
    until = datetime.now(timezone.utc) + timedelta(days=7)
    reports.schedule_export.delay(name, expires=until.isoformat())
    return {"status": "accepted"}


def pay(booking_id):
    """Charge a booking, then send tickets and receipt."""
    with Session() as session:
        booking = session.get(Booking, booking_id)
        payments.charge_booking.delay(booking_id)
        mails.send_tickets.delay(booking)
    return {"status": "accepted"}


def pay_deposit(booking_id):
    """Charge a deposit, then send the receipt."""
    with Session() as session:
        booking = session.get(Booking, booking_id)
        payments.charge_booking_once.delay(booking.id)
        mails.send_receipt.delay(booking.id)
    return {"status": "accepted"}


def give_back(payment_id, reason):
    """Refund a payment."""
    payments.refund.delay(payment_id, reason)
    return {"status": "accepted"}


def give_deposit_back(payment_id):
    """Refund a deposit, and write it into the books afterwards."""
    chain(payments.refund_deposit.si(payment_id), payments.book_refund.si(payment_id)).delay()
    return {"status": "accepted"}


def remind(booking_id):
    """Remind a customer a day before the show."""
    mails.remind_of_show.apply_async((booking_id,), countdown=86400)
    return {"status": "accepted"}


def survey(booking_id):
    """Ask a visitor tomorrow at noon how the evening was."""
    noon = datetime.now().replace(hour=12, minute=0) + timedelta(days=1)
    mails.send_survey.apply_async((booking_id,), eta=noon)
    return {"status": "accepted"}


def publish_newsletter(issue):
    """Send an issue to everybody."""
    with Session() as session:
        ids = session.scalars(select(Subscriber.id)).all()
    for subscriber_id in ids:
        mails.send_newsletter.delay(subscriber_id, issue)
    return {"status": "accepted"}


def rebuild_all_maps():
    """Draw the maps of all shows anew."""
    with Session() as session:
        ids = session.scalars(select(Show.id)).all()
    group(venues.rebuild_map.s(show_id) for show_id in ids).delay()
    return {"status": "accepted"}


def season_takings(season):
    """Add up the takings of a season."""
    with Session() as session:
        ids = session.scalars(select(Show.id)).all()
    chord([reports.takings_of.s(show_id) for show_id in ids])(reports.add_takings.s(season))
    return {"status": "accepted"}


def show_takings(show_id, season):
    """Write down the takings of a single show."""
    chain(reports.takings_of.s(show_id), reports.note_takings.s(season)).delay()
    return {"status": "accepted"}


def open_evening(show_id):
    """Prepare an evening, then open the doors."""
    chain(bookings.prepare_evening.si(show_id), bookings.open_doors.si(show_id)).delay()
    return {"status": "accepted"}


def open_matinee(show_id):
    """Prepare a matinee, then open the doors."""
    chain(bookings.prepare_matinee.si(show_id), bookings.open_doors.si(show_id)).delay()
    return {"status": "accepted"}


def request_statement(period, promoter_id):
    """Write a promoter's statement."""
    app.send_task("boxoffice.tasks.report.send_statement", args=(period, promoter_id))
    return {"status": "accepted"}


def request_comparison(first, second):
    """Compare two seasons."""
    app.send_task("boxoffice.tasks.reports.compare_seasons", args=(first, second))
    return {"status": "accepted"}


def rebuild_reports():
    """Write the table of contents anew while the visitor sees a page."""
    reports.compress_reports(datetime.now(timezone.utc).year)
    return {"status": "accepted"}
