"""The ledger: what was delivered, as adjoining stretches of time with their numbers of records.

Records may be created with a date in the past, and be deleted or merged. A stretch that has changed
since it was delivered is stale until it is read again.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, NamedTuple, Self

from tap_leadlex.planning.windows import BEGINNING, Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

MOST_STRETCHES = 256
"""The most stretches that a ledger keeps; beyond it, neighbours are merged."""
# How much of an export merged stretches may fill. The rest is room for what they gain later.
_FILL = 0.9


def fitting(limit: int) -> int:
    """Return how many records may be read again in one export of that limit."""
    return max(1, int(_FILL * limit))


class Stretch(NamedTuple):
    """A range of time that was delivered; it starts where the previous one ends."""

    end: datetime
    records: int  # as many as were delivered or, if it is stale, as the list showed last
    stale: int = 0  # its place in the order in which stretches went stale, from 1; 0 if it did not

    def with_next(self, other: Stretch) -> Stretch:
        """Return this stretch and the next one as one."""
        stale = min(filter(None, (self.stale, other.stale)), default=0)
        return Stretch(other.end, self.records + other.records, stale)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was delivered from a start on, oldest stretch first."""

    since: datetime | None  # `None` for the beginning of history
    stretches: tuple[Stretch, ...] = ()

    @property
    def total(self) -> int:
        """The number of records in all stretches."""
        return sum(each.records for each in self.stretches)

    @property
    def boundaries(self) -> Sequence[datetime | None]:
        """Where the stretches start, and where the last one ends."""
        return [self.since, *(each.end for each in self.stretches)]

    @property
    def ranks(self) -> Sequence[int]:
        """How many records there are before each boundary."""
        return list(accumulate((each.records for each in self.stretches), initial=0))

    def closed(
        self,
        window: Window,
        created: Sequence[datetime],
        *,
        withheld: int = 0,
        countable: bool = True,
        split: datetime | None = None,
    ) -> Self:
        """Return the ledger after the delivery of a window, which may be one that is read again.

        Boundaries inside the window stay. A stretch that the window covers in part is split, and
        its other part has the other records.

        Args:
            window: It starts where the ledger ends, or before.
            created: The instants of its records.
            withheld: How many records more the list shows in it. Only the window as a whole can be
                counted then.
            countable: Whether the list shows no fewer records in it. Otherwise, what the list
                showed before is kept, because later lists are compared with that.
            split: Where to have a boundary inside the window, too.
        """
        start, times = window.start or BEGINNING, sorted(created)
        before = [each for each in self.stretches if each.end <= start]
        inside = self._inside(window)
        after = [each for each in self.stretches if each.end > window.end]
        boundaries = {each.end for each in inside} | ({split} if split else set())
        kept = () if withheld else boundaries
        ends = sorted({window.end, *(each for each in kept if start < each < window.end)})
        ranks = [bisect_left(times, end) for end in ends]
        counts = [later - earlier for earlier, later in pairwise([0, *ranks])]
        counts[-1] += withheld
        if not countable and [each.end for each in inside] == ends:
            counts = [each.records for each in inside]
        if inside and start > (before[-1].end if before else self.since or BEGINNING):
            left = inside[0].records - bisect_left(times, inside[0].end)
            before.append(inside[0]._replace(end=start, records=max(left, 0)))
        if after and (not inside or inside[-1].end < window.end):
            left = after[0].records - counts[-1]
            after[0] = after[0]._replace(records=max(left, 0))
        return replace(self, stretches=(*before, *map(Stretch, ends, counts), *after))

    def records_in(self, window: Window) -> int:
        """Return how many records the stretches that end in a window have."""
        return sum(each.records for each in self._inside(window))

    def _inside(self, window: Window) -> Sequence[Stretch]:
        start = window.start or BEGINNING
        return [each for each in self.stretches if start < each.end <= window.end]

    def marked(self, listed: Mapping[int, int]) -> Self:
        """Return the ledger with stretches marked as stale.

        Args:
            listed: The number of records that the list shows, by the position of the stretch.
        """
        latest = 1 + max((each.stale for each in self.stretches), default=0)
        stretches = (
            Stretch(each.end, listed[position], each.stale or latest)
            if position in listed
            else each
            for position, each in enumerate(self.stretches)
        )
        return replace(self, stretches=tuple(stretches))

    def merged(self, limit: int, young: datetime | None = None) -> Self:
        """Return the ledger with as many stretches as it may have, the smallest pairs merged.

        Pairs that fit an export of that limit come first. So 5.7 million contacts, at 50,000 an
        export, never need a stretch that does not fit; beyond, the largest history gives way.
        Then pairs that are older than `young`, and that are equally stale.
        """
        stretches = list(self.stretches)

        def cost(position: int) -> tuple[bool, bool, bool, int]:
            one, two = stretches[position : position + 2]
            count = one.records + two.records
            is_young = young is not None and two.end > young
            return count > fitting(limit), is_young, bool(one.stale) != bool(two.stale), count

        while len(stretches) > MOST_STRETCHES:
            at = min(range(len(stretches) - 1), key=cost)
            stretches[at : at + 2] = [stretches[at].with_next(stretches[at + 1])]
        return replace(self, stretches=tuple(stretches))

    def stale_windows(self, limit: int) -> Sequence[Window]:
        """Return what to read again, in the order in which it went stale.

        Neighbours that fit one export of that limit are read together.
        """
        stretches = self.stretches
        left = {at for at, each in enumerate(stretches) if each.stale}
        windows = []
        for first in sorted(left, key=lambda at: (stretches[at].stale, at)):
            if first not in left:
                continue
            end, count = first + 1, stretches[first].records
            while end in left and count + stretches[end].records <= fitting(limit):
                count += stretches[end].records
                end += 1
            left -= set(range(first, end))
            windows.append(Window(self.boundaries[first], stretches[end - 1].end))
        return windows
