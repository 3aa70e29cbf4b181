"""The planner: which window to export next, given what earlier exports showed.

Every window that it leaves behind was closed by an export that was not full and that no witness
contradicted, in ascending order and without a gap. The list and the records shown by full exports
also help to choose windows that just fit one export.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from tap_leadlex import timestamps
from tap_leadlex.errors import DenseInstantError
from tap_leadlex.planning.list_guide import ListGuide
from tap_leadlex.planning.proof import Case, Prover, Verdict
from tap_leadlex.planning.sample_guide import SampleGuide
from tap_leadlex.planning.windows import (
    PAGE,
    Boundary,
    ExportRequest,
    ExportResult,
    Plan,
    ReadPage,
    Window,
    look_up,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from tap_leadlex.planning.proof import Result
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
        read: Reads the list; `None` to plan without the list.
        notify: Receives a sentence for the user if the list turns out to be unusable.
        prover: Judges whether exports are complete.
        whole_first: Whether to try the whole range in one export first.
        plan: The plan that an interrupted run saved at the start of this range.
    """

    def __init__(
        self,
        resource: Resource,
        whole: Window,
        limit: int,
        *,
        read: ReadPage | None,
        notify: Callable[[str], None],
        prover: Prover,
        whole_first: bool = False,
        plan: Plan = (),
    ) -> None:
        self._resource = resource
        self._whole = whole
        self._limit = limit
        self._halvings = 0
        self._whole_first = whole_first
        self._notify = notify
        self._prover = prover
        self._list = ListGuide(look_up(read, PAGE) if read else None, self._give_up_list)
        self._samples = SampleGuide(whole, plan)
        self._start = whole.start  # of the next window
        self._end = whole.end  # of the window chosen last
        self._full: ExportResult | None = None  # the last result, if it was full
        self._shown: dict[str, datetime] = {}  # by exports that are being split below a second
        self._honors_fractions = False  # LeadLex was seen to compare bounds by the millisecond
        self._before: list[datetime] | None = None  # instants in the second before the start

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

    def learn(
        self,
        request: ExportRequest,
        result: Result | None,
        export: Callable[[ExportRequest], Result | None],
    ) -> Verdict[Result]:
        """Take note of what an export showed, and return what it is good for.

        Args:
            request: What `next()` returned.
            result: What came; `None` if it did not arrive.
            export: Makes a further export, to settle a doubt.

        Raises:
            DenseInstantError: If the window is full and cannot be split by time.
            RunStopped: If the run may not make an export that is needed.
        """
        if result is None:
            # A smaller export arrives, and shows at least where to split the window.
            self._limit //= 2
            self._halvings += 1
            return Verdict()
        self._halvings = 0
        self._prover.saw(result.rows)
        window = request.window
        if not result.full:
            self._check_split(window, result)
            # With nothing in the second before, the list counts only what is in the window.
            alone = window.start is None or self._before == []
            proven = alone and self._list.proves(result.window, len(result.keys))
            case = Case(request, result, export, self._before, proven=proven)
            verdict = self._prover.judge(case)
            if verdict.parts:
                self._learn_closed(window, verdict.parts)
                return verdict
            if verdict.split:
                self._samples.split(window, verdict.split)
                return verdict
            result = verdict.truncated or result
        if not result.full and not _within_second(window):
            self._limit = min(self._limit, result.rows or self._limit)
            self._samples.full(result)
            return Verdict()
        self._learn_full(window, result, export)
        return Verdict()

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

    def _learn_closed(self, window: Window, parts: Sequence[ExportResult]) -> None:
        end = parts[0].window.end
        created = [instant for part in parts for instant in part.created]
        self._list.closed(window, len(created))
        self._samples.closed(window, created, self._limit)
        self._samples.widen(parts[0].window, len(created), self._limit)
        self._full = None
        self._shown = {key: instant for key, instant in self._shown.items() if instant >= end}
        self._before = self._last_second(window, end, created)
        self._start = end
        if end != window.end:  # LeadLex's clock ends the run
            self._whole = Window(self._whole.start, end)

    def _last_second(
        self, window: Window, end: datetime, created: Sequence[datetime]
    ) -> list[datetime] | None:
        """Return the instants in the second before the end of a window; `None` if unknown."""
        since = end - timestamps.SECOND
        known = window.start is None or window.start <= since
        before: Sequence[datetime] | None = () if known else self._before
        return None if before is None else [each for each in (*before, *created) if each >= since]

    def _learn_full(
        self,
        window: Window,
        result: Result,
        export: Callable[[ExportRequest], Result | None],
    ) -> None:
        if not _within_second(window):
            self._full = result
            self._list.full()
            return
        middle = _middle_of_second(result)
        if middle is None:
            self._refuse_instant(window.start or window.end, result.rows)
        self._full = None
        self._shown |= dict(zip(result.keys, result.created, strict=True))
        self._samples.split(window, middle)
        self._check_fractions(window, result, export)

    def _check_split(self, window: Window, result: ExportResult) -> None:
        """Check that an export within a second has all that earlier ones showed there."""
        if window.unit < timestamps.SECOND:
            shown = {key for key, instant in self._shown.items() if instant in result.window}
            if not shown <= set(result.keys):
                self._refuse_fractions(window)

    def _check_fractions(
        self,
        window: Window,
        full: Result,
        export: Callable[[ExportRequest], Result | None],
    ) -> None:
        """Ask once for the millisecond of a record: only exact bounds bring it back."""
        if window.unit < timestamps.SECOND and full.stray:
            self._refuse_fractions(window)
        if self._honors_fractions:
            return
        key, instant = _telling_record(full)
        start = timestamps.floor(instant, timestamps.MILLISECOND)
        if not key or start == timestamps.floor(instant):
            self._refuse_instant(start, full.rows)
        millisecond = Window(start, start + timestamps.MILLISECOND)
        found = export(ExportRequest(millisecond, self._limit))
        if found is not None and found.full:
            self._refuse_instant(start, found.rows)
        if found is None or found.stray or key not in found.keys:
            self._refuse_fractions(window)
        self._honors_fractions = True

    def _refuse_instant(self, instant: datetime, rows: int) -> NoReturn:
        msg = (
            f"LeadLex has {rows:,} or more {self._resource.records} created within a second "
            f"of {timestamps.plain(instant)}. One export cannot carry them, and time bounds cannot "
            f"split them. {self._ways_out}"
        )
        raise DenseInstantError(msg)

    def _refuse_fractions(self, window: Window) -> NoReturn:
        msg = (
            f"LeadLex ignores fractions of a second in time bounds: the exports of window {window} "
            f"contradict each other. {self._ways_out}"
        )
        raise DenseInstantError(msg)

    def _give_up_list(self, reason: str) -> None:
        self._prover.silence(reason)
        self._notify(
            f"Cannot use the {self._resource.record} list ({reason}); planning without it. The "
            "sync stays complete but needs more exports."
        )

    @property
    def _ways_out(self) -> str:
        filters = " or ".join(each.name for each in self._resource.filters)
        if self._prover.cap is None:
            return (
                f"Raise export_limit if it is below 50,000, or sync them in parts with {filters}. "
                "The next run exports that second again."
            )
        return (
            "LeadLex truncates exports, whatever export_limit is. Ask its support to change that, "
            f"or sync them in parts with {filters}. The next run exports that second again."
        )


