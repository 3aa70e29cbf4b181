"""The side effects of a sweep: exports within the budget, messages, and the state between them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from tap_leadlex.messages import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_leadlex.api.budget import Budget
    from tap_leadlex.api.export import Export
    from tap_leadlex.messages import RecordBatch
    from tap_leadlex.planning.windows import Boundary, ExportRequest
    from tap_leadlex.progress import RunLog
    from tap_leadlex.state import SyncState


class Output(Protocol):
    """Where the messages of a stream go."""

    def write_records(self, batch: RecordBatch) -> None:
        """Write the RECORD messages of a batch."""

    def write_state(self) -> None:
        """Write a STATE message."""

    def write_activation(self, version: int) -> None:
        """Write an ACTIVATE_VERSION message."""


class Sync:
    """One sync of one stream: what `sweep` does to the outside.

    Args:
        at: How far the sync is.
        export: Makes one export call.
        budget: The budget of the run.
        output: Where the messages go.
        run_log: Tells the user.
    """

    def __init__(
        self,
        at: SyncState,
        export: Callable[[ExportRequest], Export],
        budget: Budget,
        output: Output,
        run_log: RunLog,
    ) -> None:
        self._at = at
        self._export = export
        self._budget = budget
        self._output = output
        self._run_log = run_log

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[Export | None]:
        """Make one export within the budget; see `Actions`."""
        result = self._budget.export(request, self._export, self._run_log)
        if result is None:
            yield None
            return
        with result.batch:
            yield result

    def close(self, result: Export, plan: Sequence[Boundary], *, done: bool) -> None:
        """Deliver the records of a window, then move the state past them; see `Actions`."""
        self._output.write_records(result.batch)
        with uninterrupted():
            self._at.close(result.window.end, result.created, plan, done=done)
            self._output.write_state()
        self._run_log.closed(
            result.window, result.batch.records, self._budget.calls, result.headers
        )

    def save(self, plan: Sequence[Boundary]) -> None:
        """Save the plan; see `Actions`."""
        with uninterrupted():
            self._at.save(plan)
            self._output.write_state()

    def finish(self) -> None:
        """End the sync: all its windows are closed."""
        with uninterrupted():
            ending = self._at.finish()
            if ending.activate is not None:
                self._output.write_activation(ending.activate)
            self._output.write_state()
        if ending.warning:
            self._run_log.warning(ending.warning)
