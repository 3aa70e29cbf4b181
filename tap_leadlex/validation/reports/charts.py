"""Charts as inline SVG: lengths in per cent, so that they fit any width and text keeps its size."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from tap_leadlex.validation.instants import moment, next_month, plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.validation.narrowing import Gap
    from tap_leadlex.validation.windows import Window

_HEIGHT = 96
"""Of the tallest window, in pixels."""
_ROOM = 5.0
"""Per cent of the width that a number takes on a telephone."""
_TICKS = 4


def months(buckets: Sequence[Gap]) -> str:
    """Draw LeadLex's and the sync's contacts, month by month, side by side."""
    most = max((max(bucket.leadlex, bucket.sync) for bucket in buckets), default=0) or 1
    return (
        '<table class="months"><thead><tr><th>created</th><th class="wide"></th>'
        '<th class="leadlex">LeadLex</th><th class="sync">sync</th></tr></thead><tbody>'
        + "".join(_month(bucket, most) for bucket in buckets)
        + "</tbody></table>"
    )


def timeline(windows: Sequence[Window], beginning: float | None) -> str:
    """Draw the windows over time: as wide as they reach, as tall as they hold, with their exports.

    Args:
        windows: In order.
        beginning: Where history begins, seconds since 1970; `None` where nobody knows.
    """
    end = max(window.end for window in windows)
    starts = [window.end if window.start is None else window.start for window in windows]
    left = min(starts) if beginning is None else min(beginning, *starts)
    if left >= end or (windows[0].start is None and left >= windows[0].end):
        left -= max((end - left) / 10, 1.0)
    most = max(window.contacts for window in windows) or 1
    bars = "".join(
        _window(window, left if window.start is None else window.start, left, end, most)
        for window in windows
    )
    return (
        f'<svg class="timeline" role="img" aria-label="Windows over time" width="100%" '
        f'height="{_HEIGHT + 44}">{bars}{"".join(_ticks(left, end))}</svg>'
    )


def _month(bucket: Gap, most: int) -> str:
    label = f"{moment(bucket.start):%Y-%m}"
    if next_month(bucket.start) < bucket.end:
        label += f" to {moment(bucket.end - 1):%Y-%m}"
    differs = bucket.leadlex != bucket.sync
    return (
        f'<tr{" class=differs" if differs else ""}><th scope="row">{label}</th>'
        '<td class="wide"><svg aria-hidden="true" width="100%" height="20">'
        f'<rect class="leadlex" y="1" height="8" width="{100 * bucket.leadlex / most:.2f}%"/>'
        f'<rect class="sync" y="11" height="8" width="{100 * bucket.sync / most:.2f}%"/></svg></td>'
        f"<td>{bucket.leadlex:,}</td><td>{bucket.sync:,}"
        + (f" <b>({bucket.sync - bucket.leadlex:+,})</b>" if differs else "")
        + "</td></tr>"
    )


def _window(window: Window, start: float, left: float, right: float, most: int) -> str:
    x, width = 100 * (start - left) / (right - left), 100 * (window.end - start) / (right - left)
    height = max(round(_HEIGHT * window.contacts / most), 2)
    top = 20 + _HEIGHT - height
    title = (
        f"{plain(start)} to {plain(window.end)}: {window.contacts:,} contacts, "
        f"{window.exports} exports"
    )
    label = ""
    if width >= _ROOM:
        label = (
            f'<text x="{x + width / 2:.2f}%" y="{top - 5}" class="middle">{window.exports}</text>'
        )
    return (
        f'<g><title>{escape(title)}</title><rect class="sync window" x="{x:.3f}%" y="{top}" '
        f'width="{max(width, 0.15):.3f}%" height="{height}"/>{label}</g>'
    )


def _ticks(left: float, right: float) -> Iterator[str]:
    yield f'<line class="axis" x1="0" x2="100%" y1="{_HEIGHT + 20.5}" y2="{_HEIGHT + 20.5}"/>'
    for number in range(_TICKS):
        share = number / (_TICKS - 1)
        anchor = {0: "", _TICKS - 1: ' class="end"'}.get(number, ' class="middle"')
        date = f"{moment(left + share * (right - left)):%Y-%m-%d}"
        yield f'<text x="{100 * share:.2f}%" y="{_HEIGHT + 38}"{anchor}>{date}</text>'
