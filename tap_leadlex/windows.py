"""Which window next, given what came back. Pure: no I/O, no clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_leadlex import instants
from tap_leadlex.errors import DenseInstantError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A half-open range `[start, end)` of `created_at` as LeadLex prints it, in UTC.

    Attributes:
        start: The first instant inside; `None` where history has no known beginning.
        end: The first instant behind it.
    """

    start: datetime | None
    end: datetime

    def __contains__(self, instant: datetime) -> bool:
        """Tell whether an instant lies inside."""
        return instant < self.end and (self.start is None or instant >= self.start)

    def __str__(self) -> str:
        """Say the range in words for a log line."""
        end = instants.plain(self.end)
        return f"up to {end}" if self.start is None else f"{instants.plain(self.start)} to {end}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What one export of a window told.

    Attributes:
        full: It held as many rows as were asked for, so it may be cut off and proves nothing.
        seen: The instants of the contacts inside the window that it showed, in any order.
    """

    full: bool
    seen: Sequence[datetime]


def sweep(window: Window) -> Generator[Window, Answer, None]:
    """Cut a window into windows that one export each can carry, in ascending order.

    Yields the windows to export and takes the answer to each. A window whose export was not full
    is closed; a full one is halved and both halves are asked for.

    Args:
        window: The whole range of the run.

    Yields:
        The next window to export.

    Raises:
        DenseInstantError: If a window of one second is still full.
    """
    waiting = [window]
    while waiting:
        window = waiting.pop()
        answer = yield window
        if answer.full:
            waiting.extend(reversed(_halves(window, answer.seen)))


def _halves(window: Window, seen: Sequence[datetime]) -> tuple[Window, Window]:
    """Split a full window in time, at a whole second."""
    if window.start is not None:
        start = window.start
    elif seen:
        start = instants.floor_second(min(seen))
    else:
        start = window.end - instants.SECOND
    middle = instants.floor_second(start + (window.end - start) / 2)
    if middle <= start:
        if window.start is not None:
            msg = (
                f"More contacts than one export carries were created at {instants.plain(start)}, "
                "and time cannot split them. Raise export_limit if it is below 50000, or sync them "
                "in parts with list_id or tags. The bookmark stays before that instant."
            )
            raise DenseInstantError(msg)
        middle = start
    return Window(window.start, middle), Window(middle, window.end)


def drive(steps: Generator[Window, Answer, None], ask: Callable[[Window], Answer | None]) -> None:
    """Lead a sweep through its windows.

    Args:
        steps: The sweep.
        ask: Exports a window and gives the answer, or `None` to end the sweep there.
    """
    try:
        window = next(steps)
        while (answer := ask(window)) is not None:
            window = steps.send(answer)
    except StopIteration:
        return
