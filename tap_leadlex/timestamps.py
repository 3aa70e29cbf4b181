"""Instants: reading them in every ISO 8601 form, writing them in one. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?"
_RFC3339 = re.compile(rf"{_TIME}(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_RFC3339_IN_UTC = re.compile(rf"{_TIME}(?:Z|\+00:00)", re.ASCII).fullmatch


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


def read(text: str) -> tuple[datetime, str]:
    """Read a printed instant, and keep its text where that is RFC 3339 in UTC.

    Args:
        text: The instant as LeadLex printed it.

    Returns:
        The instant, as `parse` gives it, and its text: as printed, or as `plain` writes it.

    Raises:
        ValueError: If the text is no date.
    """
    if _RFC3339_IN_UTC(text):
        return datetime.fromisoformat(text), text
    instant = parse(text)
    return instant, plain(instant)


def read_all(texts: Sequence[str]) -> tuple[Sequence[datetime], Sequence[str]]:
    """Read printed instants; each as `read` does, but all at once where all are RFC 3339 in UTC."""
    if all(map(_RFC3339_IN_UTC, texts)):
        return list(map(datetime.fromisoformat, texts)), texts
    instants, kept = zip(*map(read, texts), strict=True)
    return instants, kept


def is_complete(text: str) -> bool:
    """Tell whether a printed instant has everything down to its zone: nothing was cut off."""
    return _RFC3339(text) is not None


def resolution(instant: datetime) -> timedelta:
    """Give the coarsest step (second, millisecond, microsecond) that can express an instant."""
    if not instant.microsecond:
        return SECOND
    return MICROSECOND if instant.microsecond % 1000 else MILLISECOND


def floor(instant: datetime, unit: timedelta = SECOND) -> datetime:
    """Cut an instant down to a whole second, millisecond or microsecond."""
    step = unit // MICROSECOND
    return instant.replace(microsecond=instant.microsecond // step * step)
