"""Window ends without the list: from closed windows and from the records that full exports show.

A full export proves nothing, but it shows some records of its window. If the server sorts by time,
they are the first or the last ones and mark an edge; otherwise they are a random sample, whose
quantiles predict the next windows.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import replace
from enum import Enum, auto
from itertools import pairwise
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from tap_leadlex import timestamps
from tap_leadlex.planning.windows import BEGINNING, Boundary, ExportResult, Plan, Window

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

# How much of an export to fill: by the rows of a sorted export, with room for the rows just outside
# the window; by the quantiles of a sample, before their random error; by the pace of the last
# window.
FILL_BY_ORDER = 0.975
FILL_BY_SAMPLE = 0.95
FILL_BY_PACE = 0.8
# How much wider a window may get to reach a boundary, so that no small rest costs an export.
STRETCH = 1.2
# A window that fills less than this share of an export does not predict others.
LOW_YIELD = 0.1
# How far the dates may stray from an even spread (0 to 1) and still predict the next window.
SMOOTH = 0.15
_PROBES = 20
# This many instants of a closed window show well enough whether all are spread evenly.
_ENOUGH = 1_000
# Predict at most this many windows for the next run.
_MOST_PREDICTED = 100


class RowOrder(Enum):
    """The order by `created_at` in which a server seems to send rows."""

    ASCENDING = auto()
    DESCENDING = auto()
    NONE = auto()


def row_order(created: Sequence[datetime]) -> RowOrder:
    """Return the order that the rows of one export suggest."""
    if all(earlier <= later for earlier, later in pairwise(created)):
        return RowOrder.ASCENDING
    if all(earlier >= later for earlier, later in pairwise(created)):
        return RowOrder.DESCENDING
    return RowOrder.NONE


def is_smooth(ascending: Sequence[datetime]) -> bool:
    """Return whether ascending instants are spread about evenly over the time that they span."""
    if not ascending or ascending[0] == ascending[-1]:
        return False
    first, span = ascending[0], ascending[-1] - ascending[0]
    steps = len(ascending) - 1
    return all(
        abs((ascending[steps * probe // _PROBES] - first) / span - probe / _PROBES) < SMOOTH
        for probe in range(1, _PROBES)
    )


class _Sample(NamedTuple):
    """Random records of a window, with what had been delivered before the window."""

    ascending: Sequence[datetime]
    end: datetime
    delivered: int


class SampleGuide:
    """Finds window ends from what exports have shown so far.

    It keeps boundaries: the ends of the ranges still to be read, the nearest last.
    """

    def __init__(self, whole: Window, plan: Plan = ()) -> None:
        self._boundaries = _fitted(whole, plan)
        self._samples: list[_Sample] = []
        self._delivered = 0
        self._width: timedelta | None = None  # of a well-filled window, by the pace
        self._pace_failed = False

    def boundary(self, start: datetime | None) -> tuple[datetime, bool]:
        """Return the next boundary after a start, and whether the range up to it should fit."""
        while start is not None and self._boundaries[-1].end <= start:
            self._boundaries.pop()
        boundary = self._boundaries[-1]
        fits = boundary.fits_from is not None and (start or BEGINNING) >= boundary.fits_from
        return boundary.end, fits

    def end(self, start: datetime | None, limit: int) -> datetime:
        """Return the end of a window that should fit one export."""
        boundary, fits = self.boundary(start)
        guess = None
        if not fits and start is not None:
            guess = self._by_sample(start, start, limit) or self._by_pace(start, boundary)
        return min(guess or boundary, boundary)

    def plan(self, start: datetime | None, limit: int, *, predict: bool) -> Plan:
        """Return what is known, and if wished predicted, for a run that continues from a start."""
        self.boundary(start)
        boundaries = self._boundaries
        if predict and start is not None and (predicted := self._predicted(start, limit)):
            last = predicted[-1].end
            # Boundaries that only probed for a first window are superseded by the predicted ones.
            kept = [each for each in boundaries if each.fits_from or each.end > last]
            boundaries = [*kept, *reversed(predicted)]
        # Only the run that has split a second knows whether LeadLex honors fractions.
        plan = [each for each in boundaries if timestamps.resolution(each.end) >= timestamps.SECOND]
        return () if plan == [Boundary(plan[0].end)] else plan

    def split(self, window: Window, middle: datetime) -> None:
        """Plan to read a window in two parts, one export each."""
        first = Boundary(middle, window.start or BEGINNING)
        self._divide(window, Boundary(window.end, middle), first)

    def closed(self, window: Window, created: Sequence[datetime], limit: int) -> None:
        """Learn from a closed window and the instants of all its records."""
        self._delivered += len(created)
        self._width = self._next_width(window, created, limit)
        while self._samples and self._samples[-1].end <= window.end:
            self._samples.pop()
        if self._samples:
            # From here on its quantiles choose; boundaries that probed for a first window can go.
            sample_end = self._samples[-1].end
            while self._boundaries[-1].fits_from is None and self._boundaries[-1].end < sample_end:
                self._boundaries.pop()

    def widen(self, window: Window, records: int, limit: int) -> None:
        """Merge the windows predicted for after a closed one, if its yield shows them narrow."""
        growth = FILL_BY_PACE * limit / max(records, 1)
        width = (window.end - (window.start or window.end)) * growth
        while records < limit * LOW_YIELD and len(self._boundaries) > 1:
            after, nearest = self._boundaries[-2:]
            if nearest.end <= window.end:
                self._boundaries.pop()
            elif after.fits_from == nearest.end and after.end - window.end <= width:
                self._boundaries[-2:] = [replace(after, fits_from=nearest.fits_from)]
            else:
                break

    def full(self, result: ExportResult) -> None:
        """Learn from a full window longer than one second: it has to be read in parts."""
        window, created = result.window, result.created
        self._width = None
        order = row_order(created) if created else RowOrder.NONE
        if order is RowOrder.ASCENDING:
            self._split_ascending(window, created)
        elif order is RowOrder.DESCENDING:
            self._split_descending(window, created)
        else:
            self._split_sampled(window, sorted(created))

    def _divide(self, window: Window, *boundaries: Boundary) -> None:
        """Replace the boundary at the end of a window."""
        if self._boundaries[-1].end == window.end:
            self._boundaries.pop()
        self._boundaries += boundaries

    def _split_ascending(self, window: Window, created: Sequence[datetime]) -> None:
        """Split at the last row: the rows are the first ones of the window."""
        start = window.start or BEGINNING
        edge = timestamps.floor(created[int(FILL_BY_ORDER * len(created))])
        if edge > start:
            self._divide(window, Boundary(window.end), Boundary(edge, start))
        else:
            self._split_in_time(window, created)

    def _split_descending(self, window: Window, created: Sequence[datetime]) -> None:
        """Split at the last row: the rows are the last ones of the window."""
        edge = timestamps.floor(created[int(FILL_BY_ORDER * len(created))]) + timestamps.SECOND
        if not (window.start or BEGINNING) < edge < window.end:
            self._split_in_time(window, created)
            return
        self._divide(window, Boundary(window.end, edge), Boundary(edge))
        if is_smooth(created[::-1]) and not self._pace_failed:
            self._width = (window.end - edge) * FILL_BY_PACE
            if window.start is None and edge - BEGINNING > self._width:
                # The beginning of history is unknown: step back towards it.
                self._boundaries.append(Boundary(timestamps.floor(edge - self._width)))

    def _split_sampled(self, window: Window, ascending: Sequence[datetime]) -> None:
        """Split at a quantile of the rows, a random sample: at the half first, then a quarter."""
        portion = 4 if self._samples else 2
        middle = timestamps.floor(ascending[len(ascending) // portion]) if ascending else window.end
        self._samples.append(_Sample(ascending, window.end, self._delivered))
        if (window.start or BEGINNING) < middle < window.end:
            self._divide(window, Boundary(window.end), Boundary(middle))
        else:
            self._split_in_time(window, ascending)

    def _split_in_time(self, window: Window, created: Sequence[datetime]) -> None:
        """Split in the middle of the time, if the rows suggest no better place."""
        start = window.start or min(created, default=window.end) - timestamps.SECOND
        middle = timestamps.floor(start + (window.end - start) / 2)
        middle = min(max(middle, start + timestamps.SECOND), window.end - timestamps.SECOND)
        self._divide(window, Boundary(window.end), Boundary(middle))

    def _predicted(self, start: datetime, limit: int) -> Plan:
        """Predict the next windows, as if they were closed one after the other."""
        boundary, fits = self.boundary(start)
        if fits:
            return []
        at, end = start, self._by_sample(start, start, limit)
        if end is None:
            end = self._by_pace(start, boundary)
            return [] if end is None else [Boundary(end)]
        known = [each.fits_from for each in self._boundaries if each.fits_from]
        bound = min(known, default=self._boundaries[0].end)
        found: list[Boundary] = []
        while end is not None and at < end and len(found) < _MOST_PREDICTED:
            found.append(Boundary(min(end, bound), at))
            at = found[-1].end
            end = self._by_sample(start, at, limit) if at < bound else None
        return found

    def _by_sample(self, closed: datetime, start: datetime, limit: int) -> datetime | None:
        """Return an end by the quantiles of a sample, scaled by the windows closed so far."""
        end = None
        for sample in reversed(self._samples):
            shown = bisect_left(sample.ascending, closed)
            delivered = self._delivered - sample.delivered
            if not shown or not delivered:
                continue
            rank = bisect_left(sample.ascending, start)
            well_filled = FILL_BY_SAMPLE * limit / max(1.0, delivered / shown)
            ahead = max(1, int(max(well_filled / 2, well_filled - 2 * sqrt(well_filled))))
            if rank + ahead < len(sample.ascending):
                end = timestamps.floor(sample.ascending[rank + ahead])
                return max(end, start + timestamps.SECOND)
            end = sample.end
        return end

    def _by_pace(self, start: datetime, boundary: datetime) -> datetime | None:
        """Return an end by the pace of the last window, if that was even."""
        if self._width is None or self._width * STRETCH >= boundary - start:
            return None
        return timestamps.floor(start + max(self._width, timestamps.SECOND))

    def _next_width(
        self, window: Window, created: Sequence[datetime], limit: int
    ) -> timedelta | None:
        """Return how wide the next window must be, judging by the one just closed."""
        if len(created) < limit * LOW_YIELD:
            self._pace_failed = self._width is not None
            return None
        self._pace_failed = False
        ascending = sorted(created[:: len(created) // _ENOUGH + 1])
        if not is_smooth(ascending):
            return None
        span = window.end - (window.start or ascending[0])
        return span * (FILL_BY_PACE * limit / len(created))


def _fitted(whole: Window, plan: Plan) -> list[Boundary]:
    """Fit a plan to the range of a run, whose end replaces the farthest boundary."""
    boundaries = sorted(plan, key=lambda each: each.end, reverse=True) or [Boundary(whole.end)]
    while len(boundaries) > 1 and boundaries[1].end >= whole.end:
        del boundaries[0]
    return [replace(boundaries[0], end=whole.end), *boundaries[1:]]
