"""Windows, and what is asked and learnt about them: the words of a sweep. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tap_leadlex import timestamps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta


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
        end = timestamps.plain(self.end)
        return f"up to {end}" if self.start is None else f"{timestamps.plain(self.start)} to {end}"

    @property
    def unit(self) -> timedelta:
        """The step of time in which the bounds are written: one second, or finer."""
        start = self.end if self.start is None else self.start
        return min(timestamps.resolution(start), timestamps.resolution(self.end))


@dataclass(frozen=True, slots=True)
class Fence:
    """An end that a window may reach.

    Attributes:
        end: The end.
        fits_from: From where on a window that ends there is thought to fit one export; `None`
            where nothing is known.
    """

    end: datetime
    fits_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """Wanted: the export of a window.

    Attributes:
        window: The window.
        limit: The most rows to ask for.
        divisible: Whether it can be asked for in smaller exports if it does not arrive.
    """

    window: Window
    limit: int
    divisible: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """Wanted: the contact at a rank (from 1) among those from `start` on, by `created_at`."""

    start: datetime | None
    rank: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What the export of a window told.

    Attributes:
        full: It held as many rows as were asked for, so it may be cut off and proves nothing.
        seen: The instants of the contacts inside the window that it showed, in row order.
        resolution: The finest step of time in which it printed `created_at`.
        too_big: It did not arrive, twice: the gateway may not stream so much at once.
    """

    full: bool
    seen: Sequence[datetime] = ()
    resolution: timedelta = timestamps.SECOND
    too_big: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """What the contact list told.

    Attributes:
        created_at: The instant of the contact at the rank asked for; `None` where there is none.
        total: How many contacts the list counts from the start asked for on; `None` if it does not.
    """

    created_at: datetime | None
    total: int | None


@dataclass(frozen=True, slots=True)
class Remark:
    """Not a question: something that the user should read."""

    text: str


Step = Ask | Edge | Remark
Reply = Answer | Listed | None
