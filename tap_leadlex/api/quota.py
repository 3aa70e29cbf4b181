"""When to repeat a refused call. Pure: headers and clock in, decision out.

LeadLex's documentation names `X-RateLimit-Reset` without its unit, and never `Retry-After`; a 429
may mean the quota of the minute, the hour or the day. So every form is understood, and none is
believed that would mean a tight loop or an endless wait.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tap_leadlex import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# The export quota is ten calls an hour: if LeadLex does not say when it reopens, an hour is enough.
UNTOLD = timedelta(hours=1)
SHORTEST = timedelta(seconds=30)
LONGEST = timedelta(days=1)
_DOUBLINGS = 10  # more than enough from the shortest to the untold wait
_EPOCH_SECONDS = 10**9
_EPOCH_MILLISECONDS = 10**11


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do after a refusal."""

    wait: timedelta | None  # before the next try; `None` to stop
    opens: datetime  # when the quota should reopen
    told: bool  # by LeadLex; otherwise `opens` is the latest possible time


def decide(
    headers: Mapping[str, str], now: datetime, *, refusals: int, allowed: timedelta
) -> Decision:
    """Decide after a 429 whether to wait, and how long.

    Args:
        headers: The headers of the refusal.
        now: The present instant, by the clock of the headers.
        refusals: How often the same call has been refused in a row, including this time.
        allowed: How long the run may still wait in all.
    """
    told = _told(headers, now)
    # If the quota should be open and still refuses, ask less and less often.
    shortest = min(SHORTEST * 2 ** min(refusals - 1, _DOUBLINGS), UNTOLD)
    wait = UNTOLD if told is None else max(told, shortest)
    return Decision(wait if wait <= allowed else None, now + wait, told is not None)


def _told(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long LeadLex says to wait; `None` if it says nothing sensible."""
    for wait in (_retry_after(headers, now), _reset(headers, now)):
        if wait is not None and -LONGEST <= wait <= LONGEST:
            return max(wait, timedelta(0))
    return None


def _retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read `Retry-After`: seconds or an HTTP date (RFC 9110, 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    try:
        return timedelta(seconds=float(text))
    except (OverflowError, ValueError):
        return _since(now, text, parsedate_to_datetime)


def _reset(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Read `X-RateLimit-Reset`: epoch seconds or milliseconds, seconds left, or ISO 8601."""
    text = headers.get("X-RateLimit-Reset", "").strip()
    try:
        number = float(text)
        if number >= _EPOCH_MILLISECONDS:
            return datetime.fromtimestamp(number / 1000, UTC) - now
        if number >= _EPOCH_SECONDS:
            return datetime.fromtimestamp(number, UTC) - now
        return timedelta(seconds=number)
    except (OSError, OverflowError, ValueError):
        return _since(now, text, timestamps.parse)


def _since(now: datetime, text: str, parse: Callable[[str], datetime]) -> timedelta | None:
    """Return the time until a date; `None` if it cannot be parsed."""
    try:
        return parse(text).astimezone(UTC) - now
    except (OverflowError, ValueError):
        return None
