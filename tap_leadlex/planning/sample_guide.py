"""Window ends without the contact list: from the yields of closed windows and from full exports.

A full export proves nothing, but it shows some contacts of its window. Where the server sorts by
time, they are the first or the last ones and mark an edge; otherwise they are a sample by chance,
and their quantiles foretell the windows to come. Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.planning.windows import Fence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.planning.windows import Window

# How much of an export to fill by the rows of a sorted one, less than all for the rows just outside
# the window; by the quantiles of a sample, before their chance error, and by
# the pace of the windows before.
FILL_BY_ORDER = 0.975
FILL_BY_SAMPLE = 0.95
FILL_BY_PACE = 0.8
# A window that holds less than this part of an export is none to foretell others by.
LOW_YIELD = 0.1
# How much more a window may take to reach a fence, so that no crumb is left for another export.
STRETCH = 1.2
# How many such windows to step back at once from the rows of a server that gives the last ones.
JUMP = 1
# How far the dates may stray from an even spread (0 to 1) and still foretell the next window.
SMOOTH = 0.15
_PROBES = 20
# So many contacts tell well enough whether all are spread evenly.
_SOME = 1_000
# So many windows at most are foretold for the next run.
_MOST_AHEAD = 100
_BEGINNING = datetime.min.replace(tzinfo=UTC)


class Order(Enum):
    """The order in which the server seems to give its rows, by `created_at`."""

    ASCENDING = auto()
    DESCENDING = auto()
    NONE = auto()


def order(seen: Sequence[datetime]) -> Order:
    """Read the server's order off the rows of one export."""
    if all(earlier <= later for earlier, later in pairwise(seen)):
        return Order.ASCENDING
    if all(earlier >= later for earlier, later in pairwise(seen)):
        return Order.DESCENDING
    return Order.NONE


