"""Feeds a stream of Singer messages to the checks that need nothing else (1 to 3)."""

from __future__ import annotations

from math import inf, nan
from typing import TYPE_CHECKING

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.bookmarks import Bookmarks
from tap_leadlex.validation.content import Drawn, Sample
from tap_leadlex.validation.delivered import Arrival, Delivered
from tap_leadlex.validation.instants import seconds
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

_NEW = Arrival.NEW
_ARRIVALS = {Arrival.REPEAT: catalogue.REPEAT, Arrival.CONFLICT: catalogue.CONFLICT}


class StreamValidator:
    """Takes lines in order.

    Attributes:
        layout: What the records look like.
        lines: Lines so far.
        records: RECORDs of the contacts so far.
        delivered: The contacts that arrived.
        sample: Some of them, whole.
        state: The value of the last STATE, or `None`.
        extracted: When the first contact was extracted, seconds since 1970, or `None`.
        unchecked: Records of further streams, which are compared with their SCHEMA only.
    """

    def __init__(
        self,
        findings: Findings,
        options: Options | None = None,
        latest: Callable[[], float] = lambda: inf,
    ) -> None:
        """Start.

        Args:
            findings: Where to add what is found.
            options: What is known of the run.
            latest: Returns the latest bookmark that is possible by now.
        """
        options = options or Options()
        self.layout = options.layout()
        self.lines = 0
        self.records = 0
        self.delivered = Delivered(keep_records=options.keep_records)
        self.sample = Sample(options.sample_size, options.seed)
        self.state: Values | None = None
        self.extracted: float | None = None
        self.unchecked: dict[str, int] = {}
        self.protocol = Protocol(findings, self.layout)
        self.bookmarks = Bookmarks(
            findings,
            stream=CONTACTS.name,
            origin=options.state,
            lookback=options.lookback,
            latest=latest,
        )
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
            self.protocol.unreadable(self.lines, *why_unreadable(line))
            return
        if type(message) is Record:
            self._record(message, values)
        else:
            self._other(message)

    def end(self) -> None:
        """Take the end of the stream."""
        self._settle()
        self.protocol.end()
        self.bookmarks.end()
        if self.layout.filtered:
            # The states count what the tap read, before a stream map left contacts out.
            self._findings.drop(catalogue.UNCOUNTED)
        for version, line in self.protocol.activated.items():
            dropped = self.delivered.under_other_versions(version)
            if dropped and version in self.protocol.versions:
                self._findings.add(catalogue.ACTIVATION_DROPS, line=line, count=dropped)

    def _settle(self) -> None:
        if not self._settled:
            self._settled = True
            self.protocol.settle()
            self.bookmarks.begin()

    def _record(self, message: Record, values: Values) -> None:
        if not self._settled:
            self._settle()
        line, layout = self.lines, self.layout
        extracted, version = message.time_extracted, message.version
        self.protocol.record(line, message, values)
        if extracted != self._extracted:
            self._extracted = extracted
            self.protocol.extract(line, extracted)
            if message.stream == layout.stream:
                self.bookmarks.extract(seconds(extracted))
        if message.stream != layout.stream:
            self.unchecked[message.stream] = self.unchecked.get(message.stream, 0) + 1
            return
        self.records += 1
        created = nan if layout.created is None else seconds(values.get(layout.created))
        identity = str(line) if layout.key is None else values.get(layout.key)
        new = True
        if isinstance(identity, str) and identity.strip():
            record = bytes(message.record)
            arrival = self.delivered.add(identity, hash(record), created, version, record)
            if arrival is not _NEW:
                new = False
                self._findings.add(_ARRIVALS[arrival], line=line, identity=identity)
        else:
            self._findings.add(catalogue.EMPTY_ID, line=line)
        if self.records == 1:
            self.extracted = seconds(extracted)
        self.bookmarks.record(line, identity, created, version, new=new)
        if new and self.sample.wants_next():
            self.sample.take(Drawn(values, seconds(extracted)))

    def _other(self, message: Message) -> None:
        line = self.lines
        match message:
            case Schema():
                self.protocol.schema(line, message)
                self.bookmarks.begin()
            case State():
                self.state = message.value
                self.protocol.state()
                self.bookmarks.state(line, message)
            case ActivateVersion():
                self._settle()
                self.protocol.activate(line, message)
            case Batch():
                self._settle()
                self.protocol.batch(line, message)
