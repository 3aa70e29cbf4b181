"""The contacts stream: schema, selection, messages and state, through the SDK's public names."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk import typing as th
from singer_sdk.mapper import RemoveRecordTransform
from singer_sdk.metrics import http_request_counter
from singer_sdk.singerlib import ActivateVersionMessage
from singer_sdk.singerlib.catalog import REPLICATION_FULL_TABLE

from tap_leadlex import state as stored
from tap_leadlex import timestamps
from tap_leadlex.api.budget import Patience
from tap_leadlex.api.client import Client
from tap_leadlex.api.export import Exporter
from tap_leadlex.api.listing import ContactList
from tap_leadlex.api.table import KEY, REPLICATION_KEY, TAGS
from tap_leadlex.messages import RecordBatch, uninterrupted
from tap_leadlex.planning.drift import drift
from tap_leadlex.planning.planner import Sweep
from tap_leadlex.planning.sweep import run
from tap_leadlex.planning.windows import Ask, Window
from tap_leadlex.progress import Report
from tap_leadlex.state import FullTable, Incremental

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from singer_sdk import Tap
    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    from tap_leadlex.api.export import Export
    from tap_leadlex.clock import Clock
    from tap_leadlex.messages import MessageWriter
    from tap_leadlex.settings import Settings
    from tap_leadlex.state import Progress


def schema(fields: Sequence[str]) -> dict[str, Any]:
    """Give the JSON schema of a contact.

    Args:
        fields: The export columns, each a property.
    """
    known = {
        KEY: th.Property(KEY, th.StringType, required=True, description="LeadLex's id"),
        TAGS: th.Property(TAGS, th.ArrayType(th.StringType), description="Tags, without order"),
        REPLICATION_KEY: th.Property(
            REPLICATION_KEY, th.DateTimeType, required=True, description="Creation, UTC"
        ),
    }
    text = (th.Property(field, th.StringType) for field in fields)
    return th.PropertiesList(*(known.get(column.name, column) for column in text)).to_dict()


class Contacts(Stream):
    """All contacts of a workspace, swept in windows of `created_at`.

    The records do not go through the SDK's loop, which yields, checks and writes one at a time:
    `get_records` writes each window itself once its export has proved whole, closes it, and
    leaves the loop nothing to do. So the state never holds a place that is not true.
    """

    name = "contacts"
    primary_keys = (KEY,)
    replication_key = REPLICATION_KEY

    def __init__(self, tap: Tap, settings: Settings, writer: MessageWriter, clock: Clock) -> None:
        """Describe the stream; nothing is asked of LeadLex.

        Args:
            tap: The tap.
            settings: Its settings.
            writer: Its writer.
            clock: The local clock.
        """
        super().__init__(tap, schema=schema(settings.fields))
        self.logger.addFilter(_is_ours)
        self._settings = settings
        self._clock = clock
        self._writer = writer
        self._initialized = tap.initialized_at

    def get_replication_key_signpost(self, context: Context | None = None) -> None:
        """Keep the SDK's signpost out of the state: windows are closed by hand."""

    def get_record_counter(self, **kwargs: Any) -> Counter:  # noqa: ANN401 - the SDK's options
        """Keep hold of the SDK's counter, which this stream increments by the window."""
        self._counter = super().get_record_counter(**kwargs)
        return self._counter

    def get_records(self, context: Context | None) -> Iterable[Record]:  # noqa: ARG002
        """Deliver every contact from the bookmark to the cut-off.

        Returns:
            Nothing: all is written by then.

        Raises:
            LeadLexError: If the promise of completeness cannot be kept.
        """
        settings = self._settings
        state = self.get_context_state(None)
        at: Progress
        if self.replication_method == REPLICATION_FULL_TABLE:
            at = FullTable(state, settings, self._initialized)
        else:
            at = Incremental(state, settings)
        with (
            Client(
                settings.api_url,
                settings.api_key,
                timeout=settings.request_timeout,
                user_agent=settings.user_agent,
                clock=self._clock,
            ) as client,
            http_request_counter(self.name, "/contacts/export") as counter,
        ):
            exporter = Exporter(
                client,
                settings,
                self._selected_fields,
                lambda extracted: RecordBatch(
                    self.stream_maps, self._selected_fields, extracted, at.version
                ),
                counter,
                self.logger,
            )
            if self.ABORT_AT_RECORD_COUNT is None:
                contacts = ContactList(client, settings.list_id, self._clock.now(), self.logger)
                self._sync(at, exporter, contacts)
            else:
                self._probe(at, exporter, self.ABORT_AT_RECORD_COUNT)
        return ()

    def _sync(self, at: Progress, exporter: Exporter, contacts: ContactList) -> None:
        """Sweep from where the state stands to the cut-off."""
        stop = None
        whole = Window(at.start, self._cutoff)
        if whole.start is None or whole.start < whole.end:
            sweep = Sweep(
                whole,
                self._settings.export_limit,
                # What came since the last run, and what a filter leaves, mostly fits one export.
                whole_first=at.known or (bool(self._settings.tags) and not at.under_way),
                use_list=True,
                plan=at.plan,
            )
            report = Report(whole, sweep, exporter, self.logger)
            patience = Patience(exporter, self._settings, self._clock, self.logger)

            def close(export: Export) -> None:
                self._deliver(export)
                with uninterrupted():
                    last = export.window.end >= whole.end
                    at.close(export.window.end, export.answer.seen, last=last)
                    self._write_state()
                report.closed(export)

            def keep() -> None:
                with uninterrupted():
                    at.keep(sweep.plan)
                    self._write_state()

            stop = run(sweep, patience, contacts, close, keep, self.logger)
            if stop:
                report.stopped(stop)
                return
        else:
            self.logger.info("Nothing to ask for: the bookmark has reached the cut-off.")
        if isinstance(at, FullTable):
            self._activate(at)
        elif isinstance(at, Incremental):
            with uninterrupted():
                at.finish()
                self._write_state()
            self._check_drift(contacts)

    def _probe(self, at: Progress, exporter: Exporter, limit: int) -> None:
        """Deliver a few contacts from one small export, without moving the bookmark."""
        whole = Window(at.start, self._cutoff)
        if whole.start is not None and whole.start >= whole.end:
            self.logger.warning(
                "Nothing was tested: the bookmark or start_date lies beyond the cut-off."
            )
            return
        limit = min(limit, self._settings.export_limit)
        export = exporter.export(Ask(whole, limit))
        with export.batch:
            self._deliver(export)
        self.logger.info(
            "Tested window %s: the key works, and %s of at most %s contacts came.",
            whole,
            export.batch.records,
            limit,
        )

    def _deliver(self, export: Export) -> None:
        """Write the RECORD messages of an export."""
        self._writer.write_records(export.batch)
        self._counter.increment(export.batch.records)

    def _write_state(self) -> None:
        """Write a STATE of the stream's state as it stands.

        The SDK moves bookmarks through `increment_state`, which tells the user that an unsorted
        stream cannot be resumed. This one can; so the bookmark goes straight into the state.
        """
        self.finalize_state_progress_markers(self.get_context_state(None))

    def _activate(self, refresh: FullTable) -> None:
        """End a full refresh: have the target drop what it no longer holds."""
        with uninterrupted():
            activate = refresh.finish()
            if activate and refresh.version is not None:
                for stream_map in self.stream_maps:
                    if not isinstance(stream_map, RemoveRecordTransform):
                        self._writer.write_message(
                            ActivateVersionMessage(stream_map.stream_alias, refresh.version)
                        )
            self._write_state()
        if not activate:
            self.logger.warning(
                "The full refresh ends before the bookmark or at end_date, so deleted contacts "
                "stay in the destination: ACTIVATE_VERSION would delete later ones with them."
            )

    def _check_drift(self, contacts: ContactList) -> None:
        """Warn, at most once a day, when LeadLex has more or fewer contacts than came."""
        settings = self._settings
        state = self.get_context_state(None)
        bookmark, delivered = stored.bookmark(state), state.get("delivered")
        now = self._clock.now()
        comparable = not settings.tags and not settings.lookback_seconds
        if bookmark is None or delivered is None or not (settings.check_drift and comparable):
            return
        if not stored.drift_is_due(state, now):
            return
        change = drift(
            contacts.ask,
            lambda: contacts.now,
            bookmark=bookmark,
            since=stored.since(state),
            delivered=delivered,
        )
        state["drift_checked"] = timestamps.canonical(now)
        self._write_state()
        if change:
            self.logger.warning(
                "LeadLex has %s %s contacts created before %s than were delivered: %s. A full "
                "refresh will heal it.",
                f"{abs(change):,}",
                "more" if change > 0 else "fewer",
                timestamps.plain(bookmark),
                "some came later with an earlier date" if change > 0 else "some are gone",
            )

    @property
    def _selected_fields(self) -> tuple[str, ...]:
        """The columns to ask for: what is deselected never leaves LeadLex.

        `created_at` comes last: where no line end closes the last row, it shows the row whole.
        """
        selected = (
            field
            for field in self._settings.fields
            if field not in {KEY, REPLICATION_KEY} and self.mask.get(("properties", field), True)
        )
        return (KEY, *selected, REPLICATION_KEY)

    @property
    def _cutoff(self) -> datetime:
        """Where this run ends."""
        settings = self._settings
        cutoff = self._clock.now() - timedelta(seconds=settings.settle_seconds)
        return timestamps.floor(min(cutoff, settings.end_date or cutoff))


def _is_ours(record: logging.LogRecord) -> bool:
    """Drop the SDK's line that an error is unhandled: it is handled, in one line of ours."""
    return not str(record.msg).startswith("An unhandled error occurred while syncing")
