"""Bytes in, lines out, and the same bytes on."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.validation.messages import DownstreamEndedError, chunks_of, lines_of, passed_on

if TYPE_CHECKING:
    from collections.abc import Sequence


@given(st.lists(st.binary(max_size=20).map(lambda part: part.replace(b"\r", b"\n"))))
def test_lines_are_cut_as_the_whole_would_be(chunks: Sequence[bytes]) -> None:
    whole = b"".join(chunks)
    lines = [line for block in lines_of(chunks) for line in block]
    assert lines == whole.split(b"\n")[: -1 if whole.endswith(b"\n") or not whole else None]


@given(st.lists(st.binary(max_size=100_000), max_size=20))
def test_every_byte_is_passed_on(chunks: Sequence[bytes]) -> None:
    source, sink = os.pipe()
    received = bytearray()

    def receive() -> None:
        for chunk in chunks_of(source):
            received.extend(chunk)

    reader = Thread(target=receive)
    reader.start()
    assert list(passed_on(chunks, sink)) == chunks
    # The reader sees the end although the descriptor is still ours.
    reader.join()
    os.close(sink)
    os.close(source)
    assert bytes(received) == b"".join(chunks)


def test_a_reader_that_ended_ends_the_passing_on() -> None:
    source, sink = os.pipe()
    os.close(source)
    with pytest.raises(DownstreamEndedError):
        list(passed_on([b"line\n"], sink))
    os.close(sink)
