"""Instants: reading them in every ISO 8601 form, writing them in one. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse(text: str) -> datetime:
    """Read an instant.

    Args:
        text: Any ISO 8601 form: `Z`, an offset or none (which means UTC), with or without a
            fraction, or a bare date (which means its midnight). Digits beyond microseconds are
            cut off.

    Returns:
        The instant, aware and in UTC.

    Raises:
        ValueError: If the text is no date.
    """
    instant = datetime.fromisoformat(text.upper())
    if instant.tzinfo is UTC:
        return instant
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def canonical(instant: datetime) -> str:
    """Write an instant for a bookmark: UTC and of fixed width, so that text order is time order."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def plain(instant: datetime) -> str:
    """Write an instant for people, queries and records: a fraction only where there is one."""
    return canonical(instant).replace(".000000Z", "Z")


def as_printed(text: str, instant: datetime) -> str:
    """Keep a printed instant that is RFC 3339 in UTC, write any other form as such.

    Args:
        text: The instant as LeadLex printed it.
        instant: What `parse` made of that text.
    """
    match = _RFC3339.fullmatch(text)
    return text if match and match[1] in {"Z", "+00:00"} else plain(instant)


def is_complete(text: str) -> bool:
    """Tell whether a printed instant has everything down to its zone: nothing was cut off."""
    return _RFC3339.fullmatch(text) is not None


def resolution(instant: datetime) -> timedelta:
    """Give the coarsest step (second, millisecond, microsecond) that can express an instant."""
    if not instant.microsecond:
        return SECOND
    return MICROSECOND if instant.microsecond % 1000 else MILLISECOND


def floor(instant: datetime, unit: timedelta = SECOND) -> datetime:
    """Cut an instant down to a whole second, millisecond or microsecond."""
    step = unit // MICROSECOND
    return instant.replace(microsecond=instant.microsecond // step * step)
