"""Sends the body of an export: chunked, compressed, or broken on request."""

import asyncio
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tap_leadlex.sandbox.faults import Fault
from tap_leadlex.sandbox.protocol import Connection
from tap_leadlex.sandbox.readings import Framing

_GZIP = 16 + zlib.MAX_WBITS
_FASTEST = 1


class CsvResponse(Response):
    """An export.

    Args:
        body: The CSV in chunks.
        filename: The file name in `Content-Disposition`.
        framing: How the end of the body is marked. Faults on the wire override it.
        compress: Whether to compress the body with gzip.
        fault: What to do to the body on the wire, if anything.
        stall: The length of each silence in the faults `stall` and `drip`, in seconds.
    """

    media_type = "text/csv"

    def __init__(
        self,
        body: Iterable[bytes],
        *,
        filename: str,
        framing: Framing,
        compress: bool,
        fault: Fault | None,
        stall: float,
    ) -> None:
        self.status_code = 200
        self.background = None
        self._body = gzipped(body) if compress else body
        self._fault = fault
        self._stall = stall
        self.init_headers({"Content-Disposition": f'attachment; filename="{filename}"'})
        del self.headers["content-length"]
        if compress:
            self.headers["Content-Encoding"] = "gzip"
            self.headers["Vary"] = "Accept-Encoding"
        if framing is Framing.LENGTH and fault is None:
            whole = b"".join(self._body)
            self._body = [whole]
            self.headers["Content-Length"] = str(len(whole))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the export."""
        connection: Connection = scope["state"]["connection"]
        if self._fault:
            await self._send_broken(b"".join(self._body), connection, receive, send)
            return
        await self._start(send)
        for chunk in self._body:
            if connection.is_closing():
                return
            await _send(send, chunk)
        await _send(send, b"", more=False)

    async def _send_broken(
        self, body: bytes, connection: Connection, receive: Receive, send: Send
    ) -> None:
        half = len(body) // 2
        if self._fault in {Fault.CUT_LENGTH, Fault.SURPLUS}:
            self.headers["Content-Length"] = str(len(body))
        if self._fault in {Fault.CLOSE, Fault.CUT_CLOSE}:
            connection.end_body_by_closing()
        await self._start(send)
        await _send(send, body[:half])
        match self._fault:
            case Fault.CUT_LENGTH | Fault.CUT_CHUNK | Fault.CUT_CLOSE:
                connection.hang_up()
                await gone(receive)
            case Fault.RESET_MIDWAY:
                connection.reset()
                await gone(receive)
            case Fault.CUT_GZIP:
                await _send(send, b"", more=False)
            case Fault.DRIP:
                await self._drip(body[half:], receive, send)
            case Fault.SURPLUS:
                await _send(send, body[half:])
                await connection.write(body[half:])
                await _send(send, b"", more=False)
            case Fault.STALL:
                await _silence(receive, self._stall)
                await _send(send, body[half:], more=False)
            case _:
                await _send(send, body[half:], more=False)

    async def _drip(self, body: bytes, receive: Receive, send: Send) -> None:
        for position in range(len(body)):
            await _silence(receive, self._stall)
            await _send(send, body[position : position + 1])
        await _send(send, b"", more=False)

    async def _start(self, send: Send) -> None:
        await send(
            {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        )


def gzipped(body: Iterable[bytes]) -> Iterator[bytes]:
    """Yield `body` as one gzip stream."""
    gzip = zlib.compressobj(_FASTEST, wbits=_GZIP)
    for chunk in body:
        if compressed := gzip.compress(chunk):
            yield compressed
    yield gzip.flush()


async def gone(receive: Receive) -> None:
    """Return once the connection is closed; uvicorn logs an error if the body ends earlier."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _silence(receive: Receive, seconds: float) -> None:
    """Wait, or return early if the client disconnects."""
    with suppress(TimeoutError):
        await asyncio.wait_for(gone(receive), seconds)


async def _send(send: Send, body: bytes, *, more: bool = True) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
