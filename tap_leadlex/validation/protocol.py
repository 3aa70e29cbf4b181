"""Check 1: every line a Singer message, every record as its schema says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.messages import Flaw
from tap_leadlex.validation.schemas import BadSchemaError, Described

if TYPE_CHECKING:
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.messages import (
        ActivateVersion,
        Batch,
        Record,
        Schema,
        UnreadableError,
        Values,
    )

KEY, REPLICATION_KEY = CONTACTS.key, CONTACTS.replication_key

_UNREADABLE = {
    Flaw.JSON: catalogue.NOT_JSON,
    Flaw.TYPE: catalogue.UNKNOWN_MESSAGE,
    Flaw.FORM: catalogue.MALFORMED_MESSAGE,
}


class Protocol:
    """Takes messages in order."""

    def __init__(self, findings: Findings, stream: str) -> None:
        """Begin.

        Args:
            findings: Where to put what is found.
            stream: The stream that holds LeadLex's contacts.
        """
        self._findings = findings
        self._stream = stream
        self._described: dict[str, Described | None] = {}
        self._shapes: dict[str, tuple[str, ...]] = {}
        self._extracted: str | None = None
        self._versions: set[int | None] = set()
        self._activated: dict[int | None, int] = {}
        self._anything = False

    def unreadable(self, line: int, error: UnreadableError) -> None:
        """Take a line that is no message."""
        self._anything = True
        self._findings.add(_UNREADABLE[error.flaw], line=line, detail=error.name)

    def schema(self, line: int, message: Schema) -> None:
        """Take a SCHEMA."""
        self._anything = True
        self._name_unknown(line, message.stream)
        earlier = self._described.get(message.stream)
        if earlier is not None:
            if earlier.message != message:
                self._findings.add(catalogue.SCHEMA_CHANGED, line=line)
            else:
                return
        try:
            self._described[message.stream] = Described(message)
        except BadSchemaError:
            self._described[message.stream] = None
            self._findings.add(catalogue.BAD_SCHEMA, line=line)
            return
        self._shapes.pop(message.stream, None)
        if message.stream == self._stream:
            self._look_for_keys(line, message)

    def record(self, line: int, message: Record, values: Values) -> None:
        """Take a RECORD and its values."""
        stream = message.stream
        described = self._described.get(stream)
        if described is not None:
            if not described.is_valid(values):
                self._explain(line, described, values)
        elif stream not in self._described:
            self._anything = True
            self._name_unknown(line, stream)
            self._findings.add(catalogue.RECORD_BEFORE_SCHEMA, line=line)
        if self._shapes.get(stream) != tuple(values):
            self._reshape(line, stream, values)
        if message.time_extracted != self._extracted:
            self._extracted = message.time_extracted
            if self._extracted is not None and seconds(self._extracted) is None:
                self._findings.add(catalogue.BAD_TIME_EXTRACTED, line=line)
        if stream == self._stream:
            self._versions.add(message.version)
            if message.version in self._activated:
                activation = self._activated[message.version]
                self._findings.add(catalogue.EARLY_ACTIVATION, line=activation)

    def state(self) -> None:
        """Take a STATE: what it claims is the bookmarks' matter."""
        self._anything = True

    def activate(self, line: int, message: ActivateVersion) -> None:
        """Take an ACTIVATE_VERSION."""
        self._anything = True
        self._name_unknown(line, message.stream)
        if message.stream == self._stream:
            self._activated[message.version] = line

    def batch(self, line: int, message: Batch) -> None:
        """Take a BATCH."""
        self._anything = True
        self._name_unknown(line, message.stream)
        self._findings.add(catalogue.BATCH, line=line, detail=message.stream)

    def end(self) -> None:
        """Take the end of the stream."""
        if not self._anything:
            self._findings.add(catalogue.EMPTY_STREAM)
        for version, line in self._activated.items():
            # A refresh of which nothing was left, or nothing is there, has no records.
            if self._versions and version not in self._versions:
                self._findings.add(catalogue.STRAY_ACTIVATION, line=line)

    def _name_unknown(self, line: int, stream: str) -> None:
        if stream != self._stream:
            self._findings.add(catalogue.UNKNOWN_STREAM, line=line, detail=stream)

    def _look_for_keys(self, line: int, message: Schema) -> None:
        properties = message.schema.get("properties", {})
        if message.key_properties != [KEY] or KEY not in properties:
            self._findings.add(catalogue.SCHEMA_WITHOUT_KEY, line=line)
        if message.bookmark_properties != [REPLICATION_KEY] or REPLICATION_KEY not in properties:
            self._findings.add(catalogue.SCHEMA_WITHOUT_REPLICATION_KEY, line=line)

    def _explain(self, line: int, described: Described, values: Values) -> None:
        for complaint in described.complaints(values):
            self._findings.add(
                catalogue.INVALID_RECORD,
                line=line,
                identity=values.get(KEY),
                detail=complaint,
            )

    def _reshape(self, line: int, stream: str, values: Values) -> None:
        """Take the first record's properties, or compare with them."""
        shape = self._shapes.setdefault(stream, tuple(values))
        if stream == self._stream:
            for name in (KEY, REPLICATION_KEY):
                if name not in values:
                    self._findings.add(catalogue.RECORD_WITHOUT_KEY, line=line, detail=name)
        described = self._described.get(stream)
        known = described.message.schema.get("properties", {}) if described else shape
        uneven = (set(shape) ^ values.keys()) | (values.keys() - set(known))
        for name in sorted(uneven):
            self._findings.add(
                catalogue.UNEVEN_RECORD,
                line=line,
                identity=values.get(KEY),
                detail=name,
            )
