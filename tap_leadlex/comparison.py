"""The daily comparison of what was delivered with LeadLex's list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.errors import NO_LIST
from tap_leadlex.planning.drift import Drift, changes, counted
from tap_leadlex.planning.ranks import LookUpsUsedError
from tap_leadlex.signals import uninterrupted

if TYPE_CHECKING:
    from datetime import datetime

    from tap_leadlex.planning.ledger import Ledger
    from tap_leadlex.planning.windows import ReadPage
    from tap_leadlex.progress import RunLog
    from tap_leadlex.state import Check, IncrementalState

# From this share of the delivered records on, those that are gone deserve a warning.
_MANY_GONE = 0.01


def compare(
    at: IncrementalState,
    read: ReadPage,
    now: datetime,
    run_log: RunLog,
    *,
    repair: bool,
    refresh: bool,
) -> bool:
    """Mark the stretches that have changed since they were delivered, if a check is due.

    A list that cannot be read shows nothing. If the check takes too many look-ups, the next run
    continues it.

    Args:
        at: Where the sync is.
        read: Reads the list, from a second before a start on.
        now: When the run compares.
        run_log: Receives what was found.
        repair: Whether stretches that have changed are read again.
        refresh: Whether full refreshes delete what is gone.

    Returns:
        Whether a check was due.
    """
    due = at.due_check(now)
    if due is None:
        return False
    if not due.ledger.stretches:
        ledger = _count(at, due, read, run_log)
        with uninterrupted():
            at.keep(ledger)
            at.checked(now)
        return True
    listed: dict[int, int] = {}
    complete = True
    try:
        listed.update(changes(due.ledger, read, due.until, now.toordinal()))
    except LookUpsUsedError:
        complete = not listed
    except NO_LIST:
        pass
    if listed:
        found = Drift.of(due.ledger, listed)
        run_log.drifted(found, repair=repair)
        if found.fewer and repair:
            many = found.fewer > _MANY_GONE * due.records
            run_log.gone(found.fewer, warn=many and not refresh)
    with uninterrupted():
        at.keep(due.ledger.marked(listed))
        if complete:
            at.checked(now)
    return True


def _count(at: IncrementalState, due: Check, read: ReadPage, run_log: RunLog) -> Ledger | None:
    """Return a ledger for a state that has none: an earlier release wrote it."""
    try:
        ledger = counted(read, due.ledger.since, due.bookmark, due.records, at.limit)
    except (LookUpsUsedError, *NO_LIST):
        return None
    if ledger.total == due.records:
        return ledger
    run_log.miscounted(ledger.total - due.records, due.bookmark)
    return None