def is_smooth(sorted_instants: Sequence[datetime]) -> bool:
    """Tell whether instants are spread about evenly over the time that they span."""
    if not sorted_instants:
        return False
    first, last = sorted_instants[0], sorted_instants[-1]
    if first == last:
        return False
    steps = len(sorted_instants) - 1
    return all(
        abs((sorted_instants[steps * probe // _PROBES] - first) / (last - first) - probe / _PROBES)
        < SMOOTH
        for probe in range(1, _PROBES)
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    """Contacts of a window picked by chance: sorted, with what was delivered before the window."""

    sorted_instants: Sequence[datetime]
    end: datetime
    delivered: int


@dataclass(frozen=True, slots=True)
class _Closed:
    """A window that was closed, and some of its contacts: all would be kept while more come."""

    window: Window
    contacts: int
    sorted_some: Sequence[datetime]


class SampleAdvice:
    """Finds window ends from what exports have shown so far.

    It keeps fences: the ends of the stretches that are still to be read, the nearest last.
    """

    def __init__(self, whole: Window, plan: Sequence[Fence] = ()) -> None:
        """Begin with one stretch, or with those that a run before has found.

        Args:
            whole: The range of the run.
            plan: The plan of the run before: what is left of it holds where nothing changed.
        """
        self._fences = _fences(whole, plan)
        self._samples: list[_Sample] = []
        self._delivered = 0
        self._closed: _Closed | None = None
        self._width: timedelta | None = None  # of a window that would be well filled
        self._pace_failed = False
        self._order_used = False
        self._order_trusted = True

    def fence(self, start: datetime | None) -> tuple[datetime, bool]:
        """Give the end of the stretch that begins at a start, and whether it is thought to fit."""
        while start is not None and self._fences[-1].end <= start:
            self._fences.pop()
        fence = self._fences[-1]
        fits = fence.fits_from is not None and (start or _BEGINNING) >= fence.fits_from
        return fence.end, fits

    def end(self, start: datetime | None, limit: int) -> datetime:
        """Find the end of a window that should fit one export.

        Args:
            start: The start of the window.
            limit: The rows of one export.
        """
        fence, fits = self.fence(start)
        guess = None
        if not fits and start is not None:
            guess = self._by_sample(start, start, limit) or self._by_pace(start, fence, limit)
        return min(guess or fence, fence)

    def plan(self, start: datetime | None, limit: int, *, ahead: bool) -> Sequence[Fence]:
        """Put what is known into fences, for a run that goes on from a start.

        Args:
            start: Where the next window begins.
            limit: The rows of one export.
            ahead: Whether to foretell windows as well.

        Returns:
            The fences, the nearest last; none where there is nothing to say.
        """
        self.fence(start)
        fences = self._fences
        if ahead and start is not None and (foretold := self._ahead(start, limit)):
            last = foretold[-1].end
            # What felt for a first window is of no use where windows are foretold.
            kept = [fence for fence in fences if fence.fits_from or fence.end > last]
            fences = [*kept, *reversed(foretold)]
        # Whether LeadLex heeds fractions is seen only in the run that has split a second.
        plan = [fence for fence in fences if timestamps.resolution(fence.end) >= timestamps.SECOND]
        return () if plan == [Fence(plan[0].end)] else plan

    def split(self, window: Window, middle: datetime) -> None:
        """Have a window read in two parts, each of them in one export."""
        if self._fences[-1].end == window.end:
            self._fences.pop()
        self._fences.append(Fence(window.end, middle))
        self._fences.append(Fence(middle, window.start or _BEGINNING))

    def closed(self, window: Window, seen: Sequence[datetime]) -> None:
        """Learn from a window that was closed.

        Args:
            window: The window.
            seen: The instants of all its contacts.
        """
        self._delivered += len(seen)
        every = len(seen) // _SOME + 1
        self._closed = _Closed(window, len(seen), sorted(seen[::every]))
        while self._samples and self._samples[-1].end <= window.end:
            self._samples.pop()
        if self._samples:
            # From here on its quantiles choose; the fences that felt for a first window can go.
            sample_end = self._samples[-1].end
            while self._fences[-1].fits_from is None and self._fences[-1].end < sample_end:
                self._fences.pop()

    def full(self, window: Window, seen: Sequence[datetime]) -> None:
        """Learn from a window that came back full: it has to be read in parts.

        Args:
            window: The window, longer than one second.
            seen: The instants of the contacts that it showed, in row order.
        """
        self._closed = self._width = None
        if self._fences[-1].end == window.end:
            promised = self._fences.pop().fits_from is not None
            self._order_trusted = self._order_trusted and not (promised and self._order_used)
        kind = order(seen) if seen and self._order_trusted else Order.NONE
        if kind is Order.ASCENDING:
            self._cut_ascending(window, seen)
        elif kind is Order.DESCENDING:
            self._cut_descending(window, seen)
        else:
            self._cut_by_chance(window, sorted(seen))

    def _cut_ascending(self, window: Window, seen: Sequence[datetime]) -> None:
        """The rows are the window's first ones: up to the last of them, an export carries it."""
        edge = timestamps.floor(seen[int(FILL_BY_ORDER * len(seen))])
        self._fences.append(Fence(window.end))
        if edge <= (window.start or _BEGINNING):
            self._cut_in_time(window, seen)
            return
        self._order_used = True
        self._fences.append(Fence(edge, window.start or _BEGINNING))

    def _cut_descending(self, window: Window, seen: Sequence[datetime]) -> None:
        """The rows are the window's last ones: from the first of them, an export carries it."""
        edge = timestamps.floor(seen[int(FILL_BY_ORDER * len(seen))]) + timestamps.SECOND
        if not (window.start or _BEGINNING) < edge < window.end:
            self._fences.append(Fence(window.end))
            self._cut_in_time(window, seen)
            return
        self._order_used = True
        self._fences.append(Fence(window.end, edge))
        self._fences.append(Fence(edge))
        span = window.end - edge
        if is_smooth(seen[::-1]) and not self._pace_failed:
            self._width = span * FILL_BY_PACE
            if window.start is None and edge - _BEGINNING > self._width * JUMP:
                # History has no known beginning: step back towards it.
                self._fences.append(Fence(timestamps.floor(edge - self._width * JUMP)))

    def _cut_by_chance(self, window: Window, sorted_seen: Sequence[datetime]) -> None:
        """The rows are some of the window's: halve by count first, then quarter."""
        self._fences.append(Fence(window.end))
        portion = 4 if self._samples else 2
        middle = (
            timestamps.floor(sorted_seen[len(sorted_seen) // portion])
            if sorted_seen
            else window.end
        )
        self._samples.append(_Sample(sorted_seen, window.end, self._delivered))
        if (window.start or _BEGINNING) < middle < window.end:
            self._fences.append(Fence(middle))
        else:
            self._cut_in_time(window, sorted_seen)

    def _cut_in_time(self, window: Window, seen: Sequence[datetime]) -> None:
        """Halve in time, where what was seen names no better place."""
        if window.start is not None:
            start = window.start
        else:
            start = min(seen, default=window.end) - timestamps.SECOND
        middle = timestamps.floor(start + (window.end - start) / 2)
        self._fences.append(
            Fence(min(max(middle, start + timestamps.SECOND), window.end - timestamps.SECOND))
        )

    def _ahead(self, start: datetime, limit: int) -> Sequence[Fence]:
        """Foretell the next windows as if they were closed one after the other."""
        fence, fits = self.fence(start)
        if fits:
            return []
        at, end = start, self._by_sample(start, start, limit)
        if end is None:
            end = self._by_pace(start, fence, limit)
            return [] if end is None else [Fence(end)]
        known = [fence.fits_from for fence in self._fences if fence.fits_from]
        bound = min(known, default=self._fences[0].end)
        found: list[Fence] = []
        while end is not None and at < end and len(found) < _MOST_AHEAD:
            found.append(Fence(min(end, bound), at))
            at = found[-1].end
            end = self._by_sample(start, at, limit) if at < bound else None
        return found

    def _by_sample(self, closed: datetime, start: datetime, limit: int) -> datetime | None:
        """Find the end by the quantiles of a sample whose scale the closed windows have shown."""
        end = None
        for sample in reversed(self._samples):
            shown = bisect_left(sample.sorted_instants, closed)
            delivered = self._delivered - sample.delivered
            if not shown or not delivered:
                continue
            rank = bisect_left(sample.sorted_instants, start)
            well_filled = FILL_BY_SAMPLE * limit / max(1.0, delivered / shown)
            ahead = max(1, int(max(well_filled / 2, well_filled - 2 * sqrt(well_filled))))
            if rank + ahead < len(sample.sorted_instants):
                end = timestamps.floor(sample.sorted_instants[rank + ahead])
                return max(end, start + timestamps.SECOND)
            end = sample.end
        return end

    def _by_pace(self, start: datetime, fence: datetime, limit: int) -> datetime | None:
        """Find the end by the pace of the windows before, where that was even."""
        if self._closed:
            self._width = self._next_width(self._closed, limit)
            self._closed = None
        if self._width is None or self._width * STRETCH >= fence - start:
            return None
        return timestamps.floor(start + max(self._width, timestamps.SECOND))

    def _next_width(self, closed: _Closed, limit: int) -> timedelta | None:
        """Foretell how wide a well filled window is from one that was closed."""
        if closed.contacts < limit * LOW_YIELD:
            self._pace_failed = self._width is not None
            return None
        self._pace_failed = False
        if not is_smooth(closed.sorted_some):
            return None
        span = closed.window.end - (closed.window.start or closed.sorted_some[0])
        return span * (FILL_BY_PACE * limit / closed.contacts)


def _fences(whole: Window, plan: Sequence[Fence]) -> list[Fence]:
    """Fit a plan to a range: its farthest stretch that begins inside ends with the range."""
    fences = sorted(plan, key=lambda fence: fence.end, reverse=True) or [Fence(whole.end)]
    while len(fences) > 1 and fences[1].end >= whole.end:
        del fences[0]
    return [replace(fences[0], end=whole.end), *fences[1:]]
