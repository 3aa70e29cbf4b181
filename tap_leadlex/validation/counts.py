"""Exact counts by printed `created_at`, and the ranges in which the sync differs from them.

LeadLex does not document whether `created_after` is inclusive, or whether it keeps instants finer
than it prints them. So each count asks from one second earlier and subtracts the contacts that the
first page shows before the boundary.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from heapq import heappop, heappush
from math import floor
from typing import TYPE_CHECKING

from tap_leadlex.validation.api import PER_PAGE
from tap_leadlex.validation.errors import UnreliableListError
from tap_leadlex.validation.instants import plain, split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tap_leadlex.validation.api import LeadLex, Listed, Page
    from tap_leadlex.validation.delivered import Delivered

_TRIES = 3
MOST_GAPS = 24
"""More are not told apart."""
_MOST_PAGES = 5
_FOR_LISTING = 20
"""Calls that narrowing leaves for listing the contacts of the gaps."""


class Counter:
    """Counts LeadLex's contacts, each boundary once, with the calls that it need not leave.

    A count raises `ApiError` if LeadLex does not say, or contradicts itself.
    """

    def __init__(self, api: LeadLex, leave: int = 0) -> None:
        self._api = api
        self._leave = leave
        self.earliest: float | None = None  # contact of all, once all were counted
        self._known: dict[float | None, int] = {}

    @property
    def left(self) -> int:
        """How many calls may still be made."""
        return self._api.left - self._leave

    def since(self, start: float | None) -> int:
        """Count the contacts created at `start` or later; all for `None`."""
        if start not in self._known:
            self._known[start] = self._count(start)
        return self._known[start]

    def between(self, start: float | None, end: float) -> int:
        """Count the contacts created in [start, end)."""
        return self.since(start) - self.since(end)

    def settled(self, start: float | None, end: float) -> int:
        """Count [start, end) anew, until nothing was created or deleted between the two counts."""
        for _ in range(_TRIES):
            self._known.clear()
            count = self.between(start, end)
            before = self._known.pop(start)
            if self.since(start) == before:
                break
        return count

    def verify(self) -> None:
        """Raise `UnreliableListError` unless the list has as many contacts as its total says."""
        for _ in range(_TRIES):
            total = self._page(per_page=1).total
            last = bool(self._page(per_page=1, page=max(total, 1)).contacts)
            if last == (total > 0) and not self._page(per_page=1, page=total + 1).contacts:
                return
        msg = "The contact list does not have as many contacts as its total says."
        raise UnreliableListError(msg)

    def narrow(self, delivered: Delivered, whole: Gap) -> Sequence[Gap]:
        """Return the gaps in a range that differs, in order of time.

        The range that differs most is halved first, so a spent budget leaves the small ones wide. A
        range that LeadLex can list on a page, or of which nothing arrived, is not halved further.
        """
        waiting = [(0, whole.start, whole)]
        gaps: list[Gap] = []
        while waiting:
            gap = heappop(waiting)[2]
            middle = split(gap.start, gap.end)
            stop = len(gaps) + len(waiting) >= MOST_GAPS or self.left <= _FOR_LISTING
            if middle is None or stop or gap.leadlex <= PER_PAGE or not gap.sync:
                gaps.append(gap)
                continue
            late = self.gap(delivered, middle, gap.end)
            early = Gap(gap.start, middle, gap.leadlex - late.leadlex, gap.sync - late.sync)
            for half in (early, late):
                if difference := half.leadlex - half.sync:
                    heappush(waiting, (-abs(difference), half.start, half))
        return sorted(gaps, key=lambda gap: gap.start)

    def gap(self, delivered: Delivered, start: float, end: float) -> Gap:
        """Count a range on both sides."""
        return Gap(start, end, self.between(start, end), delivered.between(start, end))

    def list_missing(self, delivered: Delivered, gap: Gap) -> None:
        """List the contacts of a gap, if they are few, and note those that did not arrive."""
        if gap.leadlex > _MOST_PAGES * PER_PAGE or self.left <= _MOST_PAGES + 1:
            return
        listed: dict[str, Listed] = {}
        for number in range(1, _MOST_PAGES + 2):
            page = self._page(after=floor(gap.start) - 1.0, page=number).contacts
            listed.update((one.identity, one) for one in page if gap.start <= one.created < gap.end)
            if len(page) < PER_PAGE or page[-1].created >= gap.end:
                break
        else:
            return
        gap.missing = [one for one in listed.values() if delivered.place(one.identity) is None]
        gap.leadlex = len(listed)
        gap.misdated = max(len(listed) - gap.short - gap.sync, 0)

    def _count(self, start: float | None) -> int:
        if start is None:
            whole = self._page(per_page=1)
            self.earliest = min((contact.created for contact in whole.contacts), default=None)
            return whole.total
        first = self._ordered_page(start)
        total = first.total

        def reaches(number: int) -> bool:
            page = first if number == 1 else self._ordered_page(start, number)
            return not page.contacts or page.contacts[-1].created >= start

        # More than a page of contacts in that one second: find the page where it ends.
        pages = range(1, -(-total // PER_PAGE) + 1)
        at = 0 if reaches(1) else bisect_left(pages, x=True, key=reaches)
        if at == len(pages):
            return 0
        page = first if at == 0 else self._ordered_page(start, pages[at])
        return total - at * PER_PAGE - sum(contact.created < start for contact in page.contacts)

    def _ordered_page(self, start: float, number: int = 1) -> Page:
        """Read a page and check it against what a list in order looks like."""
        after = floor(start) - 1.0
        page = self._page(after=after, page=number)
        created = [contact.created for contact in page.contacts]
        expected = min(PER_PAGE, page.total - (number - 1) * PER_PAGE)
        problem = None
        if len(created) != max(expected, 0):
            problem = "its pages do not have what its total says"
        elif created != sorted(created):
            problem = "it does not sort by created_at"
        elif created and created[0] < after - 1:
            problem = "it ignores created_after"
        if problem:
            msg = f"The contact list cannot be counted: {problem}."
            raise UnreliableListError(msg)
        return page

    def _page(self, *, after: float | None = None, page: int = 1, per_page: int = PER_PAGE) -> Page:
        return self._api.page(after=after, page=page, per_page=per_page, leave=self._leave)


@dataclass(slots=True)
class Gap:
    """A range of creation instants, its end exclusive, with the contacts of both sides."""

    start: float
    end: float
    leadlex: int
    sync: int
    missing: Sequence[Listed] | None = None  # those that LeadLex lists, if not too many to list
    misdated: int = 0  # those that LeadLex lists and that arrived under another date

    @property
    def short(self) -> int:
        """Contacts that did not arrive."""
        return max(self.leadlex - self.sync, 0) if self.missing is None else len(self.missing)

    @property
    def surplus(self) -> int:
        """Contacts that arrived and that LeadLex does not have."""
        return max(self.short + self.misdated + self.sync - self.leadlex, 0)

    def __str__(self) -> str:
        """Return the range in words."""
        return f"{plain(self.start)} to {plain(self.end)}"


def joined(gaps: Sequence[Gap]) -> list[Gap]:
    """Join adjoining gaps of one kind: those that are short, or those with a surplus."""
    result: list[Gap] = []
    for gap in gaps:
        last = result[-1] if result else gap
        if last.end != gap.start or (last.leadlex > last.sync) != (gap.leadlex > gap.sync):
            result.append(gap)
            continue
        listed = last.missing is not None and gap.missing is not None
        last.missing = [*(last.missing or ()), *(gap.missing or ())] if listed else None
        last.end = gap.end
        last.leadlex += gap.leadlex
        last.sync += gap.sync
        last.misdated += gap.misdated
    return result
