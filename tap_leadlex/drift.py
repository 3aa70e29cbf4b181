"""Drift: what `created_at` cannot see, told by counting.

Contacts may be created with a date up to five years back, and be merged or deleted. No export above
the bookmark shows that; the contact list's count below it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import instants

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from tap_leadlex.windows import Listed

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
    everyone = ask(_just_before(since) if since else None, delivered + 1)
    if everyone is None or everyone.total is None:
        return None
    asked = now()
    # As many as this should stand above the bookmark; who is one further tells why, if not.
    above = max(everyone.total - delivered, 0)
    further = ask(_just_before(bookmark), above + 1)
    if further is None or further.total is None:
        return None
    change = everyone.total - further.total - delivered
    if change > 0:
        one_more_below = everyone.created_at is not None and everyone.created_at < bookmark
        return change if one_more_below else 0
    came_meanwhile = further.created_at is None or further.created_at >= asked
    return 0 if came_meanwhile else change


def _just_before(instant: datetime) -> datetime:
    """Bound from just below an instant: then it is inside, be the bound inclusive or not."""
    return instant - instants.MICROSECOND
