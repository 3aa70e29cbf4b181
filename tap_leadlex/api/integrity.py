"""The integrity of a body: what the transport and the compression say about its end."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from tap_leadlex.errors import GatewayError, RequestError, TransportError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx


_PIECE = 256 * 1024


def check_framing(response: httpx.Response) -> None:
    """Check that the transport marks the end of the body.

    httpx raises if a body with a length or in chunks ends early. A body that simply ends with its
    connection looks complete wherever it was cut.

    Raises:
        TransportError: If the response has neither a length nor chunks.
    """
    if "Content-Length" not in response.headers and "Transfer-Encoding" not in response.headers:
        msg = (
            "The response has neither Content-Length nor chunks, so the tap cannot tell whether "
            f"it is complete{request_id(response)}. If this persists, a proxy is removing them; "
            "bypass it."
        )
        raise TransportError(msg)


def decompressed(response: httpx.Response) -> Iterator[bytes]:
    """Yield the bytes of the body, checking that a gzip stream reaches its end marker.

    Raises:
        RequestError: If the body has a coding that was not requested.
        GatewayError: If the compressed body is damaged or cut.
    """
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding == "identity":
        yield from response.iter_raw()
        return
    if coding not in {"gzip", "x-gzip"}:
        msg = (
            f"LeadLex answered with Content-Encoding '{coding}', which the tap did not request"
            f"{request_id(response)}. A proxy may be recompressing responses; bypass it."
        )
        raise RequestError(msg)
    try:
        yield from _gunzipped(response.iter_raw())
    except zlib.error:
        msg = f"The compressed response is damaged (invalid gzip data){request_id(response)}."
        raise GatewayError(msg) from None
    except EOFError:
        msg = f"The compressed response was cut off{request_id(response)}."
        raise GatewayError(msg) from None


def request_id(response: httpx.Response) -> str:
    """Return the request id in parentheses, for LeadLex's support; nothing if there is none."""
    value = response.headers.get("X-Request-ID")
    return f" (request id {value})" if value else ""


def _gunzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Decompress gzip, one member or several, in pieces of bounded size.

    Raises:
        EOFError: If an end marker is missing.
    """
    member = zlib.decompressobj(zlib.MAX_WBITS | 16)
    for chunk in chunks:
        rest, piece = chunk, b""
        # A full piece may leave more inside, with no input left.
        while rest or (len(piece) == _PIECE and not member.eof):
            if member.eof:
                member = zlib.decompressobj(zlib.MAX_WBITS | 16)
            yield (piece := member.decompress(rest, _PIECE))
            rest = member.unused_data or member.unconsumed_tail
    if not member.eof:
        raise EOFError
