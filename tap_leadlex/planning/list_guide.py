"""Edges from the contact list: where a window must end to fill one export. Pure.

The list is advice, never proof. It may be refused, filter less than the export does, or count other
contacts; then the sweep goes on without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.planning.windows import Edge, Listed, Remark

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime

    from tap_leadlex.planning.windows import Reply, Step, Window

# How much of an export to fill. The rest is room for the rows just outside the window, which an
# inclusive server sends along: up to 2 % of the limit for each second of a dense import.
FILL = 0.975
# A list that counts other contacts than the export (it knows no tags) foretells less surely.
FILL_BY_RATIO = 0.8
# One window changes the idea of that ratio by no more than this factor.
RATIO_STEP = 10
# So many windows in a row that came back full although the list had them fit end its use.
PATIENCE = 3


class ListAdvice:
    """Finds window ends through the contact list, and learns how far to trust it.

    Attributes:
        usable: Whether to ask it at all.
        total: How many contacts it counted at its first answer; `None` before.
    """

    def __init__(self, *, usable: bool) -> None:
        """Begin without knowledge.

        Args:
            usable: Whether the list may be asked.
        """
        self.usable = usable
        self.total: int | None = None
        self._ratio = 1.0  # contacts in the export for one in the list
        self._asked: tuple[datetime, int] | None = None  # the last edge and its rank
        self._left: tuple[datetime, int] | None = None  # where, and how many follow
        self._misjudged = 0

    def end(
        self, start: datetime | None, limit: int, *, was_full: bool
    ) -> Generator[Step, Reply, datetime | None]:
        """Find the end of a window that just fits one export.

        Args:
            start: The start of the window.
            limit: The rows of one export.
            was_full: Whether an export from this start on has come back full.

        Yields:
            At most one call of the list, and a remark when its use ends.

        Returns:
            The end, later than the start; `None` for everything that is left, or when the list
            is of no use (then `usable` is false).
        """
        fill = FILL_BY_RATIO if self._ratio < FILL_BY_RATIO else FILL
        rank = max(1, int(fill * limit / self._ratio))
        self._asked = None
        if self._left and self._left[0] == start and self._left[1] <= rank and not was_full:
            return None
        listed = yield Edge(start, rank)
        if not isinstance(listed, Listed):
            yield from self._give_up("it was refused")
            return None
        if self.total is None:
            self.total = listed.total
        if listed.created_at is None:
            if (listed.total or 0) >= rank:
                yield from self._give_up("it shows fewer contacts than it counts")
            elif was_full and (listed.total or 0) < limit:
                yield from self._give_up("it counts fewer contacts than an export held")
            elif was_full:
                self._ratio = 1.0
                return (yield from self.end(start, limit, was_full=False))
            return None
        if start is not None and listed.created_at < start - timestamps.SECOND:
            yield from self._give_up("it shows a contact from before the time that was asked for")
            return None
        end = timestamps.floor(listed.created_at)
        if start is not None:
            end = max(end, start + timestamps.SECOND)
        self._asked = (end, rank)
        self._left = None if listed.total is None else (end, listed.total - rank + 1)
        return end

    def closed(self, window: Window, count: int) -> None:
        """Learn from a window that was closed.

        Args:
            window: The window.
            count: The contacts it held.
        """
        self._misjudged = 0
        if self._asked and self._asked[0] == window.end:
            seen = max(count, 1) / self._asked[1]
            # Ties at the edge stay out of the window: a few per cent mean nothing.
            if seen < self._ratio * FILL_BY_RATIO or self._ratio < FILL_BY_RATIO:
                self._ratio = min(1.0, max(seen, self._ratio / RATIO_STEP))

    def full(self) -> Generator[Step, Reply, None]:
        """Learn from a window that came back full.

        Yields:
            A remark when the list has misjudged too often.
        """
        self._left = None
        if self._asked is None:
            return
        self._misjudged += 1
        if self._misjudged == PATIENCE:
            yield from self._give_up("windows that it had fit came back full")
        # A little first: most likely its count was just short.
        self._ratio *= 1.05 if self._misjudged == 1 else 2

    def _give_up(self, why: str) -> Generator[Step, Reply, None]:
        self.usable = False
        yield Remark(
            f"The contact list is of no help for choosing windows in this run: {why}. Going on "
            "without it: as complete, with some more exports."
        )
