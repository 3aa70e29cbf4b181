"""The list as a witness: does it show records of a window that the export lacks?

A loss is a record that the list shows and the export lacks, never a number: a total may be an
estimate.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tap_leadlex import timestamps
from tap_leadlex.errors import ListError
from tap_leadlex.planning.windows import PAGE, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import ExportResult, Listed, ReadPage

FEW = 100
"""The most missing records to name."""
# Records of one instant may fill several pages, in any order.
_MOST_PAGES = 8
_MOST_ROUNDS = 8


class Testimony(NamedTuple):
    """What the list says about a window."""

    missing: Sequence[Listed] = ()  # records that it shows and the export lacks
    many: bool = False  # there are more than `missing` has: too many to look for each
    doubt: str | None = None  # why the list cannot confirm that nothing else is missing
    contradicts: bool = False  # something else is missing, but the list does not name it
    lead_in: int = 0  # how many records it shows from before the window


class _Page(NamedTuple):
    """A page of the list that was read to see a rank and the one after it."""

    first: int  # the rank of its first entry
    entries: Sequence[Listed]
    full: bool
    total: int | None

    def at(self, rank: int) -> Listed | None:
        """Return the entry at a rank."""
        return dict(enumerate(self.entries, self.first)).get(rank)

    def shows(self, rank: int) -> bool:
        """Return whether it shows what the list has at a rank and at the one after it."""
        last = self.first + len(self.entries) - 1
        return self.first <= rank and (rank < last or not self.full)

    def ends(self, window: Window, rank: int) -> bool:
        """Return whether a window ends right after a rank."""
        reached = rank < self.first or not _beyond(self.at(rank), window)
        return reached and _beyond(self.at(rank + 1), window)


class Witness:
    """Compares exports with the list.

    Args:
        read: Reads the list. Its range begins a second before the start of a window, because the
            list's bound may be exclusive or truncated; so records of that second may come first.
    """

    def __init__(self, read: ReadPage) -> None:
        self._read = read
        self._size = PAGE
        self._inclusive: bool | None = None  # the list's bound, once known

    def examine(self, result: ExportResult, before: Sequence[datetime] | None) -> Testimony:
        """Compare the records that an export has of its window with the list.

        One page settles it if nothing is missing, except where the list shows records from before
        the window and it is not yet known how many.

        Args:
            result: The export, not full.
            before: The instants of the records in the second before the window, if known.

        Raises:
            ListError: If the list cannot be read.
        """
        window, count = result.window, len(result.keys)
        if before is None and count >= self._size and self._agrees_closely(result):
            return Testimony()
        lead_in, page = self._lead_in(window, count, before)
        if not count and not page.entries and page.total:
            return Testimony(doubt="it counts records that it does not show", contradicts=True)
        if page.ends(window, count + lead_in):
            return Testimony()
        if _beyond(page.at(count + lead_in + 1), window):
            return Testimony(doubt="it shows fewer records than the export has")
        if self._lies_beyond(window, count + lead_in + 1):
            # A server that sends smaller pages than requested: their ranks are not what they seem.
            self._size = max(1, len(page.entries))
            return Testimony()
        return self._missing(result, page.entries, lead_in)

    def shows_more(self, window: Window, records: int) -> bool:
        """Return whether the list shows more than a number of records in a window."""
        lead_in, page = self._lead_in(window, records, None)
        return not _beyond(page.at(records + lead_in + 1), window)

    def _lead_in(
        self, window: Window, count: int, before: Sequence[datetime] | None
    ) -> tuple[int, _Page]:
        """Find out how many records from before a window the list shows.

        Returns:
            That number, and the page that shows where `count` records of the window end.
        """
        lead_in = self._expected(window, before)
        page = self._page(window, count + lead_in)
        for estimate in (self._learned, self._counted) if window.start else ():
            if page.ends(window, count + lead_in):
                break
            lead_in = estimate(window, before, page)
            if not page.shows(count + lead_in):
                page = self._page(window, count + lead_in)
        return lead_in, page

    def _agrees_closely(self, result: ExportResult) -> bool:
        """Return whether the list agrees if asked from a microsecond before the window.

        That skips the records of the second before, of which nothing is known. If LeadLex rounds
        the bound, its first entry may not be the first record of the export.
        """
        window, count = result.window, len(result.keys)
        if window.start is None:
            return False
        # The list is asked from a second before the start that it is given.
        close = Window(window.start + timestamps.SECOND - timestamps.MICROSECOND, window.end)
        page = self._page(close, count)
        if not page.ends(window, count):
            return False
        first = self._entry(close.start, 1)
        return first is not None and first.created_at == min(result.created)

    def has_twice(self, result: ExportResult, lead_in: int) -> bool:
        """Return whether the list shows more than twice as many records as an export has."""
        return not self._lies_beyond(result.window, 2 * len(result.keys) + lead_in + 1)

    def count(self, result: ExportResult, lead_in: int) -> int:
        """Count the records of a window that the list shows, in about 20 look-ups."""
        return _least(
            lambda records: self._lies_beyond(result.window, records + lead_in + 1),
            len(result.keys) + 1,
        )

    def _expected(self, window: Window, before: Sequence[datetime] | None) -> int:
        """Return how many records from before a window the list should show."""
        if window.start is None or not before:
            return 0
        if self._inclusive:
            return len(before)
        return sum(instant > window.start - timestamps.SECOND for instant in before)

    def _learned(self, window: Window, before: Sequence[datetime] | None, page: _Page) -> int:
        """Return how many records from before a window the list shows, by whether it is inclusive.

        Then its first entry was created exactly at the bound.
        """
        if before and window.start:
            first = self._first(window, page)
            at_bound = window.start - timestamps.SECOND
            self._inclusive = bool(first) and first[0].created_at == at_bound
        return self._expected(window, before)

    def _counted(self, window: Window, _: Sequence[datetime] | None, page: _Page) -> int:
        """Count the records from before a window that the list shows."""
        start, first = window.start or window.end, self._first(window, page)
        count = sum(entry.created_at < start for entry in first)
        if count < len(first) or len(first) < self._size:
            return count

        def inside(records: int) -> bool:
            entry = self._entry(start, records + 1)
            return entry is None or entry.created_at >= start

        return _least(inside, count)

    def _first(self, window: Window, known: _Page) -> Sequence[Listed]:
        """Return the first page, which may be known."""
        if known.first == 1:
            return known.entries
        return self._read(window.start, 1, self._size).entries

    def _page(self, window: Window, rank: int) -> _Page:
        """Read the page with a rank and the one after it; check that it is sorted and bounded."""
        sizes = range(self._size, 1, -1)
        size = self._size if not rank else next((each for each in sizes if rank % each), 1)
        number = rank // size + 1
        entries, total = self._read(window.start, number, size)
        if any(earlier.created_at > later.created_at for earlier, later in pairwise(entries)):
            msg = "it is not sorted by created_at"
            raise ListError(msg)
        start = window.start
        if start and entries and entries[0].created_at < start - timestamps.SECOND:
            msg = "it ignores created_after"
            raise ListError(msg)
        return _Page((number - 1) * size + 1, entries, len(entries) == size, total)

    def _lies_beyond(self, window: Window, rank: int) -> bool:
        """Return whether the entry at a rank does not exist or is not before a window's end."""
        return _beyond(self._entry(window.start, rank), window)

    def _entry(self, start: datetime | None, rank: int) -> Listed | None:
        entries = self._read(start, rank, 1).entries
        return entries[0] if entries else None

    def _missing(self, result: ExportResult, shown: Sequence[Listed], lead_in: int) -> Testimony:
        """Name the records that the list shows and the export lacks, some if there are many."""
        window, count = result.window, len(result.keys)
        many = not self._lies_beyond(window, count + lead_in + FEW + 1)
        known, times = set(result.keys), sorted(result.created)
        missing: list[Listed] = []
        found = _unknown(shown, window, known)
        for _ in range(_MOST_ROUNDS):
            found = found or self._first_unknown(window, times, known, lead_in)
            missing += found
            if many or not found:
                break
            known.update(record.key for record in found)
            times = sorted([*times, *(record.created_at for record in found)])
            if self._lies_beyond(window, len(times) + lead_in + 1):
                return Testimony(missing, lead_in=lead_in)
            found = []
        if missing:
            return Testimony(missing, many=True, lead_in=lead_in)
        return Testimony(
            doubt="it shows more records than the export has, but not which", contradicts=True
        )

    def _first_unknown(
        self, window: Window, times: Sequence[datetime], known: set[str], lead_in: int
    ) -> list[Listed]:
        """Return unknown records around the first rank at which the list is behind the export.

        Up to there the list shows the times of the export; from there on its entries are earlier,
        as those of a list with more records are.
        """

        def behind(rank: int) -> bool:
            entry = self._entry(window.start, rank + lead_in)
            return entry is not None and entry.created_at < times[rank - 1]

        rank = 1 + bisect_left(range(1, len(times) + 1), x=True, key=behind)
        number = (rank + lead_in - 1) // self._size + 1
        for earlier in range(number, max(0, number - _MOST_PAGES), -1):
            entries = self._read(window.start, earlier, self._size).entries
            if found := _unknown(entries, window, known):
                return found
        return []


def _beyond(entry: Listed | None, window: Window) -> bool:
    return entry is None or entry.created_at >= window.end


def _least(reached: Callable[[int], bool], least: int) -> int:
    """Return the least number, from one on, that is far enough; `reached` is monotonic."""
    most = least
    while not reached(most):
        least, most = most, 2 * most
    return bisect_left(range(most), x=True, lo=least, key=reached)


def _unknown(entries: Sequence[Listed], window: Window, known: set[str]) -> list[Listed]:
    return [each for each in entries if each.created_at in window and each.key not in known]
