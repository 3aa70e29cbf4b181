"""Singer messages to stdout, fast."""

from __future__ import annotations

import shutil
import sys
import tempfile
from typing import TYPE_CHECKING, Any

import msgspec
from singer_sdk.io_base import SingerWriter

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from singer_sdk.mapper import StreamMap

SPOOL_IN_MEMORY = 4 * 1024 * 1024


class MessageWriter(SingerWriter):
    """The SDK's writer, which also takes RECORD messages by the window."""

    def write_records(self, batch: RecordBatch) -> None:
        """Write the RECORD messages of a whole window and flush.

        Args:
            batch: The window's messages.
        """
        # The SDK writes text to the same stream: its buffer goes first.
        sys.stdout.flush()
        batch.copy_to(sys.stdout.buffer)
        sys.stdout.flush()


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
        # Like the SDK's encoder: what JSON does not know goes out as text.
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
                self._spool.write(self._encode(message) + b"\n")

    def copy_to(self, out: Any) -> None:  # noqa: ANN401 - any binary stream
        """Write the messages out, in the order in which they came in."""
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, out)
