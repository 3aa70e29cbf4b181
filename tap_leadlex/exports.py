"""One window in, its contacts out: asks wide, keeps exact, hands on nothing that is not whole."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from tap_leadlex import instants
from tap_leadlex.errors import BrokenExportError, TableError
from tap_leadlex.rows import ContactTable
from tap_leadlex.windows import Window

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from tap_leadlex.client import Client
    from tap_leadlex.settings import Settings
    from tap_leadlex.writer import RecordBatch


@dataclass(frozen=True, slots=True)
class Export:
    """What one export gave.

    Attributes:
        window: What it can close: the window asked for, cut at LeadLex's own clock.
        batch: The RECORD messages of the contacts inside the window.
        full: It held as many rows as were asked for, so it proves nothing.
        seen: The instants of the contacts inside the window, in the order of the rows.
        headers: The headers of the response.
    """

    window: Window
    batch: RecordBatch
    full: bool
    seen: Sequence[datetime]
    headers: Mapping[str, str]


class Exporter:
    """Asks LeadLex for the contacts of windows.

    Attributes:
        calls: Export calls made so far; each draws on the quota, whatever came of it.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        fields: Sequence[str],
        new_batch: Callable[[datetime], RecordBatch],
        now: Callable[[], datetime],
        logger: logging.Logger,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client: The API.
            settings: The filters, the limit and the settle time.
            fields: The columns to ask for, `id` and `created_at` among them.
            new_batch: Makes the batch for a response, given when that was received.
            now: The local clock, aware.
            logger: The stream's logger.
        """
        self.calls = 0
        self._client = client
        self._settings = settings
        self._fields = fields
        self._new_batch = new_batch
        self._now = now
        self._log = logger
        self._warned_of_columns = False

    def export(self, window: Window, limit: int) -> Export:
        """Export a window.

        The request reaches one second beyond the first and the last second inside, so that it
        covers the window whether the bounds are inclusive or not and however LeadLex rounds the
        times that it prints. What lies outside by its printed time is dropped.

        Args:
            window: The window.
            limit: The rows to ask for.

        Returns:
            What came back. Its batch is open: close it.

        Raises:
            LeadLexError: If the answer is a refusal, or not whole, or no table of contacts.
        """
        try:
            return self._attempt(window, limit)
        except BrokenExportError as error:
            msg = (
                f"Window {window}: {error} Nothing of it was handed on and the bookmark stays "
                "before it: run again to go on from there."
            )
            raise type(error)(msg) from error

    def _attempt(self, window: Window, limit: int) -> Export:
        """Make one call and read its answer to the end."""
        self.calls += 1
        request = self._client.export(
            after=None if window.start is None else window.start - instants.SECOND,
            before=window.end,
            limit=limit,
            fields=self._fields,
            list_id=self._settings.list_id,
            tags=self._settings.tags,
        )
        with request as response, ExitStack() as on_failure:
            closable = self._closable(window, response.headers)
            batch = on_failure.enter_context(self._new_batch(self._now()))
            seen = []
            try:
                table = ContactTable(response.body, self._fields)
                for instant, contact in table:
                    if instant in closable:
                        seen.append(instant)
                        batch.add(contact)
            except TableError as error:
                msg = f"The export cannot be used: {error} (request id {response.request_id})."
                raise TableError(msg) from error
            self._warn_of_oddities(table)
            on_failure.pop_all()
            return Export(closable, batch, table.rows >= limit, seen, response.headers)

    def _closable(self, window: Window, headers: Mapping[str, str]) -> Window:
        """Cut a window at LeadLex's clock, less the time that late commits may take."""
        now = _date(headers) or self._now()
        settled = instants.floor_second(now) - timedelta(seconds=self._settings.settle_seconds)
        return Window(window.start, min(window.end, max(settled, window.start or settled)))

    def _warn_of_oddities(self, table: ContactTable) -> None:
        """Tell what was left out of the rows."""
        if table.nul_characters:
            self._log.warning(
                "Removed %d NUL characters from the contacts: databases refuse them.",
                table.nul_characters,
            )
        if table.unknown_columns and not self._warned_of_columns:
            self._warned_of_columns = True
            self._log.warning(
                "LeadLex sent columns that were not asked for; they are left out: %s.",
                ", ".join(table.unknown_columns),
            )


def _date(headers: Mapping[str, str]) -> datetime | None:
    """Read LeadLex's clock off a response; `None` where it shows none."""
    try:
        return parsedate_to_datetime(headers["Date"]).astimezone(UTC)
    except (KeyError, ValueError):
        return None
