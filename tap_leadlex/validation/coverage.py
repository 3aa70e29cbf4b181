"""Which range a run vouches for. Pure, but for the clock where nothing else tells the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from tap_leadlex.validation.comparison import Range

if TYPE_CHECKING:
    from tap_leadlex.validation.claims import Claim
    from tap_leadlex.validation.comparison import FirstCount
    from tap_leadlex.validation.options import Options
    from tap_leadlex.validation.stream import StreamValidator

_EXPORT = 600.0
"""Seconds that an export may take between LeadLex's reading and the tap's noting the time."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a run vouches for.

    Attributes:
        range: The range of creation instants; `None` where no state claims any.
        since: When the sync began, seconds since 1970: what changed in LeadLex later, it need
            not show.
        inferred: Whether the range begins with the stream's first contact because nothing tells
            where the run began.
    """

    range: Range | None
    since: float
    inferred: bool = False


def known_start(options: Options, origin: Claim | None) -> float | None:
    """Say from which creation instant on a run delivers, as far as that is known.

    Args:
        options: What is known of the run.
        origin: What the state claims that it was given.

    Returns:
        Seconds since 1970, or `None` for the beginning of history.
    """
    if origin is None or origin.position is None:
        return options.start
    # A refresh that goes on does not look back.
    resumed = origin.position - (0 if origin.refreshing else options.lookback)
    return resumed if options.start is None else max(resumed, options.start)


def coverage(options: Options, seen: StreamValidator, first: FirstCount | None) -> Coverage:
    """Say what a run vouches for.

    Args:
        options: What is known of the run.
        seen: Its stream, read to the end.
        first: What LeadLex held before it.
    """
    marks = seen.bookmarks
    since = _began(seen, first)
    if marks.position is None:
        return Coverage(None, since)
    origin, claim = marks.origin, marks.claim
    if origin is not None and marks.refreshing and not origin.refreshing:
        origin = None  # the refresh began anew
    if origin is not None and origin.position is not None:
        start = known_start(options, origin)
    elif claim.explicit:
        start = claim.since
    elif options.first_sync or marks.origin is not None or options.start is not None:
        start = options.start
    else:
        start = min((one for one in seen.ledger.created if not isnan(one)), default=None)
        if start is None:
            return Coverage(None, since)
        return Coverage(Range(start, marks.position, since, first), since, inferred=True)
    return Coverage(Range(start, marks.position, since, first), since)


def _began(seen: StreamValidator, first: FirstCount | None) -> float:
    if first is not None:
        return first.at
    if seen.extracted is not None:
        return seen.extracted - _EXPORT
    return seen.bookmarks.position or time.time()
