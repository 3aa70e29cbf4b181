"""One window in, its contacts out: asks wide, keeps exact, hands on nothing that is not whole."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import TYPE_CHECKING

from tap_leadlex import timestamps
from tap_leadlex.api.table import ContactTable
from tap_leadlex.errors import CutError, TableError
from tap_leadlex.planning.windows import Answer, Window

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from singer_sdk.metrics import Counter

    from tap_leadlex.api.client import Client, Response
    from tap_leadlex.api.table import Contact
    from tap_leadlex.messages import RecordBatch
    from tap_leadlex.planning.windows import Ask
    from tap_leadlex.settings import Settings

# LeadLex tells its time in whole seconds, and the answer takes a moment to arrive.
_WHOLE_SECONDS = timedelta(seconds=5)
_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Export:
    """What one export gave.

    Attributes:
        window: What it can close: the window asked for, cut at LeadLex's own clock.
        answer: What it tells the sweep.
        batch: The RECORD messages of the contacts inside the window; open.
        headers: The headers of the response.
    """

    window: Window
    answer: Answer
    batch: RecordBatch
    headers: Mapping[str, str]


class Exporter:
    """Asks LeadLex for the contacts of windows: one call for each, whatever comes of it.

    Attributes:
        calls: Export calls made so far; each draws on the quota.
    """

    def __init__(
        self,
        client: Client,
        settings: Settings,
        fields: Sequence[str],
        new_batch: Callable[[datetime], RecordBatch],
        counter: Counter,
        logger: logging.Logger,
    ) -> None:
        """Prepare; nothing is asked yet.

        Args:
            client: The API.
            settings: The filters and the settle time.
            fields: The columns to ask for, `id` and `created_at` among them.
            new_batch: Makes the batch for a response, given when that was received.
            counter: Tells the calls as a metric.
            logger: The stream's logger.
        """
        self.calls = 0
        self._client = client
        self._settings = settings
        self._fields = fields
        self._new_batch = new_batch
        self._counter = counter
        self._log = logger
        self._told: set[str] = set()

    def export(self, ask: Ask) -> Export:
        """Export a window and read the answer to its end.

        The request reaches one unit of time beyond the first and the last instant inside, so that
        it covers the window whether the bounds are inclusive or not and however LeadLex rounds the
        times that it prints. What lies outside by its printed time is dropped.

        Args:
            ask: The window, and the rows to ask for.

        Returns:
            What came back. Its batch is open: close it.

        Raises:
            LeadLexError: If the answer is a refusal, or not whole, or no table of contacts.
        """
        self.calls += 1
        self._counter.increment()
        window = ask.window
        request = self._client.export(
            after=None if window.start is None else window.start - window.unit,
            before=window.end,
            limit=ask.limit,
            fields=self._fields,
            list_id=self._settings.list_id,
            tags=self._settings.tags,
        )
        with request as response, ExitStack() as on_failure:
            closable = self._closable(window, response)
            batch = on_failure.enter_context(self._new_batch(response.received))
            seen: list[datetime] = []
            try:
                table = ContactTable(response.body, self._fields)
                for contacts in _inside(closable, table, seen):
                    batch.extend(contacts)
            except (CutError, TableError) as error:
                msg = f"The export cannot be used: {error} (request id {response.request_id})."
                raise type(error)(msg) from error
            self._warn_of_oddities(table)
            on_failure.pop_all()
            answer = Answer(table.rows >= ask.limit, seen, table.resolution)
            return Export(closable, answer, batch, response.headers)

    def _closable(self, window: Window, response: Response) -> Window:
        """Cut a window at LeadLex's clock, less the time that late commits may take."""
        settle = timedelta(seconds=self._settings.settle_seconds)
        now = response.date
        if now is None:
            now = response.received
            self._warn_once("date", "LeadLex's answers bear no date: this machine's clock rules.")
        elif (skew := abs(now - response.received)) > max(settle, _WHOLE_SECONDS):
            self._warn_once(
                "clock",
                f"The clock of this machine is {skew.total_seconds():.0f} s "
                f"{'slow' if now > response.received else 'fast'} by LeadLex's, which rules: "
                "nothing is lost.",
            )
        settled = timestamps.floor(now) - settle
        return Window(window.start, min(window.end, max(settled, window.start or settled)))

    def _warn_of_oddities(self, table: ContactTable) -> None:
        """Tell what was left out of the rows."""
        if table.nul_characters:
            self._log.warning(
                "Removed %d NUL characters from the contacts: databases refuse them.",
                table.nul_characters,
            )
        if table.unknown_columns:
            self._warn_once(
                "columns",
                "LeadLex sent columns that were not asked for; they are left out: "
                f"{', '.join(table.unknown_columns)}.",
            )

    def _warn_once(self, kind: str, text: str) -> None:
        if kind not in self._told:
            self._told.add(kind)
            self._log.warning("%s", text)


def _inside(
    window: Window, table: ContactTable, seen: list[datetime]
) -> Iterator[Sequence[Contact]]:
    """Give the contacts inside a window, some at a time, noting their instants."""
    start, end = window.start or _BEGINNING, window.end
    for created, contacts in table:
        inside = [start <= instant < end for instant in created]
        seen += compress(created, inside)
        yield list(compress(contacts, inside))
