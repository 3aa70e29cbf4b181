"""What a run tells of itself: where it stands, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tap_leadlex import timestamps

if TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

    from tap_leadlex.api.budget import Stop
    from tap_leadlex.api.export import Export, Exporter
    from tap_leadlex.planning.planner import Sweep
    from tap_leadlex.planning.windows import Window


class Report:
    """Says in words how far a sweep is."""

    def __init__(
        self, whole: Window, sweep: Sweep, exporter: Exporter, logger: logging.Logger
    ) -> None:
        """Begin before the first window.

        Args:
            whole: The range of the run.
            sweep: Knows how many contacts the list has counted.
            exporter: Knows how many calls were made.
            logger: The stream's logger.
        """
        self._whole = whole
        self._sweep = sweep
        self._exporter = exporter
        self._log = logger
        self._delivered = 0

    def closed(self, export: Export) -> None:
        """Report a closed window."""
        self._delivered += export.batch.records
        self._log.info(
            "Closed window %s: %s contacts. %s used; %s.%s",
            export.window,
            f"{export.batch.records:,}",
            "1 export call"
            if self._exporter.calls == 1
            else f"{self._exporter.calls} export calls",
            self._share(export.window),
            _quota(export.headers),
        )

    def stopped(self, stop: Stop) -> None:
        """Report why the run ends before the cut-off, in structured logs to schedulers as well."""
        left = ""
        if self._sweep.listed is not None:
            left = f", about {max(self._sweep.listed - self._delivered, 0):,} are left"
        self._log.warning(
            "Stopped, with the state saved: %s. %s contacts of this run are in%s. %s",
            stop.reason,
            f"{self._delivered:,}",
            left,
            stop.advice,
            extra={
                "stopped_by": stop.by,
                "opens_in_seconds": (
                    None if stop.opens_in is None else math.ceil(stop.opens_in.total_seconds())
                ),
            },
        )

    def _share(self, done: Window) -> str:
        """Say how much of the way lies behind: in contacts where the list counted, else in time."""
        if done.end >= self._whole.end:
            return "all of the way done"
        if self._sweep.listed:
            return f"{min(self._delivered / self._sweep.listed, 1):.0%} of the way done"
        if self._whole.start is None:
            return f"next from {timestamps.plain(done.end)}"
        span = self._whole.end - self._whole.start
        return f"{(done.end - self._whole.start) / span:.0%} of the way done"


def _quota(headers: Mapping[str, str]) -> str:
    """Say what LeadLex's headers tell of the quota, or nothing."""
    remaining = headers.get("X-RateLimit-Remaining")
    limit = headers.get("X-RateLimit-Limit")
    return f" LeadLex says {remaining} of {limit} calls are left." if remaining and limit else ""
