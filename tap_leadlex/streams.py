"""The stream of an exported resource: schema, selection, messages and state, through the SDK."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream, Tap
from singer_sdk import typing as th
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.metrics import Counter, http_request_counter
from singer_sdk.singerlib import ActivateVersionMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_leadlex import timestamps
from tap_leadlex.agenda import Agenda, Part, due, with_refresh
from tap_leadlex.api.export import Exporter
from tap_leadlex.api.listing import Listing
from tap_leadlex.comparison import compare
from tap_leadlex.errors import NO_LIST, LeadLexError, ListError, RunStopped
from tap_leadlex.messages import MessageWriter, RecordBatch
from tap_leadlex.planning.list_guide import rank_of_full, shows_that_all_fit
from tap_leadlex.planning.planner import Planner
from tap_leadlex.planning.proof import Grade, Prover
from tap_leadlex.planning.sweep import sweep
from tap_leadlex.planning.windows import PAGE, ExportRequest, Window, look_up
from tap_leadlex.planning.witness import Witness
from tap_leadlex.progress import RunLog
from tap_leadlex.resources import Column, Kind, Resource
from tap_leadlex.saved_state import SavedState
from tap_leadlex.state import (
    IncrementalState,
    RefreshState,
    RepairState,
    SyncState,
    why_unusable,
)
from tap_leadlex.sync import Sync

if TYPE_CHECKING:
    from collections.abc import Iterable

    from singer_sdk.helpers.types import Context, Record

    from tap_leadlex.api.budget import Budget
    from tap_leadlex.api.client import Client
    from tap_leadlex.clock import Clock
    from tap_leadlex.planning.windows import ReadPage
    from tap_leadlex.report import RunReport
    from tap_leadlex.scope import Scope
    from tap_leadlex.settings import Settings

_TYPES: dict[Kind, th.JSONTypeHelper[Any]] = {
    Kind.TEXT: th.StringType(),
    Kind.TAGS: th.ArrayType(th.StringType),
    Kind.TIMESTAMP: th.DateTimeType(),
}


def schema(scope: Scope) -> dict[str, Any]:
    """Return the JSON schema of the records of a resource; key and replication key are required."""
    never_null = (scope.resource.key, scope.resource.replication_key)
    return th.PropertiesList(
        *(
            th.Property(
                column.name,
                _TYPES[column.kind],
                required=column.name in never_null,
                description=column.description,
            )
            for column in scope.columns
        )
    ).to_dict()


class ExportedStream(Stream):
    """The records of an exported resource, read in windows of its replication key.

    The records do not go through the SDK's loop, which yields, checks and writes one at a time:
    `get_records` writes each window itself once its export is known to be complete, closes it, and
    leaves nothing to do for the loop. So the state never names a place that is not true.
    """

    def __init__(
        self,
        tap: Tap,
        resource: Resource,
        *,
        settings: Settings,
        client: Client,
        budget: Budget,
        writer: MessageWriter,
        report: RunReport,
        clock: Clock,
    ) -> None:
        self._scope = settings.scope(resource)
        super().__init__(tap, name=resource.name, schema=schema(self._scope))
        self.primary_keys = (resource.key,)
        self.replication_key = resource.replication_key
        self._settings = settings
        self._client = client
        self._budget = budget
        self._writer = writer
        self._report = report
        self._clock = clock
        self._version = tap.initialized_at
        _underlying(self.logger).addFilter(_is_ours)

    @property
    def emit_activate_version_messages(self) -> bool:
        """Never: the SDK would write ACTIVATE_VERSION before the records."""
        return False

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Keep the SDK's signpost out of the state: windows are closed by hand."""

    def get_record_counter(self, **kwargs: Any) -> Counter:  # noqa: ANN401 - the SDK's options
        """Keep the SDK's counter, which this stream increments by the window."""
        self._counter = super().get_record_counter(**kwargs)
        return self._counter

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Deliver every record from the bookmark to the cut-off, and return nothing."""
        listing = Listing(self._client, self._scope, self._clock.now())
        run_log = RunLog(self.logger, self._scope.resource)
        self._report.streams.append(run_log.report)
        path = self._scope.resource.export_path
        with self._client, http_request_counter(self.name, path) as calls:
            try:
                agenda = self._agenda(run_log.counting(listing.page), run_log)
                for part in agenda.parts:
                    at = self._state_of(part)
                    if self._budget.stop:
                        run_log.info(f"Skipped: {self._budget.stop.reason}.")
                        return ()
                    exporter = self._exporter(at, calls, run_log)
                    if self.ABORT_AT_RECORD_COUNT is not None:
                        self._probe(at, exporter, self.ABORT_AT_RECORD_COUNT)
                        return ()
                    # New records, and what a filter leaves, mostly fit one export.
                    whole_first = (
                        agenda.one_export
                        or at.caught_up
                        or not (self._scope.listed_alike or at.under_way)
                    )
                    refreshing = part is Part.REFRESH
                    run_log.report.refresh = "in progress" if refreshing else None
                    self._sweep(at, exporter, listing, run_log, whole_first=whole_first)
                    run_log.report.refresh = "finished" if refreshing else None
                self._compare(at, listing, run_log)
                self._repair(at, calls, listing, run_log)
                run_log.finished()
            except RunStopped as stop:
                run_log.stopped(stop)
        return ()

    def check(self) -> None:
        """Ask the list once, which costs no export; raise `LeadLexError` if that fails."""
        records = self._scope.resource.records
        try:
            with self._client:
                entry = Listing(self._client, self._scope, self._clock.now()).entry(None, 1)
        except ListError as error:
            cause = error.__cause__
            reason = str(cause) if isinstance(cause, LeadLexError) else f"{error}. Check api_url."
            msg = f"Cannot read the list of {records}: {reason}"
            raise ListError(msg) from error
        count = "some" if entry.total is None else f"{entry.total:,}"
        self.logger.info("Checked: the key works; LeadLex lists %s %s.", count, records)

    def write_records(self, batch: RecordBatch) -> None:
        """Write the RECORD messages of a batch."""
        self._writer.write_records(batch)
        self._counter.increment(batch.records)

    def write_state(self) -> None:
        """Write a STATE of the stream's state as it is.

        The SDK moves bookmarks through `increment_state`, which tells the user that an unsorted
        stream cannot be resumed. This one can; so the bookmark goes directly into the state.
        """
        self.finalize_state_progress_markers(self.get_context_state(None))

    def write_activation(self, version: int) -> None:
        """Make the target delete what it has from before a full refresh."""
        for stream_map in self.stream_maps:
            if not isinstance(stream_map, RemoveRecordTransform):
                self._writer.write_message(ActivateVersionMessage(stream_map.stream_alias, version))

    def _agenda(self, read: ReadPage, run_log: RunLog) -> Agenda:
        """Return what the run does, and tell the user if a full refresh is due."""
        if self.replication_method == REPLICATION_FULL_TABLE:
            return Agenda([Part.REFRESH])
        state = self.get_context_state(None)
        saved = SavedState.read(state, self._scope.resource)
        reason = due(saved, self._scope, self._settings, self._clock.now())
        if reason is None or self.ABORT_AT_RECORD_COUNT is not None:
            return Agenda([Part.NEWS])
        (run_log.warning if reason.surprising else run_log.info)(reason.reason)
        bookmark = saved.replication_key_value
        agenda = with_refresh(
            saved,
            usable=bookmark is not None and not why_unusable(saved, self._scope, self._settings),
            fits_one_export=lambda: self._fits_one_export(read),
            has_news=lambda: self._has_news(read, bookmark),
        )
        if Part.NEWS in agenda.parts:  # until the refresh has made an export
            state["refresh_first"] = True
        return agenda

    def _fits_one_export(self, read: ReadPage) -> bool:
        """Return whether one export should carry what is left to refresh.

        If the list cannot tell, the number of records delivered so far does.
        """
        at = self._refresh_state()
        try:
            if self._scope.listed_alike:
                return shows_that_all_fit(look_up(read, PAGE), at.start, at.limit)
        except NO_LIST:
            pass
        return at.left is not None and at.left < rank_of_full(at.limit)

    def _has_news(self, read: ReadPage, bookmark: datetime | None) -> bool:
        """Return whether there may be records after the bookmark."""
        try:
            return Witness(read).shows_more(Window(bookmark, self._cutoff), 0)
        except NO_LIST:
            return True

    def _state_of(self, part: Part) -> SyncState:
        """Return how far a part of the run is."""
        if part is Part.REFRESH:
            return self._refresh_state()
        return IncrementalState(self.get_context_state(None), self._scope, self._settings)

    def _refresh_state(self) -> RefreshState:
        return RefreshState(
            self.get_context_state(None),
            self._scope,
            self._settings,
            self._version,
            self._clock.now(),
        )

    def _exporter(self, at: SyncState, calls: Counter, run_log: RunLog) -> Exporter:
        """Return what makes the exports of a sweep."""
        columns = self._selected_columns
        fields = [column.name for column in columns]
        return Exporter(
            client=self._client,
            scope=self._scope,
            columns=columns,
            settle=timedelta(seconds=self._settings.settle_seconds),
            new_batch=lambda received: RecordBatch(self.stream_maps, fields, received, at.version),
            count=calls.increment,
            run_log=run_log,
        )

    def _sweep(
        self,
        at: SyncState,
        exporter: Exporter,
        listing: Listing,
        run_log: RunLog,
        *,
        whole_first: bool,
    ) -> None:
        """Sweep from where the state is to the cut-off, or to where it ends."""
        whole = Window(at.start, at.end or max(self._cutoff, at.least_end or self._cutoff))
        run_log.begin(whole, bounded=at.end is not None)
        read = run_log.counting(listing.page)
        prover = Prover(
            self._scope.resource,
            read if self._scope.listed_alike else None,
            run_log.warning,
            unasked=f"the {self._scope.resource.record} list cannot filter like the export",
            accept_short=self._settings.accept_short_exports,
            largest=at.largest(self._clock.now(), exporter.fields),
            cap=at.cap,
            withheld=at.withheld,
        )
        doubtful = at.doubtful
        if doubtful and prover.shows_more(*doubtful):
            run_log.info(
                f"Reading window {doubtful[0]} again: the {self._scope.resource.record} list could "
                "not confirm it in the last run, and shows more "
                f"{self._scope.resource.records} now."
            )
            at.read_again(*doubtful)
            whole = Window(at.start, whole.end)
            run_log.begin(whole)
        sync = Sync(self, at, exporter, self._budget, prover, run_log)
        if whole.empty:
            run_log.info("Nothing to export: the bookmark has reached the cut-off.")
        else:
            planner = Planner(
                self._scope.resource,
                whole,
                at.limit,
                read=read,
                notify=run_log.info,
                prover=prover,
                whole_first=whole_first,
                plan=at.plan,
            )
            try:
                sweep(planner, sync)
            finally:
                run_log.prove(prover.proof)
        sync.finish()
        if not run_log.records:
            self._warn_of_nothing(at, whole, run_log)

    def _warn_of_nothing(self, at: SyncState, whole: Window, run_log: RunLog) -> None:
        """Warn that the settings may be why a sync delivered nothing."""
        start = self._settings.start_date
        names = [name for name, value in self._scope.filters.items() if value]
        if start and start > self._clock.now():
            run_log.warning(
                "start_date is in the future, so there is nothing to sync before "
                f"{timestamps.plain(start)}."
            )
        elif names and not (whole.empty or at.caught_up or at.under_way):
            run_log.warning(
                f"No {self._scope.resource.record} matches {' and '.join(names)}. Check the "
                "spelling, including case and spaces."
            )

    def _probe(self, at: SyncState, exporter: Exporter, limit: int) -> None:
        """Deliver a few records from one small export, without moving the bookmark."""
        whole = Window(at.start, self._cutoff)
        if whole.empty:
            self.logger.warning(
                "Nothing was tested: the bookmark or start_date is after the cut-off. Test without "
                "--state and with an earlier start_date."
            )
            return
        limit = min(limit, self._settings.export_limit)
        with exporter.export(ExportRequest(whole, limit)).batch as batch:
            self.write_records(batch)
        self.logger.info(
            "Tested window %s: the key works; received %s of at most %s %s.",
            whole,
            batch.records,
            limit,
            self._scope.resource.records,
        )

    def _compare(self, at: SyncState, listing: Listing, run_log: RunLog) -> None:
        """Compare what was delivered with the list, at most once a day."""
        now = self._clock.now()
        if at.from_scratch and run_log.proof and run_log.proof.grade is Grade.CONFIRMED:
            at.checked(now)
            self.write_state()
        elif isinstance(at, IncrementalState):
            repair, read = self._settings.repair_drift, run_log.counting(listing.page)
            if compare(at, read, now, run_log, repair=repair, refresh=self._settings.refreshes):
                self.write_state()

    def _repair(self, at: SyncState, calls: Counter, listing: Listing, run_log: RunLog) -> None:
        """Export again what has changed since it was delivered, as far as the budget allows."""
        if not isinstance(at, IncrementalState):
            return
        windows = at.stale_windows() if self._settings.repair_drift else ()
        run_log.report.out_of_date = len(windows)
        for window in windows:
            state = self.get_context_state(None)
            repair = RepairState(state, self._scope, self._settings, window)
            exporter = self._exporter(repair, calls, run_log)
            self._sweep(repair, exporter, listing, run_log, whole_first=repair.caught_up)
            run_log.report.out_of_date -= 1
            run_log.report.repaired += 1

    @property
    def _selected_columns(self) -> tuple[Column, ...]:
        """The columns to export: all but the deselected ones.

        The replication key comes last: if no line end closes the last row, it shows that the row
        is complete.
        """
        columns = {column.name: column for column in self._scope.columns}
        key = columns.pop(self._scope.resource.key)
        replication_key = columns.pop(self._scope.resource.replication_key)
        properties = self.effective_schema["properties"]
        selected = [column for name, column in columns.items() if name in properties]
        return (key, *selected, replication_key)

    @property
    def _cutoff(self) -> datetime:
        """Where this run ends."""
        cutoff = self._clock.now() - timedelta(seconds=self._settings.settle_seconds)
        return timestamps.floor(min(cutoff, self._settings.end_date or cutoff))


def _underlying(logger: logging.Logger | logging.LoggerAdapter[logging.Logger]) -> logging.Logger:
    """Return the logger behind an adapter, which the SDK's next minor version has."""
    return logger.logger if isinstance(logger, logging.LoggerAdapter) else logger


def _is_ours(record: logging.LogRecord) -> bool:
    """Drop the SDK's line about an unhandled error: the command line handles it."""
    return not str(record.msg).startswith("An unhandled error occurred while syncing")
