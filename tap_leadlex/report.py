"""The run report: one line of JSON about each run, for schedulers and people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Protocol

from tap_leadlex import timestamps
from tap_leadlex.clock import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from tap_leadlex.errors import RunStopped


@dataclass(slots=True)
class StreamReport:
    """What a run did for one stream."""

    stream: str
    records: int = 0  # delivered
    windows: int = 0  # closed
    look_ups: int = 0  # of the list
    out_of_date: int = 0  # ranges that have changed since they were synced and are to be read again
    repaired: int = 0  # ranges that were read again
    proven: str | None = None  # how LeadLex confirms that the stream is complete
    refresh: str | None = None  # how far the full refresh is, if the run made one


class Spent(Protocol):
    """What the budget of a run knows of it."""

    calls: int  # for exports
    stop: RunStopped | None  # why the run ended early, if it did


@dataclass(kw_only=True)
class RunReport:
    """Collects what a run does, and appends it to a file when the run ends.

    It contains neither the key nor a value of a record.
    """

    path: Path | None
    version: str  # of the tap
    clock: Clock
    budget: Spent | None = None
    streams: list[StreamReport] = field(default_factory=list)
    waited: float = 0  # seconds, for the quota and before retries

    def __post_init__(self) -> None:
        """Note when the run began."""
        self._started = self.clock.now()

    @property
    def counting_clock(self) -> Clock:
        """The clock of the run, whose sleep counts as waiting."""

        def sleep(seconds: float) -> None:
            self.waited += seconds
            self.clock.sleep(seconds)

        return Clock(self.clock.now, sleep)

    def check(self) -> None:
        """Raise `OSError` if the file cannot be appended to."""
        if self.path:
            with self.path.open("a"):
                pass

    def write(self, exit_status: int, message: str | None = None, by: str | None = None) -> None:
        """Append the line of this run.

        Args:
            exit_status: The exit status of the run.
            message: The last line of a run that failed.
            by: What stopped the run, if it was not the budget.

        Raises:
            OSError: If the file cannot be appended to.
        """
        if self.path is None:
            return
        now = self.clock.now()
        stop = self.budget.stop if self.budget else None
        reopens = now + stop.opens_in if stop and stop.opens_in else None
        line = {
            "version": self.version,
            "started": timestamps.canonical(self._started),
            "ended": timestamps.canonical(now),
            "exit_status": exit_status,
            "message": message or (stop and f"{stop.reason}. {stop.advice}"),
            "stopped_by": by or (stop and stop.by),
            "quota_reopens": reopens and timestamps.canonical(reopens),
            "exports": self.budget.calls if self.budget else 0,
            "waited_seconds": round(self.waited),
            "streams": [asdict(stream) for stream in self.streams],
        }
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
