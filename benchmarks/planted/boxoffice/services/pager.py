"""Reaching the people on call."""

import logging
import os

import requests

logger = logging.getLogger(__name__)


def alert(text: str) -> None:
    """Send one line to the people on call."""
    logger.error("alert: %s", text)
    url = os.environ.get("BOXOFFICE_PAGER_URL")
    if url:
        requests.post(url, json={"text": text}, timeout=5)
