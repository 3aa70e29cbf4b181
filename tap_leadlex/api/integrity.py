"""Whether a body is whole: what the transport and the compression say of its end."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from tap_leadlex.errors import GatewayError, RequestError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


def check_framing(response: httpx.Response) -> None:
    """Make sure that the transport marks the end of the body.

    httpx raises when a body with a length or in chunks ends early. A body that just ends with its
    connection looks whole wherever it was cut.
    """
    framed = "Content-Length" in response.headers or "Transfer-Encoding" in response.headers
    if not framed:
        msg = (
            f"The answer has neither length nor chunks, so nothing tells whether it is whole"
            f"{named(response)}. If this stays so, a proxy strips them: go round it."
        )
        raise TransportError(msg)


def decompressed(response: httpx.Response) -> Iterator[bytes]:
    """Give the body's bytes, checking that a gzip stream reaches its end mark."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        yield from response.iter_raw()
        return
    if coding not in {"gzip", "x-gzip"}:
        msg = (
            f"LeadLex answered in the coding '{coding}', which was not asked for{named(response)}."
        )
        raise RequestError(msg)
    try:
        yield from _gunzipped(response.iter_raw())
    except zlib.error as error:
        msg = f"The compressed answer is damaged ({error}){named(response)}."
        raise GatewayError(msg) from None
    except EOFError:
        msg = f"The compressed answer was cut off{named(response)}."
        raise GatewayError(msg) from None


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip, one member or several.

    Raises:
        EOFError: If the stream ends before the end mark of a member.
    """
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in chunks:
        rest = chunk
        while rest:
            if member.eof:
                member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield member.decompress(rest)
            rest = member.unused_data
    if not member.eof:
        raise EOFError


def named(response: httpx.Response) -> str:
    """Name the request for LeadLex's support."""
    request_id = response.headers.get("X-Request-ID")
    return f" (request id {request_id})" if request_id else ""
