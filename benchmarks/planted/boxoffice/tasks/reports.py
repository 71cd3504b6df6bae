"""Reports: takings, ledgers, statements."""

import csv
import os
import subprocess
import sys
from multiprocessing import Pool
from pathlib import Path

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from celery.utils.log import get_task_logger
from sqlalchemy import func, select

from boxoffice.models import Booking, LedgerLine, Payment, Session, Show

logger = get_task_logger(__name__)
session = Session()

FOLDER = Path(os.environ.get("BOXOFFICE_REPORTS", "reports"))


@shared_task(ignore_result=False)
def takings_of(show_id):
    """What a show has taken, in cents."""
    with Session() as own:
        return own.scalar(select(func.sum(Booking.total_cents)).where(Booking.show_id == show_id)) or 0


@shared_task
def summarize_week(show_ids=()):
    """Write down the takings of a week."""
    total = 0
    for show_id in show_ids:
        total += takings_of.delay(show_id).get()
    logger.info("the week took %s", total)


@shared_task
def label_week(show_ids, labels):
    """The labels of a week's shows, in one line."""
    parts = [labels.get(str(show_id), "untitled") for show_id in show_ids]
    return ", ".join(parts)


@shared_task
def add_takings(takings, season):
    """Add up what the shows of a season have taken."""
    logger.info("season %s took %s", season, sum(takings))


@shared_task
def note_takings(cents, season):
    """Write down what one show of a season has taken."""
    logger.info("a show of season %s took %s", season, cents)


@shared_task
def export_ledger():
    """Write the books to a file."""
    if not FOLDER.is_dir():
        logger.error("no folder %s", FOLDER)
        sys.exit(1)
    with Session() as own:
        lines = own.scalars(select(LedgerLine)).all()
    with open(FOLDER / "ledger.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows((line.payment_id, line.cents) for line in lines)


@shared_task
def count_payments():
    """How many payments there are in each state."""
    states = session.execute(select(Payment.state, func.count()).group_by(Payment.state)).all()
    return {state: number for state, number in states}


@shared_task(ignore_result=False)
def states_seen():
    """Which states payments have been in."""
    with Session() as own:
        return set(own.scalars(select(Payment.state)))


@shared_task(ignore_result=False)
def titles_shown():
    """Which titles have been shown."""
    with Session() as own:
        return sorted(set(own.scalars(select(Show.title))))


@shared_task
def build_season_report(season="2025"):
    """Write a page about each show of a season."""
    with Session() as own:
        ids = own.scalars(select(Show.id)).all()
    with Pool(4) as pool:
        pages = pool.map(str, ids)
    logger.info("season %s has %s pages", season, len(pages))


@shared_task
def compress_reports(year):
    """Pack the reports of a year."""
    subprocess.run(["tar", "-czf", f"{year}.tgz", str(FOLDER / str(year))], check=True, timeout=300)


@shared_task(soft_time_limit=900)
def rebuild_index():
    """Write the table of contents anew."""
    names = sorted(path.name for path in FOLDER.glob("*.csv"))
    (FOLDER / "index.txt").write_text("\n".join(names), encoding="utf-8")


@shared_task(soft_time_limit=240, time_limit=300)
def render_posters(show_ids):
    """Render the posters of shows."""
    for show_id in show_ids:
        try:
            subprocess.run(["render-poster", str(show_id)], check=True, timeout=200)
        except Exception:
            logger.exception("no poster for show %s", show_id)


@shared_task(soft_time_limit=240, time_limit=300)
def render_leaflets(show_ids):
    """Render the leaflets of shows, as many as time allows."""
    for show_id in show_ids:
        try:
            subprocess.run(["render-leaflet", str(show_id)], check=True, timeout=200)
        except SoftTimeLimitExceeded:
            logger.warning("no time left for the leaflet of show %s and those after it", show_id)
            raise
        except Exception:
            logger.exception("no leaflet for show %s", show_id)


@shared_task
def send_statement(period, promoter_id):
    """Write the statement of a promoter."""
    logger.info("%s statement of promoter %s", period, promoter_id)


@shared_task
def compare_seasons(first, second):
    """Write down how two seasons differ."""
    with Session() as own:
        shows = own.scalars(select(Show)).all()
    breakpoint()
    logger.info("%s and %s: %s shows", first, second, len(shows))


@shared_task
def schedule_export(name, expires):
    """Write down until when an export may be fetched."""
    logger.info("export %s may be fetched until %s", name, expires)
