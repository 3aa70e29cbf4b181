"""Check 1: every line is a Singer message, every record as its SCHEMA says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import jsonschema_rs

from tap_leadlex.resources import CONTACTS
from tap_leadlex.validation.catalogue import Kind
from tap_leadlex.validation.layout import CREATED, KEY, Field

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_leadlex.validation.delivered import Delivered
    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout
    from tap_leadlex.validation.messages import ActivateVersion, Record, Schema, Values


class _Stream:
    """A stream as its SCHEMA describes it; no record is valid without one."""

    def __init__(self, line: int = 0, schema: Schema | None = None) -> None:
        self.line = line
        self.schema = schema
        self.properties: Values = {}
        self.is_valid: Callable[[Values], bool] = lambda _: False
        self.is_broken = False
        self.shape: tuple[str, ...] | None = None  # the properties of the first record
        self.texts: Sequence[str] = ()
        self.arrays: Sequence[str] = ()
        if schema is None:
            return
        self._validated = schema.schema
        try:
            self._validator = jsonschema_rs.validator_for(schema.schema, validate_formats=True)
        except (ValueError, TypeError):
            self.is_broken = True
            self.is_valid = lambda _: True
        else:
            self.properties = schema.properties
            self.is_valid = self._validator.is_valid

    def forbid_empty(self, texts: Sequence[str], arrays: Sequence[str]) -> None:
        """Have `is_valid` refuse empty texts, and null for arrays, too: it costs no time there."""
        self.texts, self.arrays = texts, arrays
        stricter = {name: {**self.properties[name], "minLength": 1} for name in texts}
        stricter |= {name: {**self.properties[name], "type": ["array"]} for name in arrays}
        schema = {**self._validated, "properties": {**self.properties, **stricter}}
        self.is_valid = jsonschema_rs.validator_for(schema, validate_formats=True).is_valid

    def complaints(self, values: Values) -> Iterator[tuple[Kind, str]]:
        """Yield what is wrong with a record that is not valid, without its values."""
        try:
            for error in self._validator.iter_errors(values):
                rule = next((str(step) for step in reversed(error.schema_path)), "")
                path = error.instance_path
                yield Kind.INVALID_RECORD, f"{path[0]}: {rule}" if path else rule
        except ValueError:
            yield Kind.INVALID_RECORD, "nested too deeply"
        yield from ((Kind.EMPTY_TEXT, name) for name in self.texts if values.get(name) == "")
        yield from ((Kind.NULL_TAGS, name) for name in self.arrays if values.get(name, 0) is None)


class Protocol:
    """Takes messages in order."""

    def __init__(self, findings: Findings, layout: Layout) -> None:
        self._findings = findings
        self._layout = layout
        self._streams: dict[str, _Stream] = {}
        self._activated: dict[int, int] = {}  # each with its line
        self._versions: set[int | None] = set()
        self._version: int | None = None
        self._settled = False

    @property
    def columns(self) -> list[str]:
        """The properties of the contacts' SCHEMA, or of their first record."""
        stream = self._streams.get(self._layout.stream or "", _Stream())
        return list(stream.properties or stream.shape or ())

    def schema(self, line: int, message: Schema) -> None:
        """Take a SCHEMA."""
        earlier = self._streams.get(message.stream, _Stream())
        if earlier.schema == message:
            return
        if earlier.schema is not None:
            self._findings.add(Kind.SCHEMA_CHANGED, line=line)
        self._streams[message.stream] = stream = _Stream(line, message)
        if stream.is_broken:
            self._findings.add(Kind.BAD_SCHEMA, line=line)
        if self._settled:
            self._look_at(message.stream)

    def settle(self) -> None:
        """Decide which stream holds the contacts, once their SCHEMA must have come."""
        self._settled = True
        layout = self._layout
        if layout.stream is None:
            renamed = [
                name
                for name, each in self._streams.items()
                if each.schema is not None and not each.is_broken and layout.could_be(each.schema)
            ]
            known = CONTACTS.name in self._streams or not renamed
            layout.stream = CONTACTS.name if known else renamed[0]
            layout.others = frozenset(renamed) - {layout.stream}
        for name in self._streams:
            self._look_at(name)

    def record(self, line: int, message: Record, values: Values) -> None:
        """Take a RECORD and its values."""
        stream = self._streams.get(message.stream)
        if stream is None:
            stream = self._streams[message.stream] = _Stream()
        if not stream.is_valid(values):
            self._complain(line, message.stream, values)
        if stream.shape != tuple(values):
            self._compare_shape(line, message.stream, values)
        if message.stream != self._layout.stream:
            return
        version = message.version
        if version != self._version or not self._versions:
            # One refresh may begin in a run, but nothing goes back.
            if self._versions and (version is None or version in self._versions):
                self._add(Kind.MIXED_VERSIONS, line, values)
            self._version = version
            self._versions.add(version)
        if version is not None and version in self._activated:
            self._findings.add(Kind.EARLY_ACTIVATION, line=self._activated[version])

    def activate(self, line: int, message: ActivateVersion) -> None:
        """Take an ACTIVATE_VERSION."""
        self.name_unknown(line, message.stream)
        if message.stream == self._layout.stream:
            self._activated[message.version] = line

    def name_unknown(self, line: int, stream: str) -> None:
        """Report a stream that LeadLex does not have."""
        if not self._layout.has_stream(stream):
            self._findings.add(Kind.UNKNOWN_STREAM, line=line, detail=stream)

    def end(self, delivered: Delivered) -> None:
        """Take the end of the stream."""
        for version, line in self._activated.items():
            if version in self._versions:
                if dropped := delivered.under_other_versions(version):
                    self._findings.add(Kind.ACTIVATION_DROPS, line=line, count=dropped)
            elif self._versions:
                # A refresh that has nothing left to read, or finds nothing, has no records.
                self._findings.add(Kind.STRAY_ACTIVATION, line=line)

    def _add(self, kind: Kind, line: int, values: Values, detail: str = "") -> None:
        identity = values.get(self._layout.key or KEY)
        self._findings.add(kind, line=line, identity=identity, detail=detail)

    def _look_at(self, name: str) -> None:
        """Check what the SCHEMA says of a stream, above all of the contacts."""
        stream, layout, findings = self._streams[name], self._layout, self._findings
        schema, line, properties = stream.schema, stream.line, stream.properties
        if schema is None:
            return
        self.name_unknown(line, name)
        if name != layout.stream or stream.is_broken:
            return
        layout.adapt(schema)
        key, created = layout.key, layout.created
        if key is not None and (key not in properties or schema.key_properties != [key]):
            findings.add(Kind.SCHEMA_WITHOUT_KEY, line=line)
        if created is not None and (
            created not in properties or schema.bookmark_properties != [CREATED]
        ):
            findings.add(Kind.SCHEMA_WITHOUT_REPLICATION_KEY, line=line)
        for each in layout.required:
            if not layout.mapped and each in properties and "null" in schema.types(each):
                findings.add(Kind.NULLABLE_KEY, line=line, detail=each)
        dated = properties.get(created or "")
        if isinstance(dated, dict) and dated.get("format") != "date-time":
            findings.add(Kind.UNDATED_KEY, line=line, detail=created or "")
        fields = {
            each: layout.field(each)
            for each, described in properties.items()
            if isinstance(described, dict) and each not in layout.required
        }
        stream.forbid_empty(
            [each for each, how in fields.items() if how is not None and how.is_text],
            [
                each
                for each, how in fields.items()
                if how == Field("tags") and "array" in schema.types(each)
            ],
        )

    def _complain(self, line: int, name: str, values: Values) -> None:
        stream = self._streams[name]
        if stream.schema is None:
            self.name_unknown(line, name)
            self._findings.add(Kind.RECORD_BEFORE_SCHEMA, line=line)
            return
        for kind, detail in stream.complaints(values):
            self._add(kind, line, values, detail)

    def _compare_shape(self, line: int, name: str, values: Values) -> None:
        """Compare a record's properties with the SCHEMA's, or else with the first record's."""
        stream = self._streams[name]
        if stream.shape is None:
            stream.shape = tuple(values)
        if name == self._layout.stream:
            for each in self._layout.required:
                if each not in values:
                    self._findings.add(Kind.RECORD_WITHOUT_KEY, line=line, detail=each)
        for each in sorted(set(stream.properties or stream.shape) ^ values.keys()):
            self._add(Kind.UNEVEN_RECORD, line, values, each)
