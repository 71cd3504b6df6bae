"""Payments: charging, refunding, settling."""

import json
import random
import time
import urllib.request
from smtplib import SMTPException
from urllib.error import URLError

import requests
from billiard.exceptions import TimeLimitExceeded
from celery import shared_task
from celery.exceptions import Retry
from celery.utils.log import get_task_logger
from sqlalchemy import select, update

from boxoffice.models import Booking, LedgerLine, Payment, Session
from boxoffice.services import gateway, mailer

logger = get_task_logger(__name__)

RATES_URL = "https://rates.example/daily.json"


@shared_task(autoretry_for=(requests.ConnectionError,), retry_backoff=True, max_retries=5)
def charge_booking(booking_id):
    """Take the money for a booking."""
    with Session() as session:
        cents = session.get(Booking, booking_id).total_cents
    reference = gateway.charge(booking_id, cents)
    with Session.begin() as session:
        session.add(Payment(booking_id=booking_id, reference=reference, cents=cents))


@shared_task(autoretry_for=(requests.ConnectionError,), retry_backoff=True, max_retries=5)
def charge_booking_once(booking_id):
    """Take the money for a booking, once."""
    with Session() as session:
        payment = session.scalar(select(Payment).where(Payment.booking_id == booking_id))
        if payment.reference is not None:
            return
        payment.reference = gateway.charge_once(booking_id, payment.cents)
        session.commit()


@shared_task(bind=True, max_retries=6)
def refund(self, payment_id):
    """Give the money of a payment back."""
    with Session() as session:
        reference = session.get(Payment, payment_id).reference
    try:
        try:
            gateway.give_back(reference)
        except gateway.GatewayDown as error:
            raise self.retry(exc=error, countdown=30 * 2**self.request.retries)
        logger.info("payment %s refunded", payment_id)
    except Exception:
        logger.exception("payment %s could not be refunded", payment_id)


@shared_task(bind=True, max_retries=6)
def refund_deposit(self, payment_id):
    """Give a deposit back."""
    with Session() as session:
        reference = session.get(Payment, payment_id).reference
    try:
        try:
            gateway.give_back(reference)
        except gateway.GatewayDown as error:
            raise self.retry(exc=error, countdown=30 * 2**self.request.retries + random.randint(0, 10))
        logger.info("deposit %s refunded", payment_id)
    except Retry:
        raise
    except Exception:
        logger.exception("deposit %s could not be refunded", payment_id)
        raise


@shared_task(bind=True, max_retries=4)
def settle(self, payment_id):
    """Mark a payment as settled as soon as the provider says so."""
    with Session.begin() as session:
        payment = session.get(Payment, payment_id)
        try:
            payment.state = gateway.state_of(payment.reference)
        except requests.RequestException as error:
            raise self.retry(error, countdown=30 * 2**self.request.retries)


@shared_task(max_retries=4)
def verify(payment_id):
    """Compare a payment with what the provider has."""
    with Session() as session:
        reference = session.get(Payment, payment_id).reference
    try:
        state = gateway.state_of(reference)
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=30 * 2**self.request.retries)
    logger.info("payment %s is %s", payment_id, state)


@shared_task(retry_backoff=True, retry_kwargs={"max_retries": 5})
def void_authorization(payment_id):
    """Give up an amount that was reserved and never taken."""
    with Session.begin() as session:
        session.get(Payment, payment_id).state = "void"


@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, max_retries=5)
def fetch_rates(currency):
    """The day's exchange rate of a currency."""
    answer = requests.get(RATES_URL)
    answer.raise_for_status()
    return answer.json()[currency]


@shared_task(autoretry_for=(URLError,), retry_backoff=True, max_retries=5)
def fetch_vat_rates(country):
    """The rates of value added tax of a country."""
    with urllib.request.urlopen(f"https://vat.example/{country}.json", timeout=10) as answer:
        rates = json.load(answer)
    return rates.get("reduced") or rates.get("standard")


