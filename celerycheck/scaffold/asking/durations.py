"""Times as people write them: `90s`, `15m`, `1h30m`, `1d`, or a number of seconds."""

from __future__ import annotations

import re

from celerycheck.errors import UsageError

_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_WRITTEN = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", re.ASCII)
_SPELLED = {"day": "d", "hour": "h", "hr": "h", "minute": "m", "min": "m", "second": "s", "sec": "s"}
_LONGEST = 366 * 86_400
EXAMPLES = "Write it as 90s, 15m, 1h30m or 1d."


def seconds(text: str) -> int:
    """Whole seconds, from 1 to a year. Raises UsageError."""
    written = re.sub(r"\s+", "", text).lower()
    match = _WRITTEN.fullmatch(written)
    if written.isascii() and written.isdigit():
        total = int(written[:20])
    elif written and match is not None:
        total = sum(int(n[:20] or 0) * s for n, s in zip(match.groups("0"), _SECONDS.values(), strict=True))
    else:
        raise UsageError(f"{text!r} is no time", _hint(written))
    if not 0 < total <= _LONGEST:
        raise UsageError(
            f"{text!r} is {'less than a second' if total == 0 else 'more than a year'}", EXAMPLES
        )
    return total


def text_of(number: int) -> str:
    """As short as it can be said: 900 is `15m`, 5400 is `1h30m`."""
    parts = []
    for unit, size in _SECONDS.items():
        count, number = divmod(number, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)


def _hint(written: str) -> str:
    match = re.fullmatch(r"(\d+)([a-z]+?)s?", written)
    unit = _SPELLED.get(match[2]) if match else None
    return f"Did you mean {match[1]}{unit}?" if match and unit else EXAMPLES
