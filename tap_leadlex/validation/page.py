"""The outcome as one page: no script, no network, light and dark, for phones and paper."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jinja2

from tap_leadlex.validation.findings import counted, printable
from tap_leadlex.validation.instants import DAY, moment, next_month, plain
from tap_leadlex.validation.layout import Match

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.validation.bookmarks import Window
    from tap_leadlex.validation.counts import Gap
    from tap_leadlex.validation.outcome import Outcome

_HEIGHT = 96
"""Of the tallest window, in pixels."""
_ROOM = 7.0
"""Per cent of the width that a number takes on a phone."""
_LEAST_WIDTH = 0.15
_TICKS = 3
_GOOD = {True: "good", False: "bad", None: "none"}
_REPEATS = {"repeat", "conflict"}


@dataclass(frozen=True, slots=True)
class Bar:
    """A window in the chart; lengths in per cent of the width and in pixels."""

    title: str
    x: float
    width: float
    top: int
    height: int
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    """A date under the chart."""

    x: float
    anchor: str
    text: str


def page(outcome: Outcome, *, show_values: bool) -> str:
    """Write the page.

    Args:
        outcome: What to report.
        show_values: Whether contacts' values may be shown.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tap_leadlex.validation", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"printable": printable, "plain": plain, "counted": counted}
    buckets = outcome.comparison.buckets if outcome.comparison else []
    beginning = outcome.covered.start if outcome.covered else None
    if beginning is None and buckets:
        beginning = buckets[0].start
    return environment.get_template("page.html").render(
        outcome=outcome,
        show_values=show_values,
        good=_GOOD,
        matches=list(Match),
        repeats=[one for one in outcome.findings if one.kind.code in _REPEATS],
        months=list(months(buckets)),
        bars=bars(outcome.windows, beginning),
        ticks=ticks(outcome.windows, beginning),
        height=_HEIGHT,
    )


def months(buckets: Sequence[Gap]) -> Iterator[tuple[str, Gap, float, float]]:
    """Yield each bucket with its label and the lengths of its two bars in per cent."""
    most = max((max(bucket.leadlex, bucket.sync) for bucket in buckets), default=0) or 1
    for bucket in buckets:
        label = f"{moment(bucket.start):%Y-%m}"
        if next_month(bucket.start) < bucket.end:
            label += f" to {moment(bucket.end - 1):%Y-%m}"
        yield label, bucket, 100 * bucket.leadlex / most, 100 * bucket.sync / most


def bars(windows: Sequence[Window], beginning: float | None) -> list[Bar]:
    """Return the windows over time: as wide as they reach, as tall as they are full.

    Args:
        windows: In order.
        beginning: Where history begins, seconds since 1970; `None` if unknown.
    """
    if not windows:
        return []
    left, right = _extent(windows, beginning)
    most = max(window.contacts for window in windows) or 1
    result = []
    for window in windows:
        start = left if window.start is None else window.start
        x, width = (
            100 * (start - left) / (right - left),
            100 * (window.end - start) / (right - left),
        )
        height = max(round(_HEIGHT * window.contacts / most), 2)
        title = (
            f"{plain(window.start)} to {plain(window.end)}: "
            f"{counted(window.contacts, 'contact')}, {counted(window.exports, 'export')}"
        )
        label = str(window.exports) if width >= _ROOM else ""
        shown = min(max(width, _LEAST_WIDTH), 100.0)
        result.append(Bar(title, min(x, 100 - shown), shown, 20 + _HEIGHT - height, height, label))
    return result


def ticks(windows: Sequence[Window], beginning: float | None) -> list[Tick]:
    """Return dates under the chart, with the time of day if it spans a few days only."""
    if not windows:
        return []
    left, right = _extent(windows, beginning)
    form = "%Y-%m-%d" if right - left > _TICKS * DAY else "%m-%d %H:%M"
    anchors = {0: "start", _TICKS - 1: "end"}
    return [
        Tick(
            100 * number / (_TICKS - 1),
            anchors.get(number, "middle"),
            moment(left + number / (_TICKS - 1) * (right - left)).strftime(form),
        )
        for number in range(_TICKS)
    ]


def _extent(windows: Sequence[Window], beginning: float | None) -> tuple[float, float]:
    right = max(window.end for window in windows)
    starts = [window.end if window.start is None else window.start for window in windows]
    left = min(starts) if beginning is None else min(beginning, *starts)
    if left >= right or (windows[0].start is None and left >= windows[0].end):
        left -= max((right - left) / 10, DAY)
    return left, right
