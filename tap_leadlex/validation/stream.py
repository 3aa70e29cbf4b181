"""Feeds a stream of Singer messages to the checks that need nothing else (1 to 3)."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

from tap_leadlex.validation.bookmarks import Bookmarks
from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.content import Drawn, Sample
from tap_leadlex.validation.delivered import Delivered
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.live import Arrived
from tap_leadlex.validation.messages import (
    UNREADABLE,
    ActivateVersion,
    Batch,
    Record,
    Schema,
    State,
    decode_message,
    decode_values,
    why_unreadable,
)
from tap_leadlex.validation.options import Options
from tap_leadlex.validation.protocol import Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import Message, Values


class StreamValidator:
    """Takes lines in order."""

    def __init__(
        self,
        findings: Findings,
        options: Options | None = None,
        latest: Callable[[], float] = lambda: inf,
    ) -> None:
        """Start; `latest` returns the latest bookmark that is possible by now."""
        options = options or Options()
        self.layout = options.layout()
        self.lines = self.records = 0
        self.delivered = Delivered(keep_records=options.keep_records)
        self._sample = Sample(options.sample_size, options.seed)
        self.state: Values | None = None  # the last one
        self.extracted: float | None = None  # the first contact
        self.unchecked: dict[str, int] = {}  # records of further streams
        self._protocol = Protocol(findings, self.layout)
        self.bookmarks = Bookmarks(findings, options.state, options.lookback_seconds, latest)
        self._findings = findings
        self._settled = False
        self._extracted: str | None = None

    def line(self, line: bytes) -> None:
        """Take one line, without its end."""
        self.lines += 1
        try:
            message = decode_message(line)
            values = decode_values(message.record) if type(message) is Record else {}
        except UNREADABLE:
            kind, named = why_unreadable(line)
            self._findings.add(kind, line=self.lines, detail=named)
            return
        if type(message) is Record:
            self._record(message, values)
        else:
            self._other(message)

    def end(self) -> None:
        """Take the end of the stream."""
        self._settle()
        if not self.lines:
            self._findings.add(Kind.EMPTY_STREAM)
        self._protocol.end(self.delivered)
        self.bookmarks.end()
        if self.layout.filtered:
            # The states count what the tap read, before a stream map left contacts out.
            self._findings.drop(Kind.UNCOUNTED)

    @property
    def arrived(self) -> Arrived:
        """What came, to be compared with LeadLex."""
        return Arrived(self.layout, self._protocol.columns, self.delivered, self._sample)

    def _settle(self) -> None:
        if not self._settled:
            self._settled = True
            self._protocol.settle()
            self.bookmarks.begin()

    def _record(self, message: Record, values: Values) -> None:
        if not self._settled:
            self._settle()
        line, layout, findings = self.lines, self.layout, self._findings
        extracted, version = message.time_extracted, message.version
        self._protocol.record(line, message, values)
        if extracted != self._extracted:
            self._extracted = extracted
            if extracted is not None and seconds(extracted) is None:
                findings.add(Kind.BAD_TIME_EXTRACTED, line=line)
            if message.stream == layout.stream:
                self.bookmarks.extract(seconds(extracted))
        if message.stream != layout.stream:
            self.unchecked[message.stream] = self.unchecked.get(message.stream, 0) + 1
            return
        self.records += 1
        created = nan if layout.created is None else seconds(values.get(layout.created))
        identity = str(line) if layout.key is None else values.get(layout.key)
        again = None
        if isinstance(identity, str) and identity.strip():
            record = bytes(message.record)
            again = self.delivered.add(identity, hash(record), created, version, record)
        else:
            findings.add(Kind.EMPTY_ID, line=line)
        if self.records == 1:
            self.extracted = seconds(extracted)
        self.bookmarks.record(line, identity, created, version, again)
        if again is None and (place := self._sample.place()) is not None:
            self._sample.take(place, Drawn(values, seconds(extracted)))

    def _other(self, message: Message) -> None:
        line = self.lines
        match message:
            case Schema():
                self._protocol.schema(line, message)
                self.bookmarks.begin()
            case State():
                self.state = message.value
                self.bookmarks.state(line, message.value)
            case ActivateVersion():
                self._settle()
                self._protocol.activate(line, message)
            case Batch():
                self._settle()
                self._protocol.name_unknown(line, message.stream)
                self._findings.add(Kind.BATCH, line=line, detail=message.stream)
