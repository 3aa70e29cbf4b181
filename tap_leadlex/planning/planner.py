"""The planner: which window to export next, given what earlier exports showed.

Every window that it leaves behind was closed by an export that was not full, in ascending order
and without a gap. The list and the records shown by full exports only help to choose windows that
just fit one export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.errors import DenseInstantError
from tap_leadlex.planning.list_guide import ListGuide
from tap_leadlex.planning.sample_guide import SampleGuide
from tap_leadlex.planning.windows import Boundary, ExportRequest, ExportResult, LookUp, Plan, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_leadlex.resources import Resource

# Halve the limit at most this often in a row before treating the server as down.
MAX_HALVINGS = 2


class Planner:
    """Chooses the windows of one run.

    Ask it with `next()` which export to make, and tell it the outcome with `learn()`.

    Args:
        resource: What is exported; its nouns and settings appear in messages.
        whole: The range of the run.
        limit: The rows to ask for in one export.
        look_up: Looks up an entry of the list; `None` to plan without the list.
        notify: Receives a sentence for the user if the list turns out to be unusable.
        whole_first: Whether to try the whole range in one export first.
        plan: The plan that an interrupted run saved at the start of this range.
    """

    def __init__(
        self,
        resource: Resource,
        whole: Window,
        limit: int,
        *,
        look_up: LookUp | None,
        notify: Callable[[str], None],
        whole_first: bool = False,
        plan: Plan = (),
    ) -> None:
        self._resource = resource
        self._whole = whole
        self._limit = limit
        self._halvings = 0
        self._whole_first = whole_first
        self._list = ListGuide(look_up, lambda reason: notify(self._without_list(reason)))
        self._samples = SampleGuide(whole, plan)
        self._start = whole.start  # of the next window
        self._end = whole.end  # of the window chosen last
        self._full: ExportResult | None = None  # the last result, if it was full
        self._shown: Sequence[datetime] = ()  # by the export that is being split below a second

    @property
    def done(self) -> bool:
        """Whether all windows are closed."""
        return self._start is not None and self._start >= self._whole.end

    @property
    def plan(self) -> Plan:
        """What is known about the windows to come; usually nothing."""
        if self.done:
            return ()
        plan = self._samples.plan(self._start, self._limit, predict=not self._list.usable)
        if self._list.usable and self._full:
            # The list guide's lesson from this full window would be lost with the run.
            return [*(plan or [Boundary(self._whole.end)]), Boundary(self._end_below(self._full))]
        return plan

    def next(self) -> ExportRequest | None:
        """Return the next export, after at most two look-ups; `None` if all windows are closed."""
        if self.done:
            return None
        self._end = self._choose_end(self._start)
        divisible = self._halvings < MAX_HALVINGS and self._limit > 1
        return ExportRequest(Window(self._start, self._end), self._limit, divisible=divisible)

    def learn(self, request: ExportRequest, result: ExportResult | None) -> None:
        """Take note of what an export showed; `None` if it did not arrive.

        Raises:
            DenseInstantError: If the window is full and cannot be split by time.
        """
        if result is None:
            # A smaller export arrives, and shows at least where to split the window.
            self._limit //= 2
            self._halvings += 1
            return
        self._halvings = 0
        if result.full:
            self._learn_full(request.window, result)
        else:
            self._learn_closed(request.window, result)

    def _choose_end(self, start: datetime | None) -> datetime:
        """Return where the next window ends."""
        if self._list.usable:
            boundary, fits = self._samples.boundary(start)
            if self._whole_first or (fits and not self._full):
                self._whole_first = False
                return boundary
            edge = self._list.end(start, self._limit, was_full=self._full is not None)
            if self._list.usable:
                return min(edge or boundary, boundary)
        if self._full:
            self._samples.full(self._full)
            self._full = None
        return self._samples.end(start, self._limit)

    def _end_below(self, full: ExportResult) -> datetime:
        """Return an end below that of a full window, even before the list is asked for one."""
        if self._end < full.window.end:
            return self._end
        samples = SampleGuide(full.window)
        samples.full(full)
        return samples.boundary(full.window.start)[0]

    def _learn_closed(self, window: Window, result: ExportResult) -> None:
        shown = sum(instant in result.window for instant in self._shown)
        if window.unit < timestamps.SECOND and len(result.created) < shown:
            msg = (
                f"LeadLex ignores fractions of a second in time bounds: the export of window "
                f"{window} has fewer {self._resource.records} than an earlier export showed there. "
                f"{self._ways_out}"
            )
            raise DenseInstantError(msg)
        self._list.closed(window, len(result.created))
        self._samples.closed(window, result.created, self._limit)
        self._samples.widen(result.window, len(result.created), self._limit)
        self._full = None
        self._shown = ()
        self._start = result.window.end
        if result.window != window:  # LeadLex's clock ends the run
            self._whole = Window(self._whole.start, result.window.end)

    def _learn_full(self, window: Window, result: ExportResult) -> None:
        if window.start is None or window.end - window.start > timestamps.SECOND:
            self._full = result
            self._list.full()
            return
        middle = _middle_of_second(result)
        if middle is None:
            msg = (
                f"LeadLex has {self._limit} or more {self._resource.records} created within a "
                f"second of {timestamps.plain(window.start)}. One export cannot carry them, and "
                f"time bounds cannot split them. {self._ways_out}"
            )
            raise DenseInstantError(msg)
        self._full = None
        self._shown = result.created
        self._samples.split(window, middle)

    def _without_list(self, reason: str) -> str:
        return (
            f"Cannot use the {self._resource.record} list ({reason}); planning without it. The "
            "sync stays complete but needs more exports."
        )

    @property
    def _ways_out(self) -> str:
        filters = " or ".join(each.name for each in self._resource.filters)
        return (
            f"Raise export_limit if it is below 50,000, or sync them in parts with {filters}. The "
            "bookmark stays before that instant."
        )


def _middle_of_second(full: ExportResult) -> datetime | None:
    """Return where to split a window of one second or less; `None` if printed times are coarser."""
    window, unit = full.window, full.resolution
    if window.start is None or window.end - window.start <= unit or unit >= timestamps.SECOND:
        return None
    if full.created:
        middle = timestamps.floor(sorted(full.created)[len(full.created) // 2], unit)
        if window.start < middle < window.end:
            return middle
    return timestamps.floor(window.start + (window.end - window.start) / 2, unit)
