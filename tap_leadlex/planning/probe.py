"""Signs of a truncated export that need no list: its number of rows, and a second export.

Gateways truncate at round numbers. An export with a round number of rows is checked by another one
for a part of its window: if that one has records that the first lacks, the first was truncated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.planning.sample_guide import RowOrder, row_order
from tap_leadlex.planning.windows import Window

if TYPE_CHECKING:
    from tap_leadlex.planning.windows import ExportResult

_FEWEST = 50


def looks_truncated(rows: int) -> bool:
    """Return whether a number of rows is one at which gateways truncate."""
    return rows >= _FEWEST and (rows % _FEWEST == 0 or rows & (rows - 1) == 0)


def part(result: ExportResult) -> Window | None:
    """Return the part of a window that would show more records if its export was truncated.

    That is where the rows end if they are sorted by time; otherwise they are a random sample, and
    half of what exists fits where half of the sample is. `None` if no record is inside the window.
    """
    window = result.window
    if not result.created:
        return None
    ascending = sorted(result.created)
    start, end = window.start, window.end
    match row_order(result.created):
        case RowOrder.ASCENDING:
            start = timestamps.floor(ascending[-1])
        case RowOrder.DESCENDING:
            end = timestamps.floor(ascending[0]) + timestamps.SECOND
        case RowOrder.NONE:
            start = timestamps.floor(ascending[len(ascending) // 4])
            end = timestamps.floor(ascending[len(ascending) * 3 // 4]) + timestamps.SECOND
    if window.start and start:
        start = max(window.start, start)
    return Window(start, min(end, window.end))
