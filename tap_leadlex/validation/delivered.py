"""The delivered contacts by creation instant."""

from __future__ import annotations

from bisect import bisect_left
from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tap_leadlex.validation.ledger import Ledger


class Delivered:
    """Counts the contacts of a ledger.

    Attributes:
        first: The earliest creation instant, or `None`.
        last: The latest.
    """

    def __init__(self, ledger: Ledger) -> None:
        """Sort the ledger's instants; contacts without one are left out."""
        self._ledger = ledger
        self._created = sorted(created for created in ledger.created if not isnan(created))
        self.first = self._created[0] if self._created else None
        self.last = self._created[-1] if self._created else None

    def __contains__(self, identity: str) -> bool:
        """Tell whether a contact was delivered, whenever it was created."""
        return identity in self._ledger

    def between(self, start: float | None, end: float) -> int:
        """Count the contacts created in [start, end)."""
        low = 0 if start is None else bisect_left(self._created, start)
        return max(bisect_left(self._created, end) - low, 0)
