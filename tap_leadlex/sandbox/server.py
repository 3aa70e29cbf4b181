"""A sandbox as a context manager."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from tap_leadlex.sandbox.app import make_app
from tap_leadlex.sandbox.changes import Change, Changes
from tap_leadlex.sandbox.contacts import Book
from tap_leadlex.sandbox.defects import NO_DEFECTS, Defects
from tap_leadlex.sandbox.echoes import Echo
from tap_leadlex.sandbox.faults import Fault, ListFault
from tap_leadlex.sandbox.histories import History, make
from tap_leadlex.sandbox.instants import from_datetime
from tap_leadlex.sandbox.listener import Listener
from tap_leadlex.sandbox.quota import Quotas
from tap_leadlex.sandbox.readings import Reading
from tap_leadlex.sandbox.store import Store
from tap_leadlex.sandbox.workspace import PREFIX, Call, Workspace, utc_now

KEY = "wbk_sandbox"


class Sandbox:
    """A sandbox; it listens while its `with` block runs.

    Args:
        contacts: The number of contacts to generate.
        seed: A different seed generates different contacts.
        history: When the contacts were created.
        store: Your own contacts, instead of `contacts`, `seed`, `history`, `reading`, `defects`,
            `nasty` and `nul`.
        stores: The records of other resources to serve in addition to the contacts.
        reading: The answers to the questions that the documentation leaves open.
        defects: How the contacts contradict the documentation or themselves.
        nasty: Include values that break careless readers.
        nul: Include NUL characters.
        change_rates: How many changes of each kind the contacts undergo in an hour.
        changes_since: When these changes start; None for the time of this call.
        key: The only API key that is accepted.
        quotas: The sizes of the quotas.
        faults: Faults by the number of the export call, counted from 1 over all resources,
            refused calls included.
        list_faults: Faults by the number of the list call, counted likewise.
        echoes: Echoes by the number of the export call.
        list_echoes: Echoes by the number of the list call.
        export_cap: Every export is cut off after this number of rows; None for no limit.
        max_export_rows: An export of more rows is answered with 504; None for no limit.
        latency: The delay in seconds before each response.
        stall: The length of each silence in the faults `stall` and `drip`, in seconds.
        clock: Returns the current time.
        host: A loopback address.
        port: The port; 0 selects a free one.

    Raises:
        ValueError: `host` is not a loopback address, or a rate is not a positive number.
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
        defects: Defects = NO_DEFECTS,
        nasty: bool = True,
        nul: bool = False,
        change_rates: Mapping[Change, float] | None = None,
        changes_since: datetime | None = None,
        key: str = KEY,
        quotas: Quotas | None = None,
        faults: Mapping[int, Fault] | None = None,
        list_faults: Mapping[int, ListFault] | None = None,
        echoes: Mapping[int, Echo] | None = None,
        list_echoes: Mapping[int, Echo] | None = None,
        export_cap: int | None = None,
        max_export_rows: int | None = None,
        latency: float = 0.0,
        stall: float = 30.0,
        clock: Callable[[], datetime] = utc_now,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        if store is None:
            store = Store(
                make(history, contacts, seed),
                book=Book(seed, nasty=nasty, nul=nul),
                reading=reading,
                defects=defects,
                seed=seed,
            )
        since = from_datetime(changes_since or clock())
        self.workspace = Workspace(
            store=store,
            changes=Changes(store, change_rates or {}, since=since, seed=seed),
            further_stores=stores,
            key=key,
            quotas=quotas or Quotas(),
            faults=faults or {},
            list_faults=list_faults or {},
            echoes=echoes or {},
            list_echoes=list_echoes or {},
            export_cap=export_cap,
            max_export_rows=max_export_rows,
            latency=latency,
            stall=stall,
            clock=clock,
        )
        self._listener = Listener(make_app(self.workspace), host, port)

    def __enter__(self) -> Self:
        """Start, and return when the sandbox is ready."""
        self.workspace.catch_up()
        self._listener.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop immediately and drop open connections."""
        self._listener.stop()

    @property
    def origin(self) -> str:
        """The URL without a path; the controls are below `/sandbox`."""
        return self._listener.origin

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
        """The contacts, with the changes that are due."""
        self.workspace.catch_up()
        return self.workspace.store

    @property
    def changes(self) -> Changes:
        """What changes the contacts."""
        return self.workspace.changes

    @property
    def stores(self) -> Mapping[str, Store]:
        """The records by the name of their resource."""
        return self.workspace.stores

    @property
    def before_call(self) -> dict[int, Callable[[], object]]:
        """Functions to call before the n-th API call is answered, n counted from 1."""
        return self.workspace.before_call

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
