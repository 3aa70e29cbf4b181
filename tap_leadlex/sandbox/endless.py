"""Responses without end, which test what a client reads at most."""

import zlib
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tap_leadlex.sandbox.delivery import gone

if TYPE_CHECKING:
    from tap_leadlex.sandbox.protocol import Connection


_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
_BODY = b"Transfer-Encoding: chunked\r\n\r\n"


class EndlessResponse(Response):
    """Sends bytes as they are, until the client closes the connection.

    Args:
        first: What comes first.
        again: What is repeated after that.
    """

    def __init__(self, first: bytes, again: bytes) -> None:
        super().__init__()
        self._first = first
        self._again = again

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the bytes."""
        connection: Connection = scope["state"]["connection"]
        await connection.write(self._first)
        while not connection.is_closing():
            await connection.write(self._again)
        await gone(receive)


def headers() -> Response:
    """Return a response whose headers never end."""
    return EndlessResponse(_HEAD, b"X-Filler: x\r\n" * 1_000)


def informational() -> Response:
    """Return one informational response after another."""
    return EndlessResponse(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000)


def line() -> Response:
    """Return a body of one line."""
    return EndlessResponse(_HEAD + _BODY, _chunk(b"x" * 64 * 1024))


def gzip() -> Response:
    """Return a body of one line in gzip: a kilobyte stands for a megabyte."""
    packer = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    first = packer.compress(b"id\n") + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(b"x" * 1024 * 1024) + packer.flush(zlib.Z_FULL_FLUSH)
    head = _HEAD + b"Content-Encoding: gzip\r\n" + _BODY
    return EndlessResponse(head + _chunk(first), _chunk(again))


def _chunk(content: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(content), content)
