"""Venues: seat maps and the programme."""

import json
import urllib.request

from celery import shared_task
from celery.utils.log import get_task_logger
from sqlalchemy import select

from boxoffice.models import Session, Show
from boxoffice.services import cache

logger = get_task_logger(__name__)


@shared_task
def refresh_seat_maps():
    """Write the number of shows into the cache that the website reads."""
    with Session() as session:
        cache.store("shows", len(session.scalars(select(Show.id)).all()))


@shared_task
def import_programme(url):
    """Fetch the programme of a touring company."""
    with urllib.request.urlopen(url, timeout=20) as answer:
        programme = json.load(answer)
    with Session.begin() as session:
        for show in programme["shows"]:
            known = session.scalar(select(Show).where(Show.title == show["title"]))
            if known is not None:
                known.revenue_cents = show["revenue_cents"]


@shared_task(retry=3)
def rename_show(show_id, title):
    """Give a show another title."""
    with Session.begin() as session:
        session.get(Show, show_id).title = title


@shared_task(name="boxoffice.refresh")
def refresh_prices(show_id):
    """Compute the prices of a show anew."""
    logger.info("prices of show %s", show_id)


@shared_task(name="boxoffice.refresh")
def refresh_titles(show_id):
    """Read the title of a show anew."""
    logger.info("title of show %s", show_id)


@shared_task
def rebuild_plan(show_id):
    """Draw the plan of a show's seats, one worker at a time."""
    if not cache.add(f"plan-{show_id}", "taken"):
        return
    with Session() as session:
        logger.info("plan of %s", session.get(Show, show_id).title)
    cache.remove(f"plan-{show_id}")


@shared_task
def rebuild_map(show_id):
    """Draw the map of a show's seats, one worker at a time."""
    if not cache.add(f"map-{show_id}", "taken", seconds=300):
        return
    with Session() as session:
        logger.info("map of %s", session.get(Show, show_id).title)
    cache.remove(f"map-{show_id}")
