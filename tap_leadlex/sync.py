"""The side effects of a sweep: exports within the budget, messages, and the state between them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tap_leadlex.signals import uninterrupted
from tap_leadlex.state import Delivered

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.api.budget import Budget
    from tap_leadlex.api.export import Export, Exporter
    from tap_leadlex.messages import RecordBatch
    from tap_leadlex.planning.proof import Prover
    from tap_leadlex.planning.windows import ExportRequest, Plan
    from tap_leadlex.progress import RunLog
    from tap_leadlex.state import SyncState


class Output(Protocol):
    """Where the messages of a sync go: its stream."""

    def write_records(self, batch: RecordBatch) -> None: ...  # noqa: D102

    def write_state(self) -> None: ...  # noqa: D102

    def write_activation(self, version: int) -> None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Sync:
    """One sync of one stream: the `Actions` of its sweep."""

    stream: Output
    at: SyncState
    exporter: Exporter
    budget: Budget
    prover: Prover
    run_log: RunLog

    @contextmanager
    def export(self, request: ExportRequest) -> Iterator[Export | None]:
        """Make one export within the budget."""
        result = self.budget.export(request, self.exporter.export, self.run_log)
        if result is None:
            yield None
            return
        self.at.exported(result.rows, result.received, self.exporter.fields)
        with result.batch:
            yield result

    def deliver(self, parts: Sequence[Export]) -> None:
        """Write the records of a window."""
        for part in parts:
            self.stream.write_records(part.batch)

    def close(self, parts: Sequence[Export], plan: Plan, *, done: bool) -> None:
        """Move the state past a window whose records are delivered."""
        window = parts[0].window
        created = [instant for part in parts for instant in part.created]
        withheld = self.prover.withheld - self.at.withheld
        delivered = Delivered(window, created, withheld, self.prover.countable)
        self.at.cap, self.at.withheld = self.prover.cap, self.prover.withheld
        self.at.contradicted |= self.prover.contradicted
        self.at.unsettled = None if self.prover.settled else (window.start, len(created))
        with uninterrupted():
            self.at.close(delivered, plan, done=done)
            self.stream.write_state()
        self.run_log.closed(window, len(created), parts[0].headers, self.budget.calls)

    def save(self, plan: Plan) -> None:
        """Save the plan."""
        with uninterrupted():
            self.at.save(plan)
            self.stream.write_state()

    def finish(self) -> None:
        """End the sync: all its windows are closed."""
        with uninterrupted():
            version, warning = self.at.finish()
            if version is not None:
                self.stream.write_activation(version)
            self.stream.write_state()
        if version is not None:
            records = self.run_log.resource.records
            self.run_log.info(
                f"Finished the full refresh and activated version {version}. Targets that support "
                f"ACTIVATE_VERSION now delete {records} that LeadLex no longer has."
            )
        if warning:
            self.run_log.warning(warning)
