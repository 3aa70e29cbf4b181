"""A watch over one request: whether anything of it was sent, and that it ends in time."""

from __future__ import annotations

import socket
import struct
from contextlib import suppress
from datetime import timedelta
from threading import Timer
from typing import TYPE_CHECKING, Any, Self

from tap_leadlex.errors import OversizedError
from tap_leadlex.signals import uninterrupted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_leadlex.clock import Clock

LONGEST = timedelta(hours=1)
"""How long one request may take in all, however steadily its response arrives."""

_NO_LINGER = struct.pack("ii", 1, 0)

LATE = "The response of LeadLex took longer than an hour."


class Watch:
    """Watches one request, which reports its progress to `trace`, inside a `with` block.

    What arrives is checked by the clock. A timer closes the connection as well: the HTTP library
    keeps reading while a header, or one informational response after another, comes bit by bit.

    Attributes:
        sent: Whether the request went out; otherwise nobody was reached.
        connecting_to: The host that has not accepted the connection yet: LeadLex's, or a proxy.
    """

    def __init__(self, clock: Clock) -> None:
        self.sent = False
        self.connecting_to: str | None = None
        self._clock = clock
        self._begin = clock.now()
        self._socket: socket.socket | None = None
        self._closed = False
        self._timer = Timer(LONGEST.total_seconds(), self._close)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Start the timer."""
        with uninterrupted():
            self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the timer, and wait for its thread."""
        self._timer.cancel()
        self._timer.join()

    def trace(self, event: str, details: Mapping[str, Any]) -> None:
        """Take note of an event of the request, as httpx's extension `trace` reports it."""
        if event.endswith(".connect_tcp.started"):
            self.connecting_to = details["host"]
        elif event.endswith((".connect_tcp.complete", ".start_tls.complete")):
            self.connecting_to = None
            self._socket = details["return_value"].get_extra_info("socket")
            if self._closed:
                self._close()
        # A proxy gets a CONNECT first.
        elif event == "http11.send_request_headers.started" and details["request"].method == b"GET":
            self.sent = True

    @property
    def late(self) -> bool:
        """Whether the request has taken too long."""
        return self._closed or self._clock.now() - self._begin >= LONGEST

    def check(self) -> None:
        """Raise `OversizedError` if the request has taken too long."""
        if self.late:
            raise OversizedError(LATE)

    def _close(self) -> None:
        self._closed = True
        if self._socket is not None:
            with suppress(OSError):
                # The server must see that nobody reads on, rather than go on sending.
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                # Not that of a TLS socket, which would pull its state from under a read.
                socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
