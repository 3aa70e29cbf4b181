"""Instants as seconds since 1970 UTC: exact to the microsecond, cheap to compare. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

HOUR = 3600.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED_WIDTH = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def seconds(text: object) -> float | None:
    """Read an ISO 8601 instant.

    Args:
        text: `Z`, an offset or no zone (which means UTC), or a bare date (its midnight).

    Returns:
        Seconds since 1970 UTC, or `None` for what is no date.
    """
    try:
        instant = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.timestamp()


def is_fixed_width(text: str) -> bool:
    """Tell whether a bookmark has the one form whose text order is the order of time."""
    return _FIXED_WIDTH.fullmatch(text) is not None


def moment(instant: float) -> datetime:
    """Give the aware datetime of seconds since 1970."""
    return _EPOCH + timedelta(seconds=instant)


def plain(instant: float) -> str:
    """Write an instant for people and queries: a fraction only where there is one."""
    text = moment(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    return text.replace(".000000Z", "Z")


def floor_month(instant: float) -> float:
    """Give the beginning of an instant's month."""
    first = moment(instant).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.timestamp()


def next_month(instant: float) -> float:
    """Give the beginning of the month after an instant's."""
    return floor_month(floor_month(instant) + 32 * 24 * HOUR)
