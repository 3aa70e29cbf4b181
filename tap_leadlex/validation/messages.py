"""Singer messages: bytes in, lines and messages out."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from tap_leadlex.validation.catalogue import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Values: TypeAlias = dict[str, Any]

_CHUNK = 1 << 18


class Schema(msgspec.Struct, tag_field="type", tag="SCHEMA"):
    """Describes a stream."""

    stream: str
    schema: Values
    key_properties: list[str] = []
    bookmark_properties: list[str] | None = None

    @property
    def properties(self) -> Values:
        """The properties, each with its schema."""
        found = self.schema.get("properties")
        return found if isinstance(found, dict) else {}

    def types(self, name: str) -> set[str]:
        """Return the JSON types that a property may have."""
        described = self.properties.get(name)
        types = described.get("type") if isinstance(described, dict) else None
        return {each for each in (types if isinstance(types, list) else [types]) if each}


class Record(msgspec.Struct, tag_field="type", tag="RECORD"):
    """One contact; `record` is its JSON text, decoded by `decode_values`."""

    stream: str
    record: msgspec.Raw
    version: int | None = None
    time_extracted: str | None = None


class State(msgspec.Struct, tag_field="type", tag="STATE"):
    """Where the next run may start."""

    value: Values


class ActivateVersion(msgspec.Struct, tag_field="type", tag="ACTIVATE_VERSION"):
    """Tells the target to drop the rows of all other versions."""

    stream: str
    version: int


class Batch(msgspec.Struct, tag_field="type", tag="BATCH"):
    """Names files instead of records; this tap never sends it."""

    stream: str


Message: TypeAlias = Schema | Record | State | ActivateVersion | Batch


class DownstreamEndedError(Exception):
    """The next program of the pipe ended before the stream did."""


_TYPES = {"SCHEMA", "RECORD", "STATE", "ACTIVATE_VERSION", "BATCH"}
decode_message: Callable[[bytes], Message] = msgspec.json.Decoder(Message).decode
"""Decodes one line."""
decode_values: Callable[[msgspec.Raw], Values] = msgspec.json.Decoder(Values).decode
"""Decodes the values of a record."""
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the two raise. They are called for each line, so nothing is wrapped around them."""


def why_unreadable(line: bytes) -> tuple[Kind, str]:
    """Return why a line is not a message, and the type that it names, if any."""
    try:
        found = msgspec.json.decode(line)
    except UNREADABLE:
        return Kind.NOT_JSON, ""
    name = found.get("type") if isinstance(found, dict) else None
    if isinstance(name, str) and name not in _TYPES:
        return Kind.UNKNOWN_MESSAGE, name
    return Kind.MALFORMED_MESSAGE, name if isinstance(name, str) else ""


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """Read a file descriptor to its end, as the bytes arrive."""
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def passed_on(chunks: Iterable[bytes], descriptor: int) -> Iterator[bytes]:
    """Write every byte to a descriptor before anything here looks at it, and yield it.

    Raises:
        DownstreamEndedError: If the reader has ended.
    """
    for chunk in chunks:
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        except BrokenPipeError:
            raise DownstreamEndedError from None
        yield chunk
    # The next program need not wait for the checks that follow the stream.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


def lines_of(chunks: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield lines without their ends, as many at a time as a chunk completes."""
    begun: list[bytes] = []
    for chunk in chunks:
        end, *lines = chunk.split(b"\n")
        begun.append(end)
        if lines:
            last = lines.pop()
            yield [b"".join(begun), *lines]
            begun = [last]
    if line := b"".join(begun):
        yield [line]
