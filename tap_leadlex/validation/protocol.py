"""Check 1: every line is a Singer message, every record as its SCHEMA says."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import jsonschema_rs

from tap_leadlex.resources import CONTACTS, Kind
from tap_leadlex.validation import catalogue
from tap_leadlex.validation.instants import seconds
from tap_leadlex.validation.layout import CREATED, KEY, Field
from tap_leadlex.validation.messages import Flaw

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tap_leadlex.validation.findings import Findings
    from tap_leadlex.validation.layout import Layout
    from tap_leadlex.validation.messages import (
        ActivateVersion,
        Batch,
        Record,
        Schema,
        Values,
    )

_UNREADABLE = {
    Flaw.JSON: catalogue.NOT_JSON,
    Flaw.TYPE: catalogue.UNKNOWN_MESSAGE,
    Flaw.FORM: catalogue.MALFORMED_MESSAGE,
}


@dataclass
class _Described:
    """A stream as its SCHEMA describes it."""

    message: Schema

    def __post_init__(self) -> None:
        self._validator = jsonschema_rs.validator_for(self.message.schema, validate_formats=True)
        self.is_valid = self._validator.is_valid

    @cached_property
    def properties(self) -> Values:
        """Return the properties of the SCHEMA."""
        found = self.message.schema.get("properties")
        return found if isinstance(found, dict) else {}

    def forbid_empty(self, texts: Sequence[str], arrays: Sequence[str]) -> None:
        """Have `is_valid` refuse empty texts, and null for arrays, too: it costs no time there."""
        stricter = {name: {**self.properties[name], "minLength": 1} for name in texts}
        stricter |= {name: {**self.properties[name], "type": ["array"]} for name in arrays}
        schema = {**self.message.schema, "properties": {**self.properties, **stricter}}
        self.is_valid = jsonschema_rs.validator_for(schema, validate_formats=True).is_valid

    def complaints(self, values: Values) -> Iterator[str]:
        """Yield each property with the rule of the schema that it breaks, without its value."""
        try:
            errors = self._validator.iter_errors(values)
        except ValueError:
            yield "nested too deeply"
            return
        for error in errors:
            rule = next((str(step) for step in reversed(error.schema_path)), "")
            path = error.instance_path
            yield f"{path[0]}: {rule}" if path else rule


class Protocol:
    """Takes messages in order.

    Attributes:
        activated: The versions that were activated, each with its line.
        versions: The versions that records of the contacts had.
    """

    def __init__(self, findings: Findings, layout: Layout) -> None:
        self.activated: dict[int, int] = {}
        self.versions: set[int | None] = set()
        self._findings = findings
        self._layout = layout
        self._described: dict[str, _Described | None] = {}
        self._lines: dict[str, int] = {}  # of each SCHEMA
        self._shapes: dict[str, tuple[str, ...]] = {}
        self._texts: tuple[str, ...] = ()
        self._arrays: tuple[str, ...] = ()
        self._version: int | None = None
        self._anything = self._settled = False

    @property
    def columns(self) -> list[str]:
        """The properties of the contacts' SCHEMA, or of their first record."""
        stream = self._layout.stream or ""
        described = self._described.get(stream)
        return list(described.properties if described else self._shapes.get(stream, ()))

    def unreadable(self, line: int, flaw: Flaw, name: str) -> None:
        """Take a line that is not a message."""
        self._anything = True
        self._findings.add(_UNREADABLE[flaw], line=line, detail=name)

    def schema(self, line: int, message: Schema) -> None:
        """Take a SCHEMA."""
        self._anything = True
        earlier = self._described.get(message.stream)
        if earlier is not None:
            if earlier.message == message:
                return
            self._findings.add(catalogue.SCHEMA_CHANGED, line=line)
        try:
            self._described[message.stream] = _Described(message)
        except (ValueError, TypeError):
            self._described[message.stream] = None
            self._findings.add(catalogue.BAD_SCHEMA, line=line)
        self._shapes.pop(message.stream, None)
        self._lines[message.stream] = line
        if self._settled:
            self._name_unknown(line, message.stream)
            if message.stream == self._layout.stream:
                self._look_at(line, message)

    def settle(self) -> None:
        """Decide which stream holds the contacts, once their SCHEMA must have come."""
        self._settled = True
        layout = self._layout
        described = {name: each for name, each in self._described.items() if each is not None}
        if layout.stream is None:
            renamed = [name for name, each in described.items() if layout.could_be(each.message)]
            known = CONTACTS.name in self._described or not renamed
            layout.stream = CONTACTS.name if known else renamed[0]
            layout.others = frozenset(renamed) - {layout.stream}
        for name, line in self._lines.items():
            self._name_unknown(line, name)
        if layout.stream in described:
            self._look_at(self._lines[layout.stream], described[layout.stream].message)

    def record(self, line: int, message: Record, values: Values) -> None:
        """Take a RECORD and its values."""
        stream = message.stream
        described = self._described.get(stream)
        if described is None:
            self._take_undescribed(line, stream)
        elif not described.is_valid(values):
            self._explain(line, described, values)
            if stream == self._layout.stream:
                self._look_for_emptiness(line, values)
        if self._shapes.get(stream) != tuple(values):
            self._reshape(line, stream, values)
        if stream != self._layout.stream:
            return
        version = message.version
        if version != self._version or not self.versions:
            self._change_version(line, version, values)
        if version is not None and version in self.activated:
            self._findings.add(catalogue.EARLY_ACTIVATION, line=self.activated[version])

    def extract(self, line: int, extracted: str | None) -> None:
        """Take another time of extraction than the RECORD before had."""
        if extracted is not None and seconds(extracted) is None:
            self._findings.add(catalogue.BAD_TIME_EXTRACTED, line=line)

    def state(self) -> None:
        """Take a STATE; the bookmarks check what it claims."""
        self._anything = True

    def activate(self, line: int, message: ActivateVersion) -> None:
        """Take an ACTIVATE_VERSION."""
        self._anything = True
        self._name_unknown(line, message.stream)
        if message.stream == self._layout.stream:
            self.activated[message.version] = line

    def batch(self, line: int, message: Batch) -> None:
        """Take a BATCH."""
        self._anything = True
        self._name_unknown(line, message.stream)
        self._findings.add(catalogue.BATCH, line=line, detail=message.stream)

    def end(self) -> None:
        """Take the end of the stream."""
        if not self._anything:
            self._findings.add(catalogue.EMPTY_STREAM)
        for version, line in self.activated.items():
            # A refresh that has nothing left to read, or finds nothing, has no records.
            if self.versions and version not in self.versions:
                self._findings.add(catalogue.STRAY_ACTIVATION, line=line)

    def _identity(self, values: Values) -> object:
        return values.get(self._layout.key or KEY)

    def _take_undescribed(self, line: int, stream: str) -> None:
        if stream not in self._described:
            self._anything = True
            self._name_unknown(line, stream)
            self._findings.add(catalogue.RECORD_BEFORE_SCHEMA, line=line)

    def _name_unknown(self, line: int, stream: str) -> None:
        if stream != self._layout.stream and not self._layout.has_stream(stream):
            self._findings.add(catalogue.UNKNOWN_STREAM, line=line, detail=stream)

    def _look_at(self, line: int, message: Schema) -> None:
        """Check what the SCHEMA says of the contacts."""
        layout, findings = self._layout, self._findings
        layout.adapt(message)
        described = self._described.get(message.stream)
        properties = described.properties if described else {}
        if layout.key is not None and (
            layout.key not in properties or message.key_properties != [layout.key]
        ):
            findings.add(catalogue.SCHEMA_WITHOUT_KEY, line=line)
        if layout.created is not None and (
            message.bookmark_properties != [CREATED] or layout.created not in properties
        ):
            findings.add(catalogue.SCHEMA_WITHOUT_REPLICATION_KEY, line=line)
        for name in (layout.key, layout.created):
            if name is not None and not layout.mapped and "null" in _types(properties.get(name)):
                findings.add(catalogue.NULLABLE_KEY, line=line, detail=name)
        dated = properties.get(layout.created or "")
        if isinstance(dated, dict) and dated.get("format") != "date-time":
            findings.add(catalogue.UNDATED_KEY, line=line, detail=layout.created or "")
        compared = {
            name: layout.field(name) for name, each in properties.items() if isinstance(each, dict)
        }
        self._texts = tuple(
            name
            for name, each in compared.items()
            if each and each.kind is Kind.TEXT and name not in {layout.key, layout.created}
        )
        arrays = [
            name
            for name, each in compared.items()
            if each == Field("tags") and "array" in _types(properties[name])
        ]
        self._arrays = tuple(arrays)
        if described is not None:
            described.forbid_empty(self._texts, self._arrays)

    def _look_for_emptiness(self, line: int, values: Values) -> None:
        for name in self._arrays:
            if name in values and values[name] is None:
                self._findings.add(
                    catalogue.NULL_TAGS,
                    line=line,
                    identity=self._identity(values),
                    detail=name,
                )
        for name in self._texts:
            if values.get(name) == "":
                self._findings.add(
                    catalogue.EMPTY_TEXT,
                    line=line,
                    identity=self._identity(values),
                    detail=name,
                )

    def _change_version(self, line: int, version: int | None, values: Values) -> None:
        """Take another version: one refresh may begin in a run, but nothing goes back."""
        if self.versions and (version is None or version in self.versions):
            self._findings.add(catalogue.MIXED_VERSIONS, line=line, identity=self._identity(values))
        self._version = version
        self.versions.add(version)

    def _explain(self, line: int, described: _Described, values: Values) -> None:
        for complaint in described.complaints(values):
            self._findings.add(
                catalogue.INVALID_RECORD,
                line=line,
                identity=self._identity(values),
                detail=complaint,
            )

    def _reshape(self, line: int, stream: str, values: Values) -> None:
        """Compare a record's properties with the SCHEMA's, or else with the first record's."""
        shape = self._shapes.setdefault(stream, tuple(values))
        layout = self._layout
        if stream == layout.stream:
            for name in (layout.key, layout.created):
                if name is not None and name not in values:
                    self._findings.add(catalogue.RECORD_WITHOUT_KEY, line=line, detail=name)
        described = self._described.get(stream)
        expected = set(described.properties) if described and described.properties else set(shape)
        for name in sorted(expected ^ values.keys()):
            self._findings.add(
                catalogue.UNEVEN_RECORD,
                line=line,
                identity=self._identity(values),
                detail=name,
            )


def _types(described: object) -> set[str]:
    types = described.get("type") if isinstance(described, dict) else None
    return {types} if isinstance(types, str) else set(types or ())
