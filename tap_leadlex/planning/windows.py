"""The planner's vocabulary: windows, export requests and results, pages of the list."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from tap_leadlex import timestamps

PAGE = 100
"""Entries in a page of the list: the most that LeadLex documents."""
BEGINNING = datetime.min.replace(tzinfo=UTC)
"""Stands for a window's missing start in comparisons."""


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range `[start, end)` of `created_at` as LeadLex prints it, in UTC."""

    start: datetime | None  # `None` for the beginning of history
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        """Return whether an instant is inside the window."""
        return (self.start or BEGINNING) <= instant < self.end

    def __str__(self) -> str:
        """Return the range as log lines print it."""
        end = timestamps.plain(self.end)
        return f"up to {end}" if self.start is None else f"{timestamps.plain(self.start)} to {end}"

    @property
    def empty(self) -> bool:
        """Whether no instant is inside."""
        return self.start is not None and self.start >= self.end

    @property
    def unit(self) -> timedelta:
        """The resolution of the bounds: one second, or finer."""
        start = self.end if self.start is None else self.start
        return min(timestamps.resolution(start), timestamps.resolution(self.end))


@dataclass(frozen=True, slots=True)
class Boundary:
    """A place where a later window may end, known from earlier exports."""

    end: datetime
    fits_from: datetime | None = None  # a window from here to `end` should fit one export


Plan: TypeAlias = Sequence[Boundary]
"""The boundaries known ahead, the nearest last."""


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """An export that the planner wants.

    The request reaches one unit beyond the window on both sides, and rows outside the window are
    dropped by their printed time. So neither the inclusivity of LeadLex's bounds nor the rounding
    of printed times can lose or repeat a record.
    """

    window: Window
    limit: int  # the rows to ask for
    divisible: bool = True  # the planner can ask for less if the export does not arrive
    only: frozenset[str] = frozenset()  # the keys of the records to keep; empty for all

    @property
    def after(self) -> datetime | None:
        """The lower bound to send, one unit below the first instant of the window."""
        start = self.window.start
        return None if start is None else start - self.window.unit

    @property
    def before(self) -> datetime:
        """The upper bound to send, one unit above the last instant of the window."""
        return self.window.end

    def stray(self, first: datetime, last: datetime) -> timedelta:
        """Return how far outside the requested bounds the rows between two instants reach."""
        early = timedelta(0) if self.after is None else self.after - first
        return max(early, last - self.before, timedelta(0))


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What an export showed."""

    # What it can close: all of the requested window, or the part before LeadLex's own clock.
    window: Window
    full: bool  # it has as many rows as requested, so that it may be truncated
    created: Sequence[datetime] = ()  # the instants of the records inside, in row order
    resolution: timedelta = timestamps.SECOND  # the finest of the instants printed
    rows: int = 0  # all of them, those outside the window included
    keys: Sequence[str] = ()  # of the records inside, in row order
    stray: timedelta = timedelta(0)  # how far outside the requested bounds the farthest row is
    beside: Sequence[tuple[str, datetime]] = ()  # key and instant of the records outside the window


class Listed(NamedTuple):
    """A record as the list shows it."""

    created_at: datetime
    key: str


class ListPage(NamedTuple):
    """A page of the list, oldest record first."""

    entries: Sequence[Listed]
    total: int | None = None  # of the records in the range; `None` if the list does not say


ReadPage = Callable[[datetime | None, int, int], ListPage]
"""Return a page of the list from a start on: its number (from 1) and its size are given.

Raises `ListError` if the list cannot be read.
"""


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry of the list, looked up by its rank."""

    created_at: datetime | None  # `None` if there is no such rank
    total: int | None  # of the records in the range; `None` if the list does not say
    earlier: int | None = None  # how many entries come before its second, if that is known


LookUp = Callable[[datetime | None, int], ListEntry]
"""Return the entry at a rank (from 1, oldest first) of the list from a start on.

Raises `ListError` if the list cannot be read.
"""


def look_up(read: ReadPage, size: int = 1) -> LookUp:
    """Return a function that looks up entries in pages of a size."""

    def entry(start: datetime | None, rank: int) -> ListEntry:
        number, offset = divmod(rank - 1, size)
        first = number * size
        entries, total = read(start, number + 1, size)
        if offset < len(entries):
            created = entries[offset].created_at
            second = timestamps.floor(created)
            earlier = sum(each.created_at < second for each in entries)
            return ListEntry(created, total, first + earlier if earlier or not first else None)
        if entries and (total is None or total >= rank):
            # The last page, or one that is smaller than requested.
            return look_up(read)(start, rank)
        return ListEntry(None, total)

    return entry
