"""Counting in the list: how many of its entries come before an instant, by their rank.

The list's total may be an estimate or be missing, but the entries on both sides of an instant show
their ranks.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from tap_leadlex import timestamps
from tap_leadlex.errors import ListError
from tap_leadlex.planning.windows import PAGE

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import Listed, ReadPage

CONTRADICTS = "its pages contradict each other"
"""Why a list cannot be counted; records may have been created or deleted meanwhile."""


class LookUpsUsedError(Exception):
    """As many look-ups as allowed were made."""


class _Page(NamedTuple):
    """A page of the list."""

    first: int  # the rank of its first entry
    entries: Sequence[Listed]
    short: bool  # it has fewer entries than requested, so that no others follow
    total: int | None

    @property
    def last(self) -> int:
        """The rank of its last entry."""
        return self.first + len(self.entries) - 1

    @property
    def times(self) -> Sequence[datetime]:
        """When its entries were created."""
        return [entry.created_at for entry in self.entries]


class Ranks:
    """Counts the entries of the list from a start on.

    Args:
        read: Reads the list, from a second before a start on. Records of that second count, too.
        since: The start; `None` for the beginning of history.
        most: The most look-ups to make.
    """

    def __init__(self, read: ReadPage, since: datetime | None, most: int) -> None:
        self._read = read
        self._since = since
        self._left = most
        self._size = PAGE
        self._honored = False  # pages were seen to have the size requested

    def before(
        self, instant: datetime, guesses: Sequence[int], low: int = 0, high: int | None = None
    ) -> int:
        """Return how many entries come before an instant; if a guess is close, in one look-up.

        Args:
            instant: The instant.
            guesses: Numbers to try, the most likely first.
            low: The least that it can be.
            high: The most that it can be, if that is known.

        Raises:
            ListError: If the list cannot be read, or contradicts itself.
            LookUpsUsedError: If it takes more look-ups than are left.
        """
        untried: list[int | None] = [*guesses]
        count, step = low, PAGE
        while True:
            guess = untried.pop(0) if untried else None
            if guess is None:
                far = count + (step if count == low else -step)
                guess = far if high is None else sorted((far, (low + high) // 2))[count != low]
                step *= 2
            elif guess < low or (high is not None and guess > high):
                continue
            page = self._page(guess)
            if high is None and guess == guesses[-1]:
                untried.append(page.total)  # perhaps an estimate, but worth a try
            inside = bisect_left(page.times, instant)
            count = page.first + inside - 1
            after = inside < len(page.entries)
            if (inside or page.first == 1) and (after or page.short):
                break
            low, high = (count, high) if inside else (low, count)
            if high is not None and low > high:
                raise ListError(CONTRADICTS)
            if guess == low == high:  # small pages may end between the two entries
                return count
        if not after and count != guesses[0]:
            self._check_end(page, instant)
        return count

    def edge(self, rank: int) -> datetime:
        """Return the second of the entry at a rank.

        Raises:
            ListError: If the list cannot be read, or has no such rank.
            LookUpsUsedError: If it takes more look-ups than are left.
        """
        page = self._page(rank)
        if not page.first <= rank <= page.last:
            msg = "it shows fewer entries than were delivered"
            raise ListError(msg)
        return timestamps.floor(page.times[rank - page.first])

    def _page(self, rank: int) -> _Page:
        """Read the page that shows a rank, and the most on both sides of it."""
        sizes = range(self._size, self._size // 2, -1)
        size = max(sizes, key=lambda size: min(rank % size, size - rank % size))
        first = rank // size * size + 1
        page = self._look_up(self._since, first, size)
        if not page.short or not page.entries or self._honored or page.total == page.last:
            return page
        # Pages may be smaller than requested: then their ranks are not what they seem.
        if page.first == 1:
            self._honored = not self._look_up(self._since, page.last + 1, 1).entries
        else:
            last = self._look_up(self._since, page.last, 1).entries
            self._honored = last == page.entries[-1:]
        if not self._honored:
            self._size = max(len(page.entries), 2)
            return self._page(rank)
        return page

    def _look_up(self, start: datetime | None, first: int, size: int) -> _Page:
        if not self._left:
            raise LookUpsUsedError
        self._left -= 1
        entries, total = self._read(start, (first - 1) // size + 1, size)
        page = _Page(first, entries, len(entries) < size, total)
        if any(earlier > later for earlier, later in pairwise(page.times)):
            msg = "it is not sorted by created_at"
            raise ListError(msg)
        if start and entries and entries[0].created_at < start - timestamps.SECOND:
            msg = "it ignores created_after"
            raise ListError(msg)
        return page

    def _check_end(self, page: _Page, instant: datetime) -> None:
        """Check that the list ends before an instant: some lists show no ranks beyond a limit."""
        if page.times:
            start = page.times[-1] + 2 * timestamps.SECOND
            contradicts = start < instant and any(
                start <= time < instant for time in self._look_up(start, 1, self._size).times
            )
        else:
            contradicts = page.total != 0
        if contradicts:
            msg = "it counts records that it does not show"
            raise ListError(msg)
