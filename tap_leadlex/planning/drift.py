"""Drift: records that appeared or disappeared below the bookmark, found by counting.

Contacts may be created with a date up to five years back, and be merged or deleted. No export above
the bookmark shows that; the list's count below it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_leadlex.planning.windows import LookUp


def drift(
    entry: LookUp,
    now: Callable[[], datetime],
    bookmark: datetime,
    since: datetime | None,
    delivered: int,
) -> int | None:
    """Compare what LeadLex has below the bookmark with what was delivered, in two list calls.

    Args:
        entry: Returns the entry of the list at a rank above a lower bound.
        now: Returns LeadLex's time at the last call.
        bookmark: Where the records end that were delivered.
        since: Where they begin; `None` for the beginning of history.
        delivered: How many they are.

    Returns:
        How many records more (or, negative, fewer) LeadLex has there. 0 also if the two calls
        contradict each other, for example because records were created in between. `None` if the
        list has no total.

    Raises:
        ListError: If the list cannot be read.
    """
    everyone = entry(_just_before(since) if since else None, max(delivered, 1))
    if everyone.total is None:
        return None
    asked = now()
    # The record delivered last must still be there, unless some are gone.
    last = everyone.created_at
    none_gone = not delivered or (last is not None and last < bookmark)
    # This many should be above the bookmark, unless some were created below it. One more can only
    # have been created between the calls, unless some are gone.
    above = max(everyone.total - delivered, 0)
    further = entry(_just_before(bookmark), max(above, 1) if none_gone else above + 1)
    if further.total is None:
        return None
    change = everyone.total - further.total - delivered
    if none_gone:
        return change if change > 0 and further.created_at is None else 0
    believable = further.created_at is None or bookmark <= further.created_at < asked
    return change if change < 0 and believable else 0


def _just_before(instant: datetime) -> datetime:
    """Return a bound that includes an instant, whether the bound is inclusive or not."""
    return instant - timestamps.MICROSECOND
