"""What a run tells its user: how far it is, why it waits, why it stops."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.api import foreign
from tap_leadlex.report import StreamReport

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from tap_leadlex.errors import RunStopped
    from tap_leadlex.planning.drift import Drift
    from tap_leadlex.planning.proof import Proof
    from tap_leadlex.planning.windows import ListPage, ReadPage, Window
    from tap_leadlex.resources import Resource


class RunLog:
    """Writes the log lines of one stream in one run.

    The lines go to the stream's logger: Meltano shows them under the stream's name.
    """

    def __init__(self, logger: logging.Logger, resource: Resource) -> None:
        self._log = logger
        self.resource = resource
        self._warned: set[str] = set()
        self.report = StreamReport(resource.name)
        self.records = 0  # delivered so far
        self.total: int | None = None  # counted by the list at the start, if it was asked
        self._bounded = False
        self.proof: Proof | None = None  # what the completeness rests on, once anything was read

    def begin(self, whole: Window, *, bounded: bool = False) -> None:
        """Begin the sweep of a range; if it is bounded, the list counts more than is in it."""
        self._whole = whole
        self._bounded = bounded
        self._before = self.records
        self.total = None

    def prove(self, proof: Proof) -> None:
        """Take note of what the completeness of a sweep rests on; the worst counts."""
        self.proof = proof if self.proof is None else self.proof.worse(proof)

    def info(self, text: str) -> None:
        """Log a sentence."""
        self._log.info("%s", text)

    def warning(self, text: str) -> None:
        """Log a warning."""
        self._log.warning("%s", text)

    def warn_once(self, kind: str, text: str) -> None:
        """Log a warning, unless there has been one of its kind."""
        if kind not in self._warned:
            self._warned.add(kind)
            self.warning(text)

    def closed(self, window: Window, records: int, headers: Mapping[str, str], calls: int) -> None:
        """Log a closed window, and how many export calls the run has made."""
        self.records += records
        self.report.records += records
        self.report.windows += 1
        self._log.info(
            "Closed window %s: %s %s. %s used; %s.%s",
            window,
            f"{records:,}",
            self.resource.records,
            export_calls(calls),
            self._share(window),
            _quota(headers),
        )

    def counting(self, read: ReadPage) -> ReadPage:
        """Wrap the reading of the list, to learn its first total."""

        def counted(start: datetime | None, number: int, size: int) -> ListPage:
            self.report.look_ups += 1
            page = read(start, number, size)
            if self.total is None and not self._bounded:
                self.total = page.total
            return page

        return counted

    def retrying(self, error: BaseException | None) -> None:
        """Log why a call is repeated: it costs quota."""
        self._log.warning("%s Retrying; this uses one more export call.", error or "")

    def waiting(self, when: str, left: timedelta) -> None:
        """Log that the run waits for the quota."""
        self._log.info(
            "Waiting for the export quota: %s (%.0f s left).", when, left.total_seconds()
        )

    def stopped(self, stop: RunStopped) -> None:
        """Log why the run ends early; structured logs carry it for schedulers."""
        if self.records:
            self.finished()
        left = ""
        if self.total is not None:
            left = f", about {max(self.total - self._swept, 0):,} left"
        if self.report.out_of_date:
            left = f", {_ranges(self.report.out_of_date)} left to export again"
        opens_in = None if stop.opens_in is None else math.ceil(stop.opens_in.total_seconds())
        self._log.warning(
            "Stopped: %s. State saved; %s %s synced%s. %s",
            stop.reason,
            f"{self.records:,}",
            self.resource.records,
            left,
            stop.advice,
            extra={"stopped_by": stop.by, "opens_in_seconds": opens_in},
        )

    def finished(self) -> None:
        """Log what the completeness of the run rests on."""
        if self.proof:
            self.report.proven = self.proof.grade.value
            again = ""
            if self.report.repaired:
                again = f" ({_ranges(self.report.repaired)} again)"
            self._log.info(
                "Synced %s %s%s; completeness %s: %s.",
                f"{self.records:,}",
                self.resource.record if self.records == 1 else self.resource.records,
                again,
                self.proof.grade.value,
                self.proof.reason,
            )

    def drifted(self, found: Drift, *, repair: bool) -> None:
        """Log that the list shows other numbers of records in some ranges than were delivered."""
        numbers = {"more": found.more, "fewer": found.fewer}
        counts = " and ".join(f"{each:,} {word}" for word, each in numbers.items() if each)
        what = f"{counts} {self.resource.records}"
        where = f"{_ranges(found.ranges)} ({found.window})"
        if repair:
            self.info(
                f"LeadLex lists {what} than the tap delivered, in {where}. The tap exports what "
                "has changed again."
            )
        else:
            self.warning(
                f"LeadLex lists {what} than the tap delivered, in {where}. Set repair_drift to "
                "true to export what has changed again, or run a full refresh."
            )

    def gone(self, records: int, *, warn: bool) -> None:
        """Log that records which were delivered are no longer there."""
        noun = self.resource.record if records == 1 else self.resource.records
        self._log.log(
            logging.WARNING if warn else logging.INFO,
            "LeadLex no longer has %s %s that the tap delivered. A full refresh deletes them from "
            "the destination.",
            f"{records:,}",
            noun,
        )

    def miscounted(self, change: int, bookmark: datetime) -> None:
        """Log that the list shows more or fewer records than were delivered, but not where."""
        self._log.warning(
            "LeadLex counts %s %s %s created before %s than the tap delivered. Run a full refresh "
            "to correct this.",
            f"{abs(change):,}",
            "more" if change > 0 else "fewer",
            self.resource.records,
            timestamps.plain(bookmark),
        )

    @property
    def _swept(self) -> int:
        """How many records of the range are delivered."""
        return self.records - self._before

    def _share(self, done: Window) -> str:
        """Return how much is done: in records if the list counted them, else in time."""
        if done.end >= self._whole.end:
            return "100% done"
        if self.total:
            return f"{min(self._swept / self.total, 1):.0%} done"
        if self._whole.start is None:
            return f"continuing from {timestamps.plain(done.end)}"
        span = self._whole.end - self._whole.start
        return f"{(done.end - self._whole.start) / span:.0%} done"


def export_calls(calls: int) -> str:
    """Return a number of export calls in words."""
    return "1 export call" if calls == 1 else f"{calls} export calls"


def _ranges(number: int) -> str:
    """Return a number of ranges in words."""
    return "1 range" if number == 1 else f"{number:,} ranges"


def _quota(headers: Mapping[str, str]) -> str:
    """Return what LeadLex's headers say about the quota, or nothing."""
    remaining = foreign.count(headers.get("X-RateLimit-Remaining"))
    limit = foreign.count(headers.get("X-RateLimit-Limit"))
    if remaining is None or limit is None:
        return ""
    return f" LeadLex says {remaining} of {limit} calls are left."
