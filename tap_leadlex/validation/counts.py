"""Exact counts by printed `created_at`, whatever the list's bounds mean.

LeadLex does not say whether `created_after` is inclusive, or whether it keeps instants finer than
it prints them. So each count asks from one second earlier and takes off what the first page shows
to lie before the boundary.
"""

from __future__ import annotations

from bisect import bisect_left
from math import floor
from typing import TYPE_CHECKING

from tap_leadlex.validation.api import PER_PAGE, UnreliableListError

if TYPE_CHECKING:
    from tap_leadlex.validation.api import LeadLex, Page

_TRIES = 3


class Counter:
    """Counts LeadLex's contacts, each boundary once.

    Attributes:
        earliest: The creation instant of the first contact of all, once all were counted;
            `None` where there is none.
    """

    def __init__(self, api: LeadLex) -> None:
        """Begin without any count.

        Args:
            api: Whom to ask.
        """
        self._api = api
        self.earliest: float | None = None
        self._known: dict[float | None, int] = {}

    def forget(self) -> None:
        """Ask anew from here on."""
        self._known.clear()

    def since(self, start: float | None) -> int:
        """Count the contacts created at `start` or later, or all.

        Raises:
            ApiError: If LeadLex does not say, or contradicts itself.
        """
        if start not in self._known:
            self._known[start] = self._count(start)
        return self._known[start]

    def between(self, start: float | None, end: float) -> int:
        """Count the contacts created in [start, end)."""
        return self.since(start) - self.since(end)

    def settled(self, start: float | None, end: float) -> int:
        """Count [start, end) anew, until nothing was created or deleted between the two counts."""
        for _ in range(_TRIES):
            self.forget()
            count = self.between(start, end)
            before = self._known.pop(start)
            if self.since(start) == before:
                break
        return count

    def verify(self) -> None:
        """Make sure that the list holds as many contacts as its total says.

        Raises:
            UnreliableListError: If it does not.
        """
        for _ in range(_TRIES):
            total = self._api.page(per_page=1).total
            last = bool(self._api.page(per_page=1, page=max(total, 1)).contacts)
            if last == (total > 0) and not self._api.page(per_page=1, page=total + 1).contacts:
                return
        msg = "The contact list does not hold as many contacts as its total says."
        raise UnreliableListError(msg)

    def _count(self, start: float | None) -> int:
        if start is None:
            whole = self._api.page(per_page=1)
            self.earliest = min((contact.created for contact in whole.contacts), default=None)
            return whole.total
        first = self._page(start)
        if len(first.contacts) == first.total:
            return sum(contact.created >= start for contact in first.contacts)
        if first.contacts[-1].created >= start:
            return first.total - sum(contact.created < start for contact in first.contacts)
        # More than a page of contacts in that one second: find the page where it ends.
        pages = range(2, -(-first.total // PER_PAGE) + 1)
        number = bisect_left(
            pages, x=True, key=lambda page: self._page(start, page).contacts[-1].created >= start
        )
        if number == len(pages):
            return 0
        page = self._page(start, pages[number])
        earlier = (pages[number] - 1) * PER_PAGE
        return first.total - earlier - sum(contact.created < start for contact in page.contacts)

    def _page(self, start: float, number: int = 1) -> Page:
        """Read a page and hold it against what a list in order must look like."""
        after = floor(start) - 1.0
        page = self._api.page(after=after, page=number)
        created = [contact.created for contact in page.contacts]
        expected = min(PER_PAGE, page.total - (number - 1) * PER_PAGE)
        problem = None
        if len(created) != max(expected, 0):
            problem = "its pages do not hold what its total says"
        elif created != sorted(created):
            problem = "it does not sort by created_at"
        elif created and created[0] < after - 1:
            problem = "it passes over created_after"
        if problem:
            msg = f"The contact list cannot be counted: {problem}."
            raise UnreliableListError(msg)
        return page
