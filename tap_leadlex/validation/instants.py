"""Instants as seconds since 1970 UTC: exact to the microsecond, cheap to compare. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

MINUTE, HOUR = 60.0, 3600.0
DAY = 24 * HOUR
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIXED_WIDTH = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", re.ASCII)


def seconds(text: object) -> float | None:
    """Parse an ISO 8601 instant, without a zone as UTC, or a date; `None` if that fails."""
    try:
        instant = datetime.fromisoformat(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=UTC)
    return instant.timestamp()


def is_fixed_width(text: str) -> bool:
    """Return whether a bookmark has the one form whose text order is the order of time."""
    return _FIXED_WIDTH.fullmatch(text) is not None


def moment(instant: float) -> datetime:
    """Return the aware datetime of an instant."""
    return _EPOCH + timedelta(seconds=instant)


def plain(instant: float | None) -> str:
    """Format an instant for people and queries, with a fraction only if it has one."""
    if instant is None:
        return "the beginning"
    text = moment(instant).strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")
    return text.replace(".000000Z", "Z")


def hours(created: list[float]) -> str:
    """Format the range of whole hours that contains all these instants."""
    return f"{plain(min(created) // HOUR * HOUR)} to {plain((max(created) // HOUR + 1) * HOUR)}"


def next_month(instant: float) -> float:
    """Return the start of the month after an instant's."""
    first = moment(instant).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1).timestamp()


def split(start: float, end: float) -> float | None:
    """Return a boundary strictly between two instants and near their middle, if there is one.

    It is that of a month, else of a day, else of an hour.
    """
    months = []
    month = next_month(start)
    while month < end:
        months.append(month)
        month = next_month(month)
    if months:
        return months[len(months) // 2]
    for unit in (DAY, HOUR):
        first, last = start // unit + 1, -(-end // unit) - 1
        if first <= last:
            return (first + last) // 2 * unit
    return None