def _within_second(window: Window) -> bool:
    return window.start is not None and window.end - window.start <= timestamps.SECOND


def _telling_record(full: ExportResult) -> tuple[str, datetime]:
    """Return the key and the instant of a record that bounds coarser than milliseconds may miss.

    The best one is in the middle of a hundredth of a second, the worst one at a whole second. It
    may be outside the window: of a dense second before it, an export shows records, too. The key is
    empty if there is no record.
    """

    def telling(record: tuple[str, datetime]) -> tuple[bool, bool]:
        millisecond = record[1].microsecond // 1_000
        return millisecond % 10 in {2, 4, 6, 8}, millisecond > 0

    shown = [*zip(full.keys, full.created, strict=True), *full.beside]
    return max(shown, key=telling, default=("", full.window.end))


def _middle_of_second(full: ExportResult) -> datetime | None:
    """Return where to split a window of one second or less; `None` if printed times are coarser.

    Never finer than a millisecond: LeadLex may keep its bounds as dates of JavaScript.
    """
    window, unit = full.window, max(full.resolution, timestamps.MILLISECOND)
    if window.start is None or window.end - window.start <= unit or unit >= timestamps.SECOND:
        return None
    if full.created:
        middle = timestamps.floor(sorted(full.created)[len(full.created) // 2], unit)
        if window.start < middle < window.end:
            return middle
    middle = timestamps.floor(window.start + (window.end - window.start) / 2, unit)
    return middle if middle > window.start else None
