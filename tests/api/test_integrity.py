"""The end of a body: what is cut or damaged never passes for whole."""

from __future__ import annotations

import gzip
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_leadlex.api.integrity import check_framing, decompressed, request_id
from tap_leadlex.errors import GatewayError, RequestError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

CSV = b"id,created_at\n" + b"1,2026-04-15T09:00:00Z\n" * 5
texts = st.lists(st.binary(max_size=60), min_size=1, max_size=3)


class Pieces(httpx.SyncByteStream):
    """A body that arrives in pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


def response(*pieces: bytes, **headers: str) -> httpx.Response:
    """Return a response whose body arrives in pieces."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx.Response(200, headers=named, stream=Pieces(pieces))


def zipped(*pieces: bytes) -> httpx.Response:
    """Return a compressed response."""
    return response(*pieces, Content_Encoding="gzip", X_Request_ID="req_7")


def split(body: bytes, places: list[int]) -> list[bytes]:
    """Split a body at some places."""
    bounds = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[low:high] for low, high in pairwise(bounds)]


@given(members=texts, places=st.lists(st.integers(0, 500), max_size=6))
def test_gzip_of_one_member_or_several_is_read_however_it_arrives(
    members: list[bytes], places: list[int]
) -> None:
    body = b"".join(gzip.compress(member) for member in members)

    assert b"".join(decompressed(zipped(*split(body, places)))) == b"".join(members)


@given(
    members=texts,
    places=st.lists(st.integers(0, 500), max_size=3),
    missing=st.integers(1, 500),
)
def test_gzip_that_is_cut_anywhere_but_between_members_is_refused(
    members: list[bytes], places: list[int], missing: int
) -> None:
    """Between two members only the transport can tell."""
    compressed = [gzip.compress(member) for member in members]
    body = b"".join(compressed)
    kept = len(body) - min(missing, len(body))
    ends = {sum(map(len, compressed[:number])) for number in range(1, len(members))}

    if kept in ends:
        assert b"".join(decompressed(zipped(*split(body[:kept], places)))) in b"".join(members)
        return
    with pytest.raises(GatewayError, match=r"cut off \(request id req_7\)\.$"):
        list(decompressed(zipped(*split(body[:kept], places))))


@given(at=st.integers(0, 200), bit=st.integers(0, 7))
def test_one_wrong_bit_in_gzip_never_yields_other_bytes(at: int, bit: int) -> None:
    """The checksum covers the bytes; the rest of the header describes nothing that is read."""
    body = bytearray(gzip.compress(CSV))
    body[at % len(body)] ^= 1 << bit

    try:
        found = b"".join(decompressed(zipped(bytes(body))))
    except GatewayError:
        return
    assert found == CSV


def test_damage_is_named_with_the_request_id() -> None:
    damaged = gzip.compress(CSV)[:-8] + bytes(8)

    with pytest.raises(
        GatewayError, match=r"^The compressed response is damaged \(.*\) \(request id req_7\)\.$"
    ) as caught:
        list(decompressed(zipped(damaged)))
    assert not isinstance(caught.value.__cause__, zlib.error)


@pytest.mark.parametrize("headers", [{}, {"Content_Encoding": "identity"}])
def test_a_body_without_compression_passes_as_it_is(headers: dict[str, str]) -> None:
    assert list(decompressed(response(CSV[:9], CSV[9:], **headers))) == [CSV[:9], CSV[9:]]


@pytest.mark.parametrize("name", ["gzip", "x-gzip", " GZIP "])
def test_the_names_of_gzip(name: str) -> None:
    body = response(gzip.compress(CSV), Content_Encoding=name)

    assert b"".join(decompressed(body)) == CSV


@pytest.mark.parametrize("name", ["br", "deflate", "gzip, gzip"])
def test_a_coding_that_was_not_requested_is_refused(name: str) -> None:
    with pytest.raises(RequestError, match=rf"'{name}'.*\(request id req_7\)"):
        list(decompressed(response(CSV, Content_Encoding=name, X_Request_ID="req_7")))


@pytest.mark.parametrize("name", ["Content_Length", "Transfer_Encoding"])
def test_a_length_or_chunks_mark_the_end(name: str) -> None:
    check_framing(response(CSV, **{name: "1"}))


def test_a_body_whose_end_nothing_marks_is_refused() -> None:
    with pytest.raises(TransportError, match=r"complete \(request id req_7\)\."):
        check_framing(response(CSV, X_Request_ID="req_7"))


def test_the_request_id_is_in_parentheses_or_absent() -> None:
    assert request_id(response(CSV, X_Request_ID="req_7")) == " (request id req_7)"
    assert request_id(response(CSV)) == ""


@given(
    sizes=st.lists(st.integers(0, 800_000), min_size=1, max_size=4),
    cuts=st.lists(st.integers(0, 500)),
)
def test_gzip_is_decompressed_in_small_pieces(sizes: list[int], cuts: list[int]) -> None:
    body = b"".join(gzip.compress(b"a" * size) for size in sizes)

    pieces = list(decompressed(zipped(*split(body, cuts))))

    assert sum(map(len, pieces)) == sum(sizes)
    assert max(map(len, pieces)) <= 256 * 1024
