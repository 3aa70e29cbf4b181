"""One export request in, the records of its window out, once the body is known to be complete."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.api.client import Client, Query, Response, date
from tap_leadlex.api.keys import Keys
from tap_leadlex.api.table import Table
from tap_leadlex.errors import CutError, OversizedError, TableError
from tap_leadlex.planning.windows import BEGINNING, ExportRequest, ExportResult, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tap_leadlex.api.foreign import ColumnNames
    from tap_leadlex.messages import RecordBatch
    from tap_leadlex.progress import RunLog
    from tap_leadlex.resources import Column
    from tap_leadlex.scope import Scope

# LeadLex shows its clock in whole seconds, and a response takes a moment to arrive.
_WHOLE_SECONDS = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Export(ExportResult):
    """The result of an export, with the messages of the records inside its window."""

    batch: RecordBatch  # open
    headers: Mapping[str, str]
    received: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """Makes exports of one resource: one call for each request, whatever comes of it."""

    client: Client
    scope: Scope
    columns: Sequence[Column]  # to ask for, key and replication key among them
    settle: timedelta  # how far behind LeadLex's clock a window must end
    new_batch: Callable[[datetime], RecordBatch]  # given when the response was received
    count: Callable[[], None]  # counts a call
    run_log: RunLog

    def export(self, request: ExportRequest) -> Export:
        """Make one export and read its body to the end. The caller closes the batch.

        Raises:
            LeadLexError: If LeadLex refuses, or the response is incomplete or not a table.
        """
        self.count()
        exporting = self.client.export(self.scope.resource, self._query(request))
        with exporting as response, ExitStack() as on_failure:
            window = self._closable(request.window, response)
            start, end = window.start or BEGINNING, window.end
            batch = on_failure.enter_context(self.new_batch(response.received))
            created: list[datetime] = []
            names = [column.name for column in self.columns]
            position = names.index(self.scope.resource.key)
            keys = Keys(position)
            beside: list[tuple[str, datetime]] = []
            stray = timedelta(0)
            try:
                table = Table(response.body, self.columns, self.scope.resource)
                unknown = response.foreign.columns(table.unknown_columns)
                for instants, records in table:
                    first, last = min(instants), max(instants)
                    stray = max(stray, self._stray(request, first, last))
                    unknown.withhold(records)
                    inside = [True] * len(records)
                    if first < start or last >= end:
                        inside = [start <= instant < end for instant in instants]
                        beside += [
                            (record[position], instant)
                            for record, instant, kept in zip(records, instants, inside, strict=True)
                            if not kept
                        ]
                    inside = keys.once(records, inside, request.only)
                    created += compress(instants, inside)
                    batch.extend(list(compress(records, inside)))
            except (CutError, OversizedError, TableError) as error:
                msg = f"The export cannot be used: {error} (request id {response.request_id})."
                raise type(error)(msg) from error
            self._log_oddities(table, unknown, keys.repeated)
            on_failure.pop_all()
            return Export(
                window=window,
                full=table.rows >= request.limit,
                created=created,
                resolution=table.resolution,
                rows=table.rows,
                keys=list(keys.found),
                stray=stray,
                beside=beside,
                batch=batch,
                headers=response.headers,
                received=response.received,
            )

    @property
    def fields(self) -> str:
        """The columns as a request names them."""
        return ",".join(column.name for column in self.columns)

    def _query(self, request: ExportRequest) -> Query:
        query: list[tuple[str, str | int]] = [("limit", request.limit), ("fields", self.fields)]
        if request.after is not None:
            query.append(("created_after", timestamps.plain(request.after)))
        query.append(("created_before", timestamps.plain(request.before)))
        return [*query, *self.scope.query]

    def _stray(self, request: ExportRequest, first: datetime, last: datetime) -> timedelta:
        """Return how far rows are outside the bounds.

        Raises:
            TableError: If it is a second or more: dropping such rows would lose them.
        """
        stray = request.stray(first, last)
        if stray >= timestamps.SECOND:
            early = request.after is not None and request.after - first >= timestamps.SECOND
            bound = "created_after" if early else "created_before"
            msg = (
                f"LeadLex sent {self.scope.resource.records} outside the requested {bound}: it "
                "ignores that bound, or prints created_at in another time zone or precision than "
                "it compares. Ask LeadLex's support"
            )
            raise TableError(msg)
        return stray

    def _closable(self, window: Window, response: Response) -> Window:
        """Cut a window at LeadLex's clock, less the time that late commits may take."""
        now = date(response.headers)
        if now is None:
            now = response.received
            self.run_log.warn_once(
                "date",
                "LeadLex's responses have no Date header; using this machine's clock. Make sure it "
                "is correct.",
            )
        elif (skew := abs(now - response.received)) > max(self.settle, _WHOLE_SECONDS):
            self.run_log.warn_once(
                "clock",
                f"This machine's clock is {skew.total_seconds():.0f} s "
                f"{'slow' if now > response.received else 'fast'}; using LeadLex's clock. "
                "Synchronize it (NTP).",
            )
        settled = timestamps.floor(now) - self.settle
        return Window(window.start, min(window.end, max(settled, window.start or settled)))

    def _log_oddities(self, table: Table, unknown: ColumnNames, repeated: int) -> None:
        records = self.scope.resource.records
        if repeated:
            rows = "1 row" if repeated == 1 else f"{repeated:,} rows"
            self.run_log.warning(
                f"LeadLex repeated {rows} in one export; kept the first row of each of these "
                f"{records}."
            )
        if table.nul_characters:
            self.run_log.warning(
                f"Removed {table.nul_characters} NUL characters from {records}, because databases "
                "reject them."
            )
        if unknown:
            self.run_log.warn_once(
                "columns", f"Ignoring columns that the tap did not request: {unknown}."
            )
