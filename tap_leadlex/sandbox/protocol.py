"""An HTTP/1.1 connection that the application can break."""

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol

_NO_LINGER = struct.pack("ii", 1, 0)


class Connection(H11Protocol):
    """uvicorn's connection, available to the application as `scope["state"]["connection"]`."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make the connection available to the application."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}

    def end_body_by_closing(self) -> None:
        """Send the next response without a length or chunks, as to a client of HTTP/1.0."""
        self.conn.their_http_version = b"1.0"

    def is_closing(self) -> bool:
        """Return whether the connection is closed or closing."""
        return self.transport.is_closing()

    async def write(self, data: bytes) -> None:
        """Send bytes as they are, whatever HTTP allows at this point."""
        self.transport.write(data)
        await self.flow.drain()
        await asyncio.sleep(0)  # drain does not yield if there is room

    def hang_up(self) -> None:
        """Close the connection after sending what is buffered."""
        self.transport.close()

    def reset(self) -> None:
        """Drop the connection with a TCP RST instead of a FIN."""
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()
