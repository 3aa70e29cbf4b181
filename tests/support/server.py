"""A server that sends exactly the bytes that a test chose."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Self


class RawServer:
    """A server on loopback that sends the same bytes on every connection.

    Attributes:
        requests: The heads of the requests so far.
    """

    def __init__(
        self,
        answer: bytes | Callable[[socket.socket], None],
        context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen.

        Args:
            answer: The response to every request, or a function that sends it.
            context: The server's side of TLS, if any.
        """
        self.requests: list[str] = []
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = Thread(target=self._serve)

    @property
    def port(self) -> int:
        """The port."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """The `api_url` for a tap."""
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self.port}/v1"

    def __enter__(self) -> Self:
        """Serve."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with suppress(OSError):
                if self._context:
                    connection = self._context.wrap_socket(connection, server_side=True)
                with connection:
                    self._answer_one(connection)

    def _answer_one(self, connection: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head and (piece := connection.recv(65536)):
            head += piece
        self.requests.append(head.decode("latin-1"))
        if callable(self._answer):
            self._answer(connection)
        else:
            connection.sendall(self._answer)
