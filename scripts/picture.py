"""Draws docs/sweep.svg: the exports of a sweep by the real planner.

After a change to the planner, run `python scripts/picture.py > docs/sweep.svg`.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tap_leadlex.planning.windows import ExportRequest, ListPage, Window
from tap_leadlex.sandbox import History, Store
from tap_leadlex.sandbox.histories import make
from tap_leadlex.sandbox.instants import to_datetime
from tap_leadlex.sandbox.model import Model, ModelExport

if TYPE_CHECKING:
    from collections.abc import Iterator


CONTACTS = 300_000
LIMIT = 50_000
BEGIN, CUTOFF = datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 6, 1, tzinfo=UTC)
WEEKS = 178
LEFT, WIDTH, ROW, BARS = 40, 920, 17, 70

CAPTION = (
    "Each bar is one export, from top to bottom. A filled bar closed a window with that many",
    "contacts. A dashed bar was full, so it proves nothing. Dotted lines are edges from the list.",
)
STYLE = """
:root { --ink: #1f2933; --faint: #9aa5b1; --closed: #2f7d6d; --full: #c2571a; --bar: #7b8794; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e7eb; --faint: #7b8794; --closed: #5fc3ae; --full: #f29b62; --bar: #9aa5b1; }
}
text { font: 12px system-ui, sans-serif; fill: var(--ink); }
.small { font-size: 11px; fill: var(--faint); }
.closed { fill: var(--closed); }
.full { fill: none; stroke: var(--full); stroke-dasharray: 5 3; }
.bar { fill: var(--bar); }
.edge { stroke: var(--faint); stroke-dasharray: 2 3; }
"""


@dataclass(frozen=True)
class Shown:
    """An export in the picture."""

    window: Window
    contacts: int | None  # None if it was full
    by_edge: bool


class Recorder(Model):
    """A model of LeadLex that records the exports.

    Attributes:
        shown: The exports so far.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.shown: list[Shown] = []
        self._listed: set[datetime | None] = set()

    def page(self, start: datetime | None, number: int, per_page: int) -> ListPage:
        """Record which times the list shows: one of them is the edge."""
        page = super().page(start, number, per_page)
        self._listed = {entry.created_at for entry in page.entries}
        return page

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[ModelExport | None]:
        """Record an export."""
        with super().export(request) as result:
            contacts = None if result is None or result.full else len(result.created)
            by_edge = request.window.end in self._listed
            self.shown.append(Shown(request.window, contacts, by_edge))
            yield result


def across(moment: datetime | None) -> float:
    """Return the position of an instant on the time axis."""
    return LEFT + WIDTH * max(0.0, ((moment or BEGIN) - BEGIN) / (CUTOFF - BEGIN))


def panel(store: Store, top: int, title: str, *, use_list: bool) -> tuple[list[str], int]:
    """Draw one sweep. Return its lines and the position of its end."""
    recorder = Recorder(store)
    recorder.sync(Window(None, CUTOFF), LIMIT, use_list=use_list)
    exports = recorder.shown
    least = -(-CONTACTS // LIMIT)
    lines = [
        f'<text x="{LEFT}" y="{top}">{title}: {len(exports)} exports (at least {least})</text>'
    ]
    for row, export in enumerate(exports):
        y = top + 10 + row * ROW
        x, end = across(export.window.start), across(export.window.end)
        kind = "full" if export.contacts is None else "closed"
        said = "full" if export.contacts is None else f"{export.contacts:,}"
        span = max(end - x, 1.5)
        lines.append(f'<rect class="{kind}" x="{x:.1f}" y="{y}" width="{span:.1f}" height="10"/>')
        side = f'x="{end + 4:.1f}"' if end < WIDTH - 60 else f'x="{x - 4:.1f}" text-anchor="end"'
        lines.append(f'<text class="small" {side} y="{y + 9}">{said}</text>')
        if export.by_edge:
            lines.append(
                f'<line class="edge" x1="{end:.1f}" x2="{end:.1f}" y1="40" y2="{y + 10}"/>'
            )
    return lines, top + 10 + len(exports) * ROW


def picture() -> str:
    """Draw the whole picture."""
    times = make(History.BURSTS, CONTACTS, 0)
    store = Store(times)
    weeks = [0] * WEEKS
    for time in times:
        weeks[min(int(WEEKS * ((to_datetime(time) - BEGIN) / (CUTOFF - BEGIN))), WEEKS - 1)] += 1
    highest = max(weeks)
    lines = [f'<text x="{LEFT}" y="24">{CONTACTS:,} contacts by week of creation, in bursts</text>']
    for week, count in enumerate(weeks):
        height = BARS * count / highest
        lines.append(
            f'<rect class="bar" x="{LEFT + week * WIDTH / WEEKS:.1f}" y="{40 + BARS - height:.1f}" '
            f'width="{WIDTH / WEEKS - 1:.1f}" height="{height:.1f}"/>'
        )
    listed, end = panel(store, 140, "With the contact list", use_list=True)
    unlisted, end = panel(store, end + 34, "Without it", use_list=False)
    lines += listed + unlisted
    for line, text in enumerate(CAPTION):
        lines.append(f'<text class="small" x="{LEFT}" y="{end + 24 + 16 * line}">{text}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH + 2 * LEFT} {end + 52}" '
        f'role="img" aria-label="Windows, edges and exports of a sweep"><style>{STYLE}</style>'
        + "\n".join(lines)
        + "</svg>\n"
    )


if __name__ == "__main__":
    sys.stdout.write(picture())
