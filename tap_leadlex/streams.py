"""The contacts stream: schema, selection, messages and state, through the SDK's public names."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from singer_sdk import Stream
from singer_sdk import typing as th

from tap_leadlex import instants
from tap_leadlex.client import Client
from tap_leadlex.errors import StateError
from tap_leadlex.exports import Exporter
from tap_leadlex.rows import KEY, REPLICATION_KEY, TAGS
from tap_leadlex.windows import Answer, Window, drive, sweep
from tap_leadlex.writer import RecordBatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from singer_sdk.helpers.types import Context, Record
    from singer_sdk.metrics import Counter

    from tap_leadlex.exports import Export
    from tap_leadlex.settings import Settings
    from tap_leadlex.tap import TapLeadLex


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

    def __init__(self, tap: TapLeadLex, settings: Settings) -> None:
        """Describe the stream; nothing is asked of LeadLex.

        Args:
            tap: The tap.
            settings: Its settings.
        """
        super().__init__(tap, schema=schema(settings.fields))
        self._settings = settings
        self._writer = tap.message_writer
        self._started = datetime.fromtimestamp(tap.initialized_at / 1000, UTC)

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
        with Client(
            settings.api_url,
            settings.api_key,
            timeout=settings.request_timeout,
            user_agent=settings.user_agent,
        ) as client:
            exporter = Exporter(
                client,
                settings,
                self._selected_fields,
                self._new_batch,
                _now,
                self.logger,
            )
            if self.ABORT_AT_RECORD_COUNT is None:
                self._sweep(exporter)
            else:
                self._probe(exporter, self.ABORT_AT_RECORD_COUNT)
        return ()

    def _sweep(self, exporter: Exporter) -> None:
        """Close window after window, in ascending order."""
        whole = self._range()
        if whole is None:
            self.logger.info("Nothing to ask for: the bookmark has reached the cut-off.")
            return
        drive(sweep(whole), lambda window: self._answer(exporter, window, whole))

    def _answer(self, exporter: Exporter, window: Window, whole: Window) -> Answer | None:
        """Export one window, and close it unless the export was full."""
        export = exporter.export(window, self._settings.export_limit)
        with export.batch:
            if not export.full:
                self._writer.write_records(export.batch)
                self._counter.increment(export.batch.records)
                self._close(export.window.end)
                self._report(exporter, export, whole)
        # LeadLex's clock can be behind: what lies beyond it is for a later run.
        return Answer(export.full, export.seen) if export.window == window else None

    def _probe(self, exporter: Exporter, limit: int) -> None:
        """Deliver a few contacts from one small export, without moving the bookmark."""
        whole = self._range()
        if whole is None:
            return
        export = exporter.export(whole, min(limit, self._settings.export_limit))
        with export.batch:
            self._writer.write_records(export.batch)
            self._counter.increment(export.batch.records)

    @property
    def _selected_fields(self) -> tuple[str, ...]:
        """The columns to ask for: what is deselected never leaves LeadLex."""
        always = (KEY, REPLICATION_KEY)
        return tuple(
            field
            for field in self._settings.fields
            if field in always or self.mask.get(("properties", field), True)
        )

    def _new_batch(self, extracted: datetime) -> RecordBatch:
        return RecordBatch(self.stream_maps, extracted)

    def _range(self) -> Window | None:
        """The range of this run; `None` where there is nothing left to ask for."""
        settings = self._settings
        cutoff = self._started - timedelta(seconds=settings.settle_seconds)
        cutoff = instants.floor_second(min(cutoff, settings.end_date or cutoff))
        start = settings.start_date
        bookmark = self._bookmark
        if bookmark is not None:
            lookback = bookmark - timedelta(seconds=settings.lookback_seconds)
            start = lookback if start is None else max(start, lookback)
        if start is None:
            return Window(None, cutoff)
        return Window(start, cutoff) if start < cutoff else None

    @property
    def _bookmark(self) -> datetime | None:
        """The end of the last closed window, of this run or the ones before."""
        printed = self.get_context_state(None).get("replication_key_value")
        try:
            return None if printed is None else instants.parse(printed)
        except (TypeError, ValueError):
            msg = (
                "The state holds no date in bookmarks.contacts.replication_key_value: "
                "hand in a state that this tap wrote, or none."
            )
            raise StateError(msg) from None

    def _close(self, end: datetime) -> None:
        """Move the bookmark to the end of a window whose contacts are all out; write a STATE.

        The SDK moves bookmarks through `increment_state`, which tells the user that an unsorted
        stream cannot be resumed. This one can; so the bookmark goes straight into the state.
        """
        state = self.get_context_state(None)
        bookmark = self._bookmark
        # A look-back closes windows below the bookmark again; that takes nothing back.
        if bookmark is None or end > bookmark:
            state["replication_key"] = REPLICATION_KEY
            state["replication_key_value"] = instants.canonical(end)
        self.finalize_state_progress_markers(state)

    def _report(self, exporter: Exporter, export: Export, whole: Window) -> None:
        """Say in words how far the sweep is."""
        self.logger.info(
            "Closed window %s: %s contacts. %s exports used; %s.%s",
            export.window,
            f"{export.batch.records:,}",
            exporter.calls,
            _share(export.window, whole),
            _quota(export.headers),
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _share(done: Window, whole: Window) -> str:
    """Say how much of the range in time lies behind."""
    if done.end >= whole.end:
        return "all of the way done"
    if whole.start is None:
        return f"next from {instants.plain(done.end)}"
    return f"{(done.end - whole.start) / (whole.end - whole.start):.0%} of the way done"


def _quota(headers: Mapping[str, str]) -> str:
    """Say what LeadLex's headers tell of the quota, or nothing."""
    remaining = headers.get("X-RateLimit-Remaining")
    limit = headers.get("X-RateLimit-Limit")
    return f" LeadLex says {remaining} of {limit} calls are left." if remaining and limit else ""
