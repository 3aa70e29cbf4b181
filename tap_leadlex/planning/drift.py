"""Drift: what `created_at` cannot see, told by counting.

Contacts may be created with a date up to five years back, and be merged or deleted. No export above
the bookmark shows that; the contact list's count below it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_leadlex.planning.windows import Listed

    Ask = Callable[[datetime | None, int], Listed | None]


def drift(
    ask: Ask,
    now: Callable[[], datetime],
    bookmark: datetime,
    since: datetime | None,
    delivered: int,
) -> int | None:
    """Compare what LeadLex has below the bookmark with what was delivered, in two list calls.

    Args:
        ask: Asks the list for the contact at a rank above a lower bound, and for its count.
        now: Gives LeadLex's time at the last call.
        bookmark: The bookmark.
        since: Where the sync began; `None` for the beginning of history.
        delivered: How many contacts were delivered between them.

    Returns:
        How many contacts more (or, negative, fewer) LeadLex has there; 0 also where the calls
        contradict each other, as when contacts come and go meanwhile. `None` if the list does not
        say.
    """
    everyone = ask(_just_before(since) if since else None, max(delivered, 1))
    if everyone is None or everyone.total is None:
        return None
    asked = now()
    # The contact that was delivered last has to be there still, unless some are gone.
    none_gone = not delivered or (
        everyone.created_at is not None and everyone.created_at < bookmark
    )
    # As many as this should stand above the bookmark, unless some came below it; one further can
    # only have come between the calls, unless some are gone.
    above = max(everyone.total - delivered, 0)
    further = ask(_just_before(bookmark), max(above, 1) if none_gone else above + 1)
    if further is None or further.total is None:
        return None
    change = everyone.total - further.total - delivered
    if none_gone:
        return change if change > 0 and further.created_at is None else 0
    believable = further.created_at is None or bookmark <= further.created_at < asked
    return change if change < 0 and believable else 0


def _just_before(instant: datetime) -> datetime:
    """Bound from just below an instant: then it is inside, be the bound inclusive or not."""
    return instant - timestamps.MICROSECOND
