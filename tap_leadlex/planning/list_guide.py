"""Window ends from the contact list, whose entry at a rank shows where an export is just filled.

An edge may be wrong: the list may be refused, know fewer filters than the export, or count other
records. The planner then goes on without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.errors import ListError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_leadlex.planning.windows import LookUp, Window

# How much of an export to fill. The rest is room for the rows just outside the window, which an
# inclusive server sends too: up to 2 % of the limit for each second of a dense import.
FILL = 0.975
# A list that counts other records than the export (it knows no tags) predicts less surely.
FILL_BY_RATIO = 0.8
# One window changes the estimated ratio by at most this factor.
RATIO_STEP = 10
# Stop using the list after this many full windows in a row that it expected to fit.
MAX_MISJUDGED = 3


def rank_of_full(limit: int, fill: float = FILL) -> int:
    """Return the rank of the record that just fills an export."""
    return max(1, int(fill * limit))


def shows_that_all_fit(look_up: LookUp, start: datetime | None, limit: int) -> bool:
    """Return whether the list shows that everything from a start on fits one export.

    Raises:
        ListError: If the list cannot be read.
    """
    rank = rank_of_full(limit)
    entry = look_up(start, rank)
    return entry.created_at is None and (entry.total or 0) < rank


class ListGuide:
    """Finds window ends through the list, and learns how far to trust it.

    Args:
        look_up: Looks up an entry; `None` if the list must not be asked.
        give_up: Receives the reason, a clause, if the list turns out to be unusable.
    """

    def __init__(self, look_up: LookUp | None, give_up: Callable[[str], None]) -> None:
        self.usable = look_up is not None
        self._look_up = look_up
        self._on_give_up = give_up
        self._ratio = 1.0  # records in the export for each one in the list
        self._asked: tuple[datetime, int] | None = None  # the last edge and its rank
        self._earlier: int | None = None  # how many entries are before the edge, if known
        self._left: tuple[datetime, int] | None = None  # a start, and how many records follow it
        self._misjudged = 0

    def end(self, start: datetime | None, limit: int, *, was_full: bool) -> datetime | None:
        """Return the end, later than the start, of a window that just fits one export.

        `was_full` says whether an export that began here was full. The result is `None` if
        everything left fits, or if the list turns out to be unusable.
        """
        try:
            return self._edge(start, limit, was_full=was_full)
        except ListError as error:
            self._give_up(str(error))
            return None

    def proves(self, window: Window, count: int) -> bool:
        """Return whether the list has shown that a window holds this many records.

        It may count records of the second before the window, too; then it proves nothing.
        """
        at_end = self._asked is not None and self._asked[0] == window.end
        return at_end and self._earlier == count

    def closed(self, window: Window, count: int) -> None:
        """Learn from a closed window and its number of records."""
        self._misjudged = 0
        if self._asked and self._asked[0] == window.end:
            share = max(count, 1) / self._asked[1]
            # Ties at the edge stay out of the window: a few per cent mean nothing.
            if share < self._ratio * FILL_BY_RATIO or self._ratio < FILL_BY_RATIO:
                self._ratio = min(1.0, max(share, self._ratio / RATIO_STEP))

    def full(self) -> None:
        """Learn from a window that was full."""
        self._left = None
        if self._asked is None:
            return
        self._misjudged += 1
        if self._misjudged == MAX_MISJUDGED:
            self._give_up("its counts do not match the exports")
        # A little at first: most likely the count was only slightly short.
        self._ratio *= 1.05 if self._misjudged == 1 else 2

    def _edge(self, start: datetime | None, limit: int, *, was_full: bool) -> datetime | None:
        """Look up where the window ends; raise `ListError` if the list cannot be right."""
        if self._look_up is None:
            return None
        fill = FILL_BY_RATIO if self._ratio < FILL_BY_RATIO else FILL
        rank = rank_of_full(limit, fill / self._ratio)
        self._asked = None
        if self._left and self._left[0] == start and self._left[1] <= rank and not was_full:
            return None
        entry = self._look_up(start, rank)
        if entry.created_at is None:
            _check_total(entry.total or 0, rank, limit, was_full=was_full)
            if was_full:
                self._ratio = 1.0
                return self._edge(start, limit, was_full=False)
            return None
        if start is not None and entry.created_at < start - timestamps.SECOND:
            msg = "it ignores created_after"
            raise ListError(msg)
        end = timestamps.floor(entry.created_at)
        if start is not None:
            end = max(end, start + timestamps.SECOND)
        self._asked = (end, rank)
        self._earlier = entry.earlier if end <= entry.created_at else None
        self._left = None if entry.total is None else (end, entry.total - rank + 1)
        return end

    def _give_up(self, reason: str) -> None:
        self.usable = False
        self._on_give_up(reason)


def _check_total(total: int, rank: int, limit: int, *, was_full: bool) -> None:
    """Raise `ListError` if a total contradicts that the list has no entry at a rank."""
    if total >= rank:
        msg = "it shows fewer entries than it counts"
        raise ListError(msg)
    if was_full and total < limit:
        msg = "it counts fewer records than an export held"
        raise ListError(msg)
