"""Serves a workspace on loopback, in a thread of this process."""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from ipaddress import ip_address
from threading import Event, Thread
from types import TracebackType
from typing import Self

from uvicorn import Config
from uvicorn.server import ServerState

from tap_leadlex.sandbox.app import make_app
from tap_leadlex.sandbox.contacts import Book
from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.histories import History, make
from tap_leadlex.sandbox.protocol import Connection
from tap_leadlex.sandbox.quota import Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import PREFIX, Call, Workspace, utc_now

KEY = "wbk_sandbox"
_KEEP_ALIVE_SECONDS = 60


class Sandbox:
    """A sandbox; it listens while its `with` block runs.

    Args:
        contacts: The number of contacts to generate.
        seed: A different seed generates different contacts.
        history: When the contacts were created.
        store: Your own contacts, instead of `contacts`, `seed`, `history`, `reading`, `nasty` and
            `nul`.
        stores: The records of other resources to serve in addition to the contacts.
        reading: The answers to the questions that the documentation leaves open.
        nasty: Include values that break careless readers.
        nul: Include NUL characters.
        key: The only API key that is accepted.
        quotas: The sizes of the quotas.
        faults: Faults by the number of the export call, counted from 1 over all resources,
            refused calls included.
        list_faults: Faults by the number of the list call, counted likewise.
        max_export_rows: An export of more rows is answered with 504; None for no limit.
        latency: The delay in seconds before each response.
        stall: The length of the silence in the fault `stall`, in seconds.
        clock: Returns the current time.
        host: A loopback address.
        port: The port; 0 selects a free one.

    Raises:
        ValueError: `host` is not a loopback address.
    """

    def __init__(  # noqa: PLR0913 - every option of a sandbox
        self,
        *,
        contacts: int = 1_000,
        seed: int = 0,
        history: History = History.EVEN,
        store: Store | None = None,
        stores: Iterable[Store] = (),
        reading: Reading | None = None,
        nasty: bool = True,
        nul: bool = False,
        key: str = KEY,
        quotas: Quotas | None = None,
        faults: Mapping[int, Fault] | None = None,
        list_faults: Mapping[int, ListFault] | None = None,
        max_export_rows: int | None = None,
        latency: float = 0.0,
        stall: float = 30.0,
        clock: Callable[[], datetime] = utc_now,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if not ip_address(host).is_loopback:
            msg = f"the sandbox serves on loopback only, not on {host}"
            raise ValueError(msg)
        self.workspace = Workspace(
            store=store
            if store is not None
            else Store(
                make(history, contacts, seed),
                book=Book(seed, nasty=nasty, nul=nul),
                reading=reading,
                seed=seed,
            ),
            further_stores=stores,
            key=key,
            quotas=quotas or Quotas(),
            faults=faults or {},
            list_faults=list_faults or {},
            max_export_rows=max_export_rows,
            latency=latency,
            stall=stall,
            clock=clock,
        )
        self._config = Config(
            make_app(self.workspace),
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

    def __enter__(self) -> Self:
        """Start, and return when the sandbox is ready."""
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        self._socket = socket.create_server(self._address, family=family)
        # asyncio sets this only on sockets that it creates; without it, each response takes 40 ms.
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._address = self._socket.getsockname()[:2]
        self._thread.start()
        self._listening.wait()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop immediately and drop open connections."""
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    @property
    def origin(self) -> str:
        """The URL without a path; the controls are below `/sandbox`."""
        host, port = self._address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def url(self) -> str:
        """The `api_url` for a tap."""
        return self.origin + PREFIX

    @property
    def key(self) -> str:
        """The API key that the sandbox accepts."""
        return self.workspace.key

    @property
    def store(self) -> Store:
        """The contacts."""
        return self.workspace.store

    @property
    def stores(self) -> Mapping[str, Store]:
        """The records by the name of their resource."""
        return self.workspace.stores

    @property
    def calls(self) -> list[Call]:
        """All API calls so far, in order of arrival."""
        return self.workspace.calls

    @property
    def exports(self) -> list[Call]:
        """The exports of all resources so far, refused ones included."""
        return self.workspace.exports

    @property
    def list_calls(self) -> list[Call]:
        """The list calls of all resources so far, refused ones included."""
        return self.workspace.list_calls

    async def _serve(self) -> None:
        """Serve until the `with` block ends.

        `uvicorn.Server` is not used because it checks only every 100 ms whether to stop. A test
        suite starts hundreds of sandboxes.
        """
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
