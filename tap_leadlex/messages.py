"""Singer messages to stdout: fast, a window at a time, and never cut by a signal."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from decimal import Decimal
from itertools import starmap
from types import NoneType
from typing import TYPE_CHECKING, Any, Self

import msgspec
from singer_sdk.io_base import SingerWriter
from singer_sdk.mapper import SameRecordTransform, StreamMap
from singer_sdk.singerlib import SchemaMessage
from singer_sdk.singerlib.json import serialize_json

from tap_leadlex.errors import OutputError
from tap_leadlex.signals import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from singer_sdk.singerlib import Message

SPOOL_IN_MEMORY = 1024 * 1024
CHUNK = 64 * 1024
# What msgspec writes as the SDK does. Other values, from stream maps, are left to the SDK.
_PLAIN = {str, int, bool, list, dict, Decimal, NoneType}


@contextmanager
def output() -> Iterator[None]:
    """Raise `OutputError` if a `with` block cannot write to standard output."""
    try:
        yield
    except OSError as error:
        raise OutputError(error) from error


class MessageWriter(SingerWriter):
    """The SDK's writer, which also writes the RECORD messages of a window at once."""

    def write_message(self, message: Message) -> None:
        """Write one message and flush."""
        if isinstance(message, SchemaMessage) and message.bookmark_properties:
            # A stream map may have dropped the replication key.
            properties = message.schema["properties"]
            message.bookmark_properties = [
                name for name in message.bookmark_properties if name in properties
            ] or None
        with output(), uninterrupted():
            super().write_message(message)

    def write_records(self, batch: RecordBatch) -> None:
        """Write the RECORD messages of a window, some complete lines at a time."""
        for lines in batch.chunks():
            with output(), uninterrupted():
                sys.stdout.buffer.write(lines)
                sys.stdout.buffer.flush()


class RecordBatch:
    """The RECORD messages of one window, held back until its export is known to be complete.

    They are encoded at once and kept in memory first, then in a private temporary file, so that
    memory does not grow with the window. Use it in a `with` block.

    Args:
        stream_maps: The stream's maps; each makes one message of a record, or none.
        fields: The properties of a record.
        extracted: When the export was received.
        version: The version of the records, if any.
    """

    def __init__(
        self,
        stream_maps: Sequence[StreamMap],
        fields: Sequence[str],
        extracted: datetime,
        version: int | None,
    ) -> None:
        self._encoder = msgspec.json.Encoder(enc_hook=str, decimal_format="number")
        common: dict[str, Any] = {"time_extracted": extracted.isoformat()}
        if version is not None:
            common["version"] = version
        self._outputs = [
            (stream_map.transform, *self._envelope(stream_map.stream_alias, common))
            for stream_map in stream_maps
        ]
        self._fields = fields
        self._record = _record_type(fields)
        self._unmapped = len(stream_maps) == 1 and _is_identity(stream_maps[0])
        self._spool = tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY)  # noqa: SIM115
        self.records = 0

    def __enter__(self) -> Self:
        """Return the batch."""
        return self

    def __exit__(self, *_: object) -> None:
        """Discard the messages."""
        self._spool.close()

    def extend(self, records: Sequence[tuple[Any, ...]]) -> None:
        """Add some records, each as its values in the order of the fields."""
        self.records += len(records)
        if records:
            self._spool.write(self._plain(records) if self._unmapped else self._mapped(records))

    def chunks(self) -> Iterator[bytes]:
        """Yield the messages in the order of the records, some complete lines at a time."""
        self._spool.seek(0)
        while lines := self._spool.read(CHUNK):
            yield lines + self._spool.readline()

    def _plain(self, records: Sequence[tuple[Any, ...]]) -> bytes:
        """Encode records in one go. JSON has no line ends inside, so each line ends a record."""
        ((_, head, tail),) = self._outputs
        lines = self._encoder.encode_lines(starmap(self._record, records)).removesuffix(b"\n")
        return head + lines.replace(b"\n", tail + head) + tail

    def _mapped(self, records: Sequence[tuple[Any, ...]]) -> bytes:
        """Encode what the stream maps make of records."""
        messages = []
        for values in records:
            record = dict(zip(self._fields, values, strict=True))
            for transform, head, tail in self._outputs:
                mapped = transform(record)
                if mapped is not None:
                    messages += [head, self._encoded(mapped), tail]
        return b"".join(messages)

    def _envelope(self, stream: str, common: dict[str, Any]) -> tuple[bytes, bytes]:
        """Return what comes before and after the record in each message of a stream."""
        mark = b"\0"
        message = {"type": "RECORD", "stream": stream, "record": msgspec.Raw(mark), **common}
        head, _, tail = self._encoder.encode(message).partition(mark)
        return head, tail + b"\n"

    def _encoded(self, record: dict[str, Any]) -> bytes:
        if all(type(value) in _PLAIN for value in record.values()):
            return self._encoder.encode(record)
        return serialize_json(record).encode()


def _is_identity(stream_map: StreamMap) -> bool:
    """Return whether a stream map leaves records as they are."""
    return type(stream_map) is SameRecordTransform and not stream_map.flattening_enabled


def _record_type(fields: Sequence[str]) -> type[msgspec.Struct]:
    """Return a struct type for records, which msgspec encodes faster than a dict.

    Its attributes have neutral names: not every column name is a Python identifier.
    """
    names = {f"field_{number}": field for number, field in enumerate(fields)}
    return msgspec.defstruct("Record", list(names), rename=names, gc=False)
