"""Which window next, given what came back. Pure: no I/O, no clock.

A sweep is a generator. It yields what it wants to know, the export of a window or an edge from the
contact list, and is sent the reply. Every window that it leaves behind was closed by an export that
was not full, in ascending order and without a gap; the list, and what full exports showed, only
help to choose windows that one export just carries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tap_leadlex import timestamps
from tap_leadlex.errors import DenseInstantError
from tap_leadlex.planning.list_guide import ListAdvice
from tap_leadlex.planning.sample_guide import SampleAdvice
from tap_leadlex.planning.windows import Ask, Fence, Window

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from datetime import datetime

    from tap_leadlex.planning.windows import Answer, Reply, Step


# So often in a row the exports are made smaller before a server that gives none counts as down.
MAX_HALVINGS = 2

_WAYS_OUT = (
    "Raise export_limit if it is below 50000, or sync them in parts with list_id or tags. The "
    "bookmark stays before that instant."
)


class Sweep:
    """Chooses the windows of one run."""

    def __init__(
        self,
        whole: Window,
        limit: int,
        *,
        whole_first: bool,
        use_list: bool,
        plan: Sequence[Fence] = (),
    ) -> None:
        """Begin before the first window.

        Args:
            whole: The range of the run.
            limit: The rows asked for in one export.
            whole_first: Whether to try the whole range in one export first.
            use_list: Whether the contact list may be asked for edges.
            plan: The plan of a sweep that was stopped where this one begins.
        """
        self._whole = whole
        self._limit = limit
        self._halvings = 0
        self._whole_first = whole_first
        self._list = ListAdvice(usable=use_list)
        self._samples = SampleAdvice(whole, plan)
        self._start = whole.start  # of the next window
        self._end = whole.end  # of the last one that was chosen
        self._full: tuple[Window, Sequence[datetime]] | None = None  # the last export, if it was
        self._shown: Sequence[datetime] = ()  # by the export that is being split below a second

    @property
    def listed(self) -> int | None:
        """How many contacts the list counted from the start on; `None` if it did not say."""
        return self._list.total

    @property
    def plan(self) -> Sequence[Fence]:
        """What full exports have shown of the way ahead, the nearest fence last; mostly nothing."""
        if self._start is not None and self._start >= self._whole.end:
            return ()
        plan = self._samples.plan(self._start, self._limit, ahead=not self._list.usable)
        if self._list.usable and self._full:
            # What the list has learnt from misjudging a window would be lost.
            return [*(plan or [Fence(self._whole.end)]), Fence(self._below(*self._full))]
        return plan

    def _below(self, window: Window, seen: Sequence[datetime]) -> datetime:
        """Find an end below that of a window that was full, even where the list does not."""
        if self._end < window.end:
            return self._end
        samples = SampleAdvice(window)
        samples.full(window, seen)
        return samples.end(window.start, self._limit)

    def steps(self) -> Generator[Step, Reply, None]:
        """Give the steps of the sweep; send the reply to each.

        Yields:
            What is wanted next. A `Remark` wants no reply.

        Raises:
            DenseInstantError: If a window is still full that time cannot split.
        """
        while self._start is None or self._start < self._whole.end:
            # In a generator of its own: an answer is not kept while the next one is read.
            self._start = yield from self._next(self._start)

    def _next(self, start: datetime | None) -> Generator[Step, Reply, datetime | None]:
        """Ask for a window; give the start of the next one, the same as long as this is open."""
        self._end = yield from self._choose(start)
        window = Window(start, self._end)
        divisible = self._halvings < MAX_HALVINGS and self._limit > 1
        answer = cast("Answer", (yield Ask(window, self._limit, divisible=divisible)))
        if answer.too_big:
            # A smaller export shows at least where to cut, and arrives.
            self._limit //= 2
            self._halvings += 1
            return start
        self._halvings = 0
        if answer.full:
            yield from self._cut(window, answer)
            return start
        self._close(window, answer)
        return window.end

    def _choose(self, start: datetime | None) -> Generator[Step, Reply, datetime]:
        """Choose where the next window ends."""
        if self._list.usable:
            fence, fits = self._samples.fence(start)
            was_full = self._full is not None
            if self._whole_first or (fits and not was_full):
                self._whole_first = False
                return fence
            edge = yield from self._list.end(start, self._limit, was_full=was_full)
            if self._list.usable:
                return min(edge or fence, fence)
        if self._full:
            self._samples.full(*self._full)
            self._full = None
        return self._samples.end(start, self._limit)

    def _close(self, window: Window, answer: Answer) -> None:
        """Learn from a window that was closed."""
        if window.unit < timestamps.SECOND and len(answer.seen) < self._shown_inside(window):
            msg = (
                f"LeadLex does not seem to heed fractions of a second in its bounds: window "
                f"{window} came back with fewer contacts than an export had shown in it. "
                f"{_WAYS_OUT}"
            )
            raise DenseInstantError(msg)
        self._list.closed(window, len(answer.seen))
        self._samples.closed(window, answer.seen)
        self._full = None
        self._shown = ()

    def _cut(self, window: Window, answer: Answer) -> Generator[Step, Reply, None]:
        """Have a full window read in parts."""
        if window.start is None or window.end - window.start > timestamps.SECOND:
            self._full = (window, answer.seen)
            yield from self._list.full()
            return
        middle = _middle_of_second(window, answer)
        if middle is None:
            msg = (
                f"More contacts than one export carries ({self._limit}) were created within a "
                f"second of {timestamps.plain(window.start)}, and time cannot split them. "
                f"{_WAYS_OUT}"
            )
            raise DenseInstantError(msg)
        self._full = None
        self._shown = answer.seen
        self._samples.split(window, middle)

    def _shown_inside(self, window: Window) -> int:
        """Count the contacts that the export being split showed inside a window."""
        return sum(instant in window for instant in self._shown)


def _middle_of_second(window: Window, answer: Answer) -> datetime | None:
    """Find where to split a window of one second or less; `None` where LeadLex prints no finer."""
    unit = answer.resolution
    if window.start is None or window.end - window.start <= unit or not unit < timestamps.SECOND:
        return None
    if answer.seen:
        middle = timestamps.floor(sorted(answer.seen)[len(answer.seen) // 2], unit)
        if window.start < middle < window.end:
            return middle
    return timestamps.floor(window.start + (window.end - window.start) / 2, unit)
