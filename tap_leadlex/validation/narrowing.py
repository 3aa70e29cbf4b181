"""Where the sync and LeadLex differ: halving by count, down to the month, the day, the hour."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby
from math import ceil, floor
from typing import TYPE_CHECKING

from tap_leadlex.validation.api import PER_PAGE
from tap_leadlex.validation.instants import HOUR, next_month, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tap_leadlex.validation.api import LeadLex, Listed
    from tap_leadlex.validation.counts import Counter
    from tap_leadlex.validation.delivered import Delivered

_DAY = 24 * HOUR
_MOST_GAPS = 24
_MOST_PAGES = 5
_RESERVE = 20
"""Calls that narrowing leaves for looking into the gaps."""


@dataclass(slots=True)
class Gap:
    """A range of creation instants in which the two differ.

    Attributes:
        start: Its beginning, seconds since 1970.
        end: Its end, exclusive.
        leadlex: Contacts in LeadLex.
        sync: Contacts delivered.
        missing: Contacts that LeadLex lists there and that were not delivered, neighbours
            together; `None` where there were too many to look.
        misdated: Contacts that LeadLex lists there and that were delivered under another date.
    """

    start: float
    end: float
    leadlex: int
    sync: int
    missing: Sequence[Sequence[Listed]] | None = None
    misdated: int = 0

    @property
    def short(self) -> int:
        """Contacts that were not delivered."""
        if self.missing is None:
            return max(self.leadlex - self.sync, 0)
        return sum(map(len, self.missing))

    @property
    def surplus(self) -> int:
        """Contacts that were delivered and that LeadLex does not have."""
        return max(self.short + self.misdated + self.sync - self.leadlex, 0)

    def __str__(self) -> str:
        """Say the range in words."""
        return f"{plain(self.start)} to {plain(self.end)}"


def narrow(counter: Counter, delivered: Delivered, whole: Gap, api: LeadLex) -> Sequence[Gap]:
    """Find the gaps within a range that differs.

    The range that differs most is halved first, so that a spent budget leaves the small ones wide.
    One that LeadLex can list on a page, or of which nothing was delivered, is not halved further.

    Args:
        counter: LeadLex's counts.
        delivered: The sync's.
        whole: The range.
        api: Whose budget it is.

    Returns:
        The gaps in order.
    """
    waiting = [(0, whole.start, whole)]
    gaps: list[Gap] = []
    while waiting:
        gap = heappop(waiting)[2]
        middle = split(gap.start, gap.end)
        stop = len(gaps) + len(waiting) >= _MOST_GAPS or api.left <= _RESERVE
        if middle is None or stop or gap.leadlex <= PER_PAGE or not gap.sync:
            gaps.append(gap)
            continue
        late = Gap(
            middle, gap.end, counter.between(middle, gap.end), delivered.between(middle, gap.end)
        )
        early = Gap(gap.start, middle, gap.leadlex - late.leadlex, gap.sync - late.sync)
        for half in (early, late):
            if difference := half.leadlex - half.sync:
                heappush(waiting, (-abs(difference), half.start, half))
    return sorted(gaps, key=lambda gap: gap.start)


def look_into(api: LeadLex, delivered: Delivered, gap: Gap) -> None:
    """List the contacts of a gap, if they are few, and note those that were not delivered."""
    if gap.leadlex > _MOST_PAGES * PER_PAGE or api.left <= _MOST_PAGES + 1:
        return
    listed: dict[str, Listed] = {}
    for number in range(1, _MOST_PAGES + 2):
        page = api.page(after=floor(gap.start) - 1.0, page=number).contacts
        listed.update((one.identity, one) for one in page if gap.start <= one.created < gap.end)
        if len(page) < PER_PAGE or page[-1].created >= gap.end:
            break
    else:
        return
    by_delivery = groupby(listed.values(), key=lambda one: one.identity in delivered)
    gap.missing = [list(ones) for was_delivered, ones in by_delivery if not was_delivered]
    gap.leadlex = len(listed)
    gap.misdated = max(len(listed) - gap.short - gap.sync, 0)


def hours(contacts: Iterable[Listed]) -> str:
    """Say in words from which hour to which contacts were created."""
    created = [contact.created for contact in contacts]
    return f"{plain(min(created) // HOUR * HOUR)} to {plain((max(created) // HOUR + 1) * HOUR)}"


def split(start: float, end: float) -> float | None:
    """Give the boundary of a month, else of a day, else of an hour nearest to the middle.

    Returns:
        A boundary strictly between the two, or `None` where there is none.
    """
    months = []
    month = next_month(start)
    while month < end:
        months.append(month)
        month = next_month(month)
    if months:
        return months[len(months) // 2]
    for unit in (_DAY, HOUR):
        first, last = start // unit + 1, ceil(end / unit) - 1
        if first <= last:
            return (first + last) // 2 * unit
    return None
