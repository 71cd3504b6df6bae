"""Numbers and queues: retries, time limits, rate limits."""

from __future__ import annotations

import re

from celerycheck.checks.rate_limits import rate_of
from celerycheck.errors import UsageError
from celerycheck.nearest import nearest
from celerycheck.scaffold.asking import durations
from celerycheck.scaffold.asking.situation import Situation
from celerycheck.scaffold.reading.settings_places import queue_state

MOST_RETRIES = 100
SOFT, HARD = 60, 90
"""Seconds, where nothing is said; whichever of the two is said, the other keeps the proportion."""

_LONG_UNITS = {"sec": "s", "second": "s", "min": "m", "minute": "m", "hr": "h", "hour": "h"}


def retries(text: str) -> int:
    """How often at most, from 1 to 100. Raises UsageError."""
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{text!r} is no whole number above zero", "The usual number is 5.")
    number = int(text[:10])
    if number == 0:
        raise UsageError("without a retry, every hiccup of the network is a failed task", "Allow 1 at least.")
    if number > MOST_RETRIES:
        raise UsageError(
            f"{text[:10]} retries go on for days", f"Allow {MOST_RETRIES} at most, and let a failure be seen."
        )
    return number


def usual_soft(situation: Situation) -> str:
    hard = _given(situation, "time_limit")
    return durations.text_of(SOFT if hard is None else max(1, hard * SOFT // HARD))


def usual_hard(situation: Situation) -> str:
    soft = _given(situation, "soft_time_limit")
    return durations.text_of(HARD if soft is None else max(soft + 1, soft * HARD // SOFT))


def _given(situation: Situation, key: str) -> int | None:
    """A limit somebody set, in seconds; None where nobody did, or what was said is none."""
    if situation.answers.source(key) in (None, "default"):
        return None
    try:
        return durations.seconds(situation.answers.text(key))
    except UsageError:
        return None


def rate(text: str) -> str:
    """A rate limit as Celery reads it, above zero. Raises UsageError."""
    written = re.sub(r"\s+", "", text).lower()
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(?:/([a-z]+))?", written, re.ASCII)
    if match is None:
        raise UsageError(f"{text!r} is no rate", "Write it as 10/s, 10/m or 10/h.")
    word = (match[2] or "s").removesuffix("s") or "s"
    if word not in ("s", "m", "h"):
        short = _LONG_UNITS.get(word)
        hint = f"Did you mean {match[1]}/{short}?" if short else "Write it as 10/s, 10/m or 10/h."
        raise UsageError(f"{text!r} is no rate: Celery knows s, m and h", hint)
    if not rate_of(f"{match[1]}/{word}"):
        raise UsageError(f"{text!r} lets nothing through", "Leave it out where there is no limit.")
    return f"{match[1]}/{word}"


def queue(text: str, situation: Situation) -> str:
    """A queue's name, of one that workers can read. Raises UsageError."""
    if not re.fullmatch(r"[A-Za-z0-9_.:-]{1,200}", text):
        raise UsageError(
            f"{text[:60]!r} is no name for a queue", "Use letters, digits, and . _ - : between them."
        )
    project = situation.project
    if queue_state(project, text) == "undeclared":
        declared = [one.name for one in project.app.queues if one.declared]
        near = nearest(text, declared)
        setting = project.app.settings.spelled("task_queues")
        raise UsageError(
            f"the project lists its queues in {setting}, and {text} is none of them",
            f"Did you mean {near}?" if near else f"Add it there first; there is {', '.join(declared)}.",
        )
    return text
