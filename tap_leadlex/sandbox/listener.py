"""Serves an application on loopback, in a thread of this process."""

import asyncio
import socket
from ipaddress import ip_address
from threading import Event, Thread

from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.server import ServerState

from tap_leadlex.sandbox.protocol import Connection

_KEEP_ALIVE_SECONDS = 60


class Listener:
    """A thread that serves an application.

    `uvicorn.Server` is not used because it checks only every 100 ms whether to stop. A test suite
    starts hundreds of sandboxes.

    Args:
        app: The application.
        host: A loopback address.
        port: The port; 0 selects a free one.

    Raises:
        ValueError: `host` is not a loopback address.
    """

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        if not ip_address(host).is_loopback:
            msg = f"the sandbox serves on loopback only, not on {host}"
            raise ValueError(msg)
        self._config = Config(
            app,
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        self._config.load()
        self._address = (host, port)
        self._thread = Thread(target=lambda: asyncio.run(self._serve()), name="leadlex-sandbox")
        self._listening = Event()

    @property
    def origin(self) -> str:
        """The URL without a path."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Start, and return when the application can be reached."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family)
        # asyncio sets this only on sockets that it creates; without it, each response takes 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._address = self._socket.getsockname()[:2]
        self._thread.start()
        self._listening.wait()

    def stop(self) -> None:
        """Stop immediately and drop open connections."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        state = ServerState()
        server = await self._loop.create_server(
            lambda: Connection(config=self._config, server_state=state, app_state={}),
            sock=self._socket,
        )
        self._listening.set()
        await self._stop.wait()
        server.close()
        for connection in list(state.connections):
            connection.transport.abort()
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
