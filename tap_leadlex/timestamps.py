"""Timestamps: parse any ISO 8601 form, write one. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)
MICROSECOND = timedelta(microseconds=1)
FIRST_YEAR = 1900
"""The first year that settings, states and the list may name; earlier ones are mistakes."""
LAST_YEAR = 2200
"""The last year that states and the list may name; later ones are mistakes."""

_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?"
_RFC3339 = re.compile(rf"{_TIME}(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_RFC3339_IN_UTC = re.compile(rf"{_TIME}(?:Z|\+00:00)", re.ASCII).fullmatch
_LINES_IN_UTC = re.compile(rf"(?:{_TIME}(?:Z|\+00:00)\n)*+", re.ASCII).fullmatch


def parse(text: str) -> datetime:
    """Parse a timestamp in any ISO 8601 form into an aware instant in UTC.

    No offset means UTC, and a bare date its midnight. Digits beyond microseconds are cut off.

    Raises:
        ValueError: If the text is not a date.
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


def parse_given(text: str) -> datetime:
    """Parse a timestamp of a setting; raise `ValueError` if it must be a mistake."""
    instant = parse(text)
    if instant.year < FIRST_YEAR:
        raise ValueError(text)
    return instant


def parse_credible(text: str) -> datetime:
    """Parse a timestamp of a state or of the list; raise `ValueError` if it must be a mistake."""
    instant = parse(text)
    if not is_credible(instant):
        raise ValueError(text)
    return instant


def is_credible(instant: datetime) -> bool:
    """Return whether a bookmark may be at an instant."""
    return FIRST_YEAR <= instant.year <= LAST_YEAR


def canonical(instant: datetime) -> str:
    """Write an instant for a bookmark: UTC and of fixed width, so that text order is time order."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ").rjust(27, "0")


def plain(instant: datetime) -> str:
    """Write an instant for people, queries and records: with a fraction only if it has one."""
    return canonical(instant).replace(".000000Z", "Z")


def normalize(text: str) -> tuple[datetime, str]:
    """Parse a printed timestamp, and return its text in RFC 3339 in UTC, too.

    The text stays as printed if it has that form; otherwise it is as `plain` writes it.

    Raises:
        ValueError: If the text is not a date.
    """
    if _RFC3339_IN_UTC(text):
        return datetime.fromisoformat(text), text
    instant = parse(text)
    return instant, plain(instant)


def normalize_all(texts: Sequence[str]) -> tuple[Sequence[datetime], Sequence[str]]:
    """Normalize printed timestamps like `normalize`; quickly if all are RFC 3339 in UTC."""
    if _LINES_IN_UTC("\n".join([*texts, ""])):
        return list(map(datetime.fromisoformat, texts)), texts
    instants, normalized = zip(*map(normalize, texts), strict=True)
    return instants, normalized


def is_complete(text: str) -> bool:
    """Return whether a printed timestamp is complete, down to its zone."""
    return _RFC3339(text) is not None


def resolution(instant: datetime) -> timedelta:
    """Return the coarsest unit (second, millisecond, microsecond) that can express an instant."""
    if not instant.microsecond:
        return SECOND
    return MICROSECOND if instant.microsecond % 1000 else MILLISECOND


def floor(instant: datetime, unit: timedelta = SECOND) -> datetime:
    """Round an instant down to a whole second, millisecond or microsecond."""
    step = unit // MICROSECOND
    return instant.replace(microsecond=instant.microsecond // step * step)