@shared_task
def await_settlement(payment_id):
    """Wait until a payment's state is final."""
    for _ in range(20):
        with Session() as session:
            if session.get(Payment, payment_id).state in ("settled", "void"):
                return
        time.sleep(15)


@shared_task(bind=True, max_retries=20)
def check_settlement(self, payment_id):
    """Look whether a payment's state is final, and again later if it is not."""
    with Session() as session:
        state = session.get(Payment, payment_id).state
    if state not in ("settled", "void"):
        raise self.retry(countdown=min(15 * 2**self.request.retries, 900))


@shared_task(autoretry_for=(Exception,), retry_backoff=True, max_retries=8)
def mark_paid(booking_id):
    """Mark a booking as paid."""
    with Session.begin() as session:
        session.get(Booking, booking_id).state = "paid"


@shared_task(bind=True, max_retries=None)
def pay_out(self, payment_id):
    """Pass a payment on to the promoter as soon as it is settled."""
    with Session() as session:
        state = session.get(Payment, payment_id).state
    if state != "settled":
        raise self.retry(countdown=min(60 * 2**self.request.retries, 1800))
    logger.info("payment %s goes to the promoter", payment_id)


@shared_task(autoretry_for=(URLError,), retry_backoff=True, max_retries=5)
def sync_terminal(terminal_id):
    """Fetch what a card terminal has taken since yesterday."""
    try:
        with urllib.request.urlopen(f"https://terminal-{terminal_id}.example/takings", timeout=10) as answer:
            takings = json.load(answer)
        logger.info("terminal %s took %s", terminal_id, takings["cents"])
    except Exception:
        logger.exception("terminal %s does not answer", terminal_id)


@shared_task(autoretry_for=(TimeLimitExceeded,), retry_backoff=True, max_retries=3)
def match_statement(statement_id):
    """Match the lines of a bank statement with payments."""
    with Session() as session:
        payments = session.scalars(select(Payment).where(Payment.state == "new")).all()
    logger.info("statement %s: %s payments to match", statement_id, len(payments))


@shared_task(autoretry_for=(SMTPException,), max_retries=3, default_retry_delay=5)
def remind_debtor(booking_id):
    """Remind a customer of the money that is due."""
    with Session.begin() as session:
        booking = session.get(Booking, booking_id, with_for_update=True)
        if booking.state == "reminded":
            return
        booking.state = "reminded"
        mailer.send(booking.email, "Your booking", "Please pay what is due.")


@shared_task(acks_late=True)
def close_day(day):
    """Mark the payments of a day as closed."""
    with Session.begin() as session:
        session.execute(update(Payment).where(Payment.state == "settled").values(state=f"closed {day}"))


@shared_task(bind=True, max_retries=5)
def book_revenue(self, payment_id):
    """Write a payment into the books, and tell the accountants' system."""
    with Session() as session:
        payment = session.get(Payment, payment_id)
        payment.reference = f"revenue-{payment_id}"
        session.commit()
        try:
            answer = requests.put(
                f"https://books.example/{payment_id}", json={"cents": payment.cents}, timeout=10
            )
            answer.raise_for_status()
        except requests.RequestException as error:
            raise self.retry(exc=error, countdown=20 * 2**self.request.retries)
        payment.cents = answer.json()["booked"]
        session.commit()


@shared_task(bind=True, max_retries=5)
def book_refund(self, payment_id):
    """Tell the accountants' system of a refund, then write it down."""
    try:
        answer = requests.put(f"https://books.example/refunds/{payment_id}", timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise self.retry(exc=error, countdown=20 * 2**self.request.retries)
    with Session.begin() as session:
        session.get(Payment, payment_id).state = "refund booked"


@shared_task
def write_ledger(payment_id):
    """Write one line for a payment."""
    with Session.begin() as session:
        payment = session.get(Payment, payment_id)
        session.add(LedgerLine(payment_id=payment_id, cents=payment.cents))
