"""Feeds a stream of Singer messages to the checks that need nothing else (1 to 3)."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation import messages
from tap_leadlex.validation.bookmarks import Bookmarks
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.keys import Keys
from tap_leadlex.validation.ledger import Ledger
from tap_leadlex.validation.messages import ActivateVersion, Record, Schema, State
from tap_leadlex.validation.protocol import KEY, REPLICATION_KEY, Protocol
from tap_leadlex.validation.sample import Drawn, Sample

if TYPE_CHECKING:
    from tap_leadlex.validation.claims import Claim
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import Values


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is known of a run before it is seen.

    Attributes:
        stream: The stream that holds LeadLex's contacts.
        origin: What the state claims that it is said to have been given.
        lookback: Seconds before that state's bookmark that it repeats on purpose.
        now: The present, seconds since 1970.
        sample: How many contacts to draw for the comparison with LeadLex.
        seed: What the draw comes from.
    """

    stream: str = CONTACTS.name
    origin: Claim | None = None
    lookback: float = 0.0
    now: float = inf
    sample: int = 20
    seed: int = 0


class StreamValidator:
    """Takes lines in order.

    Attributes:
        lines: Lines so far.
        records: RECORDs of the contacts' stream so far.
        ledger: The contacts delivered.
        sample: Some of them, whole.
        state: The value of the last STATE, or `None`.
        extracted: When the first contact was extracted, seconds since 1970, or `None`.
    """

    def __init__(self, findings: Findings, expected: Expectation | None = None) -> None:
        """Begin.

        Args:
            findings: Where to put what is found.
            expected: What is known of the run.
        """
        expected = expected or Expectation()
        self.lines = 0
        self.records = 0
        self.ledger = Ledger()
        self.sample = Sample(expected.sample, expected.seed)
        self.state: Values | None = None
        self.extracted: float | None = None
        self.protocol = Protocol(findings, expected.stream)
        self.keys = Keys(findings, self.ledger)
        self.bookmarks = Bookmarks(
            findings,
            expected.stream,
            origin=expected.origin,
            lookback=expected.lookback,
            now=expected.now,
        )
        self._stream = expected.stream

    def line(self, line: bytes) -> None:
        """Take one line, without its end."""
        self.lines += 1
        try:
            message = messages.read(line)
            if type(message) is Record:
                self._record(message, messages.values_of(message))
            else:
                self._other(message)
        except messages.UnreadableError as error:
            self.protocol.unreadable(self.lines, error)

    def end(self) -> None:
        """Take the end of the stream."""
        self.protocol.end()
        self.bookmarks.end()

    def _record(self, message: Record, values: Values) -> None:
        line = self.lines
        self.protocol.record(line, message, values)
        if message.stream != self._stream:
            return
        self.records += 1
        identity = values.get(KEY)
        created = seconds(values.get(REPLICATION_KEY))
        extracted = message.time_extracted
        new = self.keys.record(line, identity, hash(bytes(message.record)), created)
        self.bookmarks.record(line, identity, created, message.version, extracted)
        if new and self.sample.wants_next():
            self.sample.take(Drawn(values, seconds(extracted)))
        if self.records == 1:
            self.bookmarks.begin()
            self.extracted = seconds(extracted)

    def _other(self, message: messages.Message) -> None:
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
                self.protocol.activate(line, message)
            case messages.Batch():
                self.protocol.batch(line, message)
