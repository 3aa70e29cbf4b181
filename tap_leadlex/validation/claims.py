"""What a Singer state claims about the contacts. Pure."""

from __future__ import annotations

from itertools import pairwise
from math import inf
from typing import Annotated, Any, TypeAlias

import msgspec

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.instants import is_fixed_width, seconds


class BadStateError(ValueError):
    """A state that the next run cannot read; the message says why, without values."""


class Instant(float):
    """Seconds since 1970."""


class Filters(msgspec.Struct, frozen=True):
    """What the contacts were filtered by."""

    list_id: str | None = None
    tags: tuple[str, ...] | None = None


_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]
_Mark: TypeAlias = Annotated[str, msgspec.Meta(pattern="^(ok|stale( [0-9]+)?)$")]
_Stretches: TypeAlias = Annotated[
    tuple[tuple[Instant, _Count, _Mark], ...], msgspec.Meta(max_length=256)
]


class Claim(msgspec.Struct, frozen=True):
    """What a state says: every contact created before a position was delivered, if it has one."""

    position: Instant | None = msgspec.field(default=None, name="replication_key_value")
    since: Instant | None = None  # where the sync began, `None` for the beginning of history
    delivered: _Count | None = None
    withheld: _Count | None = None  # contacts that LeadLex lists and does not export
    filters: Filters | None = None
    version: int | None = None
    # The stretches delivered: each with its end, its contacts and whether LeadLex changed since.
    ledger: _Stretches | None = None
    refresh: tuple[Refresh] | Refresh | None = None  # an earlier release wrote it alone
    replication_key: str | None = None

    @property
    def explicit(self) -> bool:
        """Whether the state itself names `since` and the filters."""
        return self.filters is not None

    @property
    def list_id(self) -> str | None:
        """The list that the position was earned under."""
        return None if self.filters is None else self.filters.list_id

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags that the position was earned under."""
        return () if self.filters is None else tuple(sorted(self.filters.tags or ()))

    @property
    def under_way(self) -> Claim | None:
        """What the full refresh that is under way claims."""
        return self.refresh[0] if isinstance(self.refresh, tuple) else self.refresh

    @property
    def counted(self) -> int | None:
        """How many contacts were delivered up to the position, if the state says so."""
        if not self.ledger:
            return self.delivered
        if self.position is not None and self.ledger[-1][0] > self.position:
            return None  # somebody set the bookmark back
        return self._total if self.delivered is None else self.delivered

    @property
    def contradiction(self) -> str:
        """What the ledger says against the rest of the state, if anything."""
        if not self.ledger:
            return ""
        if self.position is not None and self.ledger[-1][0] < self.position:
            return "it ends before the bookmark"
        return "" if self.delivered in {self._total, None} else "its counts do not sum to delivered"

    @property
    def _total(self) -> int:
        listed = sum(contacts for _, contacts, _ in self.ledger or ())
        return max(listed - (self.withheld or 0), 0)

    def read_again(self, after: Claim) -> list[tuple[float, float]]:
        """Return the ranges that the tap may have read again between this state and a later one.

        It does so with stretches that are stale, below the bookmark, which stays.
        """
        before, now = self._stretches, after._stretches
        stale = {bounds for each in (before, now) for bounds, stretch in each.items() if stretch[1]}
        changed = {bounds for bounds in before.keys() & now.keys() if before[bounds] != now[bounds]}
        reached = -inf if self.position is None else self.position
        return [bounds for bounds in stale | changed if bounds[1] <= reached]

    @property
    def _stretches(self) -> dict[tuple[float, float], tuple[int, bool]]:
        """The stretches: how many contacts each has, and whether it is stale, by its bounds."""
        ledger = self.ledger or ()
        starts = [-inf, *(end for end, *_ in ledger)]
        return {
            (start, end): (contacts, mark != "ok")
            for start, (end, contacts, mark) in zip(starts, ledger, strict=False)
        }


class Refresh(Claim, frozen=True):
    """What a full refresh that is under way claims."""

    position: Instant | None = msgspec.field(default=None, name="until")


class _State(msgspec.Struct):
    bookmarks: dict[str, Any] = {}


def read(value: object) -> Claim:
    """Read the value of a STATE, which keeps the name of the stream whatever a map calls it.

    Raises:
        BadStateError: If the form is wrong. Unknown keys are ignored.
    """
    try:
        bookmarks = msgspec.convert(value, _State).bookmarks
        claim = msgspec.convert(bookmarks.get(CONTACTS.name, {}), Claim, dec_hook=_instant)
    except msgspec.ValidationError as error:
        raise BadStateError(str(error)) from None
    expected = CONTACTS.replication_key
    if claim.position is not None and claim.replication_key not in {expected, None}:
        msg = f"replication_key is not {expected}"
        raise BadStateError(msg)
    if any(one >= two for (one, *_), (two, *_) in pairwise(claim.ledger or ())):
        msg = "the stretches of the ledger are not in order"
        raise BadStateError(msg)
    return claim


def _instant(_: type, printed: object) -> Instant:
    if (instant := seconds(printed)) is None:
        msg = "not a date-time"
        raise ValueError(msg)
    if not is_fixed_width(str(printed)):
        msg = "not of the form whose text order is the order of time"
        raise ValueError(msg)
    return Instant(instant)
