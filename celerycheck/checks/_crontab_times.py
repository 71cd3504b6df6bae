"""When a crontab fires, read from its fields as text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from celerycheck.subjects import CrontabFields

_DAY_NAMES = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NAMES = {
    7: {name: number for number, name in enumerate(_DAY_NAMES)},
    12: {name: number for number, name in enumerate(_MONTH_NAMES, start=1)},
}
_LONGEST = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True)
class CrontabTimes:
    """A crontab's fields as sets of numbers. All of them must match, days of week and month alike."""

    minute: frozenset[int]
    hour: frozenset[int]
    day_of_week: frozenset[int]
    day_of_month: frozenset[int]
    month_of_year: frozenset[int]

    @property
    def possible(self) -> bool:
        """Whether it ever fires."""
        return bool(self.minute and self.hour and self.day_of_week) and any(
            day <= _LONGEST[month - 1] for month in self.month_of_year for day in self.day_of_month
        )

    @property
    def on_consecutive_days(self) -> bool:
        return not _are_apart(self.day_of_month, 31) and not _are_apart(self.day_of_week, 7)

    @property
    def shortest_gap(self) -> int:
        """The shortest time between two runs, in seconds; only of what is `possible`."""
        minutes, hours = sorted(self.minute), sorted(self.hour)
        within = [later - earlier for earlier, later in pairwise(minutes)]
        to_next_hour = minutes[0] - minutes[-1]
        within += [60 * (later - earlier) + to_next_hour for earlier, later in pairwise(hours)]
        days = 1 if self.on_consecutive_days else 2
        within.append(60 * (24 * days + hours[0] - hours[-1]) + to_next_hour)
        return 60 * min(within)

    def meets(self, other: CrontabTimes) -> bool:
        return all(
            not getattr(self, name).isdisjoint(getattr(other, name))
            for name in ("minute", "hour", "day_of_week", "day_of_month", "month_of_year")
        )


@lru_cache(maxsize=4096)
def times_of(fields: CrontabFields) -> CrontabTimes | None:
    """The numbers a crontab fires at; None where a field cannot be read here."""
    minute, hour = expand(fields.minute, 60), expand(fields.hour, 24)
    week, month = expand(fields.day_of_week, 7), expand(fields.day_of_month, 31, 1)
    year = expand(fields.month_of_year, 12, 1)
    if minute is None or hour is None or week is None or month is None or year is None:
        return None
    return CrontabTimes(minute, hour, week, month, year)


@lru_cache(maxsize=4096)
def expand(text: str, size: int, first: int = 0) -> frozenset[int] | None:
    """The numbers of one crontab field, as `celery.schedules.crontab_parser(size, first)` reads it.

    Lists and sets of numbers are read as Python writes them. None where a part cannot be read.
    """
    listed = re.sub(r"[\[\](){}\s'\"]|^set\b", "", text)
    numbers: set[int] = set()
    for part in listed.split(",") if listed else ():
        if not part:
            continue
        found = _expand_part(part, size, first)
        if found is None:
            return None
        numbers.update(found)
    return frozenset(numbers)


def _expand_part(part: str, size: int, first: int) -> list[int] | None:
    match = re.fullmatch(r"(?:\*|(\w+?)(?:-(\w+))?)(?:/(\d+))?", part)
    if match is None or (match[3] and ((match[1] and not match[2]) or int(match[3]) == 0)):
        return None
    if match[1] is None:
        return list(range(first, first + size))[:: int(match[3] or 1)]
    start, end = _number(match[1], size, first), _number(match[2] or match[1], size, first)
    if start is None or end is None:
        return None
    numbers = list(range(start, end + 1))
    if end < start:
        numbers = [*range(start, first + size), *range(first, end + 1)]
    return numbers[:: int(match[3] or 1)]


def _number(text: str, size: int, first: int) -> int | None:
    """A number of the field's range, or a day's or month's name."""
    number = int(text) if text.isdecimal() else _NAMES.get(size, {}).get(text[:3].lower())
    return number if number is not None and first <= number < first + size else None


def apart(text: str, size: int) -> bool:
    """Whether a field names single values with gaps between them: `3`, `8,12`, `*/2`."""
    numbers = expand(text, size, 1 if size in (31, 12) else 0)
    return numbers is not None and _are_apart(numbers, size)


def _are_apart(numbers: frozenset[int], size: int) -> bool:
    """Whether no two of them are neighbours, the last and the first included."""
    return bool(numbers) and all((n + 1) not in numbers and (n + 1 - size) not in numbers for n in numbers)


def left_open(fields: CrontabFields) -> tuple[str, str] | None:
    """The field, and its text, that is pinned to single values while all below it were left at `*`.

    Ranges are no sign of a mistake: every minute of `hour="9-17"` may well be meant.
    """
    if fields.minute != "*":
        return None
    if fields.hour != "*":
        return ("hour", fields.hour) if apart(fields.hour, 24) else None
    if fields.day_of_week != "*" and apart(fields.day_of_week, 7):
        return "day_of_week", fields.day_of_week
    if fields.day_of_month != "*" and apart(fields.day_of_month, 31):
        return "day_of_month", fields.day_of_month
    return None
