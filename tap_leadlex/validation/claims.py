"""What a Singer state claims about the contacts. Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from math import inf
from operator import itemgetter
from typing import Any

import msgspec

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.instants import is_fixed_width, seconds


class BadStateError(ValueError):
    """A state that the next run cannot read; the message says why, without values."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What a state says; instants are seconds since 1970.

    Attributes:
        position: Every contact created before it was delivered; `None` if nothing is claimed.
        since: The earliest creation instant that was synced; `None` for the beginning of history.
        delivered: How many contacts were delivered up to the position; `None` if it does not say.
        list_id: The list that the position was earned under.
        tags: The tags that it was earned under.
        explicit: Whether the state itself names `since` and the filters.
        version: The table version of a full refresh.
        ledger: The boundaries of the stretches delivered, each with its number of contacts and
            whether LeadLex has changed since.
        refresh: What the full refresh that is under way claims.
    """

    position: float | None = None
    since: float | None = None
    delivered: int | None = None
    list_id: str | None = None
    tags: tuple[str, ...] = ()
    explicit: bool = False
    version: int | None = None
    ledger: tuple[tuple[float, int, str], ...] = ()
    refresh: Claim | None = None

    def read_again(self, after: Claim) -> list[tuple[float, float]]:
        """Return the ranges that the tap may have read again between this state and a later one.

        It does so with stretches that are out of date, below the bookmark, which stays. Whether a
        boundary starts or ends its stretch is left open, so both neighbours count.
        """
        changed = set(self.ledger) ^ set(after.ledger)
        ranges = []
        for ledger in (self.ledger, after.ledger):
            instants = [-inf, *(start for start, *_ in ledger), inf]
            ranges += [
                (low, high)
                for low, one, high in zip(instants, ledger, instants[2:], strict=False)
                if one[2] != "ok" or one in changed
            ]
        return ranges


class _Filters(msgspec.Struct):
    list_id: str | None = None
    tags: list[str] | None = None


class _Entry(msgspec.Struct):
    """What the incremental runs and a refresh write alike, and each of its own."""

    replication_key: str | None = None
    replication_key_value: str | None = None
    until: str | None = None
    since: str | None = None
    filters: _Filters | None = None
    delivered: Any = None
    version: Any = None
    ledger: Any = None
    refresh: _Entry | tuple[_Entry] | None = None  # an earlier release wrote it alone


class _State(msgspec.Struct):
    bookmarks: dict[str, Any] = {}


def read(value: object) -> Claim:
    """Read the value of a STATE, which keeps the name of the stream whatever a map calls it.

    Raises:
        BadStateError: If the form is wrong. Unknown keys are ignored.
    """
    try:
        bookmarks = msgspec.convert(value, _State).bookmarks
        entry = msgspec.convert(bookmarks.get(CONTACTS.name, {}), _Entry)
    except msgspec.ValidationError as error:
        raise BadStateError(str(error)) from None
    bookmark, key = _instant(entry, "replication_key_value"), CONTACTS.replication_key
    if bookmark is not None and entry.replication_key not in {key, None}:
        msg = f"replication_key is not {key}"
        raise BadStateError(msg)
    claim = _claim(entry, bookmark)
    if entry.refresh is None:
        return claim
    refresh = entry.refresh[0] if isinstance(entry.refresh, tuple) else entry.refresh
    return replace(claim, refresh=_claim(refresh, _instant(refresh, "until")))


def _claim(entry: _Entry, position: float | None) -> Claim:
    filters = entry.filters or _Filters()
    ledger = _ledger(entry.ledger)
    delivered = entry.delivered
    if delivered is None and ledger:
        delivered = sum(contacts for _, contacts, _ in ledger)
    return Claim(
        position=position,
        since=_instant(entry, "since"),
        delivered=delivered if type(delivered) is int else None,
        list_id=filters.list_id,
        tags=tuple(sorted(filters.tags or ())),
        explicit=entry.filters is not None,
        version=entry.version if type(entry.version) is int else None,
        ledger=ledger,
    )


def _ledger(value: object) -> tuple[tuple[float, int, str], ...]:
    """Read the stretches; a ledger of another form is ignored."""
    with suppress(msgspec.ValidationError):
        printed = msgspec.convert(value, tuple[tuple[str, int, str], ...])
        ledger = tuple(
            (instant, contacts, mark)
            for start, contacts, mark in printed
            if (instant := seconds(start)) is not None
        )
        if len(ledger) == len(printed) and sorted(ledger, key=itemgetter(0)) == list(ledger):
            return ledger
    return ()


def _instant(entry: _Entry, name: str) -> float | None:
    printed = getattr(entry, name)
    if printed is None:
        return None
    if (instant := seconds(printed)) is None:
        msg = f"{name} is not a date-time"
        raise BadStateError(msg)
    if not is_fixed_width(printed):
        msg = f"{name} does not have the form whose text order is the order of time"
        raise BadStateError(msg)
    return instant
