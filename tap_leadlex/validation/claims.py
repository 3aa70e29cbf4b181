"""What a Singer state claims about the contacts. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from math import inf
from typing import Any

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


def read(value: object, stream: str) -> Claim:
    """Read the value of a STATE.

    Args:
        value: The value, as it came.
        stream: The stream whose bookmark counts. States keep its name, whatever a map calls it.

    Raises:
        BadStateError: If the form is wrong. Unknown keys are ignored.
    """
    entry = _within(_within(value, "bookmarks", "value"), stream, "bookmarks")
    bookmark = _instant(entry, "replication_key_value")
    expected = CONTACTS.replication_key
    if bookmark is not None and entry.get("replication_key", expected) != expected:
        msg = f"replication_key is not {expected}"
        raise BadStateError(msg)
    refresh = _within(entry, "refresh", stream) if entry.get("refresh") is not None else None
    under_way = None if refresh is None else _claim(refresh, _instant(refresh, "until"))
    return replace(_claim(entry, bookmark), refresh=under_way)


def _claim(entry: dict[str, Any], position: float | None) -> Claim:
    """Read what the incremental runs and a refresh write alike."""
    told = entry.get("filters") is not None
    filters = _within(entry, "filters", "bookmark") if told else {}
    list_id, tags = filters.get("list_id"), filters.get("tags") or []
    if not isinstance(list_id, str | None) or not isinstance(tags, list):
        msg = "filters: list_id must be text and tags an array"
        raise BadStateError(msg)
    delivered, version = entry.get("delivered"), entry.get("version")
    ledger = _ledger(entry.get("ledger"))
    if delivered is None and ledger:
        delivered = sum(contacts for _, contacts, _ in ledger)
    return Claim(
        position=position,
        since=_instant(entry, "since"),
        delivered=delivered if type(delivered) is int else None,
        list_id=list_id,
        tags=tuple(sorted(map(str, tags))),
        explicit=told,
        version=version if type(version) is int else None,
        ledger=ledger,
    )


def _ledger(value: object) -> tuple[tuple[float, int, str], ...]:
    """Read the stretches; a ledger of another form is ignored."""
    read = []
    for one in value if isinstance(value, list) else ():
        match one:
            case [str() as start, int() as contacts, str() as mark]:
                if (instant := seconds(start)) is not None:
                    read.append((instant, contacts, mark))
            case _:
                return ()
    return tuple(read) if all(one[0] <= two[0] for one, two in pairwise(read)) else ()


def _instant(entry: dict[str, Any], name: str) -> float | None:
    printed = entry.get(name)
    if printed is None:
        return None
    if not isinstance(printed, str) or (instant := seconds(printed)) is None:
        msg = f"{name} is not a date-time"
        raise BadStateError(msg)
    if not is_fixed_width(printed):
        msg = f"{name} does not have the form whose text order is the order of time"
        raise BadStateError(msg)
    return instant


def _within(value: object, name: str, where: str) -> dict[str, Any]:
    """Return an object within an object; an absent one is empty."""
    if not isinstance(value, dict):
        msg = f"{where} is not an object"
        raise BadStateError(msg)
    inner = value.get(name, {})
    if not isinstance(inner, dict):
        msg = f"{name} is not an object"
        raise BadStateError(msg)
    return inner
