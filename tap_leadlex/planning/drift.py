"""Drift: stretches whose records have changed since they were delivered, found by the list.

Contacts may be created with a date up to five years back, and be deleted or merged. No export from
the bookmark on shows that. The list does: the number of its entries before a boundary changes.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.errors import ListError
from tap_leadlex.planning.ledger import Ledger, Stretch, fitting
from tap_leadlex.planning.ranks import CONTRADICTS, Ranks
from tap_leadlex.planning.windows import PAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import LookUp, ReadPage

MOST_LOOK_UPS = 300
"""The most look-ups of one check; the next run continues it."""
ROTATED = 8
"""The most boundaries inside the ledger that every check compares."""


def changes(ledger: Ledger, read: ReadPage, until: datetime, day: int) -> Iterator[tuple[int, int]]:
    """Compare a ledger with the list, and yield each changed stretch that this shows.

    The number of entries before the last boundary shows whether anything has changed, unless
    changes cancel out. So some other boundaries are compared, too.

    Args:
        ledger: What was delivered.
        read: Reads the list, from a second before a start on.
        until: The last boundary to compare is not after this instant.
        day: The number of the day, which chooses the other boundaries.

    Yields:
        The position of the stretch, and how many records the list shows in it.

    Raises:
        ListError: If the list cannot be read, or contradicts itself.
        LookUpsUsedError: If the check takes too many look-ups.
    """
    last = sum(each.end <= until for each in ledger.stretches)
    if last:
        check = _Check(ledger, Ranks(read, ledger.since, MOST_LOOK_UPS))
        yield from check.changes(last, rotated(last, day))


def rotated(last: int, day: int) -> Sequence[int]:
    """Choose boundaries inside a ledger, evenly; every one of them comes up in time.

    The quotient keeps weekly runs from choosing the same ones every time.
    """
    stride = max(ceil((last - 1) / ROTATED), 1)
    return range(1 + (day - day // stride) % stride, last, stride)


def counted(
    read: ReadPage, since: datetime | None, bookmark: datetime, records: int, limit: int
) -> Ledger:
    """Make a ledger by counting in the list, for a state that has none.

    Args:
        read: Reads the list, from a second before a start on.
        since: Where the sync began; `None` for the beginning of history.
        bookmark: Where it has arrived.
        records: How many records the list should show; the ledger has as many as it does show.
        limit: The most rows of an export.

    Raises:
        ListError: If the list cannot be read, or contradicts itself.
        LookUpsUsedError: If it takes too many look-ups.
    """
    ranks = Ranks(read, since, MOST_LOOK_UPS)
    first = ranks.before(since, [0]) if since else 0
    last = ranks.before(bookmark, [first + records])
    parts = min(ceil((last - first) / fitting(limit)), MOST_LOOK_UPS // 3)
    ends: dict[int, datetime] = {}
    for part in range(1, parts):
        rank = first + (last - first) * part // parts
        end = ranks.edge(rank)
        ends[ranks.before(end, [rank])] = end
    if ranks.before(bookmark, [last]) != last:
        raise ListError(CONTRADICTS)
    inside = sorted(rank for rank in ends if first < rank < last)
    return Ledger(
        since,
        tuple(
            Stretch(ends.get(after, bookmark), after - before)
            for before, after in pairwise([first, *inside, last])
        ),
    )


class _Check:
    """Finds the stretches between boundaries where the numbers of the list differ.

    Records may be created or deleted between two look-ups. So a stretch counts as changed only if
    the first of its two boundaries that was looked up is still the same after the second.
    """

    def __init__(self, ledger: Ledger, ranks: Ranks) -> None:
        self._boundaries = ledger.boundaries
        self._delivered = ledger.ranks
        self._ranks = ranks
        self._listed: dict[int, int] = {}  # entries before each boundary, in order of look-up

    def changes(self, last: int, others: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield the changed stretches before a boundary, oldest first."""
        self._listed[0] = self._count(0, [0])
        self._listed[last] = self._count(last, [self._delivered[last] + self._listed[0]])
        for before, boundary in pairwise([0, *others]):
            self._look_between(before, boundary, last)
        for start, end in pairwise([0, *others, last]):
            yield from self._changes_between(start, end)

    def _changes_between(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        if self._shift(start) == self._shift(end):
            return
        if end - start == 1:
            if self._is_sure(start, end):
                yield start, self._listed[end] - self._listed[start]
            return
        middle = (start + end) // 2
        self._look_between(start, middle, end)
        yield from self._changes_between(start, middle)
        yield from self._changes_between(middle, end)

    def _look_between(self, start: int, boundary: int, end: int) -> None:
        """Count the entries before a boundary between two others.

        If one stretch has changed, the shift is that of one of the two; if many have, in between.
        """
        first, last = self._shift(start), self._shift(end)
        delivered = self._delivered
        span = delivered[end] - delivered[start]
        share = (delivered[boundary] - delivered[start]) / span if span else 0.5
        shifts = [first, last, first + round(share * (last - first))]
        if abs(last - first) < PAGE // 2:  # one page shows all of them
            shifts = [(first + last) // 2]
        self._listed[boundary] = self._count(
            boundary,
            [delivered[boundary] + shift for shift in shifts],
            self._listed[start],
            self._listed[end],
        )

    def _is_sure(self, start: int, end: int) -> bool:
        """Look up again the boundary that was looked up first."""
        first = next(each for each in self._listed if each in {start, end})
        return self._count(first, [self._listed[first]]) == self._listed[first]

    def _count(
        self, boundary: int, guesses: Sequence[int], low: int = 0, high: int | None = None
    ) -> int:
        instant = self._boundaries[boundary]
        return self._ranks.before(instant, guesses, low, high) if instant else 0

    def _shift(self, boundary: int) -> int:
        return self._listed[boundary] - self._delivered[boundary]


def drift(
    entry: LookUp,
    now: Callable[[], datetime],
    bookmark: datetime,
    since: datetime | None,
    delivered: int,
) -> int | None:
    """Compare what LeadLex has below the bookmark with what was delivered, in two list calls.

    Args:
        entry: Returns the entry of the list at a rank above a lower bound.
        now: Returns LeadLex's time at the last call.
        bookmark: Where the records end that were delivered.
        since: Where they begin; `None` for the beginning of history.
        delivered: How many they are.

    Returns:
        How many records more (or, negative, fewer) LeadLex has there. 0 also if the two calls
        contradict each other, for example because records were created in between. `None` if the
        list has no total.

    Raises:
        ListError: If the list cannot be read.
    """
    everyone = entry(_just_before(since) if since else None, max(delivered, 1))
    if everyone.total is None:
        return None
    asked = now()
    # The record delivered last must still be there, unless some are gone.
    last = everyone.created_at
    none_gone = not delivered or (last is not None and last < bookmark)
    # This many should be above the bookmark, unless some were created below it. One more can only
    # have been created between the calls, unless some are gone.
    above = max(everyone.total - delivered, 0)
    further = entry(_just_before(bookmark), max(above, 1) if none_gone else above + 1)
    if further.total is None:
        return None
    change = everyone.total - further.total - delivered
    if none_gone:
        return change if change > 0 and further.created_at is None else 0
    believable = further.created_at is None or bookmark <= further.created_at < asked
    return change if change < 0 and believable else 0


def _just_before(instant: datetime) -> datetime:
    """Return a bound that includes an instant, whether the bound is inclusive or not."""
    return instant - timestamps.MICROSECOND
