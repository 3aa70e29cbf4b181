"""Which range a run vouches for. Pure, but for the clock where nothing else tells the time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING

from tap_leadlex.validation.comparison import Range

if TYPE_CHECKING:
    from tap_leadlex.validation.comparison import FirstCount
    from tap_leadlex.validation.options import Options
    from tap_leadlex.validation.stream import StreamValidator

_EXPORT = 600.0
"""Seconds that an export may take between LeadLex's reading and the tap's noting the time."""
_LEAST = 1e-6


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


def known_start(options: Options) -> float | None:
    """Say from which creation instant on a run delivers, as far as the options tell.

    Returns:
        Seconds since 1970, or `None` for the beginning of history.
    """
    bookmark = None if options.state is None else options.state.bookmark
    if bookmark is None:
        return options.start
    resumed = bookmark - options.lookback
    return resumed if options.start is None else max(resumed, options.start)


def coverage(options: Options, seen: StreamValidator, first: FirstCount | None) -> Coverage:
    """Say what a run vouches for.

    Args:
        options: What is known of the run.
        seen: Its stream, read to the end.
        first: What LeadLex held before it.
    """
    since = _began(seen, first)
    created = [instant for instant in seen.ledger.created if not isnan(instant)]
    end = seen.bookmarks.bookmark
    if seen.versioned and created:
        # A full refresh covers all; its states may still hold an older bookmark.
        end = max(end or created[0], max(created) + _LEAST)
    if end is None:
        return Coverage(None, since)
    start = known_start(options)
    told = options.first_sync or options.state is not None or seen.versioned
    if start is not None or told:
        return Coverage(Range(start, end, since, first), since)
    if not created:
        return Coverage(None, since)
    return Coverage(Range(min(created), end, since, first), since, inferred=True)


def _began(seen: StreamValidator, first: FirstCount | None) -> float:
    if first is not None:
        return first.at
    if seen.extracted is not None:
        return seen.extracted - _EXPORT
    return seen.bookmarks.bookmark or time.time()
