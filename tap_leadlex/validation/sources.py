"""Where lines come from: a pipe, passed on or not, or a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CHUNK = 1 << 18


class DownstreamEndedError(Exception):
    """The program after this one ended before the stream did."""


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """Read a file descriptor to its end, as the bytes come in.

    Args:
        descriptor: Where to read.
    """
    while chunk := os.read(descriptor, _CHUNK):
        yield chunk


def passed_on(chunks: Iterable[bytes], descriptor: int) -> Iterator[bytes]:
    """Write every byte out before anybody here looks at it.

    Args:
        chunks: The bytes.
        descriptor: Where to write.

    Yields:
        The same bytes.

    Raises:
        DownstreamEndedError: If nobody reads them any more.
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
    """Cut bytes into lines.

    Args:
        chunks: The bytes, cut anywhere.

    Yields:
        Lines without their ends, as many at a time as a chunk completes. The last needs no end.
    """
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
