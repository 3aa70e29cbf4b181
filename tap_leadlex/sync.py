"""The side effects of a sweep: exports within the budget, messages, and the state between them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tap_leadlex.messages import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.api.budget import Budget
    from tap_leadlex.api.export import Export, Exporter
    from tap_leadlex.planning.windows import Boundary, ExportRequest
    from tap_leadlex.progress import RunLog
    from tap_leadlex.state import SyncState
    from tap_leadlex.streams import ExportedStream


class Sync:
    """One sync of one stream: the `Actions` of its sweep."""

    def __init__(
        self,
        stream: ExportedStream,
        at: SyncState,
        exporter: Exporter,
        budget: Budget,
        run_log: RunLog,
    ) -> None:
        self._stream = stream
        self._at = at
        self._exporter = exporter
        self._budget = budget
        self._run_log = run_log

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[Export | None]:
        """Make one export within the budget."""
        result = self._budget.export(request, self._exporter.export, self._run_log)
        if result is None:
            yield None
            return
        with result.batch:
            yield result

    def close(self, result: Export, plan: Sequence[Boundary], *, done: bool) -> None:
        """Deliver the records of a window, then move the state past them."""
        self._stream.write_records(result.batch)
        with uninterrupted():
            self._at.close(result.window.end, result.created, plan, done=done)
            self._stream.write_state()
        self._run_log.closed(result, self._budget.calls)

    def save(self, plan: Sequence[Boundary]) -> None:
        """Save the plan."""
        with uninterrupted():
            self._at.save(plan)
            self._stream.write_state()

    def finish(self) -> None:
        """End the sync: all its windows are closed."""
        with uninterrupted():
            version, warning = self._at.finish()
            if version is not None:
                self._stream.write_activation(version)
            self._stream.write_state()
        if warning:
            self._run_log.warning(warning)
