"""Singer messages to stdout, by the window, and whole whatever signal comes."""

from __future__ import annotations

import signal
import sys
import tempfile
from contextlib import contextmanager
from decimal import Decimal
from types import NoneType
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.io_base import SingerWriter
from singer_sdk.singerlib.json import serialize_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from singer_sdk.mapper import StreamMap
    from singer_sdk.singerlib import Message

SPOOL_IN_MEMORY = 4 * 1024 * 1024
CHUNK = 64 * 1024
# What both encoders write alike. What else a stream map makes is left to the SDK's.
_PLAIN = {str, int, bool, list, dict, Decimal, NoneType}


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Put SIGINT and SIGTERM off to the end of a `with` block.

    The SDK's handler writes a STATE and exits, from wherever the program happens to be: in the
    middle of a line that waits for a full pipe, or of a change to the state.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class MessageWriter(SingerWriter):
    """The SDK's writer, which also takes RECORD messages by the window."""

    def write_message(self, message: Message) -> None:
        """Write one message and flush.

        Args:
            message: The message.
        """
        with uninterrupted():
            super().write_message(message)

    def write_records(self, batch: RecordBatch) -> None:
        """Write the RECORD messages of a window, some whole lines at a time.

        Args:
            batch: The window's messages.
        """
        for lines in batch.chunks():
            with uninterrupted():
                sys.stdout.buffer.write(lines)
                sys.stdout.buffer.flush()


class RecordBatch:
    """The RECORD messages of one window, kept until the window proves whole.

    They wait encoded, in memory first and then in a private temporary file, so that memory does
    not grow with the window.
    """

    def __init__(
        self, stream_maps: Sequence[StreamMap], extracted: datetime, version: int | None
    ) -> None:
        """Begin an empty batch.

        Args:
            stream_maps: The stream's maps; each makes one message of a record, or none.
            extracted: When the export was received.
            version: The version that the records belong to, if any.
        """
        self._maps = stream_maps
        self._common: dict[str, Any] = {"time_extracted": extracted.isoformat()}
        if version is not None:
            self._common["version"] = version
        self._spool = tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY)  # noqa: SIM115
        self._encode = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode
        self.records = 0

    def __enter__(self) -> Self:
        """Open the batch for a `with` block."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Throw the messages away."""
        self._spool.close()

    def add(self, record: dict[str, Any]) -> None:
        """Take one record in.

        Args:
            record: The record as the stream's schema has it; it belongs to the batch from here on.
        """
        self.records += 1
        for stream_map in self._maps:
            mapped = stream_map.transform(record)
            if mapped is not None:
                message = {
                    "type": "RECORD",
                    "stream": stream_map.stream_alias,
                    "record": mapped,
                    **self._common,
                }
                self._spool.write(self._encoded(message, mapped) + b"\n")

    def chunks(self) -> Iterator[bytes]:
        """Give the messages in the order in which they came in, some whole lines at a time."""
        self._spool.seek(0)
        while lines := self._spool.read(CHUNK):
            yield lines + self._spool.readline()

    def _encoded(self, message: dict[str, Any], record: dict[str, Any]) -> bytes:
        if all(type(value) in _PLAIN for value in record.values()):
            return self._encode(message)
        return serialize_json(message).encode()
