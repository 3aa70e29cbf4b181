"""Drift: stretches whose records have changed since they were delivered, found by the list.

Contacts may be created with a date up to five years back, and be deleted or merged. No export from
the bookmark on shows that. The list does: the number of its entries before a boundary changes.
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from tap_leadlex.errors import ListError
from tap_leadlex.planning.ledger import Ledger, Stretch, fitting
from tap_leadlex.planning.ranks import CONTRADICTS, Ranks
from tap_leadlex.planning.windows import PAGE, Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import ReadPage

MOST_LOOK_UPS = 300
"""The most look-ups of one check; the next run continues it."""
ROTATED = 8
"""The most boundaries inside the ledger that every check compares."""


class Drift(NamedTuple):
    """How the list differs from a ledger."""

    more: int  # records, in the stretches where it shows more
    fewer: int
    ranges: int  # stretches that have changed
    window: Window  # where they are

    @classmethod
    def of(cls, ledger: Ledger, listed: Mapping[int, int]) -> Drift:
        """Sum up changes; `listed` has the numbers of records, by the position of the stretch."""
        differences = [listed[at] - ledger.stretches[at].records for at in listed]
        more = sum(each for each in differences if each > 0)
        window = Window(ledger.boundaries[min(listed)], ledger.stretches[max(listed)].end)
        return cls(more, more - sum(differences), len(listed), window)


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
    inside = last - 1
    chosen = min(inside, ROTATED)
    stride = ceil(inside / chosen) if inside else 1
    first = (day - day // stride) % stride
    return sorted(1 + (first + nth * inside // chosen) % inside for nth in range(chosen))


def counted(
    read: ReadPage, since: datetime | None, bookmark: datetime, records: int, limit: int
) -> Ledger:
    """Make a ledger by counting in the list, for a state that has none.

    Args:
        read: Reads the list, from a second before a start on.
        since: Where the sync began; `None` for the beginning of history.
        bookmark: Where it has arrived.
        records: How many records the list should show. If it shows others, the ledger has only
            one stretch, because nothing says where they are.
        limit: The most rows of an export.

    Raises:
        ListError: If the list cannot be read, or contradicts itself.
        LookUpsUsedError: If it takes too many look-ups.
    """
    ranks = Ranks(read, since, MOST_LOOK_UPS)
    first = ranks.before(since, [0]) if since else 0
    last = ranks.before(bookmark, [first + records])
    if last - first != records:
        return Ledger(since, (Stretch(bookmark, last - first),))
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
